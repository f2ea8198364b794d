"""What waits for partners and what failed. Only reads; for people's actions see ``decisions``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.services.overview import in_trouble
from app.exchange.services.standing import Compared, compared

PAIR = "ticket pair"
"""The kind of a pair in the change log."""
_AT_ONCE: Final = 500
"""Pairs that are compared with one set of statements."""


@dataclass(frozen=True)
class PairNow:
    """A pair as people see it."""

    id: int
    ticket: int
    partner: str
    kind: str
    their_id: str
    their_number: str
    their_url: str
    state: str
    waiting: int
    asked: int
    ours: int
    theirs: int
    attempts: int
    due: datetime | None
    reason: str
    paused: bool
    """Its connection is paused; a person resumes it."""
    stopped: bool
    """The portal stopped its connection; a person resumes it."""
    left: bool
    """A person accepted the difference, and nothing else was found to differ."""
    compared: Compared


def pairs_now(
    session: Session,
    now: datetime,
    *,
    failed_alone: bool = False,
    ticket: int | None = None,
    connection_id: int | None = None,
    different_alone: bool = False,
    limit: int | None = None,
) -> Sequence[PairNow]:
    """Pairs with their waiting entries, newest ticket first (one statement, and those of
    ``compared``); ``different_alone``: those that a comparison found to differ, also if that was
    accepted."""
    counts = {
        "waiting": func.count().filter(ExchangeEntry.state == EntryState.WAITING),
        "asked": func.count().filter(ExchangeEntry.state == EntryState.ASKED),
        "ours": func.count().filter(ExchangeEntry.origin == Origin.OURS),
        "theirs": func.count().filter(ExchangeEntry.origin == Origin.THEIRS),
    }
    chosen = (
        select(
            TicketPair.id,
            Partner.code.label("partner"),
            Connection.kind.label("kind"),
            Connection.paused_at.is_not(None).label("paused"),
            Connection.stopped_at.is_not(None).label("stopped"),
        )
        .join(Connection, Connection.id == TicketPair.connection_id)
        .join(Partner, Partner.id == Connection.partner_id)
        .order_by(TicketPair.ticket_number.desc(), TicketPair.id)
    )
    if failed_alone:
        chosen = chosen.where(in_trouble())
    if different_alone:
        differs = or_(TicketPair.differs_at.is_not(None), TicketPair.left_differing != "")
        chosen = chosen.where(differs, TicketPair.state != PairState.ENDED)
    if ticket is not None:
        chosen = chosen.where(TicketPair.ticket_number == ticket)
    if connection_id is not None:
        chosen = chosen.where(TicketPair.connection_id == connection_id)
    pairs = chosen.limit(limit).subquery()
    of_pair = (
        select(ExchangeEntry.pair_id, *(count.label(name) for name, count in counts.items()))
        .where(ExchangeEntry.pair_id.in_(select(pairs.c.id)))
        .group_by(ExchangeEntry.pair_id)
        .subquery()
    )
    rows = session.execute(
        select(
            TicketPair.id,
            TicketPair.ticket_number.label("ticket"),
            pairs.c.partner,
            pairs.c.kind,
            func.coalesce(TicketPair.their_id, "").label("their_id"),
            TicketPair.their_number,
            TicketPair.their_url,
            TicketPair.state,
            *(func.coalesce(of_pair.c[name], 0).label(name) for name in counts),
            TicketPair.attempts,
            TicketPair.due_at.label("due"),
            TicketPair.reason,
            pairs.c.paused,
            pairs.c.stopped,
            and_(TicketPair.left_differing != "", TicketPair.differs_at.is_(None)).label("left"),
        )
        .join(pairs, pairs.c.id == TicketPair.id)
        .outerjoin(of_pair, of_pair.c.pair_id == TicketPair.id)
        .order_by(TicketPair.ticket_number.desc(), TicketPair.id)
    )
    records = rows.mappings().all()
    standings: dict[int, Compared] = {}
    for begin in range(0, len(records), _AT_ONCE):
        ids = [row["id"] for row in records[begin : begin + _AT_ONCE]]
        found = session.scalars(select(TicketPair).where(TicketPair.id.in_(ids))).all()
        standings.update(compared(session, found, now))
    return [PairNow(**row, compared=standings[row["id"]]) for row in records]


def find_pair(session: Session, ticket: int, partner: str, kind: str = "") -> TicketPair:
    """The pair of a ticket with a partner. Raises ``NotFound``."""
    found = (
        select(TicketPair)
        .join(Connection, Connection.id == TicketPair.connection_id)
        .join(Partner, Partner.id == Connection.partner_id)
        .where(TicketPair.ticket_number == ticket, Partner.code == partner)
        .order_by(Connection.ended_at.is_not(None), TicketPair.id)
    )
    if kind:
        found = found.where(Connection.kind == kind)
    pair = session.scalars(found).first()
    if pair is None:
        raise NotFound(_("This ticket is not exchanged with that partner"))
    return pair
