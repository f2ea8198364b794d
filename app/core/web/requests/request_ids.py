"""An id for each request, with which an operator finds its lines in the log.

It is made where a request comes in, answered as the header ``X-Request-Id``, shown on the pages of
errors, and is in each line that is logged meanwhile and by the jobs that it causes. What a client
sends under that name is ignored: it could name a line of somebody else. Callers who want to find
their calls again send ``traceparent``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from app.core.traces import new_request

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HEADER: Final = "X-Request-Id"


def with_request_id(application: WSGIApplication, door_of: Callable[[str], str]) -> WSGIApplication:
    """``application``, each of whose requests gets an id, in the trace of its caller. ``door_of``
    names the door of a path."""

    def identified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        door = door_of(environ.get("PATH_INFO", ""))
        with new_request(door, environ.get("HTTP_TRACEPARENT", "")) as made:

            def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                return start_response(status, [*headers, (HEADER, made.request_id)], *more)

            return application(environ, start)

    return identified
