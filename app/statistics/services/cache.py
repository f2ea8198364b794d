"""Facts of tickets and events for figures: read once by each process, then updated from the change
log.

The newest id of the log is the version of what is cached. Where the log has grown, the things that
its new changes name are read again, and nothing else: a page shows what was committed when it
began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import is_writing
from app.core.models.changes import Change
from app.core.services.changes import of_kind

MAX_READ: Final = 5_000
"""Things of one statement: what its rows take in memory has an end."""

R = TypeVar("R")
F = TypeVar("F")


@dataclass(frozen=True, eq=False)
class FactKind(Generic[R, F]):
    """One kind of facts: of what things, and how they are read and put together."""

    name: str
    """That of the changes in the log."""
    highest: Callable[[Session], int]
    """The highest number that there is, 0 for none."""
    read: Callable[[Session, Sequence[int]], R]
    """These things as their rows are now; the numbers ascend."""
    join: Callable[[Sequence[R]], R]
    """What was read of several ranges as one, in their order."""
    follow: Callable[[F | None, R], F]
    """The facts (None = none yet) with what is newer of some things."""


@dataclass
class _Cached(Generic[F]):
    """What this process has of one kind."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    facts: F | None = None
    cursor: int = 0
    """All changes up to this one are in it."""


_cached: WeakKeyDictionary[Engine, dict[str, _Cached[Any]]] = WeakKeyDictionary()


def current_facts(session: Session, kind: FactKind[R, F]) -> F:
    """The facts as they are now. Only reads.

    They may be newer than a snapshot that this session reads, never older. In a transaction that
    writes they have what it wrote, which others do not see: it may be rolled back.
    """
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    cached: _Cached[F] = _cached.setdefault(engine, {}).setdefault(kind.name, _Cached())
    # before the rows, which then hold all changes up to it; and with the session's connection, for
    # which nobody must wait who has the lock
    newest = session.scalar(select(func.max(Change.id))) or 0
    with cached.lock:
        if cached.facts is not None and newest <= cached.cursor:
            return cached.facts
        facts = _followed(session, kind, cached, newest)
        if not is_writing(session):
            cached.facts, cached.cursor = facts, newest
        return facts


def _followed(session: Session, kind: FactKind[R, F], cached: _Cached[F], newest: int) -> F:
    changed: Sequence[int]
    if cached.facts is None:
        changed = range(1, kind.highest(session) + 1)
    else:
        behind = Change.id > cached.cursor, Change.id <= newest
        things = session.scalars(select(Change.thing_id).where(*behind, of_kind(kind.name)))
        changed = sorted(set(things))
        if not changed:
            return cached.facts
    parts = [
        kind.read(session, changed[first : first + MAX_READ])
        for first in range(0, len(changed), MAX_READ)
    ]
    return kind.follow(cached.facts, kind.join(parts))
