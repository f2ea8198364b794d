"""Verbs on people: create, role and sites, disable and enable, password, time zone, mail.

And their logins: a login is a row; the cookie carries its random id, of which only the hash is
stored. Logging out, disabling a person and setting a password end it at once; the latter two end
API tokens and the calendar's address as well.

Nothing here can leave the portal without an admin who can log in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import available_timezones

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session, selectinload

from app.accounts.models.people import Login, PendingLogin, ResetLink, User
from app.accounts.models.sign_on import Identity
from app.accounts.rules.former import FORMER
from app.accounts.rules.passwords import checked_password
from app.accounts.services.common_passwords import is_common_password
from app.accounts.services.credentials import hash_password
from app.accounts.services.personal_secrets import end_personal_secrets
from app.accounts.services.security_notices import notify_person
from app.core.rules.access import (
    Actor,
    ActorKind,
    Role,
    TicketFacts,
    Writer,
    refusal_to_write,
    require_admin,
)
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_addresses, checked_choice, checked_text
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit
from app.registry.models.registry import Site
from app.registry.services.registry import require_site

LOGIN_LASTS = timedelta(hours=12)
PERSON = "person"
LIVE, POLL, OFF = "live", "poll", "off"
UPDATES: Final = {
    LIVE: _("Live: immediately"),
    POLL: _("Every 30 seconds"),
    OFF: _("Off: only when I load a page"),
}
"""How a person may have changes announced on open pages, in words."""
MAIL_LIMIT = 254
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
_NOBODY = _("Unknown user name")
_LAST_ADMIN = _(
    "This is the last admin who can log in; first give the role to another person who has set a"
    " password"
)


def check_name(field: str, name: str, label: str) -> str:
    """A login name or code: letters, digits and ``._@+-``, at most 100 characters."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            field,
            _(
                "%(label)s: use letters, digits and . _ @ + - (starting with a letter or"
                " digit), at most 100 characters",
                label=label,
            ),
        )
    return name


def create_user(
    session: Session,
    by: Writer,
    name: str,
    role: str,
    password: str | None = None,
    sites: Sequence[str] = (),
    *,
    mail: str = "",
    why: str = "",
) -> User:
    """Create a person. ``sites`` takes any of a site's names; a reporter needs at least one.

    Without a password nobody can log in as this person before a one-time link was used.
    """
    require_admin(by.actor, _("create people"))
    check_name("name", name, _("Name"))
    found = _checked_role(session, role, sites)
    _check_mail(mail)
    if password is not None:
        checked_password(password, name, is_common_password)
    lock_admins(session)  # two admins who create the same name come one after the other
    if session.scalars(select(User).where(User.name == name)).first() is not None:
        raise Invalid("name", _("A user with this name already exists; choose another name"))
    user = User(
        name=name,
        role=role,
        password_hash="" if password is None else hash_password(password),
        time_zone="UTC",
        created_at=by.now,
        mail=mail,
        sites=found,
    )
    session.add(user)
    session.flush()
    fields = [FieldChange("name", None, name), FieldChange("role", None, role)]
    if found:
        fields.append(FieldChange("sites", None, _keys(found)))
    if mail:
        fields.append(FieldChange("mail", None, mail))
    _record(session, by, user, fields, why)
    log_on_commit(session, by, "person created", PERSON, user.id, how=_rights(user))
    return user


def find_user(session: Session, name: str) -> User:
    """The person of this login name, disabled or not; ``NotFound`` otherwise."""
    _require_a_name(name)
    user = session.scalars(select(User).where(User.name == name)).first()
    if user is None:
        raise NotFound(_NOBODY)
    return user


def locked_user(session: Session, name: str) -> User:
    """The same, as it is now, and nobody else changes it until the transaction ends."""
    _require_a_name(name)
    user = session.scalars(
        select(User)
        .where(User.name == name)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).first()
    if user is None:
        raise NotFound(_NOBODY)
    return user


def all_users(session: Session) -> Sequence[User]:
    """Everybody who was not forgotten, by name, with their sites."""
    return session.scalars(
        select(User).where(is_known()).order_by(User.name).options(selectinload(User.sites))
    ).all()


def is_known() -> ColumnElement[bool]:
    """Whether a person (``User``) was not forgotten."""
    return ~User.name.startswith(FORMER)


