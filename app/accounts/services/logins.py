"""A person's logins between start and end: listed, ended one by one, seen, and the step
between password and second factor."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, exists, func, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from app.accounts.models.people import Login, PendingLogin, User
from app.accounts.services.credentials import Attempt
from app.accounts.services.people import (
    PERSON,
    locked_user,
    require_self_or_admin,
    token_hash,
    with_reason,
)
from app.accounts.services.personal_secrets import end_personal_secrets
from app.accounts.services.security_notices import notify_person
from app.core.models.changes import PortalFact
from app.core.rules.access import Writer
from app.core.rules.errors import AuthenticationFailed, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, newest_change_id, record_change
from app.core.services.security_log import log_on_commit
from app.registry.models.registry import Site

_IS_DEMO = exists().where(PortalFact.name == "demo")
_CURSOR = newest_change_id()
SEEN_EVERY = timedelta(minutes=1)
"""A login's last use is written at most so often."""
PENDING_FOR = timedelta(minutes=5)
"""So long after the password the second factor may be given."""
WRONG_CODES = 5
"""After so many wrong codes the password is requested again."""


def is_idle(login: Login, now: datetime, most: timedelta) -> bool:
    """Whether a login was not used for ``most``, to a minute or so; zero = no limit."""
    return bool(most) and (login.seen_at or login.created_at) <= now - most


class LoginHere(NamedTuple):
    """A live login, and what every page has to know of the portal."""

    login: Login
    is_demo: bool
    cursor: int
    """The change log's newest id: what has a later one, the page may not show."""


def live_login(session: Session, token: str, now: datetime) -> Login | None:
    """The login of a cookie's random id, with its person, or None if it is not alive."""
    found = live_login_here(session, token, now)
    return found and found.login


def live_login_here(session: Session, token: str, now: datetime) -> LoginHere | None:
    """The same, with what every page has to know."""
    found = session.execute(
        select(Login, _IS_DEMO, _CURSOR)
        .where(
            Login.token_hash == token_hash(token),
            Login.ended_at.is_(None),
            Login.expires_at > now,
        )
        .options(joinedload(Login.user).joinedload(User.sites).load_only(Site.id))
    )
    row = found.unique().first()
    if row is None or row[0].user.disabled_at is not None:
        return None
    return LoginHere(*row)


def roles_of_live_logins(
    session: Session, keys: Collection[int], now: datetime, most: timedelta
) -> dict[int, str]:
    """Those of the logins with these keys that are alive, and not idle for ``most`` (zero = no
    limit), with the roles of their persons."""
    used = func.coalesce(Login.seen_at, Login.created_at)
    rows = session.execute(
        select(Login.id, User.role)
        .join(User, User.id == Login.user_id)
        .where(
            Login.id.in_(keys),
            Login.ended_at.is_(None),
            Login.expires_at > now,
            User.disabled_at.is_(None),
            used > now - most if most else true(),
        )
    )
    return {row.id: row.role for row in rows}


