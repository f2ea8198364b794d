"""People, for administrators: who there is, role and sites, disabling, one-time links, logins.

A one-time link is in the one answer that made it, and nowhere else. No password is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import current_app
from marshmallow import Schema, fields

from app.accounts.models.people import User
from app.accounts.services import people as verbs
from app.accounts.services.calls import MAX_LOGIN_LENGTH
from app.accounts.services.logins import end_other_logins, last_logins, logins_of
from app.accounts.services.reset_links import live_reset_link, make_reset_link
from app.accounts.services.second_factor import take_off
from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import (
    MAX_SITES,
    Moment,
    a_flag,
    a_list,
    a_number,
    a_text,
    behind_key,
    page_limit,
    page_next,
    sent_choice,
    sent_names,
    sent_text,
)
from app.core.rules.access import Role, require_admin
from app.core.rules.errors import Forbidden
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT

_ADMIN: Final = (Scope.ADMIN,)

PUBLIC_URL: Final = "public_url"
"""Where the application keeps the portal's address."""
_SEE: Final = _("see and manage people")


class PeopleQuery(Schema):
    """Where a page of people begins."""

    after = behind_key()
    limit = page_limit()


class FoundPerson(Schema):
    """A person in a list."""

    name = a_text("The login name, also shown as the author.")
    role = a_text("The role of the person.", choices=Role)
    sites = a_list(str, "Keys of the sites a reporter reports for.")
    mail = a_text("Mail address, or empty.")
    second_factor = a_flag("Whether a second factor is required at each login.")
    created = Moment("Creation time of the account.")
    disabled = Moment("When the person was disabled; else null.", allow_none=True)
    last_login = Moment("The last login; null = never.", allow_none=True)


class Person(FoundPerson):
    """One person."""

    time_zone = a_text("Time zone in which times are shown besides UTC.")
    logins = a_number("Number of current sessions.")
    link_until = Moment("When the newest one-time link expires; null = no link.", allow_none=True)


class PersonPage(Schema):
    """One page of people, by name."""

    items = a_list(FoundPerson)
    next = page_next()


def _why() -> fields.String:
    return sent_text(
        "The reason; shown in the history.", SHORT_TEXT_LIMIT, least=None, load_default=""
    )


def _role(**more: Any) -> fields.String:
    return sent_choice("The role of the person.", Role, **more)


def _sites() -> fields.List[str]:
    return sent_names(
        "Sites that a reporter reports for, by any of their names; only for reporters.", MAX_SITES
    )


class PersonChange(Schema):
    """Role and sites: what is absent stays, but no sites stay with who is no reporter."""

    role = _role()
    sites = _sites()
    why = _why()


class NewPerson(Schema):
    """A person who can log in when the one-time link was used."""

    name = sent_text(
        "The login name: letters, digits and . _ @ + -.", MAX_LOGIN_LENGTH, required=True
    )
    role = _role(required=True)
    sites = _sites()
    mail = sent_text("Mail address, or empty.", verbs.MAIL_LIMIT, least=None, load_default="")
    why = _why()


class Why(Schema):
    """A step that takes only a reason."""

    why = _why()


class OneTimeLink(Schema):
    """An address at which its person sets a password once."""

    name = a_text("The person's name.")
    link = a_text("Shown once: null when a request is repeated.", null=True)
    until = Moment("When the link expires.")


@operation("GET", "/v1/people", scopes=_ADMIN, query=PeopleQuery, answer=PersonPage)
def list_people(call: Call) -> Mapping[str, Any]:
    """List users."""
    require_admin(call.actor, _SEE)
    after, limit = call.query.get("after", ""), call.query["limit"]
    everybody = sorted(verbs.all_users(session()), key=lambda user: user.name)
    found = [user for user in everybody if user.name > after][: limit + 1]
    last = last_logins(session())
    return {
        "items": [{**_listed(user), "last_login": last.get(user.id)} for user in found[:limit]],
        "next": next_page(found[limit - 1].name if len(found) > limit else None),
    }


@operation(
    "POST",
    "/v1/people",
    scopes=_ADMIN,
    body=NewPerson,
    answer=OneTimeLink,
    location=lambda made: f"/v1/people/{made['name']}",
    once=("link",),
)
def create_person(call: Call) -> Mapping[str, Any]:
    """Create a user with a one-time link to set a password."""
    sent = call.body
    if sent["role"] == Role.ADMIN:
        raise Forbidden(_OF_ADMINS)
    verbs.create_user(
        session(),
        call.writer,
        sent["name"],
        sent["role"],
        sites=sent.get("sites", ()),
        mail=sent["mail"],
        why=sent["why"],
    )
    return _new_link(call, sent["name"])


