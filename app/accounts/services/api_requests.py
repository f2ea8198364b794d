"""Keys of writes over REST: a program that got no answer sends the same request again.

A row is written in the transaction of the change itself, so it is there if and only if the change
is. A request that was refused leaves none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Table, delete, select, tuple_, update
from sqlalchemy.orm import Session

from app.accounts.models.api_requests import ApiRequest
from app.core.database.upsert import upsert
from app.core.rules.errors import Invalid, KeyReused

KEPT: Final = timedelta(days=7)
"""For so long a request that is sent again is known (issue 21)."""
MAX_LENGTH: Final = 255
_requests = cast(Table, ApiRequest.__table__)


def checked_key(text: str | None) -> str | None:
    """The key of a request, None if it has none; ``Invalid`` unless it is 1 to 255 characters of
    visible ASCII."""
    if text is None:
        return None
    key = text.strip()
    if not 1 <= len(key) <= MAX_LENGTH or any(not 32 < ord(letter) < 127 for letter in key):
        raise Invalid(
            "Idempotency-Key", f"The key is 1 to {MAX_LENGTH} visible characters of ASCII"
        )
    return key


def claim(
    session: Session, token_id: int, key: str, digest: str, now: datetime
) -> ApiRequest | None:
    """Note in this transaction that the request is carried out by it, and answer None; or answer
    what the first one was answered.

    Who sends the same at the same moment waits here until the first one's transaction has ended.
    Raises ``KeyReused`` if the first request was another one.
    """
    claimed = session.scalar(
        upsert(_requests)
        .values(token_id=token_id, key=key, digest=digest, at=now, status=0, headers="", body="")
        .on_conflict_do_nothing()
        .returning(_requests.c.key)
    )
    if claimed is not None:
        return None
    first = session.scalars(
        select(ApiRequest).where(ApiRequest.token_id == token_id, ApiRequest.key == key)
    ).one()
    if first.digest != digest:
        raise KeyReused
    session.expunge(first)
    return first


def keep_answer(
    session: Session,
    token_id: int,
    key: str,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
) -> None:
    """Keep what the request was answered."""
    session.execute(
        update(_requests)
        .where(_requests.c.token_id == token_id, _requests.c.key == key)
        .values(status=status, headers=json.dumps(dict(headers)), body=body.decode())
    )


def release(session: Session, token_id: int, key: str) -> None:
    """Free the key of a request that was refused, although a part of it was stored."""
    session.execute(
        delete(_requests).where(_requests.c.token_id == token_id, _requests.c.key == key)
    )


def forget_old_requests(session: Session, now: datetime, limit: int) -> int:
    """Delete up to ``limit`` requests that are older than ``KEPT``; how many."""
    columns = (_requests.c.token_id, _requests.c.key)
    old = select(*columns).where(_requests.c.at < now - KEPT).limit(limit)
    deleted = session.execute(
        delete(_requests).where(tuple_(*columns).in_(old)).returning(_requests.c.key)
    )
    return len(deleted.all())
