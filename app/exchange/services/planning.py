"""Plans entries from the change log, with a cursor stored next to them.

The change log is the outbox: a ticket's transaction writes nothing for the exchange. Planning reads
from the cursor on and moves it in the transaction that writes the entries, so a change is one entry
for each pair, however many workers plan at the same time and whenever one is killed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import event, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.database.until_commit import UntilCommit
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Invalid, PortalError
from app.core.rules.language import _
from app.core.services.changes import TICKET, newest_change, of_kind, read_on
from app.core.services.cursors import begin_cursor, hold_cursor, move_cursor, place_of
from app.exchange.adapters.kinds import kind_named
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import (
    EXCHANGED,
    PLACES,
    EntryKind,
    EntryState,
    parts_of,
)
from app.exchange.rules.facts import moves_of, said_of
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Choice, Direction, Profile, profile_of
from app.exchange.services.entries import add_entry
from app.exchange.services.questions import end_questions
from app.jobs.services.queue import enqueue
from app.registry.models.registry import Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.fields import ENTRIES
from app.tickets.rules.marks import MAX_HOPS, hops_of, references_in
from app.tickets.rules.tickets import OPEN_STATES, State
from app.tickets.services.fields import as_logged, current_value, facts_of
from app.tickets.services.lifecycle import hand_to_partner

_log = logging.getLogger(__name__)
JOB: Final = "exchange a ticket"
"""The job for a pair whose set time has come."""
LANE_JOB: Final = "exchange tickets"
"""The job for everything due in one lane of a partner's pairs."""
LANES: Final = 2
"""Lanes of a partner's pairs: this many pairs are processed at the same time, however many wait."""
WAKE: Final = "call a partner again"
BEGIN_OPEN: Final = "exchange all open tickets"
CURSOR: Final = "exchange_planned_up_to"
"""The row of ``portal_facts`` with the newest change whose entries are planned."""
_PASSED_TOO_MANY: Final = f"It has passed {MAX_HOPS} systems already"
_lanes_due: Final = UntilCommit[tuple[int, int]]()
AT_ONCE: Final = 200
"""Most changes planned in one transaction."""


def plan_next(session: Session, now: datetime) -> bool:
    """Plan the entries of the next changes, in the caller's write transaction; return whether there
    were any changes. The caller has locked nothing else in this transaction."""
    begins = hold_cursor(session, CURSOR)
    if begins is None:  # from the first connection on, not from the first ticket
        begin_cursor(session, CURSOR, newest_change(session))
        return False
    which = (of_kind(TICKET), Change.door != Door.IMPORT)
    found = read_on(session, begins, AT_ONCE, *which)
    if found is None:
        return False
    changes, ends = found
    connections = connections_in_use(session)
    unplanned = _unplanned_pairs(session, {change.thing_id for change in changes})
    for change in changes:
        handed = False
        for connection, profile in connections:
            key = (change.thing_id, connection.id)
            try:
                with session.begin_nested():
                    if key in unplanned:
                        handed |= _plan_from_unplanned(session, connection, profile, change, now)
                    else:
                        handed |= _plan_change(session, connection, profile, change, now)
            except (IntegrityError, PortalError) as error:  # it does not block other partners
                _note_unplanned(session, connection, change, _short(error), now)
                unplanned.add(key)
            else:
                unplanned.discard(key)
        if handed:  # a lock on the ticket was taken, and further pairs are locked before theirs
            ends = change.id
            break
    return move_cursor(session, CURSOR, begins, ends)


def _plan_change(
    session: Session, connection: Connection, profile: Profile, change: Change, now: datetime
) -> bool:
    """Plan one change for one partner; return whether that handed a ticket to the partner."""
    if change.partner_id == connection.partner_id:
        if change.door != Door.EXCHANGE:
            _note_theirs(session, connection, change, now)
        return False
    if not Direction(connection.direction).pushes:
        return False
    return _plan_ours(session, connection, profile, change, now)


