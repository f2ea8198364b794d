"""``flask tickets close-due`` and ``rebuild-sites``: by hand what the portal does by itself."""

from __future__ import annotations

from datetime import datetime

import click

from app.commands.arguments import TIME, command_writer
from app.commands.base import PortalCommand, PortalGroup
from app.commands.ticket_files import add_file_commands
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.tickets.services.concern.concern_rows import rebuild
from app.tickets.services.lifecycle import close_due_tickets

STEP = 500
"""Tickets closed in one transaction."""


@click.group("tickets", cls=PortalGroup)
def tickets() -> None:
    """Export and import of tickets, and scheduled work."""


add_file_commands(tickets)


@tickets.command("close-due", cls=PortalCommand)
@click.option(
    "--as-of",
    type=TIME,
    metavar="TIME",
    help="Time to use instead of now (UTC unless it has a zone).",
)
def close_due(as_of: datetime | None) -> None:
    """Close what has been solved or unsolved for 10 working days."""
    session = db.session()
    by = command_writer()
    closed: list[int] = []
    while True:
        with transaction(session):
            step = close_due_tickets(session, by, as_of or by.now, limit=STEP)
        closed += step
        if len(step) < STEP:
            break
    if closed:
        click.echo(f"Closed: {', '.join(map(str, closed))}")
    else:
        click.echo("No ticket is due.")


@tickets.command("rebuild-sites", cls=PortalCommand)
def rebuild_sites() -> None:
    """Rebuild the table of sites per ticket while the portal runs.

    Lists by site read this table. Needed if anything but the portal wrote tickets.
    """
    session = db.session()
    count = after = 0
    while True:
        with transaction(session):
            done = rebuild(session, after)
        if done is None:
            break
        after, written = done
        count += written
    click.echo(f"The sites of {count} tickets were written.")


COMMANDS: tuple[click.Command, ...] = (tickets,)
