"""Matching follows what changes: reckoned beside all others, written in short transactions."""

from __future__ import annotations

from app.duties.services.follow import follow
from app.jobs.tasks.context import Context


def follow_matching(context: Context) -> None:
    """Work in all changes that are there, and what time alone has changed (a listener)."""
    follow(context, context.now, is_ending=context.is_ending)
