"""Verbs on identities: log in by one, link one to an account, unlink it, and who follows the map.

An account is found by issuer and subject, never by a mail address or a name. Of an account that
follows the map, role and sites are set at each login; it has no password, so that only the provider
gives access to it, and a role that the provider removes ends at the next login. An account that was
created in the portal keeps the role that was set in the portal, even if a sign-on is linked to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.accounts.models.partners import PartnerAccount
from app.accounts.models.people import ApiToken, User
from app.accounts.models.sign_on import Identity
from app.accounts.rules.sign_on import Claimed, granted, is_mapped
from app.accounts.services.people import (
    PERSON,
    create_user,
    end_all_logins,
    end_reset_links,
    follow_role,
    lock_admins,
    locked_user,
    require_another_admin,
    require_self_or_admin,
    with_reason,
)
from app.accounts.services.personal_secrets import end_personal_secrets
from app.accounts.services.security_notices import notify_person
from app.accounts.services.sign_on_map import known_sites, rows_in_use
from app.accounts.services.sign_on_requests import drop_request, note_request
from app.core.rules.access import SYSTEM, Role, Writer, require_admin
from app.core.rules.errors import AuthenticationFailed, Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit

_MAX_NAMES = 1000
"""Accounts whose names differ by a number only."""


def sign_on(session: Session, by: Writer, said: Claimed, *, refuse_unmapped: bool) -> User | None:
    """The person of a sign-on, with the role of the map; created at the first login.

    None where the map gives no role and ``refuse_unmapped``: it is recorded that the person
    tried to log in, and sessions and tokens of an account that follows the map end; commit that.
    ``by`` is the portal. Raises ``AuthenticationFailed`` where the person is disabled here.
    """
    lock_admins(session)  # two first logins of one person come one after the other
    identity = find_identity(session, said.issuer, said.subject)
    if identity is not None and identity.user.disabled_at is not None:
        raise AuthenticationFailed
    follows = identity is None or identity.follows_map
    if follows and refuse_unmapped and not is_mapped(rows_in_use(session), said.values):
        note_request(session, said, by.now)
        if identity is not None:
            _end_access(session, by, identity, said)
        return None
    drop_request(session, said.issuer, said.subject)
    if identity is None:
        user = _created(session, by, said)
        identity, _change = _added(session, by, user, said, follows_map=True)
    else:
        user = locked_user(session, identity.user.name)
        if user.disabled_at is not None:
            raise AuthenticationFailed
        if said.mail and user.mail in ("", identity.mail) and user.mail != said.mail:
            old, user.mail = user.mail, said.mail
            field = FieldChange("mail", old or None, said.mail)
            change = record_change(session, by, kind=PERSON, thing_id=user.id, fields=[field])
            text = _("Your email address was replaced by the one from your sign-on")
            subject = _("Your email address was changed")
            notify_person(session, by, user, change, subject, text, also_to=old)
        _note(identity, said)
    identity.used_at = by.now
    if identity.follows_map:
        role, keys = granted(rows_in_use(session), said.values)
        follow_role(session, by, user, *_possible(session, role, keys))
    return user


def _end_access(session: Session, by: Writer, identity: Identity, said: Claimed) -> None:
    """End the access that the provider no longer grants: the role, every login, and the secrets of
    the person's programs."""
    user = locked_user(session, identity.user.name)
    _note(identity, said)
    follow_role(session, by, user, Role.READER)
    end_all_logins(session, user, by.now)
    ended = end_personal_secrets(session, by, user)
    if not ended:
        return
    fields = [FieldChange("sign_on", "role", "no role")]
    change = record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    text = _("Your sign-on no longer gives you a role here. Ended: %(ended)s", ended=ended)
    notify_person(session, by, user, change, _("Your access to the portal ended"), text)


def link(session: Session, by: Writer, name: str, said: Claimed) -> None:
    """Link an identity to one's own account, which keeps its role. The door required the password
    before, and the provider confirmed that it is the same person."""
    lock_admins(session)  # two who link one identity come one after the other
    user = locked_user(session, name)
    require_self_or_admin(by, user, _("link others' accounts"))
    known = find_identity(session, said.issuer, said.subject)
    if known is not None and known.user_id == user.id:
        _note(known, said)
        return
    if known is not None:
        raise Invalid(
            "identity",
            _("This sign-on is linked to another account here; an admin can unlink it"),
        )
    if identity_of(session, user, said.issuer) is not None:
        raise Invalid("identity", _("This account is linked to another sign-on; unlink that first"))
    _identity, change = _added(session, by, user, said, follows_map=False)
    text = _("Your account is now linked to a sign-on provider: logging in there signs you in here")
    log_on_commit(session, by, "sign-on linked", PERSON, user.id)
    notify_person(session, by, user, change, _("Your account was linked to a sign-on"), text)


