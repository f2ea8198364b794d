"""Verbs on the questions of quarterly reports: which form is used, what earlier answers it offers.

A form that is in use never changes: reports keep the one with which they were begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import Invalid, NotFound
from app.domain.quarters import Quarter
from app.domain.report_form import ANSWER, Form, checked_answer
from app.models import Report, ReportField, ReportForm

CARRIED_QUARTERS: Final = 4
"""How far back an answer is looked for; what was written more than a year ago hardly holds on."""


def form_for(session: Session, quarter: Quarter | str) -> ReportForm:
    """The form with which a report of this quarter is begun now.

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
        raise NotFound(f"There are no questions for reports of {quarter}")
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
