"""Who may do what: people by role and site, partner accounts by their switches.

The actor is made from verified credentials only, never from a field of a request. Everything here
answers with the reason of a refusal in words, so that each door can say why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.core.rules.errors import Forbidden, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope


class Role(StrEnum):
    """Roles of people."""

    ADMIN = "admin"
    OPERATOR = "operator"
    REPORTER = "reporter"
    READER = "reader"


USUAL_COPIES_PER_DAY = 200
"""Decisions, section 5 (issue 16): outside addresses in carbon copies, a day and account."""


class Door(StrEnum):
    """Through which door a change came in."""

    PORTAL = "portal"
    SOAP = "soap"
    NATIVE = "native"
    API = "api"
    COMMAND = "command"
    SYSTEM = "system"
    EXCHANGE = "exchange"
    """Read from a partner's system, or what one of its mails or webhooks brought."""
    IMPORT = "import"
    """A file of old tickets, on a page or by a command: nobody is notified."""


DOOR_WORDS: Mapping[str, str] = {
    Door.PORTAL: _("in the portal"),
    Door.SOAP: _("via SOAP"),
    Door.NATIVE: _("via SOAP, service LHCOPN"),
    Door.API: _("via the API"),
    Door.COMMAND: _("from the command line"),
    Door.SYSTEM: _("automatically"),
    Door.EXCHANGE: _("by the exchange"),
    Door.IMPORT: _("by an import"),
}
"""Behind who changed something, on pages."""


def door_words(door: str) -> str:
    """How somebody came in who changed something, such as "in the portal"; a door of a newer
    version as it is stored."""
    return DOOR_WORDS.get(door, door)


class ActorKind(StrEnum):
    """What kind of account acts."""

    PERSON = "person"
    PARTNER = "partner"
    TOKEN = "token"  # noqa: S105  # the word, no secret
    """A system's API token; a person's own acts as that person."""
    SYSTEM = "system"


class TicketAccess(StrEnum):
    """Which tickets a partner's account sees."""

    ALL = "all"
    OWN = "own"


CONTRACT_YEARS = (2012, 2013, 2016)
"""Years of the GGUS contract that an account may be compiled against; later response fields are
left out for earlier years."""


@dataclass(frozen=True)
class Actor:
    """An authenticated account. ``account`` is its login name; ids are database keys."""

    kind: ActorKind
    account: str
    account_id: int | None = None
    role: Role | None = None
    site_ids: frozenset[int] = field(default_factory=frozenset)
    time_zone: str = "UTC"
    partner_id: int | None = None
    partner_code: str | None = None
    access: TicketAccess = TicketAccess.OWN
    read_only: bool = False
    internal: bool = False
    contract_year: int = 2016
    scopes: frozenset[Scope] | None = None
    """What the API token is for with which it acts; None = it acts without one."""

    @property
    def is_operator(self) -> bool:
        """Operators and admins work on all tickets."""
        return self.role in (Role.ADMIN, Role.OPERATOR)


SYSTEM = Actor(kind=ActorKind.SYSTEM, account="portal", internal=True)
"""The portal itself, for timed work and commands."""


@dataclass(frozen=True)
class Writer:
    """Who makes a change, when and through which door, as in the change log."""

    actor: Actor
    door: Door
    now: datetime
    author: str = ""
    """The author to show where a partner names one (GHD_Last_Modifier); else the account."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """What else the sender says of itself (GHD_Last_Login, GHD_Origin_SG): recorded, not used."""
    request_digest: str | None = None
    """Digest of a partner's whole request, by which an identical repeat is known."""
    remote: str = ""
    """The address that it came from, where it came over the network."""
    copies_per_day: int = USUAL_COPIES_PER_DAY
    """How many outside addresses this account may name for carbon copies on one day (UTC)."""
    has_key: bool = False
    """Nothing but a key of the request decides whether it is a repeat, not what it says (decisions,
    section 4): everything over REST, and a request with a request key."""

    @property
    def shown_author(self) -> str:
        """The claimed author, else the account's name."""
        return self.author or self.actor.account


class TicketFacts(Protocol):
    """What rights on one ticket depend on; each is requested only by the rules that need it."""

    @property
    def created_by_user(self) -> int | None:
        """The person's key."""

    @property
    def created_by_partner(self) -> int | None:
        """The partner's key."""

    @property
    def handed_to_partners(self) -> Collection[int]:
        """Keys of the partners to which it was handed."""

    @property
    def site_ids(self) -> Set[int]:
        """Affected sites, the responsible site and the ends of affected links."""


def is_submitter(actor: Actor, ticket: TicketFacts) -> bool:
    """Whether this person, or any account of this partner, created the ticket."""
    if actor.kind is ActorKind.PERSON:
        return actor.account_id is not None and actor.account_id == ticket.created_by_user
    if actor.kind is ActorKind.PARTNER:
        return actor.partner_id is not None and actor.partner_id == ticket.created_by_partner
    return False


def may_read(actor: Actor, ticket: TicketFacts) -> bool:
    """People read all tickets; a partner's account all or its partner's own."""
    if actor.kind is not ActorKind.PARTNER or actor.access is TicketAccess.ALL:
        return True
    return is_submitter(actor, ticket) or actor.partner_id in ticket.handed_to_partners


def require_all_tickets(actor: Actor) -> None:
    """Raise ``Forbidden`` for an account that reads its partner's own tickets only: figures reveal
    all."""
    if actor.kind is ActorKind.PARTNER and actor.access is not TicketAccess.ALL:
        raise Forbidden(
            _("This account reads its own tickets only; figures need one that reads all tickets")
        )


