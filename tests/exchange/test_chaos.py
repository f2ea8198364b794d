"""Half a minute of chaos, as `make chaos` plays it for longer."""

from __future__ import annotations

from tests.exchange.chaos import play


def test_nothing_is_lost_or_doubled_and_what_differs_is_said() -> None:
    result = play(seed=4, seconds=30, each=0.1, quick=8)
    assert (result.lost, result.doubled, result.unpaired) == ([], [], [])
    assert (result.different, result.out_of_step) == ([], [])
    assert result.kills > 0
    assert result.acknowledged > 0
    assert result.moved > 0
    assert result.values["equal"] > 0
