"""The demo's mails: the mails of the last hours, all sent except to one address that no longer
exists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.composition import compose_mails
from app.core.models.changes import Change
from app.core.services.cursors import put_cursor
from app.demo.tonight import DEAD_ADDRESS
from app.mail.models.mails import Mail
from app.mail.services.mails import (
    CURSOR,
    FAILED,
    SENT,
    draft_mails,
    put_mails,
)

_LAST_HOURS: Final = timedelta(hours=10)
"""Changes of this time before the demo's moment get mails."""
_REFUSAL: Final = "550 5.1.1 User unknown in virtual mailbox table"


def seed_mails(session: Session, now: datetime) -> None:
    """Write them as if a mail server had taken or refused them; none goes out."""
    before = select(func.max(Change.id)).where(Change.at <= now - _LAST_HOURS)
    put_cursor(session, CURSOR, session.scalar(before) or 0)
    compose_mails()  # the demo is seeded without a worker
    while (plan := draft_mails(session, now, "")) is not None:
        put_mails(session, plan)
    written_at = select(Change.at).where(Change.id == Mail.change_id).scalar_subquery()
    done = update(Mail).where(Mail.change_id.is_not(None)).values(due_at=None, attempts=1)
    session.execute(done.values(state=SENT, created_at=written_at, sent_at=written_at))
    session.execute(
        done.where(Mail.address == DEAD_ADDRESS).values(state=FAILED, sent_at=None, reason=_REFUSAL)
    )
