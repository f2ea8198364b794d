"""Sample tickets in great numbers, to measure with: ``flask seed bulk --tickets N``.

The first few are written through the services, as people and partners would write them. All
others are copies of those, row by row, with other numbers, times and marks, by bulk inserts: so
every row is as the services write it. Memory does not depend on the number of tickets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from app.core.models.base import Base
from app.core.models.changes import Change, ChangedField, Counter
from app.core.rules.access import Actor, ActorKind, Door, Writer
from app.core.rules.texts import read_time
from app.core.services.changes import TICKET, take_number
from app.demo.stories import OPERATOR, PARTNER, Story, StoryStep
from app.mail.services.mails import skip_notifications
from app.registry.services.registry import all_links, all_sites
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.search import TicketWords
from app.tickets.models.tickets import (
    ConcernedSite,
    ExternalReference,
    OriginKey,
    SiteSpelling,
    Ticket,
    TicketLink,
    TicketPartner,
    TicketSite,
)
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.tickets import OPEN_STATES, Category, Impact, Layer, Priority, State
from app.tickets.rules.tokenizer import endings_of
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.fields import as_logged
from app.tickets.services.lifecycle import change_ticket, open_ticket

PATTERNS: Final = 40
"""Tickets that are written through the services; the others are copies of them."""
AT_ONCE: Final = 1000
"""Tickets of one transaction."""
_YEARS = timedelta(days=3650)
"""The tickets are spread evenly over so long a time, but at most one in six hours."""
_MAX_APART = timedelta(hours=6)
_MAX_STORY_LENGTH = timedelta(days=20)
_SEED = 2017
_OF_TICKETS: Final[tuple[type[Base], ...]] = (
    TicketLink,
    TicketSite,
    ConcernedSite,
    ExternalReference,
    TicketPartner,
    Acknowledgement,
    OriginKey,
    TicketWords,
)
"""The rows that belong to a ticket and name it as ``ticket_number``."""
_TIMES: Final = frozenset(
    {
        *("event_start", "event_detected", "event_end"),
        *("window_start", "window_end", "estimated_end"),
    }
)
"""Fields whose logged values are times."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Bulk:
    """What copies are made of: the rows of the patterns by table and ticket; a ticket each
    ``apart``, with a mark in its texts that makes them its own."""

    first: int
    apart: timedelta
    numbers: Sequence[int]
    rows: Mapping[Table, Mapping[int, Sequence[Row]]]
    opened: tuple[int, Sequence[int], Sequence[int]] | None = None
    """The first position of which copies are open, with the places of ended and of open patterns;
    None: they are as their patterns, taken in turn."""

    def mark(self, position: int) -> str:
        """The mark of a ticket; all are equally long."""
        return f"bulk{self.first + position:010d}"

    def pattern(self, position: int) -> int:
        """The place of the pattern of which the ticket at this position is a copy."""
        if self.opened is None or position < len(self.numbers):
            return position % len(self.numbers)
        first_open, ended, still_open = self.opened
        among = ended if position < first_open else still_open
        return among[position % len(among)]


