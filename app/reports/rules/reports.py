"""Quarterly reports: their states and moves, when they are due, and who may do what with them.

States and rights are those of the decisions, section 10. Times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.rules.access import Actor, ActorKind, Role, refusal_by_scope
from app.core.rules.language import _
from app.core.rules.quarters import USUAL_DUE_DAYS, Quarter
from app.core.rules.scopes import Scope

REPORT: Final = "report"
"""The kind of a report in the change log."""


class ReportState(StrEnum):
    """What is stored."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REOPENED = "reopened"


WRITABLE: Final = (ReportState.DRAFT, ReportState.REOPENED)
"""In these states a report's fields may change."""


class ShownState(StrEnum):
    """What is shown of a site and a quarter: a stored state, or why none is stored."""

    NOT_REQUIRED = "not required"
    """The site was no T1 on any day of the quarter, or is the T0, or reports were not required
    yet."""
    NOT_YET = "not yet"
    """The quarter has not ended, and nothing is stored."""
    MISSING = "missing"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REOPENED = "reopened"


@dataclass(frozen=True)
class ReportStatus:
    """The state of a site's report of a quarter. ``is_late`` is a flag in addition to the state."""

    shown: ShownState
    is_late: bool
    due_at: datetime

    @property
    def last_day(self) -> date:
        """The last day, UTC, on which it is not late, as the grid shows it."""
        return last_day_of(self.due_at)


def due_at(quarter: Quarter, due_days: int = USUAL_DUE_DAYS) -> datetime:
    """By when reports of a quarter are to be submitted."""
    return quarter.end + timedelta(days=due_days)


def last_day_of(due: datetime) -> date:
    """The last day, UTC, on which what is due by a moment is in time, as mails and pages say it."""
    return (due - timedelta(microseconds=1)).date()


def report_status(
    quarter: Quarter,
    state: ReportState | None,
    first_submitted_at: datetime | None,
    now: datetime,
    *,
    is_required: bool,
    due_days: int = USUAL_DUE_DAYS,
) -> ReportStatus:
    """Its state; ``state`` None = nothing is stored.

    A site that need not report may do so: what is stored is shown, and never late. Late
    is what was not submitted by the due date, or was submitted first after it.
    """
    due = due_at(quarter, due_days)
    if state is not None:
        shown = ShownState(state.value)
    elif not is_required:
        shown = ShownState.NOT_REQUIRED
    else:
        shown = ShownState.MISSING if now >= quarter.end else ShownState.NOT_YET
    late = is_required and (now if first_submitted_at is None else first_submitted_at) > due
    return ReportStatus(shown, late, due)


# ---- who may do what ----


def is_chair(actor: Actor) -> bool:
    """The group's chair is every operator and admin (issue of the quarterly reports)."""
    return actor.kind is ActorKind.SYSTEM or (actor.is_operator and _is_for_reports(actor))


def _is_for_reports(actor: Actor) -> bool:
    """Whether the token with which this account acts, if any, is for filling in reports."""
    return refusal_by_scope(actor, Scope.REPORTS) is None


def is_of_site(actor: Actor, site_id: int) -> bool:
    """Whether this is a reporter of the site."""
    return (
        _is_for_reports(actor)
        and actor.kind is ActorKind.PERSON
        and actor.role is Role.REPORTER
        and site_id in actor.site_ids
    )


def may_read_fields(actor: Actor, site_id: int) -> bool:
    """Whether this account sees what is in a draft, or in a report that was reopened."""
    return is_chair(actor) or is_of_site(actor, site_id)


def sees_report(actor: Actor, site_id: int, *, was_submitted: bool) -> bool:
    """Whether this account may know that a report is written: a draft is its site's and the
    chair's; once submitted it is known to all people, also while it is reopened."""
    return may_read_fields(actor, site_id) or (was_submitted and may_read_signed(actor))


def may_read_signed(actor: Actor) -> bool:
    """Whether this account sees submitted reports: all people do, and systems' tokens to read."""
    if actor.kind is ActorKind.TOKEN:
        return refusal_by_scope(actor, Scope.READ, Scope.REPORTS) is None
    return actor.kind in (ActorKind.PERSON, ActorKind.SYSTEM)


def refusal_to_write_report(
    actor: Actor, site_id: int, state: ReportState | None, quarter: Quarter, now: datetime
) -> str | None:
    """Why this account may not write in this report now, or None; ``state`` None = it is to be
    begun."""
    if not may_read_fields(actor, site_id):
        return _("Only reporters of the site, operators and admins may write its report")
    if state is not None and state not in WRITABLE:
        return _("The report is %(state)s; reopen it to change it", state=state)
    if quarter.is_future(now):
        return _("%(quarter)s has not started", quarter=quarter)
    return None


def refusal_to_submit(
    actor: Actor, site_id: int, state: ReportState | None, quarter: Quarter, now: datetime
) -> str | None:
    """Why this account may not submit this report now, or None."""
    reason = refusal_to_write_report(actor, site_id, state, quarter, now)
    if reason is None and now < quarter.end:
        return _(
            "%(quarter)s ends on %(end)s; the report can be submitted from then",
            quarter=quarter,
            end=format(quarter.end, "%Y-%m-%d"),
        )
    return reason


def refusal_to_reopen(actor: Actor, site_id: int, state: ReportState | None) -> str | None:
    """Why this account may not reopen this report, or None: until it is accepted the site or the
    chair, then only the chair."""
    if not may_read_fields(actor, site_id):
        return _("Only reporters of the site, operators and admins may reopen its report")
    if state is ReportState.SUBMITTED:
        return None
    if state is ReportState.ACCEPTED:
        return (
            None
            if is_chair(actor)
            else _("Only operators and admins may reopen an accepted report")
        )
    return (
        _("Only a submitted report can be reopened")
        if state is None
        else _("The report is %(state)s", state=state)
    )


def refusal_to_accept(actor: Actor, state: ReportState | None) -> str | None:
    """Why this account may not accept this report, or None."""
    if not is_chair(actor):
        return _("Only operators and admins may accept reports")
    if state is not ReportState.SUBMITTED:
        return _("Only a submitted report can be accepted")
    return None


def refusal_to_remove_attachment(
    actor: Actor,
    site_id: int,
    state: ReportState,
    quarter: Quarter,
    now: datetime,
    *,
    is_signed: bool,
) -> str | None:
    """Why this account may not take a file off this report, or None.

    Who writes the report may, until a version is signed that holds the file (``is_signed``); the
    chair always may, as with files of tickets that are final.
    """
    if is_chair(actor):
        return None
    reason = refusal_to_write_report(actor, site_id, state, quarter, now)
    if reason is None and is_signed:
        return _("This file is part of a signed version; only operators and admins may remove it")
    return reason


def refusal_to_comment(actor: Actor, site_id: int) -> str | None:
    """Why this account may not comment on this report, or None: site and chair speak there."""
    if may_read_fields(actor, site_id):
        return None
    return _("Only reporters of the site, operators and admins may comment on its report")
