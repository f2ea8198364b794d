"""What the page of a site or link shows of the past: day by day, and how available it was."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.events.rules.addresses import events_url
from app.registry.models.registry import Site
from app.registry.services.record_lists import RecordOnDay
from app.statistics.services.link_history import history_of_links


def history_panel(_actor: Actor, about: RecordOnDay) -> dict[str, Any]:
    """The last 90 days of the record's links, or the month that is requested."""
    row = about.row
    where = {"site": row.key} if isinstance(row, Site) else {"link": row.name}

    def events_of(first: date, last: date) -> str:
        """The reported events that were on between these days (UTC), both included."""
        span = {"from": str(first), "to": str(last), "lasting": "yes"}
        return events_url(view="reported", **where, **span)

    found = history_of_links(db.session(), about.own_links, about.day, now(), about.month)
    return {"history": found, "events_of": events_of}
