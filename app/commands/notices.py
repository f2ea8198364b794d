"""``flask notices import``: maintenance notices from files, or as a mail server hands them over."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from app.commands.arguments import command_writer, file_content
from app.commands.base import PortalCommand, PortalGroup
from app.core.database import transactions
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.notices.adapters.files import MAX_BYTES, read
from app.notices.rules.notices import Outcome
from app.notices.services.notices import Result, take_in


@click.group("notices", cls=PortalGroup)
def notices() -> None:
    """Providers' maintenance notices."""


@notices.command("import", cls=PortalCommand)
@click.argument("file", metavar="FILE|-")
@click.option("--dry-run", is_flag=True, help="Only show the result for each notice.")
def import_(file: str, *, dry_run: bool) -> None:
    """Import a notice: a mail (.eml) or calendar (.ics), or - for standard input.

    Importing the same notice again has no effect. Unreadable notices are stored for review at
    /notices, which is not an error: the exit code is 0 if nothing is lost.
    """
    most = MAX_BYTES + 1
    content = sys.stdin.buffer.read(most) if file == "-" else file_content(Path(file), most)
    reading = read(content, "" if file == "-" else Path(file).name)
    session = db.session()
    if dry_run:
        with transactions.dry_run(session):
            results = take_in(session, command_writer(), reading)
    else:
        with transaction(session):
            results = take_in(session, command_writer(), reading)
    for result in results:
        click.echo(_line(result, dry_run=dry_run))
    if dry_run:
        click.echo("Nothing was written.")


def _line(result: Result, *, dry_run: bool) -> str:
    made = result.is_new_ticket and dry_run
    what = "a new ticket" if made else result.why
    unknown = ""
    if result.unresolved:
        some = ", ".join(result.unresolved[:5])
        more = f" and {len(result.unresolved) - 5} more" if len(result.unresolved) > 5 else ""
        unknown = f"; unknown circuits: {some}{more}"
    number = (
        ""
        if result.notice is None or (dry_run and result.outcome is not Outcome.SAME)
        else f"notice {result.notice}: "
    )
    return f"{number}{result.outcome}: {result.title or '(without a title)'}: {what}{unknown}"


COMMANDS: tuple[click.Command, ...] = (notices,)
