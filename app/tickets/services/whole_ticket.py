"""A ticket with all that its page shows, by two statements.

Most tickets are related to none, were handed to nobody, have no files and ask no site: the
statement that reads a ticket says so, and such things are not read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from app.accounts.models.partners import Partner
from app.core.rules import access
from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.tickets.models.attachments import Attachment
from app.tickets.models.relations import Acknowledgement, TicketRelation
from app.tickets.models.tickets import (
    ExternalReference,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
)
from app.tickets.services.fields import facts_of

_NUMBER: Final[ColumnElement[int]] = bindparam("number")
_OFTEN_EMPTY: Final = {
    "handed_to": TicketPartner.ticket_number,
    "acknowledgements": Acknowledgement.ticket_number,
}
"""Lists of a ticket that are empty for most, and what says whether there is anything in them."""
_TICKET: Final = (
    select(
        Ticket,
        *(exists().where(owner == _NUMBER).label(name) for name, owner in _OFTEN_EMPTY.items()),
        exists()
        .where(or_(TicketRelation.ticket_number == _NUMBER, TicketRelation.other_number == _NUMBER))
        .label("has_relations"),
        exists()
        .where(Attachment.ticket_number == _NUMBER, Attachment.removed_at.is_(None))
        .label("has_attachments"),
        select(func.aggregate_strings(Partner.code, "\n")).scalar_subquery().label("partners"),
    )
    .where(Ticket.number == _NUMBER)
    .options(
        *(lazyload(one) for one in (Ticket.affected_links, Ticket.affected_sites, Ticket.handed_to))
    )
)
_KIND: Final = union_all(
    *(select(literal(kind).label("kind")) for kind in ("link", "site", "reference"))
).subquery()
# each row has one of the three: nearly every ticket has some
_PARTS: Final = (
    select(TicketLink, TicketSite, ExternalReference)
    .select_from(_KIND)
    .outerjoin(TicketLink, and_(_KIND.c.kind == "link", TicketLink.ticket_number == _NUMBER))
    .outerjoin(TicketSite, and_(_KIND.c.kind == "site", TicketSite.ticket_number == _NUMBER))
    .outerjoin(
        ExternalReference,
        and_(_KIND.c.kind == "reference", ExternalReference.ticket_number == _NUMBER),
    )
    .order_by(TicketLink.position, TicketSite.position, ExternalReference.id)
)


@dataclass(frozen=True)
class WholeTicket:
    """A ticket; ``partners``: the codes of all partners, in order."""

    ticket: Ticket
    has_relations: bool
    has_attachments: bool
    partners: Sequence[str]


def read_whole_ticket(session: Session, actor: Actor, number: int) -> WholeTicket:
    """The ticket of this number; ``NotFound`` unless the actor may read it."""
    given = {"number": number}
    row: Any = session.execute(_TICKET, given).one_or_none()
    if row is None:
        raise NotFound
    ticket: Ticket = row.Ticket
    lists: dict[str, list[Any]] = {"affected_links": [], "affected_sites": [], "references": []}
    for parts in session.execute(_PARTS, given):
        for found, part in zip(lists.values(), parts, strict=True):
            if part is not None:
                found.append(part)
    lists |= {name: [] for name in _OFTEN_EMPTY if not getattr(row, name)}
    for name, found in lists.items():
        set_committed_value(ticket, name, found)
    access.require_read(actor, facts_of(ticket))
    partners = sorted(row.partners.split("\n")) if row.partners else ()
    return WholeTicket(ticket, row.has_relations, row.has_attachments, partners)
