"""Where in a ticket it was found: its title and one line of text, hits apart.

Made of what a person may read, for the tickets of one page only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET
from app.registry.models.registry import LinkCircuit, LinkName, SiteName, SitePrefix
from app.tickets.models.tickets import ExternalReference
from app.tickets.rules.fields import ValueKind, Where, fields_at
from app.tickets.rules.tokenizer import (
    Piece,
    Search,
    Term,
    context_of,
    hits_in,
    joined,
    pieces_of,
    words_of,
)
from app.tickets.services.pages import Listed

_MAX_LENGTH = 20_000
"""Characters of a text in which a hit is looked for."""
_SEARCHED = fields_at(Where.SEARCH)
_Text = tuple[str, str]
"""What it is called, and the text."""


@dataclass(frozen=True)
class Found:
    """A ticket's title in pieces, and the line that shows what else was found, and in what."""

    title: Sequence[Piece]
    where: str = ""
    line: Sequence[Piece] = ()


def contexts_of(
    session: Session, page: Listed, search: Search, *, internal: bool
) -> Mapping[int, Found]:
    """How each of these tickets was found; ``internal``: also in internal comments."""
    if not page.tickets or not any(term.words for term in search.terms):
        return {}
    further = _further_texts(session, page, internal=internal)
    return {
        ticket.number: _found(page, ticket, search, further[ticket.number])
        for ticket in page.tickets
    }


def _found(page: Listed, ticket: Row[Any], search: Search, further: Sequence[_Text]) -> Found:
    terms = [term for term in search.terms if term.words]
    title = pieces_of(ticket.title, hits_in(ticket.title, terms, is_title=True))
    shown = words_of(f"{ticket.number} {ticket.title}")
    left = [term for term in terms if not term.is_in_title(shown)]
    best: tuple[int, _Text, list[tuple[int, int]]] | None = None
    for where, text in _texts(page, ticket, further):
        if not left:
            break
        text = text[:_MAX_LENGTH]
        if hits := hits_in(text, left):
            held = _count_held(text, left)
            if best is None or held > best[0]:
                best = (held, (where, text), hits)
    if best is None:
        return Found(title)
    _, (where, text), _hits = best
    hits = hits_in(text, terms)
    # what is not in the title comes first
    first = next((at for at, hit in enumerate(hits) if hit == _hits[0]), 0)
    return Found(title, where, context_of(text, hits[first:]))


def _count_held(text: str, terms: Sequence[Term]) -> int:
    kept = joined(words_of(text))
    return sum(term.needle in kept for term in terms)


def _texts(page: Listed, ticket: Row[Any], further: Sequence[_Text]) -> Iterator[_Text]:
    texts = [(field, getattr(ticket, field.name)) for field in _SEARCHED]
    yield from ((field.label, text) for field, text in texts if field.kind is ValueKind.LONG_TEXT)
    yield from further
    yield "Link", " ".join(item.name for item in page.links[ticket.number])
    yield "Site", " ".join(item.name for item in page.sites[ticket.number])
    yield from (
        (field.label, text)
        for field, text in texts
        if field.kind is ValueKind.TEXT and field.name != "title"
    )


def _further_texts(session: Session, page: Listed, *, internal: bool) -> Mapping[int, list[_Text]]:
    """Comments, then names of what the tickets affect, by the ticket's number."""
    found: dict[int, list[_Text]] = defaultdict(list)
    numbers = [ticket.number for ticket in page.tickets]
    words = {"public_comment": "Comment"}
    if internal:
        words["internal_comment"] = "Internal note"
    authors: dict[int, dict[_Text, None]] = defaultdict(dict)
    comments = (
        select(Change.thing_id, Change.author, ChangedField.field, ChangedField.new)
        .join(ChangedField)
        .where(
            Change.kind == TICKET,
            Change.thing_id.in_(numbers),
            ChangedField.field.in_(words),
        )
        .order_by(Change.thing_id, Change.version)
    )
    for number, author, field, text in session.execute(comments):
        found[number].append((f"{words[field]} by {author}", text or ""))
        authors[number][f"Author, {words[field].lower()}", author] = None
    for number, author in session.execute(
        select(Change.thing_id, Change.author).where(
            Change.kind == TICKET, Change.thing_id.in_(numbers), Change.version == 1
        )
    ):
        found[number].append(("Author", author))
    for number, texts in authors.items():
        found[number] += texts
    for number, provider, reference in session.execute(
        select(
            ExternalReference.ticket_number,
            ExternalReference.provider,
            ExternalReference.reference,
        ).where(ExternalReference.ticket_number.in_(numbers))
    ):
        found[number].append(("Reference", f"{provider} {reference}"))
    sites, prefixes, links = _names(session, page)
    for ticket in page.tickets:
        mine = {item.key for item in page.sites[ticket.number]} | {ticket.responsible_site_id}
        for key in sorted(key for key in mine if key is not None):
            found[ticket.number] += [
                (f"Site, by its {what}", ", ".join(names[key]))
                for what, names in (("names", sites), ("prefixes", prefixes))
                if key in names
            ]
        for item in page.links[ticket.number]:
            found[ticket.number] += [("Link", name) for name in links.get(item.key, ())]
    return found


def _names(session: Session, page: Listed) -> tuple[Mapping[int | None, list[str]], ...]:
    """Names of sites, their prefixes, and names of links in words, each by its key."""
    site_ids = {item.key for affected in page.sites.values() for item in affected}
    site_ids |= {ticket.responsible_site_id for ticket in page.tickets}
    link_ids = {item.key for affected in page.links.values() for item in affected}
    sites: dict[int | None, list[str]] = defaultdict(list)
    for key, name in session.execute(
        select(SiteName.site_id, SiteName.name)
        .where(SiteName.site_id.in_(site_ids - {None}))
        .order_by(SiteName.id)
    ):
        if name not in sites[key]:
            sites[key].append(name)
    prefixes: dict[int | None, list[str]] = defaultdict(list)
    for key, prefix in session.execute(
        select(SitePrefix.site_id, SitePrefix.prefix)
        .where(SitePrefix.site_id.in_(site_ids - {None}))
        .order_by(SitePrefix.id)
    ):
        if prefix not in prefixes[key]:
            prefixes[key].append(prefix)
    links: dict[int | None, list[str]] = defaultdict(list)
    for key, name in session.execute(
        select(LinkName.link_id, LinkName.name).where(LinkName.link_id.in_(link_ids))
    ):
        links[key].append(f"also named {name}")
    for key, provider, circuit in session.execute(
        select(LinkCircuit.link_id, LinkCircuit.provider, LinkCircuit.circuit_id).where(
            LinkCircuit.link_id.in_(link_ids)
        )
    ):
        links[key].append(f"circuit {circuit} of {provider}")
    return sites, prefixes, links
