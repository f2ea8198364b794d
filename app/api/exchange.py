"""Tickets exchanged with partners' systems: their pairs, what failed and what is done about it, and
the connections. What another portal compares its own with are the heads of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import (
    Moment,
    a_list,
    a_number,
    a_text,
    an_object,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_text,
)
from app.core.rules.access import require_operator, require_scope
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.exchange.adapters.kinds import KINDS
from app.exchange.models.connections import Connection
from app.exchange.services import decisions
from app.exchange.services.comparisons import ask_comparison, newest_comparison
from app.exchange.services.connections.connections import all_connections, pause, resume
from app.exchange.services.heads import heads_of
from app.exchange.services.overview import Traffic, connection_of_number, traffic, troubles
from app.tickets.services.lifecycle import find_ticket

_LOOK: Final = (Scope.ADMIN, Scope.TICKETS)
_OPERATE: Final = (Scope.TICKETS,)
_ADMIN: Final = (Scope.ADMIN,)
_SEE: Final = _("see the exchange with partners")
_KINDS: Final = " or ".join((", ".join([*KINDS][:-1]), f"{[*KINDS][-1]}."))


class PairHead(Schema):
    """One side of a pair: the texts that began there."""

    entries = a_number("Texts so far.")
    head = a_text(
        "Hash of the newest text; it includes all previous ones. Equal heads mean equal texts."
    )
    digests = a_list(str, "SHA-256 of each text, oldest first.")


class PairDifference(Schema):
    """A mapped field whose values differ."""

    field = a_text("Name of the field.")
    ours = a_text("Our value.")
    theirs = a_text("The partner's value as last read, in the partner's terms.")


class PartDifference(Schema):
    """A text or a file that is not the same on both sides."""

    part = a_text("text or file.")
    origin = a_text("Where it was written: ours or theirs.")
    sequence = a_number("Position among these, from 1.")
    why = a_text(
        "missing or changed in the partner's system, or not listed: that system does not say."
    )


class TicketPairRow(Schema):
    """A ticket's counterpart with one partner."""

    partner = a_text("The partner's code.")
    kind = a_text(_KINDS)
    state = a_text("being created, paired, stopped or ended.")
    their_id = a_text("The counterpart's id in the partner's system, or empty.")
    their_number = a_text("The number that people see in the partner's system.")
    standing = a_text(
        "State of the exchange, as far as known: in step, different, not compared, queued, held "
        "(queued while the connection is paused or stopped), asked (two values to choose from), "
        "failed or ended."
    )
    standing_why = a_text("Why it is unknown whether the tickets are in step, or empty.")
    differs = a_list(PairDifference, "Values that differ.")
    parts = a_list(PartDifference, "Texts and files that differ, as last read: up to 100.")
    not_set = a_list(
        str, "Fields that the partner did not set when they were sent, if its tickets are not read."
    )
    opener = an_object(PairHead, "The side on which the ticket was opened.")
    answerer = an_object(PairHead, "The partner's ticket.")


class TicketPairs(Schema):
    """Every counterpart of a ticket."""

    items = a_list(TicketPairRow)


class ComparisonRow(Schema):
    """The newest comparison of a connection's tickets with the partner's. Nothing differs only
    where it ended, at least one was compared and all are in step, no other ticket was found, and
    none is unread."""

    began = Moment("Start time.", attribute="began_at")
    ended = Moment("When it finished; null = not finished.", attribute="ended_at", allow_none=True)
    failure = a_text("Why it did not finish, or empty.")
    unread = a_text("Why a partner's ticket without a pair could not be read, or empty.")
    compared = a_number("Tickets with a pair.")
    in_step = a_number("Tickets in step.")
    different = a_number("Tickets that differ.")
    not_known = a_number("Tickets of which neither is known.", attribute="unknown")
    others = a_number("The partner's tickets with our reference and without a pair.")


