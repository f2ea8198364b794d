"""``flask tickets export``: all tickets as a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from sqlalchemy import Engine

from app.commands.base import PortalCommand
from app.domain.access import SYSTEM
from app.domain.errors import SettingError
from app.domain.ticket_files import csv_head, csv_lines
from app.extensions import db
from app.services.ticket_export import exported_numbers, exported_rows
from app.services.ticket_lists import TicketFilter
from app.services.ticket_workbook import MOST_ROWS, workbook_pieces

_STANDARD = "-"


def add_file_commands(group: click.Group) -> None:
    """Give the group its command ``export``."""
    group.add_command(_export)


@click.command("export", cls=PortalCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xlsx"]),
    help="Instead of what the file's name ends with (CSV if it says nothing).",
)
def _export(file: str, form: str | None) -> None:
    """Write all tickets to FILE, or - for output, by number."""
    engine = db.engine
    numbers = exported_numbers(engine, SYSTEM, TicketFilter(sort="number"))
    form = form or ("xlsx" if file.lower().endswith(".xlsx") else "csv")
    if form == "xlsx":
        if len(numbers) > MOST_ROWS:
            raise SettingError(f"a sheet holds {MOST_ROWS} tickets, these are more; write CSV")
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
