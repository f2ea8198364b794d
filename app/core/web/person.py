"""Who is behind a request of the browser's door, and where a page may lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import (
    current_app,
    request,
)
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from app.core.rules.access import Actor, Door, Writer
from app.core.rules.addresses import kept_address
from app.core.rules.secret_keys import SecretKey
from app.core.services.security_log import log_event
from app.core.settings import Settings
from app.core.web.times import now

PUBLIC = "public_page"
_BY_ITSELF = "asked_by_pages"

View = TypeVar("View", bound=Callable[..., Any])


def public(view: View) -> View:
    """Mark a view as open to people who are not logged in."""
    setattr(view, PUBLIC, True)
    return view


def by_itself(view: View) -> View:
    """Mark a view as called by open pages, and not by a person: such a call is no use of
    the login, which else would never be idle."""
    setattr(view, _BY_ITSELF, True)
    return view


def asks_by_itself(view: object) -> bool:
    """Whether a page asks, and no person: by the view, or as static/live.js says."""
    return getattr(view, _BY_ITSELF, False) or "Live-Refresh" in request.headers


def acting() -> Actor:
    """The rights of the person who is logged in."""
    actor: Actor = current_user.actor
    return actor


def writer() -> Writer:
    """The person who is logged in, as the change log keeps it."""
    settings: Settings = current_app.config["PORTAL"]
    return Writer(
        actor=acting(),
        door=Door.PORTAL,
        now=now(),
        remote=remote(),
        copies_per_day=settings.copies_per_day,
    )


def remote() -> str:
    """The address that the request came from, as the trusted proxies say; "" = not known."""
    return kept_address(request.remote_addr)


def secret_key() -> SecretKey:
    """The portal's secret, with the old one if one is still read."""
    key: str = current_app.config["SECRET_KEY"]
    old: list[str] = current_app.config["SECRET_KEY_FALLBACKS"] or []
    return SecretKey(key.encode(), old[0].encode() if old else None)


def local_path(path: str, method: str = "GET") -> str:
    """``path`` if a page of this portal answers there, else "": no other site, no other scheme."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        return ""
    if any(ord(letter) < 33 or ord(letter) == 127 for letter in path):
        return ""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc:
        return ""
    try:
        current_app.url_map.bind("").match(parts.path, method=method)
    except HTTPException:  # such as the address that a form was sent to
        return ""
    return path


def log_here(what: str, account: str, kind: str, thing: object, **more: str) -> None:
    """One line in the security log, from where this request came."""
    log_event(
        what, door=Door.PORTAL, account=account, remote=remote(), kind=kind, thing=thing, **more
    )
