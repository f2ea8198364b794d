"""``flask move``: from SQLite to PostgreSQL, every row or none, and again after a kill."""

from __future__ import annotations

import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    select,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import demo
from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user
from app.backups.move import NOT_COPIED, copied_tables, move_database
from app.core.database.schema import MOVING, VERSION_TABLE, known_revisions
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.base import Base, UtcTime
from app.core.rules.errors import SettingError
from app.core.settings import process_environment
from app.jobs.models.work import ENGINE_TABLES, Job
from app.jobs.rules.jobs import FAILED, KILLED, RETRYING, RUNNING
from app.jobs.services.backend import note_failure
from app.jobs.services.queue import enqueue, failed_jobs, queued_jobs
from app.jobs.tasks.context import Context
from app.registry.rules.registry import SiteNameValue
from app.registry.services.sites import change_site, site_of_key, site_values
from app.tickets.models.search import INDEX
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import list_tickets
from app.trial import try_portal
from app.worker.process import WorkerProcess
from bench.pages import Visitor
from tests.backups.conftest import FILE
from tests.cast import NOON, PASSWORD, SYSTEM
from tests.harness.commands import flask
from tests.harness.databases import open_engine, open_session
from tests.harness.server import live, test_settings
from tests.harness.until import until
from tests.soap_service.wire import CREATED, Wire

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.parametrize("empty_database", ["postgresql"], indirect=True),
]
URL_SECRET: Final = "only-in-the-address"
TEXT: Final = "Genève 中 \\N\\n\t\r\n'\"%s {} \u2028"


def move(database: str, target: str) -> subprocess.CompletedProcess[bytes]:
    """``flask move``, with a password in the URL that must not appear anywhere."""
    if target.startswith("postgresql+psycopg:"):
        url = make_url(target).set(password=URL_SECRET)
        target = url.render_as_string(hide_password=False)
    done = flask(database, "move", "--to", target)
    assert URL_SECRET.encode() not in done.stdout + done.stderr
    return done


def moved(database: str, target: str) -> list[str]:
    """What a move says that goes through."""
    done = move(database, target)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


def refused(database: str, target: str) -> str:
    """The one line with which it ends, after what it was doing."""
    done = move(database, target)
    assert done.returncode == 1, done.stderr
    assert not done.stdout
    return done.stderr.decode().splitlines()[-1]


def contents(database: str) -> Mapping[str, list[str]]:
    """Every row of every table, as the models give them."""
    with open_session(database) as session:
        return {
            table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
            if table.name not in NOT_COPIED
        }


def counts(database: str) -> Mapping[str, int]:
    """How many rows each table has that the database itself knows, but those of engines."""
    tables = MetaData()
    with open_session(database) as session:
        tables.reflect(session.connection())
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in tables.tables.items()
            if name not in NOT_COPIED and not name.startswith((ENGINE_TABLES, INDEX))
        }


def constraints(database: str) -> list[str]:
    """Of every table, and its triggers and indexes: as the database itself writes them."""
    with open_session(database) as session:
        return list(
            session.scalars(
                text(
                    "SELECT conrelid::regclass::text || ' ' || pg_get_constraintdef(oid)"
                    " FROM pg_constraint WHERE conrelid <> 0"
                    " UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger"
                    " WHERE NOT tgisinternal"
                    " UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
                    " ORDER BY 1"
                )
            )
        )


def accounts_of_trials(database: str) -> list[str]:
    """Names of people that a trial created and did not remove."""
    with open_session(database) as session:
        return [*session.scalars(select(User.name).where(User.name.like("trial-of-move-%")))]


def revision(database: str) -> str | None:
    """None = nothing is there."""
    with open_session(database) as session:
        if session.scalar(text(f"SELECT to_regclass('{VERSION_TABLE}')")) is None:
            return None
        found = session.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
        return str(found)


