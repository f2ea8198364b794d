"""A partner that is talkative, slow, or answered for by a proxy: it holds up nobody, and nothing of
it is given up."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.adapters.outbound import Answer
from app.core.models.changes import Change, ChangedField
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import MOST_ATTEMPTS
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.standing import Answering, Standing
from app.exchange.services import decisions, reading
from app.exchange.services.comparisons import JOB as COMPARISON
from app.exchange.services.hints import READ_PARTNER, READ_TICKET
from app.exchange.services.planning import LANE_JOB, LANES
from app.exchange.services.reading import Looked, look, stored_for, take_in
from app.exchange.services.standing import answers, compared
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.rules.jobs import Pace
from app.jobs.services.backend import Runner
from app.jobs.services.queue import queued_jobs, run_jobs
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import Killed, World

SLICE = 3
"""Texts in one transaction, here: 50 would take long."""
THERE = "1001"


@pytest.fixture
def world(session: Session, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(reading, "TEXTS_AT_ONCE", SLICE)
    made = World(session.get_bind().engine)
    made.pull()  # what changes from now on
    made.later(minutes=1)
    return made


def say(world: World, texts: int) -> list[str]:
    """They say so much on their ticket; all of it."""
    said = [f"Text {number}" for number in range(texts)]
    for text in said:
        world.partner.comment(int(THERE), text)
    return said


def here(world: World) -> list[str]:
    """What was said on our ticket, in its order."""
    with Session(world.engine) as session:
        found = (
            select(ChangedField.new)
            .join(Change, Change.id == ChangedField.change_id)
            .where(ChangedField.field == "public_comment")
            .order_by(Change.id)
        )
        return [text or "" for text in session.scalars(found)]


def keys(world: World) -> list[str]:
    """Keys of their texts that are recorded, in the order of the ledger."""
    with Session(world.engine) as session:
        theirs = select(ExchangeEntry.their_key).where(
            ExchangeEntry.origin == "theirs", ExchangeEntry.kind == "comment"
        )
        return [key or "" for key in session.scalars(theirs.order_by(ExchangeEntry.sequence))]


def pair(world: World) -> TicketPair:
    """The pair, as it is now."""
    found = world.pair_of(1)
    assert found is not None
    return found


def standing(world: World) -> Standing:
    """What people are told."""
    with Session(world.engine) as session:
        row = session.scalars(select(TicketPair)).one()
        return compared(session, [row], world.now)[row.id].standing


def work(world: World) -> None:
    """Let a worker do all jobs that are there."""

    def of(job: Any) -> Any:
        return lambda arguments: job(world.context, arguments)

    reader, ending = world.reader, threading.Event()
    functions = {
        READ_PARTNER: of(reader.read_partner),
        READ_TICKET: of(reader.read_ticket),
        COMPARISON: of(world.comparisons.compare),
    }
    functions[LANE_JOB] = of(world.deliveries.deliver_lane)
    runner = Runner(world.engine, "worker", functions, Pace(look=0.1), lambda: world.now, ending)
    while run_jobs(runner, until_empty=True):
        pass


def waits(world: World, name: str) -> int:
    """Jobs of this name that wait."""
    with Session(world.engine) as session:
        return sum(job.waiting for job in queued_jobs(session) if job.name == name)


def test_texts_come_in_slices_and_a_kill_between_two_loses_and_doubles_none(world: World) -> None:
    """Killed before and after each call and each commit, and read again."""
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.pull()
    said = say(world, 3 * SLICE + 1)
    slices = set()
    for point in count(1):
        before = len(here(world))
        world.points.at = len(world.points.passed) + point
        try:
            world.read(THERE)
        except Killed:
            slices.add(len(here(world)) - before)
        else:  # it came to its end
            world.points.at = None
            break
        assert said[: len(here(world))] == here(world)
        if 0 < len(here(world)) < len(said):
            assert standing(world) is not Standing.IN_STEP
        if point > 40:
            raise AssertionError("it never ends")
    assert max(slices) <= 2 * SLICE, "a transaction held more than a slice"
    assert here(world) == said
    assert len(keys(world)) == len(set(keys(world))) == len(said)
    assert pair(world).unread_since is None
    assert pair(world).read_at == world.now


def test_a_ticket_is_not_in_step_before_all_of_it_was_taken(world: World) -> None:
    """The turn ends after four slices; what is left is a job behind those of others."""
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.pull()
    assert standing(world) is Standing.IN_STEP
    read_at = pair(world).read_at
    said = say(world, 4 * SLICE + 2)
    world.partner.move(int(THERE), "in progress")
    world.later(seconds=30)
    world.read(THERE)
    assert here(world) == said[: 4 * SLICE]
    assert standing(world) is Standing.NOT_COMPARED
    assert pair(world).read_at == read_at
    assert waits(world, READ_TICKET) == 1
    assert json.loads(pair(world).their_values) == {"state": "assigned"}, "values come last"
    world.read(THERE)
    assert here(world) == said
    assert json.loads(pair(world).their_values) == {"state": "in progress"}
    assert standing(world) is Standing.IN_STEP


def test_a_pull_comes_back_to_a_ticket_that_it_took_in_part(world: World) -> None:
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.partner.open("Another", "It is slow.", group="Network")
    said = say(world, 4 * SLICE + 2)
    world.pull()
    assert here(world) == said[: 4 * SLICE]
    assert waits(world, READ_PARTNER) == 1, "it is the others' turn"
    with Session(world.engine) as session:
        assert session.get_one(Connection, world.connection_id).read_at != world.now
    world.pull()
    assert here(world) == said[: 4 * SLICE], "the rest comes first"
    work(world)
    assert here(world) == said
    with Session(world.engine) as session:
        assert session.scalar(select(func.count(TicketPair.id))) == 2
        assert session.get_one(Connection, world.connection_id).read_at == world.now


def test_values_are_sent_after_a_read_in_slices(world: World) -> None:
    """Before values are sent their ticket is read, and here that takes more than one turn."""
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.read(THERE)
    said = say(world, 5 * SLICE)
    world.do(move_ticket, 1, "in progress")
    world.deliver()
    assert here(world) == said
    assert world.partner.tickets[int(THERE)].state == "in progress"


def test_a_second_worker_that_took_some_meanwhile_doubles_none(world: World) -> None:
    """Both read the same; each takes a slice in turn."""
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.read(THERE)
    said = say(world, 4 * SLICE)
    with Session(world.engine) as session:
        row = session.scalars(select(TicketPair)).one()
        key, system = row.id, world._open(world.context, session, row.connection)
        read = system.read(THERE)
        looked = look(stored_for(session, row, read), read)
    one: Looked | None = looked
    other: Looked | None = looked
    is_left = True
    while is_left:
        with world.writing() as session:
            one = take_in(session, key, read, world.now, one)
        with world.writing() as session:
            other = take_in(session, key, read, world.now, other)
        is_left = one is not None or other is not None
        world.do(comment_ticket, 1, "Ours, beside it")
    theirs = [text for text in here(world) if text != "Ours, beside it"]
    assert theirs == said
    assert len(keys(world)) == len(set(keys(world))) == len(said)


def test_a_ticket_with_more_texts_than_are_taken_is_a_persons_business(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is taken, and the pair says why; it goes on when it is shorter."""
    monkeypatch.setattr(reading, "MOST_TEXTS", 10)
    world.partner.open("Down", "The fibre is cut.", group="Network")
    world.read(THERE)
    say(world, 10)
    world.do(move_ticket, 1, "in progress")
    world.deliver()  # which reads it before it sends the state
    assert here(world) == []
    assert (pair(world).state, standing(world)) == ("stopped", Standing.FAILED)
    assert pair(world).reason.startswith(
        "Their ticket has 11 texts, and at most 10 are taken: none was."
    )
    del world.partner.tickets[int(THERE)].articles[-1]
    with world.writing() as session:
        decisions.retry(session, world.operator(), pair(world).id)
    world.read(THERE)
    assert len(here(world)) == 9


