"""Whether anything can be written now: tried, and taken back."""

from __future__ import annotations

import shutil
import threading
from time import monotonic, time
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.database.sqlite_write_lock import WriteLock, WriteLockTimeout
from app.core.database.transactions import transaction_if_free

FRESH: Final = 5.0
"""Seconds for which an answer is used again, so that frequent requests make nobody wait."""
LONG_HELD: Final = 10.0
"""Seconds after which one who writes holds everybody up."""
LEAST_FREE: Final = 16 * 1024 * 1024
"""Bytes that the disk of an SQLite file must have left: a backup of what is written meanwhile."""
_ON_DISK: Final = 80_000
"""Rows that PostgreSQL writes to a temporary file, about 1 MiB: what a transaction changes in place
succeeds on a full disk until a table has to grow."""
_PATIENCE: Final = "2s"
"""How long PostgreSQL waits for the lock of all writers."""
_LOCKED: Final = "55P03"
"""SQLSTATE lock_not_available."""
_DISK_FULL: Final = "53100"


class WriteProbe:
    """What one process knows about it."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._asked = float("-inf")
        self._problem: str | None = None

    def problem(self, session: Session) -> str | None:
        """Why nothing can be written, in plain words for anybody; None = it can."""
        with self._asking:
            if monotonic() - self._asked >= FRESH:
                self._problem, self._asked = _problem_now(session), monotonic()
            return self._problem


def _problem_now(session: Session) -> str | None:
    database = session.get_bind().engine.url.database
    if session.get_bind().dialect.name == "postgresql":
        return _problem_of_postgresql(session)
    if database in (None, "", ":memory:"):
        return None
    try:
        with transaction_if_free(session, is_trial=True) as is_free:
            if is_free:
                session.execute(text("INSERT INTO counters (name, value) VALUES ('try', 0)"))
    except WriteLockTimeout:
        return "nothing can be written: the lock file next to the database cannot be opened"
    except DBAPIError:
        return "nothing can be written: the database refuses it"
    if not is_free:
        holder = WriteLock.of(str(database)).holder()
        if holder is not None and time() - holder.since > LONG_HELD:
            return f"nothing can be written: {holder}"
        return None
    if shutil.disk_usage(database).free < LEAST_FREE:
        return "nothing can be written soon: the disk of the database is full"
    return None


def _problem_of_postgresql(session: Session) -> str | None:
    try:
        session.execute(text("SET LOCAL work_mem = '64kB'"))
        session.execute(text("SELECT count(*) FROM generate_series(1, :rows)"), {"rows": _ON_DISK})
        session.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        session.execute(text("UPDATE counters SET value = value WHERE name = 'change'"))
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == _LOCKED:
            return "nothing can be written: another transaction holds the lock of all writers"
        if state == _DISK_FULL:
            return "nothing can be written: the disk of the database is full"
        return "nothing can be written: the database refuses it"
    finally:
        session.rollback()
    return None
