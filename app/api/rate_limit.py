"""How many calls a token may make within a minute, and the headers that say so.

The headers are those of draft-ietf-httpapi-ratelimit-headers. Each server process counts its share
for itself, as the SOAP door does. It must not know the database.
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
    """The token made as many calls as it may; ``seconds`` until it may make some again."""

    number = 626

    def __init__(self, allowed: int, seconds: int) -> None:
        super().__init__(
            f"This token may make {allowed} calls a minute, shared evenly among the portal's"
            f" processes; wait {seconds} s before sending this again"
        )
        self.seconds = seconds


class RateLimit:
    """At most ``share`` calls of each token within each minute of this process; 0 = no limit.
    ``allowed`` is the limit of all processes together."""

    def __init__(self, allowed: int, processes: int = 1) -> None:
        self._allowed = allowed
        self._share = ceil(allowed / processes)
        self._counts: dict[int, tuple[float, int]] = {}
        """When the minute of a token began, and its calls since."""
        self._lock = threading.Lock()

    def count(self, token_id: int, now: float) -> Mapping[str, str]:
        """Count one call, and say what is left; raises ``TooManyRequests``. ``now``: seconds of a
        steady clock."""
        if not self._share:
            return {}
        with self._lock:
            began, calls = self._counts.get(token_id, (now, 0))
            if now >= began + WINDOW:
                began, calls = now, 0
            left = ceil(began + WINDOW - now)
            if calls >= self._share:
                raise TooManyRequests(self._allowed, left)
            if len(self._counts) >= _MAX_TOKENS:
                self._counts.clear()
            self._counts[token_id] = (began, calls + 1)
        return {
            "RateLimit-Policy": f'"calls";q={self._share};w={WINDOW}',
            "RateLimit": f'"calls";r={self._share - calls - 1};t={left}',
        }
