"""An id for each request, with which an operator finds its lines in the log.

It is made where a request comes in, answered as the header ``X-Request-Id``, shown on the pages of
errors, and is in each line that is logged meanwhile. What a client sends under that name is
ignored: it could name a line of somebody else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEADER: Final = "X-Request-Id"
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request that this thread works on, "" = none."""
    return _current.get()


@contextmanager
def new_request_id() -> Iterator[str]:
    """A new id, of what is done inside."""
    made = secrets.token_hex(6)
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def with_request_id(application: WSGIApplication) -> WSGIApplication:
    """``application``, each of whose requests gets an id."""

    def identified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with new_request_id() as made:

            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                return start_response(status, [*headers, (HEADER, made)], *more)

            return application(environ, start)

    return identified
