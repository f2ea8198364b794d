"""The calendar of the LHC as it is stored: what pages and rules read of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.lhc_calendar import Period, PeriodKind
from app.models import LhcPeriod

LHC_PERIOD: Final = "lhc period"
"""The kind of thing in the change log."""


def lhc_periods(session: Session) -> Sequence[LhcPeriod]:
    """All periods by their beginning, longer ones first."""
    return session.scalars(
        select(LhcPeriod).order_by(LhcPeriod.begins_at, LhcPeriod.ends_at.desc(), LhcPeriod.id)
    ).all()


def known_periods(session: Session) -> Sequence[Period]:
    """The same as the rules take them."""
    return [period_of(row) for row in lhc_periods(session)]


def period_of(row: LhcPeriod) -> Period:
    """One of them."""
    return Period(row.name, PeriodKind(row.kind), row.begins_at, row.ends_at)
