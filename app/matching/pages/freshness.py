"""Figures that a page shows: brought up to date first if that is little work, and since when.

A person reads their own writes: what they changed a moment ago is in the figures, unless so much
changed that a worker has to do it. The page then tells of when its figures are, and so does the
header of each answer; a program that needs all changes asks with ``?fresh=1``.
"""

from __future__ import annotations

from typing import Final

from flask import Response, abort, after_this_request, g, request

from app.core.rules.errors import RETRY_AFTER
from app.core.rules.language import _
from app.core.web.errors import message_page
from app.core.web.extensions import db
from app.core.web.times import iso, now
from app.matching.services.brought_up import HEADER, SHOWN, WHOLE, brought_up
from app.matching.services.stale_links import Freshness

PAGE: Final = SHOWN
FILE: Final = WHOLE
"""No note in a file tells that it is behind."""


def fresh_figures(timeout: float = PAGE) -> Freshness:
    """Bring the figures up to date where that is little work; how they stand. Once a request.

    The answer gets ``HEADER``. Asked with ``?fresh=1`` it is 503 with ``Retry-After`` instead of
    figures that lack a change.
    """
    if "figures" not in g:
        needs_all = request.args.get("fresh") == "1"
        g.figures = brought_up(db.session(), now(), FILE if needs_all else timeout)
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
