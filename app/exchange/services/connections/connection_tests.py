"""The test of a connection, step by step: requested by a person, run by the worker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.language import _
from app.exchange.models.connections import Connection
from app.exchange.rules.partner import Check
from app.exchange.services.connections.connections import require_live
from app.jobs.services.queue import enqueue

JOB: Final = "test a connection"
MOST_GOES: Final = 8
BETWEEN_GOES: Final = timedelta(seconds=20)
"""So that a search has more than two minutes to find a new ticket."""


@dataclass(frozen=True)
class ConnectionTest:
    """A test: who requested it, which checks are done, and when it ended. ``goes``: number of runs;
    ``ticket``: their test ticket, while it waits for their search to find it."""

    by: str
    asked_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    checks: Sequence[Check] = field(default=())
    goes: int = 0
    ticket: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether it ended, after at least one check and without a problem."""
        is_over = self.ended_at is not None and bool(self.checks)
        return is_over and not any(check.problem for check in self.checks)


def newest_test(connection: Connection) -> ConnectionTest | None:
    """The newest test of a connection."""
    if not connection.test:
        return None
    stored = json.loads(connection.test)
    times = {
        name: datetime.fromisoformat(stored[name]) if stored[name] else None
        for name in ("asked_at", "begun_at", "ended_at")
    }
    checks = tuple(Check(**check) for check in stored["checks"])
    asked_at = times.pop("asked_at")
    assert asked_at is not None
    goes, ticket = stored.get("goes", 1), stored.get("ticket", "")
    return ConnectionTest(stored["by"], asked_at, checks=checks, goes=goes, ticket=ticket, **times)


def ask_test(session: Session, by: Writer, connection: Connection) -> None:
    """Request a test of a connection; requests during the wait are combined."""
    require_admin(by.actor, _("test connections with partners"))
    require_live(connection)
    _keep(connection, ConnectionTest(by.shown_author, by.now))
    enqueue(session, JOB, {"connection": connection.id}, key=f"test {connection.id}")


def begin_test(connection: Connection, now: datetime) -> str:
    """Start a run; the results of an interrupted one are discarded. Return the test ticket to which
    an earlier run wrote, "" = first run."""
    found = newest_test(connection) or ConnectionTest("portal", now)
    _keep(connection, ConnectionTest(found.by, found.asked_at, now, goes=found.goes + 1))
    return found.ticket


def wait_for_search(session: Session, connection: Connection, check: Check, now: datetime) -> bool:
    """Repeat the test a little later, because their search may be delayed; return whether that was
    scheduled. At most ``MOST_GOES`` times."""
    found = newest_test(connection)
    if not check.problem or not check.ticket or found is None or found.goes >= MOST_GOES:
        return False
    _keep(connection, found, ticket=check.ticket)
    arguments = {"connection": connection.id}
    key = f"test {connection.id}"
    enqueue(session, JOB, arguments, key=key, due=now + BETWEEN_GOES)
    return True


def note_check(connection: Connection, check: Check) -> None:
    """Record a finished step."""
    found = newest_test(connection)
    if found is not None:
        _keep(connection, found, checks=[*found.checks, check])


def end_test(connection: Connection, now: datetime) -> None:
    """Record the end of the test."""
    found = newest_test(connection)
    if found is not None:
        _keep(connection, found, ended_at=now)


def _keep(connection: Connection, test: ConnectionTest, **more: Any) -> None:
    stored = {**asdict(test), **more}
    for name in ("asked_at", "begun_at", "ended_at"):
        stored[name] = stored[name].isoformat() if stored[name] else None
    stored["checks"] = [asdict(one) if isinstance(one, Check) else one for one in stored["checks"]]
    connection.test = json.dumps(stored, ensure_ascii=False)
