"""Recomputes matches, losses of service and duties after changes."""

from __future__ import annotations

from app.jobs.rules.followers import MATCHING
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows
from app.matching.services.recompute import follow


@follows(MATCHING)
def follow_matching(context: Context) -> None:
    """Recompute what changes, and time alone, made stale."""
    follow(context, context.now, is_ending=context.is_ending)
