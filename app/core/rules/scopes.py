"""What an API token may be used for, and how long it may live.

A scope narrows: a person's token may at most what the person may, a system's token what its scopes
name and nothing else. Only a person's token administers, and only with the scope ``admin``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from app.core.rules.errors import Invalid
from app.core.rules.language import _


class Scope(StrEnum):
    """What a token is for."""

    EVENTS = "events"
    TICKETS = "tickets"
    REPORTS = "reports"
    REGISTRY = "registry"
    READ = "read"
    ADMIN = "admin"


MEANINGS: dict[Scope, str] = {
    Scope.EVENTS: _("send and read network events"),
    Scope.TICKETS: _("read and write tickets"),
    Scope.REPORTS: _("read and fill in quarterly reports"),
    Scope.REGISTRY: _("read and change sites and links, contacts included"),
    Scope.READ: _("read everything except secrets; tokens of systems cannot read contacts"),
    Scope.ADMIN: _("administer the portal, if the owner is an administrator"),
}
MAX_DAYS = 400
"""A token's secret lives at most so many days: a year, and time to change it over."""
LIVE_SECRETS = 2
"""A token may have two live secrets, so that it can be rotated without a gap."""
PREFIX = "lhcopn_"
"""What every secret begins with: a scanner for secrets finds it in a repository."""


def checked_scopes(given: Iterable[str], field: str = "scope") -> frozenset[Scope]:
    """The scopes of these names; ``Invalid`` for an unknown one, or for none at all."""
    words = list(given)
    known = {scope.value: scope for scope in Scope}
    if not words or any(word not in known for word in words):
        raise Invalid(field, _("Scope: choose one or more of: %(listed)s", listed=", ".join(known)))
    return frozenset(known[word] for word in words)


def checked_lifetime(days: int, field: str = "expires") -> timedelta:
    """How long a secret lives: 1 to 400 whole days; ``Invalid`` otherwise."""
    if not 1 <= days <= MAX_DAYS:
        raise Invalid(field, _("Expiry: choose 1 to %(max_days)s days from now", max_days=MAX_DAYS))
    return timedelta(days=days)
