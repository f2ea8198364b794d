"""Maintenance notices of providers: read, and handed over by a mail server or a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import request
from marshmallow import Schema

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import (
    Moment,
    a_list,
    a_number,
    a_text,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
)
from app.core.rules.access import Actor, ActorKind
from app.core.rules.errors import Forbidden
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.notices.adapters.files import read
from app.notices.models.notices import MaintenanceNotice
from app.notices.rules.notices import NoticeReading, Outcome
from app.notices.services import lists
from app.notices.services.lists import find_notice
from app.notices.services.notices import require_take, take_in

_READ: Final = (Scope.READ, Scope.TICKETS)


def _reading() -> NoticeReading:
    return read(request.get_data())


def _schema() -> Mapping[str, Any]:
    return {
        "type": "string",
        "format": "binary",
        "minLength": 1,
        "description": "The file, unchanged.",
    }


class NoticeResult(Schema):
    """What happened to one notice."""

    outcome = a_text(
        "made, updated, cancelled or completed: what happened to the ticket; same: a repeat; "
        "ignored: older than what is known; to read: a person has to read it.",
        choices=[one.value for one in Outcome if one is not Outcome.DISMISSED],
    )
    why = a_text("The result in words.")
    title = a_text("The announced work.")
    provider = a_text("The provider; empty if it could not be read.")
    notice = a_number("Number of the notice in the portal.", null=True)
    ticket = a_number("Number of the ticket.", null=True)
    unresolved = a_list(str, "Circuits unknown to the portal; a person resolves them.")


class NoticesAnswer(Schema):
    """What happened to a file: one entry for each of its notices."""

    items = a_list(NoticeResult)


class NoticesQuery(Schema):
    """Which notices."""

    state = sent_choice("Only notices with this result.", Outcome, name="state")
    after = sent_number(
        "Start after this number: the last one of the previous page.",
        1,
        error="after takes a notice's number",
    )
    limit = page_limit()


class NoticedCircuit(Schema):
    """A circuit that a notice names."""

    circuit = a_text("The provider's id of the circuit.")
    link = a_text("The link; null = unknown.", null=True)


class Notice(Schema):
    """A provider's maintenance notice. Its text, with the addresses there, is not answered."""

    number = a_number("The number.")
    state = a_text("The result.", choices=Outcome)
    why = a_text("The result in words.")
    received = Moment("When the notice arrived.")
    ticket = a_number("The ticket's number, or null.", null=True)
    provider = a_text("The sender, or empty if it could not be read.")
    maintenance = a_text("The provider's id of the maintenance, or empty.")
    sequence = a_number("The provider's count of changes.")
    status = a_text("The provider's status, or empty.")
    impact = a_text("The provider's impact, or empty.")
    title = a_text("The title, or empty.")
    start = Moment("Start of the work; else null.", allow_none=True)
    end = Moment("End of the work; else null.", allow_none=True)
    circuits = a_list(NoticedCircuit, "Circuits.")


class NoticePage(Schema):
    """One page of notices, the newest first."""

    items = a_list(Notice)
    next = page_next()


@operation("GET", "/v1/notices", scopes=_READ, query=NoticesQuery, answer=NoticePage)
def list_notices(call: Call) -> Mapping[str, Any]:
    """List providers' maintenance notices."""
    _require_ours(call.actor)
    query = call.query
    state, limit = query.get("state", ""), query["limit"]
    found = lists.list_notices(session(), state, query.get("after"), limit + 1)
    last = str(found[limit - 1].id) if len(found) > limit else None
    return {"items": [_notice(one) for one in found[:limit]], "next": next_page(last)}


@operation("GET", "/v1/notices/{number}", scopes=_READ, answer=Notice)
def get_notice(call: Call) -> Mapping[str, Any]:
    """Get a maintenance notice."""
    _require_ours(call.actor)
    return _notice(find_notice(session(), call.number()))


@operation(
    "POST",
    "/v1/notices",
    scopes=(Scope.TICKETS,),
    takes=_schema,
    reads=_reading,
    media=("message/rfc822", "text/calendar"),
    answer=NoticesAnswer,
)
def report_notices(call: Call) -> Mapping[str, Any]:
    """Submit a provider's maintenance notice (mail or MAINTNOTE calendar).

    What cannot be read is stored for a person, and is not an error.
    """
    require_take(call.actor)
    return {"items": take_in(session(), call.writer, call.body)}


def _require_ours(actor: Actor) -> None:
    if actor.kind is ActorKind.PARTNER:
        raise Forbidden(_("Partners see no notices of providers"))


def _notice(row: MaintenanceNotice) -> Mapping[str, Any]:
    names = ("state", "why", "provider", "sequence", "status", "impact", "title", "start", "end")
    return {
        **{name: getattr(row, name) for name in names},
        "number": row.id,
        "received": row.received_at,
        "ticket": row.ticket_number,
        "maintenance": row.uid,
        "circuits": [
            {"circuit": one.object_id, "link": one.link and one.link.name} for one in row.circuits
        ],
    }
