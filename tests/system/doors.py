"""All doors of a portal in one process, whose PostgreSQL is behind a proxy that loses things."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from app.accounts.services.people import start_login
from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.factory import create_app
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from soap_service.application import mount
from tests.cast import PASSWORD, enter, writer
from tests.harness.database_proxy import DatabaseProxy, proxied
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import test_settings
from tests.harness.visitor import Visitor
from tests.soap_service.wire import ENDPOINT, elements, envelope, in_order, login


@dataclass
class Told:
    """What a caller was told."""

    status: int
    text: str
    answer: TestResponse

    @property
    def fault(self) -> str:
        """The fault's number, the problem's, or "" where it was carried out."""
        found = re.search(r"ERROR \((\d+)\)|\"number\": (\d+)", self.text)
        return (found[1] or found[2]) if found else ""


class Doors:
    """All doors of a portal whose database is behind the proxy."""

    def __init__(self, proxy: DatabaseProxy, direct: Session) -> None:
        self.proxy = proxy
        self.direct = direct
        cast = enter(direct)
        now = datetime.now(UTC)
        with transaction(direct):
            cookie = start_login(direct, cast.operator.account_id or 0, now)
            kit = start_login(direct, cast.kit.account_id or 0, now)
            made = create_token(direct, writer(cast.admin, now), "monitoring", ("events",), 30)
        self.bearer = {"Authorization": f"Bearer {made.secret}"}
        self.app = create_app(test_settings(proxy.url))
        self.mounted = mount(self.app)
        self.client = Client(self.mounted)
        self.operator, self.reporter = Visitor(self.app), Visitor(self.app)
        self.operator.carry(cookie)
        self.reporter.carry(kit)
        # everything that is written down once: last uses, tokens, verified secrets
        for visitor in (self.operator, self.reporter):
            visitor.send("/profile/theme", {"theme": "dark"})
        self.ticket = self.turn = 0
        self.by = writer(cast.operator, now)
        self.begin()
        self.soap("GGUS", "TicketGet", elements({"GHD_Request_ID": str(self.ticket)}))
        self.client.get("/api/v1/events", headers=self.bearer)
        self.mounted.close()  # the record of calls would commit in the middle of a test

    def begin(self) -> None:
        """A ticket to write on, of this test alone; the proxy loses nothing."""
        self.proxy.up()
        with transaction(self.direct):
            self.turn += 1
            self.ticket = open_ticket(self.direct, self.by, NewTicket(title="Link down")).number

    def soap(self, service: str, operation: str, inner: str) -> Told:
        answer = self.client.post(
            ENDPOINT.format(service),
            data=envelope(operation, inner, header=login("ggus", PASSWORD), service=service),
            content_type="text/xml; charset=utf-8",
        )
        return Told(answer.status_code, answer.text, answer)

    def ggus(self, operation: str, values: Mapping[str, str]) -> Told:
        return self.soap("GGUS", operation, elements(in_order(operation, values)))

    def page(self, answer: TestResponse) -> Told:
        return Told(answer.status_code, answer.text, answer)

    def count(self, statement: str) -> int:
        self.direct.rollback()
        return self.direct.scalar(text(statement)) or 0

    def close(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


@contextmanager
def portal_behind_proxy() -> Iterator[Doors]:
    """A fresh database with the cast, and the doors."""
    with fresh_database("postgresql") as url, proxied(url) as proxy:
        engine = open_engine(url)
        with Session(engine) as direct:
            doors = Doors(proxy, direct)
            yield doors
            doors.close()
        engine.dispose()
