"""Addresses of the rows behind the figures of a report: each leads to exactly so many of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from flask import url_for

from app.core.rules.quarters import Quarter
from app.reports.services.rows import RowList, rows_of_figure

_ENDPOINTS: Final[Mapping[RowList, str]] = {
    RowList.EVENTS: "events.listing",
    RowList.DUTIES: "duty.listing",
    RowList.AVAILABILITY: "availability.page",
    RowList.TICKETS: "tickets.listing",
}


def figure_url(key: str, site: str, quarter: Quarter, *, is_t0: bool = False) -> str:
    """The rows behind a figure of a site (by its key) and a quarter, as they are today; "" where no
    page has them."""
    found = rows_of_figure(key, site, quarter, is_t0=is_t0)
    if found is None:
        return ""
    where, filters = found
    given = urlencode([(name, value) for name, value in filters if value])
    return f"{url_for(_ENDPOINTS[where])}?{given}"
