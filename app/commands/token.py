"""``flask token create|list|rotate|revoke``: the tokens with which systems call the API.

A secret is made by the portal and printed once.
"""

from __future__ import annotations

from datetime import UTC, datetime

import click

from app.accounts.models.people import ApiToken
from app.accounts.services import tokens
from app.commands.arguments import TEXT, command_writer, print_table
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.rules.scopes import MAX_DAYS, MEANINGS, Scope
from app.core.web.extensions import db

_ONCE = "Its secret, which is shown only now: "
_DAYS = f"In how many days its secret expires, 1 to {MAX_DAYS}."


@click.group("token", cls=PortalGroup)
def token() -> None:
    """API tokens for programs."""


@token.command("create", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope if scope is not Scope.ADMIN]),
    help="Scope; may be repeated. "
    + "; ".join(f"{scope}: {meaning}" for scope, meaning in MEANINGS.items())
    + ".",
)
@click.option("--expires", "days", type=int, required=True, metavar="DAYS", help=_DAYS)
@click.option(
    "--account", default="", metavar="LOGIN", help="Let the token act as this account of a partner."
)
def create(name: str, scopes: tuple[str, ...], days: int, account: str) -> None:
    """Create the token NAME of a system or of a partner's account; print its secret once."""
    session = db.session()
    with transaction(session):
        made = tokens.create_token(session, command_writer(), name, scopes, days, account)
    click.echo(f"Token {name} is created.")
    click.echo(f"{_ONCE}{made.secret}")


@token.command("list", cls=PortalCommand)
def list_() -> None:
    """List all tokens, those of systems first."""
    now = datetime.now(UTC)
    rows = [
        (
            found.name,
            found.user.name if found.user is not None else "",
            ", ".join(found.scopes.split()),
            _state(found, now),
            f"{found.used_at:%Y-%m-%d %H:%MZ}" if found.used_at else "never",
        )
        for found in tokens.all_tokens(db.session())
    ]
    print_table(("NAME", "PERSON", "SCOPES", "LIVE", "LAST USE"), rows)


@token.command("rotate", cls=PortalCommand)
@click.argument("name", type=TEXT)
@click.option("--expires", "days", type=int, metavar="DAYS", help=f"{_DAYS} Default: as before.")
@click.option("--end-old", is_flag=True, help="Do not add one; end the older of the two.")
def rotate(name: str, days: int | None, *, end_old: bool) -> None:
    """Add a second active secret to the token NAME; once in use, --end-old ends the older one."""
    if end_old and days is not None:
        raise Invalid("end_old", "--end-old takes no --expires; it adds no secret")
    session = db.session()
    secret = ""
    with transaction(session):
        found = tokens.find_token(session, name)
        if end_old:
            tokens.end_older_secret(session, command_writer(), found)
        else:
            secret = tokens.rotate_token(session, command_writer(), found, days).secret
    if end_old:
        click.echo(f"The older secret of {name} has ended.")
        return
    click.echo(
        f"Token {name} has a new secret; an older one stays active until --end-old or its end."
    )
    click.echo(f"{_ONCE}{secret}")


@token.command("revoke", cls=PortalCommand)
@click.argument("name", type=TEXT)
def revoke(name: str) -> None:
    """End the token NAME with all its secrets immediately."""
    session = db.session()
    with transaction(session):
        tokens.end_token(session, command_writer(), tokens.find_token(session, name))
    click.echo(f"Token {name} has ended.")


def _state(found: ApiToken, now: datetime) -> str:
    if found.ended_at is not None:
        return f"ended {found.ended_at:%Y-%m-%d %H:%MZ}"
    live = tokens.live_secrets(found, now)
    if not live:
        return "expired"
    untils = " and ".join(f"{one.expires_at:%Y-%m-%d %H:%MZ}" for one in live)
    return f"until {untils}"


COMMANDS: tuple[click.Command, ...] = (token,)
