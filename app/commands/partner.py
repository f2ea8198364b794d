"""``flask partner create|password|rotate|disable|enable|list``: partner systems and their accounts.

The systems that the portal calls itself are in ``partner_connections``.

A secret is made by the portal and printed once, or read from standard input.
"""

from __future__ import annotations

import click
from sqlalchemy.orm import Session

from app.accounts.models.partners import PartnerAccount
from app.accounts.services import partners
from app.commands import partner_connections
from app.commands.arguments import TEXT, command_writer, password_stdin, print_table, read_password
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.access import CONTRACT_YEARS, TicketAccess
from app.core.rules.errors import Invalid, NotFound
from app.core.web.extensions import db

_ONCE = "Its secret, which is shown only now: "
own_password = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the secret from standard input instead of generating one.",
)


@click.group("partner", cls=PortalGroup)
def partner() -> None:
    """Partners: their accounts, and connections to their systems."""


@partner.command("create", cls=PortalCommand)
@click.argument("code", type=TEXT)
@click.option("--login", type=TEXT, required=True, help="The account's login name.")
@own_password
@click.option(
    "--access",
    type=click.Choice([access.value for access in TicketAccess]),
    required=True,
    help="Which tickets it sees: all, or the partner's own.",
)
@click.option("--read-only", is_flag=True, help="Read-only account.")
@click.option("--internal", is_flag=True, help="The account reads and writes internal entries.")
@click.option(
    "--contract",
    type=click.Choice([str(year) for year in CONTRACT_YEARS]),
    default=str(max(CONTRACT_YEARS)),
    show_default=True,
    help="Year of the GGUS contract that the client uses.",
)
@click.option(
    "--sites",
    type=TEXT,
    default="",
    help="Sites for which the account accepts or refuses changes, comma-separated.",
)
def create(
    code: str,
    login: str,
    access: str,
    contract: str,
    sites: str,
    *,
    from_stdin: bool,
    read_only: bool,
    internal: bool,
) -> None:
    """Create an account of the partner CODE, and the partner if it is new."""
    password = read_password(from_stdin=True) if from_stdin else partners.new_secret()
    session = db.session()
    with transaction(session):
        partners.create_partner_account(
            session,
            command_writer(),
            code,
            login,
            password,
            access=access,
            read_only=read_only,
            internal=internal,
            contract_year=int(contract),
            sites=[name.strip() for name in sites.split(",") if name.strip()],
        )
    click.echo(f"Account {login} of partner {code} is created.")
    if not from_stdin:
        click.echo(f"{_ONCE}{password}")


@partner.command("password", cls=PortalCommand)
@click.argument("account", type=TEXT)
@password_stdin
def password(account: str, *, from_stdin: bool) -> None:
    """Replace the secrets of ACCOUNT: a login, or the code of a partner with one account."""
    new = read_password(from_stdin=from_stdin)
    session = db.session()
    with transaction(session):
        found = _account(session, account)
        partners.set_account_password(session, command_writer(), found, new)
        login = found.login
    click.echo(f"The password of {login} is set.")


@partner.command("rotate", cls=PortalCommand)
@click.argument("account", type=TEXT)
@own_password
@click.option("--end-old", is_flag=True, help="Do not add one; end the older of the two.")
def rotate(account: str, *, from_stdin: bool, end_old: bool) -> None:
    """Add a second active secret to ACCOUNT; once that is in use, --end-old ends the older."""
    if end_old and from_stdin:
        raise Invalid("end_old", "--end-old takes no password; it adds no secret")
    password = read_password(from_stdin=True) if from_stdin else partners.new_secret()
    session = db.session()
    with transaction(session):
        found = _account(session, account)
        if end_old:
            partners.end_older_secret(session, command_writer(), found)
        else:
            partners.add_secret(session, command_writer(), found, password)
        login = found.login
    if end_old:
        click.echo(f"The older secret of {login} has ended.")
        return
    click.echo(f"Account {login} has a second secret; the older one stays active until --end-old.")
    if not from_stdin:
        click.echo(f"{_ONCE}{password}")


@partner.command("disable", cls=PortalCommand)
@click.argument("account", type=TEXT)
def disable(account: str) -> None:
    """Disable ACCOUNT immediately: a login, or the code of a partner with one account."""
    session = db.session()
    with transaction(session):
        found = _account(session, account)
        partners.disable_account(session, command_writer(), found)
        login = found.login
    click.echo(f"Account {login} is disabled.")


@partner.command("enable", cls=PortalCommand)
@click.argument("account", type=TEXT)
def enable(account: str) -> None:
    """Re-enable ACCOUNT: a login, or the code of a partner with one account."""
    session = db.session()
    with transaction(session):
        found = _account(session, account)
        partners.enable_account(session, command_writer(), found)
        login = found.login
    click.echo(f"Account {login} is enabled.")


@partner.command("list", cls=PortalCommand)
def list_() -> None:
    """List every account of every partner."""
    rows = [
        (
            found.partner.code,
            found.login,
            found.access,
            "read-only" if found.read_only else "read and write",
            "yes" if found.internal else "no",
            str(found.contract_year),
            "yes" if found.disabled_at is None else f"disabled {found.disabled_at:%Y-%m-%d %H:%MZ}",
        )
        for found in partners.all_accounts(db.session())
    ]
    heads = ("CODE", "LOGIN", "ACCESS", "RIGHTS", "INTERNAL", "CONTRACT", "ACTIVE")
    print_table(heads, rows)


def _account(session: Session, name: str) -> PartnerAccount:
    """The account of this login, else the only account of the partner of this code."""
    try:
        return partners.find_account(session, name)
    except NotFound:
        of_code = [row for row in partners.all_accounts(session) if row.partner.code == name]
        if len(of_code) > 1:
            raise Invalid(
                "account", "This partner has several accounts; name the login of one"
            ) from None
        if not of_code:
            raise
        return of_code[0]


for _command in partner_connections.COMMANDS:
    partner.add_command(_command)

COMMANDS: tuple[click.Command, ...] = (partner,)