def test_a_new_ticket_with_more_texts_than_are_taken_is_opened_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_TEXTS", 10)
    world.partner.open("Down", "The fibre is cut.", group="Network")
    say(world, 10)
    world.pull()
    assert pair(world).state == "stopped"
    assert "11 texts" in pair(world).reason
    assert here(world) == []


def test_files_of_a_ticket_come_in_slices_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FILES_AT_ONCE", 2)
    world.partner.open("Down", "The fibre is cut.", group="Network")
    for number in range(5):
        world.partner.attach(int(THERE), f"plot-{number}.png", b"x%d" % number)
    world.read(THERE)
    with Session(world.engine) as session:
        files = (
            select(ExchangeEntry.content)
            .where(ExchangeEntry.kind == "attachment")
            .order_by(ExchangeEntry.sequence)
        )
        names = [json.loads(content)["file"] for content in session.scalars(files)]
    assert [name.partition("plot-")[2] for name in names] == [f"{one}.png" for one in range(5)]
    assert pair(world).read_at == world.now


class Between(World):
    """Something stands between the portal and its partner. ``answer``: what it answers to each
    call, or to those alone whose body holds ``word``; ``seconds``: how long each call takes."""

    answer: Answer | None = None
    word = b""
    seconds = 0.0

    def _ask(
        self,
        method: str,
        address: str,
        limits: Any,
        private: Any,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        self.now += timedelta(seconds=self.seconds)
        if self.answer is not None and self.word in (body or b""):
            return self.answer
        return super()._ask(method, address, limits, private, headers, body)

    def turn(self) -> None:
        """What the worker does when the time has come."""
        here = {"connection": self.connection_id}
        self.deliveries.wake(self.context, here)
        for lane in range(LANES):
            self.deliveries.deliver_lane(self.context, {**here, "lane": lane})

    def connection(self) -> Connection:
        """The connection as it is now."""
        with Session(self.engine) as session:
            return session.get_one(Connection, self.connection_id)

    def states(self) -> Counter[str]:
        """How many pairs are in which state."""
        with Session(self.engine) as session:
            return Counter(session.scalars(select(TicketPair.state)))


@pytest.fixture
def between(session: Session) -> Between:
    return Between(session.get_bind().engine)


PAGE = b"<html><h1>Nothing here</h1></html>"


@pytest.mark.parametrize("status", [302, 403, 404, 405])
def test_a_proxy_that_answers_for_the_partner_stops_no_ticket(
    between: Between, status: int
) -> None:
    """A minute of it over waiting tickets: the connection fails, and then all of them go."""
    for number in range(12):
        between.open(f"Ticket {number}", "Text")
    plan_entries(between.context)
    between.answer = Answer(status, {"content-type": "text/html", "location": "/"}, PAGE)
    told = set()
    for _ in range(30):
        between.turn()
        told.add(answers(between.connection(), between.now))
        between.later(seconds=2)
    assert told <= {Answering.FAILING, Answering.RESTING}
    assert between.connection().reason == f"It responded with {status}"
    assert between.states() == {"being created": 12}
    assert between.partner.tickets == {}
    between.answer = None
    between.later(minutes=10)
    between.turn()
    assert between.states() == {"paired": 12}
    assert sorted(one.title for one in between.partner.tickets.values()) == sorted(
        f"Ticket {number}" for number in range(12)
    )
    assert answers(between.connection(), between.now) is Answering.ANSWERS


def test_a_text_that_a_firewall_refuses_holds_no_other_up(between: Between) -> None:
    """Whatever stands before the partner lets all pass but this: in the end a person is asked."""
    bad = between.open("Worm", "It sends ' OR 1=1; DROP TABLE tickets")
    for number in range(6):
        between.open(f"Ticket {number}", "Text")
    plan_entries(between.context)
    between.answer, between.word = Answer(403, {"content-type": "text/html"}, PAGE), b"DROP TABLE"
    between.turn()
    between.later(minutes=1)
    between.turn()
    assert between.states() == {"paired": 6, "being created": 1}
    for _ in range(MOST_ATTEMPTS):
        between.later(days=1)
        between.turn()
    assert between.states() == {"paired": 6, "stopped": 1}
    pair = between.pair_of(bad)
    assert pair is not None
    assert pair.reason == f"It responded with 403 ({MOST_ATTEMPTS} attempts)"


def test_a_partner_that_does_not_end_its_answers_rests_at_once(between: Between) -> None:
    """One call of the longest time that one may take, and six times that without any."""
    between.open("Ticket", "Text")
    plan_entries(between.context)
    key = str(between.partner.open("Theirs", "Text", group="Network"))
    failure = Failure(Outcome.TRANSIENT, "longer than 10 s", waited=timedelta(seconds=10))
    calls = []

    def dripping(*given: Any) -> Any:
        calls.append(given[0])
        raise CallFailed(failure)

    between.__dict__["_ask"] = dripping
    between.read(key)
    between.pull()
    between.turn()
    assert calls == ["GET"]
    assert between.connection().resting_until == between.now + timedelta(seconds=60)
    assert answers(between.connection(), between.now) is Answering.RESTING
    del between.__dict__["_ask"]
    between.later(minutes=2)
    between.turn()
    assert between.states() == {"paired": 1}
    assert waits(between, READ_TICKET) == 1
