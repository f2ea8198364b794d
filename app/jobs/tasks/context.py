"""What a job, timed work or a listener is given."""

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
    """The portal's database and settings, the clock, and whether the worker is to end."""

    engine: Engine
    settings: Settings
    now: Callable[[], datetime] = _now
    is_ending: Callable[[], bool] = _never
    """Asked by what takes long, between two steps: what is left is done by the next worker."""

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read with."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session with one write transaction, committed at its end."""
        with Session(self.engine) as session, transaction(session):
            yield session

    def writer(self) -> Writer:
        """The portal itself, acting now."""
        return Writer(actor=SYSTEM, door=Door.SYSTEM, now=self.now())
