"""Lists of events, reported or detected: one filter, keyset pages.

Every figure links to this filter with the rows that it counts, so the total of the list is the
figure. Everything is read as plain rows: a list may have a million. Times are UTC.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Engine,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.core.database.transactions import read_connection
from app.core.rules.quarters import Quarter
from app.duties.models.duties import Duty
from app.duties.services.duties import ALL, DutyFilter, conditions_of
from app.events.models.events import Event, EventSource
from app.events.models.imports import EventsOfImport
from app.events.rules.addresses import NO_T1
from app.events.rules.events import as_text
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.rules.matching import MAX_KEPT, evidence_words
from app.registry.models.registry import Link, LinkName, Site, SiteName
from app.tickets.models.tickets import Ticket

PAGE: Final = 50
MAX_COUNTED: Final = 100_000
"""Above this, a count only says "more"."""
AT_ONCE: Final = 1_000
"""Rows of one chunk of a file."""
SHORT: Final = 200
"""Characters of a detail that a list needs."""

Position = tuple[datetime, int]
"""The start and id of a row: where a page ends or starts."""


@dataclass(frozen=True)
class EventFilter:
    """Which events to read; all conditions apply together, and any of several values."""

    begins: datetime | None = None
    """The event starts at this moment or later ..."""
    ends: datetime | None = None
    """... and before this one."""
    lasting: bool | None = None
    """True: also events that started before ``begins`` and were ongoing then."""
    quarters: tuple[str, ...] = ()
    """Quarters of the start: ``2012-Q1``."""
    sites: tuple[str, ...] = ()
    """By any name: at an end of the link, or the site that an event names."""
    t1s: tuple[str, ...] = ()
    """By any name: a T1 end when the event started, as the table per T1 counts; ``none`` = no T1
    end, which is the T0's row."""
    links: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    documented: bool | None = None
    counted: bool | None = None
    maintenance: bool | None = None
    how: tuple[str, ...] = ()
    """How a detected event is documented: link, site, hand or none."""
    due: str = ""
    """A ticket is due under a rule in force: open, missing, due, late, met, there or all."""
    ongoing: bool | None = None
    unresolved: bool | None = None
    """It names an unknown link or site."""
    withdrawn: bool | None = False
    """None = withdrawn or not."""
    import_id: int | None = None
    oldest_first: bool = False


@dataclass(frozen=True)
class ReportedRow:
    """An event as a source reported it."""

    id: int
    source: str
    source_key: str
    link: str
    site: str
    is_unresolved: bool
    """Its link or site is unknown, and shown as it was sent."""
    state: str
    start: datetime
    end: datetime | None
    layer: str
    detail: str
    """The first 200 characters in lists, the whole text in files."""
    version: int
    withdrawn_at: datetime | None
    detected_id: int | None


@dataclass(frozen=True)
class DetectedRow:
    """A detected event: the reports about one outage combined."""

    id: int
    link: str
    site: str
    state: str
    start: datetime
    end: datetime | None
    seconds: int
    beginnings: int
    quarter: str
    is_counted: bool
    is_documented: bool
    is_maintenance: bool
    how: str
    tickets: Sequence[int] = ()
    """The tickets that document it."""
    ticket_words: Mapping[int, str] = field(default_factory=dict)
    """While it is ongoing: remarks such as "ticket of the site" or "solved" for tickets by which
    nobody attends to it, by number."""

    @property
    def is_unattended(self) -> bool:
        """Whether it is ongoing and no open ticket of the link documents it."""
        return self.end is None and not any(one not in self.ticket_words for one in self.tickets)

    @property
    def may_be_more(self) -> bool:
        """Whether there may be more tickets than are stored."""
        return len(self.tickets) >= MAX_KEPT


@dataclass(frozen=True)
class Page:
    """A page of a list, and where the adjacent pages start."""

    rows: Sequence[Any]
    after: Position | None = None
    before: Position | None = None


class EventList(ABC):
    """A kind of list: how its rows are read, filtered and ordered."""

    row: Any
    """The class whose start and id define the order."""

    @abstractmethod
    def query(
        self, session: Session, wanted: EventFilter, now: datetime
    ) -> Select[*tuple[Any, ...]]:
        """The rows to read, unordered."""

    @abstractmethod
    def rows_of(self, connection: Any, found: Sequence[Any]) -> Sequence[Any]:
        """What is shown of rows of the query."""


# ---- pages, counts, chunks ----


