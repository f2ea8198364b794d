"""Calls to partners as recorded for people, and answers that could not be stored."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.exchange.models.connections import ExchangeCall, ExchangeHint
from app.exchange.services.reading import pair_of_their_id


def note_unreadable(
    session: Session, connection_id: int, their_id: str, reason: str, now: datetime
) -> None:
    """Record on the pair and among the calls that their ticket contained something that cannot be
    stored here."""
    pair = pair_of_their_id(session, connection_id, their_id)
    if pair is not None:
        pair.reason, pair.unread_since = reason[:500], pair.unread_since or now
    session.add(
        ExchangeCall(
            connection_id=connection_id,
            pair_id=pair.id if pair is not None else None,
            at=now,
            what=f"take in {their_id}"[:255],
            milliseconds=0,
            failure=reason[:500],
        )
    )


def forget_exchange_calls(session: Session, before: datetime, count: int) -> int:
    """Delete at most ``count`` calls and as many keys of hints from before then; return how
    many."""
    gone = 0
    for row in (ExchangeCall, ExchangeHint):
        old = select(row.id).where(row.at < before).limit(count)
        gone += len(session.scalars(delete(row).where(row.id.in_(old)).returning(row.id)).all())
    return gone