class ConnectionRow(Schema):
    """A partner's system, and how the exchange with it does. Secrets are never answered."""

    id = a_number("The number.")
    partner = a_text("The partner's code.")
    kind = a_text(_KINDS)
    direction = a_text("push, pull or both.")
    url = a_text("The URL, or empty.")
    paused = Moment("When a person paused the connection; else null.", allow_none=True)
    stopped = Moment("When the portal stopped and needs a person; else null.", allow_none=True)
    resting = Moment("No calls before this time because calls failed; else null.", allow_none=True)
    reason = a_text("Why the last call failed, or why the connection is stopped; else empty.")
    tested = Moment("When a test last succeeded; null = never.", allow_none=True)
    sent = Moment("When something was last sent; null = never.", allow_none=True)
    read = Moment("When the partner's changes were last read; null = never.", allow_none=True)
    waiting = a_number("Pending entries.")
    oldest = Moment("When the oldest pending entry was written; else null.", allow_none=True)
    asked = a_number("Values that need a decision.")
    failed = a_number("Tickets whose exchange failed.")
    calls = a_number("Calls of the last 24 hours.")
    failed_calls = a_number("Failed calls of the last 24 hours.")
    compared = Moment("When a comparison last finished; null = never.", allow_none=True)
    comparison = an_object(ComparisonRow, "The newest comparison.", null=True)


class Connections(Schema):
    """Every connection, by partner."""

    items = a_list(ConnectionRow)


class FailuresQuery(Schema):
    """Which failed exchanges."""

    connection = sent_number(
        "Only exchanges over this connection.", 1, error="connection takes a connection's number"
    )
    after = sent_number(
        "Start after this pair: the last one of the previous page.",
        1,
        error="after takes the id of the page's last one",
    )
    limit = page_limit()


class FailedEntry(Schema):
    """The entry with which an exchange would continue."""

    id = a_number("The entry's number, to skip it.")
    kind = a_text("ticket, comment, internal comment, fields or attachment.")
    at = Moment("When it was written.")


class Failure(Schema):
    """A ticket whose exchange waits for a person."""

    id = a_number("The pair's number, to retry it.")
    connection = a_number("The connection's number.")
    ticket = a_number("Our ticket's number.")
    title = a_text("Our ticket's title.")
    partner = a_text("The partner's code.")
    state = a_text("being created, paired, stopped or ended.")
    their_id = a_text("The counterpart's id in the partner's system, or empty.")
    their_number = a_text("The number that people see in the partner's system.")
    reason = a_text("What failed, or empty.")
    asked = a_number("Values that need a decision.")
    first = an_object(FailedEntry, "Our first pending entry; null = none.", null=True)


class Failures(Schema):
    """One page of failed exchanges, the newest pair first."""

    items = a_list(Failure)
    next = page_next()


class Retried(Schema):
    """What is tried again."""

    tickets = a_number("Number of tickets.")


class Reason(Schema):
    """Why an entry is left out."""

    reason = sent_text(
        "The reason; stored with the entry and in the change log.", SHORT_TEXT_LIMIT, required=True
    )


class Choice(Schema):
    """Which of two values counts."""

    value = sent_choice(
        "ours = send our value to the partner; theirs = use the partner's value.",
        ("ours", "theirs"),
        required=True,
    )


@operation("GET", "/v1/exchange/pairs/{key}", scopes=(Scope.READ,), answer=TicketPairs)
def get_pairs(call: Call) -> Mapping[str, Any]:
    """List the partners' counterparts of a ticket."""
    number = call.number("key")
    find_ticket(session(), call.actor, number)
    return {"items": heads_of(session(), number, call.now) or ()}


@operation("GET", "/v1/exchange/connections", scopes=_LOOK, answer=Connections)
def list_connections(call: Call) -> Mapping[str, Any]:
    """List partner connections and their status."""
    require_operator(call.actor, _SEE, _shown_scope(call))
    does = traffic(session(), call.now)
    return {"items": [_connection(one, does.get(one.id)) for one in all_connections(session())]}


@operation("GET", "/v1/exchange/connections/{number}", scopes=_LOOK, answer=ConnectionRow)
def get_connection(call: Call) -> Mapping[str, Any]:
    """Get a partner connection."""
    require_operator(call.actor, _SEE, _shown_scope(call))
    return _at(call, connection_of_number(session(), call.number()))


@operation("POST", "/v1/exchange/connections/{number}/pause", scopes=_ADMIN, answer=ConnectionRow)
def pause_connection(call: Call) -> Mapping[str, Any]:
    """Pause the connection."""
    found = connection_of_number(session(), call.number())
    pause(session(), call.writer, found)
    return _at(call, found)


@operation("POST", "/v1/exchange/connections/{number}/resume", scopes=_ADMIN, answer=ConnectionRow)
def resume_connection(call: Call) -> Mapping[str, Any]:
    """Resume the connection."""
    found = connection_of_number(session(), call.number())
    resume(session(), call.writer, found)
    return _at(call, found)


