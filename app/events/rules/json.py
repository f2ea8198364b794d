"""Events in JSON: a list of objects, one object, or ``{"events": [...]}``.

The keys are the columns of event files. A missing key means not stated; ``null`` means empty (for
the end: ongoing, unless the event has ended by now). Does not use names, rows or the network.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from app.core.rules.errors import Invalid, TooMuch
from app.core.rules.file_problems import Problem
from app.core.rules.json_records import KeyTwice, object_of
from app.events.rules.events import COLUMNS, MAX_AT_ONCE, EventMessage, read_event

BODY: Final = "body"
"""The field of errors about a body as a whole."""


def read_events(body: bytes, most: int = MAX_AT_ONCE) -> Sequence[EventMessage]:
    """Read the messages of a body, each with its errors.

    Raises ``Invalid`` on ``body`` if it is not such a list, and ``TooMuch`` above ``most``.
    """
    content = read_json(body)
    if isinstance(content, dict) and isinstance(content.get("events"), list) and len(content) == 1:
        content = content["events"]
    elif isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise Invalid(BODY, 'A list of events, one event, or {"events": [...]} is needed')
    if len(content) > most:
        raise TooMuch(f"These are {len(content)} events; one call takes at most {most}. Split it")
    return [_event(place, item) for place, item in enumerate(content)]


def read_json(body: bytes) -> Any:
    """Parse a body; raises ``Invalid`` unless it is JSON in UTF-8."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(BODY, f"The body is not UTF-8, from byte {error.start} on") from None
    if not text.strip():
        raise Invalid(BODY, "The body is empty; a list of events is needed")
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=object_of)
    except KeyTwice as error:
        raise Invalid(BODY, f"The key {str(error)[:60]!r} is there twice in one object") from None
    except RecursionError:
        raise Invalid(BODY, "The body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Invalid(
            BODY, f"The body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except ValueError:
        raise Invalid(BODY, "The body is not JSON: it contains an invalid number") from None


def _no_number(_word: str) -> Any:
    raise ValueError


def _event(place: int, item: Any) -> EventMessage:
    where = f"event {place}"
    if not isinstance(item, dict):
        problem = Problem(where, "", _as_sent(item), "an object with the keys of an event")
        return EventMessage(place, where, "", "", problems=(problem,))
    problems: list[Problem] = []
    given: dict[str, str | None] = {}
    for key, value in item.items():
        if key not in COLUMNS:
            problems.append(Problem(where, key, "", f"the keys are {', '.join(COLUMNS)}"))
        elif value is None or isinstance(value, str):
            given[key] = value
        elif key == "source_id" and isinstance(value, int) and not isinstance(value, bool):
            given[key] = _as_sent(value)
        else:
            problems.append(Problem(where, key, _as_sent(value), "a text in quotes, or null"))
    read = read_event(place, where, given)
    if not problems:
        return read
    reported = {problem.column for problem in problems}
    others = (problem for problem in read.problems if problem.column not in reported)
    return EventMessage(place, where, read.source, read.source_id, problems=(*problems, *others))


def _as_sent(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)[:255]
    except ValueError:  # an integer of more digits than Python writes
        return ""
