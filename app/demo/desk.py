"""The demo's desk: saved filters, and people who were here two days ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor, Door, Writer
from app.demo.stories import OPERATOR, REPORTER, REPORTERS_SITE
from app.tickets.services.lists.saved_filters import save_filter

_FILTERS = (
    (OPERATOR, "Works and changes to come", "category=maintenance&category=change", True),
    (OPERATOR, "Waiting, oldest first", "state=waiting+for+reply&sort=changed", True),
    (OPERATOR, "Circuits that are out", "category=incident&layer=L1%2FL2&sort=-priority", False),
    (REPORTER, "All of my site", f"state=open&state=closed&site={REPORTERS_SITE}", False),
)
"""Whose, name, query of the list's address, and whether everybody may use it."""
_AWAY = timedelta(days=2)


def seed_desk(session: Session, actors: Mapping[str, Actor], now: datetime) -> None:
    """Save the filters; what happened in the last two days will be marked at the first visit."""
    for who, name, query, shared in _FILTERS:
        by = Writer(actor=actors[who], door=Door.PORTAL, now=now - _AWAY)
        save_filter(session, by, name, query, shared=shared)
    session.execute(update(User).values(visited_at=now - _AWAY))
