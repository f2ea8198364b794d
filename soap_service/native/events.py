"""The operation that reports network events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from app.core.rules.access import Door, Writer
from app.core.rules.errors import Invalid, TooMuch
from app.events.rules.events import EventMessage, as_text, read_event
from app.events.services.events import EventResult, EventsLeft, Reported, report_events
from app.events.services.hearing import hear_sources
from soap_service.faults import fault_of
from soap_service.native.answers import Values
from soap_service.native.kinds import BOOLEAN, INT, many, once, optional, wire_name
from soap_service.native.models import (
    AUTHOR,
    EVENT_PROBLEM,
    EVENT_PROBLEMS,
    EVENT_REPORT,
)
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.protocol import element_of

MAX_EVENTS: Final = 50
"""Events of one call: as many as fit into the elements of a request."""
_TEXTS: Final = ("source_id", "link", "site", "state", "layer", "detail")


def _report(call: NativeCall, sent: Any) -> Values:
    reports = sent.events or ()
    if len(reports) > MAX_EVENTS:
        raise TooMuch(f"These are {len(reports)} events; one call takes at most {MAX_EVENTS}")
    messages = [_message(place, event) for place, event in enumerate(reports)]
    by = Writer(call.actor, Door.NATIVE, call.now, author=sent.author or "", remote=call.remote)
    try:
        with call.transaction() as session:
            done = report_events(
                session,
                by,
                messages,
                kind="soap",
                only_good=bool(sent.onlyGood),
                keep_unresolved=bool(sent.keepUnresolved),
            )
    except EventsLeft as left:
        with call.transaction() as session:
            hear_sources(session, by, left.reported.sources)
        count = left.reported.counts[EventResult.WRONG]
        what = (
            f"{count} of {len(messages)} events cannot be taken in; the detail says what is wrong"
        )
        fault = fault_of(Invalid("events", what), public_url=call.public_url)
        fault.detail = element_of(EVENT_PROBLEMS, {"problems": _problems(left.reported)})
        raise fault from left
    return {
        "new": done.counts.get(EventResult.NEW, 0),
        "changed": done.counts.get(EventResult.CHANGED, 0),
        "same": done.counts.get(EventResult.SAME, 0),
        "leftOut": done.counts.get(EventResult.WRONG, 0),
        "unresolved": done.unresolved,
        "problems": _problems(done),
    }


def _message(place: int, event: Any) -> EventMessage:
    given: dict[str, str | None] = {"source": event.source}
    for name in _TEXTS:
        value = getattr(event, wire_name(name))
        if value is not None:
            given[name] = value
    for name in ("start", "end"):
        moment = getattr(event, name)
        if moment is not None:
            given[name] = _as_text(moment)
    if event.goesOn:
        if event.end is not None:
            raise Invalid("goes_on", "goesOn and end exclude each other; send one of them")
        given["end"] = None
    return replace(read_event(place, f"event {place}", given), reopens=bool(event.goesOn))


def _as_text(moment: datetime) -> str:
    return as_text(moment.astimezone(UTC))


def _problems(done: Reported) -> list[Values]:
    """Without the values: they are never repeated here."""
    return [
        {
            "index": outcome.message.place,
            "field": wire_name(problem.column),
            "allowed": problem.allowed,
        }
        for outcome in done.outcomes
        for problem in outcome.problems
    ]


OPERATIONS: Final = (
    Operation(
        "ReportEvents",
        "Reports network events, at most 50 in one call; use REST for more. Repeating a call "
        "changes nothing: source and sourceId identify an event. A partner reports under its own "
        "sources, which are created when they report for the first time.",
        (
            AUTHOR,
            many("events", EVENT_REPORT, "the data reported for each event"),
            optional(
                "onlyGood", BOOLEAN, "true: wrong events are left out; default: all or nothing"
            ),
            optional(
                "keepUnresolved",
                BOOLEAN,
                "true: unknown links and sites are stored as sent, to be resolved; default: a "
                "fault",
            ),
        ),
        (
            once("new", INT, "events reported for the first time"),
            once("changed", INT, "events closed or corrected"),
            once("same", INT, "events already stored as sent"),
            once("leftOut", INT, "events that are wrong and were not stored"),
            once("unresolved", INT, "events stored with an unknown name"),
            many("problems", EVENT_PROBLEM, "problems of the events that were left out"),
        ),
        _report,
        fault=EVENT_PROBLEMS,
    ),
)
