"""Every cell of the permission table's REST part, tried with real tokens on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Any, Final

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api import OPERATIONS
from app.calendar.services.lhc_calendar import add_period
from app.core.database.transactions import transaction
from app.core.rules.scopes import Scope
from app.core.services.changes import take_number
from app.events.adapters import FORMATS
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from app.factory import API as APPLICATION
from app.meetings.services.packs import order_pack
from app.meetings.services.teleconferences import Asked, ask
from app.registry.models.registry import Site, SiteContact
from app.reports.models.reports import (
    Report,
    ReportAttachment,
    ReportAttachmentContent,
    ReportVersion,
)
from app.reports.rules.numbers import ReportNumbers
from app.tickets.rules.attachments import public_id
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import open_ticket
from tests.api.conftest import Calling, Program
from tests.cast import NOON, Cast, writer
from tests.exchange.seeded import seed_pair
from tests.permissions import API, Row
from tests.soap_service.native.test_nttdm import document
from tests.webhooks.seeded import seed_messages, seed_webhook

MAIL = "noc@kit.example"
TICKET = "/api/v1/tickets/1"
FILE = "/api/v1/attachments/*"
REPORT = "/api/v1/reports/DE-KIT/2013-Q1"
ANSWERS = {"backup_test": "Not tested", "contacts_reviewed": "yes", "routing_reviewed": "no"}
"""To the questions of a report that need one."""
PERSON = "/api/v1/people/pic"
STEPS = ("links", "end-logins", "take-off-second-factor", "disable", "enable")
ACCOUNT = "/api/v1/accounts/nren_a"
CONNECTION = "/api/v1/exchange/connections/1"
SENT: Final = {
    "GET /api/v1/sites/*": "/api/v1/sites/DE-KIT",
    "GET /api/v1/sites/* contacts": "/api/v1/sites/DE-KIT",
    "GET /api/v1/sites/* unknown": "/api/v1/sites/NOWHERE",
    "GET /api/v1/links/*": "/api/v1/links/CERN-PIC-LHCOPN-001",
    "GET /api/v1/links/* unknown": "/api/v1/links/NOWHERE",
    "PATCH /api/v1/sites/*": "/api/v1/sites/DE-KIT",
    "PATCH /api/v1/links/*": "/api/v1/links/CERN-PIC-LHCOPN-001",
    "GET /api/v1/events/*": "/api/v1/events/1",
    **{
        f"{method} /api/v1/webhooks/*{path}": f"/api/v1/webhooks/1{path.replace('*', '1')}"
        for method, path in (
            *(("GET", ""), ("POST", "/test"), ("GET", "/messages")),
            ("POST", "/messages/*/again"),
        )
    },
    "POST /api/v1/webhooks/*/off": "/api/v1/webhooks/2/off",
    "GET /api/v1/exchange/pairs/*": "/api/v1/exchange/pairs/1",
    "GET /api/v1/reports/*": "/api/v1/reports/DE-KIT/2012-Q4",
    "GET /api/v1/reports/* draft": "/api/v1/reports/DE-KIT/2013-Q1",
    "GET /api/v1/reports/*/*/draft": f"{REPORT}/draft",
    "PATCH /api/v1/reports/*/*/draft": f"{REPORT}/draft",
    "POST /api/v1/reports/*/*/submit": f"{REPORT}/submit",
    "POST /api/v1/reports/*/*/accept": f"{REPORT}/accept",
    "POST /api/v1/reports/*/*/reopen": f"{REPORT}/reopen",
    "GET /api/v1/reports/*/*/comments": f"{REPORT}/comments",
    "POST /api/v1/reports/*/*/comments": f"{REPORT}/comments",
    "POST /api/v1/reports/*/*/attachments": f"{REPORT}/attachments?name=a.txt",
    "GET /api/v1/reports/*/*/attachments/*": "/api/v1/reports/DE-KIT/2012-Q4/attachments/1",
    "DELETE /api/v1/reports/*/*/attachments/*": f"{REPORT}/attachments/1",
    "PATCH /api/v1/events/*": "/api/v1/events/2",
    "POST /api/v1/events/*/withdraw": "/api/v1/events/2/withdraw",
    "POST /api/v1/events/*/restore": "/api/v1/events/2/restore",
    "GET /api/v1/lhc-periods/*": "/api/v1/lhc-periods/1",
    "PATCH /api/v1/lhc-periods/*": "/api/v1/lhc-periods/1",
    "DELETE /api/v1/lhc-periods/*": "/api/v1/lhc-periods/1?why=Wrong",
    "GET /api/v1/events/*/matching": "/api/v1/events/1/matching",
    "POST /api/v1/events/*/decisions": "/api/v1/events/1/decisions",
    "DELETE /api/v1/events/*/decisions/*": "/api/v1/events/1/decisions/1",
    **{f"POST /api/v1/events/{name}/*": f"/api/v1/events/{name}/noc" for name in FORMATS},
    "GET /api/v1/tickets/*": TICKET,
    "GET /api/v1/tickets/* internal": TICKET,
    "GET /api/v1/tickets/* mail": TICKET,
    "GET /api/v1/tickets/*/history": f"{TICKET}/history",
    "PATCH /api/v1/tickets/*": TICKET,
    "POST /api/v1/tickets/*/comments": f"{TICKET}/comments",
    "POST /api/v1/tickets/*/comments internal": f"{TICKET}/comments",
    "POST /api/v1/tickets/*/moves": f"{TICKET}/moves",
    "POST /api/v1/tickets/*/take": f"{TICKET}/take",
    "POST /api/v1/tickets/*/relations": f"{TICKET}/relations",
    "DELETE /api/v1/tickets/*/relations/*/*": f"{TICKET}/relations/related/2",
    "POST /api/v1/tickets/*/acknowledgements": "/api/v1/tickets/2/acknowledgements",
    "POST /api/v1/tickets/*/attachments": f"{TICKET}/attachments?name=a.txt",
    "POST /api/v1/tickets/*/merge": "/api/v1/tickets/3/merge",
    **{
        f"{method} /api/v1/tickets/*/{word}": f"{TICKET}/{word}"
        for method, word in (
            ("POST", "partners"),
            ("POST", "reviewed"),
            ("POST", "undo-move"),
            ("PUT", "watch"),
            ("DELETE", "watch"),
            ("PUT", "reminder"),
            ("DELETE", "reminder"),
            ("GET", "nttdm"),
        )
    },
    **{
        f"POST /api/v1/exchange/connections/*/{step}": f"{CONNECTION}/{step}"
        for step in ("pause", "resume", "retry", "compare")
    },
    "GET /api/v1/exchange/connections/*": CONNECTION,
    "POST /api/v1/exchange/failures/*/retry": "/api/v1/exchange/failures/1/retry",
    "POST /api/v1/exchange/entries/*/choose": "/api/v1/exchange/entries/3/choose",
    "POST /api/v1/exchange/entries/*/skip": "/api/v1/exchange/entries/2/skip",
    "POST /api/v1/exchange/entries/*/replay": "/api/v1/exchange/entries/2/replay",
    "GET /api/v1/notices/*": "/api/v1/notices/1",
    "GET /api/v1/teleconferences/*": "/api/v1/teleconferences/1",
    "GET /api/v1/packs/*": "/api/v1/packs/1",
    "GET /api/v1/packs/*/files/*": "/api/v1/packs/1/files/pdf",
    "GET /api/v1/people/*": PERSON,
    "PATCH /api/v1/people/*": PERSON,
    "GET /api/v1/partners/*": "/api/v1/partners/NREN-A",
    "GET /api/v1/accounts/*": ACCOUNT,
    "PATCH /api/v1/accounts/*": ACCOUNT,
    "POST /api/v1/accounts/*/secrets": f"{ACCOUNT}/secrets",
    "DELETE /api/v1/accounts/*/secrets/*": f"{ACCOUNT}/secrets/2",
    "POST /api/v1/accounts/*/disable": f"{ACCOUNT}/disable",
    "POST /api/v1/accounts/*/enable": f"{ACCOUNT}/enable",
    **{f"POST /api/v1/people/*/{step}": f"{PERSON}/{step}" for step in STEPS},
}
"""Where a row is sent, if there is a star in its address."""
BODIES: Final[dict[str, Any]] = {
    "POST /api/v1/tickets": {"title": "Link down"},
    "PATCH /api/v1/tickets/*": {"impact": "outage"},
    "POST /api/v1/tickets/*/comments": {"text": "We look"},
    "POST /api/v1/tickets/*/comments internal": {"text": "For us", "internal": True},
    "POST /api/v1/tickets/*/moves": {"state": "on hold"},
    "POST /api/v1/tickets/*/relations": {"role": "related", "number": 2},
    "POST /api/v1/tickets/*/acknowledgements": {"site": "DE-KIT", "answer": "accepted"},
    "POST /api/v1/tickets/*/attachments": b"x",
    "POST /api/v1/notices": b"Subject: works\r\n\r\nOn Monday.",
    "POST /api/v1/tickets/*/merge": {"master": 1},
    "POST /api/v1/tickets/*/partners": {"partner": "NREN-A"},
    "PUT /api/v1/tickets/*/reminder": {"due": "2099-01-01"},
    "POST /api/v1/tickets/nttdm": document(ORIGINAL_ID="77").encode(),
    "POST /api/v1/sites": {"key": "NL-T1", "country": "NL", "time_zone": "Europe/Amsterdam"},
    "PATCH /api/v1/sites/*": {"bandwidth_gbps": 100},
    "POST /api/v1/links": {"network": "LHCOPN", "end_a": "CH-CERN", "end_b": "DE-KIT"},
    "PATCH /api/v1/links/*": {"bandwidth_gbps": 100},
    "POST /api/v1/unresolved-names/decisions": {
        "kind": "site",
        "name": "Nowhere",
        "decision": "dismissed",
    },
    "POST /api/v1/units": {"name": "NOC"},
    "POST /api/v1/lhc-periods": {
        "name": "Run 9",
        "kind": "run",
        "begin": "2090-01",
        "begin_standing": "sample",
        "end_standing": "sample",
    },
    "PATCH /api/v1/lhc-periods/*": {"note": "As told"},
    "PATCH /api/v1/events/*": {"detail": "Our test"},
    "POST /api/v1/events/*/withdraw": {"reason": "It never was"},
    "POST /api/v1/events/*/restore": {"reason": "It was"},
    "POST /api/v1/events/*/decisions": {"ticket": 1, "decision": "linked", "reason": "Told so"},
    "PATCH /api/v1/reports/*/*/draft": {
        "fields": {f"answer.{key}": {"value": value} for key, value in ANSWERS.items()}
    },
    "POST /api/v1/reports/*/*/reopen": {"reason": "One is missing"},
    "POST /api/v1/reports/*/*/comments": {"text": "Please look"},
    "POST /api/v1/reports/*/*/attachments": b"x",
    "POST /api/v1/people": {"name": "new", "role": "reader"},
    "PATCH /api/v1/people/*": {"role": "reader"},
    "POST /api/v1/accounts": {"partner": "NREN-C", "login": "nren_c"},
    "PATCH /api/v1/accounts/*": {"read_only": True},
    "POST /api/v1/accounts/*/secrets": None,
    "POST /api/v1/accounts/*/disable": None,
    "POST /api/v1/accounts/*/enable": None,
    **{
        f"POST /api/v1/exchange/{step}": None
        for step in (
            *(f"connections/*/{one}" for one in ("pause", "resume", "retry", "compare")),
            "failures/*/retry",
            "entries/*/replay",
        )
    },
    "POST /api/v1/exchange/entries/*/skip": {"reason": "Sent by phone"},
    "POST /api/v1/exchange/entries/*/choose": {"value": "ours"},
    **{f"POST /api/v1/people/*/{step}": {} for step in STEPS},
} | {
    f"POST /api/v1/events/{name}{source}": found.example
    for name, found in FORMATS.items()
    for source in ("", "/*")
}
"""What is sent, by the row; else an empty list."""
MEDIA: Final = {
    "POST /api/v1/notices": "message/rfc822",
    "POST /api/v1/tickets/nttdm": "application/xml",
    "POST /api/v1/tickets/*/attachments": "application/octet-stream",
    "POST /api/v1/reports/*/*/attachments": "application/octet-stream",
}
SHOWN: Final = {"contacts": MAIL, "internal": "For operators", "mail": "who@kit.example"}
"""What an answer holds if that is shown, by the last word of the row."""


def told(row: Row, program: Program, made: Mapping[str, Callable[[], str]]) -> str:
    method, path, *case = row.how.split(" ")
    if path.endswith("/undo-move"):  # of one's own move, if one may move it
        for state in ("on hold", "waiting for reply"):
            program.post(f"{TICKET}/moves", {"state": state})
    path = made[row.how]() if row.how in made else SENT.get(row.how, path)
    assert "*" not in path, row.how
    seen = {"If_Match": "*"} if path.endswith("/submit") else {}
    if method in ("GET", "DELETE"):
        answer = program.send(method, path)
    else:
        media = MEDIA.get(row.how, "application/json")
        answer = program.send(method, path, BODIES.get(row.how, []), Content_Type=media, **seen)
    if answer.status_code >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.json is not None
        assert answer.json["status"] == answer.status_code
        return str(answer.status_code)
    if method == "GET" and case and case[0] in SHOWN:
        return "yes" if SHOWN[case[0]] in answer.text else "no"
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


def _file_of(report: Report) -> ReportAttachment:
    """A file that the signed version holds."""
    return ReportAttachment(
        report_id=report.id,
        number=1,
        first_version=1,
        name="a.txt",
        size=1,
        media_type="text/plain",
        digest="0" * 64,
        created_at=NOON,
        author="kit",
    )


def test_every_cell_of_rest(app: Flask, session: Session, cast: Cast, calling: Calling) -> None:
    with transaction(session):
        kit = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        kit.contacts = [SiteContact(role="network", name="Sample NOC", mail=MAIL)]
        source = EventSource(name="probe", kind="api", created_at=NOON)
        session.add(source)
        session.flush()
        take_number(session, EVENT, 2)
        session.add_all(
            Event(
                id=number,
                source_id=source.id,
                source_key=f"a{number}",
                site_id=kit.id,
                state="down",
                start=NOON,
                created_at=NOON,
                changed_at=NOON,
            )
            for number in (1, 2)
        )
        mail, note = "who@kit.example", "For operators"
        new = NewTicket(
            title="Link down", submitter_mail=mail, internal_comment=note, sites=("Nowhere",)
        )
        open_ticket(session, writer(cast.operator), new)
        twice = NewTicket(title="Link down again")
        change = NewTicket(title="New optics", category="change", asked_sites=("DE-KIT",))
        open_ticket(session, writer(cast.operator), change)
        open_ticket(session, writer(cast.operator), twice)
        for _number in range(2):
            seed_webhook(session, writer(cast.operator))
        seed_messages(session, 1, NOON)
        ask(session, writer(cast.reader), Asked("New optics", [NOON + timedelta(2)], tickets=[2]))
        order_pack(
            session,
            writer(cast.operator),
            title="Meeting",
            first="2012-Q4",
            last="2012-Q4",
            slides=["reports"],
        )
        exchanged = seed_pair(session, "NREN-A", 2)
        waiting, asked = exchanged.waiting(), exchanged.asked()
        session.flush()
        assert (exchanged.pair.id, waiting.id, asked.id) == (1, 2, 3)
        for quarter, versions in (("2012-Q4", 1), ("2013-Q1", 0)):
            session.add(_report(kit, quarter, versions))
        add_period(
            session, writer(cast.admin), BODIES["POST /api/v1/lhc-periods"] | {"name": "Run 8"}
        )
        session.flush()
        signed = session.scalars(select(Report).where(Report.quarter == "2012-Q4")).one()
        session.add(_file_of(signed))
        session.flush()
        session.add(ReportAttachmentContent(report_id=signed.id, number=1, content=b"x"))
    systems = ("read", "registry", "tickets", "events", "reports")
    programs = {scope: calling(scope) for scope in systems} | {
        "person": calling("read", of=cast.reader),
        "reader": calling("tickets", of=cast.reader),
        "operator": calling("tickets", of=cast.operator),
        "partner": calling("read", "tickets", account=cast.nren_b.account),
        "admin": calling(*Scope, of=cast.admin),
        "nobody": Program(app, ""),
    }
    contents = count()

    def file() -> str:
        """The address of a file that an operator has just attached."""
        content = str(next(contents)).encode()
        with transaction(session):
            made = add_attachment(session, writer(cast.operator), 1, "a.txt", content)
            return f"/api/v1/attachments/{public_id(made.id)}"

    def webhook() -> str:
        """The address of a webhook that an operator has just created."""
        with transaction(session):
            return f"/api/v1/webhooks/{seed_webhook(session, writer(cast.operator))[0]}"

    made = {
        **{row.how: file for row in API.rows if row.how.split(" ")[1] == FILE},
        "DELETE /api/v1/webhooks/*": webhook,
    }
    found = {
        row.how: {column: told(row, program, made) for column, program in programs.items()}
        for row in API.rows
    }
    assert found == {row.how: row.cells for row in API.rows}


def test_a_row_is_named_by_the_summary_of_its_operation() -> None:
    summaries = {
        f"{one.method} /api{re.sub('{[^}]*}', '*', one.path)}": one.summary for one in OPERATIONS
    }
    for row in API.rows:
        how = " ".join(row.how.split(" ")[:2])
        assert row.action.startswith(summaries.get(how, "Get the OpenAPI document")), row.how


def test_every_address_is_in_a_row(app: Flask) -> None:
    known = {
        f"{method} /api{re.sub('<[^>]*>', '*', rule.rule)}"
        for rule in app.extensions[APPLICATION].url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert known == {" ".join(row.how.split(" ")[:2]) for row in API.rows}
