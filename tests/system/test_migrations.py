"""Migrations bring an empty database to exactly what the rows say, on both databases."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib import resources
from multiprocessing.synchronize import Barrier

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.config import PROJECT
from app.domain.access import SYSTEM, Door, Role, Writer
from app.models import Change, Link, Site, UnknownLink, User, UtcTime
from app.services.links import change_link
from app.services.people import change_person
from app.services.sites import change_site
from tests.harness.databases import alembic_config, differences, migrate, open_engine

_processes = multiprocessing.get_context("spawn")


def test_upgrade_from_empty_leaves_nothing_to_autogenerate(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "head")
        with engine.connect() as connection:
            assert differences(connection) == []
    finally:
        engine.dispose()


def test_every_migration_can_be_taken_back(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        config = alembic_config(engine)
        command.upgrade(config, "head")
        command.downgrade(config, "base")
        assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
        command.upgrade(config, "head")
    finally:
        engine.dispose()


def test_there_is_one_newest_revision(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        assert len(ScriptDirectory.from_config(alembic_config(engine)).get_heads()) == 1
    finally:
        engine.dispose()


def test_the_job_engine_brings_the_schema_that_a_migration_made() -> None:
    """If not, its own migrations between the two versions belong into one of ours."""
    ours = (PROJECT / "migrations" / "procrastinate-3.10.sql").read_text("utf-8")
    theirs = resources.files("procrastinate.sql") / "schema.sql"
    assert ours == theirs.read_text("utf-8")


def test_migrations_name_no_type_of_the_portal() -> None:
    engine = open_engine("sqlite://")
    folder = ScriptDirectory.from_config(alembic_config(engine)).versions
    engine.dispose()
    from pathlib import Path

    for path in Path(folder).glob("*.py"):
        text = path.read_text("utf-8")
        assert "from app" not in text
        assert "import app" not in text
        assert UtcTime.__name__ not in text


def upgrade_at_once(url: str, together: Barrier) -> None:
    together.wait(60)
    migrate(url)


def test_processes_that_upgrade_at_once_wait_for_each_other(empty_database: str) -> None:
    """As two servers that are started on one new database."""
    together = _processes.Barrier(3)
    workers = [
        _processes.Process(target=upgrade_at_once, args=(empty_database, together))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)
    assert [worker.exitcode for worker in workers] == [0] * 3
    engine = open_engine(empty_database)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


THEN = datetime(2014, 3, 4, 5, 6, tzinfo=UTC)


def old_rows(connection: Connection) -> None:
    """What a portal of revision 0002 may hold: three sites, of which one was changed since, two
    links, a reporter and an admin, a ticket, and the log of it."""
    tables = MetaData()
    tables.reflect(connection)

    def add(table: str, **values: object) -> None:
        columns = tables.tables[table].columns
        rest: Mapping[type, Callable[[], object]] = {bool: bool, int: int, str: str}
        missing = {
            column.name: rest.get(column.type.python_type, lambda: THEN)()
            for column in columns
            if not column.nullable and column.name not in values and not column.primary_key
        }
        connection.execute(tables.tables[table].insert().values({**missing, **values}))

    site = {"time_zone": "UTC", "source": "a sample", "sample": True}
    add("sites", id=1, key="CH-CERN", country="CH", tier=0, **site)
    add("sites", id=2, key="DE-KIT", country="DE", tier=1, tier_since=date(2009, 2, 1), **site)
    add("sites", id=3, key="FR-CCIN2P3", country="FR", tier=1, **site)
    for key, name in ((1, "CH-CERN"), (2, "DE-KIT"), (3, "FR-CCIN2P3")):
        add("site_names", site_id=key, system="LHCOPN", name=name)
    add("site_names", site_id=2, system="GOCDB", name="FZK-LCG2")
    ends = {"network": "LHCOPN", "end_a_id": 1, "source": "a sample", "sample": True}
    add("links", id=1, name="CERN-DE-KIT-LHCOPN-001", end_b_id=2, role="primary", **ends)
    add(
        "links",
        id=2,
        name="CERN-DE-KIT-LHCOPN-002",
        end_b_id=2,
        role="backup",
        backs_up_id=1,
        **ends,
    )
    person = {"password_hash": "none", "time_zone": "UTC"}
    add("users", id=1, name="anna", role="admin", **person)
    add("users", id=2, name="rolf", role="reporter", **person)
    add("user_sites", user_id=2, site_id=2)
    add("logins", id=1, token_hash="0" * 64, user_id=2, expires_at=THEN)
    add(
        "tickets",
        number=1,
        version=1,
        title="cern-de-kit-lhcopn-001 and CERN-XX-LHCOPN-009 are down",
        state="new",
        created_by_user_id=2,
    )
    add("ticket_links", id=1, ticket_number=1, link_id=1)
    actor = {"actor_kind": "person", "actor_account": "anna", "actor_id": 1, "door": "portal"}
    for key, kind, thing, version in ((1, "site", 2, 1), (2, "site", 2, 2), (3, "ticket", 1, 1)):
        add("changes", id=key, kind=kind, thing_id=thing, version=version, claims="{}", **actor)
        add("changed_fields", change_id=key, field="country", old="", new="DE")
    add("counters", name="change", value=3)


def test_a_database_in_use_is_upgraded_with_all_that_it_holds(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "0002")
        with engine.begin() as connection:
            old_rows(connection)
        command.upgrade(alembic_config(engine), "head")
        with engine.connect() as connection:
            assert differences(connection) == []
        with Session(engine) as session:
            sites = {site.key: site for site in session.scalars(select(Site))}
            assert {key: site.version for key, site in sites.items()} == {
                "CH-CERN": 1,
                "DE-KIT": 2,
                "FR-CCIN2P3": 1,
            }
            assert [(name.name, name.word) for name in sites["DE-KIT"].names] == [
                ("DE-KIT", "DE-KIT"),
                ("FZK-LCG2", "FZK-LCG2"),
            ]
            links = session.scalars(select(Link).order_by(Link.id)).all()
            assert [(link.word, link.version) for link in links] == [
                ("CERN-DE-KIT-LHCOPN-001", 1),
                ("CERN-DE-KIT-LHCOPN-002", 1),
            ]
            assert session.scalars(select(UnknownLink.name)).all() == ["CERN-XX-LHCOPN-009"]
            rolf = session.scalars(select(User).where(User.name == "rolf")).one()
            assert (rolf.mail, rolf.totp_since) == ("", None)
            assert [site.key for site in rolf.sites] == ["DE-KIT"]
            changes = session.scalars(select(Change).order_by(Change.id)).all()
            assert [(change.version, change.remote) for change in changes] == [
                (1, ""),
                (2, ""),
                (1, ""),
            ]
    finally:
        engine.dispose()


def test_what_an_upgraded_database_holds_can_be_changed_on(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "0002")
        with engine.begin() as connection:
            old_rows(connection)
        command.upgrade(alembic_config(engine), "head")
        by = Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime.now(UTC))
        with Session(engine) as session, session.begin():
            site = change_site(session, by, "DE-KIT", {"country": "FR"}, base_version=2)
            assert site.version == 3
            link = change_link(session, by, "CERN-DE-KIT-LHCOPN-002", {"bandwidth_gbps": 100.0})
            assert link.version == 2
            assert change_person(session, by, "rolf", Role.READER)
    finally:
        engine.dispose()


@pytest.mark.parametrize("table", ["changes", "changed_fields"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_after_an_upgrade_the_old_log_can_only_grow(
    empty_database: str, table: str, statement: str
) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "0002")
        with engine.begin() as connection:
            old_rows(connection)
        command.upgrade(alembic_config(engine), "head")
        with (
            engine.begin() as connection,
            pytest.raises(DatabaseError, match="are only added"),
        ):
            connection.execute(text(statement.format(table)))
    finally:
        engine.dispose()


def test_an_upgrade_can_be_taken_back_with_all_that_was_there_before(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "0002")
        with engine.begin() as connection:
            old_rows(connection)
        command.upgrade(alembic_config(engine), "head")
        command.downgrade(alembic_config(engine), "0002")
        with engine.connect() as connection:
            for table, rows in {
                "sites": 3,
                "links": 2,
                "users": 2,
                "changes": 3,
                "tickets": 1,
            }.items():
                count = text(f"SELECT count(*) FROM {table}")
                assert connection.scalar(count) == rows
            assert connection.scalar(text("SELECT count(*) FROM user_sites")) == 1
    finally:
        engine.dispose()
