"""What a caller means by ``from`` and ``to``: periods of the calendar and days, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from marshmallow import ValidationError, fields

from app.core.rules.errors import Invalid
from app.core.rules.quarters import CalendarPeriod, HalfYear, Month, Quarter, Year, period_range

PER: Final[Mapping[str, type[CalendarPeriod]]] = {
    "quarter": Quarter,
    "half-year": HalfYear,
    "year": Year,
    "month": Month,
}
"""The kinds of periods; the first is the usual one."""
P = TypeVar("P", bound=CalendarPeriod)
MOST: Final = 80
"""Periods of one answer: each number has an address, so that more would be megabytes."""
_SHAPES: Final = "a day such as 2012-01-31, or 2012-01, 2012-Q1, 2012-H1, 2012, from 1990 to 2099"


class Edge(fields.String):
    """A period or day: its first moment and the first one behind it, UTC."""

    def __init__(self, text: str, **more: Any) -> None:
        super().__init__(
            metadata={"description": f"{text} {_SHAPES[0].upper()}{_SHAPES[1:]}; UTC."}, **more
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **more)
        span = _span(text)
        if span is None or not _is_known(span[0].year):
            raise ValidationError(f"{attr} takes {_SHAPES}")
        return span


def _span(text: str) -> tuple[datetime, datetime] | None:
    for kind in PER.values():
        try:
            period = kind.parse(text)
            return period.begin, period.end
        except Invalid:
            continue
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day, day + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _is_known(year: int) -> bool:
    return 1990 <= year <= 2099


class QuarterText(fields.String):
    """A quarter of the calendar."""

    def __init__(self, text: str, **more: Any) -> None:
        super().__init__(metadata={"description": text}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **more)
        try:
            quarter = Quarter.parse(text)
        except Invalid as error:
            raise ValidationError(error.message) from None
        if not _is_known(quarter.year):
            raise ValidationError(f"{attr} takes a quarter from 1990-Q1 to 2099-Q4")
        return quarter


def asked_periods(
    kind: type[CalendarPeriod],
    first: tuple[datetime, datetime] | None,
    last: tuple[datetime, datetime] | None,
    now: datetime,
    before: int,
) -> Sequence[CalendarPeriod]:
    """All periods of a kind that ``from`` and ``to`` touch; without them the running one and so
    many ``before`` it. Raises ``Invalid`` on ``to``."""
    end = last[1] - timedelta(microseconds=1) if last else now
    to = kind.of(end)
    start = kind.of(first[0]) if first else to.after(-before)
    return _not_too_many(period_range(start, to))


def quarters_asked(
    first: Quarter | None, last: Quarter | None, usual: Sequence[Quarter]
) -> Sequence[Quarter]:
    """Those from ``first`` to ``last``; ``usual`` ones where neither is named."""
    begin = first or (usual[0] if last is None else min(last, usual[0]))
    return _not_too_many(period_range(begin, last or max(usual[-1], begin)))


def _not_too_many(found: Sequence[P]) -> Sequence[P]:
    if len(found) > MOST:
        raise Invalid("to", f"At most {MOST} periods per call")
    return found
