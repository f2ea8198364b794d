"""Figures that a page shows: brought up to date first if that is little work, and since when.

A person reads their own writes: what they changed a moment ago is in the figures, unless so much
changed that a worker has to do it. The page then tells of when its figures are, and so does the
header of each answer; a program that needs all changes asks with ``?fresh=1``.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic, sleep
from typing import Final

from flask import Response, abort, after_this_request, g, request
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction_if_free
from app.core.rules.errors import RETRY_AFTER
from app.core.rules.language import _
from app.core.web.errors import message_page
from app.core.web.extensions import db
from app.core.web.times import iso, now
from app.matching.services.recompute import MAX_PENDING, bring_up_to_date, pending
from app.matching.services.stale_links import Freshness, freshness

PAGE: Final = 0.3
"""Seconds that a page works, or waits for who works already, before it shows what stands."""
FILE: Final = 3.0
"""The same for a file: what reads it asks once, and no note in it tells that it is behind."""
HEADER: Final = "Figures-Up-To"
"""The time up to which all changes are in an answer's figures, ISO 8601 UTC; ``never`` before
anything was computed."""
_LOOK: Final = 0.02


def fresh_figures(timeout: float = PAGE) -> Freshness:
    """Bring the figures up to date where that is little work; how they stand. Once a request.

    The answer gets ``HEADER``. Asked with ``?fresh=1`` it is 503 with ``Retry-After`` instead of
    figures that lack a change.
    """
    if "figures" not in g:
        needs_all = request.args.get("fresh") == "1"
        g.figures = _brought_up(db.session(), FILE if needs_all else timeout)
        after_this_request(_with_time)
        if needs_all and not g.figures.is_fresh:
            abort(_not_yet())
    found: Freshness = g.figures
    return found


def _with_time(answer: Response) -> Response:
    stand: Freshness = g.figures
    up_to = now() if stand.is_fresh else stand.computed_at
    answer.headers[HEADER] = "never" if up_to is None else iso(up_to)
    return answer


def _not_yet() -> Response:
    words = _("These figures are being recalculated. Try again in a moment.")
    answer = message_page(503, words, heading=_("These figures are not up to date yet"))
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _brought_up(rows: Session, timeout: float) -> Freshness:
    state, moment = freshness(rows), now()
    is_much = state.pending > MAX_PENDING
    if not is_much:
        # also where nothing was written: an ongoing event begins to count by itself
        wanted = pending(rows, moment)
        if wanted.is_empty and state.computed_at is not None:
            return Freshness(state.computed_at)
        state, is_much = replace(state, stale=len(wanted.targets)), wanted.is_much
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
            if state.is_fresh:
                state = replace(state, stale=len(pending(rows, moment).targets))
