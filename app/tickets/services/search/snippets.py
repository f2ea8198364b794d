"""Where in a ticket it was found: its title and one line of text, hits apart.

Made of what a person may read, for the tickets of one page only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    and_,
    bindparam,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.language import _
from app.core.services.changes import TICKET
from app.registry.models.registry import Link, LinkCircuit, LinkName, SiteName, SitePrefix
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
_LONG = [field for field in fields_at(Where.SEARCH) if field.kind is ValueKind.LONG_TEXT]
_SHORT = [
    field
    for field in fields_at(Where.SEARCH)
    if field.kind is ValueKind.TEXT and field.name != "title"
]
_NUMBERS: Final[ColumnElement[int]] = bindparam("numbers", expanding=True)
_WRITTEN: Final[CompoundSelect[*tuple[Any, ...]]] = union_all(
    select(
        Change.thing_id.label("number"),
        Change.version.label("version"),
        Change.author,
        ChangedField.field,
        ChangedField.new,
    )
    .outerjoin(
        ChangedField,
        and_(
            ChangedField.change_id == Change.id,
            ChangedField.field.in_(bindparam("fields", expanding=True)),
        ),
    )
    .where(
        Change.kind == TICKET,
        Change.thing_id.in_(_NUMBERS),
        or_(Change.version == 1, ChangedField.id.is_not(None)),
    ),
    select(
        ExternalReference.ticket_number,
        null(),
        ExternalReference.provider,
        null(),
        ExternalReference.reference,
    ).where(ExternalReference.ticket_number.in_(_NUMBERS)),
).order_by("number", "version")
"""Who created tickets, their comments, and their references, which have no version."""
_NAMES: Final[CompoundSelect[*tuple[Any, ...]]] = union_all(
    *(
        select(
            literal(what).label("what"),
            key.label("key"),
            row.id.label("id"),
            name,
            literal("") if provider is None else provider,
        ).where(key.in_(bindparam(given, expanding=True)))
        for what, given, row, key, name, provider in (
            ("names", "sites", SiteName, SiteName.site_id, SiteName.name, None),
            ("prefixes", "sites", SitePrefix, SitePrefix.site_id, SitePrefix.prefix, None),
            ("link", "links", LinkName, LinkName.link_id, LinkName.name, None),
            (
                *("link circuit", "links", LinkCircuit, LinkCircuit.link_id),
                *(LinkCircuit.circuit_id, LinkCircuit.provider),
            ),
        )
    ),
    select(literal("end"), Link.id, SiteName.id, SiteName.name, literal(""))
    .join(SiteName, or_(Link.end_a_id == SiteName.site_id, Link.end_b_id == SiteName.site_id))
    .where(Link.id.in_(bindparam("links", expanding=True))),
).order_by("what", "key", "id")
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
    terms = [term for term in search.terms if term.words]
    if not page.tickets or not terms:
        return {}
    lines = {ticket.number: _Line.of(ticket, terms) for ticket in page.tickets}
    unfinished = [ticket for ticket in page.tickets if not lines[ticket.number].is_whole]
    further = _further_texts(session, page, unfinished, internal=internal)
    for ticket in unfinished:
        lines[ticket.number].look(_texts(page, ticket, further[ticket.number]))
    return {ticket.number: _found(ticket, terms, lines[ticket.number]) for ticket in page.tickets}


@dataclass
class _Line:
    """The text that holds the most of the terms that are not in a ticket's title."""

    left: Sequence[Term]
    held: int = 0
    where: str = ""
    text: str = ""
    hits: Sequence[tuple[int, int]] = ()

    @classmethod
    def of(cls, ticket: Row[Any], terms: Sequence[Term]) -> _Line:
        """Of the ticket's own long texts, which need no statement."""
        shown = words_of(f"{ticket.number} {ticket.title}")
        line = cls([term for term in terms if not term.is_in_title(shown)])
        line.look((field.label, getattr(ticket, field.name)) for field in _LONG)
        return line

    @property
    def is_whole(self) -> bool:
        """Whether no other text can hold more."""
        return self.held == len(self.left)

    def look(self, texts: Iterable[_Text]) -> None:
        """Take one of these where it holds more."""
        for where, text in texts:
            if self.is_whole:
                return
            text = text[:_MAX_LENGTH]
            if hits := hits_in(text, self.left):
                held = _count_held(text, self.left)
                if held > self.held or not self.hits:
                    self.held, self.where, self.text, self.hits = held, where, text, hits


