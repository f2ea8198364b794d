"""A run of the tests that is interrupted leaves no process and no database behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.core.folders import PROJECT
from tests.harness import browser, postgres, run
from tests.harness.until import until


def _commands(folder: Path) -> str:
    """What runs in the run with this folder."""
    found = ""
    for process in run.processes(folder):
        with suppress(OSError):  # ended meanwhile
            found += Path(f"/proc/{process}/cmdline").read_text()
    return found


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    "way", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda way: str(way.name)
)
def test_nothing_is_left(way: signal.Signals, workers: str) -> None:
    for program, need in [(postgres.programs(), postgres.NEED), (browser.program(), browser.NEED)]:
        if program is None:
            pytest.skip(f"needs {need}")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A run in the background ignores Ctrl-C, and would hand that on.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    known = set(run.folder().glob("portal-tests-*"))
    named = "tests/system/endless.py::test_without_end[postgresql-postgresql]"
    with (run.folder() / "interrupted.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "no:cacheprovider", named],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        until(
            lambda: process.poll() is not None or any(run.folder().glob("portal-tests-*/begun")),
            seconds=250,
        )
    assert process.poll() is None, Path(log.name).read_text()
    (inner,) = set(run.folder().glob("portal-tests-*")) - known
    running = _commands(inner)
    for name in ("multiprocessing.forkserver", "postgres", "chrom", "guardian"):
        assert name in running
    assert running.count("multiprocessing.forkserver") >= 5  # with a server, its two, a worker
    if way == signal.SIGINT:
        os.killpg(process.pid, way)  # as a terminal does it
    else:
        process.send_signal(way)
    process.wait(100)
    until(lambda: not inner.exists() and not run.processes(inner), seconds=100)
