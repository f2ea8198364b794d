"""How many files of the portal four everyday flows enter, and how many calls they make there.

``tools/traced_flows.py [--files]`` prints a line for each flow, and with ``--files`` the files with
the calls of each. Each flow runs once before it is traced, so that imports, caches and compiled
templates are not counted; on SQLite, in this process, with the demo's data.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app import cli, demo
from app.accounts.models.people import User
from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.factory import create_app
from app.jobs.tasks.context import Context
from app.worker.followers import FOLLOWERS
from soap_service.application import mount
from tests.harness import run
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import test_settings
from tests.harness.visitor import Visitor
from tests.soap_service.wire import elements, envelope, in_order, login

TOP: Final = Path(__file__).resolve().parent.parent
_ROOTS: Final = tuple(f"{TOP / name}/" for name in ("app", "soap_service"))
Flow = Callable[[int], None]
"""Given the number of the try, from 1."""


def traced(flow: Flow, prepare: Flow | None = None) -> Counter[str]:
    """The calls of a flow's second try, by file; ``prepare`` goes before each try, untraced."""
    calls: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_ROOTS):
            calls[frame.f_code.co_filename.removeprefix(f"{TOP}/")] += 1

    before = prepare or (lambda _attempt: None)
    before(1)
    flow(1)
    before(2)
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        flow(2)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return calls


class Flows:
    """The flows, on one application with the demo's data."""

    def __init__(self, app: Flask, url: str) -> None:
        self._app, self._doors = app, mount(app)
        self._context = Context(open_engine(url), test_settings(url))
        self._partner = next(one for one in demo.LOGINS if one.name == demo.PARTNER_LOGIN)
        with Session(self._context.engine) as session, transaction(session):
            demo.seed_demo(session, datetime.now(UTC))
        self.matching(0)
        self._visitor = Visitor(app)
        with Session(self._context.engine) as session, transaction(session):
            admin = session.scalars(select(User).where(User.name == "admin")).one()
            self._visitor.carry(start_login(session, admin.id, datetime.now(UTC)))
        self._visitor.token()

    def close(self) -> None:
        """Let go of the database."""
        self._doors.close()
        self._context.engine.dispose()

    def ticket_create(self, attempt: int) -> None:
        """A partner creates a ticket over SOAP."""
        values = {
            "GHD_Short_Description": "CERN-RAL-LHCOPN-001 down",
            "GHD_Origin_ID": f"traced-{attempt}",
            "GHD_Last_Modifier": "NOC (via NREN-X)",
            "GHD_Last_Login": "nren_x",
        }
        body = envelope(
            "TicketCreate",
            elements(in_order("TicketCreate", values)),
            header=login(self._partner.name, self._partner.password),
        )
        answer = Client(self._doors).post(
            "/soap/GGUS", data=body.encode(), content_type="text/xml; charset=utf-8"
        )
        assert answer.status_code == 200, answer.text

    def report_field(self, attempt: int) -> None:
        """A field of a quarterly report saves itself."""
        name = "answer.remarks"
        fields = {name: f"Sample remark {attempt}", f"seen.{name}": str(attempt - 1)}
        answer = self._visitor.send(
            f"/reports/ES-PIC/2013-Q1/fields/{name}", fields, {"HX-Request": "true"}
        )
        assert answer.status_code == 200, answer.text

    def event_file(self, attempt: int) -> None:
        """A command imports a file with one event."""
        self._import(f"file-{attempt}", day=attempt)

    def store_event(self, attempt: int) -> None:
        """What the worker's matching finds."""
        self._import(f"new-{attempt}", day=10 + attempt)

    def matching(self, _attempt: int) -> None:
        """What the worker does when the change log has grown, by all that follow it."""
        for follow in FOLLOWERS.values():
            while follow(self._context):
                pass

    def _import(self, name: str, *, day: int) -> None:
        file = run.folder() / f"{name}.csv"
        file.write_text(
            "source,source_id,link,state,start,end\n"
            f"traced,{name},CERN-PIC-LHCOPN-001,down,2013-04-{day:02}T10:00:00Z,"
            f"2013-04-{day:02}T12:00:00Z\n"
        )
        result = self._app.test_cli_runner().invoke(args=["events", "import", str(file)])
        assert result.exit_code == 0, result.output


def main(arguments: list[str]) -> None:
    """Trace the flows and print what they entered."""
    folder = run.begin()
    try:
        with fresh_database("sqlite") as url:
            app = create_app(test_settings(url))
            cli.register(app)
            flows = Flows(app, url)
            try:
                _print(flows, with_files="--files" in arguments)
            finally:
                flows.close()
                with app.app_context():
                    db.session.remove()
                    db.engine.dispose()
    finally:
        run.end(folder)


def _print(flows: Flows, *, with_files: bool) -> None:
    for words, prepare, flow in (
        ("SOAP TicketCreate", None, flows.ticket_create),
        ("a report's field saved", None, flows.report_field),
        ("an event file imported", None, flows.event_file),
        ("the worker's matching after one new event", flows.store_event, flows.matching),
    ):
        calls = traced(flow, prepare)
        print(f"{words}: {len(calls)} files, {calls.total()} calls")
        if with_files:
            for file, count in calls.most_common():
                print(f"  {count:6} {file}")


if __name__ == "__main__":
    main(sys.argv[1:])
