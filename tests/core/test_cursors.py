"""How far a follower of the change log has come, when several move it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.services.cursors import (
    begin_cursor,
    cursor,
    hold_cursor,
    move_cursor,
    place_of,
    put_cursor,
)

NAME = "somebody_up_to"


def test_a_follower_begins_once(session: Session) -> None:
    assert place_of(session, NAME) is None
    assert hold_cursor(session, NAME) is None
    begin_cursor(session, NAME, 7)
    begin_cursor(session, NAME, 9)
    assert place_of(session, NAME) == 7
    assert session.scalar(select(cursor(NAME))) == "7"


def test_who_is_second_at_a_place_moves_nothing(session: Session) -> None:
    begin_cursor(session, NAME, 7)
    assert move_cursor(session, NAME, 7, 12)
    assert not move_cursor(session, NAME, 7, 12)
    assert not move_cursor(session, NAME, 7, 30)
    assert hold_cursor(session, NAME) == 12


def test_one_that_never_began_is_not_moved(session: Session) -> None:
    assert not move_cursor(session, NAME, 0, 5)
    put_cursor(session, NAME, 3)
    put_cursor(session, NAME, 2)
    assert place_of(session, NAME) == 2
