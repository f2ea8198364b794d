"""Partners that do not wait for each other: a slow one with much to be sent holds up itself."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.adapters.outbound import Answer
from app.demo.partner_system import StandIn
from app.exchange.adapters.http import JsonCaller
from app.exchange.adapters.zammad.client import Zammad
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.budget import Budget, Turns, Way
from app.exchange.services.comparisons import JOB as COMPARISON
from app.exchange.services.connections.connections import connect
from app.exchange.services.hints import READ_PARTNER, READ_TICKET
from app.exchange.services.planning import BEGIN_OPEN, JOB, LANE_JOB, LANES, profile_in_use
from app.exchange.tasks.deliveries import Deliveries, begin_open, plan_entries, take_up
from app.exchange.tasks.partner_reading import PartnerReader
from app.jobs.rules.jobs import Pace
from app.jobs.services.backend import Runner
from app.jobs.services.queue import enqueue, queued_jobs, run_jobs
from app.jobs.tasks.context import Context
from tests.exchange.exchange_world import PROFILE, TOKEN, World

MANY = 30


class TwoPartners(World):
    """Two partners; each call of the slow one takes ten seconds."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.get_bind().engine, direction="both")
        self.other = StandIn(TOKEN, now=lambda: self.now)
        self.order: list[str] = []
        """What was created, and where, one after another."""
        with self.writing() as session:
            how: dict[str, Any] = {"url": "http://partner.example", "direction": "both"}
            connect(session, self.admin(), "QUICK", "zammad", profile=PROFILE, **how)
        self.slow = self.partner
        self._lock = threading.Lock()

    def _open(self, context: Context, session: Session, connection: Connection) -> Zammad:
        caller = JsonCaller(
            connection.url,
            (),
            {"Authorization": f"Token token={TOKEN}"},
            transport=partial(self._call, connection.partner.code),
        )
        return Zammad(caller, profile_in_use(session, connection), context.now())

    def _call(self, code: str, method: str, address: str, *given: Any, **more: Any) -> Answer:
        with self._lock:
            self.partner = self.other if code == "QUICK" else self.slow
            self.order.append(f"{code} {method}")
            if code != "QUICK":
                self.now += timedelta(seconds=10)
            return self._ask(method, address, *given, **more)

    def work(self) -> None:
        """Let a worker do all jobs that are there."""

        def of(job: Any) -> Any:
            return lambda arguments: job(self.context, arguments)

        functions: Mapping[str, Any] = {
            JOB: lambda arguments: take_up(self.context, arguments),
            LANE_JOB: of(self.deliveries.deliver_lane),
            BEGIN_OPEN: of(begin_open),
            COMPARISON: of(self.comparisons.compare),
            READ_TICKET: of(self.reader.read_ticket),
            READ_PARTNER: of(self.reader.read_partner),
        }
        ending = threading.Event()
        runner = Runner(self.engine, "worker", functions, Pace(look=0.1), lambda: self.now, ending)
        while run_jobs(runner, until_empty=True) or self._is_more():
            pass

    def _is_more(self) -> bool:
        """Whether a job put itself behind the others that were there."""
        with Session(self.engine) as session:
            return any(
                job.waiting
                for job in queued_jobs(session)
                if job.name in (LANE_JOB, COMPARISON, READ_PARTNER)
            )


@pytest.fixture
def world(session: Session) -> TwoPartners:
    return TwoPartners(session)


def connection_of(world: World, code: str) -> int:
    with Session(world.engine) as session:
        return next(
            one.id for one in session.scalars(select(Connection)) if one.partner.code == code
        )


def test_a_slow_partner_with_much_to_be_sent_does_not_hold_up_another(world: TwoPartners) -> None:
    """Every ticket goes to both; the slow partner's jobs were there first."""
    with world.writing() as session:  # until the slow one's work is queued
        quick = session.get_one(Connection, connection_of(world, "QUICK"))
        quick.direction = "pull"
    for turn in range(MANY):
        world.open(f"Ticket {turn}", "Text")
    plan_entries(world.context)
    with world.writing() as session:
        session.get_one(Connection, connection_of(world, "QUICK")).direction = "both"
    world.open("Urgent", "Text")
    plan_entries(world.context)
    world.work()
    first = world.order.index("QUICK POST")
    before = world.order[:first].count("GGUS POST")
    assert before < MANY / 3, "the other partner's change did not wait for all of the slow one's"
    assert len(world.slow.tickets) == MANY + 1
    assert len(world.other.tickets) == 1


