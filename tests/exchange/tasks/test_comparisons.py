"""The nightly comparison of a connection with what its partner holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.demo.partner_system import PORTAL, Misbehaviour
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair, UnpairedTicket
from app.exchange.rules.pairs import PairState
from app.exchange.services.comparisons import (
    JOB,
    Comparison,
    ask_comparison,
    leave_different,
    newest_comparison,
)
from app.exchange.services.endings import end_exchange
from app.exchange.services.overview import count_troubles
from app.exchange.services.trouble import pairs_now
from app.exchange.services.unpaired import leave_unpaired, unpaired_tickets
from app.exchange.tasks.partner_reading import PartnerReader
from app.jobs.services.queue import queued_jobs
from app.tickets.services.lifecycle import comment_ticket
from tests.exchange.exchange_world import World


@pytest.fixture
def world(session: Session) -> World:
    return World(session.get_bind().engine)


def compare(world: World) -> Comparison:
    """Compare all of it, and what that found."""
    rest = {"connection": world.connection_id}
    world.pull()
    world.comparisons.compare(world.context, rest)
    return newest(world)


def troubles(world: World) -> int:
    with Session(world.engine) as session:
        return session.scalar(select(count_troubles())) or 0


def newest(world: World) -> Comparison:
    with Session(world.engine) as session:
        found = newest_comparison(session.get_one(Connection, world.connection_id))
    assert found is not None
    return found


def second_ticket(world: World) -> int:
    """Another ticket of our account for the first one, which no search has."""
    first = world.partner.tickets[1001].articles[0]["body"]
    second = world.partner.open("Again", first, PORTAL, "Network")
    world.partner.tickets[second].seen_from = world.now.replace(year=2999)
    return second


def paired(world: World, count: int) -> list[int]:
    numbers = [world.open(f"Ticket {n}", f"Text {n}") for n in range(count)]
    world.deliver()
    world.later(minutes=1)
    for number in numbers:
        world.do(comment_ticket, number, "More on it")
    world.deliver()
    world.later(minutes=1)
    return numbers


def test_nothing_differs_is_said_where_all_was_compared(world: World) -> None:
    paired(world, 3)
    found = compare(world)
    assert (found.compared, found.in_step, found.different, found.others) == (3, 3, 0, 0)
    assert found.ended_at == world.now
    assert found.nothing_differs(world.now)
    world.later(hours=37)
    assert not found.nothing_differs(world.now)
    assert troubles(world) == 0


def test_what_was_altered_there_and_a_second_ticket_are_found(world: World) -> None:
    numbers = paired(world, 3)
    compare(world)
    first, second = world.partner.tickets[1001].articles[0]["body"], second_ticket(world)
    world.partner.tickets[1001].articles[1]["body"] = first.replace("Text 0", "Not this")
    world.partner.tickets[1002].articles.pop()
    found = compare(world)
    assert (found.compared, found.in_step, found.different, found.others) == (3, 1, 2, 1)
    assert not found.nothing_differs(world.now)
    assert troubles(world) == 3
    with world.writing() as session:
        pair = session.scalars(
            select(TicketPair).where(TicketPair.ticket_number == numbers[1])
        ).one()
        leave_different(session, world.operator(), pair.id, "Removed on purpose")
        assert [one.row.their_id for one in unpaired_tickets(session)] == [str(second)]
    world.partner.merge(second, 1003)
    compare(world)
    assert troubles(world) == 1  # the first alone: just this was left, and that is merged
    world.partner.tickets[1002].articles.pop()
    compare(world)
    assert troubles(world) == 2


def test_one_that_does_not_finish_says_nothing_of_what_is_there(world: World) -> None:
    paired(world, 2)
    compare(world)
    world.partner.errs = Misbehaviour(refuse=99)
    world.later(hours=1)
    world.comparisons.compare(world.context, {"connection": world.connection_id})
    with Session(world.engine) as session:
        connection = session.get_one(Connection, world.connection_id)
        found = newest_comparison(connection)
        assert found is not None
        assert found.failure.startswith("Their system did not answer")
        assert not found.nothing_differs(world.now)
        assert connection.compared_at is not None
        assert connection.compared_at < world.now


def test_a_ticket_that_is_gone_there_is_a_persons_business(world: World) -> None:
    (number, _other) = paired(world, 2)
    del world.partner.tickets[1001]
    found = compare(world)
    assert (found.compared, found.in_step, found.unknown) == (2, 1, 1)
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    assert troubles(world) == 1


def test_it_is_not_asked_of_a_connection_that_is_not_called(world: World) -> None:
    with world.writing() as session:
        connection = session.get_one(Connection, world.connection_id)
        ask_comparison(session, world.operator().actor, connection)
    with Session(world.engine) as session:
        assert JOB in {job.name for job in queued_jobs(session)}
        session.execute(update(Connection).values(paused_at=world.now))
        connection = session.get_one(Connection, world.connection_id)
        with pytest.raises(Invalid):
            ask_comparison(session, world.operator().actor, connection)


def test_it_says_nothing_where_no_ticket_was_compared(world: World) -> None:
    found = compare(world)
    assert (found.ended_at, found.compared) == (world.now, 0)
    assert not found.nothing_differs(world.now)


def test_a_second_ticket_stays_a_persons_business_until_it_is_gone_there(world: World) -> None:
    paired(world, 1)
    second = second_ticket(world)
    assert compare(world).others == 1
    world.partner.errs = Misbehaviour(broken_ticket=second)  # it cannot be read
    world.later(hours=1)
    found = compare(world)
    assert (found.compared, found.in_step, found.others, troubles(world)) == (1, 1, 1, 1)
    world.partner.errs = Misbehaviour()
    del world.partner.tickets[second]
    world.later(hours=1)
    found = compare(world)
    assert (found.others, found.unread, troubles(world)) == (0, "", 0)
    assert found.nothing_differs(world.now)


def test_one_of_ours_that_was_never_read_may_be_a_second_ticket(world: World) -> None:
    paired(world, 1)
    second = second_ticket(world)
    world.partner.errs = Misbehaviour(broken_ticket=second)
    found = compare(world)
    assert (found.compared, found.in_step, found.others) == (1, 1, 0)
    assert found.unread.startswith(f"Their ticket {second}: ")
    assert not found.nothing_differs(world.now)


def test_what_a_person_left_as_it_is_still_differs(world: World) -> None:
    (number, _other) = paired(world, 2)
    second_ticket(world)
    world.partner.tickets[1001].articles.pop()
    compare(world)
    with world.writing() as session:
        pair = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).one()
        leave_different(session, world.operator(), pair.id, "Removed on purpose")
        (other,) = unpaired_tickets(session)
        leave_unpaired(session, world.operator(), other.row.id, "A test")
    found = compare(world)
    assert (found.different, found.others, troubles(world)) == (1, 1, 0)
    assert not found.nothing_differs(world.now)
    with Session(world.engine) as session:
        (shown,) = pairs_now(session, world.now, different_alone=True)
        assert (shown.ticket, shown.left) == (number, True)
        assert len(unpaired_tickets(session, with_left=True)) == 1
    with world.writing() as session:
        end_exchange(session, world.operator(), shown.id, "Over")
    with Session(world.engine) as session:
        assert not pairs_now(session, world.now, different_alone=True)


def test_what_agreed_again_is_asked_about_when_it_differs_the_same_way(world: World) -> None:
    (number,) = paired(world, 1)
    text = world.partner.tickets[1001].articles.pop()
    compare(world)
    pair = world.pair_of(number)
    assert pair is not None
    with world.writing() as session:
        leave_different(session, world.operator(), pair.id, "Removed on purpose")
    world.partner.tickets[1001].articles.append(text)
    assert compare(world).nothing_differs(world.now)
    world.partner.tickets[1001].articles.pop()
    compare(world)
    assert troubles(world) == 1


def test_a_step_that_is_done_twice_counts_once(world: World) -> None:
    """A worker that was killed does its job again."""
    paired(world, 3)
    compare(world)
    world.comparisons.compare(world.context, {"connection": world.connection_id, "after": 0})
    assert newest(world).compared == 3


def test_where_ours_cannot_be_listed_they_are_found_by_their_reference(world: World) -> None:
    paired(world, 2)
    compare(world)
    second = second_ticket(world)
    world.partner.tickets[second].seen_from = world.now

    def opened(*how: object) -> object:
        system = world._open(*how)  # type: ignore[arg-type]
        return replace(system, traits=replace(system.traits, lists_ours=False))  # type: ignore[type-var]

    world.reader = PartnerReader(opened, chance=lambda: 0.5)  # type: ignore[arg-type]
    found = compare(world)
    assert (found.compared, found.in_step, found.others) == (2, 2, 1)
    world.partner.errs = Misbehaviour(broken_ticket=second)
    with world.writing() as session:
        session.execute(delete(UnpairedTicket))
    world.later(hours=1)
    found = compare(world)
    assert (found.others, bool(found.unread)) == (0, True)
    assert not found.nothing_differs(world.now)


def test_one_that_was_asked_for_while_nothing_is_called_says_so(world: World) -> None:
    paired(world, 1)
    compare(world)
    with world.writing() as session:
        connection = session.get_one(Connection, world.connection_id)
        connection.resting_until = world.now.replace(hour=23)
    world.comparisons.compare(world.context, {"connection": world.connection_id})
    assert newest(world).failure.startswith("The connection is not called now")
    assert not newest(world).nothing_differs(world.now)
