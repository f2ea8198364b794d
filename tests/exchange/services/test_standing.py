"""When two tickets are said to be in step, and what is said where that is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import ValueRow
from app.exchange.rules.standing import Standing, Unread
from app.exchange.services import decisions
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.standing import Compared, answers, compared
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, World

STATES = replace(
    PROFILE,
    maps={
        "state": (
            *PROFILE.maps["state"],
            ValueRow("waiting for reply", "waiting for reply"),
            ValueRow("on hold", "on hold"),
        )
    },
)


@pytest.fixture
def world(session: Session) -> World:
    return World(session.get_bind().engine, STATES)


def found(world: World, number: int = 1) -> Compared:
    with Session(world.engine) as session:
        pairs = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).all()
        return compared(session, pairs, world.now)[pairs[0].id]


def in_step(world: World) -> int:
    """A ticket that is in step with theirs, 1001."""
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.later(seconds=30)
    world.pull()
    assert found(world, number).standing is Standing.IN_STEP
    return number


def connection(world: World, **values: object) -> None:
    with world.writing() as session:
        row = session.get_one(Connection, world.connection_id)
        for name, value in values.items():
            setattr(row, name, value)


def test_it_is_in_step_once_it_was_read_back(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    assert world.pair_of(number) is None
    world.deliver()
    before = found(world, number)
    assert (before.standing, before.why) == (Standing.NOT_COMPARED, Unread.NEVER)
    world.later(seconds=30)
    world.pull()
    after = found(world, number)
    assert (after.in_step, after.at) == (True, world.now)


def test_what_is_written_is_queued_and_then_sent_but_not_in_step_before_a_read(
    world: World,
) -> None:
    number = in_step(world)
    world.later(minutes=1)
    world.do(comment_ticket, number, "More")
    assert found(world, number).standing is Standing.QUEUED, "not planned yet"
    world.deliver()
    sent = found(world, number)
    assert (sent.standing, sent.why) == (Standing.NOT_COMPARED, Unread.SENT_SINCE)
    world.later(seconds=30)
    world.pull()
    assert found(world, number).in_step


def test_what_our_own_rule_moved_in_their_change_is_sent(world: World) -> None:
    """Their ticket, we ask, they answer: ours moves by itself, and they are told (E4)."""
    world.partner.open("Link down", "The fibre is cut.", group="Network")
    world.pull()
    world.later(minutes=1)
    world.do(move_ticket, 1, "waiting for reply")
    world.deliver()
    world.later(minutes=1)
    world.pull()
    assert found(world).in_step
    world.partner.comment(1001, "It is mended")
    world.later(minutes=1)
    world.pull()
    assert found(world).standing is Standing.QUEUED
    world.later(seconds=5)
    world.deliver()
    assert world.partner.tickets[1001].state == "in progress"
    world.later(minutes=1)
    world.pull()
    assert found(world).in_step


def test_a_state_that_differs_is_named_with_both_values(world: World) -> None:
    """Nothing is sent over a connection that only reads."""
    world.partner.open("Link down", "The fibre is cut.", group="Network")
    world.pull()
    with world.writing() as session:
        session.get_one(Connection, world.connection_id).direction = "pull"
    world.later(minutes=1)
    world.do(move_ticket, 1, "waiting for reply")
    world.deliver()
    world.later(minutes=1)
    world.partner.comment(1001, "We look into it", internal=True)
    world.pull()
    told = found(world)
    assert told.standing is Standing.DIFFERENT
    assert [(one.name, one.ours, one.theirs) for one in told.differing] == [
        ("state", "waiting for reply", "assigned")
    ]


def test_values_are_compared_by_the_map(world: World) -> None:
    number = in_step(world)
    with world.writing() as session:
        pair = session.scalars(select(TicketPair)).one()
        pair.their_values = '{"state": "Solved"}'
    told = found(world, number)
    assert told.standing is Standing.DIFFERENT
    assert [(one.name, one.ours, one.theirs) for one in told.differing] == [
        ("state", "new", "Solved")
    ]
    with world.writing() as session:
        session.scalars(select(TicketPair)).one().their_values = "{}"
    told = found(world, number)
    assert (told.standing, told.unknown) == (Standing.NOT_COMPARED, ["state"])


def test_a_silent_paused_or_stopped_connection_is_never_in_step(world: World) -> None:
    number = in_step(world)
    world.later(minutes=11)
    silent = found(world, number)
    assert (silent.standing, silent.why) == (Standing.NOT_COMPARED, Unread.SILENT)
    world.pull()
    assert found(world, number).in_step
    for name in ("paused_at", "stopped_at"):
        connection(world, **{name: world.now})
        held = found(world, number)
        assert (held.standing, held.why) == (Standing.NOT_COMPARED, Unread.PAUSED)
        world.do(comment_ticket, number, f"While {name}")
        assert found(world, number).standing is Standing.HELD
        connection(world, **{name: None})
        world.deliver()
        world.later(seconds=30)
        world.pull()
        assert found(world, number).in_step


def test_a_ticket_that_cannot_be_read_is_not_in_step(world: World) -> None:
    number = in_step(world)
    world.later(minutes=1)
    world.partner.comment(1001, "Nobody reads this")
    world.partner.errs.refuse = 1
    world.read("1001")
    told = found(world, number)
    assert (told.standing, told.why) == (Standing.NOT_COMPARED, Unread.FAILED)
    world.read("1001")
    assert found(world, number).in_step


def test_a_connection_that_only_sends_never_compares(session: Session) -> None:
    world = World(session.get_bind().engine, STATES, direction="push")
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    told = found(world, number)
    assert (told.standing, told.why) == (Standing.NOT_COMPARED, Unread.ONE_WAY)


def test_what_a_person_left_out_is_a_difference(world: World) -> None:
    number = in_step(world)
    world.later(minutes=1)
    world.do(comment_ticket, number, "Not for them")
    connection(world, paused_at=world.now)
    world.deliver()
    with world.writing() as session:
        pair = session.scalars(select(TicketPair)).one()
        decisions.leave_out(session, world.admin(), pair.id, "Said by phone")
    connection(world, paused_at=None)
    world.later(seconds=30)
    world.pull()
    told = found(world, number)
    assert (told.standing, told.left_out) == (Standing.DIFFERENT, 1)


def test_a_value_that_gave_way_is_not_sent(world: World) -> None:
    number = in_step(world)
    world.later(minutes=1)
    world.do(move_ticket, number, "in progress")
    profile = replace(STATES, owners={"state": Owner.THEM})
    with world.writing() as session:
        set_profile(
            session,
            world.admin(),
            session.get_one(Connection, world.connection_id),
            profile.as_json(),
        )
        sent_at = session.get_one(Connection, world.connection_id).sent_at
    calls = sum("PUT" in call for call in world.partner.calls)
    world.deliver()
    with Session(world.engine) as session:
        entry = session.scalars(
            select(ExchangeEntry).where(
                ExchangeEntry.kind == "fields", ExchangeEntry.origin == "ours"
            )
        ).one()
        assert (entry.state, entry.reason) == (
            EntryState.GAVE_WAY,
            "Gave way to the partner's value: state",
        )
        assert session.get_one(Connection, world.connection_id).sent_at == sent_at
    assert sum("PUT" in call for call in world.partner.calls) == calls


def test_a_connection_answers_only_where_a_call_succeeded_lately(world: World) -> None:
    def word() -> str:
        with Session(world.engine) as session:
            return answers(session.get_one(Connection, world.connection_id), world.now)

    assert word() == "never called"
    in_step(world)
    assert word() == "answers"
    world.later(minutes=11)
    assert word() == "not called recently"
    world.partner.errs.refuse = 1
    world.pull()
    assert word() == "last call failed"
    world.pull()
    assert word() == "answers"