def _unplanned_pairs(session: Session, numbers: Collection[int]) -> set[tuple[int, int]]:
    """Those of these tickets, with the connection, that have an unplanned change."""
    rows = session.execute(
        select(TicketPair.ticket_number, TicketPair.connection_id).where(
            TicketPair.ticket_number.in_(numbers),
            TicketPair.unplanned_from.is_not(None),
            TicketPair.state != PairState.ENDED,
        )
    )
    return {(number, connection_id) for number, connection_id in rows}


def _plan_from_unplanned(
    session: Session, connection: Connection, profile: Profile, change: Change, now: datetime
) -> bool:
    """Plan a change with the earlier unplanned ones; the first failure leaves all of them
    unplanned. Returns whether that handed the ticket to the partner."""
    pair = pair_with(session, connection, session.get_one(Ticket, change.thing_id))
    assert pair is not None
    if pair.unplanned_from is None or pair.state == PairState.ENDED:  # a person was first
        return _plan_change(session, connection, profile, change, now)
    prefix = _unplanned_reason(pair.unplanned_from)
    handed = _plan_all(session, pair, pair.unplanned_from - 1, change.id, now)
    if pair.reason.startswith(prefix):  # otherwise it was stopped before, for another reason
        pair.state = PairState.PAIRED if pair.their_id else PairState.CREATING
        pair.reason = ""
        enqueue_pair(session, pair)
    return handed


def _plan_all(session: Session, pair: TicketPair, after: int, up_to: int, now: datetime) -> bool:
    """Plan the changes of a pair's ticket after ``after``; the pair then has no unplanned ones.
    Returns whether that handed the ticket to the partner."""
    connection, handed = pair.connection, False
    profile = profile_in_use(session, connection)
    for change in session.scalars(
        select(Change)
        .where(Change.id > after, Change.id <= up_to)
        .where(of_kind(TICKET), Change.thing_id == pair.ticket_number, Change.door != Door.IMPORT)
        .order_by(Change.id)
    ).all():
        handed |= _plan_change(session, connection, profile, change, now)
    if _is_placeholder(session, pair):
        raise Invalid("ticket", _("it is no longer selected for this partner"))
    pair.unplanned_from = None
    return handed


def _note_unplanned(
    session: Session, connection: Connection, change: Change, why: str, now: datetime
) -> None:
    """Stop the exchange of a ticket at a change that could not be planned: a person has to act
    until it is planned or the exchange ends. The savepoint in which it failed is rolled back."""
    ticket = session.get_one(Ticket, change.thing_id)
    pair = pair_with(session, connection, ticket)
    if pair is None:
        pair = TicketPair(
            ticket_number=ticket.number,
            connection_id=connection.id,
            state=PairState.STOPPED,
            began_here=True,
            created_at=now,
        )
        session.add(pair)
    is_stopped = pair.state == PairState.STOPPED and pair.reason
    pair.unplanned_from = pair.unplanned_from or change.id
    prefix = _unplanned_reason(pair.unplanned_from)
    if not is_stopped or pair.reason.startswith(prefix):
        pair.state, pair.due_at, pair.reason = PairState.STOPPED, None, f"{prefix}: {why}"[:500]
    session.flush()
    _log.error(
        "a change was not planned for a partner",
        extra={"change": change.id, "partner": connection.partner.code},
    )


def _unplanned_reason(change_id: int) -> str:
    """The beginning of the reason of a pair that is stopped for such a change."""
    return f"Change {change_id} of the log was not planned"


def _is_placeholder(session: Session, pair: TicketPair) -> bool:
    """Whether a pair exists only for changes that could not be planned: nothing is exchanged
    yet."""
    return pair.unplanned_from is not None and not session.scalar(
        select(ExchangeEntry.id).where(ExchangeEntry.pair_id == pair.id).limit(1)
    )


def _short(error: Exception) -> str:
    return error.message if isinstance(error, PortalError) else "it is there already"


