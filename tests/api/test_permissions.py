"""Every cell of the permission table's REST part, tried with real tokens on both databases."""

from __future__ import annotations

import re
from typing import Final

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import Event, EventSource
from app.factory import API as APPLICATION
from app.registry.models.registry import Site, SiteContact
from app.reports.models.reports import Report, ReportVersion
from app.reports.rules.numbers import ReportNumbers
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.api.conftest import Calling, Program
from tests.cast import NOON, Cast, writer
from tests.permissions import API, Row

MAIL = "noc@kit.example"
SENT: Final = {
    "GET /api/v1/sites/*": "/api/v1/sites/DE-KIT",
    "GET /api/v1/sites/* contacts": "/api/v1/sites/DE-KIT",
    "GET /api/v1/sites/* unknown": "/api/v1/sites/NOWHERE",
    "GET /api/v1/links/*": "/api/v1/links/CERN-PIC-LHCOPN-001",
    "GET /api/v1/links/* unknown": "/api/v1/links/NOWHERE",
    "GET /api/v1/events/*": "/api/v1/events/1",
    "GET /api/v1/exchange/pairs/*": "/api/v1/exchange/pairs/1",
    "GET /api/v1/reports/*": "/api/v1/reports/DE-KIT/2012-Q4",
    "GET /api/v1/reports/* draft": "/api/v1/reports/DE-KIT/2013-Q1",
    "POST /api/v1/events/alertmanager/*": "/api/v1/events/alertmanager/noc",
}
"""Where a row is sent, if there is a star in its address."""
BODIES: Final = {
    f"/api/v1/events/alertmanager{source}": {"version": "4", "alerts": []}
    for source in ("", "/noc")
} | {"/api/v1/notices": b"Subject: works\r\n\r\nOn Monday."}
MEDIA: Final = {"/api/v1/notices": "message/rfc822"}


def told(row: Row, program: Program) -> str:
    method, _, path = SENT.get(row.how, row.how).rpartition(" ")
    if (method or row.how.split(" ")[0]) == "POST":
        media = MEDIA.get(path, "application/json")
        answer = program.post(path, BODIES.get(path, []), Content_Type=media)
    else:
        answer = program.get(path)
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.json is not None
        assert answer.json["status"] == answer.status_code
        return str(answer.status_code)
    if row.how.endswith(" contacts"):
        return "yes" if MAIL in answer.text else "no"
    return "yes"


def _report(site: Site, quarter: str, versions: int) -> Report:
    numbers = ReportNumbers(site.key, quarter, NOON, [], [])
    return Report(
        site_id=site.id,
        quarter=quarter,
        state="submitted" if versions else "draft",
        form_number=1,
        created_at=NOON,
        created_by="kit",
        changed_at=NOON,
        changed_by="kit",
        first_submitted_at=NOON if versions else None,
        versions=[
            ReportVersion(
                number=number,
                form_number=1,
                numbers=numbers.as_text(),
                fields="{}",
                submitted_at=NOON,
                submitted_by="kit",
            )
            for number in range(1, versions + 1)
        ],
    )


def test_every_cell_of_rest(app: Flask, session: Session, cast: Cast, calling: Calling) -> None:
    with transaction(session):
        kit = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        kit.contacts = [SiteContact(role="network", name="Sample NOC", mail=MAIL)]
        source = EventSource(name="probe", kind="api", created_at=NOON)
        session.add(source)
        session.flush()
        session.add(
            Event(
                id=1,
                source_id=source.id,
                source_key="a",
                site_id=kit.id,
                state="down",
                start=NOON,
                created_at=NOON,
                changed_at=NOON,
            )
        )
        open_ticket(session, writer(cast.operator), NewTicket(title="Link down"))
        for quarter, versions in (("2012-Q4", 1), ("2013-Q1", 0)):
            session.add(_report(kit, quarter, versions))
    programs = {scope: calling(scope) for scope in ("read", "registry", "tickets", "events")} | {
        "person": calling("read", of=cast.reader),
        "admin": calling("tickets", of=cast.admin),
        "nobody": Program(app, ""),
    }
    found = {
        row.how: {column: told(row, program) for column, program in programs.items()}
        for row in API.rows
    }
    assert found == {row.how: row.cells for row in API.rows}


def test_every_address_is_in_a_row(app: Flask) -> None:
    known = {
        f"{method} /api{re.sub('<[^>]*>', '*', rule.rule)}"
        for rule in app.extensions[APPLICATION].url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == {" ".join(row.how.split(" ")[:2]) for row in API.rows}
