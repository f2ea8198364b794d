"""``flask seed reference|demo|bulk``: fills the database with what ships with the portal."""

from __future__ import annotations

import click

from app import demo
from app.commands.arguments import command_writer
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.demo import bulk
from app.reference.seed import seed_reference


@click.group("seed", cls=PortalGroup)
def seed() -> None:
    """Reference data (sites, links, the LHC's calendar) and demo tickets."""


@seed.command("reference", cls=PortalCommand)
def reference_() -> None:
    """Add missing sites, links and LHC periods of this release; existing ones stay unchanged."""
    session = db.session()
    with transaction(session):
        count = seed_reference(session, command_writer())
    click.echo(
        f"Reference data is in place ({count} sites, links and LHC periods added or amended)."
    )


@seed.command("demo", cls=PortalCommand)
def demo_() -> None:
    """Add demo tickets and logins; only for an empty database or an existing demo."""
    session = db.session()
    with transaction(session):
        count = demo.seed_demo(session, command_writer().now)
    if not count:
        click.echo("The demo is in this database already.")
        return
    click.echo(f"Demo data is in place ({count} tickets).")
    for login in demo.LOGINS:
        click.echo(f"Demo login: {login.name} / {login.password} ({login.role})")


@seed.command("bulk", cls=PortalCommand)
@click.option(
    "--tickets", type=click.IntRange(1, 10_000_000), required=True, help="Number of tickets to add."
)
def bulk_(tickets: int) -> None:
    """Add many sample tickets for measurements.

    Only for an empty database or one with the demo. Each thousand tickets are one transaction: if
    interrupted, the finished thousands stay.
    """
    session = db.session()
    now = command_writer().now
    with transaction(session):
        demo.seed_demo(session, now)
        patterns = bulk.write_patterns(session, demo.demo_actors(session), now, tickets)
    written = len(patterns.numbers)
    while written < tickets:
        click.echo(f"{written} of {tickets} tickets", err=True)
        count = min(bulk.AT_ONCE, tickets - written)
        with transaction(session):
            bulk.write_copies(session, patterns, written, count)
        written += count
    click.echo(f"{written} sample tickets were added.")


COMMANDS: tuple[click.Command, ...] = (seed,)
