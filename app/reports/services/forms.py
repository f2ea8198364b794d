"""The questions of quarterly reports: which form is used, what earlier answers it offers.

A form that is in use never changes: reports keep the one with which they were started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.reports.models.reports import Report, ReportField, ReportForm
from app.reports.rules.form import ANSWER, Form, checked_answer

CARRIED_QUARTERS: Final = 4
"""How far back an answer is looked for; what was written more than a year ago hardly holds on."""


def form_for(session: Session, quarter: Quarter | str) -> ReportForm:
    """The form with which a report of this quarter is started now.

    It is the one that was published last of those whose first quarter is this or an earlier one.
    ``NotFound`` for quarters before the first form.
    """
    found = session.scalars(
        select(ReportForm)
        .where(ReportForm.published_at.is_not(None), ReportForm.first_quarter <= str(quarter))
        .order_by(ReportForm.published_at.desc(), ReportForm.number.desc())
        .limit(1)
    ).first()
    if found is None:
        raise NotFound(_("No report form exists for %(quarter)s", quarter=quarter))
    return found


def all_forms(session: Session) -> Sequence[ReportForm]:
    """Every form by its number, drafts among them."""
    return session.scalars(select(ReportForm).order_by(ReportForm.number)).all()


def form_of_number(session: Session, number: int) -> ReportForm:
    """The form of this number; ``NotFound`` otherwise."""
    found = session.get(ReportForm, number)
    if found is None:
        raise NotFound(_("Form not found"))
    return found


def is_published(row: ReportForm) -> bool:
    """Whether it is in use, or was until a newer one came; else it is a draft."""
    return row.published_at is not None


def form_to_begin(session: Session, quarter: Quarter | str) -> ReportForm:
    """``form_for``, locked until the transaction ends: nobody takes it out of use before the report
    that is started with it is known."""
    while True:
        number = form_for(session, quarter).number
        row = session.scalars(
            select(ReportForm)
            .where(ReportForm.number == number)
            .with_for_update(read=True)
            .execution_options(populate_existing=True)
        ).first()
        if row is not None and is_published(row):
            return row
        session.expire_all()  # it was taken out of use while this waited: another one is used


@dataclass(frozen=True)
class Used:
    """The quarters whose reports use a form when they are started."""

    first: str
    last: str | None
    """None = until further notice."""


def uses_of(rows: Sequence[ReportForm]) -> Mapping[int, Used]:
    """By number; drafts are left out, and what was replaced before its first quarter came."""
    published = sorted(
        (row for row in rows if row.published_at is not None and row.first_quarter is not None),
        key=lambda row: (row.published_at, row.number),
    )
    found: dict[int, Used] = {}
    until: str | None = None
    for row in reversed(published):
        assert row.first_quarter is not None
        if until is None or row.first_quarter < until:
            last = None if until is None else str(Quarter.parse(until).previous)
            found[row.number] = Used(row.first_quarter, last)
            until = row.first_quarter
    return found


def content_of(row: ReportForm) -> Form:
    """What a form asks."""
    return Form.from_text(row.content)


@dataclass(frozen=True)
class Carried:
    """An answer of an earlier quarter that is offered again."""

    value: str
    quarter: str
    """The one of which the report was."""


def carried_answers(
    session: Session, site_id: int, quarter: Quarter | str, form: Form
) -> Mapping[str, Carried]:
    """By the question's key: what the site answered last, where it still fits.

    Only questions that are carried, whose earlier answer this form still allows, and of which
    nothing was written in this quarter's report yet. An answer that was emptied is not offered
    from further back. Show it to none but those who may read the site's drafts.
    """
    last = Quarter.parse(str(quarter))
    keys = {ANSWER + one.key: one for one in form.asked if one.is_carried}
    rows = session.execute(
        select(Report.quarter, ReportField.name, ReportField.value)
        .join(ReportField, ReportField.report_id == Report.id)
        .where(
            Report.site_id == site_id,
            Report.quarter >= str(last.after(-CARRIED_QUARTERS)),
            Report.quarter <= str(last),
            ReportField.name.in_(keys),
        )
        .order_by(Report.quarter.desc())
    )
    found: dict[str, Carried] = {}
    seen = set()
    for of_quarter, name, value in rows:
        if name in seen:
            continue
        seen.add(name)
        if of_quarter == str(last) or not value:
            continue
        try:
            fitting = checked_answer(keys[name], value)
        except Invalid:
            continue
        found[keys[name].key] = Carried(fitting, of_quarter)
    return {one.key: found[one.key] for one in keys.values() if one.key in found}
