"""Several writers' changes in one commit, where a database takes one writer at a time.

SQLite lets one transaction write, and syncing its commit to disk takes about as long as a change
itself. Writers of one process that come while another is writing therefore share its transaction:
each has its turn and a savepoint of its own, the last of them commits for all, and none is told
that its change is written before it is on disk. PostgreSQL does the like by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.concurrency import waiting
from app.core.database.sqlite_write_lock import PATIENCE, GateClosed
from app.core.database.transactions import (
    MAY_WRITE,
    CommitFailed,
    confirmed,
    gate_of,
    is_given_up,
    note_commit,
    writing,
)
from app.core.rules.errors import OutcomeUnknown

_log = logging.getLogger(__name__)
LARGEST_GROUP: Final = 16
"""Changes in one transaction, so that the writers of other processes never wait long."""


class _Group:
    """One transaction and what became of it."""

    def __init__(self, engine: Engine) -> None:
        self.turns = 0
        with ExitStack() as leaving:
            leaving.enter_context(gate_of(engine))
            self.connection = leaving.enter_context(engine.connect())
            self.connection.execution_options(**{MAY_WRITE: True}).begin()
            self._leaving = leaving.pop_all()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._lost_by: BaseException | None = None

    @property
    def is_lost(self) -> bool:
        """Whether SQLite gave the whole transaction up, as it does when the disk is full."""
        return is_given_up(self.connection)

    def note_error(self, error: BaseException) -> None:
        """Remember the error at which the transaction was lost, if it was."""
        if self._lost_by is None and self.is_lost:
            self._lost_by = error

    @property
    def is_full(self) -> bool:
        """Whether no further change may join."""
        return self.turns >= LARGEST_GROUP or self.is_lost

    def end(self) -> None:
        """Commit for all."""
        try:
            if self.is_lost:
                raise CommitFailed("the database gave up the transaction") from self._lost_by
            with confirmed():
                self.connection.commit()
        except BaseException as error:  # noqa: BLE001  # each writer of the group is told
            self._error = error
            self.connection.invalidate()
        finally:
            try:
                self._leaving.close()
            except Exception:  # noqa: BLE001  # what was committed stays committed
                _log.exception("a group of writers could not give its connection back")
            finally:
                self._ended.set()

    def wait(self) -> None:
        """Return when what was written is on disk; else raise ``CommitFailed``, or
        ``OutcomeUnknown`` where the database did not say."""
        with waiting():
            self._ended.wait()
        if isinstance(self._error, OutcomeUnknown):
            raise OutcomeUnknown from self._error.__cause__
        if isinstance(self._error, CommitFailed):
            raise CommitFailed(*self._error.args) from self._error.__cause__
        if self._error is not None:
            raise CommitFailed from self._error


class Writers:
    """The writers of one database in this process.

    ``patience`` is how many seconds a writer waits for the others of this process.
    """

    def __init__(self, engine: Engine, patience: float = PATIENCE) -> None:
        self._engine = engine
        self._patience = patience
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._waiting

    @contextmanager
    def writing(self, session: Session) -> Iterator[Session]:
        """The session in which one change is made: ``session``, or on SQLite one of its own.

        The change is committed to disk when the block has ended without an error. An error takes
        back this change alone, and is raised. What ``session`` has read is given up. Raises
        ``CommitFailed``, ``OutcomeUnknown``, and ``GateClosed`` where others do not end.
        """
        if self._engine.dialect.name != "sqlite":
            # it waits for the server, and for other writers there
            with waiting(), writing(session):
                yield session
            return
        session.rollback()
        with self._turn_of_group() as own:
            yield own
        note_commit(session)

    @contextmanager
    def _turn_of_group(self) -> Iterator[Session]:
        group = self._join()
        error: BaseException | None = None
        try:
            with Session(
                group.connection, join_transaction_mode="create_savepoint", expire_on_commit=False
            ) as session:
                try:
                    yield session
                    session.commit()
                except BaseException as raised:
                    # before its savepoint, which went with the transaction, is missed
                    group.note_error(raised)
                    raise
        except BaseException as raised:  # noqa: BLE001  # raised again below
            error = raised
        group.turns += 1
        self._end_turn()
        try:
            group.wait()
        except CommitFailed as failed:
            # also for who has an error of its own: it may speak of what the others wrote
            failed.__context__ = error
            raise
        except OutcomeUnknown as unknown:
            if error is None:
                raise
            # its own change was taken back before the commit
            raise CommitFailed from unknown.__cause__
        if error is not None:
            raise error

    def _join(self) -> _Group:
        """Wait for a turn in the group that is writing, or in a new one."""
        with waiting():
            self._come()
            try:
                if self._group is None:
                    self._group = _Group(self._engine)
            except BaseException:
                self._end_turn()
                raise
            return self._group

    def _come(self) -> None:
        """Wait for the turn. Raises ``GateClosed``."""
        came = False
        with self._counting:
            self._waiting += 1
        try:
            came = self._turn.acquire(timeout=self._patience)
        finally:
            with self._counting:
                self._waiting -= 1
                left_open = not came and self._turn.acquire(blocking=False)
            if left_open:  # a group may have been left open for this one to come
                self._end_turn()
        if not came:
            raise GateClosed("another writer of this process does not end")

    def _end_turn(self) -> None:
        """Give the turn on, and end the group if nobody waits for a turn in it."""
        group = self._group
        with self._counting:  # who stops waiting comes before this or after it
            if group is None or (self._waiting and not group.is_full):
                self._turn.release()
                return
        self._group = None
        try:
            group.end()
        finally:
            self._turn.release()
