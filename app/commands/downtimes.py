"""``flask downtimes import``: the list of a site's downtimes as another service publishes it."""

from __future__ import annotations

from pathlib import Path

import click

from app.commands.arguments import TEXT, command_writer, file_content
from app.commands.base import PortalCommand, PortalGroup
from app.core.database import transactions
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.evidence.adapters.osg import MAX_BYTES, read_list
from app.evidence.rules.downtimes import ListService
from app.evidence.services.downtimes import import_list


@click.group("downtimes", cls=PortalGroup)
def downtimes() -> None:
    """Downtimes that sites announced, from the lists of others."""


@downtimes.command("import", cls=PortalCommand)
@click.argument("file")
@click.option("--site", type=TEXT, required=True, help="The site whose list it is.")
@click.option("--dry-run", is_flag=True, help="Only show the differences.")
def import_(file: str, site: str, *, dry_run: bool) -> None:
    """Import FILE, a list of downtimes in the YAML of OSG, all or nothing.

    It replaces the site's list of the last import. Pages of events, tickets and reports show the
    downtimes; they never change the state of a link.
    """
    entries = read_list(file_content(Path(file), MAX_BYTES + 1))
    session = db.session()
    with transactions.dry_run(session) if dry_run else transaction(session):
        done = import_list(session, command_writer(), site, ListService.OSG, entries)
    click.echo(
        f"{len(entries)} downtimes: {done.new} new, {done.changed} changed, {done.same} as before;"
        f" {done.removed} removed, which the list no longer contains"
    )
    if dry_run:
        click.echo("Nothing was written.")


COMMANDS: tuple[click.Command, ...] = (downtimes,)
