"""Pages of statistics at a size: how long it takes to match, and each page after one change.

Asked as ``bench.desk`` asks: the portal in this process. *First* of the first page reads all
tickets, of the first one of availability all events; *a ticket changed* is right after a change of
a ticket, *an event changed* after one of an event. *Processor* is what this process used (of
PostgreSQL not what its server used): a time tells of the load as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import Any, Final

from flask.testing import FlaskClient
from sqlalchemy import Engine, Table, func, insert, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor, Door, Writer
from app.demo import demo_actors
from app.events.models.events import Event, EventSource
from app.events.services.withdrawal import restore_event, withdraw_event
from app.matching.services.recompute import mark_between
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import comment_ticket, move_ticket
from bench import places
from bench.desk import operator_of
from bench.matching import recompute_all
from bench.pages import percentile
from bench.places import TITLES, Place
from bench.tables import print_table
from tests.harness.databases import open_engine

GOAL: Final = 200.0
"""Milliseconds of a page after one change."""
REPEATS: Final = 5
_AT_ONCE: Final = 20_000
_YEARS: Final = timedelta(days=3650)
PAGES: Final = (
    "/statistics",
    "/statistics/tickets",
    "/statistics/tickets?by=category&per=quarter",
    "/statistics/tickets?by=link&per=half-year",
    "/statistics/tickets?by=site",
    "/statistics/tickets?by=state&site=DE-KIT&network=LHCOPN",
    "/statistics/times",
    "/statistics/times?by=site&per=quarter",
    "/statistics/long-standing",
    "/statistics/availability",
    "/statistics/availability?per=month&from=2024&to=2025",
    "/statistics/matching",
    "/statistics/matching?from=2017-Q1&to=2025-Q4",
    "/statistics/what-if",
    "/statistics/what-if?from=2017-Q1&to=2025-Q4",
    "/duty",
    "/duty?state=all",
    "/reports/DE-KIT/2024-Q1",
    "/reports/quarters/2024-Q1",
)


def measure(kind: str, tickets: int, events: int) -> None:
    """Print the tables of one database."""
    with places.filled(kind, tickets, f"figures{tickets}") as place:
        engine = open_engine(place.url)
        add_events(engine, events)
        with Session(engine) as session:
            with transaction(session):
                mark_between(session, None, None)
            matched = recompute_all(session)
        print(f"All events were matched, and duties reckoned, in {matched:,.0f} s")
        _print_pages(engine, place, tickets, events)
        engine.dispose()


def measure_again(url: str) -> None:
    """Print the pages' table of a database that was filled before, as it is."""
    engine = open_engine(url)
    with Session(engine) as session:
        last = session.scalar(select(func.max(Ticket.number))) or 0
        tickets = session.scalar(select(func.count()).select_from(Ticket)) or 0
        events = session.scalar(select(func.count()).select_from(Event)) or 0
    kind = engine.dialect.name
    _print_pages(engine, Place(kind, url, last - tickets + 1, last), tickets, events)
    engine.dispose()


def _print_pages(engine: Engine, place: Place, tickets: int, events: int) -> None:
    with operator_of(place) as client:
        rows = [_page(client, engine, place, page) for page in PAGES]
    print_table(
        f"Statistics on {TITLES[place.kind]}, {tickets:,} tickets and {events:,} events,"
        f" milliseconds (bold: over {GOAL:.0f}), load {os.getloadavg()[0]:.0f}",
        (
            *("page", "first", "again", "a ticket changed: p50, max", "processor: p50"),
            *("an event changed: p50, max", "processor: p50"),
        ),
        rows,
    )
    memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    print(f"Most memory of the process: {memory:,.0f} MiB")


def _page(client: FlaskClient, engine: Engine, place: Place, page: str) -> tuple[str, ...]:
    first, again = _ask(client, page), _ask(client, page)
    of_ticket, of_event = [], []
    for turn in range(REPEATS):
        change_one(engine, place, turn)
        of_ticket.append(_ask(client, page))
        change_event(engine, turn)
        of_event.append(_ask(client, page))
    return (
        *(page, f"{first[0]:,.0f}", f"{again[0]:,.0f}"),
        *(*_cells(of_ticket), *_cells(of_event)),
    )


def _ask(client: FlaskClient, page: str) -> tuple[float, float]:
    """Milliseconds until the answer, and of this process's processor."""
    began, used = perf_counter(), process_time()
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return (perf_counter() - began) * 1000, (process_time() - used) * 1000


def _cells(asked: list[tuple[float, float]]) -> tuple[str, str]:
    times, used = zip(*asked, strict=True)
    text = f"{percentile(times, 0.5):,.0f}, {max(times):,.0f}"
    shown = text if max(times) <= GOAL else f"**{text}**"
    return shown, f"{percentile(used, 0.5):,.0f}"


def change_one(engine: Engine, place: Place, turn: int) -> None:
    """An operator moves or comments one ticket in the middle."""
    number = (place.first + place.last) // 2 + turn
    with Session(engine) as session:
        by = _operator(session)
        with transaction(session):
            try:
                move_ticket(session, by, number, "on hold")
            except Exception:  # noqa: BLE001  # it is in a state without that move
                comment_ticket(session, by, number, "Measured.")


def change_event(engine: Engine, turn: int) -> None:
    """An operator withdraws one event in the middle, or takes that back."""
    with Session(engine) as session:
        ids = session.execute(select(func.min(Event.id), func.max(Event.id))).one()
        event = session.get_one(Event, (ids[0] + ids[1]) // 2 + turn)
        number, change = event.id, restore_event if event.withdrawn_at else withdraw_event
        by = _operator(session)
        with transaction(session):
            change(session, by, number, "Measured.")


def _operator(session: Session) -> Writer:
    actor: Actor = demo_actors(session)["operator"]
    session.rollback()
    return Writer(actor, Door.PORTAL, datetime.now(UTC))


def add_events(engine: Engine, count: int) -> None:
    """Events of all links over ten years, in great numbers; no changes of the log are written."""
    rng = Random(2017)  # repeatable on purpose, nothing secret
    now = datetime.now(UTC).replace(microsecond=0)
    with Session(engine) as session:
        links = session.scalars(select(Link.id)).all()
        with transaction(session):
            source = EventSource(name="bench", kind="file", created_at=now)
            session.add(source)
            session.flush()
            source_id = source.id
        first = (session.scalar(select(func.max(Event.id))) or 0) + 1
        session.rollback()
        table = Event.__table__
        assert isinstance(table, Table)
        for begin in range(0, count, _AT_ONCE):
            rows = [
                _event(rng, first + at, source_id, links, now)
                for at in range(begin, min(begin + _AT_ONCE, count))
            ]
            with transaction(session):
                session.connection().execute(insert(table), rows)


def _event(
    rng: Random, number: int, source: int, links: Any, now: datetime
) -> Mapping[str, object]:
    start = now - _YEARS * rng.random()
    length = timedelta(minutes=rng.expovariate(1 / 90))
    return {
        "id": number,
        "source_id": source,
        "source_key": f"bench-{number}",
        "link_id": rng.choice(links),
        "state": rng.choice(("down", "down", "degraded", "unmonitored")),
        "start": start,
        "end": min(start + length, now),
        "created_at": now,
        "changed_at": now,
    }
