"""Matching of one link with very many events and tickets: how long its worker lets others wait.

The worker is a process of its own, as it is in use; meanwhile tickets are written here, one after
another, as a partner's OpCreate writes them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from time import perf_counter, sleep
from typing import Any, Final

from sqlalchemy import Engine, delete, event, func, select, text
from sqlalchemy.orm import Session

from app.composition import compose_figures, compose_records
from app.core.database.transactions import MAY_WRITE, transaction
from app.core.rules.access import Door, Writer
from app.demo import demo_actors
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.jobs.tasks.context import Context
from app.matching.models.matching import EventTicket
from app.matching.tasks.follow import follow_matching
from app.registry.models.registry import Link
from app.tickets.models.tickets import TicketLink
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from bench import places
from bench.matching import import_events
from bench.places import TITLES
from bench.tables import print_table
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

PAUSE: Final = 0.02
"""Seconds between one ticket and the next."""
GOAL: Final = 1.0
"""Seconds that one write transaction may take."""
EACH: Final = 500
"""Of so many tickets one is open for ten years, the others are for two days."""
_LATER: Final[Mapping[str, str]] = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', created_at, '+{}')",
    "postgresql": "created_at + interval '{}'",
}


def measure(kind: str, tickets: int, events: int) -> None:
    """Print how long transactions and writers took while everything was matched for the first
    time, after a new ticket, after one that is open for years, and after one more event."""
    rows = []
    with places.filled(kind, tickets, f"locks{tickets}") as place:
        engine = open_engine(place.url)
        link = fill(engine, place.url, events)
        waits = _Waits(engine)
        rows.append(("everything", *_meanwhile(place.url, waits)))
        now = datetime.now(UTC)
        waits.write(NewTicket(title="Measured", links=(link,), event_start=now))
        rows.append(("one new ticket", *_meanwhile(place.url, waits)))
        old = now - timedelta(days=3650)
        waits.write(NewTicket(title="Measured", links=(link,), event_start=old))
        rows.append(("a new ticket, open for ten years", *_meanwhile(place.url, waits)))
        waits.report(link, now - timedelta(hours=3))
        rows.append(("one more event", *_meanwhile(place.url, waits)))
        with Session(engine) as session:
            kept = session.scalar(select(func.count()).select_from(EventTicket)) or 0
        engine.dispose()
    print_table(
        f"{TITLES[kind]}, one link with {events:,} events and {tickets:,} tickets, {kept:,} kept"
        f" beside events (seconds; bold: over {GOAL:.0f} s)",
        (
            *("what changed", "worked in after", "write transactions", "longest"),
            *("tickets written meanwhile", "longest of them"),
        ),
        rows,
    )


def fill(engine: Engine, url: str, events: int) -> str:
    """Bring events of one link in and let all tickets be about it, each two days but some."""
    with Session(engine) as session:
        always = select(Link).where(Link.valid_from.is_(None), Link.valid_until.is_(None))
        link = session.scalars(always.order_by(Link.name)).first()
        assert link is not None
        key, name = link.id, link.name
    import_events(url, events, [name])
    with engine.connect() as connection:
        connection.execution_options(**{MAY_WRITE: True})
        with connection.begin():
            connection.execute(delete(TicketLink))
            connection.execute(
                text(
                    "INSERT INTO ticket_links (ticket_number, position, link_id, recognised)"
                    " SELECT number, 0, :link, :no FROM tickets"
                ),
                {"link": key, "no": False},
            )
            for ends, which in (("2 days", "<>"), ("10 years", "=")):
                end = _LATER[engine.dialect.name].format(ends)
                connection.exec_driver_sql(
                    f"UPDATE tickets SET event_start = created_at, event_end = {end}"
                    # without "%", which PostgreSQL's driver takes for a parameter
                    f" WHERE number - number / {EACH} * {EACH} {which} 0"
                )
    return name


class _Waits:
    """Writes tickets, and notes how long each took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with Session(engine) as session:
            self._actor = demo_actors(session)["operator"]

    def _by(self) -> Writer:
        return Writer(self._actor, Door.PORTAL, datetime.now(UTC))

    def write(self, ticket: NewTicket) -> float:
        """Seconds until this ticket was written."""
        began = perf_counter()
        with Session(self._engine) as session, transaction(session):
            open_ticket(session, self._by(), ticket)
        return perf_counter() - began

    def report(self, link: str, start: datetime) -> None:
        """Write one more event of two hours."""
        message = EventMessage(
            *(0, "event 0", "bench", "one more"),
            link=link,
            state="down",
            start=start,
            end=start + timedelta(hours=2),
            is_open=False,
        )
        with Session(self._engine) as session, transaction(session):
            report_events(session, self._by(), [message])


def _meanwhile(url: str, waits: _Waits) -> tuple[str, ...]:
    """Let a worker work in what there is, and write tickets of nothing until it has."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    worker = multiprocessing.get_context("spawn").Process(target=_follow, args=(url, there))
    worker.start()
    try:
        here.recv()
        here.send("begin")
        taken = []
        while not here.poll():
            taken.append(waits.write(NewTicket(title="Written meanwhile")))
            sleep(PAUSE)
        took, lengths = here.recv()
    finally:
        worker.join()
    return (
        f"{took:.1f}",
        f"{len(lengths):,}",
        _shown(max(lengths, default=0)),
        f"{len(taken):,}",
        _shown(max(taken)),
    )


def _shown(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds <= GOAL else f"**{seconds:.2f}**"


def _follow(url: str, pipe: Connection) -> None:
    """The worker's process: works in what there is, and answers in how many seconds, and how long
    each of its transactions was that may write."""
    compose_records()
    compose_figures()
    engine = open_engine(url)
    lengths: list[float] = []
    begun: dict[int, float] = {}

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if connection.get_execution_options().get(MAY_WRITE):
            begun[id(connection)] = perf_counter()

    @event.listens_for(engine, "commit")
    def commit(connection: Any) -> None:
        if (at := begun.pop(id(connection), None)) is not None:
            lengths.append(perf_counter() - at)

    pipe.send("ready")
    pipe.recv()
    began = perf_counter()
    follow_matching(Context(engine, test_settings(url)))
    pipe.send((perf_counter() - began, lengths))
    engine.dispose()
