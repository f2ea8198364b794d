"""The rules, played: some worlds of a chain and of a ring come to rest with nothing lost, doubled
or going round, and each thing that is broken on purpose is seen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.exchange.rules.settle import Base, Settled, Settlement, settle
from tests.exchange import simulator
from tests.exchange.simulator import Broken, Ring, broken_in, faults_of, first_seed_that_finds, play

SEEDS = range(100)


@pytest.mark.parametrize("first", SEEDS[::10])
def test_nothing_is_lost_or_doubled_and_nothing_goes_round(first: int) -> None:
    for seed in range(first, first + 10):
        assert list(faults_of(play(seed, steps=3_000))) == [], f"seed {seed}"


def test_what_goes_wrong_is_in_the_worlds_that_are_played() -> None:
    worlds = [play(seed, steps=3_000) for seed in range(8, 12)]
    assert sum(isinstance(world, Ring) for world in worlds) == 1
    chains = [world for world in worlds if not isinstance(world, Ring)]
    tickets = [one for world in chains for one in world.partner.tickets.values()]
    assert any(one.merged_into for one in tickets)
    assert any(len(one.log) > len(one.texts) for one in tickets)  # values were set, too
    links = [link for world in chains for one in world.portals for link in one.links.values()]
    assert any(link.moved for link in links)
    assert any(link.values for link in links)
    assert all(one.inbox for world in chains for one in world.portals)
    said = [text for world in chains for text in world.written]
    assert said.count("Any news?") > 10


def test_a_seed_replays_exactly() -> None:
    first, second = play(7, steps=2_000), play(7, steps=2_000)
    assert (first.steps, first.now, first.written) == (second.steps, second.now, second.written)
    assert [one.tickets for one in first.systems] == [one.tickets for one in second.systems]


@pytest.mark.parametrize("name", ["look_up", "lock", "inbox", "memory", "hops"])
def test_what_is_broken_on_purpose_is_seen(name: str) -> None:
    seen = first_seed_that_finds(broken_in(name))
    assert seen is not None


@pytest.mark.parametrize("name", simulator.WRONGLY)
def test_values_that_are_settled_wrongly_are_seen(name: str) -> None:
    seen = first_seed_that_finds(Broken(values=name))
    assert seen is not None
    assert "lost value" in seen[1]


def test_values_are_sent_taken_asked_and_said_in_the_worlds_that_are_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A check of values that never meets a case would prove nothing of it."""
    met: Counter[str] = Counter()

    def counting(base: Base | None, *given: Any) -> Settled:
        found = settle(base, *given)
        is_moved = found.what is Settlement.SEND and base is not None and base.moved is not None
        met.update([found.what, *(["moved"] if is_moved else [])])
        return found

    monkeypatch.setattr(simulator, "settle", counting)
    for seed in range(20):
        play(seed, steps=3_000)
    assert all(met[one] > 10 for one in (*Settlement, "moved")), met


def test_the_command_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    simulator.main(["--steps", "20000"])
    told = capsys.readouterr().out
    assert "lost 0, doubled 0, loops 0" in told
    assert "steps a second" in told
    assert told.count("broken ") == 10
    assert "not found" not in told
    simulator.main(["--seed", "3"])
    assert capsys.readouterr().out == ""
