"""Worker processes for tests."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import PROJECT
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file in which jobs leave their lines."""
    file = tmp_path / "notes"
    file.touch()
    return file


@pytest.fixture
def start_worker(database: str, notes: Path) -> Iterator[StartWorker]:
    """Starts a real worker process; what still runs is killed afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**pace: float) -> subprocess.Popen[bytes]:
        given = {"look": 0.05, "beat": 0.2, **pace}
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.harness.portal_worker"),
                *(database, json.dumps(given), str(notes)),
            ],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
        )
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
