"""``flask exchange list|retry|skip|end|again|stand-in``: what waits for partners, what failed."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

import click

from app.commands.arguments import TEXT, command_writer, print_table
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.exchange.services import decisions, endings
from app.exchange.services.connections.connections import is_called
from app.exchange.services.trouble import PairNow, find_pair, pairs_now
from app.exchange.services.unpaired import Unpaired, unpaired_tickets

_TICKET = click.argument("ticket", type=int)
_PARTNER = click.argument("partner", type=TEXT)


@click.group("exchange", cls=PortalGroup)
def exchange() -> None:
    """Exchange of tickets with partners' systems."""


@exchange.command("list", cls=PortalCommand)
@click.option("--failed", is_flag=True, help="Only exchanges that need a person.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
def list_(*, failed: bool, as_json: bool) -> None:
    """List every pair of tickets: both numbers, pending entries and the reason; then partners'
    tickets with our reference but without a pair."""
    pairs = pairs_now(db.session(), datetime.now(UTC), failed_alone=failed)
    others = unpaired_tickets(db.session())
    if as_json:
        listed = [*map(_as_json, pairs), *map(_unpaired_as_json, others)]
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    rows: list[tuple[str, ...]] = [
        (
            str(pair.ticket),
            pair.partner,
            pair.kind,
            pair.their_number or pair.their_id,
            pair.compared.standing,
            str(pair.waiting),
            pair.reason or _held(pair),
        )
        for pair in pairs
    ]
    names = ("ticket", "partner", "kind", "their_number", "standing", "waiting", "reason")
    rows += [tuple(str(_unpaired_as_json(one)[name]) for name in names) for one in others]
    print_table(("TICKET", "PARTNER", "KIND", "THEIRS", "STANDING", "WAITING", "REASON"), rows)


def _held(pair: PairNow) -> str:
    """Why nothing of a pair moves although nothing failed; "" = it may."""
    if pair.stopped or pair.paused:
        return "the connection is stopped" if pair.stopped else "the connection is paused"
    return ""


@exchange.command("retry", cls=PortalCommand)
@_TICKET
@_PARTNER
@click.option("--kind", default="", help="The system, if the partner has several.")
def retry(ticket: int, partner: str, kind: str) -> None:
    """Retry the pending entries of TICKET with PARTNER."""
    session = db.session()
    with transaction(session):
        pair = find_pair(session, ticket, partner, kind)
        decisions.send_again(session, command_writer(), pair.id)
        is_up = is_called(pair.connection)
    when = "" if is_up else " once its connection is resumed"
    click.echo(f"#{ticket} is tried again at {partner}{when}.")


@exchange.command("skip", cls=PortalCommand)
@_TICKET
@_PARTNER
@click.option("--kind", default="", help="The system, if the partner has several.")
@click.option("--reason", type=TEXT, required=True, help="Why it is skipped.")
def skip(ticket: int, partner: str, kind: str, reason: str) -> None:
    """Skip the first pending entry of TICKET with PARTNER."""
    session = db.session()
    with transaction(session):
        pair = find_pair(session, ticket, partner, kind)
        decisions.leave_out(session, command_writer(), pair.id, reason)
    click.echo(f"The first entry of #{ticket} pending for {partner} was skipped.")


@exchange.command("end", cls=PortalCommand)
@_TICKET
@_PARTNER
@click.option("--kind", default="", help="The system, if the partner has several.")
@click.option("--reason", type=TEXT, required=True, help="Why it ends.")
def end(ticket: int, partner: str, kind: str, reason: str) -> None:
    """Stop exchanging TICKET with PARTNER; pending entries are skipped."""
    session = db.session()
    with transaction(session):
        pair = find_pair(session, ticket, partner, kind)
        endings.end_exchange(session, command_writer(), pair.id, reason)
    click.echo(f"#{ticket} is no longer exchanged with {partner}.")


@exchange.command("again", cls=PortalCommand)
@_TICKET
@_PARTNER
@click.option("--kind", default="", help="The system, if the partner has several.")
def again(ticket: int, partner: str, kind: str) -> None:
    """Resume the exchange of TICKET with PARTNER after it was ended."""
    session = db.session()
    with transaction(session):
        pair = find_pair(session, ticket, partner, kind)
        endings.exchange_again(session, command_writer(), pair.id)
    click.echo(f"#{ticket} is exchanged with {partner} again.")


@exchange.command("stand-in", cls=PortalCommand, any_schema=True)
@click.option(
    "--port",
    type=int,
    default=8099,
    show_default=True,
    help="Port; only reachable from this machine.",
)
@click.option(
    "--token",
    type=TEXT,
    default="stand-in",
    show_default=True,
    help="The token that callers must send.",
)
def stand_in(port: int, token: str) -> None:
    """Serve a small Zammad in memory, to try the exchange with, until Ctrl-C."""
    from app.demo.partner_system import StandIn, server_of

    with server_of(StandIn(token), port) as server:
        click.echo(f"A simulated partner listens on http://127.0.0.1:{server.server_port}")
        click.echo("Ctrl-C ends it.")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _as_json(pair: PairNow) -> dict[str, object]:
    return {
        "ticket": pair.ticket,
        "partner": pair.partner,
        "kind": pair.kind,
        "their_id": pair.their_id,
        "their_number": pair.their_number,
        "their_url": pair.their_url,
        "state": pair.state,
        "standing": pair.compared.standing,
        "in_step": pair.compared.in_step,
        "differs": [
            {"field": one.name, "ours": one.ours, "theirs": one.theirs}
            for one in pair.compared.differing
        ],
        "parts": [asdict(one) for one in pair.compared.parts],
        "not_set": [*pair.compared.not_set],
        "waiting": pair.waiting,
        "entries_ours": pair.ours,
        "entries_theirs": pair.theirs,
        "attempts": pair.attempts,
        "next_attempt": pair.due.isoformat().replace("+00:00", "Z") if pair.due else None,
        "reason": pair.reason,
        "paused": pair.paused,
        "stopped": pair.stopped,
    }


def _unpaired_as_json(one: Unpaired) -> dict[str, object]:
    row = one.row
    return {
        "ticket": row.ticket_number,
        "partner": row.connection.partner.code,
        "kind": row.connection.kind,
        "their_id": row.their_id,
        "their_number": row.their_number or row.their_id,
        "their_url": row.their_url,
        "state": "",
        "standing": "second ticket" if one.is_second else "no pair",
        "in_step": False,
        "differs": [],
        "parts": [],
        "not_set": [],
        "waiting": 0,
        "entries_ours": 0,
        "entries_theirs": 0,
        "attempts": 0,
        "next_attempt": None,
        "reason": "Their ticket has our reference but does not belong to a pair",
        "paused": False,
        "stopped": False,
    }


COMMANDS: tuple[click.Command, ...] = (exchange,)
