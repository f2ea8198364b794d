"""Verbs that bind tickets to each other: relate, take a relation off, open a related ticket.

Both tickets of a bond are changed: each has its version raised and a row in the change log, whose
field is the role and whose value is the other's number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.rules import access
from app.core.rules.access import Actor, Writer
from app.core.rules.clock import strictly_after
from app.core.services.changes import FieldChange, take_number
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import Bond, BondKind, RelationRole, bond_of, check_bond, opposite
from app.tickets.rules.tickets import is_open
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import find_ticket, locked_ticket, open_ticket, record_on_ticket
from app.tickets.services.lists.query import readable

_LOCK = "relation"
"""The counter whose lock lets one writer at a time look for circles: the tickets between two
ends are not locked, so two writers could else close a circle from two sides."""


@dataclass(frozen=True)
class Related:
    """Another ticket as this one sees it: ``role`` is what it is to this one."""

    role: RelationRole
    number: int
    title: str
    state: str
    is_open: bool


def relate_tickets(
    session: Session, by: Writer, number: int, role: RelationRole, other: int
) -> Ticket:
    """Make ``other`` this ``role`` to the ticket ``number``, and return that ticket.

    Needs the right to write on ``number`` and to read ``other``, in any state of both. A relation
    that already exists is not a change. Raises ``NotFound`` (either ticket), ``Forbidden``, and
    ``Invalid`` on the field ``other`` if a rule of ``domain.relations`` forbids it.
    """
    wanted = bond_of(number, role, other)
    ticket, partner = locked_pair(session, by, number, other)
    if row_of(session, wanted) is not None:
        return ticket
    above: Collection[int] = ()
    if wanted.kind is BondKind.CHILD:
        take_number(session, _LOCK)
        above = _parents_above(session, wanted.other)
    check_bond(wanted, bonds_of(session, number, other), above)
    return _bind(session, by, ticket, partner, wanted)


def unrelate_tickets(
    session: Session, by: Writer, number: int, role: RelationRole, other: int
) -> Ticket:
    """Take the relation by which ``other`` is ``role`` to ``number`` off both.

    The same rights as for ``relate_tickets``. A relation that does not exist is no change.
    """
    wanted = bond_of(number, role, other)
    ticket, partner = locked_pair(session, by, number, other)
    row = row_of(session, wanted)
    if row is None:
        return ticket
    session.delete(row)
    at = later_than_both(by, ticket, partner)
    record_on_ticket(session, by, ticket, [FieldChange(role, str(other), None)], at)
    record_on_ticket(session, by, partner, [FieldChange(opposite(role), str(number), None)], at)
    return ticket


def open_related_ticket(
    session: Session,
    by: Writer,
    new: NewTicket,
    role: RelationRole,
    other: int,
    *,
    check_needs: bool = False,
) -> Ticket:
    """Open a ticket to which ``other`` is ``role``, in one transaction, and return it.

    Needs the right to create tickets and to read ``other``. A new ticket has no relations, so that
    no circle can result.
    """
    partner = locked_ticket(session, other)
    access.require_read(by.actor, facts_of(partner))
    if role is not RelationRole.RELATED:
        # a number that no ticket has stands for the new one: refused before anything is written
        check_bond(bond_of(0, role, other), bonds_of(session, other), ())
    ticket = open_ticket(session, by, new, check_needs=check_needs)
    return _bind(session, by, ticket, partner, bond_of(ticket.number, role, other))


def relations_of(session: Session, actor: Actor, number: int) -> Sequence[Related]:
    """The tickets that are bound to this one and that the actor may read, by role and number.

    Raises ``NotFound`` unless the actor may read the ticket itself.
    """
    find_ticket(session, actor, number)
    others: dict[int, list[RelationRole]] = {}
    for bond in bonds_of(session, number):
        other = bond.other if bond.ticket == number else bond.ticket
        others.setdefault(other, []).append(bond.role_for(number))
    if not others:
        return []
    rows = session.execute(
        select(Ticket.number, Ticket.title, Ticket.state).where(
            Ticket.number.in_(others), readable(actor)
        )
    ).all()
    order = list(RelationRole)
    found = [
        Related(role, row.number, row.title, row.state, is_open(row.state))
        for row in rows
        for role in others[row.number]
    ]
    return sorted(found, key=lambda item: (order.index(item.role), item.number))


def titles_of(session: Session, actor: Actor, numbers: Collection[int]) -> Mapping[int, str]:
    """State and title of those of these tickets that the actor may read, by number."""
    wanted = select(Ticket.number, Ticket.state, Ticket.title)
    found = session.execute(wanted.where(Ticket.number.in_(numbers), readable(actor)))
    return {number: f"{state}: {title}" for number, state, title in found}


def readable_numbers(session: Session, actor: Actor, numbers: Collection[int]) -> frozenset[int]:
    """Those of these tickets that the actor may read."""
    if not numbers:
        return frozenset()
    wanted = select(Ticket.number).where(Ticket.number.in_(numbers), readable(actor))
    return frozenset(session.scalars(wanted))


def locked_pair(session: Session, by: Writer, number: int, other: int) -> tuple[Ticket, Ticket]:
    """Both tickets, locked in the order of their numbers, with the rights on them checked."""
    locked = {one: locked_ticket(session, one) for one in sorted((number, other))}
    access.require_write(by.actor, facts_of(locked[number]))
    access.require_read(by.actor, facts_of(locked[other]))
    return locked[number], locked[other]


def _bind(session: Session, by: Writer, ticket: Ticket, partner: Ticket, bond: Bond) -> Ticket:
    session.add(TicketRelation(kind=bond.kind, ticket_number=bond.ticket, other_number=bond.other))
    role, back = bond.role_for(ticket.number), bond.role_for(partner.number)
    at = later_than_both(by, ticket, partner)
    record_on_ticket(session, by, ticket, [FieldChange(role, None, str(partner.number))], at)
    record_on_ticket(session, by, partner, [FieldChange(back, None, str(ticket.number))], at)
    return ticket


def later_than_both(by: Writer, ticket: Ticket, partner: Ticket) -> datetime:
    """One time for the two rows of one deed."""
    return max(strictly_after(by.now, one.changed_at) for one in (ticket, partner))


def row_of(session: Session, bond: Bond) -> TicketRelation | None:
    """The row of this relation as it is now, if it exists."""
    return session.get(TicketRelation, (bond.kind, bond.ticket, bond.other), populate_existing=True)


def bonds_of(session: Session, *numbers: int) -> Sequence[Bond]:
    """All bonds of these tickets."""
    rows = session.execute(
        select(
            TicketRelation.kind, TicketRelation.ticket_number, TicketRelation.other_number
        ).where(
            or_(
                TicketRelation.ticket_number.in_(numbers),
                TicketRelation.other_number.in_(numbers),
            )
        )
    )
    return [Bond(BondKind(kind), ticket, other) for kind, ticket, other in rows]


def _parents_above(session: Session, number: int) -> Collection[int]:
    """The parent of a ticket, the parent of that, and so on."""
    parent = select(TicketRelation.other_number.label("number")).where(
        TicketRelation.kind == BondKind.CHILD, TicketRelation.ticket_number == number
    )
    above = parent.cte("above", recursive=True)
    above = above.union(
        select(TicketRelation.other_number)
        .join(above, TicketRelation.ticket_number == above.c.number)
        .where(TicketRelation.kind == BondKind.CHILD)
    )
    return frozenset(session.scalars(select(above.c.number)))
