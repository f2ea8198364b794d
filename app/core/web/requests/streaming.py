"""Answers that are made while they are taken: the mark of one, and its pieces.

An application marks its request in the WSGI environment; the server then takes one piece
after another instead of the whole. Between two pieces nothing may be held that others need.

An answer may also be pushed: it continues for hours, and has something to give out now and then. It
takes no thread while it waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_MARK: Final = "portal.streamed"
_PUSHES: Final = "portal.pushes"
_PUSHED: Final = "portal.pushed"


def mark_streamed(environ: WSGIEnvironment) -> None:
    """Say that the answer to this request is to be given out piece by piece.

    Its pieces are made without a turn and without the request's own thread; an empty one says that
    there is nothing to give out yet, and lets others have the thread.
    """
    environ[_MARK] = True


def is_streamed(environ: WSGIEnvironment) -> bool:
    """Whether the application marked this request."""
    return _MARK in environ


class Pushed(Protocol):
    """The body of an answer that waits most of the time. None of its calls may take long."""

    def open(self, wake: Callable[[], None]) -> None:
        """The client is there: call ``wake``, from any thread, when there may be something."""

    def take(self) -> bytes | None:
        """What there is to give out now, b"" = nothing; None at the end."""

    def close(self) -> None:
        """The client is gone, or the end was given out."""


def may_push(environ: WSGIEnvironment) -> bool:
    """Whether the server of this request can push its answer."""
    return _PUSHES in environ


def let_push(environ: WSGIEnvironment) -> None:
    """Say so."""
    environ[_PUSHES] = True


def mark_pushed(environ: WSGIEnvironment, body: Pushed) -> None:
    """Let the answer to this request have this body in place of its own."""
    environ[_PUSHED] = body


def pushed_body(environ: WSGIEnvironment) -> Pushed | None:
    """What was marked."""
    body: Pushed | None = environ.get(_PUSHED)
    return body


class Pieces:
    """The body of such an answer. Each call may come from another thread."""

    def __init__(self, result: Iterable[bytes]) -> None:
        self._result = result
        self._pieces: Iterator[bytes] = iter(result)
        self._lock = threading.Lock()

    def next(self) -> bytes | None:
        """The next piece; None at the end."""
        with self._lock:
            return next(self._pieces, None)

    def close(self) -> None:
        """Let the application give back what it holds; waits for a piece that is being made."""
        close = getattr(self._result, "close", None)
        if close is not None:
            with self._lock:
                close()
