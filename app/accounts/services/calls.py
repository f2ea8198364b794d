"""What partners' accounts called: single calls for a set time, and sums per day for good.

Never a body, a secret or a name out of a body. A door records in batches, behind its answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import case, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.models.partners import PartnerAccount
from app.core.database.upsert import upsert

MAX_LOGIN_LENGTH = 100
LOOKED_THROUGH = 10_000
"""Rows of an account's calls that are read to list their kinds."""

_INSERT = insert(PartnerCall.__table__)  # type: ignore[arg-type]  # it is a Table


@dataclass(frozen=True)
class CallRecord:
    """One call. ``at`` is aware UTC, ``fault`` the number that was answered or None.

    ``account`` is the key of a verified account, or the login that the caller claims: then the
    call is stored only if there is such an account.
    """

    account: int | str
    at: datetime
    service: str
    operation: str
    fault: int | None
    microseconds: int
    request_bytes: int
    answer_bytes: int


@dataclass(frozen=True)
class DaySum:
    """Calls and faults of one day (UTC)."""

    day: date
    calls: int
    faults: int


@dataclass(frozen=True)
class Use:
    """How an account was used: over the last 24 hours, and when last (None = never)."""

    calls: int
    faults: int
    last_at: datetime | None


Position = tuple[datetime, int]
"""A place in the list of an account's calls: time and key of the last one that was shown."""


def record_calls(session: Session, calls: Sequence[CallRecord]) -> int:
    """Store a batch and add it to the days' sums. Returns how many were of known accounts."""
    known = _known_accounts(session, calls)
    rows = [
        {
            "account_id": known[call.account],
            "at": call.at,
            "service": call.service,
            "operation": call.operation,
            "fault": call.fault,
            "microseconds": call.microseconds,
            "request_bytes": call.request_bytes,
            "answer_bytes": call.answer_bytes,
        }
        for call in calls
        if call.account in known
    ]
    if not rows:
        return 0
    session.connection().execute(_INSERT, rows)
    _add_to_days(session, [(known[call.account], call) for call in calls if call.account in known])
    return len(rows)


def calls_of(
    session: Session,
    account_id: int,
    *,
    faults_only: bool = False,
    operation: str | None = None,
    after: Position | None = None,
    limit: int = 50,
) -> Sequence[PartnerCall]:
    """An account's calls, newest first, behind a position. ``operation`` "" is an unknown one."""
    wanted = select(PartnerCall).where(PartnerCall.account_id == account_id)
    if faults_only:
        wanted = wanted.where(PartnerCall.fault.is_not(None))
    if operation is not None:
        wanted = wanted.where(PartnerCall.operation == operation)
    if after is not None:
        at, key = after
        wanted = wanted.where(PartnerCall.at <= at, or_(PartnerCall.at < at, PartnerCall.id < key))
    return session.scalars(
        wanted.order_by(PartnerCall.at.desc(), PartnerCall.id.desc()).limit(limit)
    ).all()


def kinds_of(session: Session, account_id: int) -> Sequence[tuple[str, int | None]]:
    """Which operations with which outcomes there are among an account's newest calls.

    "" is an unknown operation, None the outcome of what was carried out.
    """
    newest = (
        select(PartnerCall.operation, PartnerCall.fault)
        .where(PartnerCall.account_id == account_id)
        .order_by(PartnerCall.at.desc())
        .limit(LOOKED_THROUGH)
        .subquery()
    )
    found = session.execute(select(newest.c.operation, newest.c.fault).distinct())
    return [(row.operation, row.fault) for row in found]


def days_of(
    session: Session, account_ids: Collection[int], today: date, days: int
) -> Mapping[int, Sequence[DaySum]]:
    """For each account its last ``days`` days up to ``today``, oldest first, zeros included."""
    first = today - timedelta(days=days - 1)
    found = {
        (row.account_id, row.day): row
        for row in session.scalars(
            select(AccountDay).where(
                AccountDay.account_id.in_(account_ids), AccountDay.day.between(first, today)
            )
        )
    }
    every = [first + timedelta(days=number) for number in range(days)]
    return {
        account_id: [
            DaySum(day, row.calls, row.faults)
            if (row := found.get((account_id, day))) is not None
            else DaySum(day, 0, 0)
            for day in every
        ]
        for account_id in account_ids
    }


def use_of(session: Session, account_ids: Collection[int], now: datetime) -> Mapping[int, Use]:
    """How each of these accounts was used up to ``now``."""
    last = {
        row.account_id: row.last
        for row in session.execute(
            select(AccountDay.account_id, func.max(AccountDay.last_at).label("last"))
            .where(AccountDay.account_id.in_(account_ids))
            .group_by(AccountDay.account_id)
        )
    }
    counted = {
        row.account_id: row
        for row in session.execute(
            select(
                PartnerCall.account_id,
                func.count().label("calls"),
                func.count(PartnerCall.fault).label("faults"),
            )
            .where(
                PartnerCall.account_id.in_(account_ids), PartnerCall.at > now - timedelta(hours=24)
            )
            .group_by(PartnerCall.account_id)
        )
    }
    return {
        account_id: Use(
            counted[account_id].calls if account_id in counted else 0,
            counted[account_id].faults if account_id in counted else 0,
            last.get(account_id),
        )
        for account_id in account_ids
    }


def forget_calls(session: Session, before: datetime, limit: int) -> int:
    """Delete up to ``limit`` single calls made before a time; how many went.

    The sums per day stay. Rows that another process is deleting are passed over.
    """
    outdated = (
        select(PartnerCall.id)
        .where(PartnerCall.at < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = session.execute(delete(PartnerCall).where(PartnerCall.id.in_(outdated)))
    count: int = deleted.rowcount  # type: ignore[attr-defined]  # a DELETE has one
    return count


def _known_accounts(session: Session, calls: Sequence[CallRecord]) -> dict[int | str, int]:
    """The keys of the accounts that these calls name, by key and by login."""
    known: dict[int | str, int] = {
        call.account: call.account for call in calls if isinstance(call.account, int)
    }
    logins = {
        call.account
        for call in calls
        if isinstance(call.account, str) and len(call.account) <= MAX_LOGIN_LENGTH
    }
    if logins:
        found = session.execute(
            select(PartnerAccount.login, PartnerAccount.id).where(PartnerAccount.login.in_(logins))
        )
        known |= {row.login: row.id for row in found}
    return known


def _add_to_days(session: Session, calls: Sequence[tuple[int, CallRecord]]) -> None:
    """Raise the sums, always in one order: two processes that do so never wait in a circle."""
    counts: Counter[tuple[int, date]] = Counter()
    faults: Counter[tuple[int, date]] = Counter()
    last: dict[tuple[int, date], datetime] = {}
    for account_id, call in calls:
        key = (account_id, call.at.astimezone(UTC).date())
        counts[key] += 1
        faults[key] += call.fault is not None
        last[key] = max(call.at, last.get(key, call.at))
    added = upsert(AccountDay)
    newer = added.excluded.last_at
    statement = added.on_conflict_do_update(
        index_elements=[AccountDay.account_id, AccountDay.day],
        set_={
            "calls": AccountDay.calls + added.excluded.calls,
            "faults": AccountDay.faults + added.excluded.faults,
            "last_at": case((newer > AccountDay.last_at, newer), else_=AccountDay.last_at),
        },
    )
    for account_id, day in sorted(counts):
        key = (account_id, day)
        session.execute(
            statement,
            {
                "account_id": account_id,
                "day": day,
                "calls": counts[key],
                "faults": faults[key],
                "last_at": last[key],
            },
        )
