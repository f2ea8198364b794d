"""What the pages of a site and of a link show of its tickets."""

from __future__ import annotations

from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.registry.services.record_lists import RecordOnDay
from app.tickets.services.record_tickets import tickets_of_record


def tickets_panel(actor: Actor, about: RecordOnDay) -> dict[str, Any]:
    """The tickets that concern a site or name a link, as the list of tickets finds them."""
    return {"tickets": tickets_of_record(db.session(), actor, about.row, now())}