def test_the_demo_is_moved_row_by_row(database: str, empty_database: str) -> None:
    with open_session(database) as session, transaction(session):
        demo.seed_demo(session, datetime.now(UTC))
    before, counted = contents(database), counts(database)
    first, second, third = moved(database, empty_database)
    assert contents(database) == before
    assert contents(empty_database) == before
    assert counts(empty_database) == counted
    assert sum(len(rows) for rows in before.values()) > 3000
    assert first.startswith("Moved ")
    assert first.endswith("; rows and sums of each table are equal in both databases.")
    assert second.startswith("Tried on the new database: a login and the page of tickets, a SOAP")
    assert third.startswith("Now set DATABASE_URL to the new database")


def test_a_table_of_each_kind_is_moved_with_values_of_each_type(
    database: str, empty_database: str
) -> None:
    """Two rows in every table that the models know: who adds one finds it here."""
    assert {table.name for table in copied_tables()} | {*NOT_COPIED} == {*Base.metadata.tables}
    source = open_engine(database)
    with source.begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for table in copied_tables():
            for place in (1, 2):
                row = {column.name: value_of(column, place) for column in table.columns}
                connection.execute(table.insert(), row)
    before = contents(database)
    assert all(len(rows) >= 2 for rows in before.values())
    target = open_engine(empty_database)
    move_database(source, target, lambda _: ["nothing"], lambda _: None)
    target.dispose()
    assert contents(empty_database) == before
    assert contents(database) == before


CONSTRAINED: Final[Mapping[tuple[str, str], Callable[[int], Any]]] = {
    ("report_quiet", "site_id"): lambda place: 1001 if place == 1 else None,
    ("report_quiet", "user_id"): lambda place: 1002 if place == 2 else None,
    ("ticket_relations", "other_number"): lambda place: 1003 - place,
}
"""Values of columns for which a table has a constraint of its own."""


def value_of(column: Column[Any], place: int) -> Any:
    """The value in the first or second row: other for each, and that of the row referred to."""
    table: Table = column.table
    if (table.name, column.name) in CONSTRAINED:
        return CONSTRAINED[table.name, column.name](place)
    if column.nullable and place == 2:
        return None
    for key in column.foreign_keys:
        return value_of(key.column, place)
    kind = column.type
    if isinstance(kind, UtcTime):
        return datetime(2013, 3, 31, 1, 0, place, 123_456, tzinfo=UTC)
    if isinstance(kind, String):
        words = f"{place} {column.name} {TEXT}"
        return words[: kind.length or 10_000]
    values: dict[type[Any], Any] = {
        Boolean: place == 1,
        Date: date(2012, 2, 27 + place),
        Float: 0.1 + place / 3,
        LargeBinary: FILE * place,
        Integer: 1000 + place,
    }
    return next(value for base, value in values.items() if isinstance(kind, base))


def test_people_partners_and_numbers_continue_on_the_new_database(
    full: str, empty_database: str
) -> None:
    with live(test_settings(full)) as server:
        before = Visitor(server.url)
        before.log_in("kit", PASSWORD)
        cookie = before.cookie
        before.close()
    moved(full, empty_database)
    with live(test_settings(empty_database)) as server:
        still = Visitor(server.url, cookie)
        assert still.get("/profile").status == 200, "the session continues"
        still.close()
        created = Wire(server).call("TicketCreate", CREATED, user="ggus", password=PASSWORD)
        assert created.values == {"GHD_Request-ID": "4"}


@pytest.fixture
def queue(full: str) -> str:
    """Jobs in each state; the one that waits lets a ticket be found by a site's new name."""
    far = NOON + timedelta(days=20_000)
    with open_session(full) as session, transaction(session):
        open_ticket(session, SYSTEM, NewTicket("at a site", sites=("ES-PIC",)))
        names = (*site_values(site_of_key(session, "ES-PIC"))["names"],)
        names += (SiteNameValue("NetSite", "PORTUS"),)
        change_site(session, SYSTEM, "ES-PIC", {"names": names})
        for name in ("later", "running", "retrying", "failed"):
            enqueue(session, name, {"a": [1, 2.5, "é"], "b": None}, key=name, due=far)
        enqueue(session, "gone")
        jobs = {job.name: job for job in session.scalars(select(Job))}
        jobs["running"].state, jobs["running"].due = RUNNING, None
        jobs["running"].claimed_by, jobs["running"].claimed_until = "a worker", NOON
        for name, state, attempts in (("retrying", RETRYING, 3), ("failed", FAILED, 10)):
            jobs[name].state, jobs[name].attempts = state, attempts
            note_failure(session, jobs[name].id, NOON, f"{name}: the disk is full")
        session.delete(jobs["gone"])
    return full


