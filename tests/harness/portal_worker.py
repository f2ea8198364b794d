"""A real worker process with jobs for tests, which leave lines in the file that they name."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.log import configure_logging
from app.jobs.rules.jobs import Pace
from app.jobs.rules.work import TIDY
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from app.worker.process import WorkerProcess, ended_by_signals
from app.worker.timed import TIMED
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.harness.until import until


def note(_context: Context, arguments: Mapping[str, Any]) -> None:
    """Leave a word, after a moment in which other workers look for work too."""
    threading.Event().wait(0.01)
    _leave(arguments["file"], str(arguments["word"]))


def slow(_context: Context, arguments: Mapping[str, Any]) -> None:
    """Say that it is begun, wait until it may end, and say who ended it."""
    _leave(arguments["file"], f"begun {os.getpid()}")
    until(Path(arguments["file"] + ".go").exists)
    _leave(arguments["file"], f"done {os.getpid()}")


def _leave(file: str, line: str) -> None:
    with Path(file).open("a") as out:  # one short write, which the system does not mix with others
        out.write(f"{line}\n")


def work(url: str, pace: Mapping[str, Any], file: str) -> None:
    """Work until a signal, at this pace (``app.jobs.rules.jobs.Pace``), and end the process."""
    configure_logging()
    JOBS.update(note=note, slow=slow)
    TIMED.clear()

    def tidy(context: Context) -> str:
        slow(context, {"file": file})
        return "Tidied"

    TIMED[TIDY.name] = tidy
    engine = open_engine(url)
    settings = replace(test_settings(url), outbound_private_hosts=frozenset({"127.0.0.1"}))
    worker = WorkerProcess(Context(engine, settings), Pace(**pace))
    with ended_by_signals(worker):
        in_order = worker.run()
    engine.dispose()
    os._exit(0 if in_order else 3)
