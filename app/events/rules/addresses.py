"""Addresses of the event list: every number of a figure leads to exactly its rows."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

EVENTS: Final = "/events"
NO_T1: Final = "none"
"""The value of ``t1`` for events without a T1 end: the row of the T0."""


def events_url(**filters: str) -> str:
    """The list with these filters, without empty ones. Names: ``quarter``, ``from``, ``to``, ``t1``
    (a T1 end when the event started), ``site``, ``link``, ``network``, ``state``, ``source``,
    ``documented`` (yes, no), ``counted`` (yes) and ``due``."""
    given = urlencode({name: value for name, value in filters.items() if value})
    return f"{EVENTS}?{given}" if given else EVENTS
