"""Old tickets from a file: what each line would become, and writing the good ones.

A line is known by its source and its number there, so the same file twice makes nothing twice, and
neither do two people at once. What is stored is what the line says: nothing is recognised in texts,
no site has to accept anything, and nobody is notified (the door of the changes says why).

Rows are inserted by the thousand: the lock of the tickets' numbers is held until the commit, and
every other writer waits for it. It must not know where a file comes from.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from app.core.database.bulk_rows import insert_rows
from app.core.models.base import Base
from app.core.rules.access import Actor, Door, Writer, require_admin
from app.core.rules.clock import to_milliseconds
from app.core.rules.documents.spreadsheets import decoded, rows_of
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import MAX_PROBLEMS, BadFile, Problem, check_lines
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import TICKET, FieldChange, record_changes, take_number
from app.registry.models.registry import Link, LinkName, Site, SiteName
from app.registry.rules.networks import Network
from app.registry.rules.recognition import link_words
from app.registry.rules.site_names import NamePeriod, bearer_or_last, name_period
from app.registry.services.nearest_names import NearestNames
from app.tickets.adapters.nttdm import is_xml, read_nttdm
from app.tickets.models.tickets import (
    ExternalReference,
    ImportedTicket,
    Ticket,
    TicketLink,
    TicketSite,
    UnknownLink,
)
from app.tickets.rules.content import DEFAULTS, Reference
from app.tickets.rules.fields import ROW_FIELDS
from app.tickets.rules.file_reading import MORE, ReadTicket, read_tickets
from app.tickets.rules.files import FIELDS
from app.tickets.services.concern.concern_rows import add_rows
from app.tickets.services.fields import as_logged, day_begun
from app.tickets.services.search import index as ticket_words

AT_ONCE: Final = 1000
"""Lines that are looked up and written together."""
DEFAULT_SOURCE: Final = "imported"
_LOCK: Final = "import"
"""The counter whose lock lets one import at a time look which lines are known."""
_OTHER: Final = "other"
_STATED: Final = (
    *(field.name for field in FIELDS.values()),
    *(name for name in MORE if name in ROW_FIELDS),
)
_LINK_COLUMNS: Final = ("ticket_number", "position", "link_id", "recognised")
_SITE_COLUMNS: Final = ("ticket_number", "position", "site_id", "name", "recognised")
_REFERENCE_COLUMNS: Final = ("ticket_number", "kind", "provider", "reference", "url")
_KEY_COLUMNS: Final = ("source", "number", "ticket_number", "content_digest")
_LOGGED: Final = (
    *_STATED,
    *("links", "sites", "responsible_site", "references", "public_comment"),
)
_EMPTY: Final[Mapping[str, Any]] = {
    "version": 1,
    "to_check": False,
    "repeats": 0,
    "created_by_user_id": None,
    "created_by_partner_id": None,
    **{name: DEFAULTS.get(name) for name in ROW_FIELDS},
}
"""What a ticket holds of which a file says nothing."""

_T = TypeVar("_T")
_Row = tuple[int | str | bool | None, ...]
Progress = Callable[[int], None]
"""Receives the number of lines done."""


class ImportOutcome(StrEnum):
    """The result of a line."""

    NEW = "new"
    KNOWN = "known"
    """It was imported before, as it is there."""
    DIFFERS = "differs"
    """Another content was imported under its number; the ticket stays as it is."""
    WRONG = "wrong"


@dataclass(frozen=True)
class Outcome:
    """The result of one line of a file."""

    line: int
    number: str
    """In the old system."""
    result: ImportOutcome
    title: str = ""
    ticket: int | None = None
    """The ticket that it is, or was made."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What is taken as it is, but may be meant otherwise."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Source:
    """What a file is: its content, the system that it is from, and its encoding, of CSV ("" = UTF).

    NTTDM is always UTF-8.
    """

    content: bytes
    name: str = DEFAULT_SOURCE
    encoding: str = ""

    def __post_init__(self) -> None:
        checked_text("source", self.name, SHORT_TEXT_LIMIT, label=_("The name of the old system"))
        if not self.name.strip():
            raise Invalid(
                "source",
                _(
                    "Enter the name of the old system;"
                    " it identifies tickets that were imported before"
                ),
            )