def list_events(
    session: Session,
    kind: EventList,
    wanted: EventFilter,
    now: datetime,
    *,
    after: Position | None = None,
    before: Position | None = None,
    limit: int = PAGE,
) -> Page:
    """One page: the first, or the one after ``after``, or the one before ``before``."""
    backwards = before is not None
    query = _in_order(kind, kind.query(session, wanted, now), wanted, backwards=backwards)
    if (at := before or after) is not None:
        query = query.where(_behind(kind, at, forwards=wanted.oldest_first != backwards))
    found = session.execute(query.limit(limit + 1)).all()
    more, found = len(found) > limit, found[:limit]
    if backwards:
        found = found[::-1]
    if not found:
        return Page(())
    first, last = ((row.start, row.id) for row in (found[0], found[-1]))
    return Page(
        kind.rows_of(session, found),
        last if more or backwards else None,
        first if (more if backwards else after is not None) else None,
    )


def count_events(
    session: Session, kind: EventList, wanted: EventFilter, now: datetime, most: int = MAX_COUNTED
) -> int:
    """Count the rows; ``most`` + 1 if there are more than ``most``."""
    found = (
        kind.query(session, wanted, now).with_only_columns(kind.row.id).limit(most + 1).subquery()
    )
    return session.scalar(select(func.count()).select_from(found)) or 0


def chunks_of(
    engine: Engine, kind: EventList, query: Select[*tuple[Any, ...]], wanted: EventFilter
) -> Iterator[Sequence[Any]]:
    """All rows of a query of ``kind``, in chunks; no more than a chunk is in memory."""
    at: Position | None = None
    while True:
        part = _in_order(kind, query, wanted)
        if at is not None:
            part = part.where(_behind(kind, at, forwards=wanted.oldest_first))
        with read_connection(engine) as connection:
            found = connection.execute(part.limit(AT_ONCE)).all()
            rows = kind.rows_of(connection, found) if found else ()
        if rows:
            yield rows
        if len(found) < AT_ONCE:
            return
        at = (found[-1].start, found[-1].id)


def _in_order(
    kind: EventList,
    query: Select[*tuple[Any, ...]],
    wanted: EventFilter,
    *,
    backwards: bool = False,
) -> Select[*tuple[Any, ...]]:
    if wanted.oldest_first != backwards:
        return query.order_by(kind.row.start, kind.row.id)
    return query.order_by(kind.row.start.desc(), kind.row.id.desc())


def _behind(kind: EventList, at: Position, *, forwards: bool) -> ColumnElement[bool]:
    start, number = at
    if forwards:
        return and_(kind.row.start >= start, or_(kind.row.start > start, kind.row.id > number))
    return and_(kind.row.start <= start, or_(kind.row.start < start, kind.row.id < number))


# ---- as reported ----

_site = aliased(Site)
_named = aliased(Event)


class Reported(EventList):
    """Events as sources reported them."""

    row = Event

    def __init__(self, *, whole: bool = False) -> None:
        self._detail = Event.detail if whole else func.substr(Event.detail, 1, SHORT)

    def query(
        self, session: Session, wanted: EventFilter, now: datetime
    ) -> Select[*tuple[Any, ...]]:
        """The reports to read."""
        return (
            select(
                *(Event.id, Event.source_id, Event.source_key, Event.link_id, Event.site_id),
                *(Event.link_text, Event.site_text, Event.state, Event.start, Event.end),
                *(Event.layer, Event.version, Event.withdrawn_at),
                self._detail.label("detail"),
                EventSource.name.label("source"),
                Link.name.label("link"),
                _site.key.label("site"),
                EventOfDetected.detected_id,
            )
            .join(EventSource, EventSource.id == Event.source_id)
            .outerjoin(Link, Link.id == Event.link_id)
            .outerjoin(_site, _site.id == Event.site_id)
            .outerjoin(EventOfDetected, EventOfDetected.event_id == Event.id)
            .where(*_reported_conditions(session, wanted, now))
        )

    def rows_of(self, connection: Any, found: Sequence[Any]) -> Sequence[ReportedRow]:
        """What is shown of each report."""
        return [
            ReportedRow(
                row.id,
                row.source,
                row.source_key,
                row.link or row.link_text,
                row.site or row.site_text,
                is_unresolved_row(row),
                row.state,
                row.start,
                row.end,
                row.layer,
                row.detail,
                row.version,
                row.withdrawn_at,
                row.detected_id,
            )
            for row in found
        ]


def cells_of_report(row: ReportedRow) -> Sequence[str]:
    """The cells of a file, in the order of its columns."""
    names = (row.source, row.source_key, row.link, row.site, row.state)
    return (*names, as_text(row.start), as_text(row.end), row.layer, row.detail)


def is_unresolved_row(row: Any) -> bool:
    """Whether an event names an unknown link or site."""
    return bool((row.link_text and row.link_id is None) or (row.site_text and row.site_id is None))


