"""What opens the portal for a person's programs ends where the person no longer signs on.

Of an account whose role follows the map of sign-on the provider says at each sign-on what it may.
Its API tokens, webhooks and calendar address would outlive that: they end after so many days
without a sign-on, and a mail says so a week before and when it happens: also to those who were away
when this began to apply, as after an upgrade, or when the days became fewer. Accounts with a
password are not concerned: an administrator disables them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.models.sign_on import Identity
from app.accounts.services.people import PERSON, locked_user
from app.accounts.services.personal_secrets import end_personal_secrets, has_personal_secrets
from app.accounts.services.security_notices import notify_person, warn_person
from app.core.models.base import UtcTime
from app.core.models.changes import PortalFact
from app.core.rules.access import Writer
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change

WARNED_BEFORE: Final = timedelta(days=7)
APPLIES: Final = "lapses_apply"
"""The row of ``portal_facts`` with the days without a sign-on, and since when they apply (ISO 8601
UTC): nothing ends within a week of that."""
_LAST_SIGN_ON: Final = func.max(
    func.coalesce(Identity.used_at, Identity.created_at, type_=UtcTime()), type_=UtcTime()
)


class Lapsed(NamedTuple):
    """How many people had something that ended, and how many were warned."""

    ended: int
    warned: int


def lapses_at(session: Session, user: User, days: int) -> datetime | None:
    """When the tokens and the calendar address of a person end without another sign-on (aware UTC);
    None where they do not: the role does not follow the map, or ``days`` is 0."""
    if not days:
        return None
    newest = session.scalar(
        select(_LAST_SIGN_ON).where(Identity.follows_map, Identity.user_id == user.id)
    )
    if newest is None:
        return None
    stored = session.scalar(select(PortalFact.value).where(PortalFact.name == APPLIES))
    ends = newest + timedelta(days=days)
    return ends if stored is None else max(ends, _since(stored) + WARNED_BEFORE)


def end_lapsed(session: Session, by: Writer, days: int) -> Lapsed:
    """End what belongs to people who did not sign on for ``days`` (0 = nothing), and warn those of
    the coming week, once for each sign-on. ``by`` is the portal."""
    if not days:
        session.execute(delete(PortalFact).where(PortalFact.name == APPLIES))
        return Lapsed(0, 0)
    first = _applies_since(session, days, by.now) + WARNED_BEFORE
    last, ended, warned = by.now - timedelta(days=days), 0, 0
    absent = session.execute(
        select(User.name, _LAST_SIGN_ON.label("at"))
        .join(Identity, Identity.user_id == User.id)
        .where(
            Identity.follows_map,
            User.disabled_at.is_(None),
            has_personal_secrets(),
        )
        .group_by(User.id, User.name)
        .having(last + WARNED_BEFORE >= _LAST_SIGN_ON)
        .order_by(User.id)
    ).all()
    for name, at in absent:
        user = locked_user(session, name)
        ends = max(at + timedelta(days=days), first)
        if ends <= by.now:
            ended += _end(session, by, user, days)
        else:
            warned += _warn(session, by, user, at, ends)
    return Lapsed(ended, warned)


def _applies_since(session: Session, days: int, now: datetime) -> datetime:
    """Since when so many days, or more, apply."""
    fact = session.get(PortalFact, APPLIES)
    is_new = fact is None or days < int(fact.value.partition(" ")[0])
    since = now if fact is None or is_new else _since(fact.value)
    session.merge(PortalFact(name=APPLIES, value=f"{days} {since.astimezone(UTC).isoformat()}"))
    return since


def _since(stored: str) -> datetime:
    return datetime.fromisoformat(stored.partition(" ")[2])


def _end(session: Session, by: Writer, user: User, days: int) -> bool:
    words = end_personal_secrets(session, by, user)
    if not words:
        return False
    fields = [FieldChange("sign_on", None, f"none for {days} days")]
    change = record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    text = _(
        "You have not signed in for %(days)s days. Ended: %(words)s. Sign in and create new"
        " ones if you still need them",
        days=days,
        words=words,
    )
    notify_person(session, by, user, change, _("Your API tokens and calendar feed ended"), text)
    return True


def _warn(session: Session, by: Writer, user: User, last: datetime, ends: datetime) -> bool:
    return warn_person(
        session,
        user,
        f"lapse-{user.id}-{last:%Y%m%d%H%M%S}",
        _("Your API tokens and calendar feed end soon"),
        _(
            "Your API tokens, webhooks and calendar feed will end on %(day)s (UTC) because"
            " you have not signed in for a while. Sign in once before then to keep them"
            " (account %(name)s).",
            day=format(ends, "%Y-%m-%d %H:%M"),
            name=user.name,
        ),
        by.now,
    )