def reporters(session: Session) -> Sequence[User]:
    """The reporters of sites who may log in, by name."""
    return session.scalars(
        select(User)
        .where(User.role == Role.REPORTER, User.disabled_at.is_(None))
        .order_by(User.name)
    ).all()


def people_who_may_write(session: Session, ticket: TicketFacts) -> Sequence[str]:
    """The names of those who may log in and change this ticket, in order."""
    people = session.scalars(
        select(User)
        .where(User.role != Role.READER, User.disabled_at.is_(None))
        .order_by(User.name)
        .options(selectinload(User.sites))
    )
    return [user.name for user in people if refusal_to_write(actor_of_user(user), ticket) is None]


def change_person(
    session: Session, by: Writer, name: str, role: str, sites: Sequence[str] = (), *, why: str = ""
) -> bool:
    """Set a person's role and sites; False if they were like that already. They do not follow the
    map of sign-on any longer.

    Raises ``Invalid`` where nobody would be left who can administer the portal.
    """
    require_admin(by.actor, _("change roles"))
    found = _checked_role(session, role, sites)
    user = _locked_beside_admins(session, name)
    if role != user.role and user.role == Role.ADMIN:
        require_another_admin(session, user, "role")
    fields = _set_role(user, role, found)
    followed = update(Identity).where(Identity.user_id == user.id, Identity.follows_map)
    if session.scalars(followed.values(follows_map=False).returning(Identity.id)).all():
        fields.append(FieldChange("role_follows", "sign-on map", "set here"))
    if not fields:
        return False
    _record(session, by, user, fields, why)
    log_on_commit(session, by, "role changed", PERSON, user.id, how=_rights(user))
    return True


def follow_role(
    session: Session, by: Writer, user: User, role: str, sites: Sequence[str] = ()
) -> None:
    """Set what the map of sign-on gives a person. Such an account has no password, and so does not
    count among the admins of which one must remain."""
    if fields := _set_role(user, role, _checked_role(session, role, sites)):
        _record(session, by, user, fields, "")
        log_on_commit(session, by, "role changed", PERSON, user.id, how=f"sign-on: {_rights(user)}")


def replace_password(session: Session, by: Writer, user: User, password: str, how: str) -> None:
    """Set a checked password and end all logins, links, API tokens and the calendar's address.

    ``how`` it was set is in the log. The person is notified by mail.
    """
    require_no_map(session, user, "password")
    checked_password(password, user.name, is_common_password)
    user.password_hash = hash_password(password)
    end_all_logins(session, user, by.now)
    end_reset_links(session, user, by.now)
    ended = end_personal_secrets(session, by, user)
    change = _record(session, by, user, [FieldChange("password", None, how)], "")
    log_on_commit(session, by, "password changed", PERSON, user.id, how=how)
    more = _(", and %(ended)s", ended=ended) if ended else ""
    text = _("Your password was %(how)s. All sessions ended%(more)s", how=how, more=more)
    notify_person(session, by, user, change, _("Your password was changed"), text)


def require_no_map(session: Session, user: User, field: str) -> None:
    """Raise ``Invalid`` where the role follows the map of sign-on: a password would continue
    opening the account when the provider does not."""
    follows = select(exists().where(Identity.user_id == user.id, Identity.follows_map))
    if session.scalar(follows):
        raise Invalid(
            field,
            _(
                "This person logs in only through the sign-on provider, because the mapping"
                " sets the role. To allow a password, press “Keep this role” first"
            ),
        )


def set_password(session: Session, by: Writer, user: User, password: str) -> None:
    """Set one's own password (or the portal somebody's) and end all logins of that person."""
    if by.actor.kind is not ActorKind.SYSTEM and not _is_self(by, user):
        raise Forbidden(_("You cannot set another person's password; create a one-time link"))
    replace_password(session, by, locked_user(session, user.name), password, "set")


def disable_user(session: Session, by: Writer, user: User, *, why: str = "") -> None:
    """Disable a person at once; a second time changes nothing.

    Raises ``Invalid`` where nobody would be left who can administer the portal.
    """
    require_admin(by.actor, _("disable people"))
    user = _locked_beside_admins(session, user.name)
    if user.disabled_at is not None:
        return
    if user.role == Role.ADMIN:
        require_another_admin(session, user, "name")
    user.disabled_at = by.now
    end_all_logins(session, user, by.now)
    end_reset_links(session, user, by.now)
    end_personal_secrets(session, by, user)
    _record(session, by, user, [FieldChange("disabled", "no", "yes")], why)
    log_on_commit(session, by, "person disabled", PERSON, user.id)


