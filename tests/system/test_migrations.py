"""Migrations bring an empty database to exactly what the rows say, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from json import dumps, loads
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, inspect, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import change_person
from app.core.folders import PROJECT
from app.core.models.base import UtcTime
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Role, Writer
from app.core.rules.quarters import Quarter
from app.events.models.events import EventSource
from app.events.models.imports import EventImport
from app.events.services.hearing import silences
from app.registry.models.registry import Link, Site
from app.registry.services.links import change_link
from app.registry.services.sites import change_site
from app.reports.services.first_quarter import reports_from
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import UnknownLink
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import first_numbers
from app.tickets.services.search.index import index_tickets
from tests.harness import loaded, postgres
from tests.harness.databases import (
    KINDS,
    alembic_config,
    differences,
    fresh_database,
    migrate,
    open_engine,
)

_EMPTY: Final[dict[str, bytes]] = {}
"""The file of an empty portal on SQLite, at each revision to which a test has brought one."""


def brought_to(engine: Engine, revision: str) -> None:
    """Upgrade a database without a table; on SQLite from where another test has brought one."""
    is_file = engine.dialect.name == "sqlite"
    file = Path(str(engine.url.database))
    if is_file and (before := max((one for one in _EMPTY if one <= revision), default="")):
        file.write_bytes(_EMPTY[before])
    command.upgrade(alembic_config(engine), revision)
    if is_file and revision not in _EMPTY:
        with engine.connect() as connection:  # what the write-ahead log holds goes into the file
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        _EMPTY[revision] = file.read_bytes()


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
    together = loaded.PROCESSES.Barrier(3)
    workers = [
        loaded.PROCESSES.Process(target=upgrade_at_once, args=(empty_database, together))
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


def adder(connection: Connection) -> Callable[..., None]:
    """Adds a row to a table as it is in this database; what is not stated and is needed is made."""
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

    return add


def old_rows(connection: Connection) -> None:
    """What a portal of revision 0002 may hold: three sites, of which one was changed since, two
    links, a reporter and an admin, a ticket, and the log of it."""
    add = adder(connection)
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


@pytest.fixture(scope="module", params=KINDS)
def upgraded(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One with old rows, brought to the newest revision; no test changes it."""
    if request.param == "postgresql" and postgres.programs() is None:
        pytest.skip(f"needs {postgres.NEED}")
    with fresh_database(request.param, migrated=False) as url:
        engine = open_engine(url)
        try:
            brought_to(engine, "0002")
            with engine.begin() as connection:
                old_rows(connection)
            command.upgrade(alembic_config(engine), "head")
            yield engine
        finally:
            engine.dispose()


def test_a_database_in_use_is_upgraded_with_all_that_it_holds(upgraded: Engine) -> None:
    with upgraded.connect() as connection:
        assert differences(connection) == []
    with Session(upgraded) as session:
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


def test_what_an_upgraded_database_holds_can_be_changed_on(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0002")
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
    upgraded: Engine, table: str, statement: str
) -> None:
    with upgraded.begin() as connection, pytest.raises(DatabaseError, match="are only added"):
        connection.execute(text(statement.format(table)))


def test_sources_were_heard_when_their_newest_event_came_in(empty_database: str) -> None:
    """And no silence of before the upgrade is made up."""
    engine = open_engine(empty_database)
    before = datetime.now(UTC)
    received, begun, over = (datetime(2013, 3, day, tzinfo=UTC) for day in (9, 1, 3))
    try:
        brought_to(engine, "0054")
        with engine.begin() as connection:
            add = adder(connection)
            for key, kind in enumerate(("api", "file", "hand", "alertmanager"), 1):
                add("event_sources", id=key, name=kind, kind=kind, version=1)
            for key, source in enumerate((1, 1, 2, 2, 3), 1):
                late = key in (1, 3)
                add(
                    "events",
                    id=key,
                    source_id=source,
                    source_key=str(key),
                    state="down",
                    start=begun,
                    end=over if late else None,
                    created_at=received if late else begun,
                )
        command.upgrade(alembic_config(engine), "head")
        with Session(engine) as session:
            found = {one.name: one for one in session.scalars(select(EventSource))}
            assert {name: (one.last_heard_at, one.calls) for name, one in found.items()} == {
                "api": (received, True),
                "file": (over, False),
                "hand": (None, False),
                "alertmanager": (None, True),
            }
            assert {one.expected_minutes for one in found.values()} == {60}
            for one in found.values():
                assert one.silence_from is not None
                assert one.silence_from >= before
            now = datetime.now(UTC)
            assert not silences(session, begun, before, now)
        command.downgrade(alembic_config(engine), "0054")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM event_sources")).scalar() == 4
    finally:
        engine.dispose()