def plan_missed(session: Session, pair: TicketPair, now: datetime) -> None:
    """Plan what was written while a pair was ended, and what could not be planned, as if it had
    only waited. The caller holds the pair's lock: what has been planned by then was skipped, and
    later changes find the pair resumed. Raises ``Invalid`` if a change still cannot be planned."""
    after = pair.ended_after or 0
    if pair.unplanned_from is not None:  # what came after it was not planned either
        after = pair.unplanned_from - 1
    try:
        with session.begin_nested():
            _plan_all(session, pair, after, planned_up_to(session), now)
    except (IntegrityError, PortalError) as error:
        raise Invalid(
            "ticket", _("A change cannot be sent to this partner: %(why)s", why=_short(error))
        ) from None


def planned_up_to(session: Session) -> int:
    """The newest change whose entries are planned."""
    return place_of(session, CURSOR) or 0


def connections_in_use(session: Session) -> Sequence[tuple[Connection, Profile]]:
    """Every connection that has not ended with its profile; also paused ones."""
    rows = session.execute(
        select(Connection, ConnectionProfile.content)
        .join(
            ConnectionProfile,
            (ConnectionProfile.connection_id == Connection.id)
            & (ConnectionProfile.version == Connection.profile_version),
        )
        .where(Connection.ended_at.is_(None))
        .order_by(Connection.id)
    )
    return [(connection, profile_of(content)) for connection, content in rows]


def profile_in_use(session: Session, connection: Connection) -> Profile:
    """The current version of choice, maps and owners."""
    content = session.scalars(
        select(ConnectionProfile.content).where(
            ConnectionProfile.connection_id == connection.id,
            ConnectionProfile.version == connection.profile_version,
        )
    ).one()
    return profile_of(content)


def pair_with(session: Session, connection: Connection, ticket: Ticket) -> TicketPair | None:
    """The pair of our ticket with a connection, its row locked."""
    return session.scalars(
        select(TicketPair)
        .where(TicketPair.ticket_number == ticket.number)
        .where(TicketPair.connection_id == connection.id)
        .with_for_update(of=TicketPair)
    ).first()


def chooses(session: Session, connection: Connection, profile: Profile, ticket: Ticket) -> bool:
    """Whether a ticket that was not shared is sent to the partner."""
    ids = facts_of(ticket).site_ids if profile.sites else ()
    keys = session.scalars(select(Site.key).where(Site.id.in_(ids))) if ids else ()
    return hops_of(ticket.description) < MAX_HOPS and profile.chooses(
        network=ticket.network,
        category=ticket.category,
        sites=frozenset(keys),
        is_new=ticket.created_at >= connection.created_at.replace(microsecond=0),
    )


def begin_pair(
    session: Session, connection: Connection, ticket: Ticket, now: datetime
) -> TicketPair:
    """Exchange a ticket from now on: its current state, and all earlier texts and files, in order.
    The caller has checked in this transaction that it has no pair yet."""
    pair = _new_pair(session, connection, ticket, now)
    changes = session.scalars(
        select(Change).where(of_kind(TICKET), Change.thing_id == ticket.number).order_by(Change.id)
    ).all()
    names = (*EXCHANGED, *PLACES)
    whole = {name: as_logged(current_value(ticket, name)) or "" for name in names}
    add_entry(
        session,
        pair,
        Origin.OURS,
        EntryKind.TICKET,
        whole,
        author=changes[0].author if changes else "",
        at=ticket.created_at,
        state=EntryState.WAITING,
    )
    for change in changes:
        if change.partner_id != connection.partner_id:
            _add_ours(session, pair, change, texts_alone=True)
    enqueue_pair(session, pair)
    return pair


def begin_open_pairs(
    session: Session, connection: Connection, after: int, now: datetime
) -> int | None:
    """Start pairs of open tickets with numbers above ``after`` that the connection chooses; return
    the last examined number, None = no further tickets."""
    profile = profile_in_use(session, connection)
    is_chosen = profile.tickets is Choice.ALL and Direction(connection.direction).pushes
    if not is_chosen or connection.ended_at is not None:
        return None
    paired = exists().where(
        TicketPair.ticket_number == Ticket.number, TicketPair.connection_id == connection.id
    )
    tickets = session.scalars(
        select(Ticket)
        .where(Ticket.number > after, Ticket.state.in_(OPEN_STATES), ~paired)
        .order_by(Ticket.number)
        .limit(AT_ONCE)
        .with_for_update(of=Ticket)  # before the change counter, which handing a ticket over locks
    ).all()
    for ticket in tickets:
        if chooses(session, connection, profile, ticket):
            begin_pair(session, connection, ticket, now)
    return tickets[-1].number if tickets else None


