"""What ``bench.prove_soak`` calls wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from bench.live import Heard
from bench.processes import Usage
from bench.prove_soak import Minute, Soaked, compared, wrong_with

_WEB = Usage("server", 1.0, 100.0, 40)
_WORKER = Usage("worker", 1.0, 80.0, 20)


def _minute(p95: float = 40.0, /, **processes: Usage) -> Minute:
    known = {"p7": _WEB, "p8": _WORKER} | processes
    return Minute(600, {}, 10.0, p95, {int(name[1:]): one for name, one in known.items()})


def _soaked(last: Minute, *, left: Sequence[str] = ()) -> Soaked:
    """Ten minutes, the last two of them like this one."""
    heard = Heard(of_each=[50, 50])
    return Soaked(20.0, [*[_minute()] * 8, last, last], 2, heard, left)


def test_minutes_after_the_warm_up_are_compared_with_the_last() -> None:
    minutes = [replace(_minute(), calls=number) for number in range(10)]
    before, after = compared(minutes)
    assert [one.calls for one in before] == [2, 3]
    assert [one.calls for one in after] == [8, 9]


def test_an_hour_without_a_fault_holds() -> None:
    last = _minute(49.0, p7=replace(_WEB, memory=105.0, descriptors=45))
    assert wrong_with(_soaked(last)) == []


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        ({"p7": replace(_WEB, memory=106.0)}, "server from 100 to 106 MiB"),
        ({"p8": replace(_WORKER, descriptors=26)}, "worker from 20 to 26 descriptors"),
    ],
)
def test_what_grows_does_not_hold(processes: Mapping[str, Usage], said: str) -> None:
    assert wrong_with(_soaked(_minute(**processes))) == [said]


def test_slower_calls_do_not_hold() -> None:
    assert wrong_with(_soaked(_minute(51.0))) == ["p95 from 40 to 51 ms"]


def test_a_process_that_was_replaced_does_not_hold() -> None:
    last = replace(_minute(), processes={7: _WEB, 9: _WORKER})
    assert wrong_with(_soaked(last)) == [
        "process 8 was not there all the time",
        "process 9 was not there all the time",
    ]


def test_one_failed_call_does_not_hold_in_whichever_minute() -> None:
    one = _soaked(_minute())
    minutes = [replace(one.minutes[0], failed={"503": 1}), *one.minutes[1:]]
    assert wrong_with(replace(one, minutes=minutes)) == ["1 calls failed: 503"]


def test_a_minute_without_calls_does_not_hold() -> None:
    one = _soaked(_minute())
    minutes = [*one.minutes[:4], replace(one.minutes[4], calls=0), *one.minutes[5:]]
    assert wrong_with(replace(one, minutes=minutes)) == ["a minute without a call"]


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        (Heard(of_each=[50, 50], ended=1), "listeners: 0 refused, 1 ended early"),
        (Heard(of_each=[50, 50], refused=1), "listeners: 1 refused, 0 ended early"),
        (Heard(of_each=[50, 10]), "messages of a listener: 10 to 50"),
        (Heard(of_each=[0, 0]), "messages of a listener: 0 to 0"),
        (Heard(of_each=[50]), "messages of a listener: 50 to 50"),
    ],
)
def test_listeners_that_hear_less_do_not_hold(heard: Heard, said: str) -> None:
    assert wrong_with(replace(_soaked(_minute()), heard=heard)) == [said]


def test_work_that_is_left_does_not_hold() -> None:
    assert wrong_with(_soaked(_minute(), left=["3 jobs mails"])) == ["3 jobs mails"]


def test_no_process_to_look_at_does_not_hold() -> None:
    one = _soaked(replace(_minute(), processes={}))
    minutes = [replace(minute, processes={}) for minute in one.minutes]
    assert wrong_with(replace(one, minutes=minutes)) == ["no process was seen"]
