"""``flask partner connect|pause|resume|end|compare|test|hints``: the systems of partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import click
from flask import current_app
from sqlalchemy.orm import Session

from app.commands.arguments import TEXT, command_writer, read_password
from app.commands.base import PortalCommand
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid, SettingError
from app.core.web.extensions import db
from app.exchange.adapters.kinds import KINDS, kind_named
from app.exchange.models.connections import Connection
from app.exchange.rules.partner import Check
from app.exchange.rules.profiles import Choice, Direction, profile_of
from app.exchange.services.comparisons import ask_comparison
from app.exchange.services.connections import connections
from app.exchange.services.connections.connection_tests import (
    BETWEEN_GOES,
    MOST_GOES,
    ask_test,
    newest_test,
)
from app.exchange.services.connections.secrets import (
    HINT,
    LIVE_SECRETS,
    LOGIN,
    add_secret,
    end_secret,
    live_secrets,
)
from app.exchange.services.endings import end_connection
from app.exchange.tasks.systems import try_connection
from app.jobs.tasks.context import Context

_LONGEST_WAIT: Final = 420.0
"""Seconds: some calls of half a minute, and what a search needs to know a new ticket."""
_BETWEEN_LOOKS: Final = 0.3
_KIND = click.Choice(list(KINDS))
one_kind = click.option(
    "--kind", type=_KIND, default=None, help="The system, if the partner has several."
)


@click.command("connect", cls=PortalCommand)
@click.argument("code", type=TEXT)
@click.option("--kind", type=_KIND, required=True, help="Kind of system.")
@click.option("--url", type=TEXT, required=True, help="Its address.")
@click.option(
    "--direction",
    type=click.Choice([direction.value for direction in Direction]),
    required=True,
    help="push: send our tickets; pull: read the partner's; both.",
)
@click.option("--remote-login", type=TEXT, default="", help="The portal's login at the partner.")
@click.option(
    "--remote-password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the portal's password or token at the partner from standard input.",
)
@click.option(
    "--tickets",
    type=click.Choice([choice.value for choice in Choice]),
    default=None,
    help="shared: tickets that an operator shares (default); new: also tickets created from now on;"
    " all: also tickets that are open now.",
)
@click.option("--internal", is_flag=True, help="Also send internal comments.")
@click.option("--group", type=TEXT, default="", help="Queue or group for the tickets.")
@click.option(
    "--profile",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="A file with the choice of tickets, the mappings of values and the owners of fields, as"
    " docs/partner-systems.md describes it.",
)
def connect(
    code: str,
    kind: str,
    url: str,
    direction: str,
    remote_login: str,
    tickets: str | None,
    group: str,
    file: Path | None,
    *,
    from_stdin: bool,
    internal: bool,
) -> None:
    """Connect the portal with a system of the partner CODE, creating the partner if needed."""
    secret = read_password(from_stdin=True) if from_stdin else ""
    shipped = kind_named(kind).profile_for(url)
    profile = profile_of(file.read_text("utf-8")) if file is not None else shipped
    profile = replace(
        profile,
        tickets=Choice(tickets) if tickets is not None else profile.tickets,
        group=group or profile.group,
    )
    session, by = db.session(), command_writer()
    with transaction(session):
        connection = connections.connect(
            session,
            by,
            code,
            kind,
            url=url,
            direction=direction,
            remote_login=remote_login,
            internal=internal,
            profile=profile,
        )
        if secret:
            key = current_app.config["PORTAL"].key
            add_secret(session, by, connection, LOGIN, secret, key)
    click.echo(f"{code} is connected: {kind}, {direction}, {profile.tickets} tickets.")


@click.command("pause", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
def pause(code: str, kind: str | None) -> None:
    """Pause calls to the system of CODE; outgoing changes are queued."""
    session = db.session()
    with transaction(session):
        connections.pause(session, command_writer(), one_connection(session, code, kind))
    click.echo(f"{code} is paused; what is to be sent waits.")


@click.command("resume", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
def resume(code: str, kind: str | None) -> None:
    """Resume calls to the system of CODE after a pause or a stop."""
    session = db.session()
    with transaction(session):
        connections.resume(session, command_writer(), one_connection(session, code, kind))
    click.echo(f"Calls to {code} resume.")


@click.command("end", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
@click.option("--reason", type=TEXT, required=True, help="Why it ends.")
def end(code: str, kind: str | None, reason: str) -> None:
    """End the connection with CODE for good, and the exchange of each of its tickets.

    What was exchanged stays readable. A new connection can be set up.
    """
    session = db.session()
    with transaction(session):
        end_connection(session, command_writer(), one_connection(session, code, kind), reason)
    click.echo(f"The connection with {code} has ended; the worker ends its tickets' exchange.")


@click.command("hints", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
@click.option("--end-old", is_flag=True, help="Do not add one; end the older of the two.")
def hints(code: str, kind: str | None, *, end_old: bool) -> None:
    """Read from standard input the secret with which the system of CODE signs its webhooks.

    A second secret is active in addition to the first until --end-old.
    """
    session, by = db.session(), command_writer()
    settings = current_app.config["PORTAL"]
    with transaction(session):
        connection = one_connection(session, code, kind)
        if end_old:
            live = live_secrets(session, connection, HINT)
            if len(live) < LIVE_SECRETS:
                raise Invalid("end_old", "There is no older secret to end")
            end_secret(session, by, connection, live[-1].id)
        else:
            key = settings.key
            secret = read_password(from_stdin=True)
            add_secret(session, by, connection, HINT, secret, key)
        address = f"{settings.public_url}/hooks/{connection.kind}/{code}"
    if end_old:
        click.echo("The older secret has ended.")
        return
    click.echo(f"Webhooks of {code} are taken at {address}")


@click.command("compare", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
def compare(code: str, kind: str | None) -> None:
    """Queue a comparison with the tickets of CODE now, besides the nightly one."""
    session = db.session()
    with transaction(session):
        ask_comparison(session, command_writer().actor, one_connection(session, code, kind))
    click.echo(f"A comparison with {code} is queued; the connection's page says what it finds.")


@click.command("test", cls=PortalCommand)
@click.argument("code", type=TEXT)
@one_kind
def test(code: str, kind: str | None) -> None:
    """Test the connection with CODE, step by step.

    Without SECRET_KEY, which decrypts the partner's secret, the portal's worker runs the test.
    """
    session = db.session()
    connection_id = one_connection(session, code, kind).id
    session.rollback()
    context = Context(db.engine, current_app.config["PORTAL"])
    problem = ""
    has_key = context.settings.secret_key is not None
    for check in (checks_here if has_key else tested_by_worker)(context, connection_id):
        problem = problem or check.problem
        click.echo(f"{check.what}: {check.problem or 'yes'}")
    if problem:
        raise Invalid("test", f"The test ended with a problem: {problem}")


def checks_here(
    context: Context, connection_id: int, pause: Callable[[float], object] = sleep
) -> Iterator[Check]:
    """The checks as this process does them; where their search may lag it is tried again after a
    ``pause`` of seconds, and each go says so."""
    ticket, seen = "", 0
    for go in range(1, MOST_GOES + 1):
        for place, check in enumerate(try_connection(context, connection_id, ticket)):
            if check.problem and check.ticket and go < MOST_GOES:
                ticket, seen = check.ticket, place
                break
            if place >= seen:
                yield check
        else:
            return
        click.echo(
            f"Waiting for its search to know ticket {ticket} ({go} of {MOST_GOES})", err=True
        )
        pause(BETWEEN_GOES.total_seconds())


def tested_by_worker(context: Context, connection_id: int) -> Iterator[Check]:
    """The checks as the worker does them; raises ``SettingError`` where none begins."""
    with context.transaction() as session:
        ask_test(session, command_writer(), session.get_one(Connection, connection_id))
    seen, goes, ends = 0, 0, monotonic() + _LONGEST_WAIT
    while monotonic() < ends:
        with context.reading() as session:
            found = newest_test(session.get_one(Connection, connection_id))
        assert found is not None, "the test was queued"
        yield from found.checks[seen:]
        seen = max(seen, len(found.checks))
        if found.ended_at is not None:
            return
        if found.ticket and found.goes > goes:
            goes = found.goes
            click.echo(f"Waiting for its search ({goes} of {MOST_GOES})", err=True)
        sleep(_BETWEEN_LOOKS)
    raise SettingError("SECRET_KEY is not set here, and no worker ended the test; start the portal")


def one_connection(session: Session, code: str, kind: str | None) -> Connection:
    """The connection of the partner CODE. Raises ``Invalid`` unless there is exactly one."""
    found = connections.connection_of(session, code, kind or "")
    if found is None:
        raise Invalid("code", "The partner has no such connection")
    return found


COMMANDS: tuple[click.Command, ...] = (connect, pause, resume, end, compare, test, hints)
