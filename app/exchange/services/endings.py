"""Ends the exchange of one ticket, or a connection with all of its tickets, with a reason.

Nothing is deleted: pairs and entries stay as they are, and waiting entries are skipped with the
reason. The exchange of one ticket can be resumed; a connection stays ended, and a new one replaces
it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.rules.access import SYSTEM, Door, Writer, require_admin, require_operator
from app.core.rules.language import _
from app.core.rules.texts import checked_reason
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.entries import EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.services.connections.connections import CONNECTION, MANAGE, record, require_live
from app.exchange.services.connections.secrets import HINT, LOGIN, end_secret, live_secrets
from app.exchange.services.deliveries import as_rule, locked_pair, store
from app.exchange.services.hints import read_soon
from app.exchange.services.planning import (
    AT_ONCE,
    enqueue_pair,
    hold_planning,
    is_read,
    plan_missed,
    planned_up_to,
)
from app.exchange.services.trouble import PAIR
from app.jobs.services.queue import enqueue

END_PAIRS: Final = "end the exchanges of a connection"
_END: Final = _("end the exchange of a ticket")
_OPEN: Final = (EntryState.WAITING, EntryState.ASKED)


def end_exchange(session: Session, by: Writer, pair_id: int, reason: str) -> None:
    """End the exchange of a ticket with one partner: entries that wait, or need a choice, are
    skipped with the reason, and later texts on either side are not exchanged."""
    require_operator(by.actor, _END)
    why = checked_reason(reason, _("Enter a reason for ending it"))
    pair = locked_pair(session, pair_id)
    if pair.state != PairState.ENDED:
        _end_pair(session, by, pair, why)


def exchange_again(session: Session, by: Writer, pair_id: int) -> None:
    """Resume the exchange of a ticket: as if everything that was skipped at the end, and everything
    that was written since, had only waited."""
    require_operator(by.actor, _("share a ticket with a partner"))
    pair = locked_pair(session, pair_id)
    if pair.state != PairState.ENDED:
        return
    require_live(pair.connection)
    session.execute(
        update(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.SKIPPED,
            ExchangeEntry.done_at == pair.ended_at,
        )
        .values(state=EntryState.WAITING, reason="", done_at=None)
    )
    store(pair, rules.resume(as_rule(pair)))
    pair.ended_at, pair.ended_by = None, ""
    session.flush()
    plan_missed(session, pair, by.now)
    store(pair, rules.resume(as_rule(pair)))
    _note(session, by, pair, FieldChange("state", PairState.ENDED, pair.state))
    if pair.their_id and is_read(pair.connection):  # their changes are before the cursor by now
        read_soon(session, pair.connection_id, pair.their_id)
    enqueue_pair(session, pair)


def end_connection(session: Session, by: Writer, connection: Connection, reason: str) -> None:
    """End a connection permanently: nothing is planned or called any more, its secrets are revoked,
    and the worker ends the exchange of each of its tickets with the same reason."""
    require_admin(by.actor, MANAGE)
    why = checked_reason(reason, _("Enter a reason for ending it"))
    if connection.ended_at is not None:
        return
    # planning is finished, and sees the end from now on: no pair starts after it
    hold_planning(session)
    for use in (LOGIN, HINT):
        for one in live_secrets(session, connection, use):
            end_secret(session, by, connection, one.id)
    connection.ended_at, connection.ended_by = by.now, by.shown_author[:255]
    connection.stopped_at = connection.stopped_at or by.now
    connection.resting_until, connection.reason = None, why
    record(session, by, connection, {"ended": (None, why)})
    log_on_commit(session, by, "connection ended", CONNECTION, connection.partner.code)
    key = f"{END_PAIRS} {connection.id}"
    enqueue(session, END_PAIRS, {"connection": connection.id}, key=key)


def end_some_pairs(session: Session, connection_id: int, now: datetime) -> bool:
    """End some exchanges of an ended connection, in the name of the person who ended it; return
    whether there may be more."""
    connection = session.get_one(Connection, connection_id)
    by = Writer(SYSTEM, Door.SYSTEM, now, author=connection.ended_by)
    hold_planning(session)
    ids = session.scalars(  # all are locked before the first change is written
        select(TicketPair.id)
        .where(TicketPair.connection_id == connection_id, TicketPair.state != PairState.ENDED)
        .order_by(TicketPair.id)
        .limit(AT_ONCE)
        .with_for_update(of=TicketPair)
    ).all()
    for pair_id in ids:
        _end_pair(session, by, locked_pair(session, pair_id), connection.reason)
    return len(ids) == AT_ONCE


def _end_pair(session: Session, by: Writer, pair: TicketPair, why: str) -> None:
    before = pair.state
    session.execute(
        update(ExchangeEntry)
        .where(ExchangeEntry.pair_id == pair.id, ExchangeEntry.state.in_(_OPEN))
        .values(state=EntryState.SKIPPED, reason=why, done_at=by.now)
    )
    store(pair, rules.end(as_rule(pair), why))
    pair.ended_at, pair.ended_by = by.now, by.shown_author[:255]
    pair.ended_after = planned_up_to(session)
    _note(
        session,
        by,
        pair,
        FieldChange("state", before, PairState.ENDED),
        FieldChange("reason", None, why),
    )


def _note(session: Session, by: Writer, pair: TicketPair, *fields: FieldChange) -> None:
    session.flush()
    record_change(session, by, kind=PAIR, thing_id=pair.id, fields=list(fields))