def unlink(session: Session, by: Writer, name: str, issuer: str, *, why: str = "") -> None:
    """Take an identity off an account: one's own, which has a password, or an admin somebody's."""
    user = locked_user(session, name)
    require_self_or_admin(by, user, _("unlink others' accounts"))
    identity = identity_of(session, user, issuer)
    if identity is None:
        raise NotFound(_("This account is not linked to a sign-on"))
    if by.actor.account_id == user.id and not user.password_hash:
        raise Invalid("identity", _("You could not log in without it: set a password first"))
    fields = with_reason([FieldChange("sign_on", identity.subject, None)], why)
    session.delete(identity)
    change = record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    log_on_commit(session, by, "sign-on unlinked", PERSON, user.id)
    text = _("The sign-on was removed from your account and no longer logs you in here")
    notify_person(session, by, user, change, _("Your account was unlinked from a sign-on"), text)


def follow_map(session: Session, by: Writer, name: str, *, on: bool, why: str = "") -> None:
    """Let role and sites of a linked account follow the map from its next login on, or stop that.

    If they do, its password ends: nothing but the provider opens it then. Raises ``Invalid`` where
    nobody would be left who can administer the portal without it.
    """
    require_admin(by.actor, _("let the mapping set roles"))
    lock_admins(session)
    user = locked_user(session, name)
    identities = session.scalars(select(Identity).where(Identity.user_id == user.id)).all()
    if not identities:
        raise Invalid("identity", _("This account is not linked to a sign-on"))
    if all(identity.follows_map == on for identity in identities):
        return
    if on and user.role == Role.ADMIN:
        require_another_admin(session, user, "identity")
    for identity in identities:
        identity.follows_map = on
    words = ("set here", "sign-on map") if on else ("sign-on map", "set here")
    fields = with_reason([FieldChange("role_follows", *words)], why)
    had_password, ended = on and bool(user.password_hash), _("Your password was removed")
    if had_password:
        user.password_hash = ""
        end_reset_links(session, user, by.now)
        fields.insert(1, FieldChange("password", "set", None))
    change = record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    log_on_commit(session, by, "role follows sign-on", PERSON, user.id, how="on" if on else "off")
    if had_password:
        text = _(
            "Your role now comes from the sign-on, and your password was removed: log in"
            " through the sign-on"
        )
        notify_person(session, by, user, change, ended, text)


def find_identity(session: Session, issuer: str, subject: str) -> Identity | None:
    """Who has this subject at this issuer."""
    return session.scalars(
        select(Identity).where(Identity.issuer == issuer, Identity.subject == subject)
    ).first()


def identity_of(session: Session, user: User, issuer: str) -> Identity | None:
    """A person's identity at this issuer."""
    return session.scalars(
        select(Identity).where(Identity.user_id == user.id, Identity.issuer == issuer)
    ).first()


def all_identities(session: Session, issuer: str) -> Sequence[Identity]:
    """All that one issuer knows, with their persons, by name."""
    return session.scalars(
        select(Identity)
        .join(Identity.user)
        .where(Identity.issuer == issuer)
        .options(joinedload(Identity.user).selectinload(User.sites))
        .order_by(User.name)
    ).all()


def people_with_sign_on(session: Session) -> Mapping[int, datetime | None]:
    """The keys of the people who log in through a provider, and when each signed on last."""
    last = func.max(Identity.used_at, type_=Identity.used_at.type)
    newest = select(Identity.user_id, last).group_by(Identity.user_id)
    return {row[0]: row[1] for row in session.execute(newest)}


def values_of_identity(identity: Identity) -> tuple[str, ...]:
    """Entitlements or groups at the last login."""
    return tuple(json.loads(identity.granted))


def _created(session: Session, by: Writer, said: Claimed) -> User:
    """A reader with a name that nobody has: a name of the provider's takes no account over, and is
    none that looks like one."""
    wished = said.login_name
    named = func.lower(User.name).startswith(wished.lower())
    taken = {name.lower() for name in session.scalars(select(User.name).where(named))}
    taken.add(SYSTEM.account)
    for others in (PartnerAccount.login, ApiToken.name):
        like = func.lower(others).startswith(wished.lower())
        taken |= {name.lower() for name in session.scalars(select(others).where(like))}
    numbered = (f"{wished}-{number}" for number in range(2, _MAX_NAMES))
    name = next((one for one in (wished, *numbered) if one.lower() not in taken), None)
    if name is None:
        raise AuthenticationFailed
    return create_user(session, by, name, Role.READER, mail=said.mail)


def _added(
    session: Session, by: Writer, user: User, said: Claimed, *, follows_map: bool
) -> tuple[Identity, int]:
    """The identity, and the change that linked it."""
    identity = Identity(
        user_id=user.id,
        issuer=said.issuer,
        subject=said.subject,
        follows_map=follows_map,
        created_at=by.now,
    )
    _note(identity, said)
    session.add(identity)
    session.flush()
    linked = FieldChange("sign_on", None, said.subject)
    return identity, record_change(session, by, kind=PERSON, thing_id=user.id, fields=[linked])


def _note(identity: Identity, said: Claimed) -> None:
    identity.full_name = said.full_name
    identity.mail = said.mail
    identity.granted = json.dumps(said.values, ensure_ascii=False)
    identity.id_token = said.id_token


def _possible(session: Session, role: Role, keys: Iterable[str]) -> tuple[Role, list[str]]:
    """A reporter of sites that are all gone is a reader."""
    sites = known_sites(session, keys)
    return (Role.READER, []) if role is Role.REPORTER and not sites else (role, sites)
