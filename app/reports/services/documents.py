"""Gathers what outputs of quarterly reports show, by what their reader may see.

What is signed is shown with its own numbers and questions; next to them what the portal counts now.
A draft is shown to its site and to the chair only; for others it does not exist. Only reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.core.models.changes import PortalFact
from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.core.rules.quarters import USUAL_DUE_DAYS, Quarter
from app.matching.models.matching import DetectedEvent
from app.matching.services.tables import matching_table
from app.registry.models.registry import Site
from app.reports.models.reports import Report, ReportForm, ReportVersion
from app.reports.rules.documents import (
    AnswerLine,
    EventLine,
    FigureLine,
    QuarterDocument,
    ReportDocument,
    Since,
    SiteLine,
)
from app.reports.rules.form import ANSWER, EVENT, NUMBER, REASON, Form
from app.reports.rules.numbers import ReportNumbers, changed_since
from app.reports.rules.reports import (
    ReportState,
    ReportStatus,
    may_read_fields,
    report_status,
    sees_report,
)
from app.reports.services.event_explanations import other_words
from app.reports.services.forms import content_of, form_for
from app.reports.services.numbers import NETWORK, asked_sites, numbers_of, numbers_of_quarter
from app.reports.services.reports import (
    fields_of,
    fields_of_version,
    find_report,
    form_of,
    numbers_of_version,
    require_see,
)


def document_of_report(
    session: Session,
    actor: Actor,
    site: Site,
    quarter: Quarter,
    now: datetime,
    *,
    version: int | None = None,
    due_days: int = USUAL_DUE_DAYS,
) -> ReportDocument:
    """One site's report: that signed version, else the current one.

    The current one is the signed one of a submitted or accepted report, and the draft of another.
    Who may not read drafts sees what was signed last. Raises ``NotFound`` where this account may
    not know of it, or there is no such version.
    """
    report = find_report(session, site.id, quarter)
    require_see(actor, site.id, report)
    if version is not None and (report is None or not 1 <= version <= len(report.versions)):
        raise NotFound
    is_asked = any(one.id == site.id for one in asked_sites(session, quarter))
    standing = _standing(report, quarter, now, due_days, is_required=is_asked)
    live = numbers_of(session, site, quarter, now)
    if report is not None:
        is_signed = report.state in (ReportState.SUBMITTED, ReportState.ACCEPTED)
        if version is not None:
            return _signed(session, report, report.versions[version - 1], standing, live, now)
        if is_signed or not may_read_fields(actor, site.id):
            return _signed(session, report, report.versions[-1], standing, live, now)
    form = form_of(report) if report is not None else _form_for(session, quarter)
    return _document(
        session,
        site,
        quarter,
        standing,
        now,
        form=form,
        fields=fields_of(report),
        numbers=live,
        live=live,
    )


def document_of_quarter(
    session: Session,
    actor: Actor,
    quarter: Quarter,
    now: datetime,
    *,
    due_days: int = USUAL_DUE_DAYS,
) -> QuarterDocument:
    """The whole quarter: the state of each site, and what was signed."""
    numbers = dict(numbers_of_quarter(session, quarter, now))
    asked = set(numbers)
    reports = {
        one.site_id: one
        for one in session.scalars(
            select(Report)
            .where(Report.quarter == str(quarter))
            .options(selectinload(Report.versions))
        ).unique()
        if sees_report(actor, one.site_id, was_submitted=one.first_submitted_at is not None)
    }
    sites = {one.id: one for one in session.scalars(select(Site).where(Site.id.in_(asked)))}
    for site_id, report in reports.items():
        if site_id not in sites:
            sites[site_id] = report.site
            numbers[site_id] = numbers_of(session, report.site, quarter, now)
    lines, documents = [], []
    for site in sorted(sites.values(), key=lambda one: one.key):
        found, live = reports.get(site.id), numbers[site.id]
        required = site.id in asked
        standing = _standing(found, quarter, now, due_days, is_required=required)
        newest = found.versions[-1] if found is not None and found.versions else None
        lines.append(
            _line(
                site,
                newest,
                standing,
                live,
                is_required=required,
                is_over=quarter.end <= now,
            )
        )
        if found is not None and newest is not None:
            documents.append(_signed(session, found, newest, standing, live, now))
    (total,) = matching_table(session, [quarter], NETWORK, now).totals
    return QuarterDocument(
        quarter,
        report_status(quarter, None, None, now, is_required=False, due_days=due_days).due_at,
        now,
        lines,
        None if total is None else total.detected,
        None if total is None else total.documented,
        documents,
        _is_sample(session),
    )


def _standing(
    report: Report | None, quarter: Quarter, now: datetime, due_days: int, *, is_required: bool
) -> ReportStatus:
    return report_status(
        quarter,
        None if report is None else ReportState(report.state),
        None if report is None else report.first_submitted_at,
        now,
        is_required=is_required,
        due_days=due_days,
    )


def _line(
    site: Site,
    newest: ReportVersion | None,
    standing: ReportStatus,
    live: ReportNumbers,
    *,
    is_required: bool,
    is_over: bool,
) -> SiteLine:
    frozen = None if newest is None else numbers_of_version(newest)
    changed = () if frozen is None else changed_since(frozen, live)
    return SiteLine(
        site.key,
        standing.shown,
        standing.is_late,
        is_required,
        standing.due_at,
        is_over,
        "" if newest is None else newest.submitted_by,
        None if newest is None else newest.submitted_at,
        None if newest is None else newest.accepted_at,
        live if frozen is None else frozen,
        frozen is not None,
        {one.key: one for one in changed},
        is_t0=site.tier == 0,
    )


def _signed(
    session: Session,
    report: Report,
    version: ReportVersion,
    standing: ReportStatus,
    live: ReportNumbers,
    now: datetime,
) -> ReportDocument:
    row = session.get_one(ReportForm, version.form_number)
    return _document(
        session,
        report.site,
        Quarter.parse(report.quarter),
        standing,
        now,
        form=content_of(row),
        fields=fields_of_version(version),
        numbers=numbers_of_version(version),
        live=live,
        version=version,
    )


def _document(
    session: Session,
    site: Site,
    quarter: Quarter,
    standing: ReportStatus,
    now: datetime,
    *,
    form: Form,
    fields: Mapping[str, str],
    numbers: ReportNumbers,
    live: ReportNumbers,
    version: ReportVersion | None = None,
) -> ReportDocument:
    changed = {one.key: one for one in changed_since(numbers, live)}
    gone = {one.id for one in numbers.undocumented} - {one.id for one in live.undocumented}
    since = _since(session, gone)
    return ReportDocument(
        site=site.key,
        quarter=quarter,
        shown=standing.shown,
        is_late=standing.is_late,
        due_at=standing.due_at,
        made_at=now,
        version=None if version is None else version.number,
        signed_by="" if version is None else version.submitted_by,
        signed_at=None if version is None else version.submitted_at,
        accepted_by="" if version is None else version.accepted_by,
        accepted_at=None if version is None else version.accepted_at,
        counted_at=numbers.counted_at,
        is_t0=site.tier == 0,
        figures=[
            FigureLine(
                one,
                changed.get(one.key),
                fields.get(NUMBER + one.key, ""),
                fields.get(REASON + one.key, ""),
            )
            for one in numbers.figures
        ],
        events=[
            EventLine(one, fields.get(f"{EVENT}{one.id}", ""), since.get(one.id))
            for one in numbers.undocumented
        ],
        answers=_answers(form, fields),
        is_behind=numbers.is_behind,
        others=other_words(session, fields, numbers),
        is_sample=_is_sample(session),
    )


def _is_sample(session: Session) -> bool:
    """Whether the portal holds the demonstration's data."""
    return session.get(PortalFact, "demo") is not None


def _since(session: Session, events: Collection[int]) -> Mapping[int, Since]:
    """What happened to these, which are not among the site's events without a ticket any more."""
    if not events:
        return {}
    documented = session.scalars(
        select(DetectedEvent.id).where(
            DetectedEvent.id.in_(events),
            DetectedEvent.is_counted.is_(True),
            DetectedEvent.is_documented.is_(True),
        )
    )
    return dict.fromkeys(events, Since.COUNTS_NO_MORE) | dict.fromkeys(documented, Since.DOCUMENTED)


def _answers(form: Form, fields: Mapping[str, str]) -> Sequence[AnswerLine]:
    return [AnswerLine(one, fields.get(ANSWER + one.key, "")) for one in form.asked]


def _form_for(session: Session, quarter: Quarter) -> Form:
    """The questions that a report would be asked; none for quarters before the first form."""
    try:
        return content_of(form_for(session, quarter))
    except NotFound:
        return Form(())
