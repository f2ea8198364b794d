"""A range of quarters as an address names it: ``from=2012-Q1&to=2013-Q2``, either of them alone."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.quarters import MAX_PERIODS, Quarter, period_range


def read_quarters(typed_from: str, typed_to: str, most: int = MAX_PERIODS) -> Sequence[Quarter]:
    """The quarters; ``Invalid`` on from or to for what cannot be used, or more than ``most``."""
    first = Quarter.parse(typed_from or typed_to, "from" if typed_from else "to")
    last = Quarter.parse(typed_to or typed_from, "to" if typed_to else "from")
    for field, one in (("from", first), ("to", last)):
        if not 1990 <= one.year <= 2099:
            raise Invalid(field, _("Choose a quarter from 1990-Q1 to 2099-Q4"))
    found = period_range(first, last)
    if len(found) > most:
        raise Invalid("to", _("At most %(most)s quarters are shown at once", most=most))
    return found
