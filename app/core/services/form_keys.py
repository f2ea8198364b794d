"""Keys of the pages' forms: a form that is sent once more is one entry (decisions, section 4).

A row says that a person's form with this key and this content was carried out. It is written in the
transaction of the change itself, so it is there if and only if the change is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Table, delete, select, tuple_, update
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.models.form_keys import FormKey

KEPT: Final = timedelta(days=1)
"""For so long a form that is sent again is known."""
_keys = cast(Table, FormKey.__table__)


def claim(session: Session, user_id: int, digest: str, now: datetime) -> bool:
    """Note in this transaction that the form is carried out by it; False if it was before.

    ``digest`` stands for the form's key and content. Who sends the same at the same moment waits
    here until the first one's transaction has ended.
    """
    first = session.scalar(
        upsert(_keys)
        .values(user_id=user_id, digest=digest, at=now, location="")
        .on_conflict_do_nothing()
        .returning(_keys.c.digest)
    )
    return first is not None


def set_location(session: Session, user_id: int, digest: str, location: str) -> None:
    """Keep where the first answer leads to."""
    session.execute(
        update(_keys)
        .where(_keys.c.user_id == user_id, _keys.c.digest == digest)
        .values(location=location)
    )


def location_of(session: Session, user_id: int, digest: str) -> str | None:
    """Where the answer of a form that was carried out led to, "" if that was not stored; None: it
    was not carried out."""
    return session.scalar(
        select(_keys.c.location).where(_keys.c.user_id == user_id, _keys.c.digest == digest)
    )


def forget_old_keys(session: Session, now: datetime, limit: int) -> int:
    """Delete up to ``limit`` keys that are older than ``KEPT``; how many."""
    old = select(_keys.c.user_id, _keys.c.digest).where(_keys.c.at < now - KEPT).limit(limit)
    deleted = session.execute(
        delete(_keys)
        .where(tuple_(_keys.c.user_id, _keys.c.digest).in_(old))
        .returning(_keys.c.digest)
    )
    return len(deleted.all())
