"""The private address of a person's calendar: made, renewed, ended, and who reads by it.

Anybody who has the address reads the calendar as that person does, without a login, because
calendar programs have none. The secret has 256 random bits, and only its SHA-256 is stored, as for
API tokens.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models.feeds import CalendarFeed
from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user
from app.accounts.services.personal_secrets import FEED
from app.accounts.services.security_notices import notify_person
from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit

USE_NOTED_AFTER: Final = timedelta(hours=1)
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def feed_of(session: Session, person: int) -> CalendarFeed | None:
    """The feed of a person (key), if there is one."""
    return session.get(CalendarFeed, person)


def make_feed(session: Session, by: Writer) -> str:
    """Make the person's feed, or give it a new address; its secret, which exists nowhere else.

    An earlier address ends at once.
    """
    person = _person(session, by)
    feed = session.get(CalendarFeed, person.id)
    secret = secrets.token_urlsafe(32)
    old = None if feed is None else "set"
    if feed is None:
        feed = CalendarFeed(user_id=person.id)
        session.add(feed)
    feed.secret_hash, feed.created_at, feed.used_at = _digest(secret), by.now, None
    _record(session, by, person, old, "set")
    return secret


def end_feed(session: Session, by: Writer) -> None:
    """End the person's feed at once. Raises ``Invalid`` if none exists."""
    person = _person(session, by)
    feed = session.get(CalendarFeed, person.id)
    if feed is None:
        raise Invalid("feed", _("Your calendar has no address"))
    session.delete(feed)
    _record(session, by, person, "set", None)


def reader_of_feed(session: Session, secret: str) -> Actor:
    """The person who reads by this secret.

    Raises ``NotFound``, the same for an unknown or ended secret and for a disabled person.
    """
    feed = None
    if _SECRET.fullmatch(secret):
        feed = session.scalars(
            select(CalendarFeed).where(CalendarFeed.secret_hash == _digest(secret))
        ).first()
    if feed is None or feed.user.disabled_at is not None:
        raise NotFound
    return actor_of_user(feed.user)


def is_use_due(session: Session, reader: Actor, now: datetime) -> bool:
    """Whether the last reading is to be written."""
    feed = session.get(CalendarFeed, reader.account_id)
    return feed is not None and (feed.used_at is None or feed.used_at <= now - USE_NOTED_AFTER)


def note_use(session: Session, reader: Actor, now: datetime) -> None:
    """Write the last reading, unless somebody did within the last hour."""
    session.execute(
        update(CalendarFeed)
        .where(
            CalendarFeed.user_id == reader.account_id,
            or_(CalendarFeed.used_at.is_(None), CalendarFeed.used_at <= now - USE_NOTED_AFTER),
        )
        .values(used_at=now)
    )


def _person(session: Session, by: Writer) -> User:
    if by.actor.kind is not ActorKind.PERSON or by.actor.scopes is not None:
        raise Forbidden(_("Only a person who is logged in has a calendar of their own"))
    # two at once wait for each other here
    return session.scalars(
        select(User).where(User.id == by.actor.account_id).with_for_update(key_share=True)
    ).one()


def _record(session: Session, by: Writer, person: User, old: str | None, new: str | None) -> None:
    fields = [FieldChange("secret", old, new)]
    change = record_change(session, by, kind=FEED, thing_id=person.id, fields=fields)
    done = "created" if new else "ended"
    log_on_commit(session, by, f"calendar address {done}", FEED, person.id)
    text = _("A private address for your calendar was %(done)s", done=done)
    if old and new:
        text += _("; the previous one no longer works")
    notify_person(session, by, person, change, _("The address of your calendar was changed"), text)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
