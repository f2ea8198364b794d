"""How pages come by fresh figures: they work in what is little themselves, so that people read what
they wrote, and else show what stands and from when it is."""

from __future__ import annotations

from app.database import writing_if_free
from app.extensions import db
from app.services.matching import MOST_PENDING, Freshness, bring_up_to_date, freshness, pending
from app.web.times import now


def fresh_figures() -> Freshness:
    """Bring the figures up to date if that is little work and nobody else writes; how they stand.

    Call before anything is read: it ends the session's transaction.
    """
    rows, moment = db.session(), now()
    stand = freshness(rows)
    if stand.pending > MOST_PENDING:
        return stand
    todo = pending(rows, moment)
    if todo.is_empty and stand.computed_at is not None:
        return Freshness(stand.computed_at)
    if not todo.is_small:
        return stand
    with writing_if_free(rows) as free:
        if free:
            return bring_up_to_date(rows, moment, waits=False)
    return stand