@operation(
    "POST", "/v1/exchange/connections/{number}/compare", scopes=_OPERATE, answer=ConnectionRow
)
def compare_connection(call: Call) -> Mapping[str, Any]:
    """Queue a comparison with the partner's tickets."""
    found = connection_of_number(session(), call.number())
    ask_comparison(session(), call.actor, found)
    return _at(call, found)


@operation("POST", "/v1/exchange/connections/{number}/retry", scopes=_OPERATE, answer=Retried)
def retry_connection(call: Call) -> Mapping[str, Any]:
    """Retry all failed exchanges of a connection."""
    found = connection_of_number(session(), call.number())
    return {"tickets": decisions.send_all_again(session(), call.writer, found)}


@operation("GET", "/v1/exchange/failures", scopes=_LOOK, query=FailuresQuery, answer=Failures)
def list_failures(call: Call) -> Mapping[str, Any]:
    """List failed exchanges."""
    require_operator(call.actor, _SEE, _shown_scope(call))
    query = call.query
    limit = query["limit"]
    found = troubles(session(), limit + 1, query.get("connection"), before=query.get("after"))
    last = str(found[limit - 1].pair.id) if len(found) > limit else None
    return {"items": [_failure(one) for one in found[:limit]], "next": next_page(last)}


@operation("POST", "/v1/exchange/failures/{pair}/retry", scopes=_OPERATE, answer=Retried)
def retry_exchange(call: Call) -> Mapping[str, Any]:
    """Retry the exchange of a ticket now."""
    decisions.send_again(session(), call.writer, call.number("pair"))
    return {"tickets": 1}


@operation("POST", "/v1/exchange/entries/{entry}/skip", scopes=_ADMIN, body=Reason, answer=Retried)
def skip_entry(call: Call) -> Mapping[str, Any]:
    """Skip the first pending change of a ticket, so that later ones are sent."""
    decisions.skip(session(), call.writer, call.number("entry"), call.body["reason"])
    return {}


@operation("POST", "/v1/exchange/entries/{entry}/replay", scopes=_ADMIN, answer=Retried)
def replay_entry(call: Call) -> Mapping[str, Any]:
    """Send our skipped change, or apply the partner's skipped change."""
    decisions.replay(session(), call.writer, call.number("entry"))
    return {}


@operation(
    "POST", "/v1/exchange/entries/{entry}/choose", scopes=_OPERATE, body=Choice, answer=Retried
)
def choose_value(call: Call) -> Mapping[str, Any]:
    """Choose between our value and the partner's value."""
    ours = call.body["value"] == "ours"
    decisions.choose(session(), call.writer, call.number("entry"), ours=ours)
    return {}


def _shown_scope(call: Call) -> Scope:
    """The scope with which the token asks: one of both will do."""
    require_scope(call.actor, *_LOOK)
    scopes = call.actor.scopes
    return Scope.TICKETS if scopes is None or Scope.TICKETS in scopes else Scope.ADMIN


def _at(call: Call, found: Connection) -> Mapping[str, Any]:
    return _connection(found, traffic(session(), call.now, found.id).get(found.id))


def _connection(found: Connection, does: Traffic | None) -> Mapping[str, Any]:
    does = does or Traffic()
    return {
        "id": found.id,
        "partner": found.partner.code,
        "kind": found.kind,
        "direction": found.direction,
        "url": found.url,
        "paused": found.paused_at,
        "stopped": found.stopped_at,
        "resting": found.resting_until,
        "reason": found.reason,
        "tested": found.tested_at,
        "sent": found.sent_at,
        "read": found.read_at,
        "waiting": does.waiting,
        "oldest": does.oldest,
        "asked": does.asked,
        "failed": does.stopped,
        "calls": does.calls,
        "failed_calls": does.failed_calls,
        "compared": found.compared_at,
        "comparison": newest_comparison(found),
    }


def _failure(found: Any) -> Mapping[str, Any]:
    pair = found.pair
    return {
        "id": pair.id,
        "connection": pair.connection_id,
        "ticket": pair.ticket_number,
        "title": found.title,
        "partner": pair.connection.partner.code,
        "state": pair.state,
        "their_id": pair.their_id or "",
        "their_number": pair.their_number,
        "reason": pair.reason,
        "asked": found.asked,
        "first": found.first,
    }
