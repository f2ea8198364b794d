"""Updates the figures of a page first if that is little work, and shows how old they are.

People see the effect of their own changes in the figures at once, unless so much changed that a
worker has to recompute. The page then shows how old its figures are, and so does a header of each
answer; a program that needs all changes requests ``?fresh=1``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response, abort, after_this_request, g, request

from app.core.rules.errors import RETRY_AFTER
from app.core.rules.language import _
from app.core.web.errors import message_page
from app.core.web.extensions import db
from app.core.web.times import iso, now
from app.jobs.services.workers import worker_state
from app.matching.services.brought_up import HEADER, SHOWN, WHOLE, brought_up
from app.matching.services.stale_links import Freshness

PAGE: Final = SHOWN
FILE: Final = WHOLE
"""A file cannot contain a note that it is outdated."""


def fresh_figures(timeout: float = PAGE) -> Freshness:
    """Update the figures if that is little work, once per request; return their state, and if
    they are not fresh, whether a worker is active.

    The answer gets ``HEADER``. With ``?fresh=1`` it is 503 with ``Retry-After`` if the figures lack
    a change.
    """
    if "figures" not in g:
        needs_all = request.args.get("fresh") == "1"
        figures = brought_up(db.session(), now(), FILE if needs_all else timeout)
        if not figures.is_fresh and not worker_state(db.session(), now()).living:
            figures = replace(figures, lacks_worker=True)
        g.figures = figures
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
