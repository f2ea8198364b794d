"""The ledger: what was removed, altered or doubled is named, and where."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden
from app.exchange.models.pairs import Entry
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.services.ledgers import (
    Comparison,
    FirstDifference,
    compare,
    keep_comparison,
    last_comparison,
)
from tests.cast import NOON, Cast
from tests.exchange.seeded import SeededPair, seed_pair
from tests.harness.visits import Open

NIGHT = NOON + timedelta(hours=12)


@pytest.fixture
def pair(session: Session, cast: Cast, opened: Open) -> SeededPair:
    """Six entries: the ticket, four comments of ours, and one of theirs."""
    number = opened(title="Loss")
    with transaction(session):
        found = seed_pair(session, "NREN-A", number).known()
        for key in range(4):
            content, done = {"text": f"Comment {key}"}, EntryState.SENT
            sent = found.entry(Origin.OURS, EntryKind.COMMENT, content, done, their_key=f"b{key}")
            sent.done_at = NOON
        content = {"text": "Seen"}
        found.entry(Origin.THEIRS, EntryKind.COMMENT, content, EntryState.APPLIED, their_key="c")
        found.pair.read_at = NIGHT
        return found


def ours(sequence: int) -> ColumnElement[bool]:
    return (Entry.origin == Origin.OURS) & (Entry.sequence == sequence)


def compared(session: Session, actor: Actor, pair: SeededPair) -> Comparison:
    """Compare, and keep what was found, as the page does."""
    found = compare(session, actor, pair.pair.connection)
    keep_comparison(pair.pair.connection, found, NIGHT)
    return found


def test_a_whole_ledger_differs_nowhere(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        found = compared(session, cast.operator, pair)
    assert (found.entries, found.lost, found.doubled, found.altered) == (6, 0, 0, 0)
    assert found.is_whole
    assert last_comparison(pair.pair.connection) == found
    assert pair.pair.connection.compared_at == NIGHT


def test_an_entry_that_was_removed_is_named(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        session.execute(delete(Entry).where(ours(3)))
        found = compared(session, cast.operator, pair)
    number = pair.pair.ticket_number
    assert (found.entries, found.lost, found.doubled) == (5, 1, 0)
    assert found.first == FirstDifference(number, Origin.OURS, 3, "missing")


def test_the_last_entry_that_was_removed_is_missed(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    """No link of the chain tells; the count of the last comparison does."""
    with transaction(session):
        compared(session, cast.operator, pair)
    with transaction(session):
        session.execute(delete(Entry).where(ours(5)))
        compared(session, cast.operator, pair)
    with transaction(session):  # and is missed each time, not only the first one
        found = compared(session, cast.operator, pair)
    assert (found.entries, found.lost) == (5, 1)
    assert not found.is_whole


def test_an_entry_that_was_altered_is_named(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        session.execute(update(Entry).where(ours(2)).values(hash="0" * 64))
        found = compared(session, cast.operator, pair)
    number = pair.pair.ticket_number
    assert (found.entries, found.lost, found.altered) == (6, 0, 1)
    assert found.first == FirstDifference(number, Origin.OURS, 2, "altered")


def test_a_text_that_was_altered_is_named(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        session.execute(update(Entry).where(ours(4)).values(content='{"text": "Comment X"}'))
        found = compared(session, cast.operator, pair)
    number = pair.pair.ticket_number
    assert found.first == FirstDifference(number, Origin.OURS, 4, "altered")


def test_an_entry_that_was_doubled_is_named(session: Session, cast: Cast, pair: SeededPair) -> None:
    """As the next one of its chain, which the database lets be: it is linked by what was before the
    first of the two."""
    with transaction(session):
        found = session.scalars(select(Entry).where(ours(5))).one()
        columns = Entry.__table__.columns.keys()
        values = {name: getattr(found, name) for name in columns if name != "id"}
        session.add(Entry(**{**values, "sequence": 6, "their_key": None, "change_id": None}))
        session.flush()
        result = compared(session, cast.operator, pair)
    number = pair.pair.ticket_number
    assert (result.doubled, result.altered) == (1, 0)
    assert result.first == FirstDifference(number, Origin.OURS, 6, "doubled")


def test_what_a_later_read_did_not_find_is_lost(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    with transaction(session):
        session.execute(update(Entry).where(ours(3)).values(their_key=None))
        found = compared(session, cast.operator, pair)
    number = pair.pair.ticket_number
    assert found.lost == 1
    assert found.first == FirstDifference(number, Origin.OURS, 3, "not in their ticket")


def test_what_was_sent_while_they_were_read_is_not(
    session: Session, cast: Cast, pair: SeededPair
) -> None:
    with transaction(session):
        soon = NIGHT - timedelta(minutes=9)
        session.execute(update(Entry).where(ours(3)).values(their_key=None, done_at=soon))
        found = compared(session, cast.operator, pair)
    assert found.is_whole


def test_copies_of_our_texts_are_counted(session: Session, cast: Cast, pair: SeededPair) -> None:
    with transaction(session):
        pair.pair.copies = '["x1", "x2"]'
        found = compared(session, cast.operator, pair)
    assert (found.copies, found.doubled, found.is_whole) == (2, 0, True)


def test_only_operators_compare(session: Session, cast: Cast, pair: SeededPair) -> None:
    for actor in (cast.kit, cast.reader, cast.ggus):
        with pytest.raises(Forbidden), transaction(session):
            compared(session, actor, pair)
