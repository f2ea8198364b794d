"""Timed work: what the portal does by itself, and when. All times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from app.core.rules.language import _


@dataclass(frozen=True)
class Rhythm:
    """How often work runs: at an interval, or (``daily_at``) once a day at that time."""

    every: timedelta = timedelta(days=1)
    daily_at: time | None = None

    def first(self, now: datetime) -> datetime:
        """When the work is first due in a portal that was new at ``now``."""
        return now if self.daily_at is None else self.next(now)

    def next(self, now: datetime) -> datetime:
        """When the work is due again after the run that was due by ``now``.

        Missed runs are not repeated one by one: the current run covers them all.
        """
        if self.daily_at is None:
            return now + self.every
        today = now.replace(
            hour=self.daily_at.hour, minute=self.daily_at.minute, second=0, microsecond=0
        )
        return today if today > now else today + timedelta(days=1)

    def __str__(self) -> str:
        if self.daily_at is not None:
            return _("daily at %(daily_at)s UTC", daily_at=format(self.daily_at, "%H:%M"))
        minutes = int(self.every.total_seconds() // 60)
        if minutes % 60 == 0:
            return (
                "hourly" if minutes == 60 else _("every %(minutes)s hours", minutes=minutes // 60)
            )
        if minutes == 1:
            return _("every minute")
        return _("every %(minutes)s minutes", minutes=minutes)


@dataclass(frozen=True)
class Work:
    """A kind of timed work. ``title`` and ``explanation`` are shown to people."""

    name: str
    title: str
    explanation: str
    rhythm: Rhythm


CLOSE_DUE: Final = Work(
    "close-due",
    _("Close finished tickets"),
    _("Closes tickets that have been solved or unsolved for 10 working days"),
    Rhythm(timedelta(minutes=10)),
)
REMINDERS: Final = Work(
    "reminders",
    _("Reply reminders"),
    _(
        "For tickets that wait for a reply: reminders after 5 and 10 working days; set"
        " to unsolved after 5 more"
    ),
    Rhythm(timedelta(minutes=10)),
)
DIGESTS: Final = Work(
    "digests",
    _("Send daily digests"),
    _("One email a day to people who chose the daily digest"),
    Rhythm(daily_at=time(6)),
)
TIDY: Final = Work(
    "tidy",
    _("Clean up"),
    _(
        "Deletes sessions 30 days after they end, jobs 90 days after they were given up, and"
        " emails, calls and refused requests after the retention time below"
    ),
    Rhythm(daily_at=time(2, 30)),
)
LAPSES: Final = Work(
    "lapses",
    _("End unused access"),
    _(
        "Ends API tokens and calendar feeds of people who have not signed in for a long"
        " time; warns them by email a week before"
    ),
    Rhythm(daily_at=time(4)),
)
REPORT_REMINDERS: Final = Work(
    "report-reminders",
    _("Report reminders"),
    _(
        "For reports that are not submitted: a week before the due date, on it, a week after"
        " it, and then three more, two weeks apart"
    ),
    Rhythm(daily_at=time(7)),
)
TICKET_REMINDERS: Final = Work(
    "ticket-reminders",
    _("Personal reminders"),
    _("Reminders that people set for themselves"),
    Rhythm(timedelta(minutes=5)),
)
READ_PARTNERS: Final = Work(
    "read-partners",
    _("Read partners"),
    _("Fetches changes of tickets from partner systems that the portal reads"),
    Rhythm(timedelta(minutes=1)),
)
SOURCES: Final = Work(
    "sources",
    _("Silent sources"),
    _("Notifies operators when an event source goes silent, and when it is heard again"),
    Rhythm(timedelta(minutes=1)),
)
SWEEP_PARTNERS: Final = Work(
    "sweep-partners",
    _("Compare tickets with partners"),
    _(
        "Compares values, texts and files, looks for duplicate tickets, and sends what is still"
        " queued"
    ),
    Rhythm(daily_at=time(3, 15)),
)
EVERY_WORK: Final = (
    CLOSE_DUE,
    REMINDERS,
    TICKET_REMINDERS,
    DIGESTS,
    REPORT_REMINDERS,
    READ_PARTNERS,
    SOURCES,
    SWEEP_PARTNERS,
    LAPSES,
    TIDY,
)
"""In display order, which is also the order in which work that is due at the same time runs."""
WORK_NAMED: Final = {work.name: work for work in EVERY_WORK}
