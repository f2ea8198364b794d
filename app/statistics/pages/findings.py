"""What figures show, in one sentence: the heading of a chart, and of the slide made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from app.core.rules.quarters import CalendarPeriod

_T = TypeVar("_T")


def counted_in_words(
    what: str, periods: Sequence[CalendarPeriod], counts: Sequence[int | None], moment: datetime
) -> str:
    """``8 tickets in 2026-Q4 so far; 11 in 2026-Q3, 2 more than in 2026-Q2``: the newest period
    with data, and how the newest whole one differs from the one before. ``what``: singular."""
    known = _known(periods, counts)
    if not known:
        return f"No data on {what}s"
    (last, count), before = known[-1], known[-2::-1]
    said = f"{count:,} {what}{'' if count == 1 else 's'} in {_named(last, moment)}"
    if not before:
        return said
    if not last.is_partial(moment):
        return f"{said}, {changed_in_words(count, before[0][1])} in {before[0][0]}"
    said += f"; {before[0][1]:,} in {before[0][0]}"
    if len(before) > 1:
        said += f", {changed_in_words(before[0][1], before[1][1])} in {before[1][0]}"
    return said


def changed_in_words(count: int, before: int) -> str:
    """``2 more than``, ``1 fewer than``, ``as many as``."""
    if count == before:
        return "as many as"
    return f"{abs(count - before):,} {'more' if count > before else 'fewer'} than"


def measured_in_words(
    periods: Sequence[CalendarPeriod],
    values: Sequence[float | None],
    words: Callable[[float], str],
    moment: datetime,
) -> str:
    """``99.95 % in 2026-Q4 so far, 99.90 % in 2026-Q3``: the newest two periods with data."""
    known = _known(periods, values)
    said = [f"{words(value)} in {_named(period, moment)}" for period, value in known[:-3:-1]]
    return ", ".join(said) or "no data"


def _known(
    periods: Sequence[CalendarPeriod], values: Sequence[_T | None]
) -> Sequence[tuple[CalendarPeriod, _T]]:
    both = zip(periods, values, strict=True)
    return [(period, value) for period, value in both if value is not None]


def _named(period: CalendarPeriod, moment: datetime) -> str:
    return f"{period} so far" if period.is_partial(moment) else str(period)
