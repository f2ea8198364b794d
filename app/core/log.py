"""The log: one line per event on standard error, ``key=value`` or a JSON object, without secrets.

Modules log with ``logging.getLogger(__name__).info("ticket opened", extra={"ticket": 7})``. Values
are written as JSON text, so that no control character of a request can make a second line. It must
not know what is logged.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from math import isfinite
from time import monotonic
from traceback import walk_tb
from typing import Final

from app.core.rules.errors import without_content
from app.core.traces import current_trace, request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_WORDS = ("password", "secret", "token", "cookie", "authorization", "credential")
_MAX_VALUE_LENGTH = 2000
_MAX_MESSAGE_LENGTH = 500
COUNTED_SECONDS: Final = 60.0
"""For so long the same cause is counted after its first line."""
_MAX_CAUSES = 100
_MAX_REQUESTS = 100
"""Ids of requests that a line of repeats names."""


class LineFormatter(logging.Formatter):
    """A record as one line: UTC time, level, logger, event, the request's id, the cause of an
    error, then what was given as ``extra``, and where the error was raised."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {"event": record.getMessage()}
        if made := request_id():
            fields["request"] = made
        error = _error_of(record)
        if error is not None:
            fields["cause"] = _words(_chain(error)[0])
        fields |= _given(record)
        if error is not None:
            fields["exception"] = _story(error)
        head = f"{_time(record)} {record.levelname.lower()} {record.name}"
        return " ".join([head, *(f"{key}={_text(value)}" for key, value in fields.items())])


class JsonFormatter(logging.Formatter):
    """A record as a JSON object on one line, in ASCII: time (UTC), level, logger, message, the
    request and the trace that it belongs to, the component, the cause and story of an error, and
    what was given as ``extra`` under names that are not taken.

    It hides and cuts what ``LineFormatter`` does: a library's formatter, adapted to that, would be
    longer than this one.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (trace := current_trace()) is not None:
            fields |= {"request_id": trace.request_id, "trace_id": trace.trace_id}
            fields["component"] = trace.component
        error = _error_of(record)
        if error is not None:
            fields |= {"cause": _words(_chain(error)[0]), "exception": _story(error)}
        every = {**fields, **_given(record), **fields}  # in this order, and no name is taken over
        return json.dumps({key: _plain(value) for key, value in every.items()})


def _given(record: logging.LogRecord) -> dict[str, object]:
    """What was given as ``extra``, without secrets."""
    return {
        key: "(hidden)" if any(word in key.lower() for word in _SECRET_WORDS) else value
        for key, value in vars(record).items()
        if key not in _STANDARD
    }


def _time(record: logging.LogRecord) -> str:
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    return time.replace("+00:00", "Z")


def _text(value: object) -> str:
    return json.dumps(_plain(value))


def _plain(value: object) -> bool | int | float | str | None:
    """A value that JSON knows: it has no infinite numbers."""
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, float) and isfinite(value):
        return value
    try:
        return str(value)[:_MAX_VALUE_LENGTH]
    except Exception:  # noqa: BLE001  # the line is worth more than one value
        return f"({type(value).__name__} without a text)"


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what led to it, the first cause first."""
    found = [error]
    while True:
        last = found[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or before in found:
            return found[::-1]
        found.append(before)


def _words(error: BaseException) -> str:
    text = without_content(error)[:_MAX_MESSAGE_LENGTH]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _story(error: BaseException) -> str:
    """Each error of the chain with the places it came through, the innermost first: what is cut
    off at the end is the least that one needs."""
    return "; then ".join(" < ".join([_words(one), *_places(one)]) for one in _chain(error))


def _places(error: BaseException) -> list[str]:
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)][::-1]
    return [
        f"{'/'.join(code.co_filename.split('/')[-3:])}:{line} {code.co_name}"
        for place, (code, line) in enumerate(frames)
        if place == 0 or not ("site-packages" in code.co_filename or "/lib/py" in code.co_filename)
    ]


class RepeatFilter(logging.Filter):
    """Lets the first line of a cause through; those that follow within a minute are counted, and
    become one line with their number and the ids of their requests.

    A cause is that of a logged error, or what was given as ``error``; other lines pass.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._lock = threading.Lock()
        self._known: dict[str, _Repeats] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(getattr(record, "repeats", None), int):
            return True
        now = monotonic()
        with self._lock:
            ended = [*self._take_ended(now)]
            passes = self._note(record, now)
        for one in ended:
            self._log_count(one)
        return passes

    def _note(self, record: logging.LogRecord, now: float) -> bool:
        cause = _cause_of(record)
        if not cause:
            return True
        key = _DIGITS.sub("#", cause)  # numbers of processes, ports and rows
        known = self._known.get(key)
        if known is None:
            self._known[key] = _Repeats(record, cause, now)
            return True
        known.count += 1
        if len(known.requests) < _MAX_REQUESTS and (made := request_id()):
            known.requests.append(made)
        return False

    def _take_ended(self, now: float) -> Iterator[_Repeats]:
        full = len(self._known) > _MAX_CAUSES
        for key, one in list(self._known.items()):
            if full or now - one.since >= COUNTED_SECONDS:
                del self._known[key]
                yield one

    def tell_all(self) -> None:
        """Say what was counted so far; at the end of the process."""
        with self._lock:
            known, self._known = self._known, {}
        for one in known.values():
            self._log_count(one)

    def _log_count(self, one: _Repeats) -> None:
        if not one.count:
            return
        line = logging.LogRecord(one.logger, one.level, "", 0, "repeated", None, None)
        line.repeats, line.cause = one.count, one.cause
        line.requests = " ".join(one.requests)
        Context().run(self._handler.handle, line)  # it belongs to none of the requests


class _Repeats:
    """A cause, who logged it first, and what came after."""

    def __init__(self, first: logging.LogRecord, cause: str, since: float) -> None:
        self.logger, self.level = first.name, first.levelno  # no more: it holds what was sent
        self.cause = cause
        self.since = since
        self.count = 0
        self.requests: list[str] = []


_DIGITS = re.compile(r"[0-9]+")


def _cause_of(record: logging.LogRecord) -> str:
    error = _error_of(record)
    if error is None:
        return str(getattr(record, "error", "")) if record.levelno >= logging.WARNING else ""
    first = _chain(error)[0]
    return f"{_words(first)} {' '.join(_places(first)[:1])}"


def configure_logging(log_format: str = "lines") -> None:
    """Send every logger of this process through one handler; calling it again changes nothing.
    ``log_format``: lines or json."""
    root = logging.getLogger()
    if any(isinstance(one.formatter, LineFormatter | JsonFormatter) for one in root.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else LineFormatter())
    repeats = RepeatFilter(handler)
    handler.addFilter(repeats)
    atexit.register(repeats.tell_all)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    for name in ("fontTools", "fpdf"):  # they log each table of a font, and texts without a glyph
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it logs what jobs are given
