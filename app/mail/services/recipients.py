"""Who is notified of a change of a ticket: at which address, and why.

The submitter (the person who opened it, else the mail address that the partner sent), the carbon
copy, the contacts of the responsible and affected sites, and everybody who watches the ticket. Each
address gets one mail, for however many reasons. Nobody is notified of their own change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.models.changes import Change
from app.core.rules.access import ActorKind, Role
from app.core.rules.language import _, joined, mailed
from app.core.rules.mails.mail_addresses import address_key, address_parts, mail_address
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.mail.models.mails import MailStop
from app.mail.rules.notifications import Happened
from app.registry.models.registry import SiteContact
from app.registry.rules.registry import ContactRole
from app.tickets.models.tickets import Ticket
from app.tickets.models.watchers import TicketWatcher
from app.tickets.rules.concern import Concern
from app.tickets.services.concern.concerned import concern_of

EACH, DIGEST, NEVER = "each", "digest", "never"


@dataclass(frozen=True)
class Recipient:
    """An address that is notified, and why; ``user`` is the person with that address, if any."""

    address: str
    key: str
    why: str
    user: User | None

    @property
    def choice(self) -> str:
        """Which mails the person or address wants."""
        return self.user.mail_choice if self.user is not None else EACH


class Part(StrEnum):
    """The role in a ticket of somebody who is notified."""

    OPENER = "opener"
    WATCHER = "watcher"
    COPY = "copy"
    SITE = "site"


@dataclass(frozen=True)
class TicketRole:
    """An address with a role in a ticket, and why."""

    part: Part
    address: str
    why: str
    field: str = ""
    """The field whose change assigns this role."""
    site: str = ""
    contact_of: int | None = None
    """The site, for its contacts."""
    key: str = ""
    """The site's name."""


@dataclass
class People:
    """All data that decides who is notified of changes of some tickets; read once for all of
    them."""

    users: dict[int, User] = field(default_factory=dict)
    """People who may log in and have an address, by key."""
    by_address: dict[str, User] = field(default_factory=dict)
    watchers: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    contacts: dict[int, list[SiteContact]] = field(default_factory=lambda: defaultdict(list))


def people_around(session: Session, tickets: Collection[Ticket]) -> People:
    """Read who may be notified of changes of these tickets."""
    return people_concerned(session, [concern_of(ticket) for ticket in tickets])


def people_concerned(session: Session, concerns: Sequence[Concern]) -> People:
    """The same for tickets with known concerns."""
    found = People()
    for user in session.scalars(
        select(User).where(User.mail != "", User.disabled_at.is_(None)).order_by(User.id.desc())
    ):
        found.users[user.id] = user
        found.by_address[address_key(user.mail)] = user  # of two with the same address, the older
    numbers = [one.number for one in concerns if one.number]
    watching = select(TicketWatcher.ticket_number, TicketWatcher.user_id)
    for number, user_id in session.execute(
        watching.where(TicketWatcher.ticket_number.in_(numbers)).order_by(TicketWatcher.user_id)
    ):
        found.watchers[number].append(user_id)
    sites = {key for one in concerns for key in sites_concerned(one)}
    for contact in session.scalars(
        select(SiteContact)
        .where(SiteContact.site_id.in_(sites), SiteContact.mail != "")
        .order_by(SiteContact.id)
    ):
        found.contacts[contact.site_id].append(contact)
    return found


def recipients_of(
    people: People,
    ticket: Ticket,
    change: Change,
    happened: Happened,
    changed: Ticket | None = None,
) -> Sequence[Recipient]:
    """Who is notified of this change, each address once, whether it wants mails or not.

    ``changed`` is the ticket that was changed, if it is not this one. Invalid addresses, as
    partners may send them, are skipped: ``bad_addresses`` names them.
    """
    new = {item.field: item for item in change.fields}
    own = set(_own_addresses(people, changed or ticket, change))
    whys: dict[str, list[str]] = {}
    addresses: dict[str, str] = {}
    sites: dict[str, set[int]] = {}
    for role in roles_around(people, concern_of(ticket)):
        address = mail_address(role.address)
        if address is None:
            continue
        if happened is Happened.CONCERNED and not _came_into(role, new):
            continue
        key = address_key(address)
        if key in own:
            continue
        addresses.setdefault(key, address)
        reasons = whys.setdefault(key, [])
        if role.why not in reasons:
            reasons.append(role.why)
        if role.contact_of is not None:
            sites.setdefault(key, set()).add(role.contact_of)
    return [
        Recipient(
            address,
            key,
            mailed(joined(_(" and "), whys[key]))[:SHORT_TEXT_LIMIT],
            who_chooses(people.by_address.get(key), sites.get(key)),
        )
        for key, address in addresses.items()
    ]


