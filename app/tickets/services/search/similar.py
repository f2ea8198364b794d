"""What is known already of the ticket that somebody is writing: open ones on its links, and solved
ones that were like it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, exists, func, or_, select, union
from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.registry.models.registry import Link, Site
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.similar import first_line, telling_words
from app.tickets.rules.tickets import OPEN_STATES, Category, State
from app.tickets.services.lists.query import readable
from app.tickets.services.search.search import hits_of

MAX_SIMILAR: Final = 5
"""Tickets of each list."""
MAX_PLACES: Final = 20
"""Links, and sites, that are looked up at once."""
MAX_COMPARED: Final = 500
"""Tickets whose words are looked at: of each place an equal number, the newest ones."""
_SOLVED: Final = (State.SOLVED, State.VERIFIED, State.CLOSED)
_BY_LINK, _BY_SITE, _BY_CATEGORY = 4, 2, 1
"""What each is worth compared with a word, which is worth 1."""
_LINE: Final = 160


@dataclass(frozen=True)
class OpenTicket:
    """An open ticket on one of the links."""

    number: int
    title: str
    state: str


@dataclass(frozen=True)
class SolvedTicket:
    """A ticket like it; ``solution`` is the first line of its solution."""

    number: int
    title: str
    at: datetime
    """When it was solved, else its newest change (UTC)."""
    solution: str


@dataclass(frozen=True)
class Similar:
    """What is known already, the most similar first."""

    open: Sequence[OpenTicket] = ()
    solved: Sequence[SolvedTicket] = ()


def similar_tickets(
    session: Session,
    actor: Actor,
    *,
    title: str,
    category: str,
    links: Sequence[str],
    sites: Sequence[str],
    told: Collection[int] = (),
) -> Similar:
    """What this actor may read of what is known of a new ticket; two statements, for sites alone as
    many.

    Open are tickets on one of the ``links``, without those that the form has ``told``. Solved ones
    affect one of the links or sites (without links also a link that ends there) and hold a word of
    the title; the newest of each are compared. Test tickets are neither.
    """
    # PostgreSQL refuses what is not printable
    links, sites = (
        [name for name in dict.fromkeys(names) if name and name.isprintable()][:MAX_PLACES]
        for names in (links, sites)
    )
    usual = (readable(actor), Ticket.category != Category.TEST)
    found_open: Sequence[OpenTicket] = ()
    if links:
        wanted = select(Ticket.number, Ticket.title, Ticket.state).where(
            _is_on(links),
            Ticket.state.in_(OPEN_STATES),
            Ticket.number.not_in(told),
            *usual,
        )
        first = case((Ticket.category == category, 0), else_=1)
        newest = wanted.order_by(first, Ticket.number.desc()).limit(MAX_SIMILAR)
        found_open = [OpenTicket(*row) for row in session.execute(newest)]
    terms = telling_words(title, (*links, *sites))
    if not terms or not (links or sites):
        return Similar(found_open)
    hits = hits_of(terms)
    solved = (
        select(
            Ticket.number,
            Ticket.title,
            func.coalesce(Ticket.ended_at, Ticket.changed_at).label("at"),
            Ticket.solution,
        )
        .join(TicketWords, TicketWords.ticket_number == Ticket.number)
        .where(
            Ticket.number.in_(_near(session, links, sites)),
            Ticket.state.in_(_SOLVED),
            Ticket.solution != "",
            hits > 0,
            *usual,
        )
        .order_by((hits + _nearness(links, sites, category)).desc(), Ticket.number.desc())
        .limit(MAX_SIMILAR)
    )
    return Similar(
        found_open,
        [
            SolvedTicket(row.number, row.title, row.at, first_line(row.solution)[:_LINE])
            for row in session.execute(solved)
        ],
    )


def _nearness(links: Sequence[str], sites: Sequence[str], category: str) -> ColumnElement[int]:
    keys = select(Site.id).where(Site.key.in_(sites))
    by_site = exists().where(
        TicketSite.ticket_number == Ticket.number, TicketSite.site_id.in_(keys)
    )
    return (
        case((Ticket.category == category, _BY_CATEGORY), else_=0)
        + case((_is_on(links), _BY_LINK), else_=0)
        + case((by_site.correlate(Ticket), _BY_SITE), else_=0)
    )


def _is_on(links: Sequence[str]) -> ColumnElement[bool]:
    """Whether a ticket affects one of these links: asked of one ticket after the other, of which
    there are few, while a link may have very many."""
    ids = select(Link.id).where(Link.name.in_(links))
    found = exists().where(TicketLink.ticket_number == Ticket.number, TicketLink.link_id.in_(ids))
    return found.correlate(Ticket)


def _near(session: Session, links: Sequence[str], sites: Sequence[str]) -> Any:
    """The newest tickets of the links and the sites; without links, of those that end there.

    Each place by itself, as its index has them in order: a site may have nearly all tickets.
    """
    if not links:
        keys = select(Site.id).where(Site.key.in_(sites))
        ends = select(Link.name).where(or_(Link.end_a_id.in_(keys), Link.end_b_id.in_(keys)))
        links = session.scalars(ends.order_by(Link.name).limit(2 * MAX_PLACES)).all()
    sources: list[tuple[Any, ColumnElement[bool]]] = []
    for name in links:
        link = select(Link.id).where(Link.name == name).scalar_subquery()
        sources.append((TicketLink, TicketLink.link_id == link))
    for key in sites:
        site = select(Site.id).where(Site.key == key).scalar_subquery()
        sources.append((TicketSite, TicketSite.site_id == site))
    newest = [
        select(kind.ticket_number)
        .where(where)
        .order_by(kind.ticket_number.desc())
        .limit(MAX_COMPARED // len(sources))
        .subquery()
        for kind, where in sources
    ]
    return union(*(select(one.c.ticket_number) for one in newest))
