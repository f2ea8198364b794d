"""Values that both sides change, with a Zammad that has rules and a history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import Guard, Profile, ValueRow
from app.exchange.rules.standing import Standing
from app.exchange.services import decisions
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.reading import take_in
from app.exchange.services.standing import compared
from app.exchange.tasks.reading import read_whole
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, World

STATES = replace(
    PROFILE,
    maps={
        "state": (
            *PROFILE.maps["state"],
            ValueRow("waiting for reply", "waiting for reply"),
            ValueRow("on hold", "on hold"),
            ValueRow("reopened", "open", "out"),
            ValueRow("in progress", "open", "in"),
        )
    },
)
THERE = "1001"


@pytest.fixture
def make(session: Session) -> Callable[..., World]:
    """Makes a world with a ticket, 1, that both sides have in progress."""

    def made(profile: Profile = STATES, **connection: Any) -> World:
        world = World(session.get_bind().engine, profile, **connection)
        world.partner.states = (*world.partner.states, "open")
        world.open("Link down", "The fibre is cut.")
        world.do(move_ticket, 1, "in progress")
        hear(world)
        return world

    return made


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


def hear(world: World) -> None:
    """Both sides hear of each other, and of what followed."""
    for _turn in range(2):
        world.later(minutes=1)
        world.deliver()
        world.later(seconds=5)
        world.pull()
        world.read(THERE)


def ends(world: World) -> tuple[str, str]:
    """Our state and theirs, when all is heard."""
    hear(world)
    with Session(world.engine) as session:
        return session.get_one(Ticket, 1).state, world.partner.tickets[int(THERE)].state


def fields(world: World, origin: str = "ours") -> list[tuple[dict[str, str], str, str]]:
    """Entries of values: what they hold, what became of them and why."""
    with Session(world.engine) as session:
        found = select(ExchangeEntry).where(
            ExchangeEntry.kind == "fields", ExchangeEntry.origin == origin
        )
        entries = session.scalars(found.order_by(ExchangeEntry.sequence))
        return [(json.loads(one.content), one.state, one.reason) for one in entries]


def standing(world: World) -> tuple[str, list[tuple[str, str, str]]]:
    """What people are told: how the two are to each other, and what differs."""
    with Session(world.engine) as session:
        pair = session.scalars(select(TicketPair)).one()
        told = compared(session, [pair], world.now)[pair.id]
        return told.standing, [(one.name, one.ours, one.theirs) for one in told.differing]


def calls(world: World, method: str) -> int:
    return sum(one.startswith(method) for one in world.partner.calls)


def test_our_comment_is_not_the_time_of_their_state(world: World) -> None:
    """They move it, then we do, and then we comment: ours is the newer one (E5)."""
    world.later(seconds=10)
    world.partner.move(int(THERE), "on hold")
    world.later(seconds=10)
    world.do(change_ticket, 1, {"state": "solved", "solution": "Spliced"})
    world.later(seconds=10)
    world.partner.comment(int(THERE), "(a note of ours that touches theirs)", internal=True)
    assert ends(world) == ("solved", "solved")
    assert standing(world) == (Standing.IN_STEP, [])


def test_theirs_that_is_newer_is_taken_and_ours_reads_gave_way(world: World) -> None:
    world.do(move_ticket, 1, "on hold")
    world.later(seconds=10)
    world.partner.move(int(THERE), "waiting for reply")
    assert ends(world) == ("waiting for reply", "waiting for reply")
    assert fields(world)[-1] == (
        *({"state": "on hold"}, "gave way"),
        "Gave way to the partner's value: state",
    )
    assert standing(world) == (Standing.IN_STEP, [])


@pytest.mark.parametrize("how", ["no right", "same time"])
def test_where_nobody_knows_who_was_last_a_person_is_asked(world: World, how: str) -> None:
    world.partner.shows_history = how != "no right"
    if how == "no right":
        world.later(seconds=10)
    world.do(move_ticket, 1, "on hold")
    world.partner.move(int(THERE), "solved")
    assert ends(world) == ("on hold", "solved")
    assert standing(world)[0] == Standing.ASKED
    assert fields(world)[-1] == ({"state": "on hold"}, "skipped", "A person has to choose: state")
    with world.writing() as session:
        asked = session.scalars(select(ExchangeEntry).where(ExchangeEntry.state == "asked")).one()
        assert decisions.choose(session, world.operator(), asked.id, ours=True)
    assert ends(world) == ("on hold", "on hold")
    assert standing(world) == (Standing.IN_STEP, [])


def test_a_history_is_asked_only_where_it_decides(world: World) -> None:
    world.do(move_ticket, 1, "on hold")
    hear(world)
    world.partner.move(int(THERE), "solved")
    assert ends(world) == ("solved", "solved")
    assert calls(world, "GET /api/v1/ticket_history") == 0


def test_a_question_ends_where_they_take_their_change_back(make: Callable[..., World]) -> None:
    world = make(replace(STATES, owners={"state": Owner.ASK}))
    world.do(move_ticket, 1, "on hold")
    world.partner.move(int(THERE), "solved")
    hear(world)
    assert standing(world)[0] == Standing.ASKED
    world.partner.move(int(THERE), "in progress")
    assert ends(world) == ("on hold", "on hold")
    assert standing(world) == (Standing.IN_STEP, [])


def test_a_text_that_moves_their_state_is_followed_by_ours_once(make: Callable[..., World]) -> None:
    """A Zammad reopens what is closed where somebody writes; so does a person, later."""
    rows = (
        ValueRow("solved", "closed"),
        ValueRow("in progress", "open"),
        ValueRow("reopened", "open", "out"),
    )
    world = make(replace(STATES, maps={"state": (*rows, ValueRow("new", "assigned", "out"))}))
    world.partner.follow_ups = {"closed": "open"}
    world.do(change_ticket, 1, {"state": "solved", "solution": "Spliced"})
    assert ends(world) == ("solved", "closed")
    world.do(comment_ticket, 1, "The report follows.")
    assert ends(world) == ("solved", "closed")
    assert standing(world) == (Standing.IN_STEP, [])
    world.later(minutes=5)
    world.partner.move(int(THERE), "open")
    assert ends(world) == ("reopened", "open")
    world.do(change_ticket, 1, {"state": "solved", "solution": "Spliced"})
    hear(world)
    world.partner.comment(int(THERE), "It is down again.")
    assert ends(world) == ("reopened", "open")


def test_what_their_rules_forbid_is_said_and_not_sent_for_ever(make: Callable[..., World]) -> None:
    world = make(replace(STATES, guards=(Guard.NO_DOWNGRADE,)))
    world.partner.move(int(THERE), "on hold")
    assert ends(world) == ("on hold", "on hold")
    world.do(move_ticket, 1, "in progress")
    assert ends(world) == ("in progress", "on hold")
    assert fields(world)[-1] == ({"state": "in progress"}, "skipped", "Not set there: state")
    before = calls(world, "PUT")
    hear(world)
    assert calls(world, "PUT") == before
    assert standing(world) == (Standing.DIFFERENT, [("state", "in progress", "on hold")])
    world.partner.move(int(THERE), "solved")
    assert ends(world) == ("solved", "solved")


def test_two_who_both_decide_do_not_send_for_ever(make: Callable[..., World]) -> None:
    """Ours is set back each time by somebody there."""
    world = make(replace(STATES, owners={"state": Owner.US}))
    for _time in range(3):
        world.partner.move(int(THERE), "on hold")
        hear(world)
    assert ends(world) == ("in progress", "on hold")
    assert standing(world) == (Standing.DIFFERENT, [("state", "in progress", "on hold")])
    sent = [content for content, state, _reason in fields(world) if state == "sent"]
    assert sent == [{"state": "in progress"}] * 2


def test_a_read_from_before_a_call_changes_nothing(world: World) -> None:
    """It began when theirs was the old value, and comes to an end after ours was set."""
    with Session(world.engine) as session:
        connection = session.get_one(Connection, world.connection_id)
        system = world._open(world.context, session, connection)
        pair = session.scalars(select(TicketPair.id)).one()
    old, _ = read_whole(world.context, system, world.connection_id, THERE)
    world.later(seconds=5)
    world.do(change_ticket, 1, {"state": "solved", "solution": "Spliced"})
    world.deliver()
    world.later(seconds=5)
    with world.writing() as session:
        take_in(session, pair, old, world.now)
    assert fields(world, "theirs") == [], "ours was not reopened"
    assert ends(world) == ("solved", "solved")
    assert fields(world, "theirs") == []


def map_priority(world: World) -> None:
    """Priorities are mapped only now; ours and theirs were never compared."""
    rows = (ValueRow(one, one) for one in ("less urgent", "urgent", "top priority"))
    world.partner.tickets[int(THERE)].priority = "urgent"
    with world.writing() as session:
        connection = session.get_one(Connection, world.connection_id)
        profile = replace(STATES, maps={**STATES.maps, "priority": tuple(rows)})
        set_profile(session, world.admin(), connection, profile.as_json())


def test_a_field_that_is_mapped_later_is_said_and_nobody_is_asked(world: World) -> None:
    map_priority(world)
    hear(world)
    assert standing(world) == (Standing.DIFFERENT, [("priority", "less urgent", "urgent")])
    world.do(change_ticket, 1, {"priority": "urgent"})
    hear(world)
    assert standing(world) == (Standing.IN_STEP, [])


@pytest.mark.parametrize("who", ["we", "we at once", "they"])
def test_who_changes_what_was_never_agreed_is_followed(world: World, who: str) -> None:
    """From the first comparison on it is known which side changed it."""
    map_priority(world)
    if who != "we at once":
        hear(world)
    if who == "they":
        world.partner.change(int(THERE), priority="top priority")
    else:
        world.do(change_ticket, 1, {"priority": "top priority"})
    hear(world)
    with Session(world.engine) as session:
        assert session.get_one(Ticket, 1).priority == "top priority"
    assert world.partner.tickets[int(THERE)].priority == "top priority"
    assert standing(world) == (Standing.IN_STEP, [])


def test_over_a_connection_that_only_sends_a_text_is_followed_by_the_state(
    make: Callable[..., World],
) -> None:
    rows = (
        ValueRow("solved", "closed"),
        ValueRow("in progress", "in progress"),
        ValueRow("new", "assigned"),
    )
    world = make(replace(STATES, maps={"state": rows}), direction="push")
    world.partner.follow_ups = {"closed": "open"}
    world.do(change_ticket, 1, {"state": "solved", "solution": "Spliced"})
    world.do(comment_ticket, 1, "The report follows.")
    assert ends(world) == ("solved", "closed")
