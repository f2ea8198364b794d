"""Network events: reports of monitoring systems, monitoring formats, and reading them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from flask import request

from app.api.caller import session
from app.api.events.schemas import (
    EventCorrection,
    EventPage,
    EventReason,
    EventsQuery,
    OneEvent,
    ReportAnswer,
    ReportQuery,
)
from app.api.operations import Call, Operation, next_page, operation
from app.api.problems import event_errors
from app.core.rules.access import require_report
from app.core.rules.errors import Invalid, NotFound, StaleVersion
from app.core.rules.scopes import Scope
from app.core.rules.texts import checked_text, read_time
from app.events.adapters import FORMATS
from app.events.rules.events import COLUMNS, LIMITS, MAX_AT_ONCE, MAX_SOURCE_LENGTH, EventState
from app.events.rules.formats import Format
from app.events.rules.json import read_events, read_json
from app.events.services import events, hand, withdrawal
from app.events.services.events import EventResult, EventsLeft, Reported
from app.events.services.hand import require_enter, stated_of
from app.events.services.hearing import hear_sources
from app.events.services.lists import WantedEvents, event_of_id, events_wanted, history_of
from app.events.services.sources import labels_of
from app.tickets.rules.tickets import Layer

_READ: Final = (Scope.EVENTS, Scope.READ)
_WRITE: Final = (Scope.EVENTS,)


def _reported() -> Any:
    return read_events(request.get_data())


def _notified() -> Any:
    return read_json(request.get_data())


def _report_schema() -> Mapping[str, Any]:
    event = _event_schema()
    several = {"type": "array", "items": event, "maxItems": MAX_AT_ONCE}
    return {"oneOf": [several, event]}


@operation("GET", "/v1/events", scopes=_READ, query=EventsQuery, answer=EventPage)
def list_events(call: Call) -> Mapping[str, Any]:
    """List reported events."""
    query = call.query
    limit = query["limit"]
    wanted = WantedEvents(
        limit=limit + 1,
        after=query["after"],
        source=query.get("source", ""),
        source_id=query.get("source_id", ""),
        link=query.get("link", ""),
        site=query.get("site", ""),
        state=query.get("state", ""),
        begins=_moment("from", query.get("from_")),
        ends=_moment("to", query.get("to")),
        is_open={"yes": True, "no": False}.get(query.get("open", "")),
        changed_from=_moment("changed_from", query.get("changed_from")),
    )
    found = events_wanted(session(), wanted)
    last = str(found[limit - 1].row.id) if len(found) > limit else None
    return {"items": found[:limit], "next": next_page(last)}


def _moment(name: str, text: str | None) -> datetime | None:
    return None if text is None else read_time(name, text)


@operation(
    "POST",
    "/v1/events",
    scopes=_WRITE,
    query=ReportQuery,
    takes=_report_schema,
    reads=_reported,
    answer=ReportAnswer,
)
def report_events(call: Call) -> Mapping[str, Any] | EventsLeft:
    """Report up to 10,000 events.

    All or nothing, unless only the correct ones are requested.
    """
    require_report(call.actor)
    try:
        with session().begin_nested():
            done = events.report_events(
                session(),
                call.writer,
                call.body,
                source=_source(call.query.get("source", "")),
                only_good=call.query["only_good"] == "yes",
                keep_unresolved=call.query["keep_unresolved"] == "yes",
            )
    except EventsLeft as left:
        hear_sources(session(), call.writer, left.reported.sources)
        return left
    return _answer(done)


def _id(call: Call) -> int:
    key = call.key
    if not (key.isascii() and key.isdigit() and len(key) < 11):
        raise NotFound("There is no event of this id")
    return int(key)


@operation("GET", "/v1/events/{key}", scopes=_READ, answer=OneEvent)
def get_event(call: Call) -> Mapping[str, Any]:
    """Get an event by id."""
    found = event_of_id(session(), _id(call))
    return {**vars(found), "history": history_of(session(), found.row.id)}


@operation(
    "PATCH", "/v1/events/{key}", scopes=_WRITE, body=EventCorrection, answer=OneEvent, of=get_event
)
def correct_event(call: Call) -> Mapping[str, Any]:
    """Correct or close an event."""
    require_enter(call.writer)
    row = event_of_id(session(), _id(call)).row
    seen = row.version if call.version is None else call.version
    stated = replace(stated_of(session(), row), **call.body)
    try:
        hand.correct_event(session(), call.writer, row.id, seen, stated)
    except Invalid as error:
        if error.field == "version":
            raise StaleVersion(row.version) from error
        raise
    return get_event(call)


@operation(
    "POST",
    "/v1/events/{event}/withdraw",
    scopes=_WRITE,
    body=EventReason,
    answer=OneEvent,
    of=get_event,
)
def withdraw_event(call: Call) -> Mapping[str, Any]:
    """Withdraw an event that never happened."""
    withdrawal.withdraw_event(session(), call.writer, _id(call), call.body["reason"])
    return get_event(call)


@operation(
    "POST",
    "/v1/events/{event}/restore",
    scopes=_WRITE,
    body=EventReason,
    answer=OneEvent,
    of=get_event,
)
def restore_event(call: Call) -> Mapping[str, Any]:
    """Undo the withdrawal of an event."""
    withdrawal.restore_event(session(), call.writer, _id(call), call.body["reason"])
    return get_event(call)


def _source(name: str) -> str:
    checked_text("source", name, MAX_SOURCE_LENGTH, label="The source")
    if name != name.strip():
        raise Invalid("source", "The source's name has no spaces around it")
    return name


def _receivers(format_: Format) -> tuple[Operation, Operation]:
    """The two addresses of a format: for its usual source, and for one named in the address."""

    def report(call: Call) -> Mapping[str, Any] | EventsLeft:
        return _receive(call, format_, format_.name)

    def report_of(call: Call) -> Mapping[str, Any] | EventsLeft:
        return _receive(call, format_, call.key)

    report.__name__ = f"report_{format_.things}"
    report.__doc__ = f'Receive events from {format_.title} for the source "{format_.name}".'
    report_of.__name__ = f"report_{format_.things}_of"
    report_of.__doc__ = f"Receive events from {format_.title} for the source in the path."
    path = f"/v1/events/{format_.name}"
    body: dict[str, Any] = {"takes": lambda: format_.schema, "reads": _notified}
    return (
        operation("POST", path, scopes=_WRITE, answer=ReportAnswer, **body)(report),
        operation("POST", f"{path}/{{key}}", scopes=_WRITE, answer=ReportAnswer, **body)(report_of),
    )


RECEIVERS: Final = tuple(one for each in FORMATS.values() for one in _receivers(each))


def _receive(call: Call, format_: Format, name: str) -> Mapping[str, Any] | EventsLeft:
    """Store what a monitoring system sends by itself.

    Alertmanager repeats what was answered with 5xx, and drops what was answered with
    4xx: so everything that can be stored is stored, and the rest is named in the answer; 422 is
    answered where nothing can.
    """
    require_report(call.actor)
    source = _source(name)
    report = format_.read(call.body, source, labels_of(session(), source), call.now)
    done = events.report_events(
        session(),
        call.writer,
        report.messages,
        kind=format_.name,
        source=source,
        only_good=True,
        keep_unresolved=True,
    )
    if done.outcomes and done.counts.get(EventResult.WRONG) == len(done.outcomes):
        return EventsLeft(done)
    truncated = {} if report.truncated is None else {"truncated": report.truncated}
    return {**_answer(done), **truncated}


def _answer(done: Reported) -> Mapping[str, Any]:
    return {
        "received": len(done.outcomes),
        **{
            result.value: done.counts.get(result, 0)
            for result in (EventResult.NEW, EventResult.CHANGED, EventResult.SAME)
        },
        "left_out": done.counts.get(EventResult.WRONG, 0),
        "unresolved": done.unresolved,
        "errors": event_errors(done),
    }


_MEANINGS: Final[Mapping[str, str]] = {
    "source": "The reporting system; created when it reports for the first time.",
    "source_id": "The source's own id of the event. Sending the same id again closes or corrects"
    " the event.",
    "link": "The link's id. Either a link or a site is required.",
    "site": "Any name of the site.",
    "state": "What was wrong. Required in the first message of an event.",
    "start": "Start time: ISO 8601 with time zone. Required in the first message.",
    "end": "End time: ISO 8601 with time zone; null = ongoing, which does not reopen an event that "
    "ended. If omitted, it stays unchanged.",
    "layer": "Network layer; default unknown.",
    "detail": "Other details.",
}


def _event_schema() -> Mapping[str, Any]:
    properties: dict[str, dict[str, Any]] = {
        name: {"type": ["string", "null"], "description": _MEANINGS[name]} for name in COLUMNS
    }
    for name, limit in LIMITS.items():
        properties[name]["maxLength"] = limit
    for name in ("source", "source_id"):
        properties[name] |= {"type": "string", "minLength": 1}
    properties["state"] |= {"type": "string", "enum": [state.value for state in EventState]}
    properties["start"] |= {"type": "string", "format": "date-time"}
    properties["end"] |= {"format": "date-time"}
    properties["layer"]["examples"] = [layer.value for layer in Layer]
    return {
        "type": "object",
        "properties": properties,
        "required": ["source", "source_id"],
        "additionalProperties": False,
    }