def write_patterns(
    session: Session,
    actors: Mapping[str, Actor],
    now: datetime,
    tickets: int,
    by_services: int = PATTERNS,
    *,
    still_open: int | None = None,
) -> Bulk:
    """Write the first ``by_services`` of ``tickets`` tickets; what copies are made of.

    ``actors`` are those of OPERATOR and PARTNER. All is over at ``now`` (UTC). ``still_open``: so
    many of the tickets are open, the newest copies and some of the first; None: a third.
    """
    apart = min(_MAX_APART, timedelta(seconds=_YEARS.total_seconds() // tickets))
    begin = now.replace(microsecond=0) - apart * tickets - _MAX_STORY_LENGTH
    counted = session.scalar(select(Counter.value).where(Counter.name == TICKET)) or 0
    links = [link.name for link in all_links(session)]
    sites = [site.key for site in all_sites(session)]
    bulk = Bulk(counted + 1, apart, [], {})
    stories = []
    for position in range(min(by_services, tickets)):
        # repeatable on purpose, nothing secret
        rng = Random(_SEED + position % PATTERNS)  # noqa: S311
        at = begin + apart * position
        stories.append(_story(rng, bulk.mark(position), at, links, sites))
    numbers = _seed_stories(session, actors, stories)
    session.flush()
    skip_notifications(session)
    rows = _rows_of(session, numbers)
    if still_open is None:
        return Bulk(bulk.first, apart, numbers, rows)
    states = [rows[_table(Ticket)][number][0]["state"] for number in numbers]
    ended, opened = (
        [place for place, state in enumerate(states) if (state in OPEN_STATES) is wanted]
        for wanted in (False, True)
    )
    first_open = tickets - max(0, still_open - len(opened))
    return Bulk(bulk.first, apart, numbers, rows, (first_open, ended, opened))


def write_copies(session: Session, bulk: Bulk, first: int, count: int) -> None:
    """Write ``count`` tickets from position ``first`` on, each with all its rows."""
    positions = range(first, first + count)
    patterns = {position: bulk.numbers[bulk.pattern(position)] for position in positions}
    last = take_number(session, TICKET, count)
    numbers = {position: last - count + 1 + position - first for position in positions}

    def copies(table: Table) -> Iterator[Row]:
        rows = bulk.rows[table]
        for position in positions:
            again = _again(bulk, position)
            for row in rows.get(patterns[position], ()):
                copy = {name: again(value) for name, value in row.items()}
                if table is _table(TicketWords):  # the first word is the number
                    old, new = patterns[position], numbers[position]
                    copy["public"] = copy["public"].replace(f" {old} ", f" {new} ", 1)
                    marks = bulk.mark(bulk.pattern(position)), bulk.mark(position)
                    before, after = (" ".join(endings_of([mark])) for mark in marks)
                    copy["endings"] = row["endings"].replace(before, after)
                yield copy | {"ticket_number": numbers[position]}

    tickets = []
    for row in copies(_table(Ticket)):
        row["number"] = row.pop("ticket_number")
        tickets.append(row)
    _insert(session, Ticket, tickets)
    for kind in _OF_TICKETS:
        _insert(session, kind, copies(_table(kind)))
    _copy_spellings(session, bulk, numbers, patterns)
    _copy_changes(session, bulk, numbers, patterns)
    skip_notifications(session)


# --- the patterns -------------------------------------------------------------------------------


def _story(
    rng: Random, mark: str, at: datetime, links: Sequence[str], sites: Sequence[str]
) -> Story:
    """One ticket with four changes after its creation."""
    who = rng.choice((PARTNER, PARTNER, OPERATOR))
    hours = sorted(rng.sample(range(1, 200), 4))
    times = [at + timedelta(hours=hour, seconds=rng.randrange(3600)) for hour in hours]
    link, site = rng.choice(links), rng.choice(sites)
    category = rng.choice((Category.INCIDENT, Category.INCIDENT, Category.MAINTENANCE))
    new = NewTicket(
        title=f"Sample {category} on {link} [{mark}]",
        description=f"Measured loss between the ends of {link}, seen at {site}.\n" * 4,
        priority=rng.choice(list(Priority)),
        category=category,
        layer=rng.choice((Layer.L2, Layer.L3)),
        impact=rng.choice(list(Impact)),
        links=(link,) if rng.random() < 0.8 else (),
        sites=(site, rng.choice(sites)) if rng.random() < 0.2 else (site,),
        unit=rng.choice(("TPM", "LHCOPN", "NGI_DE")),
        affected_vo=rng.choice(("", "atlas", "cms")),
        event_start=at - timedelta(minutes=rng.randrange(5, 90)),
        window_start=at + timedelta(days=1) if category is Category.MAINTENANCE else None,
        window_end=at + timedelta(days=2) if category is Category.MAINTENANCE else None,
        submitter_name="Sample Submitter",
        origin_system="SAMPLE" if who is PARTNER else "",
        origin_id=f"S-{mark}" if who is PARTNER else "",
        references=(Reference("NREN", f"R-{mark}"),) if rng.random() < 0.3 else (),
    )
    ended = rng.random() < 0.7
    last: Mapping[str, Any] = {"public_comment": f"Still watching [{mark}]."}
    if ended:
        final = State.VERIFIED if who is PARTNER else State.CLOSED
        # all are old: none is left for the portal to close, one by one and with a mail about each
        both = {"state": final, "person_in_charge": "Sample NOC"}
        last = rng.choice(({"state": final}, {"state": final}, both))
    changes: tuple[tuple[str, Mapping[str, Any]], ...] = (
        (PARTNER, {"public_comment": f"We are looking into it [{mark}]."}),
        (OPERATOR, {"state": State.IN_PROGRESS, "unit": "LHCOPN NOC", "internal_comment": "Ours."}),
        (OPERATOR, {"state": State.SOLVED, "solution": f"The fibre was mended [{mark}]."})
        if ended
        else (OPERATOR, {"estimated_end": at + timedelta(days=9), "experiment_specific": True}),
        (who, last),
    )
    steps = tuple(
        StoryStep(time, by, wanted) for time, (by, wanted) in zip(times, changes, strict=True)
    )
    return Story(at, who, new, steps)


def _seed_stories(
    session: Session, actors: Mapping[str, Actor], stories: Sequence[Story]
) -> Sequence[int]:
    """Write the stories in the order of their times; the tickets' numbers."""
    numbers: list[int] = []

    def by(who: str, at: datetime) -> Writer:
        actor = actors[who]
        door = Door.SOAP if actor.kind is ActorKind.PARTNER else Door.PORTAL
        return Writer(actor=actor, door=door, now=at)

    events: list[tuple[datetime, int, StoryStep | None]] = []
    for place, story in enumerate(stories):
        events.append((story.at, place, None))
        events += [(step.at, place, step) for step in story.steps]
    for at, place, step in sorted(events, key=lambda event: event[:2]):
        story = stories[place]
        if step is not None:
            change_ticket(session, by(step.who, at), numbers[place], step.wanted)
        elif story.new.origin_id:
            sent = {
                "GHD_Short_Description": story.new.title,
                "GHD_Description": story.new.description,
                "GHD_Origin_ID": story.new.origin_id,
            }
            numbers.append(
                create_ticket_idempotent(session, by(story.who, at), story.new, sent).number
            )
        else:
            numbers.append(open_ticket(session, by(story.who, at), story.new).number)
    return numbers


def _rows_of(
    session: Session, numbers: Sequence[int]
) -> Mapping[Table, Mapping[int, Sequence[Row]]]:
    """All rows of the patterns, without the keys that the database makes."""
    found: dict[Table, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))

    def keep(kind: type[Base], statement: Any, number: Callable[[Row], int]) -> None:
        for row in session.execute(statement).mappings():
            values = dict(row)
            found[_table(kind)][number(values)].append(values)

    kinds: tuple[type[Base], ...] = (Ticket, *_OF_TICKETS)
    for kind in kinds:
        table = _table(kind)
        name = "number" if kind is Ticket else "ticket_number"
        wanted = [column for column in table.columns if column.name != "id"]
        keep(
            kind,
            select(*wanted).where(table.c[name].in_(numbers)).order_by(*table.primary_key),
            lambda row, name=name: row.pop(name),  # type: ignore[misc]
        )
    keep(
        SiteSpelling,
        select(
            TicketSite.ticket_number,
            TicketSite.position,
            SiteSpelling.partner_id,
            SiteSpelling.name,
        )
        .join(TicketSite, TicketSite.id == SiteSpelling.ticket_site_id)
        .where(TicketSite.ticket_number.in_(numbers)),
        lambda row: row.pop("ticket_number"),
    )
    of_ticket = (Change.kind == TICKET, Change.thing_id.in_(numbers))
    keep(
        Change,
        select(_table(Change)).where(*of_ticket).order_by(Change.id),
        lambda row: row.pop("thing_id"),
    )
    fields = _table(ChangedField)
    keep(
        ChangedField,
        select(*(column for column in fields.columns if column.name != "id"))
        .join(Change, Change.id == fields.c.change_id)
        .where(*of_ticket)
        .order_by(fields.c.change_id, fields.c.position),
        lambda row: row.pop("change_id"),
    )
    return found


# --- the copies ---------------------------------------------------------------------------------


def _again(bulk: Bulk, position: int) -> Callable[[Any], Any]:
    """How a value of the pattern becomes that of the ticket at ``position``."""
    pattern = bulk.pattern(position)
    later = bulk.apart * (position - pattern)
    old, new = bulk.mark(pattern), bulk.mark(position)

    def again(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(old, new)
        if isinstance(value, datetime):
            return value + later
        return value

    return again


def _copy_spellings(
    session: Session, bulk: Bulk, numbers: Mapping[int, int], patterns: Mapping[int, int]
) -> None:
    keys = {
        (row.ticket_number, row.position): row.id
        for row in session.execute(
            select(TicketSite.id, TicketSite.ticket_number, TicketSite.position).where(
                TicketSite.ticket_number.between(min(numbers.values()), max(numbers.values()))
            )
        )
    }
    spellings = bulk.rows[_table(SiteSpelling)]
    rows = (
        {
            "ticket_site_id": keys[numbers[position], row["position"]],
            "partner_id": row["partner_id"],
            "name": row["name"],
        }
        for position, pattern in patterns.items()
        for row in spellings.get(pattern, ())
    )
    _insert(session, SiteSpelling, rows)


def _copy_changes(
    session: Session, bulk: Bulk, numbers: Mapping[int, int], patterns: Mapping[int, int]
) -> None:
    """The change log of all copies, in the order of its times."""
    changes: list[tuple[Row, int, int]] = []
    for position, pattern in patterns.items():
        again = _again(bulk, position)
        for row in bulk.rows[_table(Change)][pattern]:
            copy = {name: again(value) for name, value in row.items()}
            copy["thing_id"] = numbers[position]
            changes.append((copy, row["id"], position))
    changes.sort(key=lambda change: change[0]["at"])
    next_id = take_number(session, "change", len(changes)) - len(changes) + 1
    for number, (copy, _, _) in enumerate(changes, next_id):
        copy["id"] = number
    _insert(session, Change, (copy for copy, _, _ in changes))
    fields = bulk.rows[_table(ChangedField)]
    _insert(
        session,
        ChangedField,
        (
            _field_again(bulk, position, field) | {"change_id": copy["id"]}
            for copy, pattern_change, position in changes
            for field in fields.get(pattern_change, ())
        ),
    )


def _field_again(bulk: Bulk, position: int, field: Row) -> Row:
    again = _again(bulk, position)
    if field["field"] in _TIMES:
        return {
            name: as_logged(again(read_time(name, value)))
            if value and name in ("old", "new")
            else value
            for name, value in field.items()
        }
    return {name: again(value) for name, value in field.items()}


def _table(kind: type[Base]) -> Table:
    table = kind.__table__
    assert isinstance(table, Table)
    return table


def _insert(session: Session, kind: type[Base], rows: Iterable[Row]) -> None:
    """Insert rows by the thousand."""
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) == AT_ONCE:
            session.execute(insert(_table(kind)), part)
            part = []
    if part:
        session.execute(insert(_table(kind)), part)
