"""What changed, read newest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.exchange.adapters.newest import MOST_PAGES, PAGE, ChangedTicket, changed_since
from app.exchange.rules.failures import Outcome
from app.exchange.rules.partner import CallFailed

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=8)
"""When it is read, unless a test says otherwise."""


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Theirs:
    """Tickets there, by the minute of their last change; each page asked for is noted."""

    def __init__(self, **minutes: float) -> None:
        self.minutes = dict(minutes)
        self.asked: list[tuple[int, datetime | None]] = []

    def page(self, number: int, after: datetime | None) -> Sequence[ChangedTicket]:
        self.asked.append((number, after))
        rows = sorted(self.minutes.items(), key=lambda one: one[1], reverse=True)
        return [
            ChangedTicket(key, at(minute))
            for key, minute in rows[number * PAGE : (number + 1) * PAGE]
        ]


def test_the_first_read_takes_nothing_and_begins_with_their_newest_time() -> None:
    found = changed_since("", at(500), Theirs(a=1, b=3).page)
    assert (found.ids, found.cursor) == ((), at(3).isoformat())
    assert changed_since("", NOON, Theirs().page).cursor == NOON.isoformat()


def test_what_changed_comes_in_its_order_and_five_minutes_before_once_more() -> None:
    theirs = Theirs(old=4.9, edge=5, new=10.5, newer=12)
    found = changed_since(at(10).isoformat(), LATER, theirs.page)
    assert (found.ids, found.cursor) == (("edge", "new", "newer"), at(12).isoformat())
    assert theirs.asked == [(0, at(5) - timedelta(days=2))]


def test_the_cursor_never_goes_back() -> None:
    assert changed_since(at(10).isoformat(), LATER, Theirs(a=6).page).cursor == at(10).isoformat()
    assert changed_since(at(10).isoformat(), LATER, Theirs().page).cursor == at(10).isoformat()


def test_a_ticket_that_changes_between_two_pages_pushes_none_out() -> None:
    theirs = Theirs(**{f"t{number:03}": 10 + number / 100 for number in range(250)})

    def page(number: int, after: datetime | None) -> Sequence[ChangedTicket]:
        rows = theirs.page(number, after)
        theirs.minutes["t000"] = theirs.minutes["late"] = 20 + number
        return rows

    found = changed_since(at(10).isoformat(), LATER, page)
    assert {f"t{number:03}" for number in range(1, 250)} <= set(found.ids)
    assert found.cursor == at(12.49).isoformat()  # what came meanwhile is newer than that
    assert {"t000", "late"} <= set(changed_since(found.cursor, LATER, theirs.page).ids)


def test_an_order_that_is_none_is_refused() -> None:
    rows = [ChangedTicket("a", at(10)), ChangedTicket("b", at(11))]
    with pytest.raises(CallFailed, match="the last change first") as caught:
        changed_since(at(10).isoformat(), LATER, lambda *_: rows)
    assert caught.value.failure.outcome is Outcome.PERMANENT


def test_a_partner_that_pages_for_ever_is_left() -> None:
    same = [ChangedTicket(f"t{number}", at(10)) for number in range(PAGE)]
    asked: list[int] = []

    def again(number: int, _after: datetime | None) -> Sequence[ChangedTicket]:
        asked.append(number)
        return same

    assert len(changed_since(at(10).isoformat(), LATER, again).ids) == PAGE
    assert asked == [0, 1]

    def always_new(number: int, _after: datetime | None) -> Sequence[ChangedTicket]:
        return [ChangedTicket(f"t{number}-{one}", at(10)) for one in range(PAGE)]

    found = changed_since(at(10).isoformat(), LATER, always_new)
    assert len(found.ids) == MOST_PAGES * PAGE


def test_versions_are_told_as_far_as_they_are_known() -> None:
    rows = [ChangedTicket("a", at(11)), ChangedTicket("b", at(10), "7")]
    found = changed_since(at(10).isoformat(), LATER, lambda *_: rows)
    assert (found.ids, dict(found.versions)) == (("b", "a"), {"b": "7"})


def test_a_time_far_ahead_does_not_move_the_cursor_there() -> None:
    theirs = Theirs(late=10 * 365 * 24 * 60, now=20)
    assert changed_since("", NOON, theirs.page).cursor == at(1).isoformat()
    found = changed_since(at(10).isoformat(), at(20), theirs.page)
    assert (found.ids, found.cursor) == (("now", "late"), at(21).isoformat())
    theirs.minutes["next"] = 30
    assert "next" in changed_since(found.cursor, at(30), theirs.page).ids
    stuck = changed_since(at(10**6).isoformat(), at(40), theirs.page)
    assert stuck.cursor == at(41).isoformat(), "one that is there already comes back"
