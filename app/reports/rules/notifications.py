"""What mails about quarterly reports say: reminders, and news of a report's moves and comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.mail.rules.notifications import MAX_TEXT_LENGTH
from app.reports.rules.reminders import due_day
from app.reports.rules.reports import ReportState, due_at

COMMENT_FIELD: Final = "comment"
"""The field of a change that holds a comment on a report."""
REASON_FIELD: Final = "why"
"""The field of a change that holds why a report was reopened."""


class News(StrEnum):
    """What people are notified of a change of a report."""

    SUBMITTED = "submitted"
    REOPENED = "reopened"
    ACCEPTED = "accepted"
    COMMENTED = "commented"


_MOVES: Final = {
    ReportState.SUBMITTED: News.SUBMITTED,
    ReportState.REOPENED: News.REOPENED,
    ReportState.ACCEPTED: News.ACCEPTED,
}


@dataclass(frozen=True)
class ReportNotification:
    """Subject and plain text of one mail."""

    subject: str
    text: str


def news_of(changed: Mapping[str, str | None]) -> News | None:
    """What the mail about a change with these new values by field says; None = nobody is notified:
    a draft grows."""
    state = changed.get("state")
    if state in set(_MOVES):
        return _MOVES[ReportState(state)]
    return News.COMMENTED if changed.get(COMMENT_FIELD) else None


def news_notification(
    news: News, site: str, quarter: Quarter, author: str, changed: Mapping[str, str | None]
) -> ReportNotification:
    """What the mail about a change by ``author`` says."""
    report = _("the report of %(site)s for %(quarter)s", site=site, quarter=quarter)
    if news is News.COMMENTED:
        said = changed.get(COMMENT_FIELD) or ""
        return ReportNotification(
            _("%(site)s %(quarter)s: comment on the report", site=site, quarter=quarter),
            _(
                "%(author)s commented on %(report)s:\n\n%(said)s",
                author=author,
                report=report,
                said=_cut(said),
            ),
        )
    text = {
        News.SUBMITTED: _(
            "%(author)s submitted %(report)s. Its numbers are frozen.", author=author, report=report
        ),
        News.REOPENED: _(
            "%(author)s reopened %(report)s. It has to be submitted again.",
            author=author,
            report=report,
        ),
        News.ACCEPTED: _("%(author)s accepted %(report)s.", author=author, report=report),
    }[news]
    if news is News.REOPENED and (reason := changed.get(REASON_FIELD)):
        text = _("%(text)s\n\nReason: %(reason)s", text=text, reason=_cut(reason))
    return ReportNotification(
        _("%(site)s %(quarter)s: report %(news)s", site=site, quarter=quarter, news=news), text
    )


def reminder_notification(
    site: str,
    quarter: Quarter,
    due_days: int,
    now: datetime,
    *,
    state: ReportState | None,
    changed_by: str = "",
    changed_at: datetime | None = None,
    asked_by: str = "",
) -> ReportNotification:
    """A reminder of a report that is not submitted. ``changed_by`` and ``changed_at``: who wrote in
    it last. ``asked_by``: who of the chair sent it; "" = the portal by itself."""
    day = due_day(quarter, due_days)
    is_late = now >= due_at(quarter, due_days)
    verb = "was" if is_late else "is"
    words = _("%(verb)s due on %(day)s", verb=verb, day=format(day, "%Y-%m-%d"))
    parts = [
        _(
            "The quarterly report of %(site)s for %(quarter)s %(words)s (UTC) "
            "and is not submitted.",
            site=site,
            quarter=quarter,
            words=words,
        )
    ]
    if state is None:
        parts.append(_("Nobody has started it yet. The portal’s numbers are already filled in."))
    elif changed_at is not None:
        how = (
            _("It has been reopened") if state is ReportState.REOPENED else _("It has been started")
        )
        parts.append(
            _(
                "%(how)s; last edited by %(changed_by)s on %(changed_at)s.",
                how=how,
                changed_by=changed_by,
                changed_at=format(changed_at, "%Y-%m-%d"),
            )
        )
    if asked_by:
        parts.append(_("%(asked_by)s sent this reminder.", asked_by=asked_by))
    return ReportNotification(
        _("%(site)s %(quarter)s: report %(words)s", site=site, quarter=quarter, words=words),
        "\n\n".join(parts),
    )


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= MAX_TEXT_LENGTH
        else _("%(text)s\n[... cut]", text=text[:MAX_TEXT_LENGTH])
    )
