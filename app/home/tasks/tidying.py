"""Deletes what nobody needs any more, as timed work."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from app.home.services.tidying import Retention, tidy
from app.jobs.tasks.context import Context


def tidy_up(context: Context) -> str:
    """Delete what nobody needs any more, and rows older than the settings allow."""
    settings = context.settings
    retention = Retention(
        mails=timedelta(days=settings.mails_kept_days),
        unreviewed_mails=timedelta(days=settings.mail.receiving.review_days),
        whole_mails=timedelta(days=settings.mail.receiving.whole_days),
        calls=timedelta(days=settings.calls_kept_days),
        refusals=timedelta(days=settings.refusals_kept_days),
    )
    deleted: Counter[str] = Counter()
    while not context.is_ending():
        with context.transaction() as session:
            step = tidy(session, context.now(), retention)
        deleted.update(step.rows)
        if step.is_all:
            break
    parts = [
        f"{count:,} old {kind.removesuffix('s') if count == 1 else kind}"
        for kind, count in deleted.items()
        if count
    ]
    return f"Deleted {', '.join(parts)}" if parts else "Nothing was old enough"
