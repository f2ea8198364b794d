"""Whether a request's cookie is, or once was, that of a login: decided by its signature alone.

It is called before a body is read, so that a browser that never logged in cannot make the portal
read much; it asks no database. An expired login counts as one: what was typed meanwhile is not
lost.
"""

from __future__ import annotations

import re
from typing import Final

from flask import Flask, current_app, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature

LOGIN: Final = "_user_id"
"""Under which flask-login keeps the random id of a login."""
PENDING: Final = "pending"
"""Under which the cookie holds the random id of a login that waits for its second factor."""
LOGGED_OUT: Final = "logged_out"
"""Set in the cookie of a browser that logged out: what is open in another tab may still be sent."""


def holds_login(flask_app: Flask, cookies: str) -> bool:
    """Whether the Cookie header holds a login, live or ended, that this portal signed."""
    name = re.escape(flask_app.config["SESSION_COOKIE_NAME"])
    found = re.search(rf"(?:^|[;\s]){name}=([^;\s]*)", cookies)
    serializer = SecureCookieSessionInterface().get_signing_serializer(flask_app)
    if found is None or serializer is None:
        return False
    try:
        held = serializer.loads(found[1])  # of any age
    except BadSignature:
        return False
    return not {LOGIN, PENDING, LOGGED_OUT}.isdisjoint(held)


def sender_held_login() -> bool:
    """The same of the request that is answered now."""
    return holds_login(current_app, request.headers.get("Cookie", ""))
