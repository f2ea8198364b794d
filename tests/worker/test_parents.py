"""A worker and the process that started it: one ends with the other only where that is wanted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.folders import PROJECT
from app.core.settings import process_environment
from app.jobs.models.work import TimedWork, Worker
from app.jobs.rules.work import CLOSE_DUE
from app.jobs.services.timed_work import run_soon
from tests.harness.server import test_settings
from tests.harness.until import until

NOTICED = 2.0
"""Seconds in which a worker that ends with its parent has noticed, and taken nothing new."""
_SHELL = """
import json, subprocess, sys
subprocess.Popen(json.loads(sys.argv[1]), stdin=subprocess.DEVNULL)
sys.stdin.read()
"""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("with_parent", [False, True])
def test_a_worker_outlives_the_shell_that_started_it(
    database: str, session: Session, *, with_parent: bool
) -> None:
    """As after a logout; but the one beside a server ends with it."""
    command = [sys.executable, "-m", "flask", "worker", *["--with-parent"] * with_parent]
    shell = subprocess.Popen(
        [sys.executable, "-c", _SHELL, json.dumps(command)],
        cwd=PROJECT,
        env=process_environment(test_settings(database)),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    pid = 0
    try:
        until(lambda: bool(_asked(session, lambda: session.scalars(select(Worker.pid)).all())))
        pid = session.scalars(select(Worker.pid)).one()
        session.rollback()
        assert shell.stdin is not None
        shell.stdin.close()
        shell.wait(60)
        if with_parent:
            until(lambda: not _lives(pid))
            return
        left = monotonic()
        until(lambda: monotonic() - left > NOTICED)
        begun = datetime.now(UTC)
        with session.begin():
            run_soon(session, CLOSE_DUE.name, begun)
        until(lambda: _asked(session, lambda: _ran_since(session, begun)))
    finally:
        shell.kill()
        shell.wait()
        if pid and _lives(pid):
            os.kill(pid, signal.SIGTERM)
            until(lambda: not _lives(pid))


def _ran_since(session: Session, begun: datetime) -> bool:
    ended = session.get_one(TimedWork, CLOSE_DUE.name).ended_at
    return ended is not None and ended > begun


def _asked(session: Session, ask: Callable[[], object]) -> bool:
    session.rollback()
    return bool(ask())


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
