"""The table of moves, as GGUS's support staff guide gives it."""

from __future__ import annotations

import pytest

from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed, PortalError
from app.tickets.rules.tickets import check_creation_state, check_move

STATES = [
    "new",
    "assigned",
    "in progress",
    "waiting for reply",
    "on hold",
    "reopened",
    "solved",
    "unsolved",
    "verified",
    "closed",
]
# typed from the rules, a row for each state; columns as in STATES
# . no move, m anybody who may write, v the submitter, c an operator or the portal
TABLE = """
new               .mmmm.mm..
assigned          ..mmm.mm..
in progress       .m.mm.mm..
waiting for reply .mm.m.mm..
on hold           .mmm..mm..
reopened          .mmmm.mm..
solved            .....m..vc
unsolved          .....m..vc
verified          ..........
closed            ..........
"""


def outcome(old: str, new: str, *, is_submitter: bool, may_close: bool) -> str:
    try:
        check_move(old, new, has_solution=True, is_submitter=is_submitter, may_close=may_close)
    except MoveNotAllowed:
        return "no move"
    except Forbidden:
        return "not yours"
    return "allowed"


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row[:17].strip())
def test_each_row_of_the_table(row: str) -> None:
    old, marks = row[:18].strip(), row[18:]
    for new, mark in zip(STATES, marks, strict=True):
        for is_submitter in (False, True):
            for may_close in (False, True):
                expected = {
                    ".": "no move",
                    "m": "allowed",
                    "v": "allowed" if is_submitter else "not yours",
                    "c": "allowed" if may_close else "not yours",
                }[mark]
                got = outcome(old, new, is_submitter=is_submitter, may_close=may_close)
                assert got == expected, (old, new)


def test_solved_needs_a_solution_and_unsolved_none() -> None:
    with pytest.raises(Invalid) as caught:
        check_move("new", "solved", has_solution=False, is_submitter=True, may_close=True)
    assert caught.value.field == "solution"
    check_move("new", "unsolved", has_solution=False, is_submitter=False, may_close=False)


@pytest.mark.parametrize("state", STATES)
def test_a_ticket_is_created_as_new_or_assigned(state: str) -> None:
    if state in ("new", "assigned"):
        check_creation_state(state)
    else:
        with pytest.raises(PortalError):
            check_creation_state(state)
