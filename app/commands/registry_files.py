"""``flask sites|links export|import``: the registry as CSV or JSON, imports with a dry run."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from app.commands.arguments import TEXT, command_writer
from app.commands.base import PortalCommand, PortalGroup
from app.core.database import transactions
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.file_problems import BadFile
from app.core.web.extensions import db
from app.registry.rules.files import FileFormat, RecordDifference, What, format_of, written
from app.registry.rules.records import Records
from app.registry.services.file_import import Imported, all_values, import_file

MAX_BYTES = 64 * 1024 * 1024
_STANDARD = "-"


def _file_commands(kind: Records) -> click.Group:
    """The group of a kind, with its commands ``export`` and ``import``."""
    one = kind.kind.name
    group = PortalGroup(kind.value, help=f"Export and import of {kind}.")

    @group.command("export", cls=PortalCommand, help=f"Write all {kind} to FILE, or - for output.")
    @click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
    @click.option(
        "--format",
        "form",
        type=click.Choice([form.value for form in FileFormat]),
        help="Format; default: from the file's name, else CSV.",
    )
    def export(file: str, form: str | None) -> None:
        session = db.session()
        chosen = FileFormat(form) if form else _format_by_name(file)
        pieces = written(kind, chosen, list(all_values(session, kind)))
        if file == _STANDARD:
            for piece in pieces:
                click.echo(piece, nl=False)
            return
        try:
            with Path(file).open("w", encoding="utf-8", newline="") as out:
                out.writelines(pieces)
        except OSError as error:
            raise SettingError(f"{file} cannot be written: {error.strerror}") from None
        click.echo(f"All {kind} are in {file}.")

    @group.command(
        "import",
        cls=PortalCommand,
        help=f"Import {kind} from FILE (CSV or JSON), all or nothing. New ones are added and"
        f" different fields changed; a {one} that is not in the file stays unchanged.",
    )
    @click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
    @click.option("--dry-run", is_flag=True, help="Only show the differences.")
    @click.option("--source", type=TEXT, default="", help="Source of the changes.")
    @click.option("--why", type=TEXT, default="", help="The reason, for the history.")
    def import_(file: str, source: str, why: str, *, dry_run: bool) -> None:
        content = read_content(file)
        session = db.session()
        begin: Callable[[Session], Any] = (
            transactions.dry_run if dry_run else transactions.transaction
        )
        try:
            with nothing_to_tidy(), begin(session):
                imported = import_file(
                    session,
                    command_writer(),
                    kind,
                    content,
                    format_of(content),
                    source=source,
                    why=why,
                    progress=_print_progress,
                )
        except BadFile as error:
            for problem in error.problems:
                click.echo(str(problem), err=True)
            raise Invalid("file", error.summary) from None
        _tell_difference(kind, imported, dry_run=dry_run)

    return group


@contextmanager
def nothing_to_tidy() -> Iterator[None]:
    """Thousands of rows stay until the end: searching them for garbage is a fifth of the time, in
    which all other writers wait."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _format_by_name(file: str) -> FileFormat:
    return FileFormat.JSON if file.lower().endswith(".json") else FileFormat.CSV


def read_content(file: str, most: int = MAX_BYTES) -> bytes:
    """A file, or standard input for ``-``. Raises ``SettingError``."""
    try:
        if file == _STANDARD:
            content = sys.stdin.buffer.read(most + 1)
        else:
            with Path(file).open("rb") as source:
                content = source.read(most + 1)
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise SettingError(f"{file} is larger than {most // 1024 // 1024} MiB")
    return content


def _print_progress(done: int, whole: int) -> None:
    click.echo(f"{done} of {whole}", err=True)


def _tell_difference(kind: Records, imported: Imported, *, dry_run: bool) -> None:
    for record in imported.records:
        if record.what is not What.UNCHANGED:
            for line in lines_of(record):
                click.echo(line)
    counts = ", ".join(f"{imported.count(what)} {what}" for what in What)
    done = "Nothing was written; it would be" if dry_run else "Done"
    click.echo(f"{done}: {counts} ({kind}).")


def lines_of(record: RecordDifference) -> list[str]:
    """A record's difference: one line for each field."""
    if record.what is What.NEW:
        said = ", ".join(f"{item.field} {item.new}" for item in record.fields[1:])
        return [f"{record.key}: new: {said}"]
    return [
        f"{record.key}: {item.field}: {item.old or '(nothing)'} -> {item.new or '(nothing)'}"
        for item in record.fields
    ]


COMMANDS: tuple[click.Command, ...] = tuple(map(_file_commands, Records))
