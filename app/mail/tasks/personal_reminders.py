"""Personal reminders: the worker's timed work."""

from __future__ import annotations

from app.core.rules.language import _, counted
from app.jobs.tasks.context import Context
from app.mail.services.personal_reminders import send_due_reminders


def remind_people(context: Context) -> str:
    """Queue the mails of all due reminders."""
    many = step = 0
    while not context.is_ending():
        with context.transaction() as session:
            step = send_due_reminders(session, context.now())
        many += step
        if not step:
            break
    if not many:
        return _("No reminders due")
    return counted("%(num)s reminder sent", "%(num)s reminders sent", many)
