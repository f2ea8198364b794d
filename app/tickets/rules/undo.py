"""Whether a single move of a ticket may be taken back (decisions, section 2)."""

from __future__ import annotations

from collections.abc import Collection
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
