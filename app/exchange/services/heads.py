"""The heads of a pair's chains: two portals with the same heads have the same content.

The exchanged texts are compared (a ticket's first text, comments, files by their names), in their
order. Values are not: each side has its own map for a partner's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState, digest_of_entry
from app.exchange.rules.facts import STORED, with_facts
from app.exchange.rules.ledger import Origin, head_of, name_of_chain
from app.exchange.rules.reading import PartDifference
from app.exchange.rules.standing import Standing
from app.exchange.services.standing import Compared, compared
from app.tickets.models.tickets import Ticket

_COMPARED: Final = (EntryKind.TICKET, EntryKind.COMMENT, EntryKind.ATTACHMENT)
_NOT_THERE: Final = (EntryState.WAITING, EntryState.SKIPPED)


@dataclass(frozen=True)
class Head:
    """One origin of a pair: the number of texts, and the hash of the newest, which includes all
    earlier ones."""

    entries: int
    head: str
    digests: Sequence[str]
    """The digest of each text, oldest first: if two heads differ, the first different digest shows
    where."""


@dataclass(frozen=True)
class PairHeads:
    """A pair with its two heads, named by who opened the ticket and who answers."""

    partner: str
    kind: str
    state: str
    their_id: str
    their_number: str
    standing: str
    standing_why: str
    differs: Sequence[Mapping[str, str]]
    parts: Sequence[PartDifference]
    not_set: Sequence[str]
    opener: Head
    answerer: Head


def heads_of(session: Session, number: int, now: datetime) -> Sequence[PairHeads] | None:
    """Every pair of a ticket, as of ``now``; None = there is no such ticket."""
    if session.get(Ticket, number) is None:
        return None
    pairs = session.scalars(
        select(TicketPair).where(TicketPair.ticket_number == number).order_by(TicketPair.id)
    ).all()
    standings = compared(session, pairs, now)
    return [_heads(session, pair, standings[pair.id]) for pair in pairs]


def _heads(session: Session, pair: TicketPair, found: Compared) -> PairHeads:
    entries = session.scalars(
        select(ExchangeEntry)
        .where(ExchangeEntry.pair_id == pair.id, ExchangeEntry.kind.in_(_COMPARED))
        .order_by(ExchangeEntry.origin, ExchangeEntry.sequence)
    ).all()
    heads = {}
    for origin in Origin:
        name = name_of_chain(origin, began_here=pair.began_here)
        of_origin = (one for one in entries if one.origin == origin)
        heads[name] = _head(name, [one for one in of_origin if one.state not in _NOT_THERE])
    return PairHeads(
        partner=pair.connection.partner.code,
        kind=pair.connection.kind,
        state=pair.state,
        their_id=pair.their_id or "",
        their_number=pair.their_number,
        standing=found.standing,
        standing_why=found.why or "" if found.standing == Standing.NOT_COMPARED else "",
        differs=[
            {"field": one.name, "ours": one.ours, "theirs": one.theirs} for one in found.differing
        ],
        parts=found.parts,
        not_set=found.not_set,
        **heads,
    )


def _head(name: str, entries: Sequence[ExchangeEntry]) -> Head:
    digests = [_digest(entry.kind, json.loads(entry.content)) for entry in entries]
    return Head(len(digests), head_of(name, digests), digests)


def _digest(kind: str, content: Mapping[str, Any]) -> str:
    if kind == EntryKind.TICKET:
        text = with_facts(
            content.get("description", content.get("text", "")), content.get(STORED, "")
        )
        return digest_of_entry(kind, text, {"title": content.get("title", "")})
    if kind == EntryKind.ATTACHMENT:
        return digest_of_entry(kind, str(content["file"]).partition(" ")[2])
    return digest_of_entry(kind, content.get("text", ""))
