"""What the page of a site shows of its quarterly reports: the running quarter and the last one."""

from __future__ import annotations

from typing import Any

from flask import current_app

from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.times import now
from app.registry.models.registry import Site
from app.registry.services.record_lists import RecordOnDay
from app.reports.pages.reports import SIGNS
from app.reports.services.grid import reports_of_site


def reports_panel(actor: Actor, about: RecordOnDay) -> dict[str, Any]:
    """As this account may know them; links have none."""
    if not isinstance(about.row, Site):
        return {}
    this = Quarter.of(now())
    due_days: int = current_app.config["PORTAL"].report_due_days
    cells = reports_of_site(db.session(), actor, about.row, (this, this.previous), now(), due_days)
    return {"reports": cells, "report_signs": SIGNS}
