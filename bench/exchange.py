"""The exchange with a partner: entries out and in, beside its floors, and pages meanwhile.

The partner is the shipped stand-in in a process of its own, which answers at once. Entries wait
while the connection is paused, and go when workers begin. The floors are the least that any such
exchange does for an entry: a row that is written and committed, and a call that is answered.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import PortalFact
from app.core.rules.access import SYSTEM, Actor, ActorKind, Door, Role, Writer
from app.demo import LOGINS
from app.demo.partner_system import StandIn, server_of
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.profiles import Choice, Profile
from app.exchange.services.connections import connections
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.services.planning import plan_next
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from bench.pages import Visitor, percentile, visitor
from bench.places import TITLES, Place
from bench.tables import print_table
from tests.harness.databases import open_engine
from tests.harness.server import TEST_SECRET, live, test_settings

PER_TICKET: Final = 10
"""Entries of each ticket, its beginning among them."""
_TOKEN: Final = "a-token-to-measure-with"  # no secret
_LOOKS: Final = 40
"""Lists that are read before the workers begin."""


def measure(place: Place, entries: int, workers: Sequence[int]) -> None:
    """Print entries a second, out and in, and the list page beside them."""
    wanted = workers if place.kind == "postgresql" else workers[:1]
    rows = []
    with ExitStack() as held:
        partner = held.enter_context(_partner())
        server = held.enter_context(live(test_settings(place.url)))
        engine = open_engine(place.url)
        held.callback(engine.dispose)
        connection_id = _connect(engine, partner)
        operator = next(login for login in LOGINS if login.role == Role.OPERATOR)
        page = held.enter_context(visitor(server.url, operator.name, operator.password))
        floors = _insert_floor(engine), _call_floor(partner)
        for count in wanted:
            rows.append(_run(place, engine, connection_id, page, partner, entries, count))
    print_table(
        f"{TITLES[place.kind]}: {entries:,} entries of {entries // PER_TICKET:,} tickets;"
        f" floors: {floors[0]:,.0f} rows and {floors[1]:,.0f} calls a second",
        (
            "workers",
            "out, entries a second",
            "of both floors together",
            "in, texts a second",
            "list p95 alone, waiting, draining (ms)",
            "worker MiB, first and last",
            "in order",
        ),
        [
            (
                str(count),
                f"{out:,.0f}",
                f"{out * (1 / floors[0] + 1 / floors[1]):.2f}",
                f"{came:,.0f}",
                ", ".join(f"{one:.0f}" for one in lists),
                ", ".join(f"{one:.0f}" for one in memory),
                order,
            )
            for count, out, came, lists, memory, order in rows
        ],
    )


def _run(
    place: Place,
    engine: Engine,
    connection_id: int,
    page: Visitor,
    partner: int,
    entries: int,
    count: int,
) -> tuple[int, float, float, Sequence[float], Sequence[float], str]:
    alone = _list_p95(page)
    with Session(engine) as session, transaction(session):
        connections.pause(session, _admin(), session.get_one(Connection, connection_id))
    first = _wait(engine, entries)
    waiting = _list_p95(page)
    with Session(engine) as session, transaction(session):
        connections.resume(session, _admin(), session.get_one(Connection, connection_id))
    with _workers(place.url, count) as processes:
        page.close()
        began, looks, memory = monotonic(), [], []
        while (left := _left(engine)) > 0:
            looks.append(_seconds_of_list(page))
            memory.append(max(_resident(process.pid) for process in processes))
            sleep(0.2)
            if monotonic() - began > 3600:
                raise AssertionError(f"{left} entries are left after an hour")
        out = entries / (monotonic() - began)
        order = _in_order(engine, partner, first)
        came = _come_in(engine, connection_id, partner, first, entries // PER_TICKET)
    draining = percentile(looks, 0.95) * 1000
    tenth = max(1, len(memory) // 10)
    return (
        count,
        out,
        came,
        (alone, waiting, draining),
        (max(memory[:tenth]), max(memory[-tenth:])),
        order,
    )


def _connect(engine: Engine, port: int) -> int:
    with Session(engine) as session, transaction(session):
        made = connections.connect(
            session,
            _admin(),
            "BENCH-PARTNER",
            "zammad",
            url=f"http://127.0.0.1:{port}",
            direction="both",
            profile=Profile(tickets=Choice.NEW, group="Network"),
        )
        add_secret(session, _admin(), made, LOGIN, _TOKEN, TEST_SECRET.encode())
        made.tested_at = made.created_at
        return made.id


def _admin() -> Writer:
    return Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))


def _operator() -> Writer:
    actor = Actor(kind=ActorKind.PERSON, account="operator", role=Role.OPERATOR)
    return Writer(actor=actor, door=Door.PORTAL, now=datetime.now(UTC), author="An operator")


def _wait(engine: Engine, entries: int) -> int:
    """Lay so many entries that wait; the first ticket's number."""
    first = 0
    for number in range(entries // PER_TICKET):
        with Session(engine) as session, transaction(session):
            new = NewTicket(title=f"Ticket {number} to send", description="Text 1")
            ticket = open_ticket(session, _operator(), new).number
            first = first or ticket
            for text in range(2, PER_TICKET + 1):
                comment_ticket(session, _operator(), ticket, f"Text {text}")
    while True:
        with Session(engine) as session, transaction(session):
            if not plan_next(session, datetime.now(UTC)):
                return first


def _left(engine: Engine) -> int:
    with Session(engine) as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(ExchangeEntry)
                .where(ExchangeEntry.state == EntryState.WAITING)
            )
            or 0
        )


