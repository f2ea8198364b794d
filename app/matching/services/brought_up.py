"""Updates figures before they are shown, if that is little work, so that readers see the latest
changes; a worker does larger work."""

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
"""Seconds that a request updates figures, or waits for another process doing so, before they are
shown as they are."""
WHOLE: Final = 3.0
"""The same for a file or a program, which asks only once."""
HEADER: Final = "Figures-Up-To"
"""A header of answers with figures: the time up to which all changes are included, ISO 8601 UTC;
``never`` before anything was computed."""
_LOOK: Final = 0.02


def brought_up(session: Session, moment: datetime, timeout: float = SHOWN) -> Freshness:
    """Update the figures as of ``moment`` (UTC) if that is little work; return their state. Writes
    in transactions of its own, so call it outside of any. ``timeout``: seconds."""
    state = freshness(session)
    is_much = state.pending > MAX_PENDING
    if not is_much:
        # even if nothing was written: an ongoing event starts to count by itself
        wanted = pending(session, moment)
        if wanted.is_empty and state.computed_at is not None:
            return Freshness(state.computed_at)
        state, is_much = replace(state, stale=len(wanted.targets)), wanted.is_much
    if is_much and timeout <= SHOWN:
        return state
    began, free = monotonic(), False
    while True:
        if not is_much:  # otherwise a worker does it
            with transaction_if_free(session) as free:
                if free:
                    state = bring_up_to_date(session, moment, waits=False)
            is_much = free and not state.is_fresh and pending(session, moment).is_much
        if state.is_fresh or monotonic() - began >= timeout:
            return state
        if is_much or not free or state.pending:  # another process works: soon it is done
            sleep(_LOOK)
            session.rollback()
            state = freshness(session)
            if state.is_fresh:
                state = replace(state, stale=len(pending(session, moment).targets))