def test_jobs_wait_run_and_have_failed_as_before(queue: str, empty_database: str) -> None:
    def jobs(database: str) -> object:
        with open_session(database) as session:
            return queued_jobs(session), failed_jobs(session)

    before = jobs(queue)
    moved(queue, empty_database)
    assert jobs(empty_database) == before
    with open_session(empty_database) as session, transaction(session):
        enqueue(session, "later", key="later")  # one waits with that key
        enqueue(session, "new")
        ids = session.scalars(text("SELECT id FROM procrastinate_jobs ORDER BY id")).all()
    assert [two - one for one, two in pairwise(ids)] == [1, 1, 1, 1, 2], "no id is given twice"
    engine = open_engine(empty_database)
    WorkerProcess(Context(engine, test_settings(empty_database))).work_once()
    engine.dispose()
    with open_session(empty_database) as session:
        assert found(session, "portus") == [4]
        assert {job.name for job in queued_jobs(session) if job.waiting} == {"later"}
        reasons = {job.name: job.reason for job in failed_jobs(session)}
        assert reasons["failed"] == "failed: the disk is full"
        assert reasons["running"] == KILLED, "it was started again"


def found(session: Session, words: str) -> list[int]:
    operator = session.scalars(select(User).where(User.name == "operator")).one()
    wanted = TicketFilter(text=words, sort="number")
    page = list_tickets(session, actor_of_user(operator), wanted)
    return [ticket.number for ticket in page.tickets]


# ---- kills ----


@pytest.fixture
def large(full: str) -> str:
    """So much that a move takes a while."""
    lots = random.Random(0)
    with open_session(full) as session, transaction(session):
        for number in range(10):
            content = lots.randbytes(2 * 1024 * 1024)
            add_attachment(session, SYSTEM, 1, f"{number}.bin", content)
    return full


