"""Matching follows what changes: as the worker does it, one short transaction after another."""

from __future__ import annotations

from typing import Final

from app.services.matching import bring_up_to_date, freshness, pending
from app.worker.context import Context

LINKS_AT_ONCE: Final = 5
"""Links that are reckoned in one transaction, so that other writers never wait long."""


def follow_matching(context: Context) -> None:
    """Work in all changes that are there, and what time alone has changed (a listener)."""
    with context.reading() as session:
        fresh = freshness(session).is_fresh and pending(session, context.now()).is_empty
    while not fresh and not context.is_ending():
        with context.writing() as session:
            fresh = bring_up_to_date(session, context.now(), most=LINKS_AT_ONCE).is_fresh
