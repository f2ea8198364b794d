"""Figures that a page shows: brought up to date first if that is little work, and since when.

A person reads their own writes: what they changed a moment ago is in the figures, unless so much
changed that a worker has to do it. The page then tells of when its figures are.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from flask import g
from sqlalchemy.orm import Session

from app.database import writing_if_free
from app.extensions import db
from app.services.matching import (
    AT_ONCE,
    MOST_PENDING,
    Freshness,
    bring_up_to_date,
    freshness,
    pending,
)
from app.web.times import now

_SECONDS: Final = 0.3
"""How long a page works before it shows what stands."""


def fresh_figures() -> Freshness:
    """Bring the figures up to date where that is little work; how they stand. Once a request."""
    if "figures" not in g:
        g.figures = _brought_up(db.session())
    found: Freshness = g.figures
    return found


def _brought_up(rows: Session) -> Freshness:
    state, moment = freshness(rows), now()
    if state.pending > MOST_PENDING:
        return state
    # also where nothing was written: an event that goes on begins to count by itself
    wanted = pending(rows, moment)
    if wanted.is_empty and state.computed_at is not None:
        return Freshness(state.computed_at)
    if len(wanted.things) + wanted.stale > 2 * AT_ONCE:
        return state
    began = monotonic()
    while monotonic() - began < _SECONDS:
        with writing_if_free(rows) as free:
            if not free:  # a page does not wait for others
                break
            state = bring_up_to_date(rows, moment, waits=False)
        if state.is_fresh:
            break
    return state
