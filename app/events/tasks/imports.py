"""Large files of events, read, written and withdrawn in the background."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.rules.access import Door
from app.core.rules.file_problems import BadFile
from app.events.rules.file_reading import read_events
from app.events.services import file_import as states
from app.events.services import import_runs as runs
from app.events.services.withdrawal import JOB, withdraw_import
from app.jobs.rules.followers import EVENT_IMPORTS
from app.jobs.services.queue import enqueue
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows


def import_events(context: Context, arguments: Mapping[str, Any]) -> None:
    """Do what an import's state requires: read its file, or write it.

    The result is recorded in the same transaction: a worker that was killed in the middle has done
    nothing, and the job starts again.
    """
    number = arguments["id"]
    with context.transaction() as session:
        row = runs.take_up(session, context.now(), number)
        if row is None:
            return
        by = replace(context.writer(), door=Door.IMPORT, author=row.author)
        state, content, how = row.state, runs.content_of(row), runs.reading_of(row)
    if state == states.READING:
        with context.reading() as session:
            examined = runs.examine_file(session, by, content, how)
        with context.transaction() as session:
            runs.keep_examined(session, context.now(), number, examined)
        return
    try:
        events = list(read_events(content, how))  # before others wait for the transaction
        with context.transaction() as session:
            if runs.write_import(session, by, number, events) is not None:
                runs.note_end(session, context.now(), number)
    except BadFile as error:
        with context.transaction() as session:
            runs.stop_import(session, context.now(), number, error)


@follows(EVENT_IMPORTS)
def fail_given_up_imports(context: Context) -> None:
    """Mark imports whose job was given up as failed: their pages say so, and stop polling."""
    with context.reading() as session:
        given_up = runs.given_up_imports(session)
    for number in given_up:
        with context.transaction() as session:
            runs.fail_if_given_up(session, context.now(), number)


def withdraw_events(context: Context, arguments: Mapping[str, Any]) -> None:
    """Withdraw the rest of an import."""
    left = 1
    while left:
        with context.transaction() as session:
            if context.is_ending():
                enqueue(session, JOB, arguments, key=f"{JOB} {arguments['id']}")
                return
            by = replace(context.writer(), author=arguments["author"])
            left = withdraw_import(session, by, arguments["id"], arguments["reason"]).left
