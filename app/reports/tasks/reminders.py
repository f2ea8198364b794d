"""Reminders of quarterly reports, as the worker sends them: each in a transaction of its own."""

from __future__ import annotations

from app.jobs.tasks.context import Context
from app.reports.services.reminders import reminders_due, send_reminder


def remind_of_reports(context: Context) -> str:
    """Queue the reminders that are due (timed work)."""
    due_days = context.settings.report_due_days
    with context.reading() as session:
        due = reminders_due(session, context.now(), due_days)
    reminded = []
    for site_id, quarter, step in due:
        if context.is_ending():
            break
        with context.transaction() as session:
            sent = send_reminder(session, context.writer(), site_id, quarter, step, due_days)
            if sent is not None:
                reminded.append(f"{sent.site.key} {quarter}")
    return f"Reminded {', '.join(reminded)}" if reminded else "No reminders due"
