"""The functions of timed work, by their names in ``app.jobs.rules.work``.

A function returns its result in words for operators, and raises an exception on failure. It must be
safe to repeat, and calls ``context.is_ending()`` between steps if there may be many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from app.events.tasks.silence import watch_sources
from app.exchange.tasks.comparisons import compare_partners
from app.exchange.tasks.partner_reading import read_partners
from app.home.tasks.lapses import end_after_absence
from app.home.tasks.tidying import tidy_up
from app.jobs.rules.work import (
    CLOSE_DUE,
    DIGESTS,
    LAPSES,
    READ_PARTNERS,
    REMINDERS,
    REPORT_REMINDERS,
    SOURCES,
    SWEEP_PARTNERS,
    TICKET_REMINDERS,
    TIDY,
)
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import send_digests
from app.mail.tasks.personal_reminders import remind_people
from app.reports.tasks.reminders import remind_of_reports
from app.tickets.tasks.deadlines import close_due, remind

TimedFunction: TypeAlias = Callable[[Context], str]


TIMED: Final[dict[str, TimedFunction]] = {
    CLOSE_DUE.name: close_due,
    REMINDERS.name: remind,
    TICKET_REMINDERS.name: remind_people,
    DIGESTS.name: send_digests,
    REPORT_REMINDERS.name: remind_of_reports,
    READ_PARTNERS.name: read_partners,
    SOURCES.name: watch_sources,
    SWEEP_PARTNERS.name: compare_partners,
    LAPSES.name: end_after_absence,
    TIDY.name: tidy_up,
}
