"""Reminders of quarterly reports: which are due, sending each once, and who is left in peace.

A reminder's message has a key, and its row is unique: however many workers there are and wherever
one is killed, each step of each report is sent once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import address_key
from app.core.rules.quarters import Quarter
from app.core.services.changes import FieldChange, record_change
from app.mail.models.mails import Mail, MailMessage
from app.mail.services.messages import MessageRecipient, queue_message
from app.registry.models.registry import Site
from app.reports.models.reminders import ReportQuiet, ReportReminder
from app.reports.models.reports import Report
from app.reports.rules.notifications import reminder_notification
from app.reports.rules.reminders import (
    BY_HAND,
    ReminderStep,
    next_step,
    quarters_reminded_of,
    step_at,
    step_due,
)
from app.reports.rules.reports import ReportState, ReportStatus, is_chair, report_status
from app.reports.services.mails import people_of_sites, report_address
from app.reports.services.numbers import asked_sites

REMINDER: Final = "report reminder"
"""The kind of a reminder in the change log."""
SHOWN_AT_ONCE: Final = 50
_SUBMITTED: Final = (ReportState.SUBMITTED, ReportState.ACCEPTED)


@dataclass(frozen=True)
class Owing:
    """A site that owes a report, and how it is reminded."""

    site: Site
    quarter: Quarter
    report: Report | None
    standing: ReportStatus
    people: Sequence[MessageRecipient]
    """Recipients of a reminder, without those that are muted."""
    quiet: str
    """Why the site is not reminded; "" = it is."""
    last: ReportReminder | None
    """The newest reminder that was sent."""
    ahead: ReminderStep | None
    """The next one that the portal sends by itself."""
    ahead_at: datetime | None


@dataclass(frozen=True)
class SentReminder:
    """A reminder as it was sent, and to how many addresses."""

    reminder: ReportReminder
    addresses: Sequence[str]


def owing(
    session: Session, now: datetime, due_days: int, more: Sequence[Quarter] = ()
) -> Sequence[Owing]:
    """Sites that owe a report of a quarter that is reminded of, or of one of ``more``; the newest
    quarter first. Only reads."""
    quiet = _quiet_sites(session)
    found: list[Owing] = []
    for quarter in sorted({*quarters_reminded_of(due_days, now), *more}, reverse=True):
        sites = asked_sites(session, quarter)
        people = _people(session, sites)
        reports = {
            one.site_id: one
            for one in session.scalars(select(Report).where(Report.quarter == str(quarter)))
        }
        last = {
            one.site_id: one
            for one in session.scalars(
                select(ReportReminder)
                .where(ReportReminder.quarter == str(quarter))
                .order_by(ReportReminder.id)
            )
        }
        ahead = next_step(quarter, due_days, now)
        for site in sites:
            report = reports.get(site.id)
            if report is not None and report.state in _SUBMITTED:
                continue
            found.append(
                Owing(
                    site,
                    quarter,
                    report,
                    _standing(quarter, report, now, due_days),
                    people[site.id],
                    quiet.get(site.id, ""),
                    last.get(site.id),
                    ahead,
                    None if ahead is None else step_at(quarter, due_days, ahead),
                )
            )
    return found


def _standing(
    quarter: Quarter, report: Report | None, now: datetime, due_days: int
) -> ReportStatus:
    """Of a site that is asked: as the grid shows it."""
    state, first = (
        (None, None) if report is None else (ReportState(report.state), report.first_submitted_at)
    )
    return report_status(quarter, state, first, now, is_required=True, due_days=due_days)


def reminders_due(
    session: Session, now: datetime, due_days: int
) -> Sequence[tuple[int, Quarter, ReminderStep]]:
    """Site, quarter and step of each reminder that is to be sent now. Only reads."""
    found = []
    sent = {
        (row.site_id, row.quarter, row.step)
        for row in session.execute(
            select(ReportReminder.site_id, ReportReminder.quarter, ReportReminder.step).where(
                ReportReminder.quarter.in_(
                    [str(one) for one in quarters_reminded_of(due_days, now)]
                )
            )
        )
    }
    for one in owing(session, now, due_days):
        step = step_due(one.quarter, due_days, now)
        if step is None or one.quiet or not one.people:
            continue
        if (one.site.id, str(one.quarter), step.name) not in sent:
            found.append((one.site.id, one.quarter, step))
    return found


def send_reminder(
    session: Session, by: Writer, site_id: int, quarter: Quarter, step: ReminderStep, due_days: int
) -> ReportReminder | None:
    """Send one step of one report; None where that was done already, or is not needed any more.

    Two that race for it: the second waits for the first one's transaction, and does nothing.
    """
    site = session.get_one(Site, site_id)
    report = _report(session, site_id, quarter)
    if (report is not None and report.state in _SUBMITTED) or site_id in _quiet_sites(session):
        return None
    people = _people(session, [site])[site_id]
    return _send(session, by, site, quarter, step.name, report, people, due_days)


def remind_now(
    session: Session, by: Writer, site: Site, quarter: Quarter, due_days: int
) -> ReportReminder:
    """Remind a site by hand, once a day; only the chair. The quiet list holds for it too.

    Raises ``Forbidden``, ``Invalid`` (not required; no recipient), ``MoveNotAllowed`` (it is
    submitted, the quarter is not over, the site is left in peace, or it was reminded today).
    """
    require_chair(by.actor, _("remind sites of their reports"))
    if quarter.end > by.now:
        raise MoveNotAllowed(
            _("%(quarter)s is ongoing; reports are due after its end", quarter=quarter)
        )
    if site.id not in {one.id for one in asked_sites(session, quarter)}:
        raise Invalid(
            "site", _("No report of %(key)s is due for %(quarter)s", key=site.key, quarter=quarter)
        )
    report = _report(session, site.id, quarter)
    if report is not None and report.state in _SUBMITTED:
        raise MoveNotAllowed(
            _(
                "The report of %(key)s for %(quarter)s is %(state)s",
                key=site.key,
                quarter=quarter,
                state=report.state,
            )
        )
    quiet = _quiet_sites(session).get(site.id)
    if quiet:
        raise MoveNotAllowed(_("%(key)s is muted: %(quiet)s", key=site.key, quiet=quiet))
    people = _people(session, [site])[site.id]
    if not people:
        raise Invalid(
            "site",
            _("No reporter or report contact of %(key)s has an email address", key=site.key),
        )
    step = f"{BY_HAND}{by.now:%Y-%m-%d}"
    sent = _send(session, by, site, quarter, step, report, people, due_days)
    if sent is None:
        raise MoveNotAllowed(
            _("%(key)s was already reminded of %(quarter)s today", key=site.key, quarter=quarter)
        )
    return sent


def reminders_sent(
    session: Session, before: int | None = None
) -> tuple[Sequence[SentReminder], int | None]:
    """What was sent, newest first, and where the next page begins (None = none exists)."""
    query = (
        select(ReportReminder)
        .options(joinedload(ReportReminder.message))
        .order_by(ReportReminder.id.desc())
        .limit(SHOWN_AT_ONCE + 1)
    )
    if before is not None:
        query = query.where(ReportReminder.id < before)
    rows = session.scalars(query).all()
    shown = rows[:SHOWN_AT_ONCE]
    addresses: dict[int, list[str]] = {}
    for mail in session.execute(
        select(MailMessage.id, Mail.address)
        .join(Mail, Mail.message_id == MailMessage.id)
        .where(MailMessage.id.in_([one.message_id for one in shown]))
        .order_by(Mail.id)
    ):
        addresses.setdefault(mail.id, []).append(mail.address)
    found = [SentReminder(one, addresses.get(one.message_id, [])) for one in shown]
    return found, shown[-1].id if len(rows) > SHOWN_AT_ONCE else None


def require_chair(actor: Actor, what: str) -> None:
    """Raise ``Forbidden`` unless this is the group's chair."""
    if not is_chair(actor):
        raise Forbidden(_("Only operators and admins may %(what)s", what=what))


