"""``flask seed reference|demo``: fills the database with what ships with the portal."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app import demo
from app.commands.base import PortalCommand, PortalGroup
from app.database import writing
from app.extensions import db
from app.services import reference


@click.group("seed", cls=PortalGroup)
def seed() -> None:
    """Reference data (sites, links) and demo tickets."""


@seed.command("reference", cls=PortalCommand)
def seed_reference() -> None:
    """Bring sites and links up to what ships with this release; keeps what people changed."""
    with writing(db.session()):
        reference.seed_reference(db.session())
    click.echo("Reference data is in place.")


@seed.command("demo", cls=PortalCommand)
def seed_demo() -> None:
    """Demo tickets and logins, only into an empty database or one that is a demo already."""
    session = db.session()
    with writing(session):
        reference.seed_reference(session)
        demo.seed_demo(session, datetime.now(UTC))
    click.echo("Demo data is in place.")


COMMANDS: tuple[click.Command, ...] = (seed,)
