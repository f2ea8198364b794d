"""Which site is meant by a name on a day: names move from one site to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, order=True)
class NamePeriod:
    """That a site has a name from ``begins`` until before ``ends``."""

    begins: date
    ends: date
    """First day on which it no longer does."""
    site_id: int
    key: str


def name_period(
    site_id: int, key: str, days: tuple[date | None, date | None], ended: date | None
) -> NamePeriod:
    """The period of a name's own days (from, until) and its site's last one; None = unbounded."""
    ends = min(days[1] or date.max, ended or date.max)
    return NamePeriod(days[0] or date.min, ends, site_id, key)


def bearer_on(periods: Sequence[NamePeriod], day: date) -> NamePeriod | None:
    """Of all sites that ever had a name the one that is meant by it on that day (UTC): that had
    it then, else that has it next, for most first days are guesses; None where all had ended.

    Events and tickets, entered or imported, are resolved by it, each on its own day (event start,
    else window start, else creation; decisions, section 9), so that they match by site.
    """
    left = sorted(one for one in periods if one.ends > day)
    return next((one for one in left if one.begins <= day), left[0] if left else None)


def bearer_or_last(periods: Sequence[NamePeriod], day: date) -> NamePeriod | None:
    """The same; where all had ended by then, the one that had the name last."""
    return bearer_on(periods, day) or max(periods, key=lambda one: one.ends, default=None)
