"""Figures brought up to date before they are shown, where that is little work: a reader then finds
what was written a moment ago; a worker does what is more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from time import monotonic, sleep
from typing import Final

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction_if_free
from app.matching.services.recompute import MAX_PENDING, bring_up_to_date, pending
from app.matching.services.stale_links import Freshness, freshness

SHOWN: Final = 0.3
"""Seconds that whoever shows figures works, or waits for who works already, before they are shown
as they stand."""
WHOLE: Final = 3.0
"""The same for who asks once: a file, or a program."""
HEADER: Final = "Figures-Up-To"
"""Of an answer with figures: the time up to which all changes are in them, ISO 8601 UTC; ``never``
before anything was computed."""
_LOOK: Final = 0.02


def brought_up(rows: Session, moment: datetime, timeout: float = SHOWN) -> Freshness:
    """Bring the figures up to date as of ``moment`` (UTC) where that is little work; how they stand
    then. It writes in transactions of its own, so call it in none. ``timeout``: seconds.
    """
    state = freshness(rows)
    is_much = state.pending > MAX_PENDING
    if not is_much:
        # also where nothing was written: an ongoing event begins to count by itself
        wanted = pending(rows, moment)
        if wanted.is_empty and state.computed_at is not None:
            return Freshness(state.computed_at)
        state, is_much = replace(state, stale=len(wanted.targets)), wanted.is_much
    if is_much and timeout <= SHOWN:
        return state
    began, free = monotonic(), False
    while True:
        if not is_much:  # else a worker does it
            with transaction_if_free(rows) as free:
                if free:
                    state = bring_up_to_date(rows, moment, waits=False)
            is_much = free and not state.is_fresh and pending(rows, moment).is_much
        if state.is_fresh or monotonic() - began >= timeout:
            return state
        if is_much or not free or state.pending:  # another works at it, or writes: soon it is done
            sleep(_LOOK)
            rows.rollback()
            state = freshness(rows)
            if state.is_fresh:
                state = replace(state, stale=len(pending(rows, moment).targets))
