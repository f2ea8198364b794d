"""Large files of events, gone through and written in the background; and their withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.domain.access import Door, Writer
from app.models import EventImport
from app.services.event_import_runs import go_on
from app.services.event_withdrawal import JOB, withdraw_import
from app.services.job_queue import enqueue
from app.worker.context import Context


def import_events(context: Context, arguments: Mapping[str, Any]) -> None:
    """Do what an import's state asks for: go through its file, or write it."""

    def writer_of(row: EventImport) -> Writer:
        return replace(context.writer(), door=Door.IMPORT, author=row.author)

    go_on(context, writer_of, arguments["id"], context.is_ending)


def withdraw_events(context: Context, arguments: Mapping[str, Any]) -> None:
    """Withdraw what is left of an import."""
    left = 1
    while left:
        with context.writing() as session:
            if context.is_ending():
                enqueue(session, JOB, arguments, key=f"{JOB} {arguments['id']}")
                return
            by = replace(context.writer(), author=arguments["author"])
            left = withdraw_import(session, by, arguments["id"], arguments["reason"]).left
