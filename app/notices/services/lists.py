"""Reads maintenance notices for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.notices.models.notices import MaintenanceNotice

PAGE: Final = 50


def counts_of(session: Session) -> Mapping[str, int]:
    """The number of notices in each state."""
    rows = session.execute(
        select(MaintenanceNotice.state, func.count()).group_by(MaintenanceNotice.state)
    )
    return {row[0]: row[1] for row in rows}


def list_notices(
    session: Session, state: str = "", before: int | None = None, limit: int = PAGE
) -> Sequence[MaintenanceNotice]:
    """List the notices of a state, or all, newest first; only those below the number ``before``."""
    query = select(MaintenanceNotice).options(selectinload(MaintenanceNotice.circuits))
    if state:
        query = query.where(MaintenanceNotice.state == state)
    if before is not None:
        query = query.where(MaintenanceNotice.id < before)
    return session.scalars(query.order_by(MaintenanceNotice.id.desc()).limit(limit)).all()


def find_notice(session: Session, number: int) -> MaintenanceNotice:
    """Return the notice with this number. Raises ``NotFound``."""
    row = session.get(MaintenanceNotice, number)
    if row is None:
        raise NotFound(_("There is no notice with this number"))
    return row


def siblings_of(session: Session, row: MaintenanceNotice) -> Sequence[MaintenanceNotice]:
    """All notices of its maintenance, oldest first; only itself if it has no maintenance."""
    if not row.uid:
        return [row]
    query = select(MaintenanceNotice).where(
        MaintenanceNotice.provider_key == row.provider_key, MaintenanceNotice.uid == row.uid
    )
    return session.scalars(query.order_by(MaintenanceNotice.id)).all()


def notices_of_ticket(session: Session, ticket: int) -> Sequence[MaintenanceNotice]:
    """The notices that created or changed a ticket, oldest first."""
    query = select(MaintenanceNotice).where(MaintenanceNotice.ticket_number == ticket)
    return session.scalars(query.order_by(MaintenanceNotice.id)).all()


def may_read_text(actor: Actor) -> bool:
    """Whether this account may see a notice's whole text, including addresses."""
    return actor.is_operator
