"""The demo as it is at one moment; to seed it takes some ten seconds of processor time."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from tests.harness import run
from tests.harness.databases import fresh_database, open_engine

NOW: Final = datetime(2026, 11, 25, 13, 37, 11, 123456, tzinfo=UTC)


def lay_demo(url: str) -> None:
    """Write the demo of ``NOW`` into a fresh database to which nobody is connected; on SQLite the
    one that the run has seeded already."""
    if make_url(url).get_backend_name() == "sqlite":
        shutil.copyfile(_seeded_file(), _file_of(url))
    else:
        _seed(url)


def _seeded_file() -> Path:
    file = run.folder() / "demo.db"
    with run.alone("demo"):
        if not file.exists():
            making = file.with_suffix(".making")
            with fresh_database("sqlite") as url:
                _seed(url)
                with (  # one file: what is in the write-ahead log as well
                    closing(sqlite3.connect(_file_of(url))) as seeded,
                    closing(sqlite3.connect(making)) as copy,
                ):
                    seeded.backup(copy)
            making.rename(file)
    return file


def _seed(url: str) -> None:
    engine = open_engine(url)
    with Session(engine) as session, transaction(session):
        demo.seed_demo(session, NOW)
    engine.dispose()


def _file_of(url: str) -> str:
    return str(make_url(url).database)
