"""What ``bench http`` compares its pages with: the table in ``docs/bench.md``, and another
checkout, on a copy of the same database."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.accounts.services.partners import create_partner_account
from app.core.database.schema import known_revisions
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from bench import goals
from bench.http import (
    AFTER,
    FLOOR,
    PUBLISHED,
    Portal,
    calls,
    creations,
    growth,
    pages,
    published_times,
)
from bench.places import KINDS, LOGIN, PASSWORD, Place, bring_to_schema_of
from tests.cast import NOON, enter, writer
from tests.exchange.seeded import seed_pair
from tests.harness.databases import differences, open_engine
from tests.webhooks.seeded import seed_webhook


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_table_has_each_page(kind: str) -> None:
    published = published_times(kind, PUBLISHED.read_text())
    rows = {*pages(Place(kind, "", 1, 100)), "TicketGet"} - {"an answer without a page"}
    assert rows <= set(published)
    assert 0 < published[FLOOR] < min(published["list"], published["home"])


_DOCUMENT = """
## Pages and calls over HTTP

| | SQLite now: p50, p95 | PostgreSQL now: p50, p95 |
| --- | ---: | ---: |
| list | 25, 29 | **37.5**, 47 |

## Live pages

| | SQLite now: p50, p95 |
| --- | ---: |
| list | 1, 2 |
"""


def test_published_times_are_those_of_the_database_and_of_that_table_alone() -> None:
    assert published_times("sqlite", _DOCUMENT) == {"list": 25.0}
    assert published_times("postgresql", _DOCUMENT) == {"list": 37.5}
    assert published_times("postgresql", _DOCUMENT.partition("## Live")[2]) == {}


def test_growth_is_the_exponent() -> None:
    assert growth(4.0, 4.0, 10) == "0.00"
    assert growth(4.0, 40.0, 10) == "1.00"
    assert growth(10.0, 31.6, 10) == "0.50"


def test_each_goal_is_about_a_row() -> None:
    portal = Portal("this", PROJECT, Place("sqlite", "", 1, 100))
    rows = {*pages(portal.place), *calls(portal, 1), *AFTER}
    assert {*goals.P50, *goals.BY_THE_FLOOR} <= rows
    assert set(goals.RATES) == set(creations(portal))
    assert rows - set(goals.P50) == {"an answer without a page", FLOOR, "TicketGet", "GetTicket"}


def test_what_misses_its_goal_is_bold(capsys: pytest.CaptureFixture[str]) -> None:
    reached = [("home: ms, p50", 45.0, 45.0), ("map: ms, p50", 40.0, 41.0)]
    reached += [("growth", 0.15, 0.151), ("REST create: a second, at least", 150.0, 149.0)]
    goals.print_table_of(reached)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert rows[-5:-1] == [
        ["home: ms, p50", "45", "45"],
        ["map: ms, p50", "40", "**41**"],
        ["growth", "0.15", "**0.15**"],
        ["REST create: a second, at least", "150", "**149**"],
    ]


def test_calls_of_each_door_are_answered_and_counted(database: str) -> None:
    engine = open_engine(database)
    with Session(engine) as session:
        cast = enter(session)
        by = writer(cast.admin)
        with transaction(session):
            number = open_ticket(session, by, NewTicket(title="Link down")).number
            create_partner_account(session, by, "BENCH", LOGIN, PASSWORD, access="all")
    place = Place(engine.dialect.name, database, number, number)
    portal = Portal("this", PROJECT, place, url="http://127.0.0.1:1")
    portal.secret = portal.token()
    portal.count_statements(
        {
            **calls(portal, 2),
            **{name: [new(), new()] for name, new in creations(portal).items()},
        }
    )
    assert set(portal.statements) == {"TicketGet", "GetTicket", "REST get", *goals.RATES}
    assert min(portal.statements.values()) >= 1
    with engine.connect() as connection:
        assert counts(connection, ["tickets"]) == [5]
    engine.dispose()


def checkout_until(folder: Path, newest: str) -> Path:
    """A folder with this checkout's migrations up to one."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    for file in (PROJECT / "migrations" / "versions").glob("*.py"):
        if file.name[:4] <= newest:
            shutil.copy(file, versions)
    return folder


OF_BOTH: Final = (
    *("tickets", "changes", "events", "ticket_pairs", "exchange_entries", "webhooks"),
    "concerned_sites",  # it is filled again
)
"""Tables that both have, or that a migration fills from such ones."""


def counts(connection: Connection, tables: Sequence[str]) -> list[int]:
    """How many rows each has."""
    return [connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]


def test_a_filled_copy_gets_the_schema_of_an_older_checkout_and_of_this_one_again(
    database: str, tmp_path: Path
) -> None:
    engine = open_engine(database)
    with Session(engine) as session:
        cast = enter(session)
        with transaction(session):
            number = open_ticket(
                session, writer(cast.operator), NewTicket(title="Link down", sites=("DE-KIT",))
            ).number
            seed_pair(session, "GGUS-TEST", number).known().waiting()
            seed_webhook(session, writer(cast.reader))
            down = EventMessage(
                *(0, "event 0", "test", "1"),
                link="CERN-GRIDKA-LHCOPN-001",
                state="down",
                start=NOON,
                end=NOON + timedelta(hours=1),
            )
            report_events(session, writer(cast.operator, NOON + timedelta(hours=2)), [down])
    with engine.connect() as connection:
        filled = counts(connection, OF_BOTH)
    assert min(filled) >= 1
    bring_to_schema_of(database, checkout_until(tmp_path, "0049"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0049"
        assert counts(connection, OF_BOTH[:-1]) == filled[:-1]
    bring_to_schema_of(database, PROJECT)
    with engine.connect() as connection:
        assert differences(connection) == []
        assert counts(connection, OF_BOTH) == filled
    engine.dispose()


def test_a_checkout_with_a_migration_that_is_not_here_is_named(tmp_path: Path) -> None:
    newer = checkout_until(tmp_path, "9")
    (newer / "migrations" / "versions" / "later.py").write_text(
        f'revision = "later"\ndown_revision = "{known_revisions()[-1]}"\n'
    )
    with pytest.raises(SystemExit, match="has migration later, which is not here"):
        bring_to_schema_of("sqlite://", newer)
