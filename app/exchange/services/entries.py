"""Entries of a pair, in the order of their origin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin


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
) -> ExchangeEntry:
    """Add the next entry of an origin to a pair whose row the caller has locked or just created."""
    last = select(func.max(ExchangeEntry.sequence)).where(
        ExchangeEntry.pair_id == pair.id, ExchangeEntry.origin == origin
    )
    entry = ExchangeEntry(
        pair_id=pair.id,
        origin=origin,
        sequence=(session.scalar(last) or 0) + 1,
        kind=kind,
        author=author,
        content=json.dumps(content, ensure_ascii=False),
        state=state,
        reason=reason,
        change_id=change_id,
        position=position,
        their_key=their_key,
        at=at,
    )
    session.add(entry)
    session.flush()
    return entry
