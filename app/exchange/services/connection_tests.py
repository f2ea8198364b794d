"""The test of a connection, step by step: asked for by a person, done by the worker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_admin
from app.core.rules.language import _
from app.exchange.models.connections import Connection
from app.exchange.rules.partner import Check
from app.exchange.services.connections import require_live
from app.jobs.services.queue import enqueue

JOB: Final = "test a connection"


@dataclass(frozen=True)
class ConnectionTest:
    """A test: by whom it was asked, which checks are done, and when it ended."""

    by: str
    asked_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    checks: Sequence[Check] = field(default=())

    @property
    def is_passed(self) -> bool:
        """Whether it ended, and tried something, without a problem."""
        is_over = self.ended_at is not None and bool(self.checks)
        return is_over and not any(check.problem for check in self.checks)


def newest_test(connection: Connection) -> ConnectionTest | None:
    """The newest test of a connection."""
    if not connection.test:
        return None
    told = json.loads(connection.test)
    times = {
        name: datetime.fromisoformat(told[name]) if told[name] else None
        for name in ("asked_at", "begun_at", "ended_at")
    }
    checks = tuple(Check(**check) for check in told["checks"])
    asked_at = times.pop("asked_at")
    assert asked_at is not None
    return ConnectionTest(told["by"], asked_at, checks=checks, **times)


def ask_test(session: Session, by: Writer, connection: Connection) -> None:
    """Have a connection tested; one that is asked for again while it waits is done once."""
    require_admin(by.actor, _("test connections with partners"))
    require_live(connection)
    _keep(connection, ConnectionTest(by.shown_author, by.now))
    enqueue(session, JOB, {"connection": connection.id}, key=f"test {connection.id}")


def begin_test(connection: Connection, now: datetime) -> None:
    """A worker begins; what an interrupted one found is done anew."""
    found = newest_test(connection) or ConnectionTest("portal", now)
    _keep(connection, ConnectionTest(found.by, found.asked_at, now))


def note_check(connection: Connection, check: Check) -> None:
    """One step is done."""
    found = newest_test(connection)
    if found is not None:
        _keep(connection, found, checks=[*found.checks, check])


def end_test(connection: Connection, now: datetime) -> None:
    """No step is left."""
    found = newest_test(connection)
    if found is not None:
        _keep(connection, found, ended_at=now)


def _keep(connection: Connection, test: ConnectionTest, **more: Any) -> None:
    told = {**asdict(test), **more}
    for name in ("asked_at", "begun_at", "ended_at"):
        told[name] = told[name].isoformat() if told[name] else None
    told["checks"] = [asdict(one) if isinstance(one, Check) else one for one in told["checks"]]
    connection.test = json.dumps(told, ensure_ascii=False)
