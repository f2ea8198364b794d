"""What concerns a site is the same wherever it is counted or listed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.calendar.services.calendar import CalendarFilter, agenda
from app.core.database.transactions import transaction
from app.registry.services.registry import require_site
from app.tickets.services.lifecycle import change_ticket
from app.tickets.services.record_use import open_tickets_on
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
HOUR = timedelta(hours=1)


@pytest.fixture
def concerned(session: Session, cast: Cast, opened: Open) -> list[int]:
    """The open tickets that concern DE-KIT; others do not."""
    now = datetime.now(UTC)
    window = {"window_start": now + HOUR, "window_end": now + 2 * HOUR}
    found = [
        opened(links=(KIT,), category="maintenance", now=now, **window),  # an end of its link
        opened(sites=("FZK-LCG2",), category="maintenance", now=now, **window),  # affected
        opened(sites=("ES-PIC",), category="maintenance", now=now, **window),  # responsible
        opened(sites=("DE-KIT", "ES-PIC"), links=(KIT, PIC), now=now),  # everything, once
        opened(sites=("KIT then",), now=now),  # sent under a name that nobody knew
    ]
    opened(links=(PIC,), category="maintenance", now=now, **window)
    opened(sites=("ES-PIC",), now=now)
    opened(cast.kit, title="Of another site, written there", now=now)
    with transaction(session):
        kit = require_site(session, "DE-KIT")
        by = writer(cast.operator, now)
        change_ticket(session, by, found[2], {"responsible_site": "DE-KIT"})
        names = [*kit.names]
        names[-1].name = "KIT then"
    return found


def numbers(visitor: Visitor, address: str) -> list[int]:
    """The tickets of a file."""
    rows = csv.DictReader(io.StringIO(visitor.get(address).text))
    return sorted(int(row["number"]) for row in rows)


def test_every_count_of_a_site_is_the_same(
    session: Session, cast: Cast, visit: Enter, concerned: list[int]
) -> None:
    visitor, count = visit(cast.kit), len(concerned)
    for name in ("DE-KIT", "FZK-LCG2", "KIT then"):
        assert numbers(visitor, f"/tickets.csv?state=open&site={name}") == concerned, name
        listed = visitor.read(f"/tickets?site={name}")
        assert {int(to[9:]) for to, _ in listed.links if to[9:].isdigit()} == {*concerned}, name
        counted = visitor.get(f"/statistics/tickets.csv?state=open&site={name}").text
        assert counted.splitlines()[-1].endswith(f",{count}"), name
    assert f"{count} open" in visitor.read("/sites/DE-KIT").text
    assert f"Open at your sites {count}" in visitor.read("/").text
    by_site = visitor.get("/statistics/tickets.csv?state=open&by=site").text
    of_kit = [row for row in csv.reader(io.StringIO(by_site)) if "DE-KIT" in row]
    assert sum(int(row[-1] or 0) for row in of_kit) == count
    kit = require_site(session, "DE-KIT")
    assert open_tickets_on(session, kit, 20) == ("open tickets", [str(one) for one in concerned])
    begin = datetime.now(UTC)
    windows = agenda(session, cast.kit, begin, begin + 24 * HOUR, CalendarFilter(site=kit)).windows
    assert [one.ticket for one in windows] == concerned[:3]


def test_affected_and_responsible_are_narrower(
    session: Session, cast: Cast, visit: Enter, concerned: list[int]
) -> None:
    through_link, affected, responsible, everything, as_text = concerned
    visitor = visit(cast.operator)
    for query, expected in {
        "affected=DE-KIT": [affected, everything],
        "affected=KIT then": [affected, everything, as_text],
        "responsible=DE-KIT": [through_link, affected, responsible, everything],
        "site=DE-KIT&affected=ES-PIC": [responsible, everything],
        "site=CERN": [through_link, everything, as_text + 1],
    }.items():
        assert numbers(visitor, f"/tickets.csv?state=open&{query}") == expected, query
    page = visitor.read("/tickets?affected=DE-KIT")
    assert "Affected site DE-KIT" in page.text
