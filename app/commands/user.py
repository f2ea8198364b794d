"""``flask user create|password|disable|list``: the people who log in to the portal."""

from __future__ import annotations

import click

from app.commands.arguments import TEXT, command_writer, password_stdin, print_table, read_password
from app.commands.base import PortalCommand, PortalGroup
from app.database import writing
from app.domain.access import Role
from app.extensions import db
from app.services import people


@click.group("user", cls=PortalGroup)
def user() -> None:
    """People, their roles and passwords."""


@user.command("create", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option(
    "--site",
    "sites",
    multiple=True,
    type=TEXT,
    metavar="KEY",
    help="A site that a reporter reports for, under any of its names; may be repeated.",
)
@password_stdin
def create(name: str, role: str, sites: tuple[str, ...], *, from_stdin: bool) -> None:
    """Create the person NAME."""
    password = read_password(from_stdin=from_stdin)
    session = db.session()
    with writing(session):
        made = people.create_user(session, command_writer(), name, role, password, sites)
        line = f"User {made.name} is created, role {made.role}"
        if made.sites:
            line += f", for {', '.join(site.key for site in made.sites)}"
    click.echo(f"{line}.")


@user.command("password", cls=PortalCommand)
@click.argument("name", type=TEXT)
@password_stdin
def password(name: str, *, from_stdin: bool) -> None:
    """Set the password of NAME and end all its logins."""
    new = read_password(from_stdin=from_stdin)
    session = db.session()
    with writing(session):
        people.set_password(session, command_writer(), people.find_user(session, name), new)
    click.echo(f"The password of {name} is set; its logins are ended.")


@user.command("disable", cls=PortalCommand)
@click.argument("name", type=TEXT)
def disable(name: str) -> None:
    """Disable NAME at once; what the person wrote stays."""
    session = db.session()
    with writing(session):
        people.disable_user(session, command_writer(), people.find_user(session, name))
    click.echo(f"User {name} is disabled.")


@user.command("list", cls=PortalCommand)
def list_() -> None:
    """List everybody."""
    rows = [
        (
            found.name,
            found.role,
            ", ".join(site.key for site in found.sites),
            "yes" if found.disabled_at is None else f"disabled {found.disabled_at:%Y-%m-%d %H:%MZ}",
        )
        for found in people.all_users(db.session())
    ]
    print_table(("NAME", "ROLE", "SITES", "ACTIVE"), rows)


COMMANDS: tuple[click.Command, ...] = (user,)
