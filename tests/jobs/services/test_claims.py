"""The claim of rows that wait: in order, by one worker at a time, until its time; mails here, whose
way webhooks and others share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.jobs.services.claims import claim, claimed, due, next_look, release
from app.mail.models.mails import Mail
from tests.cast import NOON

MINUTE = timedelta(minutes=1)
UNTIL = NOON + MINUTE


@pytest.fixture
def waiting(session: Session) -> Sequence[int]:
    """Three rows: the second has waited longest, the third is due in a minute; one that waits for
    nothing comes before them."""
    times = (None, NOON - MINUTE, NOON - 2 * MINUTE, NOON + MINUTE)
    with transaction(session):
        rows = [
            Mail(address="", address_key="", why="", state="", created_at=NOON, due_at=at)
            for at in times
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows[1:]]


def claimed_at(session: Session, now: timedelta, limit: int = 10) -> list[int]:
    with transaction(session):
        return [row.id for row in claim(session, Mail, NOON + now, UNTIL + now, limit)]


def test_who_waits_longest_comes_first_and_to_one_worker(
    session: Session, waiting: Sequence[int]
) -> None:
    second, first, last = waiting
    assert due(session, Mail, NOON, 10) == [first, second]
    assert due(session, Mail, NOON, 1) == [first]
    session.rollback()
    assert claimed_at(session, timedelta(0), limit=1) == [first]
    assert due(session, Mail, NOON, 10) == [second]
    session.rollback()
    assert claimed_at(session, timedelta(0)) == [second]
    assert claimed_at(session, timedelta(seconds=59)) == []
    assert claimed_at(session, MINUTE) == [first, second, last], "the claims have ended"


def test_the_next_look_is_at_what_is_due_or_at_the_end_of_a_claim(
    session: Session, waiting: Sequence[int]
) -> None:
    def look() -> object:
        found = next_look(session, Mail)
        session.rollback()
        return found

    assert look() == NOON - 2 * MINUTE
    assert claimed_at(session, timedelta(0), limit=1) == [waiting[1]]
    assert look() == NOON - MINUTE
    assert claimed_at(session, timedelta(seconds=-30)) == [waiting[0]]
    assert look() == UNTIL - timedelta(seconds=30)
    with transaction(session):
        for row in session.scalars(select(Mail)):
            row.due_at = None
    assert look() is None


def test_a_claim_is_good_until_the_row_is_claimed_again_or_released(
    session: Session, waiting: Sequence[int]
) -> None:
    second, first, last = waiting

    def has(row: int, until: timedelta) -> bool:
        with transaction(session):
            return claimed(session, Mail, row, UNTIL + until) is not None

    assert claimed_at(session, timedelta(0)) == [first, second]
    assert has(first, timedelta(0))
    assert not has(last, timedelta(0))
    assert claimed_at(session, MINUTE, limit=1) == [first]
    assert not has(first, timedelta(0))
    assert has(first, MINUTE)
    with transaction(session):
        release(session, Mail, [first, second], UNTIL)
    assert has(first, MINUTE), "it has another claim by now"
    assert not has(second, timedelta(0))
    assert due(session, Mail, NOON, 10) == [second]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_another_worker_is_claiming_is_skipped(
    session: Session, waiting: Sequence[int]
) -> None:
    """SQLite has one writer at a time."""
    second, first, _last = waiting
    with Session(session.get_bind()) as other, transaction(other):
        assert [row.id for row in claim(other, Mail, NOON, UNTIL, 1)] == [first]
        assert claimed_at(session, timedelta(0)) == [second]
