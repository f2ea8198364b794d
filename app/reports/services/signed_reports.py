"""Signed versions of reports as they were frozen, for anyone who may see them. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.core.rules.quarters import Quarter
from app.registry.services.registry import find_site
from app.reports.models.reports import Report, ReportVersion
from app.reports.rules.event_explanations import OtherWords
from app.reports.rules.form import ANSWER, EVENT, Contradiction, ReportQuestion, contradictions
from app.reports.rules.numbers import ReportNumbers, UndocumentedEvent
from app.reports.services.event_explanations import other_words
from app.reports.services.forms import content_of, form_of_number
from app.reports.services.reports import (
    fields_of_version,
    find_report,
    numbers_of_version,
    require_see,
)


@dataclass(frozen=True)
class Answer:
    """A question, with the site's answer; "" = no answer."""

    question: ReportQuestion
    value: str


@dataclass(frozen=True)
class ExplainedEvent:
    """An event that no ticket documented then, with the site's words."""

    event: UndocumentedEvent
    explanation: str


@dataclass(frozen=True)
class SignedReport:
    """One signed version with all that was frozen in it."""

    report: Report
    version: ReportVersion
    numbers: ReportNumbers
    contradictions: Sequence[Contradiction]
    """Numbers of the site that are not the portal's, with its reason."""
    answers: Sequence[Answer]
    """In the order of the form."""
    events: Sequence[ExplainedEvent]
    other_events: Sequence[OtherWords]
    """Signed words about events that these numbers do not list, with what happened to them by
    now."""


def signed_report(
    session: Session, actor: Actor, site_name: str, quarter: Quarter, number: int | None = None
) -> SignedReport:
    """A signed version (None = the newest one) of a site's report, the site under any name.

    ``NotFound`` if none exists, or this account may not see it.
    """
    site = find_site(session, site_name)
    if site is None:
        raise NotFound
    report = find_report(session, site.id, quarter)
    require_see(actor, site.id, report)
    versions = {} if report is None else {one.number: one for one in report.versions}
    version = versions.get(max(versions, default=0) if number is None else number)
    if report is None or version is None:
        raise NotFound
    numbers, fields = numbers_of_version(version), fields_of_version(version)
    form = content_of(form_of_number(session, version.form_number))
    return SignedReport(
        report,
        version,
        numbers,
        contradictions(fields, numbers),
        [Answer(one, fields.get(ANSWER + one.key, "")) for one in form.asked],
        _explained(fields, numbers),
        other_words(session, fields, numbers),
    )


def _explained(fields: Mapping[str, str], numbers: ReportNumbers) -> Sequence[ExplainedEvent]:
    return [ExplainedEvent(one, fields.get(f"{EVENT}{one.id}", "")) for one in numbers.undocumented]
