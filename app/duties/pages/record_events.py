"""The events on the page of a site or link: the last ones, each with its ticket."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.duties.services.duties import recent_from
from app.duties.services.listed_events import EventFilter, list_events
from app.duties.services.record_events import EventsOfRecord
from app.events.rules.addresses import events_url
from app.registry.models.registry import Site
from app.registry.services.record_lists import RecordOnDay

SHOWN: Final = 8


def events_panel(_actor: Actor, about: RecordOnDay) -> dict[str, Any]:
    """The detected events that started last; for a requested month, those that were ongoing in
    it."""
    row, month = about.row, about.month
    end = datetime.combine(about.day, time(), UTC) + timedelta(days=1)
    wanted = EventFilter(ends=end)
    span: dict[str, str] = {}
    if month is not None:
        wanted = EventFilter(begins=month.begin, ends=min(end, month.end), lasting=True)
        span = {"from": str(month), "to": str(month), "lasting": "yes"}
    kind = EventsOfRecord(
        [link.id for link in about.own_links], row.id if isinstance(row, Site) else None
    )
    page = list_events(db.session(), kind, wanted, now(), limit=SHOWN)
    where = {"site": row.key} if isinstance(row, Site) else {"link": row.name}
    return {
        "events": page.rows,
        "more_events": page.after is not None,
        "recent_events_from": recent_from(now()).begin,
        "all_events": events_url(**where, **span),
    }