def who_chooses(user: User | None, contact_of: set[int] | None) -> User | None:
    """The person whose choice applies to an address that is recorded as that person's.

    People enter their addresses themselves: the contacts of a site can only be silenced by somebody
    who acts for the site.
    """
    if user is None or not contact_of or user.role in (Role.ADMIN, Role.OPERATOR):
        return user
    return user if contact_of & {site.id for site in user.sites} else None


def bad_addresses(ticket: Ticket) -> Sequence[str]:
    """The invalid mail addresses of a ticket: nobody is notified there."""
    sent = [ticket.submitter_mail] if ticket.submitter_mail.strip() else []
    parts = [*sent, *address_parts(ticket.carbon_copy)]
    return [part for part in dict.fromkeys(parts) if mail_address(part) is None]


def stopped(session: Session, keys: Collection[str]) -> set[str]:
    """Return which of these addresses want no mails."""
    wanted = select(MailStop.address_key).where(MailStop.address_key.in_(keys))
    return set(session.scalars(wanted)) if keys else set()


def sites_concerned(concern: Concern) -> Mapping[int, str]:
    """The sites whose contacts are notified, by database key, each with its name."""
    responsible = [concern.responsible] if concern.responsible is not None else []
    return dict([*responsible, *((one.id, one.key) for one in concern.affected)])


def roles_around(people: People, concern: Concern) -> Iterator[TicketRole]:
    """Everybody with a role in the ticket, in the order of the reasons."""
    opener = people.users.get(concern.opener or 0)
    if opener is not None:
        yield TicketRole(Part.OPENER, opener.mail, _("because you created this ticket"))
    elif concern.submitter_mail:
        yield TicketRole(Part.OPENER, concern.submitter_mail, _("as submitter of this ticket"))
    for user_id in people.watchers.get(concern.number, ()):
        if user_id in people.users:
            yield TicketRole(
                Part.WATCHER, people.users[user_id].mail, _("because you watch this ticket")
            )
    for address in address_parts(concern.carbon_copy):
        why = _("because you are in carbon copy")
        yield TicketRole(Part.COPY, address, why, "carbon_copy", address)
    if concern.responsible is not None:
        yield from _contacts(people, *concern.responsible)
    for item in concern.affected:
        if concern.responsible is None or item.id != concern.responsible[0]:
            yield from _contacts(people, item.id, item.key, item.name)


def _contacts(
    people: People, site_id: int, key: str, affected_as: str = ""
) -> Iterator[TicketRole]:
    """The network contacts of a site, or all of its contacts if it has no network contact.

    ``affected_as``: the name under which it is affected; "" = it is responsible.
    """
    all_of_site = people.contacts.get(site_id, [])
    network = [contact for contact in all_of_site if contact.role == ContactRole.NETWORK]
    for contact in network or all_of_site:
        changed = "sites" if affected_as else "responsible_site"
        yield TicketRole(
            *(Part.SITE, contact.mail, _("as contact of %(key)s", key=key), changed),
            *(affected_as or key, site_id, key),
        )


def _came_into(role: TicketRole, changed: Mapping[str, object]) -> bool:
    """Return whether this change assigned the role: it did not exist before."""
    item = changed.get(role.field)
    if item is None:
        return False
    before = getattr(item, "old", None) or ""
    return role.site not in [part.strip() for part in before.replace(",", ";").split(";")]


def _actor(change: Change) -> int | None:
    return change.actor_id if change.actor_kind == ActorKind.PERSON else None


def _own_addresses(people: People, ticket: Ticket, change: Change) -> Iterator[str]:
    """Addresses of the author of the change: a person, or the person named by a partner."""
    actor = people.users.get(_actor(change) or 0)
    if actor is not None:
        yield address_key(actor.mail)
    claimed = mail_address(change.author)
    if claimed is not None:
        yield address_key(claimed)
    submitter = mail_address(ticket.submitter_mail)
    if submitter is None or change.partner_id is None:
        return
    names = (ticket.submitter_name, ticket.submitter_mail, ticket.submitter_login)
    author = change.author.strip().casefold()
    by_submitter = author in {name.strip().casefold() for name in names if name.strip()}
    from_there = change.partner_id == ticket.created_by_partner_id
    if from_there and (change.version == 1 or by_submitter):
        yield address_key(submitter)