def _with_names() -> CompoundSelect[tuple[int]]:
    """The events with the name of a link or site as it was sent, for which there are indexes.

    As literals, as in the indexes: a parameter would prevent their use.
    """
    none: ColumnElement[str] = literal_column("''")
    return union_all(
        select(_named.id).where(_named.link_text != none),
        select(_named.id).where(_named.site_text != none),
    )


def _reported_conditions(
    session: Session, wanted: EventFilter, now: datetime
) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = _common(Event, wanted, wanted.quarters)
    if wanted.links:
        ids = link_ids(session, wanted.links)
        named = and_(Event.link_id.is_(None), Event.link_text.in_(wanted.links))
        parts.append(Event.link_id.in_(ids) if ids else named)
    if wanted.sites:
        ids = site_ids(session, wanted.sites)
        named = and_(Event.site_id.is_(None), Event.site_text.in_(wanted.sites))
        known = or_(Event.site_id.in_(ids), Event.link_id.in_(_links_at(ids)))
        parts.append(known if ids else named)
    if wanted.networks:
        of_network = select(Link.id).where(Link.network.in_(wanted.networks))
        parts.append(Event.link_id.in_(of_network))
    if wanted.sources:
        of_source = select(EventSource.id).where(EventSource.name.in_(wanted.sources))
        parts.append(Event.source_id.in_(of_source))
    if wanted.ongoing is not None:
        parts.append(Event.end.is_(None) if wanted.ongoing else Event.end.is_not(None))
    if wanted.unresolved is not None:
        unresolved = or_(
            and_(Event.link_text != "", func.coalesce(Event.link_id, 0) == 0),
            and_(Event.site_text != "", func.coalesce(Event.site_id, 0) == 0),
        )
        if wanted.unresolved:
            # using the few with a name as it was sent; most rows have no link
            parts += [Event.id.in_(_with_names()), unresolved]
        else:
            parts.append(~unresolved)
    if wanted.withdrawn is not None:
        gone = Event.withdrawn_at
        parts.append(gone.is_not(None) if wanted.withdrawn else gone.is_(None))
    if wanted.import_id is not None:
        parts.append(_of_import(Event.id, wanted.import_id))
    if _about_detected(wanted):
        of_detected = select(EventOfDetected.event_id).join(
            DetectedEvent, DetectedEvent.id == EventOfDetected.detected_id
        )
        parts.append(Event.id.in_(of_detected.where(*_of_detected(session, wanted, now))))
    return parts


# ---- as detected ----


class Detected(EventList):
    """Detected events."""

    row = DetectedEvent

    def query(
        self, session: Session, wanted: EventFilter, now: datetime
    ) -> Select[*tuple[Any, ...]]:
        """The detected events to read."""
        return (
            select(
                *(DetectedEvent.id, DetectedEvent.state, DetectedEvent.start, DetectedEvent.end),
                *(DetectedEvent.seconds, DetectedEvent.beginnings, DetectedEvent.quarter),
                *(DetectedEvent.is_counted, DetectedEvent.is_documented),
                *(DetectedEvent.is_maintenance, DetectedEvent.how),
                Link.name.label("link"),
                _site.key.label("site"),
            )
            .outerjoin(Link, Link.id == DetectedEvent.link_id)
            .outerjoin(_site, _site.id == DetectedEvent.site_id)
            .where(*_detected_conditions(session, wanted, now))
        )

    def rows_of(self, connection: Any, found: Sequence[Any]) -> Sequence[DetectedRow]:
        """What is shown of each detected event."""
        tickets: dict[int, list[int]] = {row.id: [] for row in found}
        documenting = (
            select(EventTicket.detected_id, EventTicket.ticket_number)
            .where(EventTicket.detected_id.in_(tickets), EventTicket.documents)
            .order_by(EventTicket.ticket_number)
        )
        for detected, number in connection.execute(documenting):
            tickets[detected].append(number)
        words: dict[int, dict[int, str]] = defaultdict(dict)
        if ongoing := [row.id for row in found if row.end is None]:
            unattended = (
                documenting.add_columns(EventTicket.how, Ticket.state)
                .join(Ticket, Ticket.number == EventTicket.ticket_number)
                .where(EventTicket.detected_id.in_(ongoing))
            )
            for detected, number, how, state in connection.execute(unattended):
                if said := evidence_words(how, state):
                    words[detected][number] = said
        return [
            DetectedRow(
                row.id,
                row.link or "",
                row.site or "",
                row.state,
                row.start,
                row.end,
                row.seconds,
                row.beginnings,
                row.quarter,
                row.is_counted,
                row.is_documented,
                row.is_maintenance,
                row.how,
                tickets[row.id],
                words.get(row.id, {}),
            )
            for row in found
        ]