class LinesLeft(BadFile):
    """Some lines cannot be imported, and nobody said to leave them out: nothing was written."""


def require_ticket_import(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may import tickets."""
    require_admin(actor, _("import tickets"))


@dataclass(frozen=True)
class Imported:
    """What was written: how many lines of each result, and the first and last number given."""

    counts: Mapping[ImportOutcome, int]
    first: int | None = None
    last: int | None = None
    wrong: tuple[Problem, ...] = ()
    """What was left out, and why."""

    def and_then(self, other: Imported) -> Imported:
        """Both together, the other one later."""
        return Imported(
            Counter(self.counts) + Counter(other.counts),
            self.first if self.first is not None else other.first,
            other.last if other.last is not None else self.last,
            self.wrong + other.wrong,
        )

    @property
    def lines(self) -> int:
        """How many lines that were."""
        return sum(self.counts.values())


def parts_of(source: Source, now: datetime) -> Iterator[list[ReadTicket]]:
    """The tickets of a file, CSV or NTTDM, a thousand at a time. Raises ``BadFile`` for what is no
    such file, or holds too many."""
    if is_xml(source.content):
        return _parts(read_nttdm(source.content, now))
    text = decoded(source.content, source.encoding)
    check_lines(rows_of(io.StringIO(text, newline="")), heads=1)
    return _parts(read_tickets(text, now))


def examine_tickets(session: Session, by: Writer, source: Source) -> Iterator[Outcome]:
    """What would happen to each line, in the file's order; nothing is written.

    Raises ``Forbidden``, and ``BadFile`` where the file as a whole cannot be used.
    """
    require_ticket_import(by.actor)
    names = Names(session)
    for part in parts_of(source, by.now):
        yield from _outcomes(session, source.name, part, names)


def import_tickets(
    session: Session,
    by: Writer,
    source: Source,
    *,
    only_good: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Write the new lines, all or nothing within the caller's transaction.

    Wrong lines raise ``LinesLeft`` unless ``only_good`` leaves them out. Raises what
    ``examine_tickets`` raises.
    """
    require_ticket_import(by.actor)
    names = Names(session)
    done = Imported({})
    for part in parts_of(source, by.now):
        done = done.and_then(import_lines(session, by, source.name, part, names))
        if len(done.wrong) >= MAX_PROBLEMS and not only_good:
            break
        if progress is not None:
            progress(done.lines)
    if done.wrong and not only_good:
        raise LinesLeft(done.wrong)
    return done


def import_lines(
    session: Session,
    by: Writer,
    source: str,
    part: Sequence[ReadTicket],
    names: Names | None = None,
) -> Imported:
    """Write what is new among these lines and good; what is wrong is reported and left out."""
    require_ticket_import(by.actor)
    take_number(session, _LOCK)
    outcomes = list(_outcomes(session, source, part, names or Names(session)))
    new = [outcome for outcome in outcomes if outcome.result is ImportOutcome.NEW]
    first = _write(session, replace(by, door=Door.IMPORT), source, new)
    return Imported(
        Counter(outcome.result for outcome in outcomes),
        first,
        None if first is None else first + len(new) - 1,
        tuple(problem for outcome in outcomes for problem in outcome.problems),
    )


def _parts(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    return iter(lambda: list(islice(iterator, AT_ONCE)), [])


# ---- what a line would become ----


@dataclass(frozen=True)
class _Link:
    id: int
    name: str
    network: str
    responsible: int
    """The site that answers for it."""


class Names:
    """All names of sites and links at once: looked up for each line, they would take most of the
    time."""

    def __init__(self, session: Session) -> None:
        sites = session.execute(
            select(Site.id, Site.key, Site.tier, Site.valid_until).order_by(Site.id)
        ).all()
        self.keys = {row.id: row.key for row in sites}
        ended = {row.id: row.valid_until for row in sites}
        tiers = {row.id: row.tier for row in sites}
        self._bearers: dict[str, list[NamePeriod]] = {}
        for row in session.execute(
            select(SiteName.name, SiteName.site_id, SiteName.valid_from, SiteName.valid_until)
        ):
            days, key = (row.valid_from, row.valid_until), self.keys[row.site_id]
            period = name_period(row.site_id, key, days, ended[row.site_id])
            self._bearers.setdefault(row.name, []).append(period)
        self.links: dict[str, _Link] = {}
        by_link: dict[int, _Link] = {}
        for link in session.execute(
            select(
                Link.id,
                Link.name,
                Link.network,
                Link.end_a_id,
                Link.end_b_id,
                Link.responsible_site_id,
            )
        ):
            end = link.end_b_id if tiers[link.end_a_id] == 0 else link.end_a_id
            responsible = link.responsible_site_id or end
            made = _Link(link.id, link.name, link.network, responsible)
            self.links[link.name] = by_link[link.id] = made
        self.link_words = {name.upper() for name in self.links}
        self.aliases = {
            row.name: by_link[row.link_id]
            for row in session.execute(select(LinkName.name, LinkName.link_id))
        }
        self._near_sites = NearestNames(
            (name, max(periods).key) for name, periods in self._bearers.items()
        )
        self._near_links = NearestNames((name, name) for name in self.links)
        self._nearest: dict[tuple[str, str], str] = {}

    def site(self, name: str, on: date) -> int | None:
        """The key of the site that this name meant on that day, as of an event."""
        found = bearer_or_last(self._bearers.get(name, ()), on)
        return None if found is None else found.site_id

    def link(self, name: str) -> _Link | None:
        """By its id, or by what an administrator said that it is called."""
        return self.links.get(name) or self.aliases.get(name.upper())

    def near(self, kind: str, name: str) -> str:
        """The known names that are nearest to an unknown one, in words."""
        if (kind, name) not in self._nearest:
            nearest = self._near_sites if kind == "site" else self._near_links
            found = ", ".join(near.name for near in nearest.of(name))
            self._nearest[kind, name] = _("; nearest: %(found)s", found=found) if found else ""
        return self._nearest[kind, name]


def _known(
    session: Session, source: str, part: Sequence[ReadTicket]
) -> Mapping[str, tuple[int, str]]:
    """Ticket and digest of the numbers that were imported from this source."""
    table = _table(ImportedTicket)
    rows = session.execute(
        select(table.c.number, table.c.ticket_number, table.c.content_digest).where(
            table.c.source == source, table.c.number.in_([read.number for read in part])
        )
    )
    return {row.number: (row.ticket_number, row.content_digest) for row in rows}


def _outcomes(
    session: Session, source: str, part: Sequence[ReadTicket], names: Names
) -> Iterator[Outcome]:
    known = _known(session, source, part)
    for read in part:
        yield _outcome(read, names, known)


def _outcome(read: ReadTicket, names: Names, known: Mapping[str, tuple[int, str]]) -> Outcome:
    title = str(read.values.get("title", ""))
    if read.problems:
        return Outcome(read.line, read.number, ImportOutcome.WRONG, title, problems=read.problems)
    digest = read.digest
    if read.number in known:
        ticket, before = known[read.number]
        result = ImportOutcome.KNOWN if before == digest else ImportOutcome.DIFFERS
        return Outcome(read.line, read.number, result, title, ticket)
    values, problems, notes = _resolved(read, names)
    if problems:
        return Outcome(read.line, read.number, ImportOutcome.WRONG, title, problems=tuple(problems))
    values["digest"] = digest
    all_notes = (*read.notes, *notes)
    return Outcome(read.line, read.number, ImportOutcome.NEW, title, notes=all_notes, values=values)


def _resolved(read: ReadTicket, names: Names) -> tuple[dict[str, Any], list[Problem], list[str]]:
    """The values with the rows that names mean, what is wrong, and what is to be told."""
    values = dict(read.values)
    place = _("line %(line)s", line=read.line)
    problems, notes = [], []
    day = day_begun(values["event_start"], values["window_start"], values["created"])
    links: dict[int, _Link] = {}
    for name in values["links"]:
        link = names.link(name)
        if link is None:
            allowed = _("ids of known links%(near)s", near=names.near("link", name))
            problems.append(Problem(place, "links", name, allowed))
        else:
            links[link.id] = link
    sites: dict[tuple[int | None, str], str] = {}
    for name in values["sites"]:
        site = names.site(name, day)
        if site is None:
            notes.append(
                _(
                    "site %(name)s is not known; stored as text%(near)s",
                    name=name,
                    near=names.near("site", name),
                )
            )
        sites.setdefault((site, "") if site is not None else (None, name), name)
    values["links"], values["sites"] = tuple(links.values()), tuple(sites.items())
    first = next(iter(links.values()), None)
    only = next(iter(sites))[0] if len(sites) == 1 else None
    follows = first.responsible if first else only
    stated = values.pop("responsible_site", "")
    responsible = names.site(stated, day)
    if stated and responsible is None:
        allowed = _("any name of a known site%(near)s", near=names.near("site", stated))
        problems.append(Problem(place, "responsible_site", stated, allowed))
    values["responsible_site_id"] = follows if responsible is None else responsible
    values["responsible_set_by_hand"] = responsible is not None and responsible != follows
    values["responsible_site"] = names.keys.get(values["responsible_site_id"], "")
    if not values.get("network"):
        values["network"] = first.network if first else str(Network.LHCOPN)
    words = link_words((values["title"], values.get("description", "")))
    values["unknown_links"] = [
        (word, alias.id if (alias := names.aliases.get(word)) and alias.id in links else None)
        for word in words
        if word not in names.link_words
    ]
    return values, problems, notes


# ---- writing ----


def _table(kind: type[Base]) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table


def _write(session: Session, by: Writer, source: str, outcomes: Sequence[Outcome]) -> int | None:
    """Tickets, what belongs to them, and one change for each; the first one's number."""
    if not outcomes:
        return None
    count = len(outcomes)
    first = take_number(session, TICKET, count) - count + 1
    tickets = []
    links: list[_Row] = []
    sites: list[_Row] = []
    words: list[_Row] = []
    references: list[_Row] = []
    keys: list[_Row] = []
    logs = []
    for number, outcome in enumerate(outcomes, first):
        values = outcome.values
        tickets.append(_ticket_row(by, number, values))
        links += [(number, place, link.id, False) for place, link in enumerate(values["links"])]
        sites += [
            (number, place, key, name, False)
            for place, ((key, _), name) in enumerate(values["sites"])
        ]
        words += [(number, word, link) for word, link in values["unknown_links"]]
        named = (Reference(source, outcome.number), *values.get("references", ()))
        named = tuple(dict.fromkeys(named))
        references += [(number, _OTHER, one.provider, one.reference, one.url) for one in named]
        keys.append((source, outcome.number, number, values["digest"]))
        logged = dict(values)
        logged["links"] = tuple(link.name for link in values["links"])
        logged["sites"] = tuple(name for _, name in values["sites"])
        logged["references"] = named
        logs.append(
            [(name, text) for name in _LOGGED if (text := as_logged(logged.get(name))) is not None]
        )
    session.execute(insert(_table(Ticket)), tickets)
    insert_rows(session, TicketLink, _LINK_COLUMNS, links)
    insert_rows(session, TicketSite, _SITE_COLUMNS, sites)
    add_rows(session, lambda number: number.between(first, first + count - 1))
    insert_rows(session, UnknownLink, ("ticket_number", "name", "link_id"), words)
    insert_rows(session, ExternalReference, _REFERENCE_COLUMNS, references)
    insert_rows(session, ImportedTicket, _KEY_COLUMNS, keys)
    _log(session, by, first, logs)
    numbers = range(first, first + count)
    for place in range(0, count, ticket_words.AT_ONCE):
        ticket_words.index_tickets(session, numbers[place : place + ticket_words.AT_ONCE])
    return first


def _ticket_row(by: Writer, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
    names = (*_STATED, "responsible_site_id", "responsible_set_by_hand")
    return {
        **_EMPTY,
        **{name: values[name] for name in names if name in values},
        "number": number,
        "created_at": to_milliseconds(values["created"]),
        "changed_at": to_milliseconds(values["changed"]),
        "ended_at": _milliseconds(values["solved"]),
        "last_author": by.shown_author,
    }


def _milliseconds(moment: datetime | None) -> datetime | None:
    return None if moment is None else to_milliseconds(moment)


def _log(
    session: Session, by: Writer, first: int, logs: Sequence[Sequence[tuple[str, str]]]
) -> None:
    """One change for each of the tickets from ``first`` on, with the fields that it brought."""
    record_changes(
        session,
        by,
        TICKET,
        [
            (number, 1, [FieldChange(name, None, text) for name, text in log])
            for number, log in enumerate(logs, first)
        ],
    )
