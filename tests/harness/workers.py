"""Worker processes for tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.databases import open_engine
from tests.harness.loaded import Child
from tests.harness.portal_worker import work
from tests.harness.server import test_settings

StartWorker = Callable[..., Child]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file in which jobs leave their lines."""
    file = tmp_path / "notes"
    file.touch()
    return file


@pytest.fixture
def start_worker(database: str, notes: Path) -> Iterator[StartWorker]:
    """Starts a real worker process; what still runs is killed afterwards."""
    started: list[Child] = []

    def start(**pace: float) -> Child:
        given = {"look": 0.05, "beat": 0.2, **pace}
        process = Child(work, [database, given, str(notes)])
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture
def context(database: str) -> Iterator[Any]:
    """What the worker's parts are given, on this test's database."""
    from app.jobs.tasks.context import Context

    engine = open_engine(database)
    yield Context(engine, test_settings(database))
    engine.dispose()