def enable_user(session: Session, by: Writer, user: User, *, why: str = "") -> None:
    """Enable a disabled person, with the password that was set; twice changes nothing.

    Nothing that ended by disabling comes back.
    """
    require_admin(by.actor, _("enable people"))
    user = locked_user(session, user.name)
    if user.disabled_at is None:
        return
    user.disabled_at = None
    end_personal_secrets(session, by, user)  # of whoever was disabled when they did not end yet
    _record(session, by, user, [FieldChange("disabled", "yes", "no")], why)
    log_on_commit(session, by, "person enabled", PERSON, user.id)


def set_time_zone(session: Session, by: Writer, user: User, time_zone: str) -> None:
    """Set the zone in which times are shown after UTC (an IANA name). One's own, or an admin
    somebody's."""
    require_self_or_admin(by, user, _("set others' time zones"))
    if time_zone not in available_timezones():
        raise Invalid("time_zone", _("Time zone: use an IANA name such as Europe/Berlin"))
    user = locked_user(session, user.name)
    if time_zone == user.time_zone:
        return
    fields = [FieldChange("time_zone", user.time_zone, time_zone)]
    user.time_zone = time_zone
    _record(session, by, user, fields, "")


def set_updates(session: Session, by: Writer, user: User, updates: str) -> None:
    """Set how open pages hear of changes, one of ``UPDATES``. One's own, or an admin somebody's."""
    require_self_or_admin(by, user, _("choose how others' pages are updated"))
    if updates not in UPDATES:
        raise Invalid("updates", _("Updates: choose one of: %(listed)s", listed=", ".join(UPDATES)))
    user = locked_user(session, user.name)
    if updates == user.updates:
        return
    fields = [FieldChange("updates", user.updates, updates)]
    user.updates = updates
    _record(session, by, user, fields, "")


def set_mail(session: Session, by: Writer, user: User, mail: str) -> None:
    """Set the address of a person's mails, or none (""). One's own, or an admin somebody's."""
    require_self_or_admin(by, user, _("change others' email addresses"))
    _check_mail(mail)
    user = locked_user(session, user.name)
    if mail == user.mail:
        return
    fields = [FieldChange("mail", user.mail or None, mail or None)]
    old, user.mail = user.mail, mail
    change = _record(session, by, user, fields, "")
    log_on_commit(session, by, "mail address changed", PERSON, user.id)
    notify_person(
        session,
        by,
        user,
        change,
        _("Your email address was changed"),
        _(
            "The address for your emails was changed from %(old)s to %(new)s",
            old=old or _("none"),
            new=mail or _("none"),
        ),
        also_to=old,
    )


def require_self_or_admin(by: Writer, user: User, what: str) -> None:
    """Raise ``Forbidden`` unless the person acts on itself, or an admin or the portal acts."""
    if not _is_self(by, user):
        require_admin(by.actor, what)


def with_reason(fields: Iterable[FieldChange], why: str) -> list[FieldChange]:
    """The fields of a change, and the reason where one was given; raises ``Invalid``."""
    if not why:
        return [*fields]
    checked_text("why", why, SHORT_TEXT_LIMIT, label=_("Reason"))
    return [*fields, FieldChange("why", None, why)]


