"""Pages of statistics at a size: the first keeping of facts, and each page after one change.

Asked as ``bench.desk`` asks: the portal and the database in this process. *cold* is the first page
of a process, which takes in all blocks; *after a change* has a change that no worker has kept yet,
*kept* one that a worker kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any, Final

from flask.testing import FlaskClient
from sqlalchemy import Engine, Table, func, insert, select
from sqlalchemy.orm import Session

from app.database import writing
from app.demo import demo_actors
from app.domain.access import Actor, Door, Writer
from app.models import Event, EventSource, Link
from app.services.tickets import comment_ticket, move_ticket
from app.worker.context import Context
from app.worker.statistics import keep_facts
from bench import places
from bench.desk import operator_of
from bench.pages import percentile
from bench.places import TITLES, Place
from bench.tables import print_table
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

GOAL: Final = 500.0
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
)


def measure(kind: str, tickets: int, events: int) -> None:
    """Print the tables of one database."""
    with places.filled(kind, tickets, f"figures{tickets}") as place:
        engine = open_engine(place.url)
        add_events(engine, events)
        context = Context(engine, test_settings(place.url))
        began = perf_counter()
        keep_facts(context)
        took = perf_counter() - began
        memory = getrusage(RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"\n{TITLES[kind]}: facts of {tickets:,} tickets and {events:,} events were kept in"
            f" {took:.1f} s; most memory of the process until then {memory:,.0f} MiB"
        )
        with operator_of(place) as client:
            rows = [_page(client, context, place, page) for page in PAGES]
        engine.dispose()
    print_table(
        f"Statistics on {TITLES[kind]}, {tickets:,} tickets and {events:,} events, milliseconds"
        f" (bold: over {GOAL:.0f})",
        ("page", "first", "again", "after a change: p50, max", "kept: p50, max"),
        rows,
    )


def _page(client: FlaskClient, context: Context, place: Place, page: str) -> tuple[str, ...]:
    first, again = page_in_milliseconds(client, page), page_in_milliseconds(client, page)
    pending, kept = [], []
    for turn in range(REPEATS):
        change_one(context.engine, place, turn)
        pending.append(page_in_milliseconds(client, page))
        keep_facts(context)
        kept.append(page_in_milliseconds(client, page))
    return page, f"{first:,.0f}", f"{again:,.0f}", _cell(pending), _cell(kept)


def page_in_milliseconds(client: FlaskClient, page: str) -> float:
    """How long a page takes that answers 200."""
    began = perf_counter()
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return (perf_counter() - began) * 1000


def _cell(times: list[float]) -> str:
    text = f"{percentile(times, 0.5):,.0f}, {max(times):,.0f}"
    return text if max(times) <= GOAL else f"**{text}**"


def change_one(engine: Engine, place: Place, turn: int) -> None:
    """An operator moves or comments one ticket in the middle."""
    number = (place.first + place.last) // 2 + turn
    with Session(engine) as session:
        actor: Actor = demo_actors(session)["operator"]
        session.rollback()
        by = Writer(actor, Door.PORTAL, datetime.now(UTC))
        with writing(session):
            try:
                move_ticket(session, by, number, "on hold")
            except Exception:  # noqa: BLE001  # it is in a state without that move
                comment_ticket(session, by, number, "Measured.")


def add_events(engine: Engine, count: int) -> None:
    """Events of all links over ten years, in great numbers; no changes of the log are written."""
    rng = Random(2017)  # repeatable on purpose, nothing secret
    now = datetime.now(UTC).replace(microsecond=0)
    with Session(engine) as session:
        links = session.scalars(select(Link.id)).all()
        with writing(session):
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
            with writing(session):
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
