"""Ends what belongs to people who no longer sign on, as timed work."""

from __future__ import annotations

from app.accounts.services.lapses import end_lapsed
from app.jobs.tasks.context import Context


def end_after_absence(context: Context) -> str:
    """End tokens and calendar addresses of people who have not signed on for long, and warn."""
    days = context.settings.sign_on.lapse_days if context.settings.sign_on else 0
    with context.transaction() as session:
        done = end_lapsed(session, context.writer(), days)
    if not days:
        return "Nobody signs on, or nothing ends by itself"
    return f"Ended what {done.ended} had, warned {done.warned}"
