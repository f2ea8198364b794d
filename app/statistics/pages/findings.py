"""What figures show, in one sentence: the heading of a chart, and of its slide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from app.core.rules.language import _, counted, joined
from app.core.rules.quarters import CalendarPeriod

_T = TypeVar("_T")


def tickets_in_words(
    periods: Sequence[CalendarPeriod], counts: Sequence[int | None], moment: datetime
) -> str:
    """``8 tickets in 2026-Q4 so far; 11 in 2026-Q3, 9 in 2026-Q2``: the newest period with data,
    and the newest two whole ones; if the newest is a whole one, how it differs from the one
    before."""
    known = _known(periods, counts)
    if not known:
        return _("No data on tickets")
    (last, count), before = known[-1], known[-2::-1]
    said: str = counted(
        "%(count)s ticket in %(last)s",
        "%(count)s tickets in %(last)s",
        count,
        count=format(count, ","),
        last=_named(last, moment),
    )
    if not before:
        return said
    if not last.is_partial(moment):
        return _(
            "%(said)s, %(count)s in %(before)s",
            said=said,
            count=changed_in_words(count, before[0][1]),
            before=before[0][0],
        )
    said += _("; %(before)s in %(before2)s", before=format(before[0][1], ","), before2=before[0][0])
    if len(before) > 1:
        said += _(", %(count)s in %(before)s", count=format(before[1][1], ","), before=before[1][0])
    return said


def changed_in_words(count: int, before: int) -> str:
    """``2 more than``, ``1 fewer than``, ``as many as``."""
    if count == before:
        return _("as many as")
    difference = f"{abs(count - before):,}"
    if count > before:
        return _("%(difference)s more than", difference=difference)
    return _("%(difference)s fewer than", difference=difference)


def measured_in_words(
    periods: Sequence[CalendarPeriod],
    values: Sequence[float | None],
    words: Callable[[float], str],
    moment: datetime,
) -> str:
    """``99.95 % in 2026-Q4 so far, 99.90 % in 2026-Q3``: the newest two periods with data."""
    known = _known(periods, values)
    said = [
        _("%(value)s in %(period)s", value=words(value), period=_named(period, moment))
        for period, value in known[:-3:-1]
    ]
    return joined(", ", said) if said else _("no data")


def _known(
    periods: Sequence[CalendarPeriod], values: Sequence[_T | None]
) -> Sequence[tuple[CalendarPeriod, _T]]:
    both = zip(periods, values, strict=True)
    return [(period, value) for period, value in both if value is not None]


def _named(period: CalendarPeriod, moment: datetime) -> str:
    return _("%(period)s so far", period=period) if period.is_partial(moment) else str(period)
