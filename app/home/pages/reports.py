"""The home page's part of quarterly reports and teleconferences, in words and addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for

from app.core.rules.access import Actor
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.times import now
from app.home.services.reports import (
    ROWS,
    OwedReport,
    Waiting,
    owed_reports,
    waiting_for_chair,
)
from app.reports.rules.reports import last_day_of


@dataclass(frozen=True)
class Owed:
    """A report that a reporter's site has to submit, as a line."""

    report: OwedReport
    url: str
    due: str
    """``due by 2026-10-30``, or ``was due 2026-10-30``."""

    @property
    def standing(self) -> str:
        """What was done so far."""
        return str(self.report.cell.standing.shown)

    @property
    def is_late(self) -> bool:
        """Whether the due day has passed."""
        return self.report.cell.standing.is_late


@dataclass(frozen=True)
class HomeReports:
    """What the page shows: the chair's open tasks, a reporter's outstanding reports."""

    waiting: Waiting | None
    owed: Sequence[Owed]
    owed_count: int
    owed_url: str
    """The grid of the quarters that were looked at."""


def home_reports(actor: Actor) -> HomeReports:
    """Of this person."""
    session, moment = db.session(), now()
    due_days: int = current_app.config["PORTAL"].report_due_days
    found = owed_reports(session, actor, moment, due_days) if actor.site_ids else ()
    looked_at: dict[str, Any] = (
        {"from": found[-1].cell.quarter, "to": found[0].cell.quarter} if found else {}
    )
    return HomeReports(
        waiting_for_chair(session, actor),
        [_owed(one) for one in found[:ROWS]],
        len(found),
        url_for("reports.page", **looked_at),
    )


def _owed(one: OwedReport) -> Owed:
    standing, quarter = one.cell.standing, one.cell.quarter
    word = _("was due") if standing.is_late else _("due by")
    url = url_for("report_form.page", site=one.site, quarter=quarter)
    return Owed(one, url, word + f" {last_day_of(standing.due_at)}")
