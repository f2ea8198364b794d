"""How many calls a token may make within a minute, and the headers that say so.

The headers are those of draft-ietf-httpapi-ratelimit-headers. Each server process counts for itself
and lets the whole limit through: a client on one connection, which one process serves, gets what is
promised, and one on many connections at most as many times that as there are processes. A count
that all processes share would cost a write for each read. It must not know the database.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from math import ceil
from typing import Final

from app.core.rules.errors import PortalError

WINDOW: Final = 60
"""Seconds."""
RATE_LIMIT: Final = "rate_limit"
"""Where the application keeps its counter."""
_MAX_TOKENS: Final = 10_000


class TooManyRequests(PortalError):
    """The token made as many calls as it may; ``seconds`` until it may make some again.
    ``is_first``: it is the first within this minute that is refused."""

    number = 626

    def __init__(self, allowed: int, seconds: int, *, is_first: bool = False) -> None:
        super().__init__(
            f"This token may make {allowed} calls a minute; wait {seconds} s before sending this"
            " again"
        )
        self.seconds = seconds
        self.is_first = is_first


class RateLimit:
    """At most ``allowed`` calls of each token within each minute of this process; 0 = no limit."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._counts: dict[int, tuple[float, int]] = {}
        """When the minute of a token began, and its calls since."""
        self._lock = threading.Lock()

    def count(self, token_id: int, now: float) -> Mapping[str, str]:
        """Count one call, and say what is left; raises ``TooManyRequests``. ``now``: seconds of a
        steady clock."""
        if not self._allowed:
            return {}
        with self._lock:
            began, calls = self._counts.get(token_id, (now, 0))
            if now >= began + WINDOW:
                began, calls = now, 0
            if calls >= self._allowed:
                self._counts[token_id] = (began, self._allowed + 1)
                left = ceil(WINDOW - (now - began))
                raise TooManyRequests(self._allowed, left, is_first=calls == self._allowed)
            if len(self._counts) >= _MAX_TOKENS:
                self._counts.clear()
            self._counts[token_id] = (began, calls + 1)
        return self._said(began, calls + 1, now)

    def give_back(self, token_id: int, now: float) -> Mapping[str, str]:
        """Stop counting the newest call of a token, and return what is left."""
        if not self._allowed:
            return {}
        with self._lock:
            began, calls = self._counts.get(token_id, (now, 0))
            calls = max(calls - 1, 0)
            self._counts[token_id] = (began, calls)
        return self._said(began, calls, now)

    def _said(self, began: float, calls: int, now: float) -> Mapping[str, str]:
        left = max(ceil(WINDOW - (now - began)), 0)
        return {
            "RateLimit-Policy": f'"calls";q={self._allowed};w={WINDOW}',
            "RateLimit": f'"calls";r={self._allowed - calls};t={left}',
        }