def test_an_upgrade_can_be_taken_back_with_all_that_was_there_before(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0002")
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


@pytest.mark.parametrize("written", [(), ("2013-Q2", "2012-Q4", "2014-Q1")])
def test_reports_are_asked_from_the_first_one_or_from_now_on(
    empty_database: str, written: Sequence[str]
) -> None:
    """Revision 0030."""
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0029")
        with engine.begin() as connection:
            add = adder(connection)
            add("sites", id=1, key="DE-KIT", version=1)
            for key, quarter in enumerate(written, 1):
                add("reports", id=key, site_id=1, form_number=1, quarter=quarter)
        before = Quarter.of(datetime.now(UTC))
        command.upgrade(alembic_config(engine), "0030")
        with Session(engine) as session:
            first = reports_from(session)
        if written:
            assert str(first) == "2012-Q4"
        else:
            assert before <= first <= Quarter.of(datetime.now(UTC))
    finally:
        engine.dispose()


def test_sites_get_their_day_and_what_is_kept_is_computed_again(empty_database: str) -> None:
    """Revision 0027: NET-1 was DE-KIT's until 2012-07-01, and is XX-NEW's since."""
    engine = open_engine(empty_database)
    turn, march = date(2012, 7, 1), datetime(2012, 3, 5, 10, tzinfo=UTC)
    try:
        brought_to(engine, "0026")
        with engine.begin() as connection:
            add = adder(connection)
            for key, name, more in (
                (1, "DE-KIT", {"tier": 1}),
                (2, "XX-NEW", {"tier": 1}),
                (3, "XX-PAST", {"tier": 1, "tier_until": date(2012, 1, 1)}),
                (4, "XX-NONE", {}),
                (5, "ES-PIC", {"tier": 1, "tier_since": date(2010, 1, 1)}),
            ):
                add("sites", id=key, key=name, version=1, **more)
                add("changes", id=key, kind="site", thing_id=key, version=1, actor_id=None)
            add("site_names", id=1, site_id=1, name="NET-1", valid_until=turn)
            add("site_names", id=2, site_id=2, name="NET-1", valid_from=turn)
            add("links", id=1, name="A", network="LHCOPN", end_a_id=1, end_b_id=2)
            for number, imported, by_hand in ((1, 1, 0), (2, 1, 1), (3, 0, 0)):
                add(
                    "tickets",
                    number=number,
                    event_start=march,
                    responsible_site_id=2,
                    responsible_set_by_hand=bool(by_hand),
                )
                add("ticket_sites", id=number, ticket_number=number, name="NET-1", site_id=2)
                if imported:
                    add("imported_tickets", source="old", number=f"{number}", ticket_number=number)
            add("event_sources", id=1, name="nagios")
            for number, thing in ((1, {"link_id": 1}), (2, {"site_id": 1})):
                add("events", id=number, source_id=1, source_key=f"{number}", **thing)
                add("detected_events", id=number, **thing)
            add("fact_blocks", kind="ticket.1", block=0, rows=b"", links=b"", sites=b"")
            add("portal_facts", name="facts_kept:ticket.1", value="1 1")
        command.upgrade(alembic_config(engine), "0027")
        with engine.connect() as connection:

            def rows(query: str) -> list[tuple[object, ...]]:
                return [tuple(row) for row in connection.execute(text(query))]

            days = rows("SELECT key, tier_since FROM sites ORDER BY id")
            assert [(key, str(day)) for key, day in days] == [
                ("DE-KIT", "2009-02-01"),
                ("XX-NEW", "2014-03-04"),
                ("XX-PAST", "2009-02-01"),
                ("XX-NONE", "None"),
                ("ES-PIC", "2010-01-01"),
            ]
            # imported ones that nobody set by hand; what people entered stays
            assert rows("SELECT ticket_number, site_id FROM ticket_sites ORDER BY id") == [
                (1, 1),
                (2, 1),
                (3, 2),
            ]
            assert rows("SELECT number, responsible_site_id FROM tickets ORDER BY number") == [
                (1, 1),
                (2, 2),
                (3, 2),
            ]
            assert sorted(rows("SELECT kind, thing_id FROM stale_matchings")) == [
                ("duty", 1),
                ("link", 1),
                ("site", 1),
            ]
            assert rows("SELECT kind FROM fact_blocks") == []
            kept = "SELECT name FROM portal_facts WHERE name LIKE 'facts_kept:%'"
            assert rows(kept) == []
    finally:
        engine.dispose()


def test_imports_in_the_middle_are_ended_by_the_upgrade_and_files_survive_its_way_back(
    empty_database: str,
) -> None:
    engine = open_engine(empty_database)
    states = {1: "reading", 2: "read", 3: "writing", 4: "writing", 5: "done"}
    try:
        brought_to(engine, "0031")
        with engine.begin() as connection:
            add = adder(connection)
            for key, state in states.items():
                counts = {"lines": 0 if key == 3 else 7, "whole": 9, "new": 7, "same": 0}
                add("event_imports", id=key, state=state, **counts)
                add("event_import_parts", import_id=key, position=0, content=b"old")
        command.upgrade(alembic_config(engine), "head")
        with Session(engine) as session, session.begin():
            rows = session.scalars(select(EventImport).order_by(EventImport.id)).all()
            assert [(row.state, row.new, row.ended_at is not None) for row in rows] == [
                ("failed", 0, True),
                ("failed", 0, True),
                ("failed", 0, True),
                ("stopped", 7, True),
                ("done", 7, False),
            ]
            assert {row.content for row in rows} == {None}
            rows[1].state, rows[1].content, rows[1].new = "read", b"new", 3
        command.downgrade(alembic_config(engine), "0031")
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                made = text("SELECT sql FROM sqlite_master WHERE name = 'event_imports'")
                assert "AUTOINCREMENT" in str(connection.scalar(made))
            one = connection.execute(
                text("SELECT lines, whole, state FROM event_imports WHERE id = 2")
            ).one()
            assert tuple(one) == (3, 3, "read")
            parts = text("SELECT import_id, position, content FROM event_import_parts")
            assert [tuple(row) for row in connection.execute(parts)] == [(2, 0, b"new")]
    finally:
        engine.dispose()


def test_facts_of_figures_are_stored_no_more(empty_database: str) -> None:
    engine = open_engine(empty_database)
    names = text("SELECT name FROM portal_facts ORDER BY name")
    try:
        brought_to(engine, "0034")
        with engine.begin() as connection:
            before = connection.scalars(names).all()
            add = adder(connection)
            add("fact_blocks", kind="ticket.2", block=0, rows=b"", links=b"", sites=b"")
            for kind in ("ticket.2", "event.1"):
                add("portal_facts", name=f"facts_kept:{kind}", value="1 1")
        command.upgrade(alembic_config(engine), "0035")
        with engine.connect() as connection:
            assert connection.scalars(names).all() == before
        command.downgrade(alembic_config(engine), "0034")
        with engine.connect() as connection:
            assert not connection.execute(text("SELECT kind FROM fact_blocks")).all()
    finally:
        engine.dispose()


def test_titles_written_before_are_found_by_parts_of_words(empty_database: str) -> None:
    texts = {
        1: ("Größere Incidents at PIC", "umbrella", " 1 _ grossere incidents at pic _ umbrella "),
        2: ("???", "parasol", " 2 _ parasol "),
    }
    engine = open_engine(empty_database)
    endings = select(TicketWords.ticket_number, TicketWords.endings)
    try:
        brought_to(engine, "0035")
        with engine.begin() as connection:
            add = adder(connection)
            for number, (title, description, words) in texts.items():
                add("tickets", number=number, title=title, description=description)
                add("ticket_words", ticket_number=number, public=words, internal=" ")
        command.upgrade(alembic_config(engine), "0036")
        with Session(engine) as session:
            for text_, found in {"ncident": [1], "sser": [1], "cid umb": [1], "araso": []}.items():
                wanted = TicketFilter(text=text_)
                assert first_numbers(session, SYSTEM, wanted, 9) == found, text_
            written = {row[0]: row[1] for row in session.execute(endings)}
            assert written[2] == " "
            index_tickets(session, [1, 2])
            assert {row[0]: row[1] for row in session.execute(endings)} == written
            session.rollback()
        command.downgrade(alembic_config(engine), "0035")
        command.upgrade(alembic_config(engine), "0036")
        with Session(engine) as session:
            assert first_numbers(session, SYSTEM, TicketFilter(text="ncident"), 9) == [1]
    finally:
        engine.dispose()


def test_sites_that_are_there_get_a_place_on_the_map(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0036")
        with engine.begin() as connection:
            add = adder(connection)
            for number, (key, tier) in enumerate(
                [("CH-CERN", 0), ("T2-A", None), ("NL-T1", 1), ("CA-TRIUMF", 1), ("T2-B", None)], 1
            ):
                add("sites", id=number, key=key, tier=tier)
        command.upgrade(alembic_config(engine), "0037")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT key, map_place FROM sites"))
            # as the map showed those of the reference, others in the widest gaps, the oldest first
            assert {row.key: row.map_place for row in rows} == {
                "CH-CERN": None,
                "CA-TRIUMF": 0.0,
                "NL-T1": 180.0,
                "T2-A": 90.0,
                "T2-B": 270.0,
            }
        command.downgrade(alembic_config(engine), "0036")
    finally:
        engine.dispose()


def test_only_what_time_may_change_is_computed_again(empty_database: str) -> None:
    """Revision 0059: the results of a link whose events are long over are not touched."""
    engine = open_engine(empty_database)
    now = datetime.now(UTC)
    try:
        brought_to(engine, "0058")
        with engine.begin() as connection:
            add = adder(connection)
            add("sites", id=1, key="DE-KIT", version=1)
            for key in (1, 2, 3, 4):
                add("links", id=key, name=f"L-{key}", network="LHCOPN", end_a_id=1, end_b_id=1)
            add("event_sources", id=1, name="nagios")
            for number, thing, end in (
                (1, {"link_id": 1}, None),
                (2, {"link_id": 2}, now - timedelta(days=2)),
                (3, {"link_id": 3}, now - timedelta(hours=2)),
                (4, {"site_id": 1}, None),
                (5, {"link_id": 4}, None),
            ):
                add("events", id=number, source_id=1, source_key=f"{number}", end=end, **thing)
                add("detected_events", id=number, end=end, counts_at=end, **thing)
            add("stale_matchings", kind="link", thing_id=4, mark=7)
            add("tickets", number=1)
            for event, how in ((1, "link"), (2, "hand")):
                why = "same link, overlap 0 s, both ends off"
                add("event_tickets", detected_id=event, ticket_number=1, how=how, why=why)
        command.upgrade(alembic_config(engine), "0059")
        with engine.connect() as connection:

            def rows(query: str) -> list[tuple[object, ...]]:
                return [tuple(row) for row in connection.execute(text(query))]

            assert sorted(rows("SELECT kind, thing_id, mark FROM stale_matchings")) == [
                ("link", 1, 0),
                ("link", 3, 0),
                ("link", 4, 7),
                ("site", 1, 0),
            ]
            assert rows(
                "SELECT id FROM detected_events WHERE changes_at IS NOT NULL ORDER BY id"
            ) == [
                (2,),
                (3,),
            ]
            assert rows("SELECT how, why FROM event_tickets ORDER BY detected_id") == [
                ("link", "same link, they meet at one moment, both ends off"),
                ("hand", "same link, overlap 0 s, both ends off"),  # a person's words
            ]
        command.downgrade(alembic_config(engine), "0058")
        with engine.connect() as connection:
            assert [*connection.execute(text("SELECT counts_at FROM detected_events"))]
    finally:
        engine.dispose()


def test_what_was_agreed_of_a_value_becomes_a_pair(empty_database: str) -> None:
    """Revision 0060: both as they are where they mean the same, else what is sent for our word."""
    engine = open_engine(empty_database)
    rows = [["in progress", "open", "both"], ["assigned", "open", "out"]]
    content = {"maps": {"state": [*rows, ["solved", "resolved", "both"], ["closed", "7", "in"]]}}
    cases = {  # ours now, the old word, as they were last read: what is agreed
        1: ("assigned", {"state": "in progress"}, {"state": "Open"}, ["assigned", "Open"]),
        2: ("assigned", {"state": "in progress"}, {"state": "resolved"}, ["in progress", "open"]),
        3: ("solved", {"state": "in progress", "impact": "none"}, {}, ["in progress", "open"]),
        4: ("closed", {"state": "closed"}, {"state": "7"}, ["closed", "7"]),
        5: ("solved", {"state": "closed"}, {"state": "7"}, None),
        6: ("solved", {}, {"state": "open"}, None),
        7: ("solved", {}, {"state": "RESOLVED"}, ["solved", "RESOLVED"]),
    }
    try:
        brought_to(engine, "0059")
        with engine.begin() as connection:
            add = adder(connection)
            add("partners", id=1, code="NREN-A")
            add("connections", id=1, partner_id=1, profile_version=2)
            add("connection_profiles", id=1, connection_id=1, version=1, content="{}")
            add("connection_profiles", id=2, connection_id=1, version=2, content=dumps(content))
            for number, (ours, old, told, _agreed) in cases.items():
                add("tickets", number=number, state=ours)
                add(
                    "ticket_pairs",
                    id=number,
                    ticket_number=number,
                    connection_id=1,
                    their_id=f"{number}",
                    values=dumps(old),
                    their_values=dumps(told),
                )
        command.upgrade(alembic_config(engine), "0060")
        with engine.connect() as connection:
            found = connection.execute(text("SELECT id, bases FROM ticket_pairs"))
            assert {key: loads(bases) for key, bases in found} == {
                number: {"state": dict(zip(("ours", "theirs"), agreed, strict=True))}
                if agreed
                else {}
                for number, (_ours, _old, _told, agreed) in cases.items()
            }
        command.downgrade(alembic_config(engine), "0059")
        with engine.connect() as connection:
            kept = connection.execute(text('SELECT "values" FROM ticket_pairs ORDER BY id'))
            assert [loads(one) for (one,) in kept][:2] == [
                {"state": "assigned"},
                {"state": "in progress"},
            ]
    finally:
        engine.dispose()


def test_which_ticket_concerns_which_site_is_filled_in(empty_database: str) -> None:
    """Revision 0066: affected and responsible sites and both ends of links, each pair once; of
    tickets by the ten thousand."""
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0065")
        with engine.begin() as connection:
            add = adder(connection)
            for key in (1, 2, 3, 4):
                add("sites", id=key, key=f"SITE-{key}")
            add("links", id=1, name="A", end_a_id=1, end_b_id=2)
            for number, responsible in ((1, None), (10_000, 2), (10_001, 4), (25_000, None)):
                add("tickets", number=number, responsible_site_id=responsible)
            add("ticket_links", id=1, ticket_number=10_000, link_id=1)
            add("ticket_links", id=2, ticket_number=25_000, link_id=1)
            for key, (number, site) in enumerate(
                ((1, None), (10_000, 1), (10_000, 3), (10_001, 4), (10_001, None)), start=1
            ):
                add("ticket_sites", id=key, ticket_number=number, site_id=site, name=f"N{key}")
        command.upgrade(alembic_config(engine), "0066")
        with engine.connect() as connection:
            found = connection.execute(text("SELECT ticket_number, site_id FROM concerned_sites"))
            assert sorted(map(tuple, found)) == [
                *((10_000, 1), (10_000, 2), (10_000, 3)),
                (10_001, 4),
                *((25_000, 1), (25_000, 2)),
            ]
        command.downgrade(alembic_config(engine), "0065")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM ticket_sites")).scalar() == 5
    finally:
        engine.dispose()


def test_a_mail_that_is_being_sent_is_claimed_as_before(empty_database: str) -> None:
    """Revision 0067: no mail is sent by two workers because the portal was upgraded."""
    engine = open_engine(empty_database)
    before = [(1, "waiting", THEN), (2, "sending", THEN), (3, "sent", None)]
    old = text("SELECT id, state, due_at FROM mails ORDER BY id").columns(due_at=UtcTime())
    new = text("SELECT id, state, due_at, claimed_until FROM mails ORDER BY id")
    try:
        brought_to(engine, "0066")
        with engine.begin() as connection:
            for key, state, due_at in before:
                adder(connection)("mails", id=key, state=state, due_at=due_at)
        command.upgrade(alembic_config(engine), "0067")
        with engine.connect() as connection:
            found = new.columns(due_at=UtcTime(), claimed_until=UtcTime())
            assert list(map(tuple, connection.execute(found))) == [
                (1, "waiting", THEN, None),
                (2, "waiting", THEN, THEN),
                (3, "sent", None, None),
            ]
        command.downgrade(alembic_config(engine), "0066")
        with engine.connect() as connection:
            assert list(map(tuple, connection.execute(old))) == before
    finally:
        engine.dispose()


@pytest.mark.parametrize("is_signed", [False, True])
def test_shipped_texts_are_reworded_unless_people_changed_or_signed_them(
    empty_database: str, is_signed: bool
) -> None:
    """Revision 0068: words of people stay, and so does what a signed report shows."""
    engine = open_engine(empty_database)
    rules = text("SELECT name, about FROM duty_rules ORDER BY name")
    form = text("SELECT content FROM report_forms WHERE number = 1")
    try:
        command.upgrade(alembic_config(engine), "0067")
        with engine.begin() as connection:
            before = connection.scalar(form)
            connection.execute(text("UPDATE duty_rules SET about = 'Ours' WHERE name = 'R2013'"))
            if is_signed:
                add = adder(connection)
                add("sites", id=1, key="DE-KIT", country="DE", tier=1)
                add("reports", id=1, site_id=1, quarter="2013-Q1", form_number=1)
                add("report_versions", report_id=1, number=1, form_number=1)
        command.upgrade(alembic_config(engine), "0068")
        with engine.connect() as connection:
            assert list(map(tuple, connection.execute(rules))) == [
                (
                    "R2009",
                    "The rule of the operational model: a ticket for long events and for flapping"
                    " links.",
                ),
                ("R2013", "Ours"),
            ]
            after = connection.scalar(form)
        assert [one["group"] for one in loads(before)].count("In words") == 3
        assert [one["group"] for one in loads(after)].count("Issues and plans") == (
            0 if is_signed else 3
        )
        assert (after == before) is is_signed
        command.downgrade(alembic_config(engine), "0067")
        with engine.connect() as connection:
            assert connection.scalar(form) == before
    finally:
        engine.dispose()


def test_the_log_only_grows_before_and_after_it_has_traces(empty_database: str) -> None:
    """Revision 0069: a downgrade that creates the table again would lose its triggers."""
    engine = open_engine(empty_database)
    try:
        brought_to(engine, "0068")
        with engine.begin() as connection:
            adder(connection)("changes", id=1, kind="site", thing_id=1, version=1)
        command.upgrade(alembic_config(engine), "0069")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT traceparent FROM changes")).all() == [(None,)]
        command.downgrade(alembic_config(engine), "0068")
        with engine.begin() as connection, pytest.raises(DatabaseError, match="are only added"):
            connection.execute(text("UPDATE changes SET id = 2"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT id FROM changes")).all() == [(1,)]
            columns = {one["name"] for one in inspect(connection).get_columns("changes")}
            assert "traceparent" not in columns
    finally:
        engine.dispose()