def lock_admins(session: Session) -> Sequence[User]:
    """All admins who can log in (enabled, with a password), and nobody else changes them until
    the transaction ends: of two who take rights from each other the second sees the first's."""
    return session.scalars(
        select(User)
        .where(User.role == Role.ADMIN, User.disabled_at.is_(None), User.password_hash != "")
        .order_by(User.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()


def require_another_admin(session: Session, user: User, field: str) -> None:
    """Raise ``Invalid`` where no other admin can log in with a password."""
    if not any(admin.id != user.id for admin in lock_admins(session)):
        raise Invalid(field, _LAST_ADMIN)


def start_login(
    session: Session,
    user_id: int,
    now: datetime,
    *,
    remote: str = "",
    browser: str = "",
    second_factor: bool = False,
    sign_on: bool = False,
) -> str:
    """Begin a login and return its random id for the cookie.

    ``remote`` is the address it comes from, ``browser`` what the browser calls itself; ``sign_on``:
    a provider of identities said who it is.
    """
    token = secrets.token_urlsafe(32)
    session.add(
        Login(
            token_hash=token_hash(token),
            user_id=user_id,
            created_at=now,
            expires_at=now + LOGIN_LASTS,
            remote=remote[:45],
            browser=browser[:255],
            second_factor=second_factor,
            sign_on=sign_on,
        )
    )
    session.flush()
    return token


def end_login(session: Session, token: str, now: datetime) -> None:
    """End the login of this random id; an unknown one changes nothing."""
    session.execute(
        update(Login)
        .where(Login.token_hash == token_hash(token), Login.ended_at.is_(None))
        .values(ended_at=now)
    )


def actor_of_user(user: User) -> Actor:
    """The rights of a person."""
    return Actor(
        kind=ActorKind.PERSON,
        account=user.name,
        account_id=user.id,
        role=Role(user.role),
        site_ids=frozenset(site.id for site in user.sites),
        time_zone=user.time_zone,
    )


def token_hash(token: str) -> str:
    """What is stored of a random id: of a login, a one-time link, a step between them."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def end_all_logins(session: Session, user: User, now: datetime) -> None:
    """End every login of a person, and those that wait for a second factor."""
    session.execute(
        update(Login).where(Login.user_id == user.id, Login.ended_at.is_(None)).values(ended_at=now)
    )
    session.execute(delete(PendingLogin).where(PendingLogin.user_id == user.id))


def end_reset_links(session: Session, user: User, now: datetime) -> None:
    """End every one-time link of a person."""
    session.execute(
        update(ResetLink)
        .where(ResetLink.user_id == user.id, ResetLink.ended_at.is_(None))
        .values(ended_at=now)
    )


def _require_a_name(name: str) -> None:
    if not _NAME.fullmatch(name):  # PostgreSQL would fault at some of these
        raise NotFound(_NOBODY)


def _locked_beside_admins(session: Session, name: str) -> User:
    lock_admins(session)  # first, and in their order: two such changes cannot wait for each other
    return locked_user(session, name)


def _set_role(user: User, role: str, found: list[Site]) -> list[FieldChange]:
    """What that changes, for the log."""
    fields = []
    if role != user.role:
        fields.append(FieldChange("role", user.role, role))
    if {site.id for site in found} != {site.id for site in user.sites}:
        fields.append(FieldChange("sites", _keys(user.sites) or None, _keys(found) or None))
    user.role = role
    user.sites = found
    return fields


def _checked_role(session: Session, role: str, sites: Sequence[str]) -> list[Site]:
    checked_choice("role", role, Role, _("Role"))
    if role == Role.REPORTER and not sites:
        raise Invalid("sites", _("Sites: choose at least one for a reporter"))
    if role != Role.REPORTER and sites:
        raise Invalid("sites", _("Sites: only for reporters"))
    names = [checked_text("sites", key, SHORT_TEXT_LIMIT, label=_("Sites")) for key in sites]
    found = {site.id: site for site in (require_site(session, key, "sites") for key in names)}
    return sorted(found.values(), key=lambda site: site.key)


def _check_mail(mail: str) -> None:
    checked_text("mail", mail, MAIL_LIMIT, label=_("Email address"))
    if ";" in mail or "," in mail:
        raise Invalid("mail", _("Email address: enter one address only"))
    checked_addresses("mail", mail, label=_("Email address"))


def _is_self(by: Writer, user: User) -> bool:
    return by.actor.kind is ActorKind.PERSON and by.actor.account_id == user.id


def _rights(user: User) -> str:
    """Role and sites in words, for the security log: ``reporter of DE-KIT; ES-PIC``."""
    return f"{user.role} of {_keys(user.sites)}" if user.sites else user.role


def _keys(sites: Iterable[Site]) -> str:
    return "; ".join(site.key for site in sites)


def _record(
    session: Session, by: Writer, user: User, fields: Iterable[FieldChange], why: str
) -> int:
    fields = with_reason(fields, why)
    return record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
