"""What a search finds by name: sites, links, saved filters, tickets and people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import is_known
from app.core.rules.access import Actor, Role
from app.core.rules.errors import NotFound
from app.registry.models.registry import Link, LinkName, Site, SiteName, SitePrefix
from app.tickets.models.desk import SavedFilter
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tokenizer import MAX_CHARACTERS
from app.tickets.services.lifecycle import find_ticket
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.lists.saved_filters import visible_to
from app.tickets.services.pages import first_numbers

MAX_SUGGESTIONS: Final = 4
"""Proposals of each kind."""
_BIGGEST: Final = 2**31 - 1
_DIGITS: Final = 12
_MARKS_OF_PREFIXES: Final = frozenset(".:/")


class Proposed(StrEnum):
    """Kinds of things that are proposed."""

    SITE = "site"
    LINK = "link"
    TICKET = "ticket"
    PERSON = "person"
    FILTER = "filter"


@dataclass(frozen=True)
class Suggestion:
    """A thing: ``key`` names it in its address; ``note`` is another name that was typed, a ticket's
    state, or a person's role."""

    kind: Proposed
    key: str
    word: str
    note: str = ""


def suggest(session: Session, actor: Actor, typed: str) -> Sequence[Suggestion]:
    """Sites and links by a part of any name, best those that begin with it, sites also by a prefix
    that they announce; saved filters, and for admins people, likewise; and tickets, by the number
    and by what the search finds, newest first."""
    typed = typed.strip()[:MAX_CHARACTERS]
    if not typed or "\0" in typed:
        return ()
    by_name = (
        *_sites(session, typed),
        *_links(session, typed),
        *_filters(session, actor, typed),
        *_people(session, actor, typed),
    )
    tickets = _tickets(session, actor, typed)
    # a number is a ticket first of all
    return (*tickets, *by_name) if typed.removeprefix("#").isdigit() else (*by_name, *tickets)


def named(session: Session, actor: Actor, typed: str) -> Suggestion | None:
    """The one ticket, link or site that has exactly this number (``248``, ``#248``) or name, in
    any case, also a former one; None where none does, more than one, or what may not be read."""
    typed = typed.strip()
    if not typed or "\0" in typed or len(typed) > MAX_CHARACTERS:
        return None
    if (number := _number(typed)) is not None:
        try:
            ticket = find_ticket(session, actor, number)
        except NotFound:
            return None
        return Suggestion(Proposed.TICKET, str(number), ticket.title, ticket.state)
    links = select(Link.name).where(_is(Link.name, typed))
    former = select(Link.name).join(LinkName, LinkName.link_id == Link.id)
    sites = select(Site.key).join(SiteName, SiteName.site_id == Site.id)
    queries: Mapping[Proposed, Any] = {
        Proposed.LINK: links.union(former.where(_is(LinkName.name, typed))),
        Proposed.SITE: sites.where(_is(SiteName.name, typed)).distinct(),
    }
    for kind, query in queries.items():
        keys = session.scalars(query.limit(2)).all()
        if keys:
            return Suggestion(kind, keys[0], keys[0]) if len(keys) == 1 else None
    return None


def _sites(session: Session, typed: str) -> list[Suggestion]:
    rows = session.execute(
        select(Site.key, SiteName.name)
        .join(SiteName, SiteName.site_id == Site.id)
        .where(_holds(SiteName.name, typed))
        .order_by(_begins_first(SiteName.name, typed), SiteName.name == Site.key, SiteName.name)
        .limit(4 * MAX_SUGGESTIONS)
    )
    found: dict[str, Suggestion] = {}
    for key, name in rows:
        known = found.get(key)
        if known is None or name == key:
            found[key] = Suggestion(Proposed.SITE, key, key, "" if name == key else name)
    if len(found) < MAX_SUGGESTIONS and not _MARKS_OF_PREFIXES.isdisjoint(typed):
        others = session.execute(
            select(Site.key, SitePrefix.prefix)
            .join(SitePrefix, SitePrefix.site_id == Site.id)
            .where(_holds(SitePrefix.prefix, typed))
            .order_by(_begins_first(SitePrefix.prefix, typed), SitePrefix.prefix, Site.key)
            .limit(4 * MAX_SUGGESTIONS)
        )
        for key, prefix in others:
            found.setdefault(key, Suggestion(Proposed.SITE, key, key, prefix))
    return list(found.values())[:MAX_SUGGESTIONS]