def _found(ticket: Row[Any], terms: Sequence[Term], line: _Line) -> Found:
    title = pieces_of(ticket.title, hits_in(ticket.title, terms, is_title=True))
    if not line.hits:
        return Found(title)
    hits = hits_in(line.text, terms)
    # what is not in the title comes first
    first = next((at for at, hit in enumerate(hits) if hit == line.hits[0]), 0)
    return Found(title, line.where, context_of(line.text, hits[first:]))


def _count_held(text: str, terms: Sequence[Term]) -> int:
    kept = joined(words_of(text))
    return sum(term.needle in kept for term in terms)


def _texts(page: Listed, ticket: Row[Any], further: Sequence[_Text]) -> Iterator[_Text]:
    yield from further
    yield _("Link"), " ".join(item.name for item in page.links[ticket.number])
    yield _("Site"), " ".join(item.name for item in page.sites[ticket.number])
    yield from ((field.label, getattr(ticket, field.name)) for field in _SHORT)


def _further_texts(
    session: Session, page: Listed, tickets: Sequence[Row[Any]], *, internal: bool
) -> Mapping[int, list[_Text]]:
    """Comments, then names of what these tickets affect, by the ticket's number."""
    if not tickets:
        return {}
    found: dict[int, list[_Text]] = defaultdict(list)
    words = {"public_comment": _("Comment")}
    if internal:
        words["internal_comment"] = _("Internal note")
    authors: dict[int, dict[_Text, None]] = defaultdict(dict)
    references: dict[int, list[_Text]] = defaultdict(list)
    given = {"numbers": [ticket.number for ticket in tickets], "fields": list(words)}
    for number, version, who, field, text in session.execute(_WRITTEN, given):
        if version is None:
            references[number].append((_("Reference"), f"{who} {text}"))
            continue
        if version == 1:
            authors[number]["Author", who] = None
        if field is not None:
            found[number].append(
                (_("%(words)s by %(who)s", words=words[field], who=who), text or "")
            )
            authors[number][f"Author, {words[field].lower()}", who] = None
    names = _names(session, page, tickets)
    for ticket in tickets:
        number = ticket.number
        found[number] += [*authors[number], *references[number]]
        mine = {item.key for item in page.sites[number]} | {ticket.responsible_site_id}
        for key in sorted(key for key in mine if key is not None):
            found[number] += [
                (_("Site, by its %(what)s", what=what), ", ".join(dict.fromkeys(names[what, key])))
                for what in ("names", "prefixes")
                if (what, key) in names
            ]
        for item in page.links[number]:
            found[number] += [(_("Link"), name) for name in names.get(("link", item.key), ())]
            ends = dict.fromkeys(names.get(("end", item.key), ()))
            found[number] += [(_("Site at an end of a link"), ", ".join(ends))] if ends else []
    return found


def _names(
    session: Session, page: Listed, tickets: Sequence[Row[Any]]
) -> Mapping[tuple[str, int | None], list[str]]:
    """Names of sites, their prefixes, and names of links in words, each by its key."""
    numbers = [ticket.number for ticket in tickets]
    sites = {item.key for number in numbers for item in page.sites[number]}
    sites |= {ticket.responsible_site_id for ticket in tickets}
    links = {item.key for number in numbers for item in page.links[number]}
    found: dict[tuple[str, int | None], list[str]] = defaultdict(list)
    given = {"sites": list(sites - {None}), "links": list(links)}
    for what, key, _id, name, provider in session.execute(_NAMES, given):
        if what == "link circuit":
            found["link", key].append(
                _("circuit %(name)s of %(provider)s", name=name, provider=provider)
            )
        else:
            found[what, key].append(_("also named %(name)s", name=name) if what == "link" else name)
    return found
