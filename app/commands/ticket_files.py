"""``flask tickets export|import``: all tickets as a file, and old tickets from one."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from sqlalchemy import Engine

from app.commands.arguments import TEXT, command_writer
from app.commands.base import PortalCommand
from app.commands.registry_files import nothing_to_tidy, read_content
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM
from app.core.rules.documents.spreadsheets import ENCODINGS
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.file_problems import BadFile, Problem
from app.core.web.extensions import db
from app.tickets.rules.files import csv_head, csv_lines
from app.tickets.services.files.export import exported_numbers, exported_rows
from app.tickets.services.files.imports import (
    DEFAULT_SOURCE,
    Imported,
    ImportOutcome,
    Outcome,
    Source,
    examine_tickets,
    import_lines,
    import_tickets,
    parts_of,
)
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.files.workbook import MAX_ROWS, workbook_pieces
from app.tickets.services.lists.lists import TicketFilter

MAX_BYTES = 1024 * 1024 * 1024
_STANDARD = "-"
_FORMATS = {".xlsx": "xlsx", ".xml": "nttdm"}
_ANOTHER = (
    "Tickets that were imported before with another content stay as they are."
    " If these are of another system, give its name with --source."
)


def add_file_commands(group: click.Group) -> None:
    """Give the group its commands ``export`` and ``import``."""
    group.add_command(_export)
    group.add_command(_import)


@click.command("export", cls=PortalCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xlsx", "nttdm"]),
    help="Format; default: from the file's name, else CSV.",
)
def _export(file: str, form: str | None) -> None:
    """Write all tickets to FILE, or - for output, by number."""
    engine = db.engine
    numbers = exported_numbers(engine, SYSTEM, TicketFilter(sort="number"))
    form = form or _FORMATS.get(Path(file).suffix.lower(), "csv")
    if form == "nttdm":
        pieces: Iterator[bytes] = (
            piece.encode() for piece in nttdm_pieces(engine, SYSTEM, numbers)
        )
    elif form == "xlsx":
        if len(numbers) > MAX_ROWS:
            raise SettingError(f"a sheet holds {MAX_ROWS} tickets, these are more; write CSV")
        pieces = workbook_pieces(exported_rows(engine, numbers), len(numbers))
    else:
        pieces = _csv(engine, numbers)
    if file == _STANDARD:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(file).open("wb") as out:
            out.writelines(pieces)
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}") from None
    count = "1 ticket is" if len(numbers) == 1 else f"{len(numbers)} tickets are"
    click.echo(f"{count} in {file}.")


def _csv(engine: Engine, numbers: Sequence[int]) -> Iterator[bytes]:
    yield csv_head().encode()
    for rows in exported_rows(engine, numbers):
        yield csv_lines(rows).encode()


@click.command("import", cls=PortalCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only show the result for each line.")
@click.option(
    "--source",
    "name",
    type=TEXT,
    default=DEFAULT_SOURCE,
    show_default=True,
    help="The system that the tickets come from; system and number identify each ticket.",
)
@click.option(
    "--encoding",
    type=click.Choice(list(ENCODINGS)),
    help="Encoding of the file; default UTF-8, or UTF-16 with a byte order mark.",
)
@click.option("--only-good", is_flag=True, help="Leave out wrong lines.")
@click.option(
    "--in-parts",
    is_flag=True,
    help="A thousand lines are one transaction, so that others can write in between; if it is"
    " broken off, the same command continues where it stopped.",
)
def _import(
    file: str, name: str, encoding: str | None, *, dry_run: bool, only_good: bool, in_parts: bool
) -> None:
    """Import old tickets from FILE (CSV with the columns of an export, or NTTDM), all or nothing.

    Times and states are preserved, old numbers become external references, and nobody gets a mail.
    Tickets that were imported before stay unchanged. At most 50,000 lines.
    """
    source = Source(read_content(file, MAX_BYTES), name, encoding or "")
    if dry_run:
        _tell_each(source, only_good=only_good)
        return
    try:
        with nothing_to_tidy():
            if not only_good:
                _require_good(source)  # before anybody waits for it
            done = _in_parts(source) if in_parts else _at_once(source, only_good=only_good)
    except BadFile as error:
        _print_problems(error.problems)
        raise Invalid("file", error.summary) from None
    _print_problems(done.wrong)
    if done.counts.get(ImportOutcome.DIFFERS):
        click.echo(_ANOTHER, err=True)
    span = "" if done.first is None else f", tickets {done.first} to {done.last}"
    click.echo(f"Done: {_counted(Counter(done.counts))}{span}.")


def _at_once(source: Source, *, only_good: bool) -> Imported:
    session = db.session()
    with transaction(session):
        return import_tickets(
            session, command_writer(), source, only_good=only_good, progress=_progress
        )


def _in_parts(source: Source) -> Imported:
    session, by = db.session(), command_writer()
    done = Imported({})
    for part in parts_of(source, by.now):
        with transaction(session):
            done = done.and_then(import_lines(session, by, source.name, part))
        _progress(done.lines)
    return done


def _require_good(source: Source) -> None:
    """Raise ``BadFile`` if a line is wrong."""
    session = db.session()
    outcomes = examine_tickets(session, command_writer(), source)
    wrong = [problem for outcome in outcomes for problem in outcome.problems]
    session.rollback()
    if wrong:
        raise BadFile(wrong)


def _progress(lines: int) -> None:
    if lines % 1000 == 0:
        click.echo(f"{lines} lines", err=True)


def _tell_each(source: Source, *, only_good: bool) -> None:
    """Print the result for each line."""
    counts: Counter[ImportOutcome] = Counter()
    try:
        for outcome in examine_tickets(db.session(), command_writer(), source):
            counts[outcome.result] += 1
            for line in _lines_of(outcome):
                click.echo(line)
    except BadFile as error:
        _print_problems(error.problems)
        raise Invalid("file", error.summary) from None
    if counts[ImportOutcome.DIFFERS]:
        click.echo(_ANOTHER, err=True)
    click.echo(f"Nothing was written; it would be: {_counted(counts)}.")
    if counts[ImportOutcome.WRONG] and not only_good:
        raise Invalid("file", "The file has wrong lines: all or none are imported (--only-good)")


def _lines_of(outcome: Outcome) -> list[str]:
    begin = f"line {outcome.line}: {outcome.number}"
    notes = "".join(f"; {note}" for note in outcome.notes)
    return {
        ImportOutcome.NEW: [f"{begin} would be created{notes}"],
        ImportOutcome.KNOWN: [f"{begin} is ticket {outcome.ticket} already"],
        ImportOutcome.DIFFERS: [
            f"{begin} was imported with another content; ticket {outcome.ticket} stays as it is"
        ],
        ImportOutcome.WRONG: [str(problem) for problem in outcome.problems],
    }[outcome.result]


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)


def _counted(counts: Counter[ImportOutcome]) -> str:
    words = {
        ImportOutcome.NEW: "new",
        ImportOutcome.KNOWN: "imported before",
        ImportOutcome.DIFFERS: "imported before with another content",
        ImportOutcome.WRONG: "wrong",
    }
    some = [f"{counts[result]} {word}" for result, word in words.items() if counts[result]]
    return ", ".join(some) or "no tickets"
