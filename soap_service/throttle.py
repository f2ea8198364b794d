"""Stops a client that loops: the same call too often within a minute, or lists that cost too much.

Each server process counts for itself. What was refused is not counted, so a loop is slowed to the
allowed rate and the account is never locked out. It must not know SOAP, the database or the clock.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Hashable
from math import ceil
from typing import Final

from app.core.rules.errors import ListsTooCostly, TooManyCalls

MINUTE: Final = 60.0
MAX_KEYS: Final = 10_000
"""Different calls that are remembered; beyond it the one that was made longest ago is forgotten."""


class SameCallThrottle:
    """At most ``limit`` equal calls within any 60 s; 0 = no limit. ``told`` is the limit that a
    refusal names: that of all processes, of which ``limit`` is this one's share."""

    def __init__(self, limit: int, stated: int = 0) -> None:
        self._limit = limit
        self._stated = stated or limit
        self._made: OrderedDict[int, array[float]] = OrderedDict()
        """When each call was let through, by the call's digest; ordered by the newest of these."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many different calls are remembered."""
        return len(self._made)

    def admit(self, call: Hashable, now: float) -> None:
        """Let a call through, or raise ``TooManyCalls``. ``now``: seconds of a steady clock.

        ``call`` is what makes two calls the same: account, operation and values.
        """
        if not self._limit:
            return
        digest = hash(call)  # 64 bits, keyed per process: nobody can look for two that collide
        with self._lock:
            self._forget(now)
            made = self._made.get(digest)
            if made is None:
                made = self._made[digest] = array("d")
            del made[: bisect_right(made, now - MINUTE)]
            if len(made) >= self._limit:
                raise TooManyCalls(self._stated, ceil(made[0] + MINUTE - now))
            made.append(now)
            self._made.move_to_end(digest)
            if len(self._made) > MAX_KEYS:
                self._made.popitem(last=False)

    def _forget(self, now: float) -> None:
        """Drop calls not made for a minute, a few at a time: each call drops more than it adds."""
        for _ in range(2):
            oldest = next(iter(self._made), None)
            if oldest is None or self._made[oldest][-1] > now - MINUTE:
                return
            del self._made[oldest]


USUAL_SECONDS: Final = 0.5
USUAL_PER_BYTE: Final = 1 / 1024 / 1000
"""A list may take half a second, and a millisecond for each KiB of its answer, which is several
times what its rows take to write: within that it costs nothing, so who pages through all tickets is
never stopped."""
BUDGET: Final = 20.0
"""Seconds beyond that which one account's lists may take within a minute: a third of one thread."""


class ListBudget:
    """What lists cost beyond the usual, by account, within any 60 s."""

    def __init__(self, budget: float = BUDGET) -> None:
        self._budget = budget
        self._spent: dict[Hashable, deque[tuple[float, float]]] = {}
        """When, and how many seconds; the accounts are those that were verified, which are few."""
        self._lock = threading.Lock()

    def admit(self, account: Hashable, now: float) -> None:
        """Let a list begin, or raise ``ListsTooCostly``. ``now``: seconds of a steady clock."""
        with self._lock:
            spent = self._spent.get(account)
            if spent is None:
                return
            while spent and spent[0][0] <= now - MINUTE:
                spent.popleft()
            left = sum(seconds for _, seconds in spent)
            if left <= self._budget:
                return
            for at, seconds in spent:
                left -= seconds
                if left <= self._budget:
                    raise ListsTooCostly(self._budget, ceil(at + MINUTE - now))

    def note(self, account: Hashable, now: float, seconds: float, size: int) -> None:
        """A list that took so long and was answered with ``size`` bytes has ended."""
        beyond = seconds - USUAL_SECONDS - size * USUAL_PER_BYTE
        if beyond > 0:
            with self._lock:
                self._spent.setdefault(account, deque()).append((now, beyond))
