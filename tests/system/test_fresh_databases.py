"""A test finds its database and its application as new, whatever an earlier one did with them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from flask import Flask
from sqlalchemy import inspect, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.statistics.services.cache import current_facts
from app.statistics.services.tickets import TICKET_FACTS
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import Cast, enter, writer
from tests.harness.databases import fresh_database, open_engine
from tests.harness.portal import kept_engine, kept_portal
from tests.harness.rows import Rows, read_rows
from tests.harness.server import test_settings


@pytest.fixture
def kind(database: str) -> str:
    return make_url(database).get_backend_name()


def in_any_order(found: Rows) -> Rows:
    """The same, sorted: neither database has to read rows back in the order of their writing."""
    lists = (
        (name, rows.splitlines() if isinstance(rows, bytes) else rows)
        for name, rows in found.of.items()
    )
    return Rows({name: sorted(rows, key=repr) for name, rows in lists}, found.counted)


def worked_on(url: str) -> tuple[Rows, Cast, Rows, int]:
    """What is there at first, the cast, what is there with it, and a new ticket's number."""
    with kept_engine(url) as engine, Session(engine) as session:
        first = read_rows(session)
        session.rollback()
        cast = enter(session)
        second = read_rows(session)
        session.rollback()
        with transaction(session):
            number = open_ticket(session, writer(cast.operator), NewTicket(title="Down")).number
    return in_any_order(first), cast, in_any_order(second), number


def test_rows_and_numbers_of_an_earlier_test_are_gone(kind: str) -> None:
    found, urls = [], set()
    for _ in range(3):
        with fresh_database(kind) as url:
            urls.add(url)
            found.append(worked_on(url))
    assert found[0] == found[1] == found[2]
    assert len(urls) == 1


def test_a_cast_read_back_is_the_cast_that_services_wrote(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(kind) as url:
        worked_on(url)
        with fresh_database(kind) as other:
            kept = worked_on(other)
            with monkeypatch.context() as without:
                without.setattr("tests.cast._entered", {})
                with fresh_database(kind) as third:
                    written = worked_on(third)
    assert kept[1] == written[1]
    assert kept[3] == written[3]
    assert kept[2].of.keys() == written[2].of.keys()
    assert kept[2].counted == written[2].counted
    hashed = {"users", "account_secrets"}
    for name in kept[2].of.keys() - hashed:
        assert kept[2].of[name] == written[2].of[name], name


def test_a_table_of_an_earlier_test_is_gone(kind: str) -> None:
    with fresh_database(kind) as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
            connection.execute(text("DROP INDEX ix_changes_kind_actor"))
        engine.dispose()
    with fresh_database(kind) as url:
        engine = open_engine(url)
        found = inspect(engine)
        assert not found.has_table("theirs")
        assert "ix_changes_kind_actor" in {one["name"] for one in found.get_indexes("changes")}
        engine.dispose()


def test_who_is_still_connected_reaches_nobody_elses_rows(kind: str) -> None:
    with fresh_database(kind) as url:
        left = open_engine(url)
        theirs = left.connect()
        theirs.execute(text("SELECT count(*) FROM counters"))
    with fresh_database(kind) as url:
        with suppress(DBAPIError):  # PostgreSQL's is dropped; SQLite's is a file of its own
            theirs.execute(text("INSERT INTO counters (name, value) VALUES ('theirs', 1)"))
            theirs.commit()
        with kept_engine(url) as engine, Session(engine) as session:
            assert "counters" not in read_rows(session).of
    theirs.invalidate()
    theirs.close()
    left.dispose()


def test_an_application_is_kept_unless_it_was_changed(kind: str) -> None:
    made: list[Flask] = []
    for number in range(3):
        with fresh_database(kind) as url, kept_portal(test_settings(url)) as flask_app:
            assert "CHANGED" not in flask_app.config
            flask_app.test_client().get("/login")
            if not number:
                flask_app.config["CHANGED"] = True
            made.append(flask_app)
    assert made[0] is not made[1]
    assert made[1] is made[2]


def test_figures_of_an_earlier_test_are_forgotten(kind: str) -> None:
    for opened in (2, 1):
        with fresh_database(kind) as url, kept_engine(url) as engine, Session(engine) as session:
            cast = enter(session)
            for _ in range(opened):
                with transaction(session):
                    open_ticket(session, writer(cast.operator), NewTicket(title="Down"))
            assert len(current_facts(session, TICKET_FACTS)) == opened
