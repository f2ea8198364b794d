"""Which tier a site had on a day."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import (
    ColumnElement,
    and_,
    or_,
)

from app.core.rules.quarters import Quarter
from app.registry.models.registry import Site


def tier_on(site: Site, day: date) -> int | None:
    """0 or 1 if the site was T0 or T1 on that day, else None."""
    return tier_of(site.tier, site.tier_since, site.tier_until, day)


def had_tier(day: date | ColumnElement[date]) -> ColumnElement[bool]:
    """The same as a condition: that a site was T0 or T1 on that day."""
    return and_(
        Site.tier.is_not(None),
        or_(Site.tier_since.is_(None), Site.tier_since <= day),
        or_(Site.tier_until.is_(None), Site.tier_until > day),
    )


def tier_of(tier: int | None, since: date | None, until: date | None, day: date) -> int | None:
    """``tier`` if it held on that day, else None."""
    there = (since is None or since <= day) and (until is None or day < until)
    return tier if there else None


def had_tier_in(site: Site, quarter: Quarter) -> bool:
    """Whether the site was T0 or T1 on a day of the quarter."""
    last = (quarter.end - timedelta(days=1)).date()
    day = quarter.begin.date()
    if site.tier_since is not None:
        day = max(day, site.tier_since)
    return day <= last and tier_of(site.tier, site.tier_since, site.tier_until, day) is not None
