"""When the portal reminds of replies. Cases made by hand; 2013-03-04 was a Monday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.tickets.rules.reminders import WaitingStep, due_step, next_step_at, reason_to_give_up

MOMENT = timedelta(milliseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2013-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "reminded", "due", "step"),
    [
        # Wednesday noon: five working days later it is the next Wednesday noon
        ("03-06 12:00", [], "03-13 12:00", WaitingStep.REMIND),
        ("03-06 12:00", ["03-13 12:00"], "03-20 12:00", WaitingStep.REMIND),
        ("03-06 12:00", ["03-13 12:00", "03-20 12:00"], "03-27 12:00", WaitingStep.GIVE_UP),
        # ten minutes between two looks move nothing, an hour does not either
        ("03-06 12:00", ["03-13 12:09"], "03-20 12:00", WaitingStep.REMIND),
        ("03-06 12:00", ["03-13 13:00", "03-20 12:30"], "03-27 12:00", WaitingStep.GIVE_UP),
        # the portal was down: who is reminded late has as much time to reply
        ("03-06 12:00", ["03-13 13:01"], "03-20 13:01", WaitingStep.REMIND),
        ("03-06 12:00", ["04-03 09:00"], "04-10 09:00", WaitingStep.REMIND),
        ("03-06 12:00", ["04-03 09:00", "04-10 09:05"], "04-17 09:00", WaitingStep.GIVE_UP),
        # weekends are no working time: Saturday and Sunday begin on Monday 00:00, and five days
        # later it is Saturday 00:00, whose next working moment is Monday
        ("03-09 15:00", [], "03-16 00:00", WaitingStep.REMIND),
        ("03-10 23:59", [], "03-16 00:00", WaitingStep.REMIND),
        ("03-11 00:00", [], "03-16 00:00", WaitingStep.REMIND),
        ("03-09 15:00", ["03-16 00:01"], "03-23 00:00", WaitingStep.REMIND),
        ("03-08 23:59", [], "03-15 23:59", WaitingStep.REMIND),
        # reminded late, on a Sunday: five days from Monday on
        ("03-06 12:00", ["03-17 08:00"], "03-23 00:00", WaitingStep.REMIND),
        # the clocks of Europe go forward on 2013-03-31; days are UTC
        ("03-27 02:30", [], "04-03 02:30", WaitingStep.REMIND),
    ],
)
def test_steps(since: str, reminded: list[str], due: str, step: WaitingStep) -> None:
    made = [at(each) for each in reminded]
    assert next_step_at(at(since), made) == at(due)
    assert due_step(at(since), made, at(due) - MOMENT) is None
    assert due_step(at(since), made, at(due)) is step


def test_the_reason_tells_when_it_was_reminded() -> None:
    reason = reason_to_give_up([at("03-13 12:00"), at("03-20 12:00")])
    assert "on 2013-03-13 and 2013-03-20 (UTC)" in reason
