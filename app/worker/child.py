"""Runs a job in a process of its own, so that the memory it uses is freed when it ends.

Run as ``python -m app.worker.child MODULE:FUNCTION ARGUMENTS TRACEPARENT``, with the job's
function, its arguments as JSON, and the request that it belongs to. Standard input comes from the
worker: a line means that the worker is shutting down; end of file means that the worker is gone, so
this process exits and another worker starts the job again. Standard output contains the reason if
the job failed.
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

from app.composition import compose_figures, compose_records
from app.core.catalogues import catalogue_of
from app.core.database.transactions import (
    LONG_IDLE_TIMEOUT,
    LONG_STATEMENT_TIMEOUT,
    configure_engine,
)
from app.core.folders import BASE, PYTHON
from app.core.log import configure_logging
from app.core.rules.language import write_mails
from app.core.settings import Settings, process_environment
from app.core.traces import resumed, traceparent
from app.jobs.rules.jobs import reason_of
from app.jobs.tasks.context import Context

JobFunction: TypeAlias = Callable[[Context, Mapping[str, Any]], None]
_LOOK: Final = 0.5
"""Seconds between two checks whether the worker is shutting down."""


class ChildFailed(Exception):
    """Why a job in a child process failed: the line that it printed, or how the process ended."""


def in_child(function: JobFunction) -> JobFunction:
    """Return the same job, run in a child process. The child finds the function by name and the
    database by the settings."""

    def run(context: Context, arguments: Mapping[str, Any]) -> None:
        name = f"{function.__module__}:{function.__name__}"
        with Popen(  # noqa: S603  # this interpreter
            [*PYTHON, "-m", "app.worker.child", name, json.dumps(arguments), traceparent()],
            stdin=PIPE,
            stdout=PIPE,
            text=True,
            cwd=BASE,
            env=process_environment(context.settings),
            process_group=0,  # Ctrl-C and similar signals reach the worker, which informs the child
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
    """Run the job named on the command line."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # service managers send it to all processes
    ending = threading.Event()
    threading.Thread(target=_listen, args=(ending,), daemon=True).start()
    settings = Settings.from_env()
    configure_logging(settings.log_format)
    compose_records()
    compose_figures()
    write_mails(catalogue_of(settings.mail.language))
    engine = create_engine(settings.database_url, hide_parameters=True)
    configure_engine(engine, LONG_STATEMENT_TIMEOUT, LONG_IDLE_TIMEOUT)
    try:
        with resumed(sys.argv[3], "job"):
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
