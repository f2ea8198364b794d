"""Addresses of the rows behind the figures of a report: each leads to exactly so many of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from flask import url_for

from app.core.rules.counted import Counted
from app.core.rules.quarters import Quarter
from app.duties.rules.duties import DutyStatus
from app.events.rules.addresses import NO_T1, events_url
from app.reports.services.numbers import CATEGORIES, MEASURES, NETWORK, RESPONSIBLE

_ANSWERS: Final = {"response": Counted.ANSWERED, "solution": Counted.ENDED}
_DOCUMENTED: Final = {"events": "", "documented": "yes", "undocumented": "no"}
_DUTIES: Final = {"duties_missed": DutyStatus.MISSING, "duties_late": DutyStatus.LATE}


def figure_url(key: str, site: str, quarter: Quarter, *, is_t0: bool = False) -> str:
    """The rows behind a figure of a site (by its key) and a quarter, as they are today; "" where no
    page has them. The events of the T0 are those that have no T1 end."""
    if key in _DOCUMENTED:
        return events_url(
            quarter=str(quarter),
            t1=NO_T1 if is_t0 else site,
            network=NETWORK,
            counted="yes",
            documented=_DOCUMENTED[key],
        )
    if key in _DUTIES:
        span = {"from": str(quarter), "to": str(quarter)}
        return _with("duty.listing", {"site": site, **span, "state": _DUTIES[key]})
    if key == "availability":
        span = {"from": str(quarter), "to": str(quarter)}
        return _with(
            "availability.page", {"per": "quarter", **span, "network": NETWORK, "site": site}
        )
    if key in MEASURES:
        return _tickets("responsible", site, quarter, figure=_ANSWERS[MEASURES[key]])
    word = key.removeprefix(RESPONSIBLE)
    if word not in CATEGORIES:
        return ""
    whose = "affected" if word == key else "responsible"
    return _tickets(whose, site, quarter, category=CATEGORIES[word][0])


def _tickets(
    whose: str, site: str, quarter: Quarter, *, category: str = "", figure: str = ""
) -> str:
    last = quarter.end - timedelta(days=1)
    values: dict[str, str | list[str]] = {
        whose: site,
        "category": category,
        "state": ["open", "closed"],
        "from": f"{quarter.begin:%Y-%m-%d}",
        "to": f"{last:%Y-%m-%d}",
        "figure": [figure, Counted.NO_TEST] if figure else "",
    }
    return _with("tickets.listing", values)


def _with(endpoint: str, values: Mapping[str, str | list[str]]) -> str:
    given = urlencode({name: value for name, value in values.items() if value}, doseq=True)
    return f"{url_for(endpoint)}?{given}"
