"""Kept facts: whatever is kept when, a page sees what the rows say now."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.statistics.models.statistics import FactBlock
from app.statistics.services import blocks
from app.statistics.services.tickets import TICKET_FACTS, read_ticket_facts
from app.tickets.figures.facts import TicketFacts
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, move_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tickets are many blocks, and some changes many steps."""
    monkeypatch.setattr(blocks, "SIZE", 4)
    monkeypatch.setattr(blocks, "AT_ONCE", 3)
    monkeypatch.setattr(blocks, "MAX_BLOCKS", 2)


def opened(session: Session, cast: Cast, count: int, **more: object) -> list[int]:
    with transaction(session):
        return [
            open_ticket(
                session,
                writer(cast.operator, NOON + timedelta(minutes=at)),
                NewTicket(title=f"Ticket {at}", description="d", **more),  # type: ignore[arg-type]
            ).number
            for at in range(count)
        ]


def kept(session: Session) -> int:
    """How many steps it took to keep everything."""
    steps = 0
    while True:
        draft = blocks.draft_blocks(session, TICKET_FACTS)
        session.rollback()
        if draft is None:
            return steps
        with transaction(session):
            assert blocks.keep_blocks(session, TICKET_FACTS, draft, NOON)
        steps += 1


def seen(session: Session) -> TicketFacts:
    current = blocks.current_facts(session, TICKET_FACTS)
    assert not current.behind
    assert not current.missing
    session.rollback()
    return current.facts


def assert_true(session: Session) -> None:
    facts, rows = seen(session), read_ticket_facts(session, range(1, 1000))
    session.rollback()
    for name in ("tickets", "links", "sites"):
        np.testing.assert_array_equal(getattr(facts, name).rows(), getattr(rows, name).rows())
    assert sorted(facts.names) == sorted(rows.names)


def test_nothing_is_nothing(session: Session, cast: Cast) -> None:
    assert len(seen(session)) == 0
    kept(session)
    assert len(seen(session)) == 0


def test_what_is_not_kept_yet_is_read_from_the_rows(session: Session, cast: Cast) -> None:
    opened(session, cast, 3, links=("CERN-PIC-LHCOPN-001",), sites=("DE-KIT", "Nowhere"))
    assert_true(session)
    assert session.scalar(select(func.count()).select_from(FactBlock)) == 0
    assert seen(session).names == ((1, "Nowhere"), (2, "Nowhere"), (3, "Nowhere"))


def test_all_blocks_are_filled_and_then_followed(session: Session, cast: Cast) -> None:
    numbers = opened(session, cast, 10)
    kept(session)
    assert session.scalar(select(func.count()).select_from(FactBlock)) == 3
    assert_true(session)
    with transaction(session):
        for at, number in enumerate(numbers):
            by = writer(cast.operator, NOON + timedelta(hours=at + 1))
            move_ticket(session, by, number, "in progress")
    assert_true(session)
    opened(session, cast, 5)
    assert_true(session)
    kept(session)
    assert_true(session)
    assert kept(session) == 0


def test_a_block_is_written_for_its_own_changes_only(session: Session, cast: Cast) -> None:
    """A change behind what another step read of the same block is not taken for kept."""
    numbers = opened(session, cast, 3)
    kept(session)
    with transaction(session):
        for time, number in enumerate((*numbers, *numbers, *numbers)):
            by = writer(cast.operator, NOON + timedelta(hours=number))
            # the same words again would be a repeat, and no change
            change_ticket(session, by, number, {"public_comment": f"Seen {time}."})
        change_ticket(session, by, numbers[0], {"links": ("CERN-PIC-LHCOPN-001",)})
    assert kept(session) == 4  # ten changes, three at once
    assert_true(session)


def test_what_two_draft_is_kept_once(session: Session, cast: Cast) -> None:
    opened(session, cast, 2)
    first = blocks.draft_blocks(session, TICKET_FACTS)
    second = blocks.draft_blocks(session, TICKET_FACTS)
    session.rollback()
    assert first is not None
    assert second is not None
    with transaction(session):
        assert blocks.keep_blocks(session, TICKET_FACTS, first, NOON)
        assert not blocks.keep_blocks(session, TICKET_FACTS, second, NOON)


def test_a_page_says_how_far_it_goes_where_much_is_pending(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = opened(session, cast, 3)
    kept(session)
    monkeypatch.setattr(blocks, "MAX_PENDING", 2)
    with transaction(session):
        for number in numbers:
            move_ticket(session, writer(cast.operator, NOON + timedelta(days=1)), number, "on hold")
    current = blocks.current_facts(session, TICKET_FACTS)
    assert current.behind == 3
    assert current.as_of is not None
    kept(session)
    assert_true(session)


def test_nothing_is_behind_what_is_read_from_the_rows(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many changes are not looked through: before anything is kept all rows are read."""
    monkeypatch.setattr(blocks, "MAX_PENDING", 2)
    opened(session, cast, 3)
    assert_true(session)


def test_a_page_says_how_much_was_never_read(session: Session, cast: Cast) -> None:
    opened(session, cast, 5)
    assert blocks.current_facts(session, TICKET_FACTS).missing == 5
    kept(session)
    assert_true(session)
