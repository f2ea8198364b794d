"""``flask db upgrade --check`` tries an upgrade on a copy; ``flask db downgrade`` is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from app.core.database.schema import known_revisions
from tests.backups.test_backup import contents, done, kind_of, run
from tests.backups.test_verify import databases_like
from tests.harness.databases import alembic_config, open_engine

OLD = "0064"
"""A schema of which later migrations change tables with rows: 0067 adds a column to ``mails``."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the copies of SQLite are."""
    place = tmp_path / "scratch"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def brought_back(database: str) -> None:
    """Take the newest migrations back, as only a developer does."""
    engine = open_engine(database)
    command.downgrade(alembic_config(engine), OLD)
    engine.dispose()


def test_an_upgrade_is_tried_on_a_copy_and_nothing_is_changed(
    full: str, place: Path, tmp_path: Path
) -> None:
    brought_back(full)
    before = contents(full)
    lines = run(full, "db", "upgrade", "--check").output.splitlines()
    newest = known_revisions()[-1]
    assert lines[0] == f"The database has schema {OLD}. An upgrade to {newest} runs:"
    pending = [one for one in known_revisions() if one > OLD]
    assert [line.split()[0] for line in lines[1 : len(pending) + 1]] == pending
    assert lines[1] == (
        "  0065 The hashes of exchanged entries go: tickets are compared with the partner's instead"
    )
    held = done(full, "backup", tmp_path / "b").partition(" holds ")[2].partition(" of ")[0]
    tried, *locks, last = lines[len(pending) + 1 :]
    assert tried.startswith(f"Tried on a copy with {held}: copied in ")
    if kind_of(full) == "sqlite":
        assert locks == [
            "Until the upgrade ends, nobody else can write to the database; reading continues."
        ]
    else:
        (unreadable,) = (line for line in locks if "nobody else can read or write: " in line)
        locked = unreadable.removesuffix(".").partition(": ")[2].split(", ")
        assert "mails" in locked  # a new column
        assert "sites" not in locked
    assert last.startswith("An upgrade cannot be undone: create a backup first")
    assert contents(full) == before
    assert list(place.iterdir()) == []
    if kind_of(full) == "postgresql":
        assert databases_like(full, "%verify") == []


def test_an_upgrade_that_would_fail_says_why_and_changes_nothing(full: str, place: Path) -> None:
    brought_back(full)
    engine = open_engine(full)
    with engine.begin() as connection:  # a table that a later migration wants to create
        connection.execute(text("CREATE TABLE concerned_sites (id INTEGER)"))
    engine.dispose()
    before = contents(full)
    ended = run(full, "db", "upgrade", "--check")
    assert ended.exit_code == 1
    assert "Error: the copy could not be upgraded: " in ended.output
    assert "concerned_sites" in ended.output
    assert contents(full) == before
    assert list(place.iterdir()) == []


def test_without_migrations_to_run_nothing_is_copied(full: str, empty_database: str) -> None:
    newest = known_revisions()[-1]
    assert run(full, "db", "upgrade", "--check").output == (
        f"The database has schema {newest} already: an upgrade changes nothing.\n"
    )
    assert run(empty_database, "db", "upgrade", "--check").output == (
        f"The database is empty; an upgrade creates the tables of schema {newest}.\n"
    )


def test_a_newer_schema_is_refused(full: str) -> None:
    engine = open_engine(full)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for words in (("db", "upgrade"), ("db", "upgrade", "--check")):
        ended = run(full, *words)
        assert ended.exit_code == 1
        assert ended.output.startswith(
            "Error: DATABASE_URL: the database has schema 9999, which this version"
        )


def test_a_downgrade_is_refused_in_a_sentence(full: str) -> None:
    before = contents(full)
    ended = run(full, "db", "downgrade")
    assert ended.exit_code == 1
    (line,) = ended.output.splitlines()
    assert line.startswith("Error: a downgrade would lose data: restore the backup from before")
    assert contents(full) == before
