"""Who will be notified of what a person is about to write, and which sites cannot be reached.

Uses the same rules as the mails themselves (``recipients``): who has a role in the ticket, and who
wants mails. Only reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.core.rules.access import Actor, ActorKind
from app.core.rules.mails.mail_addresses import address_key, mail_address
from app.mail.services.recipients import (
    DIGEST,
    EACH,
    NEVER,
    Part,
    people_concerned,
    roles_around,
    sites_concerned,
    stopped,
    who_chooses,
)
from app.tickets.rules.concern import Concern


@dataclass
class Notified:
    """Addresses that are notified together: those of a site, or with the same role."""

    part: Part
    site: str
    """The site's name; "" = no site."""
    addresses: list[str] = field(default_factory=list)
    """Addresses that get a mail, or a line of their daily digest."""
    in_digest: int = 0
    """How many of them get a line of their daily digest."""
    off: int = 0
    """How many addresses want no mails."""


@dataclass(frozen=True)
class Announced:
    """Who will be notified, each address once, under its first role."""

    parts: Sequence[Notified]
    without_contact: Sequence[str]
    """Sites that the ticket concerns and that have no address: nobody is notified at these
    sites."""

    @property
    def count(self) -> int:
        """The number of addresses."""
        return sum(len(one.addresses) for one in self.parts)


def announce(session: Session, actor: Actor, concern: Concern) -> Announced:
    """Return who will be notified when this person changes the ticket, without the person; four
    statements."""
    people = people_concerned(session, [concern])
    own = people.users.get(actor.account_id or 0) if actor.kind is ActorKind.PERSON else None
    seen = {address_key(own.mail)} if own is not None else set()
    every = [
        (address_key(address), address, role)
        for role in roles_around(people, concern)
        if (address := mail_address(role.address)) is not None
    ]
    of_sites: dict[str, set[int]] = {}
    for key, _address, role in every:
        if role.contact_of is not None:
            of_sites.setdefault(key, set()).add(role.contact_of)
    out = stopped(session, {key for key, *_rest in every})
    parts: dict[tuple[Part, str], Notified] = {}
    for key, address, role in every:
        if key in seen:
            continue
        seen.add(key)
        one = parts.setdefault((role.part, role.key), Notified(role.part, role.key))
        user = who_chooses(people.by_address.get(key), of_sites.get(key))
        choice = user.mail_choice if user is not None else NEVER if key in out else EACH
        if choice == NEVER:
            one.off += 1
        else:
            one.addresses.append(address)
            one.in_digest += choice == DIGEST
    reached = {role.contact_of for _key, _address, role in every}
    lacking = [name for site, name in sites_concerned(concern).items() if site not in reached]
    return Announced([*parts.values()], sorted(lacking))
