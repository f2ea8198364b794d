"""Rows of the background work: jobs, why some failed, timed work, and the workers that do it.

On PostgreSQL jobs lie in the tables of procrastinate, which belong to its own schema and are no
rows of ours; ``jobs`` stays empty there. The other tables serve both databases.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, UtcTime

ENGINE_TABLES = "procrastinate_"
"""How the names of the job engine's own tables begin; the rows here do not describe them."""


class Job(Base):
    """A job of the embedded queue (SQLite); gone when it is done."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(
            "uq_jobs_key",
            "key",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index(None, "key", "id"),
        Index(None, "state", "due"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[str] = mapped_column(Text)
    """A JSON object."""
    key: Mapped[str | None] = mapped_column(String(200))
    """Jobs of one key are done one after another, and only one of them waits unbegun."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, running, retrying (it failed, or its worker was killed) or failed (given up)."""
    due: Mapped[datetime | None] = mapped_column(UtcTime)
    """Not before this time; None = at once."""
    enqueued_at: Mapped[datetime] = mapped_column(UtcTime, server_default=func.current_timestamp())
    attempts: Mapped[int] = mapped_column(default=0)
    """How often it failed."""
    claimed_by: Mapped[str | None] = mapped_column(String(36), index=True)
    """The worker that runs it."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """When others may take it, unless its worker says again that it lives."""


class JobFailure(Base):
    """Why a job failed last, whichever queue it is in; gone when it succeeds."""

    __tablename__ = "job_failures"

    job_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    reason: Mapped[str] = mapped_column(Text)


class TimedWork(Base):
    """One kind of timed work: when it ran last, the result, when it is due next."""

    __tablename__ = "timed_work"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    due: Mapped[datetime] = mapped_column(UtcTime)
    begun_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it ended last, well or not."""
    milliseconds: Mapped[int | None]
    """How long it took then."""
    outcome: Mapped[str] = mapped_column(Text, default="")
    """The result of the newest run that ended well, in words."""
    failure: Mapped[str] = mapped_column(Text, default="")
    """Why the newest run failed; "" = it did not."""
    failures: Mapped[int] = mapped_column(default=0)
    """How often it failed since it last ended well."""
    claimed_by: Mapped[str | None] = mapped_column(String(36))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)


class Worker(Base):
    """A worker process that runs, or did. Old rows go."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it ended in order; None = it runs, or was killed."""


class FollowerTrouble(Base):
    """A follower of the change log whose newest call failed; gone when one succeeds."""

    __tablename__ = "follower_troubles"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
    """Its first failure since it last succeeded."""
    failed_at: Mapped[datetime] = mapped_column(UtcTime)
    """Its newest failure."""
    reason: Mapped[str] = mapped_column(Text)
