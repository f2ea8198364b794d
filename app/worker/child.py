"""A job in a process of its own: what it loads and fills is gone when it is done.

Run as ``python -m app.worker.child MODULE:FUNCTION ARGUMENTS``, the job's function and its
arguments as JSON. Standard input is the worker's: a line says that the worker is to end; at its end
the worker is gone and so is this process, and another worker begins the job again. On standard
output is why the job failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pkgutil import resolve_name
from subprocess import PIPE, Popen, TimeoutExpired
from typing import Any, Final, TypeAlias

from sqlalchemy import create_engine

from app import tables  # noqa: F401  # relationships are by name, so every table must be known
from app.core.catalogues import catalogue_of
from app.core.database.transactions import (
    LONG_IDLE_TIMEOUT,
    LONG_STATEMENT_TIMEOUT,
    configure_engine,
)
from app.core.log import configure_logging
from app.core.rules.language import write_mails
from app.core.settings import PROJECT, Settings, process_environment
from app.duties.services.derived import compute_with_matches
from app.jobs.rules.jobs import reason_of
from app.jobs.tasks.context import Context

JobFunction: TypeAlias = Callable[[Context, Mapping[str, Any]], None]
_LOOK: Final = 0.5
"""Seconds between two looks whether the worker is to end."""


class ChildFailed(Exception):
    """Why a job in a child process failed: the line that it left, or how the process ended."""


def in_child(function: JobFunction) -> JobFunction:
    """The same job, done by a child process. The function is found by its name, and its database
    by the settings."""

    def run(context: Context, arguments: Mapping[str, Any]) -> None:
        name = f"{function.__module__}:{function.__name__}"
        with Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-m", "app.worker.child", name, json.dumps(arguments)],
            stdin=PIPE,
            stdout=PIPE,
            text=True,
            cwd=PROJECT,
            env=process_environment(context.settings),
            process_group=0,  # Ctrl-C and the like reach the worker, which tells it
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            is_signalled = False
            while child.poll() is None:
                with suppress(TimeoutExpired):
                    child.wait(_LOOK)
                if context.is_ending() and not is_signalled:
                    is_signalled = True
                    with suppress(BrokenPipeError):  # it has just ended
                        print("end", file=child.stdin, flush=True)
            reason = child.stdout.read().strip()
        if child.returncode:
            raise ChildFailed(reason or f"its process ended with {child.returncode}")

    return run


def main() -> None:
    """Do the job that the command line names."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as a service manager sends it to all
    ending = threading.Event()
    threading.Thread(target=_listen, args=(ending,), daemon=True).start()
    configure_logging()
    compute_with_matches()
    settings = Settings.from_env()
    write_mails(catalogue_of(settings.mail.language))
    engine = create_engine(settings.database_url, hide_parameters=True)
    configure_engine(engine, LONG_STATEMENT_TIMEOUT, LONG_IDLE_TIMEOUT)
    try:
        resolve_name(sys.argv[1])(
            Context(engine, settings, is_ending=ending.is_set), json.loads(sys.argv[2])
        )
    except Exception as error:  # noqa: BLE001  # the worker is told, whatever it is
        print(reason_of(error))  # noqa: T201
        sys.exit(1)
    finally:
        engine.dispose()


def _listen(ending: threading.Event) -> None:
    if sys.stdin.readline():
        ending.set()
        sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
