"""``flask seed bulk``: copies are what the services would have written, and nothing breaks behind.

The same tickets are written twice, once all of them through the services and once as copies of
the first ones; all rows of both databases are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import demo
from app.accounts.services.people import create_user
from app.core.database.transactions import transaction
from app.core.models.base import Base
from app.core.models.changes import Change, Counter
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.services.changes import TICKET, changes_of
from app.demo import bulk
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.query import Comparison, Page
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.rules.tokenizer import read_search
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.lists.query import matching
from app.tickets.services.search.search import condition_of_search
from tests.commands.test_commands import PASSWORD, done, refused
from tests.harness.commands import flask
from tests.harness.databases import KINDS, fresh_database, open_engine

NOW = datetime(2026, 11, 25, 13, 37, 11, 123456, tzinfo=UTC)
TICKETS = bulk.PATTERNS + 30


@contextmanager
def seeded(url: str, by_services: int, *, still_open: int | None = None) -> Iterator[Session]:
    engine = open_engine(url)
    try:
        with Session(engine) as session:
            with transaction(session):
                demo.seed_demo(session, NOW)
                actors = demo.demo_actors(session)
                made = bulk.write_patterns(
                    session, actors, NOW, TICKETS, by_services, still_open=still_open
                )
            for first in range(by_services, TICKETS, 20):
                with transaction(session):
                    bulk.write_copies(session, made, first, min(20, TICKETS - first))
            yield session
    finally:
        engine.dispose()


def everything(session: Session) -> dict[str, list[str]]:
    """All rows of all tables, without keys that a database makes and what is drawn by chance.

    A change is named by its ticket and version, for its number depends on the order of writing.
    """
    changes = {
        row.id: (row.kind, row.thing_id, row.version)
        for row in session.execute(select(Change.id, Change.kind, Change.thing_id, Change.version))
    }
    sites: dict[int, Any] = {}
    found: dict[str, list[str]] = defaultdict(list)
    for table in Base.metadata.sorted_tables:
        made_by_database = table.name not in ("tickets", "sites", "links", "partners", "users")
        for row in session.execute(select(table)).mappings():
            values = dict(row)
            if table.name == "ticket_sites":
                sites[row["id"]] = (row["ticket_number"], row["position"])
            if made_by_database:
                values.pop("id", None)
            if "ticket_site_id" in values:
                values["ticket_site_id"] = sites[row["ticket_site_id"]]
            if values.get("change_id") is not None:
                values["change_id"] = changes[row["change_id"]]
            for made_by_chance in ("password_hash", "uid"):
                values.pop(made_by_chance, None)
            found[table.name].append(repr(sorted(values.items())))
    return {name: sorted(rows) for name, rows in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_the_rows_that_the_services_write(kind: str) -> None:
    with (
        fresh_database(kind) as copied_url,
        fresh_database(kind) as written_url,
        seeded(copied_url, bulk.PATTERNS) as copied,
        seeded(written_url, TICKETS) as written,
    ):
        rows = everything(copied)
        assert rows == everything(written)
        assert len(rows["tickets"]) > TICKETS
        for name in ("ticket_links", "site_spellings", "external_references", "origin_keys"):
            assert rows[name]


def test_as_many_copies_are_open_as_wanted_and_they_are_the_newest(database: str) -> None:
    patterns = bulk.PATTERNS
    with seeded(database, patterns) as session:
        first = (session.scalar(select(func.max(Ticket.number))) or 0) - TICKETS + 1
        of_patterns = _open_numbers(session, first, first + patterns - 1)
        session.rollback()
    assert 0 < len(of_patterns) < patterns
    with (
        fresh_database("sqlite") as url,
        seeded(url, patterns, still_open=len(of_patterns) + 7) as session,
    ):
        last = session.scalar(select(func.max(Ticket.number))) or 0
        opened = _open_numbers(session, first, last)
        assert opened == [*of_patterns, *range(last - 6, last + 1)]
        for number in (last - 7, last):  # an ended one and an open one, whole with their marks
            mark = f"bulk{number:010d}"
            assert mark in session.get_one(Ticket, number).title
            found = condition_of_search(read_search(mark), internal=False, by_index=True)
            assert session.scalars(select(Ticket.number).where(found)).all() == [number]


def _open_numbers(session: Session, first: int, last: int) -> list[int]:
    wanted = Ticket.number.between(first, last), Ticket.state.in_(OPEN_STATES)
    return list(session.scalars(select(Ticket.number).where(*wanted).order_by(Ticket.number)))


def test_the_next_ticket_and_the_readers_go_on(database: str) -> None:
    with seeded(database, bulk.PATTERNS) as session:
        newest = session.scalar(select(func.max(Ticket.number))) or 0
        copy = session.get_one(Ticket, newest)
        log = changes_of(session, TICKET, newest)
        assert [change.version for change in log] == [1, 2, 3, 4, 5]
        assert (copy.version, copy.changed_at) == (5, log[-1].at)
        assert [change.at for change in log] == sorted(change.at for change in log)
        ids = session.scalars(select(Change.id).order_by(Change.id)).all()
        assert ids == list(range(1, len(ids) + 1))
        operator = demo.demo_actors(session)["operator"]
        asked = Comparison("GHD_Short Description", "=", copy.title)
        found = matching(session, operator, asked, Page(0, None))
        assert session.scalars(found).all() == [copy.number]
        by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOW)
        with transaction(session):
            change_ticket(session, by, newest, {"public_comment": "Goes on."})
            later = open_ticket(session, by, NewTicket(title="After the bulk"))
            assert later.number == newest + 1
        counters = {
            row.name: row.value for row in session.execute(select(Counter.name, Counter.value))
        }
        assert (counters[TICKET], counters["change"]) == (newest + 1, len(ids) + 2)


def test_the_command_adds_to_the_demo_and_says_how_far_it_is(database: str) -> None:
    said = flask(database, "seed", "bulk", "--tickets", str(TICKETS))
    assert said.returncode == 0, said.stderr.decode()
    assert said.stdout.decode() == f"{TICKETS} sample tickets were added.\n"
    assert said.stderr.decode() == f"{bulk.PATTERNS} of {TICKETS} tickets\n"
    done(database, "seed", "bulk", "--tickets", "3")
    engine = open_engine(database)
    with Session(engine) as session:
        marked = Ticket.title.like("%[bulk%")
        assert session.scalar(select(func.count()).where(marked)) == TICKETS + 3
    engine.dispose()


def test_other_peoples_data_is_left_alone(database: str) -> None:
    engine = open_engine(database)
    with Session(engine) as session, transaction(session):
        by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOW)
        create_user(session, by, "somebody", "operator", PASSWORD, ())
    engine.dispose()
    assert "tickets or accounts of its own" in refused(database, "seed", "bulk", "--tickets", "3")
    assert "--tickets" in refused(database, "seed", "bulk", "--tickets", "0")