def _links(session: Session, typed: str) -> list[Suggestion]:
    names = session.scalars(
        select(Link.name)
        .where(_holds(Link.name, typed))
        .order_by(_begins_first(Link.name, typed), Link.name)
        .limit(MAX_SUGGESTIONS)
    )
    found = {name: Suggestion(Proposed.LINK, name, name) for name in names}
    if len(found) < MAX_SUGGESTIONS:
        others = session.execute(
            select(Link.name, LinkName.name)
            .join(LinkName, LinkName.link_id == Link.id)
            .where(_holds(LinkName.name, typed))
            .order_by(LinkName.name)
            .limit(MAX_SUGGESTIONS)
        )
        for name, other in others:
            found.setdefault(name, Suggestion(Proposed.LINK, name, name, other))
    return list(found.values())[:MAX_SUGGESTIONS]


def _tickets(session: Session, actor: Actor, typed: str) -> list[Suggestion]:
    numbers: list[int] = []
    if (number := _number(typed)) is not None:
        wanted = TicketFilter(text=f"#{number}", sort="-number")
        numbers += first_numbers(session, actor, wanted, MAX_SUGGESTIONS)
    wanted = TicketFilter(text=typed, sort="-number")
    numbers += first_numbers(session, actor, wanted, MAX_SUGGESTIONS)
    numbers = list(dict.fromkeys(numbers))[:MAX_SUGGESTIONS]
    rows = session.execute(
        select(Ticket.number, Ticket.title, Ticket.state).where(Ticket.number.in_(numbers))
    )
    found = {
        number: Suggestion(Proposed.TICKET, str(number), title, state)
        for number, title, state in rows
    }
    return [found[number] for number in numbers if number in found]


def _filters(session: Session, actor: Actor, typed: str) -> list[Suggestion]:
    """Those that the person may use."""
    rows = session.execute(select(SavedFilter.name, SavedFilter.id).where(*visible_to(actor)))
    # people name them in their own alphabet, of which SQLite knows no capitals
    wanted = typed.casefold()
    found = [(name, key) for name, key in rows if wanted in name.casefold()]
    found.sort(key=lambda one: (not one[0].casefold().startswith(wanted), one))
    return [Suggestion(Proposed.FILTER, str(key), name) for name, key in found[:MAX_SUGGESTIONS]]


def _people(session: Session, actor: Actor, typed: str) -> list[Suggestion]:
    """Only admins know of other people's accounts."""
    if actor.role is not Role.ADMIN:
        return []
    rows = session.execute(
        select(User.name, User.role)
        .where(_holds(User.name, typed), is_known())
        .order_by(_begins_first(User.name, typed), User.name)
        .limit(MAX_SUGGESTIONS)
    )
    return [Suggestion(Proposed.PERSON, name, name, role) for name, role in rows]


def _number(typed: str) -> int | None:
    """The ticket's number that was typed, or None."""
    digits = typed.removeprefix("#")
    usable = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    return int(digits) if usable and int(digits) <= _BIGGEST else None


def _is(column: Any, typed: str) -> ColumnElement[bool]:
    return func.lower(column) == typed.lower()


def _holds(column: Any, typed: str) -> ColumnElement[bool]:
    return func.lower(column).like(f"%{_escaped(typed)}%", escape="\\")


def _begins_first(column: Any, typed: str) -> ColumnElement[int]:
    return case((func.lower(column).like(f"{_escaped(typed)}%", escape="\\"), 0), else_=1)


def _escaped(typed: str) -> str:
    return typed.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
