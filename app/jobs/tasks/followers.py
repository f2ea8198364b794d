"""Followers of the change log: a function registers itself with ``@follows(name)``.

A follower's function does one step: it reads on from its own cursor
(``app.core.services.cursors``), moves the cursor in the transaction in which it writes its results,
and returns whether there is more. Therefore several workers may call it at once, one that was
killed has done nothing, and followers with much to do take turns. A follower that fails is called
again with growing pauses, and Background work shows it; the others are called as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from app.jobs.rules.followers import TITLES
from app.jobs.tasks.context import Context

FollowerStep: TypeAlias = Callable[[Context], object]
"""Returns True if there is more to do."""
FOLLOWERS: Final[dict[str, FollowerStep]] = {}
"""Steps by names from ``app.jobs.rules.followers``. ``app.worker.followers`` imports all."""


def follows(name: str) -> Callable[[FollowerStep], Callable[[Context], None]]:
    """Register a step: a worker calls it within about a second after the change log has grown,
    when the worker starts, and at intervals without a change.

    The decorated name does all steps, until nothing is left or the worker ends.
    """
    assert name in TITLES, name

    def register(step: FollowerStep) -> Callable[[Context], None]:
        assert name not in FOLLOWERS, name
        FOLLOWERS[name] = step

        def follow(context: Context) -> None:
            while not context.is_ending() and step(context):
                pass

        follow.__doc__ = step.__doc__
        return follow

    return register