def test_the_nightly_read_of_a_slow_partner_does_not_hold_up_another(world: TwoPartners) -> None:
    with world.writing() as session:
        session.get_one(Connection, connection_of(world, "QUICK")).direction = "pull"
    for turn in range(MANY):
        world.open(f"Ticket {turn}", "Text")
    plan_entries(world.context)
    world.work()
    world.order.clear()
    with world.writing() as session:
        key = connection_of(world, "GGUS")
        enqueue(session, COMPARISON, {"connection": key}, key=f"{COMPARISON} {key}")
        session.get_one(Connection, connection_of(world, "QUICK")).direction = "push"
    world.open("Urgent", "Text")
    plan_entries(world.context)
    world.work()
    first = world.order.index("QUICK POST")
    assert world.order[:first].count("GGUS GET") < MANY
    assert world.order.count("GGUS GET") >= 2 * MANY, "every open pair is read all the same"


def test_what_changed_at_a_slow_partner_does_not_hold_up_another(world: TwoPartners) -> None:
    """It is looked at the time between any two of its tickets."""
    with world.writing() as session:
        session.get_one(Connection, connection_of(world, "QUICK")).direction = "pull"
    world.pull()
    for turn in range(MANY):
        world.slow.open(f"Theirs {turn}", "Text", group="Network")
    with world.writing() as session:
        key = connection_of(world, "GGUS")
        enqueue(session, READ_PARTNER, {"connection": key}, key=f"{READ_PARTNER} {key}")
        session.get_one(Connection, connection_of(world, "QUICK")).direction = "push"
    world.order.clear()
    world.open("Urgent", "Text")
    plan_entries(world.context)
    world.work()
    first = world.order.index("QUICK POST")
    assert world.order[:first].count("GGUS GET") <= 20, "one turn of each of its jobs"
    with Session(world.engine) as session:
        theirs = select(func.count(TicketPair.id)).where(TicketPair.began_here.is_(False))
        assert session.scalar(theirs) == MANY, "every ticket is read all the same"


def test_a_partner_is_read_while_much_is_sent_to_it(session: Session) -> None:
    """Both lanes are busy, and each continues at once. The read looks again two seconds later."""
    world = World(session.get_bind().engine)
    world.pull()
    world.partner.open("Theirs", "Text", group="Network")
    for turn in range(2 * LANES):
        world.open(f"Ours {turn}", "Text")
    plan_entries(world.context)
    world.later(minutes=1)
    turns, key = Turns(), world.connection_id
    reader = PartnerReader(world._open, turns=turns)
    deliveries = Deliveries(world._open, turns=turns)
    with ExitStack() as first, ExitStack() as second:
        for lane in (first, second):
            one = lane.enter_context(turns.turn(key, Way.OUT, world.context.now))
            assert isinstance(one, Budget)
        reader.read_partner(world.context, {"connection": key})
        first.close()
        for number in range(LANES):
            deliveries.deliver_lane(world.context, {"connection": key, "lane": number})
        assert [len(world.partner.tickets), read_here(world)] == [1, 0]
        world.later(seconds=2)
        reader.read_partner(world.context, {"connection": key})
        assert read_here(world) == 1
        for number in range(LANES):
            deliveries.deliver_lane(world.context, {"connection": key, "lane": number})
        assert len(world.partner.tickets) == 1 + 2 * LANES


def read_here(world: World) -> int:
    """Tickets of theirs that were read."""
    with Session(world.engine) as session:
        theirs = select(func.count(TicketPair.id)).where(TicketPair.began_here.is_(False))
        return session.scalar(theirs) or 0
