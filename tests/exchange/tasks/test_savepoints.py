"""What is left to the worker survives a savepoint that is rolled back later in its transaction."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import dry_run, transaction
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import Choice, Profile, ValueRow
from app.exchange.services.planning import LANE_JOB, enqueue_pair
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.rules.jobs import Pace
from app.jobs.services.backend import Runner
from app.jobs.services.queue import queued_jobs, run_jobs
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, World

OURS_THEN_THEIRS = Profile(
    tickets=Choice.NEW,
    group="Network",
    maps={
        "priority": (ValueRow("less urgent", "less urgent"), ValueRow("urgent", "urgent")),
        "state": PROFILE.maps["state"],
    },
    owners={"priority": Owner.US, "state": Owner.THEM},
)


def work(world: World) -> None:
    """A worker does the jobs that are queued, and no others."""

    def deliver(arguments: Mapping[str, Any]) -> None:
        world.deliveries.deliver_lane(world.context, arguments)

    runner = Runner(
        world.engine, "w", {LANE_JOB: deliver}, Pace(look=0.1), lambda: world.now, threading.Event()
    )
    while run_jobs(runner, until_empty=True):
        pass


def lanes_waiting(world: World) -> int:
    with Session(world.engine) as session:
        return sum(job.waiting for job in queued_jobs(session) if job.name == LANE_JOB)


def waiting(world: World) -> list[dict[str, str]]:
    """Contents of our entries that wait."""
    with Session(world.engine) as session:
        found = session.scalars(
            select(ExchangeEntry).where(ExchangeEntry.state == "waiting").order_by(ExchangeEntry.id)
        )
        return [json.loads(one.content) for one in found]


def paired(world: World, priority: str = "less urgent") -> int:
    number = world.open("Link down", "The fibre is cut.", priority=priority)
    plan_entries(world.context)
    work(world)
    world.read("1001")
    assert not waiting(world)
    return number


def test_what_is_ours_is_sent_again_though_their_state_is_refused(session: Session) -> None:
    """They change our priority, and send a state that is not allowed here, in one read."""
    world = World(session.get_bind().engine, OURS_THEN_THEIRS)
    number = paired(world)
    for state, more in (("in progress", {}), ("solved", {"solution": "spliced"}), ("closed", {})):
        world.do(move_ticket, number, state, **more)
    plan_entries(world.context)
    work(world)
    world.later(minutes=1)
    world.partner.tickets[1001].priority = "urgent"
    world.partner.move(1001, "in progress")
    world.read("1001")
    assert waiting(world) == [{"priority": "less urgent"}]
    assert lanes_waiting(world) == 1
    work(world)
    assert world.partner.tickets[1001].priority == "less urgent"


def test_what_a_merge_left_behind_is_sent_though_a_file_is_refused(session: Session) -> None:
    world = World(session.get_bind().engine)
    number = paired(world)
    into = world.partner.open("The same", "It is known.", group="Users")
    world.partner.merge(1001, into)
    world.do(comment_ticket, number, "Said after it")
    plan_entries(world.context)
    work(world)
    world.partner.attach(into, "empty.bin", b"", "See the dump")
    world.later(minutes=1)
    world.pull()
    assert [one["text"] for one in waiting(world)] == ["Said after it"]
    assert lanes_waiting(world) == 1


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_job_belongs_to_the_savepoint_in_which_it_was_left(
    session: Session, is_inside: bool
) -> None:
    world = World(session.get_bind().engine)
    paired(world)
    with world.writing() as session:
        pair = session.scalars(select(TicketPair)).one()
        if not is_inside:
            enqueue_pair(session, pair)
        savepoint = session.begin_nested()
        if is_inside:
            enqueue_pair(session, pair)
        savepoint.rollback()
    assert lanes_waiting(world) == (0 if is_inside else 1)


def test_a_transaction_that_is_rolled_back_leaves_nothing_to_the_next(session: Session) -> None:
    world = World(session.get_bind().engine)
    paired(world)
    with Session(world.engine) as session:
        with dry_run(session):
            enqueue_pair(session, session.scalars(select(TicketPair)).one())
        with transaction(session):
            pass
    assert lanes_waiting(world) == 0
