"""The status of planned work by the state of its ticket."""

from __future__ import annotations

import pytest

from app.calendar.rules.work_status import WorkStatus, status_of
from app.tickets.rules.tickets import State

AGREED, OPEN = True, False
BEGUN, AHEAD = True, False


@pytest.mark.parametrize(
    ("state", "is_agreed", "has_begun", "status"),
    [
        ("new", AGREED, AHEAD, "CONFIRMED"),
        ("new", OPEN, AHEAD, "TENTATIVE"),
        ("assigned", AGREED, BEGUN, "CONFIRMED"),
        ("in progress", AGREED, AHEAD, "CONFIRMED"),
        ("in progress", OPEN, AHEAD, "TENTATIVE"),
        ("in progress", AGREED, BEGUN, "IN-PROCESS"),
        ("in progress", OPEN, BEGUN, "IN-PROCESS"),
        ("waiting for reply", AGREED, AHEAD, "CONFIRMED"),
        ("on hold", AGREED, BEGUN, "TENTATIVE"),
        ("reopened", AGREED, BEGUN, "CONFIRMED"),
        ("solved", OPEN, BEGUN, "COMPLETED"),
        ("verified", AGREED, BEGUN, "COMPLETED"),
        ("closed", AGREED, BEGUN, "COMPLETED"),
    ],
)
def test_a_state_is_one_status(state: str, is_agreed: bool, has_begun: bool, status: str) -> None:
    found = status_of(state, is_cancelled=False, is_agreed=is_agreed, has_begun=has_begun)
    assert found == status


def test_what_ended_unsolved_is_cancelled_also_where_it_was_closed_since() -> None:
    for state in ("unsolved", "closed", "verified"):
        found = status_of(state, is_cancelled=True, is_agreed=False, has_begun=True)
        assert found is WorkStatus.CANCELLED
    assert (
        status_of("unsolved", is_cancelled=False, is_agreed=True, has_begun=False)
        is WorkStatus.CANCELLED
    )


def test_every_state_has_a_status() -> None:
    for state in State:
        assert status_of(state, is_cancelled=False, is_agreed=True, has_begun=True) in WorkStatus
