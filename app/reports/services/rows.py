"""The rows behind the figures of a report: which list, and the filter that shows exactly these."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.core.rules.counted import Counted
from app.core.rules.quarters import Quarter
from app.duties.rules.duties import DutyStatus
from app.events.rules.addresses import NO_T1
from app.reports.services.numbers import CATEGORIES, MEASURES, NETWORK, RESPONSIBLE

_ANSWERS: Final = {"response": Counted.ANSWERED, "solution": Counted.ENDED}
_DOCUMENTED: Final = {"events": "", "documented": "yes", "undocumented": "no"}
_DUTIES: Final = {"duties_missed": DutyStatus.MISSING, "duties_late": DutyStatus.LATE}


class RowList(StrEnum):
    """Where rows are listed."""

    EVENTS = "events"
    DUTIES = "duties"
    AVAILABILITY = "availability"
    """No list: the figure's own page."""
    TICKETS = "tickets"


Filters = Sequence[tuple[str, str]]


def rows_of_figure(
    key: str, site: str, quarter: Quarter, *, is_t0: bool = False
) -> tuple[RowList, Filters] | None:
    """Where the rows behind a figure of a site (by its key) and a quarter are, as they are today;
    None for a figure that nobody lists. The events of the T0 are those that have no T1 end."""
    span = [("from", str(quarter)), ("to", str(quarter))]
    if key in _DOCUMENTED:
        return RowList.EVENTS, [
            ("quarter", str(quarter)),
            ("t1", NO_T1 if is_t0 else site),
            ("network", NETWORK),
            ("counted", "yes"),
            ("documented", _DOCUMENTED[key]),
        ]
    if key in _DUTIES:
        return RowList.DUTIES, [("site", site), *span, ("state", _DUTIES[key])]
    if key == "availability":
        return RowList.AVAILABILITY, [
            *(("per", "quarter"), *span, ("network", NETWORK), ("site", site))
        ]
    if key in MEASURES:
        figures = [("figure", _ANSWERS[MEASURES[key]]), ("figure", Counted.NO_TEST)]
        return RowList.TICKETS, [*_tickets("responsible", site, "", quarter), *figures]
    word = key.removeprefix(RESPONSIBLE)
    if word not in CATEGORIES:
        return None
    whose = "affected" if word == key else "responsible"
    return RowList.TICKETS, _tickets(whose, site, CATEGORIES[word][0], quarter)


def _tickets(whose: str, site: str, category: str, quarter: Quarter) -> Filters:
    last = quarter.end - timedelta(days=1)
    return [
        (whose, site),
        ("category", category),
        *(("state", "open"), ("state", "closed")),
        ("from", f"{quarter.begin:%Y-%m-%d}"),
        ("to", f"{last:%Y-%m-%d}"),
    ]