def _come_in(engine: Engine, connection_id: int, partner: int, first: int, tickets: int) -> float:
    """Texts a second from their side: one on each ticket, read by one pull."""
    with Session(engine) as session:
        ids = session.scalars(
            select(TicketPair.their_id).where(TicketPair.ticket_number >= first)
        ).all()
        before = _theirs(session)
    for their_id in ids:
        _call(partner, "POST", "/say", {"ticket": int(their_id or 0), "text": "We look"})
    from app.exchange.services.hints import READ_PARTNER
    from app.jobs.services.queue import enqueue

    began = monotonic()
    with Session(engine) as session, transaction(session):
        enqueue(
            session,
            READ_PARTNER,
            {"connection": connection_id},
            key=f"{READ_PARTNER} {connection_id}",
        )
    while True:
        with Session(engine) as session:
            if _theirs(session) - before >= tickets:
                return tickets / (monotonic() - began)
        if monotonic() - began > 1800:
            return 0.0
        sleep(0.1)


def _theirs(session: Session) -> int:
    found = (
        select(func.count()).select_from(ExchangeEntry).where(ExchangeEntry.origin == Origin.THEIRS)
    )
    return session.scalar(found) or 0


def _in_order(engine: Engine, partner: int, first: int) -> str:
    """Whether each ticket's texts are there once each, in their order."""
    with Session(engine) as session:
        ids = session.scalars(
            select(TicketPair.their_id).where(TicketPair.ticket_number >= first)
        ).all()
    wanted = [f"Text {number}" for number in range(1, PER_TICKET + 1)]
    wrong = 0
    for their_id in ids:
        articles = _call(partner, "GET", f"/api/v1/ticket_articles/by_ticket/{their_id}")
        said = [re.split(r"\n", article["body"])[0] for article in articles]
        wrong += said != wanted
    return "all" if not wrong else f"{wrong} tickets not"


def _list_p95(page: Visitor) -> float:
    page.close()  # the server closes a connection that was idle; the next request opens one
    return percentile([_seconds_of_list(page) for _ in range(_LOOKS)], 0.95) * 1000


def _seconds_of_list(page: Visitor) -> float:
    began = monotonic()
    page.get("/tickets")
    return monotonic() - began


def _insert_floor(engine: Engine, seconds: float = 3) -> float:
    """Rows a second, each written and committed."""
    count, began = 0, monotonic()
    while monotonic() - began < seconds:
        with Session(engine) as session, transaction(session):
            session.add(PortalFact(name=f"floor {count} {os.getpid()}", value="x"))
        count += 1
    return count / (monotonic() - began)


def _call_floor(port: int, seconds: float = 3) -> float:
    """Calls a second, one after another, each on a connection of its own."""
    count, began = 0, monotonic()
    while monotonic() - began < seconds:
        _call(port, "GET", "/api/v1/users/me")
        count += 1
    return count / (monotonic() - began)


def _call(port: int, method: str, path: str, body: object = None) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Token token={_TOKEN}"}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content
    return json.loads(content)


class _Partner(StandIn):
    """The stand-in, at which a person speaks by a call."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/say":
            size = int(environ["CONTENT_LENGTH"])
            said = json.loads(environ["wsgi.input"].read(size))
            self.comment(said["ticket"], said["text"])
            start_response("200 OK", [("Content-Type", "application/json")])
            return [b"{}"]
        return super().__call__(environ, start_response)


def _serve(port: Any) -> None:
    with server_of(_Partner(_TOKEN)) as server:
        port.send(server.server_port)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


@contextmanager
def _partner() -> Iterator[int]:
    """The port of a stand-in in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


@contextmanager
def _workers(url: str, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "tests.exchange.quick_worker", url]
    processes = [
        subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


def _resident(pid: int) -> float:
    """MiB of a process."""
    with suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0
