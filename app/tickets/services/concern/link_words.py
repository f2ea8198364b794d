"""What tickets call links: words that look like link ids but are not, and aliases of links.

A ticket's unknown words are noted when it is written, so that a list of them needs no reading of
all tickets. Aliases are what administrators made of such words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.registry.models.registry import Link, LinkName
from app.registry.rules.recognition import link_words
from app.registry.services.registry import link_names_in
from app.tickets.models.tickets import Ticket, UnknownLink


def links_by_alias(session: Session, texts: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """The links that a new ticket's texts name by an alias; ``names`` are the link ids that may
    stand there."""
    words = link_words(texts)
    if not words:
        return ()
    known = {name.upper() for name in names}
    unknown = [word for word in words if word not in known]
    if not unknown:
        return ()
    rows = session.execute(
        select(LinkName.name, Link.name).join(Link).where(LinkName.name.in_(unknown))
    )
    meant: dict[str, str] = {row[0]: row[1] for row in rows}
    return tuple(dict.fromkeys(meant[word] for word in unknown if word in meant))


def unknown_links(session: Session, ticket: Ticket) -> Mapping[str, int | None]:
    """The words of the ticket's texts that look like link ids but are not.

    A word that is an alias has the link that it means, if the ticket affects that one.
    """
    found = _unknown(session, link_words((ticket.title, ticket.description)))
    affected = {item.link_id for item in ticket.affected_links} if found else ()
    return {name: link_id if link_id in affected else None for name, link_id in found.items()}


def note_unknown_links(session: Session, ticket: Ticket) -> None:
    """Keep the ``unknown_links`` of a ticket that is changed."""
    before = _noted(session, ticket.number)
    wanted = unknown_links(session, ticket)
    gone = [name for name in before if name not in wanted]
    if gone:
        session.execute(
            delete(UnknownLink).where(
                UnknownLink.ticket_number == ticket.number, UnknownLink.name.in_(gone)
            )
        )
    for name, link_id in wanted.items():
        if name not in before:
            session.add(UnknownLink(ticket_number=ticket.number, name=name, link_id=link_id))
    session.flush()


def _noted(session: Session, number: int) -> Collection[str]:
    return set(session.scalars(select(UnknownLink.name).where(UnknownLink.ticket_number == number)))


def _unknown(session: Session, words: Collection[str]) -> dict[str, int | None]:
    """Those that are no link's id, with the link of which each is an alias."""
    if not words:
        return {}
    known = {name.upper() for name in link_names_in(session, words)}
    aliases = {
        row.name: row.link_id
        for row in session.execute(
            select(LinkName.name, LinkName.link_id).where(LinkName.name.in_(words))
        )
    }
    return {word: aliases.get(word) for word in words if word not in known}
