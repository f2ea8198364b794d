"""``flask worker``: the process that does the portal's background work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

import click
from flask import current_app

from app.commands.base import PortalCommand
from app.core.settings import service_manager
from app.core.web.extensions import db
from app.jobs.tasks.context import Context
from app.server.supervisor import ServiceManager
from app.worker.process import WorkerProcess, ended_by_signals


@click.command("worker", cls=PortalCommand)
@click.option("--once", is_flag=True, help="Run everything that is due now, then exit.")
@click.option("--with-parent", is_flag=True, help="Exit when the parent process is gone.")
@click.option("--beats", type=int, hidden=True, help="The pipe for signs of life.")
def worker(once: bool, with_parent: bool, beats: int | None) -> None:
    """Run jobs and scheduled work until Ctrl-C or SIGTERM; several workers may run."""
    process = WorkerProcess(
        Context(db.engine, current_app.config["PORTAL"]),
        with_parent=with_parent,
        beat=_beat_of(beats),
    )
    with ended_by_signals(process):
        if once:
            process.work_once()
            return
        in_order = process.run()
    if in_order:
        db.engine.dispose()  # SQLite writes its log into the file when the last one closes it
    if not in_order:
        # a job does not end: its thread would keep this process; another worker starts it again
        sys.stderr.flush()
        os._exit(0)


def _beat_of(pipe: int | None) -> Callable[[], None]:
    """What the worker does to say that it lives: to the supervisor by the pipe, else to systemd."""
    if pipe is not None:
        os.set_blocking(pipe, False)

        def write() -> None:
            with suppress(OSError):  # who started it is gone, or has read nothing for hours
                os.write(pipe, b"b")

        return write
    manager = service_manager()
    return ServiceManager(*manager).beat if manager is not None else lambda: None


COMMANDS: tuple[click.Command, ...] = (worker,)
