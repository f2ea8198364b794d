"""Figures that a page shows: brought up to date first if that is little work, and since when.

A person reads their own writes: what they changed a moment ago is in the figures, unless so much
changed that a worker has to do it. The page then tells of when its figures are.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Final

from flask import g
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction_if_free
from app.core.web.extensions import db
from app.core.web.times import now
from app.matching.services.recompute import MAX_PENDING, bring_up_to_date, pending
from app.matching.services.stale_links import Freshness, freshness

PAGE: Final = 0.3
"""Seconds that a page works, or waits for who works already, before it shows what stands."""
FILE: Final = 3.0
"""The same for a file: what reads it asks once, and no note in it tells that it is behind."""
_LOOK: Final = 0.02


def fresh_figures(timeout: float = PAGE) -> Freshness:
    """Bring the figures up to date where that is little work; how they stand. Once a request."""
    if "figures" not in g:
        g.figures = _brought_up(db.session(), timeout)
    found: Freshness = g.figures
    return found


def _brought_up(rows: Session, timeout: float) -> Freshness:
    state, moment = freshness(rows), now()
    is_much = state.pending > MAX_PENDING
    if not is_much:
        # also where nothing was written: an ongoing event begins to count by itself
        wanted = pending(rows, moment)
        if wanted.is_empty and state.computed_at is not None:
            return Freshness(state.computed_at)
        is_much = wanted.is_much
    if is_much and timeout <= PAGE:
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
