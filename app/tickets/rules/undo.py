"""A single move of a ticket that is taken back: whether it may be, and whether it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from app.tickets.rules.fields import ENTRIES

UNDO_WINDOW: Final = timedelta(minutes=10)
"""Within this time the person who moved a ticket may take that back, if nothing followed."""
BROUGHT_ALONG: Final = ("state", "person_in_charge", "solution", "event_end")
"""The fields that one step on the page changes together with the state, and the state."""


def is_undoable(fields: Collection[str], at: datetime, now: datetime) -> bool:
    """Whether a ticket's newest change, of ``at``, is a move with no more than it brings along."""
    return (
        "state" in fields and set(fields) <= {*BROUGHT_ALONG, *ENTRIES} and now - at <= UNDO_WINDOW
    )


def is_undo(
    before: Mapping[str, tuple[str | None, str | None]],
    after: Mapping[str, tuple[str | None, str | None]],
    between: timedelta,
) -> bool:
    """Whether a change took back the move that is the change just before it.

    Both as old and new values by field, of one person, ``between`` apart. Undoing puts back all
    that the move brought along and writes nothing else; entries that came with the move stay.
    """
    brought = {field: (new, old) for field, (old, new) in before.items() if field not in ENTRIES}
    return "state" in after and dict(after) == brought and between <= UNDO_WINDOW
