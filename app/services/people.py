"""Verbs on people: create, disable, new password, time zone; and their logins.

A login is a row; the cookie carries its random id, of which only the hash is kept here. Logging
out, disabling a person and setting a password end it at once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import available_timezones

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.access import Actor, Kind, Role, Writer
from app.domain.errors import Invalid, NotFound
from app.domain.texts import checked_text
from app.domain.tickets import checked_choice
from app.models import Login, User
from app.services.changes import FieldChange, record_change
from app.services.credentials import LONGEST_PASSWORD, hash_password
from app.services.registry import require_site

LOGIN_LASTS = timedelta(hours=12)
SHORTEST_PASSWORD = 8
PERSON = "person"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")


def check_name(field: str, name: str, label: str) -> str:
    """A login name or code: letters, digits and ``._@+-``, at most 100 characters."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            field,
            f"{label} takes letters, digits and . _ @ + - (first a letter or digit),"
            " at most 100 characters",
        )
    return name


def check_password(password: str, field: str = "password") -> str:
    """A password that may be set: 8 to 1024 characters, no control characters."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(field, f"A password has at least {SHORTEST_PASSWORD} characters")
    checked_text(field, password, LONGEST_PASSWORD, label="Password")
    return password


def create_user(
    session: Session, by: Writer, name: str, role: str, password: str, sites: Sequence[str] = ()
) -> User:
    """Create a person. ``sites`` takes any of a site's names; a reporter needs at least one."""
    check_name("name", name, "Name")
    checked_choice("role", role, Role, "Role")
    check_password(password)
    if role == Role.REPORTER and not sites:
        raise Invalid("site", "A reporter reports for at least one site; name it")
    if role != Role.REPORTER and sites:
        raise Invalid("site", "Only reporters report for sites")
    if session.scalars(select(User).where(User.name == name)).first() is not None:
        raise Invalid("name", "There is a user of this name already")
    found = {site.id: site for site in (require_site(session, key) for key in sites)}
    user = User(
        name=name,
        role=role,
        password_hash=hash_password(password),
        time_zone="UTC",
        created_at=by.now,
        sites=list(found.values()),
    )
    session.add(user)
    session.flush()
    fields = [FieldChange("name", None, name), FieldChange("role", None, role)]
    if found:
        keys = "; ".join(site.key for site in found.values())
        fields.append(FieldChange("sites", None, keys))
    record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    return user


def find_user(session: Session, name: str) -> User:
    """The person of this login name, disabled or not; ``NotFound`` otherwise."""
    user = session.scalars(select(User).where(User.name == name)).first()
    if user is None:
        raise NotFound("There is no user of this name")
    return user


def all_users(session: Session) -> Sequence[User]:
    """Everybody, by name."""
    return session.scalars(select(User).order_by(User.name)).all()


def set_password(session: Session, by: Writer, user: User, password: str) -> None:
    """Set a person's password and end all logins of that person."""
    check_password(password)
    user.password_hash = hash_password(password)
    _end_logins(session, user, by.now)
    record_change(
        session, by, kind=PERSON, thing_id=user.id, fields=[FieldChange("password", None, "set")]
    )


def disable_user(session: Session, by: Writer, user: User) -> None:
    """Disable a person at once; a second time changes nothing."""
    if user.disabled_at is not None:
        return
    user.disabled_at = by.now
    _end_logins(session, user, by.now)
    record_change(
        session, by, kind=PERSON, thing_id=user.id, fields=[FieldChange("disabled", "no", "yes")]
    )


def set_time_zone(session: Session, by: Writer, user: User, time_zone: str) -> None:
    """Set the zone in which times are shown beside UTC (an IANA name)."""
    if time_zone not in available_timezones():
        raise Invalid("time_zone", "Time zone takes an IANA name such as Europe/Berlin")
    if time_zone == user.time_zone:
        return
    record_change(
        session,
        by,
        kind=PERSON,
        thing_id=user.id,
        fields=[FieldChange("time_zone", user.time_zone, time_zone)],
    )
    user.time_zone = time_zone


def start_login(session: Session, user_id: int, now: datetime) -> str:
    """Begin a login and return its random id for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        Login(
            token_hash=_token_hash(token),
            user_id=user_id,
            created_at=now,
            expires_at=now + LOGIN_LASTS,
        )
    )
    session.flush()
    return token


def end_login(session: Session, token: str, now: datetime) -> None:
    """End the login of this random id; an unknown one changes nothing."""
    session.execute(
        update(Login)
        .where(Login.token_hash == _token_hash(token), Login.ended_at.is_(None))
        .values(ended_at=now)
    )


def actor_of_login(session: Session, token: str, now: datetime) -> Actor | None:
    """The person behind a cookie's random id, or None if that login is not alive."""
    login = session.scalars(
        select(Login).where(
            Login.token_hash == _token_hash(token),
            Login.ended_at.is_(None),
            Login.expires_at > now,
        )
    ).first()
    if login is None or login.user.disabled_at is not None:
        return None
    return actor_of_user(login.user)


def actor_of_user(user: User) -> Actor:
    """The rights of a person."""
    return Actor(
        kind=Kind.PERSON,
        account=user.name,
        account_id=user.id,
        role=Role(user.role),
        site_ids=frozenset(site.id for site in user.sites),
        time_zone=user.time_zone,
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _end_logins(session: Session, user: User, now: datetime) -> None:
    session.execute(
        update(Login).where(Login.user_id == user.id, Login.ended_at.is_(None)).values(ended_at=now)
    )
