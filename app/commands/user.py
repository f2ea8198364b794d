"""``flask user create|password|reset|role|disable|enable|second-factor-off|list``: the people who
log in to the portal."""

from __future__ import annotations

import click
from flask import current_app

from app.accounts.services import people, second_factor
from app.accounts.services.reset_links import make_reset_link
from app.commands.arguments import TEXT, command_writer, password_stdin, print_table, read_password
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.access import Role
from app.core.web.extensions import db

sites_option = click.option(
    "--site",
    "sites",
    multiple=True,
    type=TEXT,
    metavar="KEY",
    help="A site of a reporter, by any of its names; may be repeated.",
)
why = click.option("--why", type=TEXT, default="", help="Reason for the change log.")


@click.group("user", cls=PortalGroup)
def user() -> None:
    """People, their roles and passwords."""


@user.command("create", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@sites_option
@password_stdin
def create(name: str, role: str, sites: tuple[str, ...], *, from_stdin: bool) -> None:
    """Create the person NAME."""
    password = read_password(from_stdin=from_stdin)
    session = db.session()
    with transaction(session):
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
    with transaction(session):
        people.set_password(session, command_writer(), people.find_user(session, name), new)
    click.echo(f"The password of {name} is set, and all sessions of {name} are ended.")


@user.command("reset", cls=PortalCommand)
@click.argument("name", type=TEXT)
@why
def reset(name: str, why: str) -> None:
    """Print a link with which NAME sets a password once, within 48 hours."""
    session = db.session()
    with transaction(session):
        token = make_reset_link(session, command_writer(), name, why=why)
    click.echo(f"{current_app.config['PORTAL'].public_url}/reset/{token}")


@user.command("role", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.argument("role", type=click.Choice([role.value for role in Role]))
@sites_option
@why
def role(name: str, role: str, sites: tuple[str, ...], why: str) -> None:
    """Give NAME another role, and a reporter its sites."""
    session = db.session()
    with transaction(session):
        changed = people.change_person(session, command_writer(), name, role, sites, why=why)
    click.echo(f"User {name} {'has' if changed else 'had already'} the role {role}.")


@user.command("disable", cls=PortalCommand)
@click.argument("name", type=TEXT)
@why
def disable(name: str, why: str) -> None:
    """Disable NAME immediately; their tickets and comments stay."""
    session = db.session()
    with transaction(session):
        people.disable_user(session, command_writer(), people.find_user(session, name), why=why)
    click.echo(f"User {name} is disabled.")


@user.command("enable", cls=PortalCommand)
@click.argument("name", type=TEXT)
@why
def enable(name: str, why: str) -> None:
    """Re-enable NAME, with the password that was set."""
    session = db.session()
    with transaction(session):
        people.enable_user(session, command_writer(), people.find_user(session, name), why=why)
    click.echo(f"User {name} is enabled.")


@user.command("second-factor-off", cls=PortalCommand)
@click.argument("name", type=TEXT)
@why
def second_factor_off(name: str, why: str) -> None:
    """Remove a lost second factor of NAME: app codes and passkeys."""
    session = db.session()
    with transaction(session):
        taken = second_factor.take_off(session, command_writer(), name, why=why)
    click.echo(f"User {name} {'has no second factor now' if taken else 'had no second factor'}.")


@user.command("list", cls=PortalCommand)
def list_() -> None:
    """List everybody."""
    session = db.session()
    with_passkeys = second_factor.people_with_passkeys(session)
    rows = [
        (
            found.name,
            found.role,
            ", ".join(site.key for site in found.sites),
            "on" if found.totp_since is not None or found.id in with_passkeys else "",
            "yes" if found.disabled_at is None else f"disabled {found.disabled_at:%Y-%m-%d %H:%MZ}",
        )
        for found in people.all_users(session)
    ]
    print_table(("NAME", "ROLE", "SITES", "SECOND FACTOR", "ACTIVE"), rows)


COMMANDS: tuple[click.Command, ...] = (user,)
