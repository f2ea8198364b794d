"""Who signed on and got no role by the map: a short list for the administrators, and no account.

One row for each person at a provider, however often it comes; at most ``MOST`` rows, for ``KEPT``
after the last time. It opens nothing, and is gone with the first sign-on that is let in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.models.sign_on import SignOnRequest
from app.accounts.rules.sign_on import Claimed
from app.core.database.upsert import upsert

MOST: Final = 200
KEPT: Final = timedelta(days=90)
_VALUES: Final = 20
"""Entitlements or groups that are kept of one."""


def note_request(session: Session, said: Claimed, now: datetime) -> None:
    """Record that this person tried to log in, at ``now`` (aware UTC)."""
    known = {
        "login_name": said.login_name,
        "full_name": said.full_name,
        "mail": said.mail,
        "granted": json.dumps(said.values[:_VALUES], ensure_ascii=False),
        "asked_at": now,
    }
    added = upsert(SignOnRequest).values(
        issuer=said.issuer, subject=said.subject, first_at=now, times=1, **known
    )
    session.execute(
        added.on_conflict_do_update(
            index_elements=[SignOnRequest.issuer, SignOnRequest.subject],
            set_={**known, "times": SignOnRequest.times + 1},
        )
    )
    newest = select(SignOnRequest.id).order_by(SignOnRequest.asked_at.desc(), SignOnRequest.id)
    session.execute(delete(SignOnRequest).where(SignOnRequest.id.not_in(newest.limit(MOST))))
    forget_requests(session, now)


def requests_at(session: Session, issuer: str) -> Sequence[SignOnRequest]:
    """People who tried to log in at this issuer, the last one first."""
    return session.scalars(
        select(SignOnRequest)
        .where(SignOnRequest.issuer == issuer)
        .order_by(SignOnRequest.asked_at.desc(), SignOnRequest.id.desc())
    ).all()


def values_of_request(request: SignOnRequest) -> tuple[str, ...]:
    """Entitlements or groups at the last time."""
    return tuple(json.loads(request.granted))


def drop_request(session: Session, issuer: str, subject: str) -> None:
    """Delete the record of this person's attempts: the login succeeded."""
    session.execute(
        delete(SignOnRequest).where(
            SignOnRequest.issuer == issuer, SignOnRequest.subject == subject
        )
    )


def forget_requests(session: Session, now: datetime) -> None:
    """Delete what is older than ``KEPT``."""
    session.execute(delete(SignOnRequest).where(SignOnRequest.asked_at < now - KEPT))
