"""``flask events import|export``: events from a file, and all reports as a file."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import available_timezones

import click

from app.commands.arguments import TEXT, command_writer
from app.commands.base import PortalCommand
from app.commands.registry_files import MAX_BYTES, nothing_to_tidy, read_content
from app.core.database.transactions import transaction
from app.core.rules.documents.spreadsheets import ENCODINGS
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.file_problems import MAX_PROBLEMS, BadFile, Problem
from app.core.web.extensions import db
from app.duties.services.listed_events import (
    EventFilter,
    Reported,
    ReportedRow,
    cells_of_report,
    chunks_of,
)
from app.events.models.imports import EventImport
from app.events.rules.file_reading import EventFileOptions, ReadEvent, read_events, unpacked
from app.events.rules.files import csv_head, csv_lines
from app.events.services import import_runs as runs
from app.events.services.events import EventResult, Outcome
from app.events.services.file_import import Totals, examine_lines

_STANDARD = "-"


def add_file_commands(group: click.Group) -> None:
    """Give the group its commands ``import`` and ``export``."""
    group.add_command(_import)
    group.add_command(_export)


@click.command("export", cls=PortalCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def _export(file: str) -> None:
    """Write all reported events as CSV to FILE, or - for output, oldest first.

    Withdrawn events are left out. Importing the file into another portal creates the same events.
    """
    session, wanted, kind = db.session(), EventFilter(oldest_first=True), Reported(whole=True)
    query = kind.query(session, wanted, command_writer().now)
    session.rollback()
    chunks = chunks_of(db.engine, kind, query, wanted)
    if file == _STANDARD:
        for piece in _csv(chunks):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(file).open("wb") as out:
            out.writelines(_csv(chunks))
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"The reported events are in {file}.")


def _csv(chunks: Iterator[Sequence[ReportedRow]]) -> Iterator[bytes]:
    yield csv_head().encode()
    for rows in chunks:
        yield csv_lines(map(cells_of_report, rows)).encode()


@click.command("import", cls=PortalCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only show the result for each line.")
@click.option(
    "--source", type=TEXT, default="", help="The source of events whose lines do not name one."
)
@click.option(
    "--encoding",
    type=click.Choice(list(ENCODINGS)),
    help="Encoding of the file; default UTF-8, or UTF-16 with a byte order mark.",
)
@click.option(
    "--zone",
    default="",
    metavar="ZONE",
    help="Zone of times without one, such as UTC or Europe/Berlin; default: an error.",
)
@click.option("--only-good", is_flag=True, help="Leave out wrong lines.")
@click.option(
    "--keep-unknown",
    is_flag=True,
    help="Store events of unknown links and sites as unresolved; without it they are errors.",
)
def _import(
    file: str,
    source: str,
    encoding: str | None,
    zone: str,
    *,
    dry_run: bool,
    only_good: bool,
    keep_unknown: bool,
) -> None:
    """Import network events from FILE (CSV or JSON, gzip allowed), all or nothing.

    Source and source id identify an event: importing the same file again has no effect, and a line
    that differs from a stored event closes or corrects it. At most 50,000 lines.
    """
    if zone and zone not in available_timezones():
        raise SettingError(
            f"--zone: {zone} is not a time zone; use UTC, or one such as Europe/Berlin"
        )
    how = EventFileOptions(source, encoding or "", zone)
    content = unpacked(read_content(file), MAX_BYTES)
    try:
        row = runs.new_import(command_writer(), Path(file).name, content, how)
        with nothing_to_tidy():
            events = list(read_events(content, how))
            if dry_run:
                _tell_each(events, only_good=only_good, keep_unknown=keep_unknown)
            else:
                _write(row, events, only_good=only_good, keep_unknown=keep_unknown)
    except BadFile as error:
        _print_problems(error.problems)
        raise Invalid("file", error.summary) from None


def _write(
    row: EventImport, events: Sequence[ReadEvent], *, only_good: bool, keep_unknown: bool
) -> None:
    """Take in what the lines say, unless one of them is wrong, which is seen before anybody waits
    for the transaction."""
    session, by = db.session(), command_writer()
    read = Totals.of(examine_lines(session, by.actor, by.now, events, keep_unknown=keep_unknown))
    session.rollback()
    wrong = read.counts[EventResult.WRONG]
    _print_problems(read.problems, wrong)
    if wrong and not only_good:
        raise Invalid(
            "file", "The file has wrong lines; nothing was written (--only-good leaves them)"
        )
    if not read.counts[EventResult.NEW] + read.counts[EventResult.CHANGED]:
        click.echo(f"Done: {_counted(read.counts)}.")
        return
    with transaction(session):
        done = runs.import_file(
            session, by, row, events, only_good=only_good, keeps_unknown=keep_unknown
        )
        number = row.id
    kept = f", {done.unresolved} of them unresolved" if done.unresolved else ""
    click.echo(f"Done: {_counted(done.counts)}{kept} (import {number}).")


def _tell_each(events: Sequence[ReadEvent], *, only_good: bool, keep_unknown: bool) -> None:
    """Print the result for each line."""
    session, by = db.session(), command_writer()
    outcomes = examine_lines(session, by.actor, by.now, events, keep_unknown=keep_unknown)
    session.rollback()
    for outcome in outcomes:
        for line in _lines_of(outcome):
            click.echo(line)
    counts = Totals.of(outcomes).counts
    click.echo(f"Nothing was written; it would be: {_counted(counts)}.")
    if counts[EventResult.WRONG] and not only_good:
        raise Invalid("file", "The file has wrong lines: all or none are imported (--only-good)")


def _lines_of(outcome: Outcome) -> list[str]:
    message = outcome.message
    begin = f"{message.where}: {message.source} {message.source_id}"
    notes = "".join(f"; {note}" for note in outcome.remarks)
    return {
        EventResult.NEW: [f"{begin} would be new{notes}"],
        EventResult.CHANGED: [f"{begin} would correct event {outcome.event_id}{notes}"],
        EventResult.SAME: [f"{begin} is known{notes}"],
        EventResult.WRONG: [str(problem) for problem in outcome.problems],
    }[outcome.result]


def _print_problems(problems: Sequence[Problem], lines: int = 0) -> None:
    """Print the first wrong places, and of how many lines they are some."""
    for problem in problems[:MAX_PROBLEMS]:
        click.echo(str(problem), err=True)
    if len(problems) >= MAX_PROBLEMS and lines:
        click.echo(f"These are the first; {lines} lines are wrong.", err=True)


def _counted(counts: Counter[EventResult]) -> str:
    words = {
        EventResult.NEW: "new",
        EventResult.CHANGED: "corrected",
        EventResult.SAME: "known",
        EventResult.WRONG: "wrong",
    }
    some = [f"{counts[result]} {word}" for result, word in words.items() if counts[result]]
    return ", ".join(some) or "no events"
