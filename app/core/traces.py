"""What the work at hand belongs to: the request that caused it, and the trace around it.

One context holds both, from the request through its jobs, mails and messages to calls out. Between
processes it is one text, the ``traceparent`` of W3C Trace Context
(https://www.w3.org/TR/trace-context/): the id of a request is the parent id that the systems called
for it see. It must not know what is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

TRACEPARENT: Final = "traceparent"
"""The header, and the name under which a job carries it."""
TRACEPARENT_LENGTH: Final = 55
"""Characters of a ``traceparent`` of ours."""
_MAX_LENGTH: Final = 200
_SAMPLED: Final = 1
_FORM: Final = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})"
    r"-(?!0{16})(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
"""Versions after 00 may add parts, and are read as far as 00 goes."""


@dataclass(frozen=True, slots=True)
class Trace:
    """``request_id`` (16 hexadecimal digits) is always made here; ``trace_id`` (32) and ``flags``
    may be those of a caller, who may have invented them."""

    trace_id: str
    request_id: str
    flags: str
    """01 = the caller records the trace, 00 = nobody is known to."""
    component: str
    """Where the work is done: pages, rest, soap, refused; job, webhook, exchange."""

    @property
    def traceparent(self) -> str:
        """As a header of calls out, and as ``resumed`` takes it."""
        return f"00-{self.trace_id}-{self.request_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace | None:
    """What this thread's work belongs to; None = nothing that is known."""
    return _current.get()


def request_id() -> str:
    """The id of the request that caused what this thread does, "" = none."""
    found = _current.get()
    return found.request_id if found is not None else ""


def traceparent() -> str:
    """The header for calls out, "" = none."""
    found = _current.get()
    return found.traceparent if found is not None else ""


def new_request(component: str, caller: str = "") -> AbstractContextManager[Trace]:
    """A new request of what is done inside: in the trace of the ``caller``'s traceparent, or if
    that is not exactly as the standard has it, in a new one."""
    read = _read(caller)
    trace_id, flags = (read.trace_id, read.flags) if read is not None else (token_hex(16), "00")
    return _at_work(Trace(trace_id, token_hex(8), flags, component))


def resumed(stored: str, component: str) -> AbstractContextManager[Trace]:
    """What is done inside belongs to the request whose ``traceparent`` was stored; without one it
    counts as a request of its own."""
    read = _read(stored, component)
    return _at_work(read) if read is not None else new_request(component)


def request_of(stored: str) -> str:
    """The id of the request whose ``traceparent`` was stored, "" = none."""
    read = _read(stored)
    return read.request_id if read is not None else ""


@contextmanager
def _at_work(trace: Trace) -> Iterator[Trace]:
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)


def _read(text: str, component: str = "") -> Trace | None:
    """A ``traceparent``, whose parent id is read as the id of a request; None = it is not valid.
    Of its flags only the one that version 00 knows is passed on."""
    found = _FORM.fullmatch(text) if 0 < len(text) <= _MAX_LENGTH else None
    if found is None or (found["version"] == "00" and found["more"] is not None):
        return None
    flags = f"{int(found['flags'], 16) & _SAMPLED:02x}"
    return Trace(found["trace"], found["parent"], flags, component)
