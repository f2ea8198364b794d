"""Failed logins in the security log."""

from __future__ import annotations

from app.accounts.services import credentials
from app.core.rules.access import ActorKind
from app.core.web.extensions import db
from app.core.web.person import log_here

MAX_NAME_LENGTH = 100


def log_failed_login(name: str, how: str) -> None:
    """Log that a login failed, with the account's name if there is one of this name."""
    readable = len(name) <= MAX_NAME_LENGTH and name.isprintable()
    known = credentials.known_name(db.session(), ActorKind.PERSON, name) if readable else ""
    log_here("failed login", known, "person", "", how=how)