def is_read(connection: Connection) -> bool:
    """Whether the portal reads the partner's changes, rather than receiving its calls."""
    is_notified = kind_named(connection.kind).is_notified
    return Direction(connection.direction).reads and not is_notified


def hold_planning(session: Session) -> None:
    """Take the planning lock, before more than one pair is locked in this transaction.

    Locks are taken in one order, to avoid deadlocks: this one, then pairs (by their ids), tickets,
    the change counter, and last the keys of jobs (sorted). A transaction that locks only one pair
    may skip the first one.
    """
    hold_cursor(session, CURSOR)


def enqueue_pair(session: Session, pair: TicketPair) -> None:
    """Enqueue what is due for a pair: as the last step of this transaction, because the key of a
    job is a lock, too (``hold_planning``). An earlier rollback of a savepoint discards what was
    left inside it, and nothing else."""
    session.flush()
    _lanes_due.add(session, (pair.connection_id, pair.id % LANES))


@event.listens_for(Session, "before_commit")
def _enqueue_lanes(session: Session) -> None:
    for connection_id, lane in sorted(set(_lanes_due.take(session))):
        enqueue_lane(session, connection_id, lane)


def enqueue_lane(
    session: Session, connection_id: int, lane: int, due: datetime | None = None
) -> None:
    """Enqueue what is due in one lane of a connection's pairs. At most one job waits for it, behind
    those of other partners."""
    arguments = {"connection": connection_id, "lane": lane}
    enqueue(session, LANE_JOB, arguments, key=f"exchange {connection_id} {lane}", due=due)


def _new_pair(
    session: Session, connection: Connection, ticket: Ticket, now: datetime
) -> TicketPair:
    pair = pair_with(session, connection, ticket)  # for a change that could not be planned
    if pair is None:
        pair = TicketPair(
            ticket_number=ticket.number,
            connection_id=connection.id,
            state=PairState.CREATING,
            began_here=True,
            created_at=now,
        )
        session.add(pair)
        session.flush()
    pair.state, pair.reason = PairState.CREATING, ""
    if kind_named(connection.kind).answers_here:  # its account has to see what it answers to
        by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=now)
        hand_to_partner(session, by, ticket.number, connection.partner.code)
    return pair


def _plan_ours(
    session: Session, connection: Connection, profile: Profile, change: Change, now: datetime
) -> bool:
    """Plan a change of ours; return whether that handed the ticket to the partner."""
    ticket = session.get_one(Ticket, change.thing_id)
    pair = pair_with(session, connection, ticket)
    if pair is not None and not _is_placeholder(session, pair):
        if pair.state != PairState.ENDED and _add_ours(session, pair, change):
            enqueue_pair(session, pair)
        return False
    shared = connection.partner_id in facts_of(ticket).handed_to_partners
    if not shared and not chooses(session, connection, profile, ticket):
        return False
    if change.version > 1:
        begin_pair(session, connection, ticket, now)
    else:
        pair = _new_pair(session, connection, ticket, now)
        _add_ours(session, pair, change, is_new=True)
        enqueue_pair(session, pair)
    return kind_named(connection.kind).answers_here


