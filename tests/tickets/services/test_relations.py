"""Relations of tickets in the database: both ends, rights, log, and two writers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import find_ticket, hand_to_partner, move_ticket, open_ticket
from app.tickets.services.relations import (
    open_related_ticket,
    relate_tickets,
    relations_of,
    unrelate_tickets,
)
from app.tickets.services.timeline import timeline_of
from tests.cast import Cast, enter, writer
from tests.harness.databases import open_engine

PARENT, CHILD = RelationRole.PARENT, RelationRole.CHILD
DUPLICATE_OF, DUPLICATE = RelationRole.DUPLICATE_OF, RelationRole.DUPLICATE
RELATED = RelationRole.RELATED


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Actor, count: int) -> list[int]:
    with transaction(session):
        return [
            open_ticket(session, writer(by), NewTicket(title=f"t{position}")).number
            for position in range(count)
        ]


def relate(session: Session, by: Actor, number: int, role: RelationRole, other: int) -> None:
    with transaction(session):
        relate_tickets(session, writer(by), number, role, other)


def seen(session: Session, by: Actor, number: int) -> list[tuple[str, int]]:
    return [(item.role, item.number) for item in relations_of(session, by, number)]


def newest(session: Session, number: int) -> list[tuple[str, str | None, str | None]]:
    change = changes_of(session, TICKET, number)[-1]
    return [(item.field, item.old, item.new) for item in change.fields]


@pytest.mark.parametrize(
    ("role", "other_way"),
    [
        (PARENT, CHILD),
        (CHILD, PARENT),
        (DUPLICATE_OF, DUPLICATE),
        (DUPLICATE, DUPLICATE_OF),
        (RELATED, RELATED),
    ],
)
def test_a_relation_is_seen_and_logged_at_both_and_taken_off_both(
    session: Session, cast: Cast, role: RelationRole, other_way: RelationRole
) -> None:
    one, two = opened(session, cast.operator, 2)
    for _ in range(2):  # the second time is no change
        relate(session, cast.operator, one, role, two)
    assert seen(session, cast.reader, one) == [(role, two)]
    assert seen(session, cast.reader, two) == [(other_way, one)]
    assert newest(session, one) == [(role, None, "2")]
    assert newest(session, two) == [(other_way, None, "1")]
    times = {changes_of(session, TICKET, number)[-1].at for number in (one, two)}
    assert len(times) == 1  # one deed
    assert [find_ticket(session, cast.reader, number).version for number in (one, two)] == [2, 2]
    for _ in range(2):
        with transaction(session):
            unrelate_tickets(session, writer(cast.operator), two, other_way, one)
    assert seen(session, cast.reader, one) == seen(session, cast.reader, two) == []
    assert newest(session, one) == [(role, "2", None)]
    assert newest(session, two) == [(other_way, "1", None)]
    assert [find_ticket(session, cast.reader, number).version for number in (one, two)] == [3, 3]


def test_an_older_generation_cannot_become_the_youngest(session: Session, cast: Cast) -> None:
    numbers = opened(session, cast.operator, 12)
    for younger, older in pairwise(numbers):
        relate(session, cast.operator, younger, PARENT, older)
    for younger in numbers[:-1]:
        with pytest.raises(Invalid, match="circle"):
            relate(session, cast.operator, numbers[-1], PARENT, younger)
    assert newest(session, numbers[0]) == [(PARENT, None, "2")]


def test_final_tickets_can_be_related(session: Session, cast: Cast) -> None:
    one, two = opened(session, cast.operator, 2)
    with transaction(session):
        for number in (one, two):
            move_ticket(session, writer(cast.operator), number, "unsolved")
            move_ticket(session, writer(cast.operator), number, "closed")
    relate(session, cast.operator, one, DUPLICATE_OF, two)
    (related,) = relations_of(session, cast.reader, two)
    assert (related.number, related.state, related.is_open) == (one, "closed", False)


def test_writing_on_one_and_reading_the_other_is_needed(session: Session, cast: Cast) -> None:
    (own,) = opened(session, cast.nren_a, 1)
    (foreign,) = opened(session, cast.operator, 1)
    for number, other in ((own, foreign), (foreign, own), (own, 99)):
        with pytest.raises(NotFound) as refused:
            relate(session, cast.nren_a, number, RELATED, other)
        assert refused.value.message == NotFound().message
    with pytest.raises(Forbidden, match="reader"):
        relate(session, cast.reader, own, RELATED, foreign)
    with pytest.raises(Forbidden, match="Reporters may change only"):
        relate(session, cast.kit, own, RELATED, foreign)
    (kits,) = opened(session, cast.kit, 1)
    relate(session, cast.kit, kits, RELATED, foreign)  # reading the other is enough
    assert seen(session, cast.kit, foreign) == [(RELATED, kits)]


def test_a_partner_is_not_told_of_tickets_that_it_may_not_read(
    session: Session, cast: Cast
) -> None:
    (own,) = opened(session, cast.nren_a, 1)
    foreign, other = opened(session, cast.operator, 2)
    relate(session, cast.operator, own, PARENT, foreign)
    relate(session, cast.operator, own, RELATED, other)
    assert seen(session, cast.nren_a, own) == []
    assert len(timeline_of(session, cast.nren_a, own)) == 1
    assert len(timeline_of(session, cast.ggus, own)) == 3
    with transaction(session):
        hand_to_partner(session, writer(cast.operator), other, "NREN-A")
    assert seen(session, cast.nren_a, own) == [(RELATED, other)]
    steps = timeline_of(session, cast.nren_a, own)
    assert [[item.field for item in step.fields] for step in steps[1:]] == [["related"]]
    with pytest.raises(NotFound):
        relations_of(session, cast.nren_a, foreign)


def test_a_ticket_is_opened_with_its_relation_or_not_at_all(session: Session, cast: Cast) -> None:
    parent, master, duplicate = opened(session, cast.operator, 3)
    relate(session, cast.operator, duplicate, DUPLICATE_OF, master)
    by, new = writer(cast.operator), NewTicket(title="child")
    with transaction(session):
        number = open_related_ticket(session, by, new, PARENT, parent).number
    assert seen(session, cast.reader, number) == [(PARENT, parent)]
    with transaction(session):
        above = open_related_ticket(session, by, new, CHILD, parent).number
    assert seen(session, cast.reader, parent) == [(PARENT, above), (CHILD, number)]
    refused = ((CHILD, parent, Invalid), (DUPLICATE_OF, duplicate, Invalid), (PARENT, 99, NotFound))
    for role, other, kind in refused:
        with pytest.raises(kind), transaction(session):
            open_related_ticket(session, by, new, role, other)
    assert set(session.scalars(select(Ticket.number))) == {1, 2, 3, 4, 5}


@pytest.mark.timeout(120)
def test_writers_from_all_sides_neither_block_each_other_nor_close_a_circle(
    database: str, session: Session, cast: Cast
) -> None:
    """Each wants the next one as its parent, some through tickets that the others do not lock."""
    engine = open_engine(database)
    for _ in range(6):
        ring = opened(session, cast.operator, 6)
        for first in (0, 2, 4):  # 0 -> 1, 2 -> 3, 4 -> 5 stand
            relate(session, cast.operator, ring[first], PARENT, ring[first + 1])
        wishes = [(ring[1], ring[2]), (ring[3], ring[4]), (ring[5], ring[0])]
        wishes += [(other, number) for number, other in wishes]

        def wish(pair: tuple[int, int]) -> bool:
            with Session(engine) as own:
                try:
                    relate(own, cast.operator, pair[0], PARENT, pair[1])
                except Invalid:
                    return False
                return True

        with ThreadPoolExecutor(len(wishes)) as pool:
            granted = list(pool.map(wish, wishes))
        assert any(granted)
        session.rollback()
        bonds = session.scalars(
            select(TicketRelation).where(TicketRelation.ticket_number.in_(ring))
        ).all()
        parents = {bond.ticket_number: bond.other_number for bond in bonds}
        assert len(parents) == len(bonds)
        for number in ring:
            steps = 0
            while number in parents:
                number, steps = parents[number], steps + 1
                assert steps < len(ring), "a circle of parents"
    engine.dispose()
