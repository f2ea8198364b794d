"""The record of calls: batches, days' sums, lists, forgetting; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.services.calls import (
    CallRecord,
    calls_of,
    days_of,
    forget_calls,
    kinds_of,
    record_calls,
    use_of,
)
from app.core.database.transactions import transaction
from tests.cast import NOON, Cast, enter
from tests.harness.databases import open_engine

TODAY = NOON.date()


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def call(
    account: int | str | None,
    at: datetime = NOON,
    *,
    operation: str = "TicketGet",
    fault: int | None = None,
) -> CallRecord:
    assert account is not None
    return CallRecord(account, at, "GGUS", operation, fault, 1500, 700, 2000)


def record(session: Session, *calls: CallRecord) -> int:
    with transaction(session):
        return record_calls(session, calls)


def test_a_batch_becomes_rows_and_sums_per_day(session: Session, cast: Cast) -> None:
    ggus, nren = cast.ggus.account_id, cast.nren_a.account_id
    midnight = datetime(2013, 3, 7, tzinfo=UTC)
    stored = record(
        session,
        call(ggus),
        call(ggus, NOON + timedelta(minutes=1), fault=302),
        call(ggus, midnight - timedelta(microseconds=1)),
        call(ggus, midnight),
        call(nren, fault=330),
    )
    assert stored == 5
    record(session, call(ggus, NOON - timedelta(minutes=5), fault=310))
    sums = {
        (row.account_id, row.day): (row.calls, row.faults, row.last_at)
        for row in session.scalars(select(AccountDay))
    }
    assert sums == {
        (ggus, TODAY): (4, 2, midnight - timedelta(microseconds=1)),
        (ggus, date(2013, 3, 7)): (1, 0, midnight),
        (nren, TODAY): (1, 1, NOON),
    }


def test_a_claimed_login_counts_only_if_there_is_such_an_account(
    session: Session, cast: Cast
) -> None:
    stored = record(
        session,
        call("nren_a", fault=623),
        call("NREN_A", fault=623),
        call("nobody", fault=623),
        call("x" * 5000, fault=623),
    )
    assert stored == 1
    (row,) = session.scalars(select(PartnerCall))
    assert (row.account_id, row.fault) == (cast.nren_a.account_id, 623)
    session.rollback()
    assert record(session, call("nobody")) == 0
    assert record(session) == 0


def test_an_accounts_calls_by_pages_without_gap_or_double(session: Session, cast: Cast) -> None:
    ggus = cast.ggus.account_id
    assert ggus is not None
    record(
        session,
        *(
            # several at one moment, so that pages end among them
            call(
                ggus,
                NOON + timedelta(seconds=number // 3),
                operation="OpCreate" if number % 5 == 0 else "TicketGet",
                fault=310 if number % 4 == 0 else None,
            )
            for number in range(40)
        ),
        call(cast.nren_a.account_id),
    )
    for wanted, count in (
        ({}, 40),
        ({"faults_only": True}, 10),
        ({"operation": "OpCreate"}, 8),
        ({"operation": "OpCreate", "faults_only": True}, 2),
        ({"operation": "TicketModify"}, 0),
    ):
        seen: list[PartnerCall] = []
        while page := calls_of(
            session,
            ggus,
            after=(seen[-1].at, seen[-1].id) if seen else None,
            limit=7,
            **wanted,
        ):
            seen += page
        assert len({row.id for row in seen}) == len(seen) == count
        assert [row.at for row in seen] == sorted((row.at for row in seen), reverse=True)
        assert {row.account_id for row in seen} <= {ggus}
    assert sorted(kinds_of(session, ggus), key=str) == [
        ("OpCreate", 310),
        ("OpCreate", None),
        ("TicketGet", 310),
        ("TicketGet", None),
    ]


def test_use_and_days(session: Session, cast: Cast) -> None:
    ggus, never = cast.ggus.account_id, cast.nren_b.account_id
    assert ggus is not None
    assert never is not None
    record(
        session,
        call(ggus, NOON - timedelta(hours=23), fault=302),
        call(ggus, NOON - timedelta(hours=25)),
        call(ggus, NOON - timedelta(days=3)),
        call(ggus, NOON - timedelta(days=3), fault=310),
        call(ggus, NOON - timedelta(days=30)),
    )
    use = use_of(session, [ggus, never], NOON)
    assert (use[ggus].calls, use[ggus].faults) == (1, 1)
    assert use[ggus].last_at == NOON - timedelta(hours=23)
    assert (use[never].calls, use[never].last_at) == (0, None)
    days = days_of(session, [ggus, never], TODAY, 7)
    assert [(day.day.day, day.calls, day.faults) for day in days[ggus]] == [
        (28, 0, 0),
        (1, 0, 0),
        (2, 0, 0),
        (3, 2, 1),
        (4, 0, 0),
        (5, 2, 1),
        (6, 0, 0),
    ]
    assert sum(day.calls for day in days[never]) == 0


def test_single_calls_are_forgotten_and_sums_stay(session: Session, cast: Cast) -> None:
    ggus = cast.ggus.account_id
    old = [call(ggus, NOON - timedelta(days=31, seconds=number)) for number in range(1200)]
    record(session, *old, call(ggus))
    before = NOON - timedelta(days=30)
    gone: list[int] = []
    while not gone or gone[-1]:
        with transaction(session):
            gone.append(forget_calls(session, before, 1000))
    assert gone == [1000, 200, 0]
    assert [row.at for row in session.scalars(select(PartnerCall))] == [NOON]
    assert session.scalar(select(func.sum(AccountDay.calls))) == 1201


def test_two_writers_sum_up_the_same_days_without_deadlock(
    database: str, session: Session, cast: Cast
) -> None:
    days = [NOON + timedelta(days=number) for number in range(60)]
    ggus, turns = cast.ggus.account_id, 10
    engine = open_engine(database)
    both = Barrier(2)

    def write(order: list[datetime]) -> None:
        for _ in range(turns):
            both.wait(60)
            with Session(engine) as mine:
                record(mine, *(call(ggus, at) for at in order))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (days, days[::-1])))
    engine.dispose()
    assert set(session.scalars(select(AccountDay.calls))) == {2 * turns}
