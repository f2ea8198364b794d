"""Addresses of the rows behind a number: the list with the filter that shows exactly these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import Schema

from app.api.wire import a_number, a_text
from app.events.rules.addresses import NO_T1

TICKETS, DETECTED, DUTIES = "/v1/tickets", "/v1/detected-events", "/v1/duties"
EVENTS = "/v1/events"


class FigureNumber(Schema):
    """A number of a figure, and where its rows are."""

    number = a_number("null = no data, which is not 0.", null=True)
    rows = a_text(
        "URL of the list of exactly these rows; null = no rows, or no such list.", null=True
    )


def number(value: int | None, path: str, pairs: Iterable[tuple[str, str]]) -> Mapping[str, Any]:
    """A number with the address of its rows."""
    return {"number": value, "rows": rows_at(path, pairs) if value else None}


def rows_at(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The address of a list with these filters, empty ones left out."""
    given = urlencode([(name, value) for name, value in pairs if value])
    return f"{request.script_root}{path}?{given}"


def events_counted(
    value: int | None, *, quarter: str, t1: str, network: str, documented: str = ""
) -> Mapping[str, Any]:
    """A number of events that count, of a T1 (``NO_T1`` = of what has none, "" = of all)."""
    filters = {
        "quarter": quarter,
        "t1": t1,
        "network": network,
        "counted": "yes",
        "documented": documented,
    }
    return number(value, DETECTED, filters.items())


def t1_of(site: str, tier: int | None) -> str:
    """The value of ``t1`` for a site's row."""
    return NO_T1 if tier == 0 else site
