"""The context passed to jobs, timed work and followers of the change log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.settings import Settings


def _now() -> datetime:
    return datetime.now(UTC)


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Context:
    """The portal's database, settings and clock, and whether the worker is shutting down."""

    engine: Engine
    settings: Settings
    now: Callable[[], datetime] = _now
    is_ending: Callable[[], bool] = _never
    """Checked by long work between two steps: the next worker does the rest."""

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session with one write transaction, committed at the end."""
        with Session(self.engine) as session, transaction(session):
            yield session

    def writer(self) -> Writer:
        """The portal itself as the actor, at the current time."""
        return Writer(actor=SYSTEM, door=Door.SYSTEM, now=self.now())
