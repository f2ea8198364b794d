"""Keeps the words of tickets, by which the search finds them, in step with the tickets.

They are written in the transaction of the change itself, so that a new ticket is found at once.
A comment only adds its words; any other change of a text or name writes the ticket's words again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import (
    Integer,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.services.changes import TICKET, FieldChange
from app.registry.models.registry import Link, LinkCircuit, LinkName, SiteName, SitePrefix
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import ExternalReference, Ticket, TicketLink, TicketSite
from app.tickets.rules.fields import Where, fields_at
from app.tickets.rules.tokenizer import BREAK, endings_of, joined, words_of

MAX_LENGTH: Final = 250_000
"""Characters of a ticket's words; comments behind it are not found by the search. A full-text
value of PostgreSQL holds 1 MiB: a diary without end must not stop a ticket from being written."""
_LATER: Final = "words_at_the_end"
AT_ONCE: Final = 500
"""Tickets that are read and written together when words are created again."""

_PUBLIC, _INTERNAL = "public_comment", "internal_comment"
_COMMENTS: Final = (_PUBLIC, _INTERNAL)
_TEXTS: Final = tuple(field.name for field in fields_at(Where.SEARCH) if field.name != "title")
_INDEXED: Final = frozenset({"title", *_TEXTS, "links", "sites", "responsible_site", "references"})
"""Fields, as the change log names them, whose words are stored in addition to those of comments."""

_words = cast(Table, TicketWords.__table__)
_INSERT: Final = insert(_words)
_ADD: Final = (
    update(_words)
    .where(_words.c.ticket_number == bindparam("number"))
    .values(
        {
            column.name: case(
                (
                    func.length(column) + func.length(bindparam(f"more_{column.name}"))
                    <= MAX_LENGTH,
                    column.concat(bindparam(f"more_{column.name}")),
                ),
                else_=column,
            )
            for column in (_words.c.public, _words.c.internal)
        }
    )
)
# one statement: to put one together takes longer than to carry it out
_OF_SITES: Final = bindparam("sites", expanding=True, type_=Integer)
_OF_LINKS: Final = bindparam("links", expanding=True, type_=Integer)
_NAMES: Final = union(  # a range that a site announces on both networks is one name
    select(SiteName.name).where(SiteName.site_id.in_(_OF_SITES)),
    select(SitePrefix.prefix).where(SitePrefix.site_id.in_(_OF_SITES)),
    select(SiteName.name)
    .join(Link, or_(Link.end_a_id == SiteName.site_id, Link.end_b_id == SiteName.site_id))
    .where(Link.id.in_(_OF_LINKS)),
    select(LinkName.name).where(LinkName.link_id.in_(_OF_LINKS)),
    select(LinkCircuit.circuit_id).where(LinkCircuit.link_id.in_(_OF_LINKS)),
)


class _Words:
    """The words of one ticket while they are gathered."""

    def __init__(self, number: int | None = None) -> None:
        self.public = [] if number is None else [str(number)]
        self.internal: list[str] = []
        self.endings: list[str] = []

    def add_title(self, title: str) -> None:
        """The title, which is also found by parts of its words."""
        self.add(title)
        self.endings += endings_of(words_of(title))

    def add(self, *texts: str | None) -> None:
        """Public texts; no phrase reaches from one into the next."""
        self._into(self.public, texts)

    def note(self, *texts: str | None) -> None:
        """Internal texts."""
        self._into(self.internal, texts)

    @staticmethod
    def _into(words: list[str], texts: Iterable[str | None]) -> None:
        for text in texts:
            if text and (more := words_of(text)):
                words.append(BREAK)
                words += more

    def row(self, number: int) -> dict[str, Any]:
        """The row of the table."""
        return {
            "ticket_number": number,
            "public": _bounded(joined(self.public)),
            "internal": _bounded(joined(self.internal)),
            "endings": _bounded(joined(self.endings)),
        }


def _bounded(words: str) -> str:
    if len(words) <= MAX_LENGTH:
        return words
    return words[: words.rfind(" ", 0, MAX_LENGTH) + 1]


@dataclass(frozen=True)
class NewWords:
    """The words of a ticket that has no number yet, as they are stored."""

    public: str
    """What follows its number."""
    internal: str
    endings: str

    def row(self, number: int) -> dict[str, Any]:
        """The row of the table."""
        return {
            "ticket_number": number,
            "public": f" {number}{self.public}",
            "internal": self.internal,
            "endings": self.endings,
        }


def words_of_new_ticket(
    session: Session, ticket: Ticket, author: str, comments: Mapping[str, str]
) -> NewWords:
    """The words of a ticket that is to be written by ``author``; ``comments`` by their field."""
    links, sites = ticket.affected_links, ticket.affected_sites
    words = _Words()
    words.add_title(ticket.title)
    words.add(*(getattr(ticket, name) for name in _TEXTS), author)
    words.add(*(part for item in ticket.references for part in (item.provider, item.reference)))
    words.add(*(item.link.name for item in links))
    words.add(*(item.name for item in sites if item.site_id is None))
    site_ids = {item.site_id for item in sites} | {ticket.responsible_site_id}
    given = {
        "sites": [key for key in site_ids if key is not None],
        "links": [item.link_id for item in links],
    }
    if any(given.values()):
        words.add(*sorted(session.connection().scalars(_NAMES, given)))
    words.add(comments.get(_PUBLIC))
    words.note(comments.get(_INTERNAL))
    texts = (words.public, words.internal, words.endings)
    return NewWords(*(_bounded(joined(text)) for text in texts))


@contextmanager
def words_at_the_end(session: Session) -> Iterator[None]:
    """Inside, changes of several tickets are only noted; at the end the words of all are gathered
    together, in the same transaction: ticket by ticket that took two thirds of the time."""
    noted: set[int] = set()
    session.info[_LATER] = noted
    try:
        yield
    finally:
        del session.info[_LATER]
    numbers = sorted(noted)
    for first in range(0, len(numbers), AT_ONCE):
        index_tickets(session, numbers[first : first + AT_ONCE])


def follow_change(
    session: Session, number: int, author: str, changed: Sequence[FieldChange]
) -> None:
    """Keep the words of a ticket in step with a change of it that is not in the log yet.

    Its row and parts are written; from the log's counter on, others wait.
    """
    if (noted := session.info.get(_LATER)) is not None:
        noted.add(number)
        return
    is_rewritten = any(item.field in _INDEXED for item in changed)
    more = _gathered(session, [number])[number] if is_rewritten else _Words()
    for item in changed:
        if item.field == _PUBLIC:
            more.add(item.new, author)
        elif item.field == _INTERNAL:
            more.note(item.new, author)
    if is_rewritten:
        _replace(session, {number: more})
    elif more.public or more.internal:
        session.connection().execute(
            _ADD,
            {
                "number": number,
                "more_public": joined(more.public).removeprefix(" "),
                "more_internal": joined(more.internal).removeprefix(" "),
            },
        )


def index_tickets(session: Session, numbers: Sequence[int]) -> None:
    """Write the words of these tickets (at most ``AT_ONCE``) again.

    Their rows are locked, as by a change of one: no words are lost that come meanwhile.
    """
    session.execute(
        select(Ticket.number)
        .where(Ticket.number.in_(numbers))
        .order_by(Ticket.number)
        .with_for_update()
    )
    _replace(session, _gathered(session, numbers))


def _gathered(session: Session, numbers: Sequence[int]) -> Mapping[int, _Words]:
    gathered = {number: _Words(number) for number in numbers}
    _gather_texts(session, gathered)
    _gather_names(session, gathered)
    _gather_comments(session, gathered)
    return gathered


def _replace(session: Session, gathered: Mapping[int, _Words]) -> None:
    connection = session.connection()
    connection.execute(delete(_words).where(_words.c.ticket_number.in_(gathered)))
    connection.execute(_INSERT, [words.row(number) for number, words in gathered.items()])


def rebuild(session: Session, after: int, *, only_missing: bool = False) -> tuple[int, int] | None:
    """Write the words of the next ``AT_ONCE`` tickets behind number ``after`` again.

    The number of the last of them and how many they were, or None at the end.
    """
    wanted = select(Ticket.number).where(Ticket.number > after)
    if only_missing:
        wanted = wanted.outerjoin(TicketWords, TicketWords.ticket_number == Ticket.number).where(
            TicketWords.ticket_number.is_(None)
        )
    numbers = session.scalars(wanted.order_by(Ticket.number).limit(AT_ONCE)).all()
    if not numbers:
        return None
    index_tickets(session, numbers)
    return numbers[-1], len(numbers)


def count_missing(session: Session) -> int:
    """How many tickets have no words yet: they were written before there was this search."""
    tickets = session.scalar(select(func.count()).select_from(Ticket)) or 0
    return tickets - (session.scalar(select(func.count()).select_from(TicketWords)) or 0)


def _gather_texts(session: Session, gathered: Mapping[int, _Words]) -> None:
    for row in session.execute(
        select(Ticket.number, Ticket.title, *(getattr(Ticket, name) for name in _TEXTS)).where(
            Ticket.number.in_(gathered)
        )
    ):
        gathered[row.number].add_title(row.title)
        gathered[row.number].add(*row[2:])


def _gather_names(session: Session, gathered: Mapping[int, _Words]) -> None:
    sites: dict[int, set[int]] = defaultdict(set)
    links: dict[int, set[int]] = defaultdict(set)

    def rows(statement: Any) -> Iterator[tuple[int, Any, Any]]:
        yield from session.execute(statement)

    for number, site_id, _ in rows(
        select(Ticket.number, Ticket.responsible_site_id, Ticket.version).where(
            Ticket.number.in_(gathered), Ticket.responsible_site_id.is_not(None)
        )
    ):
        sites[number].add(site_id)
    for number, site_id, name in rows(
        select(TicketSite.ticket_number, TicketSite.site_id, TicketSite.name)
        .where(TicketSite.ticket_number.in_(gathered))
        .order_by(TicketSite.ticket_number, TicketSite.position)
    ):
        if site_id is None:
            gathered[number].add(name)
        else:
            sites[number].add(site_id)
    for number, link_id, name in rows(
        select(TicketLink.ticket_number, TicketLink.link_id, Link.name)
        .join(Link)
        .where(TicketLink.ticket_number.in_(gathered))
        .order_by(TicketLink.ticket_number, TicketLink.position)
    ):
        links[number].add(link_id)
        gathered[number].add(name)
    for number, provider, reference in rows(
        select(
            ExternalReference.ticket_number,
            ExternalReference.provider,
            ExternalReference.reference,
        )
        .where(ExternalReference.ticket_number.in_(gathered))
        .order_by(ExternalReference.id)
    ):
        gathered[number].add(provider, reference)
    site_ids = set().union(*sites.values())
    link_ids = set().union(*links.values())
    names = _names_by(
        session,
        union(
            select(SiteName.site_id, SiteName.name).where(SiteName.site_id.in_(site_ids)),
            select(SitePrefix.site_id, SitePrefix.prefix).where(SitePrefix.site_id.in_(site_ids)),
        ),
    )
    for number, ids in sites.items():
        gathered[number].add(*(name for key in sorted(ids) for name in names[key]))
    names = _names_by(
        session, select(LinkName.link_id, LinkName.name).where(LinkName.link_id.in_(link_ids))
    )
    circuits = _names_by(
        session,
        select(LinkCircuit.link_id, LinkCircuit.circuit_id).where(
            LinkCircuit.link_id.in_(link_ids)
        ),
    )
    ends = _names_by(
        session,
        select(Link.id, SiteName.name)
        .join(SiteName, or_(Link.end_a_id == SiteName.site_id, Link.end_b_id == SiteName.site_id))
        .where(Link.id.in_(link_ids)),
    )
    for number, ids in links.items():
        for key in sorted(ids):
            gathered[number].add(*names[key], *circuits[key], *ends[key])


def _names_by(session: Session, statement: Any) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for key, name in sorted(tuple(row) for row in session.execute(statement)):
        found[key].append(name)
    return found


def _gather_comments(session: Session, gathered: Mapping[int, _Words]) -> None:
    """From the log, where they live; the author of a ticket is that of its first change."""
    for number, author in session.execute(
        select(Change.thing_id, Change.author).where(
            Change.kind == TICKET, Change.thing_id.in_(gathered), Change.version == 1
        )
    ):
        gathered[number].add(author)
    for number, author, field, text in session.execute(
        select(Change.thing_id, Change.author, ChangedField.field, ChangedField.new)
        .join(ChangedField)
        .where(
            Change.kind == TICKET,
            Change.thing_id.in_(gathered),
            ChangedField.field.in_(_COMMENTS),
        )
        .order_by(Change.thing_id, Change.version, ChangedField.position)
    ):
        add: Callable[..., None] = (
            gathered[number].add if field == _PUBLIC else gathered[number].note
        )
        add(text, author)
