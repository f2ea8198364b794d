"""The turns of partners in one process."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from app.exchange.rules.budget import Budget, Turns, Way

_START = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.time = _START

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> _Clock:
    """A clock that stands still until the test sets it."""
    return _Clock()


def test_a_partner_takes_half_of_the_threads_and_leaves_the_others(clock: _Clock) -> None:
    """A worker runs four jobs at once: two of a slow partner, and two of everybody else."""
    turns = Turns()
    with ExitStack() as stack:
        slow = [stack.enter_context(turns.turn(1, Way.OUT, clock)) for _ in range(3)]
        assert [type(one) for one in slow] == [Budget, Budget, datetime]
        assert slow[2] == _START + timedelta(seconds=2), "the third looks again after a turn"
        other = [stack.enter_context(turns.turn(2, Way.OUT, clock)) for _ in range(2)]
        assert [type(one) for one in other] == [Budget, Budget]
    with turns.turn(1, Way.OUT, clock) as one:
        assert isinstance(one, Budget), "its turns have ended"


def test_a_turn_that_failed_has_ended(clock: _Clock) -> None:
    """Otherwise a partner that breaks two jobs would never have a turn again."""
    turns = Turns()
    for _ in range(5):
        with pytest.raises(RuntimeError), turns.turn(1, Way.OUT, clock):
            raise RuntimeError
    with turns.turn(1, Way.OUT, clock) as one:
        assert isinstance(one, Budget)


def test_the_direction_that_had_to_wait_has_the_next_turn(clock: _Clock) -> None:
    """A lane with much to send enqueues its rest, which starts before a read looks again."""
    turns = Turns()
    with ExitStack() as one, ExitStack() as two:
        for lane in (one, two):
            assert isinstance(lane.enter_context(turns.turn(1, Way.OUT, clock)), Budget)
        with turns.turn(1, Way.IN, clock) as read:
            assert not isinstance(read, Budget)
        one.close()
        with turns.turn(1, Way.OUT, clock) as rest:
            assert not isinstance(rest, Budget), "it is left to the read"
        clock.time += timedelta(seconds=2)
        with turns.turn(1, Way.IN, clock) as read:
            assert isinstance(read, Budget)
        with turns.turn(1, Way.OUT, clock) as rest:
            assert isinstance(rest, Budget)


def test_sending_does_not_wait_for_reads_that_follow_each_other(clock: _Clock) -> None:
    """Each webhook announces a read of its own."""
    turns = Turns()
    with ExitStack() as one, ExitStack() as two:
        for read in (one, two):
            assert isinstance(read.enter_context(turns.turn(1, Way.IN, clock)), Budget)
        with turns.turn(1, Way.OUT, clock) as lane:
            assert not isinstance(lane, Budget)
        one.close()
        with turns.turn(1, Way.IN, clock) as read_:
            assert not isinstance(read_, Budget)
        with turns.turn(1, Way.OUT, clock) as lane:
            assert isinstance(lane, Budget)


def test_a_turn_is_not_left_for_ever_to_a_job_that_does_not_come(clock: _Clock) -> None:
    """Another worker does it, or it is given up."""
    turns = Turns()
    with ExitStack() as one, ExitStack() as two:
        for lane in (one, two):
            lane.enter_context(turns.turn(1, Way.OUT, clock))
        with turns.turn(1, Way.IN, clock) as read:
            assert not isinstance(read, Budget)
        one.close()
        clock.time += timedelta(seconds=5)
        with turns.turn(1, Way.OUT, clock) as rest:
            assert isinstance(rest, Budget)
