"""Figures in answers: brought up to date first where that is little work, and since when they are.

It must not know any resource.
"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Response, after_this_request

from app.api.caller import session
from app.core.database.transactions import begin_read
from app.events.rules.events import as_text
from app.matching.services.brought_up import HEADER, SHOWN, brought_up


def fresh_figures(timeout: float = SHOWN) -> None:
    """Bring the figures up to date; the answer says up to when all changes are in them. It writes
    in transactions of its own, so an operation that writes does it before its own
    (``Operation.reads``). ``timeout``: seconds."""
    moment = datetime.now(UTC)
    stand = brought_up(session(), moment, timeout)
    begin_read(session())
    up_to = moment if stand.is_fresh else stand.computed_at

    def with_time(answer: Response) -> Response:
        answer.headers[HEADER] = "never" if up_to is None else as_text(up_to)
        return answer

    after_this_request(with_time)
