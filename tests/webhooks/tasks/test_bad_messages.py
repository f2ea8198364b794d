"""A message that its receiver refuses holds up its own ticket, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.webhooks.services import webhooks as verbs
from tests.cast import writer
from tests.webhooks.receiver import SILENCE, TAKEN, Answer, Receiver, receiving
from tests.webhooks.world import World

REFUSED: Answer = (500, {}, b"cannot digest this")
SECOND = timedelta(seconds=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def world(session: Session) -> World:
    return World(session)


def versions(receiver: Receiver, number: int) -> list[int]:
    told = (one["data"] for one in receiver.messages)
    return [one["version"] for one in told if one["number"] == number]


@pytest.mark.parametrize("refusal", [REFUSED, (404, {}, b""), (302, {}, b""), (503, {}, b"")])
@pytest.mark.parametrize("hours", [0, 5])
def test_a_healthy_ticket_arrives_within_five_seconds(
    world: World, receiver: Receiver, refusal: Answer, hours: int
) -> None:
    """Also when nothing but failures came for hours, and just after one of them."""
    key, _secret = world.subscribe(receiver.url)
    bad, good = world.ticket(title="P"), world.ticket(title="Q")
    world.deliver()
    receiver.answer = lambda said: refusal if said["data"]["number"] == bad else TAKEN
    world.comment(bad, "one that the receiver cannot digest")
    world.deliver()
    for _hour in range(hours):
        world.deliver(timedelta(hours=1))
    assert world.webhook(key).failures == 1 + hours
    world.comment(good, "a healthy one")
    for _second in range(4):
        world.deliver(SECOND)
    assert versions(receiver, good) == [1, 2]
    assert versions(receiver, bad) == [1] + [2] * (1 + hours)


def test_a_connection_that_fails_after_hours_of_refusals_rests_for_five_seconds(
    world: World, receiver: Receiver
) -> None:
    """Only attempts that nobody answered count for the rest of the whole webhook."""
    world.subscribe(receiver.url)
    bad, good = world.ticket(title="P"), world.ticket(title="Q")
    world.deliver()
    receiver.answer = lambda said: REFUSED
    world.comment(bad, "no")
    for _hour in range(6):
        world.deliver(timedelta(hours=1))
    receiver.answer = lambda said: SILENCE
    world.comment(good, "lost")
    world.deliver(timedelta(minutes=1))
    receiver.answer = lambda said: TAKEN
    world.deliver(timedelta(seconds=4))
    assert versions(receiver, good) == [1, 2]
    world.deliver(SECOND)
    assert versions(receiver, good) == [1, 2, 2]


def test_one_failure_in_twelve_does_not_slow_the_others_down(
    world: World, receiver: Receiver
) -> None:
    """All of 48 tickets are tried in the same moment; the four that failed come 5 s later."""
    world.subscribe(receiver.url)
    for count in range(48):
        world.ticket(title=f"Ticket {count}")

    def answer(_said: Any) -> Answer:
        return REFUSED if len(receiver.got) in (12, 24, 36, 48) else TAKEN

    receiver.answer = answer
    world.deliver()
    assert len(receiver.got) == 48
    world.deliver(timedelta(seconds=4))
    assert len(receiver.got) == 48
    world.deliver(SECOND)
    assert len(receiver.got) == 52


def test_a_receiver_that_asks_for_a_pause_gets_it(world: World, receiver: Receiver) -> None:
    """429 and 503 concern all messages; with another status the pause is that of the message."""
    world.subscribe(receiver.url)
    bad, good = world.ticket(title="P"), world.ticket(title="Q")
    world.deliver()
    receiver.answer = lambda _said: (500, {"Retry-After": "120"}, b"")
    world.comment(bad, "no")
    world.deliver()
    receiver.answer = lambda _said: TAKEN
    world.comment(good, "yes")
    world.deliver(SECOND)
    assert versions(receiver, good) == [1, 2]
    world.deliver(timedelta(seconds=118))
    assert versions(receiver, bad) == [1, 2]
    receiver.answer = lambda _said: (503, {"Retry-After": "60"}, b"")
    world.deliver(SECOND)
    assert versions(receiver, bad) == [1, 2, 2]
    world.comment(good, "waits with the others")
    world.deliver(timedelta(seconds=59))
    assert versions(receiver, good) == [1, 2]
    receiver.answer = lambda _said: TAKEN
    world.deliver(SECOND)
    assert (versions(receiver, bad), versions(receiver, good)) == ([1, 2, 2, 2], [1, 2, 3])


_STEPS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([0, 1, 2, 4, 7, 31])), min_size=1, max_size=8
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(bad=st.integers(0, 5), steps=_STEPS)
@example(bad=5, steps=[(one, 0) for one in (0, 1, 2, 3, 4)])
@example(bad=4, steps=[(0, 0), (1, 0), (2, 0), (3, 0), (4, 7), (4, 1)])
def test_whatever_is_refused(
    world: World, receiver: Receiver, bad: int, steps: list[tuple[int, int]]
) -> None:
    """Of five tickets the first ``bad`` are refused. A message about another one waits at most 3 s
    for each of them that failed just before it; and where all are refused there are never more
    than three calls within 5 s."""
    calls: list[tuple[datetime, int]] = []
    healthy: list[tuple[datetime, int]] = []
    receiver.answer = lambda _said: TAKEN
    key, _secret = world.subscribe(receiver.url)
    numbers = [world.ticket(title=f"Ticket {count}") for count in range(5)]
    world.deliver()

    def answer(said: dict[str, Any]) -> Answer:
        calls.append((world.now, said["data"]["number"]))
        return REFUSED if said["data"]["number"] in numbers[:bad] else TAKEN

    receiver.answer = answer
    for step, (which, seconds) in enumerate(steps):
        world.comment(numbers[which], f"Comment {step}")
        if which >= bad:
            healthy.append((world.now, numbers[which]))
        world.deliver()
        for _second in range(seconds):
            world.deliver(SECOND)
    for _second in range(20):
        world.deliver(SECOND)
    with transaction(world.session):
        verbs.switch_off(world.session, writer(world.cast.operator, world.now), key)
    arrived = [call for call in calls if call[1] not in numbers[:bad]]
    assert sorted(number for _at, number in arrived) == sorted(one for _at, one in healthy)
    for number in numbers[bad:]:
        waits = zip(
            [at for at, one in healthy if one == number],
            [at for at, one in arrived if one == number],
            strict=True,
        )
        assert all(came - at <= timedelta(seconds=3) * max(bad, 1) for at, came in waits)
    if bad == 5:
        for at, _number in calls:
            soon = [one for one, _ in calls if at <= one < at + timedelta(seconds=5)]
            assert len(soon) <= 3
