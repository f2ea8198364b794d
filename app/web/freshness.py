"""Figures that a page shows: brought up to date first if that is little work, and since when.

A person reads their own writes: what they changed a moment ago is in the figures, unless so much
changed that a worker has to do it. The page then tells of when its figures are.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from flask import g
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.database import is_writing, writing
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
    state = freshness(rows)
    if state.is_fresh or state.pending > MOST_PENDING:
        return state
    wanted = pending(rows, now())
    if wanted.is_empty and state.computed_at is not None:
        return Freshness(state.computed_at)
    if len(wanted.things) + wanted.stale > 2 * AT_ONCE or _is_busy(rows):
        return state
    began = monotonic()
    while not state.is_fresh:
        with writing(rows):
            state = bring_up_to_date(rows, now())
        if monotonic() - began > _SECONDS:
            break
    return state


def _is_busy(rows: Session) -> bool:
    """Whether somebody writes into an SQLite file just now: a page does not wait for them."""
    bind = rows.get_bind()
    return isinstance(bind, Engine) and is_writing(bind)
