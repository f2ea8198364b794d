"""Mails from a person who is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, or_, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.accounts.rules.former import Former
from app.core.rules.access import Writer
from app.exchange.models.incoming_mails import IncomingMail
from app.mail.rules.reply_addresses import PERSON


def forget_exchange(session: Session, _by: Writer, former: Former) -> Mapping[str, int]:
    """Delete the original of each mail that the person sent; the comment that it became stays."""
    theirs = or_(
        IncomingMail.holder == f"{PERSON}{former.user_id}",
        func.lower(IncomingMail.sender).in_(former.addresses),
    )
    mails = session.execute(
        update(IncomingMail).where(theirs).values(content=b"", is_whole=False, sender=""),
        execution_options={"synchronize_session": False},
    )
    assert isinstance(mails, CursorResult)
    return {"mails from the person": mails.rowcount}
