"""What the filters of lists share, whatever they list: tabs, chips, and days of an address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from app.core.rules.errors import Invalid
from app.core.rules.language import _

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class Tab:
    """A view of the list, with its count in words, or "" while that is unknown or not shown."""

    word: str
    url: str
    current: bool
    count: str = ""
    gap: bool = False


@dataclass(frozen=True)
class Chip:
    """One value of the filter, and the address without it."""

    label: str
    value: str
    without: str


def read_day(name: str, value: str, label: str) -> date:
    """A day such as 2026-01-31; ``Invalid`` for anything else."""
    try:
        if not _DAY.fullmatch(value):  # ISO 8601 knows weeks, too
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise Invalid(
            name, _("“%(label)s” must be a date such as 2026-01-31", label=label)
        ) from None
