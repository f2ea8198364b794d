"""One-time links with which a person sets a password, without anybody else knowing it.

The link's random id is shown once to the admin who makes it; only its hash is stored. It works
once, for two days, until a newer one is made, the person is disabled or a password is set.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import ResetLink, User
from app.accounts.services.people import (
    PERSON,
    end_reset_links,
    locked_user,
    replace_password,
    require_no_map,
    token_hash,
    with_reason,
)
from app.core.rules.access import Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit

LINK_LASTS = timedelta(hours=48)


def make_reset_link(session: Session, by: Writer, name: str, *, why: str = "") -> str:
    """Make a link for the person of this login name and end an older one; its random id."""
    require_admin(by.actor, _("create one-time links"))
    user = locked_user(session, name)
    if user.disabled_at is not None:
        raise Invalid(
            "name", _("This person is disabled; enable the account before you create a link")
        )
    require_no_map(session, user, "name")
    end_reset_links(session, user, by.now)
    token, until = secrets.token_urlsafe(32), by.now + LINK_LASTS
    session.add(
        ResetLink(
            token_hash=token_hash(token), user_id=user.id, created_at=by.now, expires_at=until
        )
    )
    session.flush()
    fields = [FieldChange("one_time_link", None, f"until {until:%Y-%m-%d %H:%M}Z")]
    record_change(session, by, kind=PERSON, thing_id=user.id, fields=with_reason(fields, why))
    log_on_commit(session, by, "one-time link created", PERSON, user.id)
    return token


def live_reset_link(session: Session, user: User, now: datetime) -> ResetLink | None:
    """The link of this person that still works, or None."""
    return session.scalars(
        select(ResetLink).where(
            ResetLink.user_id == user.id, ResetLink.ended_at.is_(None), ResetLink.expires_at > now
        )
    ).first()


def find_reset_link(session: Session, token: str, now: datetime) -> ResetLink:
    """The link of this random id; ``NotFound``, whatever the cause, if it does not work."""
    link = session.scalars(
        select(ResetLink).where(
            ResetLink.token_hash == token_hash(token),
            ResetLink.ended_at.is_(None),
            ResetLink.expires_at > now,
        )
    ).first()
    if link is None or link.user.disabled_at is not None:
        raise NotFound(_("This link is invalid or has expired"))
    return link


def use_reset_link(session: Session, by: Writer, token: str, password: str) -> None:
    """Set the password of the link's person, once. ``by`` is that person.

    A password that may not be set raises ``Invalid`` and leaves the link as it was.
    """
    link = find_reset_link(session, token, by.now)
    user = locked_user(session, link.user.name)  # before the link, as everybody who ends links does
    taken = session.scalars(
        update(ResetLink)
        .where(ResetLink.id == link.id, ResetLink.ended_at.is_(None))
        .values(ended_at=by.now)
        .returning(ResetLink.id)
    ).first()
    if taken is None or user.disabled_at is not None:
        raise NotFound(_("This link is invalid or has expired"))
    replace_password(session, by, user, password, "set by the one-time link")
