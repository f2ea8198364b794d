"""``/.well-known/security.txt``: where somebody reports a vulnerability (RFC 9116)."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort, current_app

from app.core.settings import Settings
from app.core.web.person import public

blueprint = Blueprint("security_txt", __name__)
PATH = "/.well-known/security.txt"


@blueprint.route(PATH, methods=["GET"], provide_automatic_options=False)
@public
def show() -> Response:
    """The contact that the settings name; 404 if they name none. ``Expires`` is the end of the day
    up to which a person confirmed the contact, so that nobody trusts a forgotten one."""
    settings: Settings = current_app.config["PORTAL"]
    contact = settings.security_contact
    if contact.until is None:
        abort(HTTPStatus.NOT_FOUND)
    lines = [
        f"Contact: {contact.address}",
        f"Expires: {contact.until}T23:59:59Z",
        "Preferred-Languages: en",
    ]
    if settings.public_url.startswith("https:"):  # the RFC allows no other address
        lines.append(f"Canonical: {settings.public_url}{PATH}")
    return current_app.response_class("\n".join(lines) + "\n", mimetype="text/plain")
