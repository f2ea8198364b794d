"""Forty people save drafts at once through the real server on SQLite: no error, no lost field."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from threading import Barrier
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from app.accounts.services.people import create_user, start_login
from app.core.database.transactions import transaction
from app.registry.models.registry import Site
from app.registry.services.sites import create_site
from app.reports.models.reports import Report, ReportField
from tests.cast import PASSWORD, SYSTEM
from tests.harness.portal import portal
from tests.harness.server import LiveServer
from tests.harness.visitor import Visitor

SITES, SAVES = 20, 8
OWN = ("answer.plans", "answer.remarks")
COMMON = "answer.issues"
QUARTER = "2013-Q1"


@dataclass(frozen=True)
class Person:
    """One of the two of a site, with what a browser would send along."""

    site: str
    position: int
    cookie: str
    token: str

    def save(self, connection: HTTPConnection, name: str, value: str, seen: int) -> int:
        """Save a field as the page does; the status."""
        body = urlencode({"csrf_token": self.token, name: value, f"seen.{name}": seen})
        connection.request(
            "POST",
            f"/reports/{self.site}/{QUARTER}/fields/{name}",
            body,
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": f"portal={self.cookie}",
                "HX-Request": "true",
            },
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status


def people_of(server: LiveServer) -> list[Person]:
    """Forty reporters, each logged in."""
    found = []
    with portal(server.settings) as app, server.session() as session:
        for number in range(SITES):
            key = f"XX-SITE-{number:02}"
            with transaction(session):
                create_site(session, SYSTEM, {"key": key, "country": "DE", "time_zone": "UTC"})
            for position in range(2):
                with transaction(session):
                    name = f"reporter{number}-{position}"
                    user = create_user(session, SYSTEM, name, "reporter", PASSWORD, (key,))
                    login = start_login(session, user.id, datetime.now(UTC))
                visitor = Visitor(app)
                visitor.carry(login)
                token = visitor.token()
                found.append(Person(key, position, visitor.cookie, token))
    return found


@pytest.mark.timeout(300)
def test_forty_people_save_drafts_at_once(sqlite_server: LiveServer) -> None:
    people = people_of(sqlite_server)
    begin = Barrier(len(people))

    def write(person: Person) -> list[int]:
        connection = HTTPConnection("127.0.0.1", sqlite_server.port, timeout=60)
        begin.wait(60)
        statuses = [person.save(connection, COMMON, f"by {person.position}", 0)]
        for turn in range(SAVES):
            words = f"{person.site} {person.position} {turn}"
            statuses.append(person.save(connection, OWN[person.position], words, turn))
        connection.close()
        return statuses

    with ThreadPoolExecutor(len(people)) as pool:
        told = list(pool.map(write, people))
    assert [statuses[1:] for statuses in told] == [[200] * SAVES] * len(people)
    # the two of a site wrote in one field, and had seen it empty: one of them is told
    first = [statuses[0] for statuses in told]
    assert [sorted(first[at : at + 2]) for at in range(0, len(first), 2)] == [[200, 409]] * SITES
    with sqlite_server.session() as session:
        rows = session.execute(
            select(Site.key, ReportField.name, ReportField.value, ReportField.version)
            .join(Report, Report.id == ReportField.report_id)
            .join(Site, Site.id == Report.site_id)
            .where(Report.quarter == QUARTER)
        ).all()
    written = {(row.key, row.name): (row.value, row.version) for row in rows}
    winners = {
        (person.site, COMMON): (f"by {person.position}", 1)
        for person, status in zip(people, first, strict=True)
        if status == 200
    }
    own = {
        (person.site, OWN[person.position]): (
            f"{person.site} {person.position} {SAVES - 1}",
            SAVES,
        )
        for person in people
    }
    assert written == winners | own
