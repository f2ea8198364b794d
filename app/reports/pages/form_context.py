"""Which report an address names: a site by any of its names, a quarter, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, request, url_for

from app.core.rules.errors import Invalid, NoSuchPeriod, NotFound
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.times import now
from app.matching.web.freshness import fresh_figures
from app.registry.models.registry import Site
from app.registry.services.registry import find_site
from app.reports.models.reports import Report, ReportField
from app.reports.pages.form_fields import digest
from app.reports.pages.rows import figure_url
from app.reports.rules.form import Form
from app.reports.rules.numbers import ReportNumbers
from app.reports.rules.reports import ReportState
from app.reports.services.forms import content_of, form_for
from app.reports.services.grid import require_quarter_of_reports
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import find_report

blueprint = Blueprint("report_form", __name__, url_prefix="/reports")
PLACE: Final = "/<site>/<quarter>"
VERSION: Final = "seen."
"""Before a field's name: the version that the page shows."""
DIGEST: Final = "was."
"""The digest of what the page showed in it."""
CONFLICT: Final = "theirs."
"""The version that is there by now, where somebody else wrote."""
_MAX_VERSION_LENGTH: Final = 9


@dataclass(frozen=True)
class ReportContext:
    """One site's report of one quarter."""

    site: Site
    quarter: Quarter
    report: Report | None
    """None = nothing is stored."""

    @property
    def address(self) -> str:
        """Of its page."""
        return url_for("report_form.page", site=self.site.key, quarter=str(self.quarter))

    @property
    def state(self) -> ReportState | None:
        """The stored one."""
        return None if self.report is None else ReportState(self.report.state)

    @property
    def form(self) -> Form:
        """The questions of the report, or those with which it would be started."""
        row = form_for(db.session(), self.quarter) if self.report is None else self.report.form
        return content_of(row)

    @property
    def fields(self) -> Sequence[ReportField]:
        """What is written in it now."""
        return () if self.report is None else self.report.fields

    @property
    def stored(self) -> Report:
        """The report; ``NotFound`` where nothing is stored."""
        if self.report is None:
            raise NotFound(_("No report found"))
        return self.report

    def rows_behind(self, numbers: ReportNumbers) -> Mapping[str, str]:
        """Addresses of the rows behind figures, by their keys."""
        is_t0 = self.site.tier == 0
        return {
            one.key: figure_url(one.key, self.site.key, self.quarter, is_t0=is_t0)
            for one in numbers.figures
        }

    def numbers(self) -> ReportNumbers:
        """What the portal counts now, with what was written a moment ago."""
        fresh_figures()
        return numbers_of(db.session(), self.site, self.quarter, now())


def report_context(site: str, quarter: str) -> ReportContext:
    """``NotFound`` where no site has this name, or no report can be of such a quarter."""
    session = db.session()
    try:
        found = Quarter.parse(quarter)
    except Invalid:
        raise NoSuchPeriod(
            _(
                "Reports are at /reports/SITE/QUARTER, with a quarter such as %(example)s",
                example=Quarter.example(),
            )
        ) from None
    require_quarter_of_reports(session, found, now())
    named = find_site(session, site) if site.isprintable() else None
    if named is None:
        raise NotFound(_("Site not found"))
    return ReportContext(named, found, find_report(session, named.id, found))


def sent_version(name: str) -> int:
    """A version that the form carries; 0 for anything else."""
    text = request.form.get(name, "")
    good = text.isascii() and text.isdigit() and len(text) <= _MAX_VERSION_LENGTH
    return int(text) if good else 0


@dataclass(frozen=True)
class Sent:
    """A field as it was sent."""

    value: str
    version: int
    """The one that its writer saw."""
    was: str


def touched_fields() -> dict[str, Sent]:
    """The fields that were sent with another value than their page showed, by name. What was left
    alone is not stored again: somebody else may have changed it."""
    touched = {}
    for name, sent in request.form.items():
        if VERSION + name in request.form:
            value, was = sent.replace("\r\n", "\n"), request.form.get(DIGEST + name, "")
            if digest(value) != was:
                touched[name] = Sent(value, sent_version(VERSION + name), was)
    return touched


@blueprint.app_template_filter("clock")
def clock(moment: datetime) -> str:
    """``12:03:04``, where the page says that it is UTC."""
    return moment.astimezone(UTC).strftime("%H:%M:%S")
