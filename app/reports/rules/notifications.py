"""What mails about quarterly reports say: reminders, and news of a report's moves and comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.core.rules.quarters import Quarter
from app.mail.rules.notifications import MAX_TEXT_LENGTH
from app.reports.rules.reminders import due_day
from app.reports.rules.reports import ReportState, due_at

COMMENT_FIELD: Final = "comment"
"""The field of a change that holds a comment on a report."""
REASON_FIELD: Final = "why"
"""The field of a change that holds why a report was reopened."""


class News(StrEnum):
    """What people are told of a change of a report."""

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
    """What a change with these new values by field tells; None = nobody is told: a draft grows."""
    state = changed.get("state")
    if state in set(_MOVES):
        return _MOVES[ReportState(state)]
    return News.COMMENTED if changed.get(COMMENT_FIELD) else None


def news_notification(
    news: News, site: str, quarter: Quarter, author: str, changed: Mapping[str, str | None]
) -> ReportNotification:
    """What is told of a change that ``author`` made."""
    report = f"the report of {site} about {quarter}"
    if news is News.COMMENTED:
        said = changed.get(COMMENT_FIELD) or ""
        return ReportNotification(
            f"{site} {quarter}: comment on the report",
            f"{author} commented on {report}:\n\n{_cut(said)}",
        )
    text = {
        News.SUBMITTED: f"{author} submitted {report}. Its numbers are frozen.",
        News.REOPENED: f"{author} reopened {report}. It has to be submitted again.",
        News.ACCEPTED: f"{author} accepted {report}.",
    }[news]
    if news is News.REOPENED and (reason := changed.get(REASON_FIELD)):
        text = f"{text}\n\nReason: {_cut(reason)}"
    return ReportNotification(f"{site} {quarter}: report {news}", text)


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
    words = f"{verb} due on {day:%Y-%m-%d}"
    parts = [f"The quarterly report of {site} about {quarter} {words} (UTC) and is not submitted."]
    if state is None:
        parts.append("Nobody has started it yet. The portal’s numbers are filled in already.")
    elif changed_at is not None:
        how = "It was reopened" if state is ReportState.REOPENED else "It is started"
        parts.append(f"{how}; {changed_by} edited it last, on {changed_at:%Y-%m-%d}.")
    if asked_by:
        parts.append(f"{asked_by} sent this reminder.")
    return ReportNotification(f"{site} {quarter}: report {words}", "\n\n".join(parts))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]}\n[... cut]"
