"""Tables of the background work: jobs, failures, timed work and workers.

On PostgreSQL, jobs are in procrastinate's own tables, which belong to its schema and have no models
here; ``jobs`` stays empty. The other tables are used on both databases.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import COPY, Base, UtcTime

ENGINE_TABLES = "procrastinate_"
"""Prefix of the job engine's own tables, which have no models here."""


class Job(Base):
    """A job of the embedded queue (SQLite); deleted when it is done."""

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
    arguments: Mapped[str] = mapped_column(Text, info=COPY)
    """A JSON object."""
    key: Mapped[str | None] = mapped_column(String(200))
    """Jobs with the same key run one after another, and at most one of them is waiting."""
    state: Mapped[str] = mapped_column(String(10))
    """waiting, running, retrying (it failed, or its worker was killed) or failed (given up)."""
    due: Mapped[datetime | None] = mapped_column(UtcTime)
    """Do not run before this time; None = at once."""
    enqueued_at: Mapped[datetime] = mapped_column(UtcTime, server_default=func.current_timestamp())
    attempts: Mapped[int] = mapped_column(default=0)
    """Number of failed attempts."""
    claimed_by: Mapped[str | None] = mapped_column(String(36), index=True)
    """The worker that runs it."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """Other workers may claim the job after this time, unless its worker extends it."""


class JobFailure(Base):
    """The last failure of a job, on either queue; deleted when the job succeeds."""

    __tablename__ = "job_failures"

    job_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    reason: Mapped[str] = mapped_column(Text, info=COPY)


class TimedWork(Base):
    """A kind of timed work: its last run, the result, and when it is next due."""

    __tablename__ = "timed_work"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    due: Mapped[datetime] = mapped_column(UtcTime)
    begun_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the last run ended, successful or not."""
    milliseconds: Mapped[int | None]
    """How long that run took."""
    outcome: Mapped[str] = mapped_column(Text, default="", info=COPY)
    """The result of the last successful run, in words."""
    failure: Mapped[str] = mapped_column(Text, default="", info=COPY)
    """Why the last run failed; "" = it succeeded."""
    failures: Mapped[int] = mapped_column(default=0)
    """Failed runs since the last success."""
    claimed_by: Mapped[str | None] = mapped_column(String(36))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)


class Worker(Base):
    """A worker process, running or ended. Old rows are deleted."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    begun_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When it shut down in order; None = still running, or killed."""


class FollowerTrouble(Base):
    """A follower of the change log whose last call failed; deleted when a call succeeds."""

    __tablename__ = "follower_troubles"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
    """The first failure since the last success."""
    failed_at: Mapped[datetime] = mapped_column(UtcTime)
    """The last failure."""
    reason: Mapped[str] = mapped_column(Text, info=COPY)
