"""Turns to run: short requests one after another, and nobody held up by one that is not short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.core.concurrency import Turns, waiting


def elsewhere(act: Callable[[], object]) -> None:
    """Do it in another thread, which has to come to an end."""
    with ThreadPoolExecutor(1) as other:
        other.submit(act).result(60)


def is_free(turns: Turns) -> bool:
    """Whether another thread would get a turn at once."""
    found = []

    def look() -> None:
        turns.take()
        found.append(turns.is_mine())
        if turns.is_mine():
            turns.give_back()

    elsewhere(look)
    return found[0]


def test_a_turn_is_given_out_once_and_comes_back() -> None:
    turns = Turns(1)
    assert is_free(turns)
    with turns.running():
        assert turns.is_mine()
        assert not is_free(turns)
    assert not turns.is_mine()
    assert is_free(turns)


def test_as_many_turns_as_are_set() -> None:
    turns = Turns(2)
    with turns.running():
        assert is_free(turns)
        elsewhere(lambda: _while_another_has_one(turns))


def _while_another_has_one(turns: Turns) -> None:
    with turns.running():
        assert turns.is_mine()
        assert not is_free(turns)


def test_who_takes_long_holds_nobody_up() -> None:
    """Eight requests run while the one that has the turn does not end at all."""
    turns = Turns(1)
    inside, end = threading.Event(), threading.Event()

    def long() -> None:
        with turns.running():
            inside.set()
            assert end.wait(60)

    def short(_: int) -> bool:
        with turns.running():
            return turns.is_mine()

    with ThreadPoolExecutor(9) as threads:
        running = threads.submit(long)
        assert inside.wait(60)
        assert list(threads.map(short, range(8), timeout=60)) == [False] * 8
        assert not running.done()
        end.set()
        running.result()
    assert is_free(turns)


def test_a_turn_comes_back_whatever_becomes_of_the_request() -> None:
    turns = Turns(1)
    for raised in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(raised), turns.running():
            raise raised
        assert is_free(turns)
        with pytest.raises(raised), turns.running(), waiting():
            raise raised
        assert is_free(turns)


def test_who_waits_lets_others_run_and_has_a_turn_again() -> None:
    turns = Turns(1)
    with turns.running():
        with waiting():
            assert is_free(turns)
            with waiting():
                assert is_free(turns)
            assert not turns.is_mine()  # the inner one gave back nothing
            assert is_free(turns)
        assert turns.is_mine()
        assert not is_free(turns)
    assert is_free(turns)


def test_who_waited_goes_on_without_a_turn_when_there_is_none() -> None:
    turns = Turns(1)
    inside, end = threading.Event(), threading.Event()

    def other() -> None:
        with turns.running():
            inside.set()
            assert end.wait(60)

    with ThreadPoolExecutor(1) as threads:
        with turns.running():
            with waiting():
                running = threads.submit(other)
                assert inside.wait(60)
            assert not turns.is_mine()
            end.set()
            running.result()
            assert is_free(turns)
        assert is_free(turns)  # nothing was given back that was not taken


def test_waiting_without_a_turn_is_nothing() -> None:
    turns = Turns(1)
    with waiting(), waiting():
        assert is_free(turns)
    with turns.running():
        elsewhere(_wait)  # another thread's waiting gives back nothing of ours
        assert turns.is_mine()
        assert not is_free(turns)


def _wait() -> None:
    with waiting():
        pass


def test_turns_inside_of_turns_are_one() -> None:
    turns = Turns(1)
    with turns.running():
        with turns.running():
            assert turns.is_mine()
        assert turns.is_mine()
        assert not is_free(turns)
    assert is_free(turns)
