"""Webhooks by the whole worker: in one go, and by real processes of which one is killed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.webhooks.models.webhooks import Webhook
from app.worker.process import WorkerProcess
from tests.harness.until import until
from tests.harness.workers import StartWorker
from tests.webhooks.receiver import TAKEN, Answer, receiving
from tests.webhooks.world import World


def test_one_round_of_the_worker_plans_and_sends(session: Session) -> None:
    world = World(session)
    with receiving() as receiver:
        world.subscribe(receiver.url)
        number = world.ticket()
        WorkerProcess(world.context).work_once()
        assert [one["data"]["number"] for one in receiver.messages] == [number]


def test_a_killed_worker_loses_nothing(session: Session, start_worker: StartWorker) -> None:
    """It is killed while a receiver has the message and has not answered. When its claim is over,
    which is told here by hand, another worker sends that message again, and the next one after."""
    world, may_end = World(session), threading.Event()
    world.now = datetime.now(UTC)

    def wait(_said: dict[str, Any]) -> Answer:
        may_end.wait(60)
        return TAKEN

    with receiving() as receiver:
        receiver.answer = wait
        key, _secret = world.subscribe(receiver.url)
        number = world.ticket()
        world.comment(number, "The second message")
        first = start_worker()
        until(lambda: len(receiver.got) > 0)
        first.kill()
        first.wait()
        assert [one.state for one in world.deliveries(key)] == ["waiting", "waiting"]
        with transaction(session):
            session.get_one(Webhook, key).claimed_until = datetime.now(UTC)
        receiver.answer = lambda _said: TAKEN
        may_end.set()
        start_worker()
        until(lambda: len(receiver.got) == 3)
        until(lambda: {one.state for one in world.deliveries(key)} == {"delivered"})
        ids = [one["id"] for one in receiver.messages]
        assert ids[0] == ids[1] != ids[2]
        assert [one["data"]["version"] for one in receiver.messages] == [1, 1, 2]