@operation("GET", "/v1/people/{person}", scopes=_ADMIN, answer=Person)
def get_person(call: Call) -> Mapping[str, Any]:
    """Get a user by login name."""
    return _content(call, _found(call))


@operation(
    "PATCH", "/v1/people/{person}", scopes=_ADMIN, body=PersonChange, answer=Person, of=get_person
)
def change_person(call: Call) -> Mapping[str, Any]:
    """Set a user's role and sites."""
    require_admin(call.actor, _SEE)
    sent = call.body
    verbs.lock_admins(session())  # before the person, as everywhere
    user = verbs.locked_user(session(), call.key)
    if not sent.keys() & {"role", "sites"}:
        return _content(call, user)
    role = sent.get("role", user.role)
    if role == Role.ADMIN != user.role:
        raise Forbidden(_OF_ADMINS)
    kept = [site.key for site in user.sites] if role == Role.REPORTER else []
    verbs.change_person(
        session(), call.writer, user.name, role, sent.get("sites", kept), why=sent["why"]
    )
    return _content(call, user)


@operation(
    "POST", "/v1/people/{person}/disable", scopes=_ADMIN, body=Why, answer=Person, of=get_person
)
def disable_person(call: Call) -> Mapping[str, Any]:
    """Disable a user immediately."""
    user = _found(call)
    verbs.disable_user(session(), call.writer, user, why=call.body["why"])
    return _content(call, user)


@operation(
    "POST", "/v1/people/{person}/enable", scopes=_ADMIN, body=Why, answer=Person, of=get_person
)
def enable_person(call: Call) -> Mapping[str, Any]:
    """Re-enable a user."""
    user = _found(call)
    verbs.enable_user(session(), call.writer, user, why=call.body["why"])
    return _content(call, user)


@operation(
    "POST", "/v1/people/{person}/end-logins", scopes=_ADMIN, body=Why, answer=Person, of=get_person
)
def end_logins(call: Call) -> Mapping[str, Any]:
    """End a user's sessions and revoke tokens and calendar feed."""
    user = _found(call)
    end_other_logins(session(), call.writer, user, why=call.body["why"])
    return _content(call, user)


@operation(
    "POST",
    "/v1/people/{person}/take-off-second-factor",
    scopes=_ADMIN,
    body=Why,
    answer=Person,
    of=get_person,
)
def take_off_second_factor(call: Call) -> Mapping[str, Any]:
    """Remove a user's second factor."""
    user = _found(call)
    _require_no_admin(user)
    take_off(session(), call.writer, user.name, why=call.body["why"])
    return _content(call, user)


@operation(
    "POST", "/v1/people/{person}/links", scopes=_ADMIN, body=Why, answer=OneTimeLink, once=("link",)
)
def make_one_time_link(call: Call) -> Mapping[str, Any]:
    """Create a one-time link to set a password."""
    _require_no_admin(_found(call))
    return _new_link(call, call.key, call.body["why"])


def _found(call: Call) -> User:
    require_admin(call.actor, _SEE)
    return verbs.find_user(session(), call.key)


def _require_no_admin(user: User) -> None:
    """Raise ``Forbidden`` where this would let a stolen token in as an administrator."""
    if user.role == Role.ADMIN:
        raise Forbidden(_OF_ADMINS)


def _new_link(call: Call, name: str, why: str = "") -> Mapping[str, Any]:
    token = make_reset_link(session(), call.writer, name, why=why)
    link = live_reset_link(session(), verbs.find_user(session(), name), call.now)
    assert link is not None, "it was just made"
    address = f"{current_app.extensions[PUBLIC_URL]}/reset/{token}"
    return {"name": name, "link": address, "until": link.expires_at}


def _listed(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role,
        "sites": [site.key for site in user.sites],
        "mail": user.mail,
        "second_factor": user.totp_since is not None,
        "created": user.created_at,
        "disabled": user.disabled_at,
    }


def _content(call: Call, user: User) -> Mapping[str, Any]:
    link = live_reset_link(session(), user, call.now)
    return {
        **_listed(user),
        "last_login": last_logins(session()).get(user.id),
        "time_zone": user.time_zone,
        "logins": len(logins_of(session(), user, call.now)),
        "link_until": link and link.expires_at,
    }


_OF_ADMINS: Final = "No token makes an administrator or lets one in; a person logs in for that"
