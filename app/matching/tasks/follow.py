"""Recomputes matches, losses of service and duties after changes."""

from __future__ import annotations

from app.jobs.tasks.context import Context
from app.matching.services.recompute import follow


def follow_matching(context: Context) -> None:
    """Recompute what changes, and time alone, made stale (a listener)."""
    follow(context, context.now, is_ending=context.is_ending)
