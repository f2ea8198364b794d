"""``flask worker``: the process that does the portal's background work."""

from __future__ import annotations

import os
import sys

import click
from flask import current_app

from app.commands.base import PortalCommand
from app.core.web.extensions import db
from app.jobs.tasks.context import Context
from app.worker.process import WorkerProcess, ended_by_signals


@click.command("worker", cls=PortalCommand)
@click.option("--once", is_flag=True, help="Do all that is due now, then end.")
@click.option("--with-parent", is_flag=True, help="End when the process that started it is gone.")
def worker(once: bool, with_parent: bool) -> None:
    """Do jobs and timed work until Ctrl-C or SIGTERM; any number of workers may run."""
    process = WorkerProcess(
        Context(db.engine, current_app.config["PORTAL"]), with_parent=with_parent
    )
    with ended_by_signals(process):
        if once:
            process.work_once()
            return
        in_order = process.run()
    if not in_order:
        # a job does not end: its thread would keep this process, another worker begins it anew
        sys.stderr.flush()
        os._exit(0)


COMMANDS: tuple[click.Command, ...] = (worker,)