def verified_user(session: Session, tried: Attempt) -> User:
    """The person whose password ``tried`` found right, locked until the transaction ends.

    Raises what is wrong with it, and ``AuthenticationFailed`` where the person was disabled or
    another password was set since: that ended all logins, and none begins by the old one.
    """
    user = session.scalars(
        select(User)
        .where(User.id == tried.verified_account())
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    if user.disabled_at is not None or user.password_hash != tried.stored_hash:
        raise AuthenticationFailed
    return user


def logins_of(session: Session, user: User, now: datetime) -> Sequence[Login]:
    """The live logins of a person, the newest first."""
    return session.scalars(
        select(Login)
        .where(Login.user_id == user.id, Login.ended_at.is_(None), Login.expires_at > now)
        .order_by(Login.id.desc())
    ).all()


def last_logins(session: Session) -> dict[int, datetime]:
    """When each person logged in last, by the person's key."""
    newest = select(Login.user_id, func.max(Login.created_at)).group_by(Login.user_id)
    return {row[0]: row[1] for row in session.execute(newest)}


def needs_seen(login: Login, now: datetime) -> bool:
    """Whether this login's last use is to be written again."""
    return (login.seen_at or login.created_at) <= now - SEEN_EVERY


def note_seen(session: Session, login_id: int, now: datetime) -> None:
    """Write that a login was used; of several at once only the first writes."""
    session.execute(
        update(Login)
        .where(
            Login.id == login_id, or_(Login.seen_at.is_(None), Login.seen_at <= now - SEEN_EVERY)
        )
        .values(seen_at=now)
    )


def end_one_login(session: Session, by: Writer, user: User, login_id: int) -> None:
    """End one login of a person. One's own, or an admin somebody's; ``NotFound`` if it is not
    one."""
    require_self_or_admin(by, user, _("end sessions of others"))
    user = locked_user(session, user.name)
    ended = session.scalars(
        update(Login)
        .where(Login.id == login_id, Login.user_id == user.id, Login.ended_at.is_(None))
        .values(ended_at=by.now)
        .returning(Login.id)
    ).all()
    if not ended:
        raise NotFound(_("There is no such session, or it has already ended"))
    _record(session, by, user, len(ended), "")


class Ended(NamedTuple):
    """What "end logins" ended: how many logins, and in words the secrets of programs, or ""."""

    logins: int
    secrets: str


def end_other_logins(
    session: Session, by: Writer, user: User, keep: str = "", *, why: str = ""
) -> Ended:
    """End all logins of a person but that of the random id ``keep``, and with them the person's API
    tokens and calendar address, which the person is notified by mail."""
    require_self_or_admin(by, user, _("end sessions of others"))
    user = locked_user(session, user.name)
    count = _end_logins_but(session, by, user, keep)
    secrets = end_personal_secrets(session, by, user)
    if count or secrets:
        change = _record(session, by, user, count, why, secrets)
        if secrets:
            text = _("Your other sessions were ended, together with %(secrets)s", secrets=secrets)
            notify_person(
                session, by, user, change, _("Your sessions and API tokens were ended"), text
            )
    return Ended(count, secrets)


def end_logins_without_factor(session: Session, by: Writer, user: User, keep: str) -> None:
    """End the logins that began before the second factor was set up in that of ``keep``."""
    user = locked_user(session, user.name)
    count = _end_logins_but(session, by, user, keep)
    if count:
        _record(session, by, user, count, "")


def _end_logins_but(session: Session, by: Writer, user: User, keep: str) -> int:
    ended = session.scalars(
        update(Login)
        .where(
            Login.user_id == user.id,
            Login.ended_at.is_(None),
            Login.expires_at > by.now,
            Login.token_hash != token_hash(keep),
        )
        .values(ended_at=by.now)
        .returning(Login.id)
    ).all()
    session.execute(delete(PendingLogin).where(PendingLogin.user_id == user.id))
    return len(ended)


def _record(
    session: Session, by: Writer, user: User, count: int, why: str, secrets: str = ""
) -> int:
    words = _("%(count)s ended", count=count) + (
        _(", and %(secrets)s", secrets=secrets) if secrets else ""
    )
    fields = with_reason([FieldChange("logins", None, words)], why)
    log_on_commit(session, by, "logins ended", PERSON, user.id, how=words)
    return record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)


def mark_second_factor(session: Session, token: str) -> None:
    """Write that a second factor was given in this login, after it began."""
    session.execute(
        update(Login).where(Login.token_hash == token_hash(token)).values(second_factor=True)
    )


def begin_pending(session: Session, user_id: int, now: datetime, *, sign_on: bool = False) -> str:
    """The password was right, or a provider said who it is: the random id under which the second
    factor is requested."""
    session.execute(delete(PendingLogin).where(PendingLogin.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        PendingLogin(
            token_hash=token_hash(token),
            user_id=user_id,
            expires_at=now + PENDING_FOR,
            failures=0,
            sign_on=sign_on,
        )
    )
    session.flush()
    return token


def find_pending(session: Session, token: str, now: datetime) -> PendingLogin | None:
    """The step that waits under this random id, or None: over, used up, or the person disabled."""
    pending = session.scalars(
        select(PendingLogin).where(
            PendingLogin.token_hash == token_hash(token),
            PendingLogin.expires_at > now,
            PendingLogin.failures < WRONG_CODES,
        )
    ).first()
    return None if pending is None or pending.user.disabled_at is not None else pending


def count_wrong_code(session: Session, pending_id: int) -> None:
    """One wrong code more under this step."""
    session.execute(
        update(PendingLogin)
        .where(PendingLogin.id == pending_id)
        .values(failures=PendingLogin.failures + 1)
    )


def take_pending(session: Session, pending_id: int) -> bool:
    """Use the step up; False if it was used, or ended, meanwhile."""
    taken = session.scalars(
        delete(PendingLogin).where(PendingLogin.id == pending_id).returning(PendingLogin.id)
    ).first()
    return taken is not None