def _detected_conditions(
    session: Session, wanted: EventFilter, now: datetime
) -> list[ColumnElement[bool]]:
    parts = _common(DetectedEvent, wanted, ())
    if wanted.quarters:
        parts.append(DetectedEvent.quarter.in_(wanted.quarters))
    if wanted.links:
        parts.append(DetectedEvent.link_id.in_(link_ids(session, wanted.links)))
    if wanted.sites:
        ids = site_ids(session, wanted.sites)
        parts.append(or_(DetectedEvent.site_id.in_(ids), DetectedEvent.link_id.in_(_links_at(ids))))
    if wanted.networks:
        parts.append(DetectedEvent.network.in_(wanted.networks))
    if wanted.ongoing is not None:
        parts.append(DetectedEvent.is_open.is_(wanted.ongoing))
    parts += _of_detected(session, wanted, now)
    of_reports: list[ColumnElement[bool]] = []
    if wanted.sources:
        sources = select(EventSource.id).where(EventSource.name.in_(wanted.sources))
        of_reports.append(Event.source_id.in_(sources))
    if wanted.import_id is not None:
        of_reports.append(_of_import(Event.id, wanted.import_id))
    if of_reports:
        parts.append(
            exists()
            .where(EventOfDetected.detected_id == DetectedEvent.id)
            .where(Event.id == EventOfDetected.event_id, *of_reports)
        )
    return parts


def _about_detected(wanted: EventFilter) -> bool:
    return bool(
        wanted.documented is not None
        or wanted.counted is not None
        or wanted.maintenance is not None
        or wanted.how
        or wanted.t1s
        or wanted.due
    )


def _of_detected(session: Session, wanted: EventFilter, now: datetime) -> list[ColumnElement[bool]]:
    """Conditions that apply only to detected events."""
    parts: list[ColumnElement[bool]] = []
    for column, value in (
        (DetectedEvent.is_documented, wanted.documented),
        (DetectedEvent.is_counted, wanted.counted),
        (DetectedEvent.is_maintenance, wanted.maintenance),
    ):
        if value is not None:
            parts.append(column.is_(value))
    if wanted.how:
        parts.append(DetectedEvent.how.in_(wanted.how))
    if wanted.t1s:
        ids = site_ids(session, [name for name in wanted.t1s if name != NO_T1])
        rows: list[ColumnElement[bool]] = [
            DetectedEvent.t1_id.in_(ids),
            DetectedEvent.other_t1_id.in_(ids),
        ]
        if NO_T1 in wanted.t1s:
            rows.append(and_(DetectedEvent.t1_id.is_(None), DetectedEvent.link_id.is_not(None)))
        parts.append(or_(*rows))
    if wanted.due:
        duties = conditions_of(session, DutyFilter(state=wanted.due or ALL), now)
        parts.append(DetectedEvent.id.in_(select(Duty.event_id).where(*duties)))
    return parts


# ---- common to both ----


def _common(
    row: type[Event] | type[DetectedEvent], wanted: EventFilter, quarters: Collection[str]
) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = []
    if wanted.begins is not None:
        begun = row.start >= wanted.begins
        ends_later = or_(row.end.is_(None), row.end > wanted.begins)
        parts.append(or_(begun, ends_later) if wanted.lasting else begun)
    if wanted.ends is not None:
        parts.append(row.start < wanted.ends)
    if quarters:
        spans = [Quarter.parse(text) for text in quarters]
        parts.append(or_(*(and_(row.start >= q.begin, row.start < q.end) for q in spans)))
    if wanted.states:
        parts.append(row.state.in_(wanted.states))
    return parts


def _of_import(event_id: Any, import_id: int) -> ColumnElement[bool]:
    return (
        exists()
        .where(EventsOfImport.import_id == import_id)
        .where(EventsOfImport.first_id <= event_id, EventsOfImport.last_id >= event_id)
    )


def _links_at(ids: Collection[int]) -> Select[int]:
    return select(Link.id).where(or_(Link.end_a_id.in_(ids), Link.end_b_id.in_(ids)))


def link_ids(session: Session, names: Collection[str]) -> Sequence[int]:
    """The links with these ids or names."""
    aliases = [*names, *(name.upper() for name in names)]
    found = session.scalars(
        select(Link.id)
        .where(Link.name.in_(names))
        .union(select(LinkName.link_id).where(LinkName.name.in_(aliases)))
    ).all()
    return sorted(found)


def site_ids(session: Session, names: Collection[str]) -> Sequence[int]:
    """The sites that have, or once had, one of these names."""
    found = session.scalars(select(SiteName.site_id).where(SiteName.name.in_(names)).distinct())
    return sorted(found)


def anything_reported(session: Session) -> bool:
    """Whether any source ever reported anything."""
    return session.scalar(select(Event.id).limit(1)) is not None
