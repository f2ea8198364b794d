"""Meetings, for people's programs: teleconferences, and packs of slides with their files.

Only a person who is logged in asks for one, joins or leaves: that is no token's to do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import Moment, a_list, a_number, a_text, page_next, sent_choice, sent_number
from app.core.rules.access import Actor, ActorKind
from app.core.rules.documents.slides import SLIDE_WORDS
from app.core.rules.errors import Forbidden, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.packs import PackFile
from app.meetings.rules.teleconferences import TcState
from app.meetings.services import lists, packs
from app.meetings.services.teleconferences import find_teleconference

_READ: Final = (Scope.READ, Scope.REPORTS)
_WHICH: Final = ("coming", "asked", "over", "held", "ended")
_TYPES: Final = {
    PackFile.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    PackFile.PDF: "application/pdf",
}


def _before(text: str) -> fields.Integer:
    return sent_number(text, 1, error="after takes a number")


class TeleconferencesQuery(Schema):
    """Which teleconferences; coming, asked (requested) and over are one page each."""

    which = sent_choice(
        "coming (default), asked (requested, not yet answered), over (no minutes yet), held, "
        "or ended (declined or cancelled).",
        _WHICH,
        name="which",
        load_default="coming",
    )
    after = _before("For held and ended meetings: start after this number.")


class FoundTeleconference(Schema):
    """A teleconference in a list."""

    number = a_number("The number.")
    version = a_number("Increases with each change.")
    state = a_text("The state.", choices=TcState)
    reason = a_text("Why the meeting was requested.")
    quarter = a_text("The quarter concerned, as 2013-Q1, or empty.")
    tickets = a_list(int, "Numbers of the tickets concerned.")
    times = a_list(Moment("A time."), "Proposed times.")
    start = Moment("Start time; null until scheduled.", allow_none=True)
    minutes_long = a_number("Length; 0 until scheduled.")
    place = a_text("A room or an address, or empty.")
    asked_by = a_text("Who requested the meeting.")
    asked = Moment("When the meeting was requested.")


class OneTeleconference(FoundTeleconference):
    """A teleconference."""

    people = a_list(str, "Login names of those who take part.")
    points = a_list(str, "The chair's own points of the agenda.")
    decided_by = a_text("Who last scheduled, declined or cancelled the meeting, or empty.")
    decided = Moment("When that was; else null.", allow_none=True)
    why_not = a_text("Why it was declined or cancelled, or empty.")
    minutes = a_text("Minutes, after the meeting; else empty.")


class TeleconferencePage(Schema):
    """One page of teleconferences."""

    items = a_list(FoundTeleconference)
    next = page_next()


class PacksQuery(Schema):
    """Where a page of packs begins."""

    after = _before("Start after this number.")


class Pack(Schema):
    """A pack of slides for a meeting; it never changes once it is made."""

    number = a_number("The number.")
    title = a_text("Title on the first slide.")
    first_quarter = a_text("As 2013-Q1.")
    last_quarter = a_text("As 2013-Q2; included.")
    slides = a_list(str, f"Kinds of slides, in their order: {', '.join(SLIDE_WORDS)}.")
    state = a_text("waiting, making, made or failed.")
    trouble = a_text("Why the last attempt failed, or empty.")
    author = a_text("Who ordered the pack.")
    ordered = Moment("When the pack was ordered.")
    made = Moment("Completion time; else null.", allow_none=True)
    figures = Moment("Time of the figures; else null.", allow_none=True)
    files = a_list(str, "pptx and pdf, when available.")


class PackPage(Schema):
    """One page of packs, the newest first."""

    items = a_list(Pack)
    next = page_next()


@operation(
    "GET",
    "/v1/teleconferences",
    scopes=_READ,
    query=TeleconferencesQuery,
    answer=TeleconferencePage,
)
def list_teleconferences(call: Call) -> Mapping[str, Any]:
    """List teleconferences."""
    _require_person(call.actor)
    which, last = call.query["which"], None
    found: Sequence[Teleconference]
    if which in ("held", "ended"):
        found, last = lists.ended(
            session(), was_held=which == "held", before=call.query.get("after")
        )
    elif which == "asked":
        found = lists.asked_for(session())
    else:
        reading = lists.coming if which == "coming" else lists.without_minutes
        found = reading(session(), call.now)
    return {
        "items": [_found(one) for one in found],
        "next": next_page(None if last is None else str(last)),
    }


@operation("GET", "/v1/teleconferences/{number}", scopes=_READ, answer=OneTeleconference)
def get_teleconference(call: Call) -> Mapping[str, Any]:
    """Get a teleconference."""
    _require_person(call.actor)
    row = find_teleconference(session(), call.number())
    return {
        **_found(row),
        "people": [one.user.name for one in row.people if one.is_in],
        "points": [one.text for one in row.points],
        "decided_by": row.decided_by,
        "decided": row.decided_at,
        "why_not": row.why_not,
        "minutes": row.minutes,
    }


@operation("GET", "/v1/packs", scopes=_READ, query=PacksQuery, answer=PackPage)
def list_packs(call: Call) -> Mapping[str, Any]:
    """List meeting packs."""
    found = packs.newest_packs(session(), call.actor, call.query.get("after"))
    last = str(found[-1].pack.id) if len(found) == packs.SHOWN else None
    return {"items": [_pack(one) for one in found], "next": next_page(last)}


@operation("GET", "/v1/packs/{number}", scopes=_READ, answer=Pack)
def get_pack(call: Call) -> Mapping[str, Any]:
    """Get a meeting pack."""
    return _pack(packs.find_pack(session(), call.actor, call.number()))


@operation("GET", "/v1/packs/{number}/files/{kind}", scopes=_READ, gives=tuple(_TYPES.values()))
def get_pack_file(call: Call) -> Response:
    """Download the slides of a meeting pack."""
    try:
        kind = PackFile(call.keys["kind"])
    except ValueError:
        raise NotFound from None
    number = call.number()
    content = packs.content_of(session(), call.actor, number, kind)
    answer = Response(content, content_type=_TYPES[kind])
    name = f"lhcopn-pack-{number}.{kind}"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _require_person(actor: Actor) -> None:
    if actor.kind is not ActorKind.PERSON:
        raise Forbidden(_("Only people read meetings"))


def _found(row: Teleconference) -> dict[str, Any]:
    return {
        "number": row.id,
        "version": row.version,
        "state": row.state,
        "reason": row.reason,
        "quarter": row.quarter,
        "tickets": [one.ticket_number for one in row.tickets],
        "times": [one.starts_at for one in row.times],
        "start": row.starts_at,
        "minutes_long": row.length,
        "place": row.place,
        "asked_by": row.requested_by,
        "asked": row.requested_at,
    }


def _pack(shown: packs.ShownPack) -> Mapping[str, Any]:
    pack = shown.pack
    return {
        "number": pack.id,
        "title": pack.title,
        "first_quarter": pack.first_quarter,
        "last_quarter": pack.last_quarter,
        "slides": shown.kinds,
        "state": pack.state,
        "trouble": pack.trouble,
        "author": pack.author,
        "ordered": pack.created_at,
        "made": pack.made_at,
        "figures": pack.computed_at,
        "files": sorted(shown.sizes),
    }
