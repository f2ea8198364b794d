"""The series of regular teleconferences: cancelled until further notice, and taken up again.

At most one such time lasts; who sets the state waits for others who do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, MoveNotAllowed
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT
from app.core.services.changes import FieldChange, record_change, take_number
from app.meetings.models.teleconferences import TeleconferencePause
from app.meetings.rules.teleconferences import SERIES, needed_text, require_chair

CANCELLED: Final = "cancelled until further notice"


def current_pause(session: Session) -> TeleconferencePause | None:
    """Since when and why the series is cancelled; None while it is ongoing."""
    return session.scalars(
        select(TeleconferencePause).where(TeleconferencePause.lifted_at.is_(None))
    ).first()


def earlier_pauses(session: Session, most: int) -> Sequence[TeleconferencePause]:
    """When it was cancelled before, the newest first."""
    return session.scalars(
        select(TeleconferencePause)
        .where(TeleconferencePause.lifted_at.is_not(None))
        .order_by(TeleconferencePause.id.desc())
        .limit(most)
    ).all()


def cancel_series(session: Session, by: Writer, reason: str) -> TeleconferencePause:
    """Cancel the regular TCs until further notice; single ones that are set stay."""
    require_chair(by.actor, _("cancel regular meetings"))
    take_number(session, SERIES, 0)  # one after the other: the lock alone
    if current_pause(session) is not None:
        raise MoveNotAllowed(_("Regular meetings are already cancelled"))
    row = TeleconferencePause(
        since=by.now, cancelled_by=by.shown_author, reason=_reason(reason), lifted_at=None
    )
    session.add(row)
    session.flush()
    fields = [FieldChange("state", None, CANCELLED), FieldChange("why", None, row.reason)]
    record_change(session, by, kind=SERIES, thing_id=row.id, fields=fields)
    return row


def resume_series(session: Session, by: Writer, reason: str) -> TeleconferencePause:
    """Resume the regular TCs."""
    require_chair(by.actor, _("resume regular meetings"))
    take_number(session, SERIES, 0)
    row = current_pause(session)
    if row is None:
        raise MoveNotAllowed(_("Regular meetings are not cancelled"))
    row.lift_reason = _reason(reason)
    row.lifted_at, row.lifted_by = by.now, by.shown_author
    fields = [
        FieldChange("state", CANCELLED, "resumed"),
        FieldChange("why", None, row.lift_reason),
    ]
    record_change(session, by, kind=SERIES, thing_id=row.id, fields=fields)
    return row


def _reason(text: str) -> str:
    try:
        return needed_text("reason", text, LONG_TEXT_LIMIT, _("Reason"))
    except Invalid as error:
        raise Invalid("series_reason", error.message) from None
