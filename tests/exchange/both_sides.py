"""What our ticket and a partner's hold, looked at from outside, and what people are told of it.

Each value of a pair has to be equal, or asked, or said: equal by a row of the map; else a person is
asked about theirs; else the panel names just these two. It knows nothing of ``settle``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.profiles import Profile, ValueRow
from app.exchange.rules.standing import Unread
from app.exchange.services.standing import Compared, compared
from app.tickets.models.tickets import Ticket

EQUAL, ASKED, SAID = "equal", "asked", "said"
GOOD = (EQUAL, ASKED, SAID)
NOT_COMPARED = "different, not compared"
"""Over a connection that does not read, where the panel says just that: good only where the other
side asks or names the difference."""


@dataclass(frozen=True)
class Value:
    """A value of a pair. ``outcome``: one of ``GOOD``, or what is wrong, in words."""

    name: str
    ours: str
    theirs: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.name}: ours {self.ours}, theirs {self.theirs}: {self.outcome}"


def values_of(
    session: Session, pair: TicketPair, profile: Profile, theirs: Mapping[str, str], now: datetime
) -> Iterator[Value]:
    """What became of each mapped value of a pair; ``theirs``: what their ticket has in truth."""
    ticket, told = session.get_one(Ticket, pair.ticket_number), compared(session, [pair], now)
    for name, rows in profile.maps.items():
        if rows:
            ours = str(getattr(ticket, name))
            outcome = _outcome(session, pair, rows, name, ours, theirs[name], told[pair.id])
            yield Value(name, ours, theirs[name], outcome)


def is_equal(rows: tuple[ValueRow, ...], ours: str, theirs: str) -> bool:
    """Whether a row of the map says that two values are the same, whichever way it is read."""
    return any((row.ours, row.theirs.casefold()) == (ours, theirs.casefold()) for row in rows)


def _outcome(
    session: Session,
    pair: TicketPair,
    rows: tuple[ValueRow, ...],
    name: str,
    ours: str,
    theirs: str,
    told: Compared,
) -> str:
    named = [(one.ours, one.theirs) for one in told.differing if one.name == name]
    if is_equal(rows, ours, theirs):
        return f"equal, and named as {named}" if named else EQUAL
    if told.in_step:
        return "different and in step"
    asked = session.scalars(
        select(ExchangeEntry.content).where(
            ExchangeEntry.pair_id == pair.id, ExchangeEntry.state == "asked"
        )
    )
    values = [content[name] for content in map(json.loads, asked) if name in content]
    if told.why is Unread.ONE_WAY:  # which of two values they hold is not known
        return ASKED if values else SAID if name in told.not_set else NOT_COMPARED
    if values:
        is_theirs = is_equal(rows, values[0], theirs)
        return ASKED if is_theirs else f"asked about {values[0]}"
    return SAID if named == [(ours, theirs)] else f"not said, but {told.standing}: {named}"