def _send(
    session: Session,
    by: Writer,
    site: Site,
    quarter: Quarter,
    step: str,
    report: Report | None,
    people: Sequence[MessageRecipient],
    due_days: int,
) -> ReportReminder | None:
    by_hand = by.actor.kind is not ActorKind.SYSTEM
    notification = reminder_notification(
        site.key,
        quarter,
        due_days,
        by.now,
        state=None if report is None else ReportState(report.state),
        changed_by="" if report is None else report.changed_by,
        changed_at=None if report is None else report.changed_at,
        asked_by=by.shown_author if by_hand else "",
    )
    key = f"report reminder {site.id} {quarter} {step}"
    sent_to = queue_message(
        session,
        key=key,
        recipients=people,
        subject=notification.subject,
        text=notification.text,
        url=report_address(site.key, str(quarter)),
        now=by.now,
    )
    if sent_to is None:
        return None
    message_id = session.scalars(select(MailMessage.id).where(MailMessage.key == key)).one()
    reminder = ReportReminder(
        site_id=site.id,
        quarter=str(quarter),
        step=step,
        at=by.now,
        author=by.shown_author,
        message_id=message_id,
    )
    session.add(reminder)
    session.flush()
    fields = [
        FieldChange("site", None, site.key),
        FieldChange("quarter", None, str(quarter)),
        FieldChange("step", None, step),
        FieldChange("told", None, "; ".join(sent_to) or None),
    ]
    record_change(session, by, kind=REMINDER, thing_id=reminder.id, fields=fields)
    return reminder


def _report(session: Session, site_id: int, quarter: Quarter) -> Report | None:
    return session.scalars(
        select(Report).where(Report.site_id == site_id, Report.quarter == str(quarter))
    ).first()


def _quiet_sites(session: Session) -> Mapping[int, str]:
    rows = session.execute(
        select(ReportQuiet.site_id, ReportQuiet.reason).where(ReportQuiet.site_id.is_not(None))
    )
    return {row.site_id: row.reason for row in rows}


def _people(session: Session, sites: Sequence[Site]) -> Mapping[int, Sequence[MessageRecipient]]:
    """Whom reminders go to: without the people who are left in peace, also where the address of
    one of them is a site's contact."""
    quiet = {
        one.user_id: address_key(one.user.mail)
        for one in session.scalars(select(ReportQuiet).where(ReportQuiet.user_id.is_not(None)))
        if one.user is not None
    }
    return {
        site_id: [
            one
            for one in people
            if one.user_id not in quiet and address_key(one.address) not in quiet.values()
        ]
        for site_id, people in people_of_sites(session, sites).items()
    }