def may_read_internal(actor: Actor) -> bool:
    """Whether internal entries of others are shown to this account."""
    return actor.kind is ActorKind.SYSTEM or actor.is_operator or actor.internal


def refusal_by_scope(actor: Actor, *enough: Scope) -> str | None:
    """Why the token with which this account acts is not for that, or None. ``enough``: any of
    these scopes will do."""
    if actor.scopes is None or actor.scopes & set(enough):
        return None
    return _("This token lacks the scope %(listed)s", listed=" or ".join(enough))


def refusal_to_create(actor: Actor) -> str | None:
    """Why this account may not create tickets, or None."""
    if (reason := refusal_by_scope(actor, Scope.TICKETS)) is not None:
        return reason
    if actor.kind is ActorKind.PARTNER and actor.read_only:
        return _("This account is read-only; creating tickets needs the right to write")
    if actor.role is Role.READER:
        return _("A reader may not create tickets; ask for the role reporter or operator")
    return None


def refusal_to_write(actor: Actor, ticket: TicketFacts) -> str | None:
    """Why this account may not change this (readable) ticket, or None."""
    if (reason := refusal_by_scope(actor, Scope.TICKETS)) is not None:
        return reason
    if actor.kind in (ActorKind.SYSTEM, ActorKind.TOKEN) or actor.is_operator:
        return None
    if actor.kind is ActorKind.PARTNER:
        if actor.read_only:
            return _("This account is read-only; changing tickets needs the right to write")
        return None
    if actor.role is Role.REPORTER:
        if is_submitter(actor, ticket) or actor.site_ids & ticket.site_ids:
            return None
        return _(
            "Reporters may change only tickets that they wrote, or for which their site is"
            " affected, responsible or at an end of an affected link"
        )
    return _("A reader may not change tickets; ask for the role reporter or operator")


def refusal_to_report(actor: Actor) -> str | None:
    """Why this account may not report network events, or None."""
    if (reason := refusal_by_scope(actor, Scope.EVENTS)) is not None:
        return reason
    if actor.kind is ActorKind.PARTNER and actor.read_only:
        return _("This account is read-only; reporting events needs the right to write")
    if actor.kind is ActorKind.PERSON and not actor.is_operator:
        return _("Only operators may report events")
    return None


def require_report(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may report network events."""
    reason = refusal_to_report(actor)
    if reason is not None:
        raise Forbidden(reason)


def refusal_to_match(actor: Actor, site_ids: Collection[int]) -> str | None:
    """Why this account may not decide by hand about an event, or None. ``site_ids``: the ends of
    its link and its responsible site."""
    if (reason := refusal_by_scope(actor, Scope.EVENTS)) is not None:
        return reason
    if actor.is_operator or actor.kind is ActorKind.SYSTEM:
        return None
    if actor.role is Role.REPORTER and actor.site_ids & frozenset(site_ids):
        return None
    return _("Only operators, and reporters of a site at the link's ends, may match events by hand")


def require_match(actor: Actor, site_ids: Collection[int]) -> None:
    """Raise ``Forbidden`` unless the actor may decide by hand about an event of these sites."""
    reason = refusal_to_match(actor, site_ids)
    if reason is not None:
        raise Forbidden(reason)


def require_read(actor: Actor, ticket: TicketFacts) -> None:
    """Raise ``NotFound``, as for an unknown number, unless the actor may read the ticket."""
    if not may_read(actor, ticket):
        raise NotFound


def require_write(actor: Actor, ticket: TicketFacts) -> None:
    """Raise ``NotFound`` or ``Forbidden`` (naming the missing right) unless the actor may write."""
    require_read(actor, ticket)
    reason = refusal_to_write(actor, ticket)
    if reason is not None:
        raise Forbidden(reason)


def require_create(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may create tickets."""
    reason = refusal_to_create(actor)
    if reason is not None:
        raise Forbidden(reason)


def require_operator(actor: Actor, what: str, scope: Scope = Scope.TICKETS) -> None:
    """Raise ``Forbidden`` unless the actor is an operator, an admin or the portal itself; a token
    needs the scope, too."""
    require_scope(actor, scope)
    if not (actor.is_operator or actor.kind is ActorKind.SYSTEM):
        raise Forbidden(_("Only operators may %(what)s", what=what))


def require_admin(actor: Actor, what: str, scope: Scope = Scope.ADMIN) -> None:
    """Raise ``Forbidden`` unless the actor is an admin or the portal itself; a token needs the
    scope, too."""
    require_scope(actor, scope)
    if not (actor.role is Role.ADMIN or actor.kind is ActorKind.SYSTEM):
        raise Forbidden(_("Only admins may %(what)s", what=what))


def require_scope(actor: Actor, *enough: Scope) -> None:
    """Raise ``Forbidden`` unless the actor's token, if it acts with one, has one of these scopes.

    What the account itself may is another question.
    """
    reason = refusal_by_scope(actor, *enough)
    if reason is not None:
        raise Forbidden(reason)


def may_read_contacts(actor: Actor) -> bool:
    """People read the contacts of sites; a system's token only if it is for the registry."""
    if actor.kind is ActorKind.TOKEN:
        return actor.scopes is not None and Scope.REGISTRY in actor.scopes
    return actor.kind in (ActorKind.PERSON, ActorKind.SYSTEM)


def require_internal(actor: Actor) -> None:
    """Raise ``Forbidden`` if a person who may not read internal entries wants to write one.

    Partners' internal text is always accepted; without the switch only their own comes back.
    """
    if actor.kind in (ActorKind.PERSON, ActorKind.TOKEN) and not actor.is_operator:
        raise Forbidden(_("Only operators may write internal entries"))
