"""The exchange of a ticket, or a whole connection, that a person ended: nothing crosses any more,
what was is readable, and one ticket's exchange can be begun again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.rules.errors import Forbidden, Invalid
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.pairs import PairState
from app.exchange.services import decisions, endings
from app.exchange.services.connections import connections
from app.exchange.services.connections.secrets import LOGIN, add_secret, live_secrets
from app.exchange.services.overview import troubles
from app.exchange.services.trouble import find_pair, pairs_now
from app.exchange.tasks.deliveries import end_pairs, plan_entries
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import World
from tests.exchange.tasks.test_deliveries import calls_of, comments_here, state_of, texts_there

WHY = "Solved by phone"


@pytest.fixture
def world(session: Session) -> World:
    return World(session.get_bind().engine)


def pair_of(world: World, number: int) -> TicketPair:
    found = world.pair_of(number)
    assert found is not None
    return found


def end(world: World, number: int, why: str = WHY) -> None:
    key = pair_of(world, number).id
    with world.writing() as session:
        endings.end_exchange(session, world.operator("Ana"), key, why)


def again(world: World, number: int) -> None:
    key = pair_of(world, number).id
    with world.writing() as session:
        endings.exchange_again(session, world.operator(), key)


NO_FIELD = "Not set there: priority, layer"
"""What the first text does not say, and the stand-in has no mapped field for."""


def entries(world: World) -> list[tuple[str, str, str]]:
    """Origin, state and reason of each, in their order."""
    with Session(world.engine) as session:
        found = session.scalars(select(ExchangeEntry).order_by(ExchangeEntry.id))
        return [(one.origin, one.state, one.reason) for one in found]


def test_nothing_crosses_an_exchange_that_ended(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(comment_ticket, number, "Waits")
    plan_entries(world.context)
    end(world, number)
    world.do(comment_ticket, number, "Ours alone")
    world.partner.comment(1001, "Theirs alone")
    world.partner.move(1001, "solved")
    world.later(minutes=1)
    sent = calls_of(world, "POST")
    world.deliver()
    world.read("1001")
    world.pull()
    world.comparisons.compare(world.context, {"connection": world.connection_id})
    assert calls_of(world, "POST") == sent
    assert texts_there(world, 1001) == ["The fibre is cut.", "Theirs alone"]
    assert comments_here(world, number) == ["Waits", "Ours alone"]
    assert state_of(world, number) == "new"
    pair = pair_of(world, number)
    assert (pair.state, pair.reason) == (PairState.ENDED, WHY)
    assert (pair.ended_by, pair.ended_at) == ("Ana", world.now.replace(minute=0))
    assert entries(world) == [("ours", "sent", NO_FIELD), ("ours", "skipped", WHY)]


def test_it_leaves_the_list_of_what_failed_and_comes_back_only_by_a_person(world: World) -> None:
    number = world.open("Refused", "The fibre is cut.")
    world.partner.errs.refused_word = "Refused"
    world.deliver()
    key = pair_of(world, number).id
    assert pair_of(world, number).state == PairState.STOPPED
    end(world, number, "They take no such ticket")
    with Session(world.engine) as session:
        assert troubles(session, 10) == []
        assert pairs_now(session, world.now, failed_alone=True) == []
    with world.writing() as session:
        assert (
            decisions.send_all_again(session, world.operator(), session.get_one(Connection, 1)) == 0
        )
    verbs: tuple[Callable[[Session], None], ...] = (
        lambda session: decisions.retry(session, world.operator(), key),
        lambda session: decisions.name_theirs(session, world.admin(), key, "4711"),
        lambda session: decisions.replay(session, world.admin(), 1),
    )
    for verb in verbs:
        with pytest.raises(Invalid, match="has ended"), world.writing() as session:
            verb(session)
    world.partner.errs.refused_word = ""
    world.deliver()
    assert not world.partner.tickets


def test_it_begins_again_where_it_ended(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(move_ticket, number, "assigned")
    world.do(comment_ticket, number, "Waits")
    plan_entries(world.context)
    world.later(minutes=1)
    end(world, number)
    world.do(comment_ticket, number, "Ours alone")
    world.do(move_ticket, number, "in progress")
    plan_entries(world.context)  # and are left out for it
    world.do(comment_ticket, number, "Not planned yet")
    world.partner.comment(1001, "Theirs alone")
    for _turn in range(2):
        again(world, number)
    world.deliver()
    world.read("1001")
    there = ["The fibre is cut.", "Theirs alone", "Waits", "Ours alone", "Not planned yet"]
    assert texts_there(world, 1001) == there
    assert world.partner.tickets[1001].state == "in progress"
    assert comments_here(world, number)[-1] == "Theirs alone"
    pair = pair_of(world, number)
    assert (pair.state, pair.reason) == (PairState.PAIRED, "")
    assert (pair.ended_at, pair.ended_by) == (None, "")


def test_sharing_it_again_is_the_same(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    plan_entries(world.context)
    end(world, number)
    world.deliver()
    assert not world.partner.tickets
    with world.writing() as session:
        connection = session.scalars(select(Connection)).one()
        decisions.share(session, world.operator(), number, connection)
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut."]


@pytest.mark.parametrize("what", ["create", "comment"])
def test_what_was_under_way_when_it_ended_is_there_once(world: World, what: str) -> None:
    number = world.open("Link down", "The fibre is cut.")
    if what == "comment":
        world.deliver()
        world.do(comment_ticket, number, "Under way")
    name = "open" if what == "create" else "comment"
    real: Callable[..., Any] = getattr(world.partner, name)

    def meanwhile(*given: Any, **more: Any) -> Any:
        setattr(world.partner, name, real)
        end(world, number)
        return real(*given, **more)

    setattr(world.partner, name, meanwhile)
    world.deliver()
    expected = ["The fibre is cut.", "Under way"][: 1 if what == "create" else 2]
    assert texts_there(world, 1001) == expected
    pair = pair_of(world, number)
    assert (pair.state, pair.their_id, pair.reason) == (PairState.ENDED, "1001", WHY)
    again(world, number)
    world.later(hours=1)
    world.deliver()
    assert len(world.partner.tickets) == 1
    assert texts_there(world, 1001) == expected
    assert [state for _origin, state, _reason in entries(world)] == ["sent"] * len(expected)


def test_a_failure_that_comes_after_the_end_asks_nobody(world: World) -> None:
    number = world.open("Refused", "The fibre is cut.")
    world.partner.errs.refused_word = "Refused"
    seen = world.points.passes

    def passes(name: str) -> None:
        if name == "before POST /api/v1/tickets":
            end(world, number)
        seen(name)

    world.points.passes = passes  # type: ignore[method-assign]
    world.deliver()
    assert calls_of(world, "POST") == 1
    pair = pair_of(world, number)
    assert (pair.state, pair.reason, pair.due_at) == (PairState.ENDED, WHY, None)


def test_only_operators_end_and_they_say_why(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    plan_entries(world.context)
    key = pair_of(world, number).id
    for bad in ("", "  ", "x" * 256, "a\x01b"):
        with pytest.raises(Invalid), world.writing() as session:
            endings.end_exchange(session, world.operator(), key, bad)
    connection = pair_of(world, number).connection_id
    with pytest.raises(Forbidden), world.writing() as session:
        endings.end_connection(
            session, world.operator(), session.get_one(Connection, connection), WHY
        )
    assert pair_of(world, number).state == PairState.CREATING


def test_a_connection_that_ended_does_nothing_and_stays_readable(world: World) -> None:
    first, second = (world.open(f"Ticket {n}", f"Text {n}") for n in range(2))
    world.deliver(first)
    plan_entries(world.context)
    with world.writing() as session:
        connection = session.scalars(select(Connection)).one()
        add_secret(session, world.admin(), connection, LOGIN, "a secret", b"k" * 32)
        endings.end_connection(session, world.admin(), connection, "The NOC moved")
    end_pairs(world.context, {"connection": world.connection_id})
    third = world.open("Ticket 2", "Text 2")
    calls = len(world.partner.calls)
    world.partner.comment(1001, "Theirs alone")
    world.deliver()
    world.pull()
    world.deliveries.wake(world.context, {"connection": world.connection_id})
    assert len(world.partner.calls) == calls
    assert world.pair_of(third) is None
    for number in (first, second):
        pair = pair_of(world, number)
        assert (pair.state, pair.reason) == (PairState.ENDED, "The NOC moved")
        assert pair.ended_by == "admin"
    assert entries(world) == [("ours", "sent", NO_FIELD), ("ours", "skipped", "The NOC moved")]
    with Session(world.engine) as session:
        connection = session.scalars(select(Connection)).one()
        assert not live_secrets(session, connection, LOGIN)
    for verb in (
        lambda session, by, one: connections.resume(session, by, one),
        lambda session, by, one: connections.pause(session, by, one),
        lambda session, by, one: decisions.share(session, by, third, one),
        lambda session, by, one: endings.exchange_again(session, by, pair_of(world, first).id),
        lambda session, by, one: add_secret(session, by, one, LOGIN, "x"),
        lambda session, by, one: connections.set_profile(session, by, one, "{}"),
    ):
        with pytest.raises(Invalid, match="has ended"), world.writing() as session:
            verb(session, world.admin(), session.scalars(select(Connection)).one())


def test_another_connection_takes_the_place_of_one_that_ended(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    how: dict[str, Any] = {"url": "http://partner.example", "direction": "both"}
    with pytest.raises(Invalid, match="already"), world.writing() as session:
        connections.connect(session, world.admin(), "GGUS", "zammad", **how)
    with world.writing() as session:
        old = session.scalars(select(Connection)).one()
        endings.end_connection(session, world.admin(), old, WHY)
        new = connections.connect(session, world.admin(), "GGUS", "zammad", **how).id
    end_pairs(world.context, {"connection": world.connection_id})
    with world.writing() as session:
        found = connections.connection_of(session, "GGUS", "zammad")
        assert found is not None
        assert found.id == new
        decisions.share(session, world.operator(), number, found)
        assert find_pair(session, number, "GGUS").connection_id == new
    with pytest.raises((Invalid, IntegrityError)), world.writing() as session:
        connections.connect(session, world.admin(), "GGUS", "zammad", **how)


def test_more_pairs_than_fit_into_one_step_all_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "AT_ONCE", 2)
    for turn in range(5):
        world.open(f"Ticket {turn}", "Text")
    plan_entries(world.context)
    with world.writing() as session:
        endings.end_connection(
            session, world.admin(), session.scalars(select(Connection)).one(), WHY
        )
    end_pairs(world.context, {"connection": world.connection_id})
    with Session(world.engine) as session:
        states = session.scalars(select(TicketPair.state)).all()
        waiting = session.scalars(
            select(ExchangeEntry).where(ExchangeEntry.state == EntryState.WAITING)
        ).all()
    assert (set(states), len(states), waiting) == ({PairState.ENDED}, 5, [])
