"""Large files of events, gone through and written in the background; and their withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.rules.access import Door, Writer
from app.events.models.imports import EventImport
from app.events.services.import_runs import fail_if_given_up, go_on, has_job, imports_to_come
from app.events.services.withdrawal import JOB, withdraw_import
from app.jobs.services.queue import enqueue
from app.jobs.tasks.context import Context


def import_events(context: Context, arguments: Mapping[str, Any]) -> None:
    """Do what an import's state asks for: go through its file, or write it."""

    def writer_of(row: EventImport) -> Writer:
        return replace(context.writer(), door=Door.IMPORT, author=row.author)

    go_on(context, writer_of, arguments["id"], context.is_ending, state=arguments.get("state"))


def fail_given_up_imports(context: Context) -> None:
    """Imports that nobody works on any more have failed (a listener): their pages say so, and ask
    no more. Their job was given up, or they come from before there was one for small files."""
    with context.reading() as session:
        to_come = imports_to_come(session)
    for import_id in to_come:
        with context.reading() as session:
            goes_on = has_job(session, import_id)
        if not goes_on:
            with context.writing() as session:
                fail_if_given_up(session, context.now(), import_id)


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