def _add_ours(
    session: Session,
    pair: TicketPair,
    change: Change,
    *,
    is_new: bool = False,
    texts_alone: bool = False,
) -> int:
    """Add the entries of a change, unless they exist; return their number."""
    if session.scalar(
        select(ExchangeEntry.id)
        .where(ExchangeEntry.pair_id == pair.id, ExchangeEntry.change_id == change.id)
        .limit(1)
    ):
        return 0
    fields = {one.field: one.new for one in change.fields}
    kind = kind_named(pair.connection.kind)
    said: Collection[str] = ()
    moves = ""
    if not is_new:
        profile = profile_in_use(session, pair.connection)
        values = {name: value or "" for name, value in fields.items()}
        said = said_of(kind, profile, values)
        changed = {one.field: (one.old, one.new) for one in change.fields}
        moves = "" if texts_alone else moves_of(profile, changed, said)
    parts = parts_of(
        fields,
        is_new=is_new,
        internal=pair.connection.internal,
        solution_as_text="solution" not in kind.texts,
        moves=moves,
        said=said,
    )
    if texts_alone:
        parts = [part for part in parts if part[0] is not EntryKind.FIELDS]
    for position, (part, content) in enumerate(parts):
        is_round = hops_of(content.get("text", "")) >= MAX_HOPS
        entry = add_entry(
            session,
            pair,
            Origin.OURS,
            part,
            content,
            author=change.author,
            at=change.at,
            change_id=change.id,
            position=position,
            state=EntryState.SKIPPED if is_round else EntryState.WAITING,
            reason=_PASSED_TOO_MANY if is_round else "",
        )
        entry.done_at = change.at if is_round else None
    return len(parts)


def _note_theirs(session: Session, connection: Connection, change: Change, now: datetime) -> None:
    """What the partner wrote through another interface is exchanged, too: an entry of theirs that
    is stored here. Some kinds of partners start pairs this way."""
    ticket = session.get_one(Ticket, change.thing_id)
    pair = pair_with(session, connection, ticket)
    if pair is not None and pair.state == PairState.ENDED:
        return
    kind = kind_named(connection.kind)
    is_new = pair is None or _is_placeholder(session, pair)
    if pair is None or is_new:
        if not kind.opens_here or change.version > 1 or not ticket.origin_id:
            return
        pair = _new_pair(session, connection, ticket, now)
        pair.state, pair.began_here = PairState.PAIRED, False
        number = references_in(ticket.origin_id)  # stated by another portal of this kind
        pair.their_id = pair.their_number = str(number[0]) if number else ticket.origin_id
    if kind.is_notified:
        _complete(session, pair, ticket)
    fields = {one.field: one.new for one in change.fields}
    for position, (part, content) in enumerate(parts_of(fields, is_new=is_new, internal=True)):
        add_entry(
            session,
            pair,
            Origin.THEIRS,
            part,
            content,
            author=change.author,
            at=change.at,
            change_id=change.id,
            position=position,
            state=EntryState.APPLIED,
        )
    if not is_read(connection):  # the last value it sets at our interface is its current value
        for name in fields:
            end_questions(session, pair, name, now, before=change.at)
    if pair.state != PairState.CREATING and _is_moved_here(connection, change):
        add_entry(
            session,
            pair,
            Origin.OURS,
            EntryKind.FIELDS,
            {"state": fields["state"] or ""},
            author="",
            at=change.at,
            state=EntryState.WAITING,
        )
        enqueue_pair(session, pair)


def _is_moved_here(connection: Connection, change: Change) -> bool:
    """Whether our own rule may have moved the state in a change of a partner that is not read: its
    answer ended the waiting for one. If it sent the state itself, it already has it."""
    if is_read(connection) or not Direction(connection.direction).pushes:
        return False
    moves = {one.field: (one.old, one.new) for one in change.fields}
    is_answer = bool(moves.get(ENTRIES[0], (None, None))[1])
    return is_answer and moves.get("state") == (State.WAITING, State.IN_PROGRESS)


def _complete(session: Session, pair: TicketPair, ticket: Ticket) -> None:
    """Store the number that the partner gave its own ticket, if it was notified by mail."""
    partner = pair.connection.partner_id
    theirs = (
        one.reference
        for one in ticket.references
        if one.kind == "target" and one.partner_id == partner
    )
    target = next(theirs, "")
    if not target or target == pair.their_id:
        return
    taken = session.scalar(
        select(TicketPair.ticket_number).where(
            TicketPair.connection_id == pair.connection_id,
            TicketPair.their_id == target,
            TicketPair.id != pair.id,
        )
    )
    if taken is not None:
        pair.reason = f"It names {target}, which is the pair of our #{taken}"[:500]
        return
    pair.their_id = pair.their_number = target
    if pair.state == PairState.CREATING:
        pair.state, pair.begun_at = PairState.PAIRED, None
