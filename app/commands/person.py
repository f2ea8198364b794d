"""``flask person forget``: a person who left, whose name and addresses go."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import replace

import click

from app.accounts.services.forgetting import Forgotten, forget_person, remaining
from app.commands.arguments import TEXT, command_writer, print_table
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction, transaction_if_free
from app.core.rules.errors import SettingError
from app.core.web.extensions import db


@click.group("person", cls=PortalGroup)
def person() -> None:
    """Delete the personal data of somebody who left."""


@person.command("forget", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option(
    "--by",
    "who",
    type=TEXT,
    default="",
    help="Who decided it, for the audit; the user who runs the command if it is not given.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
def forget(name: str, who: str, *, is_sure: bool) -> None:
    """Delete the name, addresses, tokens and sessions of NAME, for good.

    What the person did stays, under a neutral name such as "former person 12".
    """
    session, by = db.session(), replace(command_writer(), author=who or _user())
    with transaction_if_free(session, is_trial=True) as is_free:
        if not is_free:
            raise SettingError("Somebody is writing to the database now; try again")
        found = forget_person(session, by, name)
        left = remaining(session, found.former)
    _print(found, left)
    if not is_sure:
        click.confirm(f"Forget {name}? This cannot be undone", abort=True)
    with transaction(session):
        former = forget_person(session, by, name).former
    click.echo(f"{name} is forgotten and appears as {former.neutral}. Restart servers and workers.")


def _print(found: Forgotten, left: Mapping[str, int]) -> None:
    rows = [(kind, str(count)) for kind, count in found.changed.items()]
    print_table(("WILL BE DELETED OR REWRITTEN", "NUMBER"), rows)
    click.echo(f"From then on the person appears as {found.former.neutral}.")
    for address, use in found.shared.items():
        click.echo(f"Not removed, because others use it: {address} ({use})")
    if left:
        click.echo("These texts contain the name or an address as a word. They are not changed:")
        print_table(("TEXT", "NUMBER"), [(where, str(count)) for where, count in left.items()])
    else:
        click.echo("No other text in the database contains the name or an address as a word.")
    click.echo(
        "Files were not searched. Backups, the security log and emails that were sent are not"
        " changed."
    )


def _user() -> str:
    """Who runs this process, as the operating system knows them."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


COMMANDS: tuple[click.Command, ...] = (person,)
