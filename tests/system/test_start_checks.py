"""What a start looks at before anything else: the schema of its database, and who may read files.

Old code on a newer schema used to run without a word, and so did newer code on an older one until
its first statement failed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import event, text

import wsgi
from app import serving
from app.core.database.schema import known_revisions
from app.core.settings import process_environment
from app.core.web.extensions import db
from app.statistics.services.cache import current_facts
from app.statistics.services.events import EVENT_FACTS
from app.statistics.services.tickets import TICKET_FACTS
from tests.harness.databases import alembic_config, open_engine
from tests.harness.portal import close, portal
from tests.harness.server import free_port, test_settings

NEWEST = known_revisions()[-1]
OLDER = known_revisions()[-2]


def stamp(database: str, revision: str) -> None:
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    engine.dispose()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Leaves the mask of this process as it was: a start changes it."""
    before = os.umask(0o022)
    try:
        yield monkeypatch
    finally:
        os.umask(before)


def told_by_command(app: Flask, *words: str) -> str:
    """The one line with which a command ends."""
    ended = app.test_cli_runner().invoke(args=words)
    assert ended.exit_code == 1
    assert len(ended.output.splitlines()) == 1, ended.output
    return ended.output.strip()


def test_the_newest_revision_is_the_one_of_the_last_file() -> None:
    engine = open_engine("sqlite://")
    scripts = ScriptDirectory.from_config(alembic_config(engine))
    engine.dispose()
    assert known_revisions() == [script.revision for script in scripts.walk_revisions()][::-1]


COMMANDS = [("user", "list"), ("worker", "--once")]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_on_a_newer_schema_stops(
    database: str, app: Flask, words: tuple[str, ...]
) -> None:
    stamp(database, "9999")
    assert told_by_command(app, *words) == (
        "Error: DATABASE_URL: the database has schema 9999, which this version of the portal does"
        f" not know (its newest is {NEWEST}): a newer version was used on it; start that one"
    )


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_on_an_older_schema_stops(
    database: str, app: Flask, words: tuple[str, ...]
) -> None:
    stamp(database, OLDER)
    assert told_by_command(app, *words) == (
        f"Error: DATABASE_URL: the database has schema {OLDER}, and this version of the portal"
        f" needs {NEWEST}; `flask db upgrade` brings it up to date"
    )


def test_a_command_without_any_table_says_what_creates_them(empty_database: str) -> None:
    with portal(test_settings(empty_database)) as app:
        assert told_by_command(app, "user", "list") == (
            "Error: DATABASE_URL: the database has no tables of the portal;"
            " `flask db upgrade` creates them"
        )


def test_help_asks_no_database(database: str, app: Flask) -> None:
    stamp(database, "9999")
    assert app.test_cli_runner().invoke(args=["user", "create", "--help"]).exit_code == 0


def test_serve_on_a_newer_schema_stops(database: str) -> None:
    stamp(database, "9999")
    with portal(replace(test_settings(database), port=free_port())) as app:
        said = told_by_command(app, "serve")
    assert "schema 9999, which this version of the portal does not know" in said


@pytest.mark.parametrize("revision", [OLDER, "9999"])
def test_a_server_on_another_schema_stops(
    database: str, started: pytest.MonkeyPatch, revision: str
) -> None:
    stamp(database, revision)
    for name, value in process_environment(test_settings(database)).items():
        started.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        serving.build_server()
    assert str(ended.value).startswith(f"Error: DATABASE_URL: the database has schema {revision},")


def test_a_server_reads_the_facts_of_figures_before_anybody_asks(app: Flask) -> None:
    asked: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *of: asked.append(of[2]))
        serving.read_facts(app)
        assert any("tickets" in one for one in asked)
        asked.clear()
        current_facts(db.session(), TICKET_FACTS)
        current_facts(db.session(), EVENT_FACTS)
    grown = "SELECT max(changes.id)"
    assert [one[: len(grown)] for one in asked if one != "BEGIN"] == [grown] * 2


def test_a_server_has_compiled_its_pages_before_it_takes_connections(app: Flask) -> None:
    serving.warm(app)
    compiled = {name for _loader, name in app.jinja_env.cache or {}}
    assert {"base.html", "home/page.html", "tickets/_rows.html", "topology/page.html"} <= compiled


def test_a_server_whose_database_is_away_begins_all_the_same(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE events RENAME TO away"))
    serving.read_facts(app)
    assert [one.message for one in caplog.records] == ["facts of figures not read"]


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_what_the_portal_writes_is_its_own_users_alone(
    tmp_path: Path, started: pytest.MonkeyPatch
) -> None:
    """At its first creation, and what an older version left readable to others."""
    started.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'portal.db'}")
    started.setenv("MAIL_FOLDER", str(tmp_path / "mails"))
    app = wsgi.create_app()
    runner = app.test_cli_runner()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    with app.app_context():
        db.engine.dispose()
    engine = open_engine(f"sqlite:///{tmp_path / 'portal.db'}")
    with engine.begin() as connection:  # open, so that -wal and -shm are there
        connection.execute(text("INSERT INTO portal_facts VALUES ('a', 'b')"))
    (tmp_path / "mails").mkdir()
    private = {
        "portal.db": 0o600,
        "portal.db-wal": 0o600,
        "portal.db-shm": 0o600,
        "portal.db-writers": 0o600,
        "mails": 0o700,
    }
    assert modes(tmp_path) == private
    for path in tmp_path.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)

    close(wsgi.create_app())
    assert modes(tmp_path) == private | {"portal.db-writers": 0o644}  # it is always empty
    engine.dispose()


def test_a_folder_to_which_all_may_write_is_left_to_all(
    tmp_path: Path, started: pytest.MonkeyPatch
) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o1777)
    started.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'portal.db'}")
    started.setenv("MAIL_FOLDER", str(tmp_path / "all"))
    close(wsgi.create_app())
    assert modes(tmp_path)["all"] == 0o1777