def killed(database: str, target: str, in_the_middle: Callable[[], bool]) -> None:
    """``flask move``, killed once that is so."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "move", "--to", target],
        cwd=PROJECT,
        env=process_environment(test_settings(database)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until(lambda: in_the_middle() or process.poll() is not None)
    finally:
        process.send_signal(signal.SIGKILL)
        output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output


@contextmanager
def watching(target: str) -> Iterator[Callable[[str], bool]]:
    """Whether a connection to the database does or did last what is like that."""
    server = make_url(target).set(database="postgres")
    engine = open_engine(server.render_as_string(hide_password=False))
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND query LIKE :like")

    def at_work(like: str) -> bool:
        with engine.connect() as connection:
            given = {"name": make_url(target).database, "like": like}
            return bool(connection.scalar(query, given))

    yield at_work
    engine.dispose()


def test_a_move_that_is_killed_while_it_copies_leaves_nothing(
    large: str, empty_database: str
) -> None:
    before = contents(large)
    with watching(empty_database) as at_work:
        killed(large, empty_database, lambda: at_work('COPY "attachment_contents"%'))
        until(lambda: not at_work("%"))  # the server sees that nobody is there any more
    assert revision(empty_database) is None
    assert contents(large) == before
    moved(large, empty_database)
    assert contents(empty_database) == before


def test_a_move_that_is_killed_while_it_is_tried_starts_again_and_no_portal_starts(
    full: str, empty_database: str, tmp_path: Path
) -> None:
    before = contents(full)
    copying: list[str] = []
    with watching(empty_database) as at_work:

        def is_tried() -> bool:
            """A connection before it copies would be one that uses the database."""
            copying.extend(["yes"] * (not copying and at_work("COPY%")))
            is_copied = bool(copying) and revision(empty_database) == MOVING
            return is_copied and bool(accounts_of_trials(empty_database))

        killed(full, empty_database, is_tried)
        until(lambda: not at_work("%"))
    assert revision(empty_database) == MOVING
    assert accounts_of_trials(empty_database), "killed before they were removed"
    assert contents(full) == before
    unfinished = (
        "Error: DATABASE_URL: `flask move` did not finish here, so this database is not checked;"
        " stay with the old one, and run `flask move` again"
    )
    for command in (("user", "list"), ("serve",), ("backup", str(tmp_path / "b"))):
        done = flask(empty_database, *command, SECRET_KEY="x" * 20 + "0123456789abcdefghij")
        assert done.returncode == 1
        assert done.stderr.decode().splitlines()[-1] == unfinished, command
    moved(full, empty_database)
    assert contents(empty_database) == before, "the first trial's accounts are gone as well"
    assert revision(empty_database) == known_revisions()[-1]


# ---- what is refused ----


def test_a_target_that_holds_anything_is_refused(full: str, empty_database: str) -> None:
    for kind, more in (("TABLE", "(id INTEGER)"), ("VIEW", "AS SELECT 1"), ("SEQUENCE", "")):
        with open_session(empty_database) as session:
            session.execute(text(f"CREATE {kind} theirs {more}"))
            session.commit()
        assert refused(full, empty_database) == (
            "Error: --to: this database has content of another program; create an empty one"
            " (createdb)"
        )
        with open_session(empty_database) as session:
            session.execute(text(f"DROP {kind} theirs"))
            session.commit()
    assert flask(empty_database, "db", "upgrade").returncode == 0
    migrated = constraints(empty_database)
    assert flask(empty_database, "seed", "reference").returncode == 0  # nothing but a first start
    with open_session(empty_database) as session:
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0066'"))
        session.commit()
    assert refused(full, empty_database) == (
        "Error: --to: this database has schema 0066, and this version of the portal"
        f" {known_revisions()[-1]}; create an empty one (createdb)"
    )
    with open_session(empty_database) as session:
        newest = known_revisions()[-1]
        session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{newest}'"))
        session.commit()
    moved(full, empty_database)
    assert constraints(empty_database) == migrated
    before = contents(empty_database)
    line = refused(full, empty_database)
    assert line.startswith("Error: --to: this database is in use (")
    assert line.endswith(
        "), and no unfinished move: nothing in it is replaced; create an empty one (createdb)"
    )
    assert contents(empty_database) == before


def test_databases_that_somebody_uses_are_refused(full: str, empty_database: str) -> None:
    engine = open_engine(full)
    with engine.connect() as connection:  # as the pool of a server that does nothing
        connection.execute(text("SELECT 1 FROM tickets"))
    assert refused(full, empty_database) == (
        "Error: DATABASE_URL: somebody uses this database; stop the server, its workers and every"
        " command first"
    )
    engine.dispose()
    engine = open_engine(empty_database)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert refused(full, empty_database) == (
        "Error: --to: 1 other connections use this database (a program); end them first"
    )
    engine.dispose()
    moved(full, empty_database)


def test_what_is_no_move_is_refused(full: str, empty_database: str) -> None:
    assert refused(empty_database, full).startswith("Error: DATABASE_URL: the database has no")
    assert flask(empty_database, "db", "upgrade").returncode == 0
    for target in (full, empty_database):
        assert refused(empty_database, target) == (
            "Error: DATABASE_URL names a PostgreSQL database already, and flask move moves away"
            " from SQLite; between PostgreSQL databases use flask backup and flask restore"
        )
    assert refused(full, full) == (
        "Error: --to must be postgresql://USER@HOST/NAME, a database of PostgreSQL"
    )
    for other in ("mysql://somewhere/x", "postgresql://here:port/x", "postgresql://here"):
        assert refused(full, other).startswith("Error: --to must be postgresql://")
    missing = empty_database.replace("/t_", "/gone_")
    line = refused(full, missing)
    assert line.startswith("Error: --to: PostgreSQL says: ")
    assert "does not exist" in line


def test_tables_that_are_not_the_portals_are_not_left_behind(
    full: str, empty_database: str
) -> None:
    with open_session(full) as session:
        session.execute(text("CREATE TABLE notes (id INTEGER)"))
        session.commit()
    assert refused(full, empty_database) == (
        "Error: DATABASE_URL: this database has tables that are not the portal's (notes); they"
        " would not be moved: take them out first"
    )
    assert revision(empty_database) is None


def test_a_value_that_postgresql_cannot_hold_is_named_with_its_place(
    full: str, empty_database: str
) -> None:
    with open_session(full) as session:
        session.execute(text("UPDATE tickets SET version = 5000000000 WHERE number = 2"))
        session.commit()
    assert refused(full, empty_database) == (
        'Error: --to: PostgreSQL refuses a row of tickets: value "5000000000" is out of range for'
        " type integer (COPY tickets, line 2, column version); nothing was moved"
    )
    assert revision(empty_database) is None


# ---- what is compared and tried ----


def test_a_difference_is_found_and_no_portal_starts(full: str, empty_database: str) -> None:
    def change(_: Session) -> list[str]:
        with open_session(empty_database) as session:
            session.execute(text("UPDATE tickets SET description = 'x' WHERE number = 1"))
            session.execute(text("DELETE FROM attachment_contents"))
            session.commit()
        return []

    source, target = open_engine(full), open_engine(empty_database)
    with pytest.raises(SettingError) as caught:
        move_database(source, target, change, lambda _: None)
    target.dispose()
    assert str(caught.value) == (
        "--to: the new database does not hold what the old one does, in attachment_contents,"
        " tickets; no portal starts on it: stay with the old one"
    )
    assert revision(empty_database) == MOVING


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("ALTER TABLE logins ADD CHECK (false) NOT VALID", "a login"),
        ("UPDATE tickets SET title = 'another' WHERE number = 3", "SOAP TicketGet of ticket 3"),
        ("UPDATE tickets SET title = 'another' WHERE number = 1", "the list of tickets"),
        ("UPDATE tickets SET category = 'test' WHERE number = 1", "the number of tickets of 2013"),
    ],
)
def test_an_answer_that_is_not_right_is_found(
    statement: str, what: str, full: str, empty_database: str
) -> None:
    def change_and_try(expected: Session) -> Sequence[str]:
        with open_session(empty_database) as session:
            session.execute(text(statement))
            session.commit()
        return try_portal(test_settings(empty_database), expected)

    source, target = open_engine(full), open_engine(empty_database)
    with pytest.raises(SettingError, match=re.escape(f"{what} is not right (answer ")):
        move_database(source, target, change_and_try, lambda _: None)
    target.dispose()
    assert revision(empty_database) == MOVING
    assert accounts_of_trials(empty_database) == []


def test_nobody_changes_the_old_database_meanwhile(full: str, empty_database: str) -> None:
    said = []

    def write(expected: Session) -> list[str]:
        with (
            closing(sqlite3.connect(str(make_url(full).database), timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError) as locked,
        ):
            other.execute("SELECT title FROM tickets")
        with pytest.raises(OperationalError) as read_only:
            expected.execute(text("DELETE FROM tickets"))
        said.extend([str(locked.value), str(read_only.value.orig)])
        return []

    before = contents(full)
    source, target = open_engine(full), open_engine(empty_database)
    move_database(source, target, write, lambda _: None)
    target.dispose()
    assert said == ["database is locked", "attempt to write a readonly database"]
    assert contents(full) == before == contents(empty_database)


def test_an_empty_portal_is_moved(database: str, empty_database: str) -> None:
    assert flask(database, "seed", "reference").returncode == 0
    assert moved(database, empty_database)[1] == (
        "Tried on the new database: a login and the page of tickets, a SOAP get (its fault, since"
        " there is no ticket), a REST list (0 tickets), a figure (0 tickets created in"
        f" {datetime.now(UTC).year})."
    )
