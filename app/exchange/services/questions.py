"""Conflicts for which a person has to choose one of two values of a field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.services.entries import add_entry

_ENDED: Final = "The values have changed"


def ask(session: Session, pair: TicketPair, name: str, theirs: str, now: datetime) -> None:
    """Leave both values, and let a person choose. Requested once for each value of theirs."""
    if any(
        json.loads(one.content) == {name: theirs} for one in _open_questions(session, pair, name)
    ):
        return
    end_questions(session, pair, name, now)
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.FIELDS,
        {name: theirs},
        author=pair.connection.partner.code,
        at=now,
        state=EntryState.ASKED,
    )


def end_questions(
    session: Session,
    pair: TicketPair,
    name: str,
    now: datetime,
    reason: str = _ENDED,
    *,
    before: datetime | None = None,
) -> None:
    """End a question: both sides agree, the partner has another value by now, or a person chose.
    ``before``: only questions from before then."""
    for entry in _open_questions(session, pair, name):
        if before is not None and entry.at >= before:
            continue
        entry.state, entry.reason, entry.done_at = EntryState.SKIPPED, reason[:500], now


def _open_questions(session: Session, pair: TicketPair, name: str) -> Sequence[ExchangeEntry]:
    entries = session.scalars(
        select(ExchangeEntry).where(
            ExchangeEntry.pair_id == pair.id, ExchangeEntry.state == EntryState.ASKED
        )
    )
    return [entry for entry in entries if name in json.loads(entry.content)]
