"""Whether the ledger of a connection holds all that crossed it: no entry lost, altered or doubled.

Every chain of every pair is followed from its first entry on; and each text of ours that was sent
has to be among the texts that a later read of their ticket brought.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, require_operator
from app.core.rules.language import _
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import Entry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState, digest_of_entry
from app.exchange.rules.facts import STORED
from app.exchange.rules.ledger import Linked, Origin, first_broken, name_of_chain
from app.exchange.rules.profiles import Kind

JOB: Final = "compare a ledger"
SEEN_WITHIN: Final = timedelta(minutes=10)
"""How long a read may have been under way that does not show what was sent meanwhile."""
_AT_ONCE: Final = 5000
_NOT_THERE: Final = "not in their ticket"
_WITH_TEXT: Final = frozenset({EntryKind.TICKET, EntryKind.COMMENT, EntryKind.INTERNAL})
_READ_WHOLE: Final = frozenset(Kind) - {Kind.MAIL}
"""Kinds whose tickets are read with all their texts."""


@dataclass(frozen=True)
class FirstDifference:
    """The first entry that differs: of our ticket, by whom it was written first, and how."""

    ticket: int
    origin: str
    sequence: int
    why: str


@dataclass(frozen=True)
class Comparison:
    """What a comparison found. ``known``: entries that there are, or were at an earlier one;
    ``copies``: texts of ours that are in their tickets more than once."""

    entries: int
    known: int
    lost: int
    doubled: int
    altered: int
    copies: int
    first: FirstDifference | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing differs."""
        return not (self.lost or self.doubled or self.altered)


def last_comparison(connection: Connection) -> Comparison | None:
    """What the last comparison found."""
    if not connection.comparison:
        return None
    told = json.loads(connection.comparison)
    first = told.pop("first")
    return Comparison(**told, first=FirstDifference(**first) if first else None)


def compare(session: Session, by: Actor, connection: Connection) -> Comparison:
    """Follow every chain of a connection. Writes nothing (``keep_comparison``): at 100,000 entries
    it takes about two seconds. Four statements."""
    require_operator(by, _("compare what was exchanged"))
    before = last_comparison(connection)
    return _check_chains(session, connection, before.known if before is not None else 0)


def keep_comparison(connection: Connection, found: Comparison, now: datetime) -> None:
    """Keep what a comparison found until the next one."""
    connection.comparison = json.dumps(asdict(found))
    connection.compared_at = now


def _check_chains(session: Session, connection: Connection, known: int) -> Comparison:
    """``known``: entries that there were; the end of a chain that is gone leaves no gap."""
    entries = gaps = doubled = altered = 0
    first: FirstDifference | None = None
    for number, origin, chain in _chains(session, connection.id):
        entries += len(chain)
        gaps += chain[-1].sequence - len(chain)
        if (broken := first_broken(chain)) is not None:
            doubled += broken.why == "doubled"
            altered += broken.why == "altered"
            first = first or FirstDifference(number, origin, broken.sequence, broken.why)
    texts = list(_altered_texts(session, connection.id))
    not_there = _not_there(session, connection)
    copies = session.scalars(
        select(TicketPair.copies).where(
            TicketPair.connection_id == connection.id, TicketPair.copies != "[]"
        )
    )
    known = max(known, entries + gaps)
    return Comparison(
        entries=entries,
        known=known,
        lost=known - entries + len(not_there),
        doubled=doubled,
        altered=altered + len(texts),
        copies=sum(len(json.loads(one)) for one in copies),
        first=first or next(iter([*texts, *not_there]), None),
    )


def _chains(session: Session, connection_id: int) -> Iterator[tuple[int, str, Sequence[Linked]]]:
    """Our ticket's number, the origin and the entries of each chain."""
    columns = (Entry.digest, Entry.before, Entry.hash)
    for (number, origin), group in groupby(
        _rows(session, connection_id, columns), itemgetter(0, 1)
    ):
        listed = list(group)
        name = name_of_chain(Origin(origin), began_here=listed[0][2])
        yield number, origin, [Linked(name, *row[3:]) for row in listed]


def _altered_texts(session: Session, connection_id: int) -> Iterator[FirstDifference]:
    """Entries that hold something else than what their digest was made of."""
    columns = (Entry.digest, Entry.kind, Entry.content)
    for number, origin, _began, sequence, digest, kind, content in _rows(
        session, connection_id, columns
    ):
        values = json.loads(content)
        values.pop(STORED, None)  # added when it was sent
        if digest_of_entry(kind, values.pop("text", ""), values) != digest:
            yield FirstDifference(number, origin, sequence, "altered")


def _rows(session: Session, connection_id: int, columns: Sequence[Any]) -> Iterable[Any]:
    """Of each entry our ticket's number, origin, whether it began here, sequence and ``columns``,
    chain by chain."""
    return session.execute(
        select(
            TicketPair.ticket_number,
            Entry.origin,
            TicketPair.began_here,
            Entry.sequence,
            *columns,
        )
        .join(TicketPair, TicketPair.id == Entry.pair_id)
        .where(TicketPair.connection_id == connection_id)
        .order_by(Entry.pair_id, Entry.origin, Entry.sequence)
        .execution_options(yield_per=_AT_ONCE)
    )


def _not_there(session: Session, connection: Connection) -> Sequence[FirstDifference]:
    """Texts of ours that were sent, and that a later read of their ticket did not bring."""
    if connection.kind not in _READ_WHOLE:
        return ()
    rows = session.execute(
        select(
            TicketPair.ticket_number,
            Entry.sequence,
            func.coalesce(Entry.done_at, Entry.at, type_=Entry.at.type),
            TicketPair.read_at,
        )
        .join(TicketPair, TicketPair.id == Entry.pair_id)
        .where(
            TicketPair.connection_id == connection.id,
            TicketPair.read_at.is_not(None),
            Entry.origin == Origin.OURS,
            Entry.state == EntryState.SENT,
            Entry.their_key.is_(None),
            Entry.kind.in_(_WITH_TEXT),
        )
        .order_by(Entry.pair_id, Entry.sequence)
    )
    return [
        FirstDifference(number, Origin.OURS, sequence, _NOT_THERE)
        for number, sequence, sent, read in rows
        if read is not None and sent + SEEN_WITHIN < read
    ]
