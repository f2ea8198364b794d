"""What would be sent to a partner for a ticket, in the partner's words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.exchange.adapters.kinds import kind_named
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.facts import STORED, said_of
from app.exchange.rules.kinds import PartnerKind
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Direction, Profile
from app.exchange.services.deliveries import add_facts, marked_text
from app.exchange.services.planning import begin_pair, chooses, pair_with, profile_in_use
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import find_ticket


@dataclass(frozen=True)
class SentValue:
    """A field in both words. ``theirs`` None: our value has no mapping, and is not sent."""

    name: str
    ours: str
    theirs: str | None


@dataclass(frozen=True)
class PlannedEntry:
    """One entry as it would be sent."""

    kind: EntryKind
    author: str
    text: str
    file: str = ""
    values: Sequence[SentValue] = field(default=())


@dataclass(frozen=True)
class Preview:
    """What would be sent. ``is_chosen``: without being shared by anybody."""

    number: int
    title: str
    is_paired: bool
    is_chosen: bool
    pushes: bool
    entries: Sequence[PlannedEntry]


def preview(
    session: Session,
    by: Actor,
    connection: Connection,
    number: int,
    now: datetime,
    portal: str,
) -> Preview:
    """What waits for an exchanged ticket, otherwise what sharing it would send. Writes what it
    shows: the caller rolls the transaction back (``dry_run``). ``portal``: our address."""
    ticket = find_ticket(session, by, number)
    profile = profile_in_use(session, connection)
    pair = pair_with(session, connection, ticket)
    is_paired = pair is not None
    is_chosen = is_paired or (
        connection.partner_id in facts_of(ticket).handed_to_partners
        or chooses(session, connection, profile, ticket)
    )
    pair = pair or begin_pair(session, connection, ticket, now)
    waiting = session.scalars(
        select(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.WAITING,
        )
        .order_by(ExchangeEntry.sequence)
    ).all()
    for entry in waiting:
        if entry.kind == EntryKind.TICKET:
            add_facts(session, pair, entry, portal)
    return Preview(
        number,
        ticket.title,
        is_paired,
        is_chosen,
        Direction(connection.direction).pushes,
        [_planned(pair, entry, profile) for entry in waiting],
    )


def _planned(pair: TicketPair, entry: ExchangeEntry, profile: Profile) -> PlannedEntry:
    content = json.loads(entry.content)
    content.pop(STORED, None)
    kind, system = EntryKind(entry.kind), kind_named(pair.connection.kind)
    in_text = said_of(system, profile, content) if kind is EntryKind.TICKET else ()
    said = content.pop("description" if kind is EntryKind.TICKET else "text", "")
    file = content.pop("file", "").partition(" ")[2]
    has_text = said or kind is EntryKind.TICKET
    text = marked_text(pair.ticket_number, entry) if has_text else ""
    values = [
        SentValue(name, value, _theirs(system, profile, name, value))
        for name, value in content.items()
        if value and name not in in_text
    ]
    return PlannedEntry(kind, entry.author, text, file, values)


def _theirs(system: PartnerKind, profile: Profile, name: str, value: str) -> str | None:
    if not system.has_field(profile, name, value):
        return None
    return profile.map_of(name).theirs_of(value) if name in profile.maps else value
