"""What people want to be reminded of, as the worker looks for it (timed work)."""

from __future__ import annotations

from app.jobs.tasks.context import Context
from app.mail.services.personal_reminders import send_due_reminders


def remind_people(context: Context) -> str:
    """Queue the mails of all reminders that are due."""
    many = step = 0
    while not context.is_ending():
        with context.transaction() as session:
            step = send_due_reminders(session, context.now())
        many += step
        if not step:
            break
    return f"{many} reminder{'' if many == 1 else 's'} sent" if many else "No reminders due"
