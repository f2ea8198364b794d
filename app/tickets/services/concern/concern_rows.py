"""Writes which tickets concern which site: the rows of ``ConcernedSite``.

They follow from a ticket's affected sites, its responsible site and the ends of its links, and are
written in the transaction that changes one of these, so that lists by site read one index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, CompoundSelect, delete, insert, select, union
from sqlalchemy.orm import Session

from app.registry.models.registry import Link
from app.tickets.models.tickets import ConcernedSite, Ticket, TicketLink, TicketSite
from app.tickets.services.fields import facts_of

AT_ONCE: Final = 2_000
"""Tickets of one transaction of ``rebuild``."""

Within = Callable[[ColumnElement[int]], ColumnElement[bool]]
"""Narrows a column of tickets' numbers to those that are meant."""


def follow_concerned(session: Session, ticket: Ticket) -> None:
    """Write the rows of a locked ticket whose sites, links or responsible site may have changed."""
    session.flush()
    connection, number = session.connection(), ticket.number
    wanted = facts_of(ticket).site_ids
    of_ticket = ConcernedSite.ticket_number == number
    written = set(connection.scalars(select(ConcernedSite.site_id).where(of_ticket)))
    if gone := written - wanted:
        connection.execute(delete(ConcernedSite).where(of_ticket, ConcernedSite.site_id.in_(gone)))
    if new := sorted(wanted - written):
        rows = [{"ticket_number": number, "site_id": site} for site in new]
        connection.execute(insert(ConcernedSite), rows)


def follow_ends(session: Session, link_id: int) -> None:
    """Write the rows of all tickets on a link whose ends changed.

    A ticket that another transaction writes just now is not seen: the worker comes after it
    (``app.tickets.services.search.names``).
    """
    session.flush()
    on_link = select(TicketLink.ticket_number).where(TicketLink.link_id == link_id)
    write_again(session, lambda number: number.in_(on_link))


def write_again(session: Session, within: Within) -> None:
    """Write the rows of these tickets; their own are locked, as by a change of one."""
    number = Ticket.number.expression
    session.execute(
        select(number).where(within(number)).order_by(number).with_for_update(key_share=True)
    )
    session.execute(
        delete(ConcernedSite)
        .where(within(ConcernedSite.ticket_number.expression))
        .execution_options(synchronize_session=False)
    )
    add_rows(session, within)


def add_rows(session: Session, within: Within) -> None:
    """Write the rows of tickets that have none: in a transaction that wrote these tickets."""
    session.execute(
        insert(ConcernedSite).from_select(["ticket_number", "site_id"], concerned_pairs(within))
    )


def concerned_pairs(within: Within) -> CompoundSelect[Any]:
    """The rule: each of these tickets with each site that it concerns."""
    number, affected, responsible = (
        TicketLink.ticket_number.expression,
        TicketSite.ticket_number.expression,
        Ticket.number.expression,
    )
    on_links = [
        select(number, end).join(Link, Link.id == TicketLink.link_id).where(within(number))
        for end in (Link.end_a_id, Link.end_b_id)
    ]
    return union(
        select(affected, TicketSite.site_id).where(
            within(affected), TicketSite.site_id.is_not(None)
        ),
        select(responsible, Ticket.responsible_site_id).where(
            within(responsible), Ticket.responsible_site_id.is_not(None)
        ),
        *on_links,
    )


def rebuild(session: Session, after: int) -> tuple[int, int] | None:
    """Write the rows of the next ``AT_ONCE`` tickets behind number ``after``.

    The number of the last of them and how many they were, or None at the end.
    """
    numbers: Sequence[int] = session.scalars(
        select(Ticket.number).where(Ticket.number > after).order_by(Ticket.number).limit(AT_ONCE)
    ).all()
    if not numbers:
        return None
    first, last = numbers[0], numbers[-1]
    write_again(session, lambda number: number.between(first, last))
    return last, len(numbers)
