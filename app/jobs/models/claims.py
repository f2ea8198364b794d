"""Columns of rows that wait for a worker (``app.jobs.services.claims``)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import UtcTime


class Claimable:
    """A row that a worker claims for a time. Its table has an index that begins with
    ``due_at``."""

    id: Mapped[int] = mapped_column(primary_key=True)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When there is something to do next; None = nothing waits."""
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """A worker has it until then, and no other worker claims it."""
