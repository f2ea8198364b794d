"""Which entries are due: planned from the change log, behind a cursor that lies beside them.

The change log is the outbox: a ticket's own transaction writes nothing for the exchange. Whoever
plans reads on from the cursor, and moves it in the transaction that writes the entries: a change is
an entry once for each pair, however many plan at once and whenever one of them dies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, PortalFact
from app.core.rules.access import Door
from app.core.services.changes import TICKET, of_kind
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.models.pairs import Entry, TicketPair
from app.exchange.rules.entries import (
    EXCHANGED,
    EntryKind,
    EntryState,
    digest_of_entry,
    parts_of,
)
from app.exchange.rules.ledger import START, Origin, link
from app.exchange.rules.marks import MAX_HOPS, hops_of, reference_of
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Direction, Profile, profile_of
from app.jobs.services.queue import enqueue
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import as_logged, current_value, facts_of

JOB: Final = "exchange a ticket"
CURSOR: Final = "exchange_planned_up_to"
"""The row of ``portal_facts`` that holds the newest change whose entries are planned."""
AT_ONCE: Final = 200
"""Most changes that are planned in one transaction."""


def plan_next(session: Session, now: datetime) -> bool:
    """Plan the entries of the next changes, in the caller's write transaction; whether there were
    any changes. The caller holds nothing else in this transaction."""
    cursor = session.scalars(
        select(PortalFact).where(PortalFact.name == CURSOR).with_for_update()
    ).first()
    newest = session.scalar(select(func.max(Change.id))) or 0
    if cursor is None:  # from the first connection on, not from the first ticket
        session.add(PortalFact(name=CURSOR, value=str(newest)))
        return False
    begins = int(cursor.value)
    if newest <= begins:
        return False
    changes = session.scalars(
        select(Change)
        .where(Change.id > begins, Change.id <= newest)
        .where(of_kind(TICKET), Change.door != Door.IMPORT)
        .order_by(Change.id)
        .limit(AT_ONCE)
    ).all()
    ends = changes[-1].id if len(changes) == AT_ONCE else newest
    speaking = speaking_connections(session)
    for change in changes:
        for connection, profile in speaking:
            if change.partner_id != connection.partner_id:
                _plan(session, connection, profile, change, now)
    cursor.value = str(ends)
    return True


def speaking_connections(session: Session) -> Sequence[tuple[Connection, Profile]]:
    """The connections to which changes of ours go, with their profiles; paused ones, too."""
    rows = session.execute(
        select(Connection, ConnectionProfile.content)
        .join(
            ConnectionProfile,
            (ConnectionProfile.connection_id == Connection.id)
            & (ConnectionProfile.version == Connection.profile_version),
        )
        .order_by(Connection.id)
    )
    return [
        (connection, profile_of(content))
        for connection, content in rows
        if Direction(connection.direction).pushes
    ]


def _plan(
    session: Session, connection: Connection, profile: Profile, change: Change, now: datetime
) -> None:
    ticket = session.get_one(Ticket, change.thing_id)
    pair = session.scalars(
        select(TicketPair).where(
            TicketPair.ticket_number == ticket.number, TicketPair.connection_id == connection.id
        )
    ).first()
    is_new = pair is None
    if pair is None:
        facts = facts_of(ticket)
        shared = connection.partner_id in facts.handed_to_partners
        keys = frozenset(row.site.key for row in ticket.affected_sites if row.site is not None)
        if not profile.chooses(
            network=ticket.network, category=ticket.category, sites=keys, shared=shared
        ):
            return
        if hops_of(ticket.description) >= MAX_HOPS:
            return
        pair = TicketPair(
            ticket_number=ticket.number,
            connection_id=connection.id,
            state=PairState.CREATING,
            began_here=True,
            created_at=now,
        )
        session.add(pair)
        session.flush()
    fields = {one.field: one.new for one in change.fields}
    if is_new and change.version > 1:
        fields |= _whole(ticket)
    parts = parts_of(fields, is_new=is_new, internal=connection.internal)
    for position, (kind, content) in enumerate(parts):
        add_entry(
            session,
            pair,
            Origin.OURS,
            kind,
            content,
            author=change.author,
            at=change.at,
            change_id=change.id,
            position=position,
            state=EntryState.WAITING,
        )
    if parts:
        session.flush()
        enqueue(session, JOB, {"pair": pair.id}, key=f"pair {pair.id}")


def _whole(ticket: Ticket) -> dict[str, str | None]:
    """A ticket as it is, as its first entry: it is exchanged since a later change of it."""
    return {name: as_logged(current_value(ticket, name)) for name in EXCHANGED}


def add_entry(
    session: Session,
    pair: TicketPair,
    origin: Origin,
    kind: EntryKind,
    content: Mapping[str, str],
    *,
    author: str,
    at: datetime,
    state: EntryState,
    change_id: int | None = None,
    position: int = 0,
    their_key: str | None = None,
    reason: str = "",
) -> Entry:
    """Add the next entry of an origin to a pair whose row the caller has locked or just made."""
    last = session.execute(
        select(Entry.sequence, Entry.hash)
        .where(Entry.pair_id == pair.id, Entry.origin == origin)
        .order_by(Entry.sequence.desc())
        .limit(1)
    ).first()
    sequence, before = (last.sequence + 1, last.hash) if last is not None else (1, START)
    values = {name: value for name, value in content.items() if name != "text"}
    linked = link(
        chain_name(pair, origin),
        sequence,
        digest_of_entry(kind, content.get("text", ""), values),
        before,
    )
    entry = Entry(
        pair_id=pair.id,
        origin=origin,
        sequence=sequence,
        kind=kind,
        author=author,
        content=json.dumps(content, ensure_ascii=False),
        state=state,
        reason=reason,
        change_id=change_id,
        position=position,
        their_key=their_key,
        digest=linked.digest,
        before=linked.before,
        hash=linked.hash,
        at=at,
    )
    session.add(entry)
    session.flush()
    return entry


def chain_name(pair: TicketPair, origin: Origin) -> str:
    """The origin in words that both sides use: the ticket from whose side the entry comes."""
    return reference_of(pair.ticket_number) if origin is Origin.OURS else f"{pair.their_id}"
