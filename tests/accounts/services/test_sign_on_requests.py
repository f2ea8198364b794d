"""Who asked to sign on and has no role: one row each, few of them, and not for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sqlalchemy.orm import Session

from app.accounts.rules.sign_on import Claimed
from app.accounts.services import sign_on_requests
from app.accounts.services.sign_on_requests import (
    KEPT,
    MOST,
    drop_request,
    note_request,
    requests_at,
    values_of_request,
)
from app.core.database.transactions import transaction
from tests.cast import NOON
from tests.harness.databases import open_engine

ISSUER = "https://sso.example"


def asks(session: Session, number: int, minutes: int = 0, values: int = 1) -> None:
    said = Claimed(
        ISSUER,
        f"s-{number}",
        f"name-{number}",
        f"Person {number}",
        "",
        tuple(f"group-{value}" for value in range(values)),
    )
    with transaction(session):
        note_request(session, said, NOON + timedelta(minutes=minutes))


def listed(session: Session) -> list[tuple[str, int]]:
    found = [(one.subject, one.times) for one in requests_at(session, ISSUER)]
    session.rollback()
    return found


def test_one_row_each_the_last_first(session: Session) -> None:
    for minute, number in enumerate((1, 2, 1, 3, 1)):
        asks(session, number, minute, values=30)
    assert listed(session) == [("s-1", 3), ("s-3", 1), ("s-2", 1)]
    first = requests_at(session, ISSUER)[0]
    assert (first.first_at, first.asked_at) == (NOON, NOON + timedelta(minutes=4))
    assert values_of_request(first) == tuple(f"group-{value}" for value in range(20))
    assert requests_at(session, "https://other.example") == []
    with transaction(session):
        drop_request(session, ISSUER, "s-3")
    assert listed(session) == [("s-1", 3), ("s-2", 1)]


def test_they_are_few_and_end(session: Session) -> None:
    for number in range(MOST + 5):
        asks(session, number, number)
    assert [subject for subject, _times in listed(session)] == [
        f"s-{number}" for number in range(MOST + 4, 4, -1)
    ]
    with transaction(session):
        sign_on_requests.forget_requests(session, NOON + timedelta(minutes=10) + KEPT)
    assert listed(session)[-1] == ("s-10", 1)
    asks(session, 1, minutes=int(KEPT / timedelta(minutes=1)) + 1000)
    assert listed(session) == [("s-1", 1)]


def test_eight_at_once_are_counted(session: Session, database: str) -> None:
    engine, barrier = open_engine(database), Barrier(8)

    def one(turn: int) -> None:
        with Session(engine) as mine:
            barrier.wait(60)
            asks(mine, turn % 2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(8)))
    engine.dispose()
    assert sorted(listed(session)) == [("s-0", 4), ("s-1", 4)]
