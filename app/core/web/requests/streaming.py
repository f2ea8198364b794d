"""Answers that are made while they are taken: the mark of one, and its pieces.

An application marks its request in the WSGI environment; whoever serves it then takes one piece
after another instead of the whole. Between two pieces nothing may be held that others need.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_MARK: Final = "portal.streamed"


def mark_streamed(environ: WSGIEnvironment) -> None:
    """Say that the answer to this request is to be given out piece by piece.

    Its pieces are made without a turn and without the request's own thread; an empty one says that
    there is nothing to give out yet, and lets others have the thread.
    """
    environ[_MARK] = True


def is_streamed(environ: WSGIEnvironment) -> bool:
    """Whether the application marked this request."""
    return _MARK in environ


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
