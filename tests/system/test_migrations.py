"""Migrations bring an empty database to exactly what the rows say, on both databases."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app.models import Base, UtcTime
from tests.harness.databases import alembic_config, migrate, open_engine

_processes = multiprocessing.get_context("spawn")


def test_upgrade_from_empty_leaves_nothing_to_autogenerate(empty_database: str) -> None:
    engine = open_engine(empty_database)
    try:
        command.upgrade(alembic_config(engine), "head")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
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
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
