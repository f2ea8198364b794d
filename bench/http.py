"""Pages and calls over HTTP at design size: the real server with its worker, and one client.

Each row is asked of the portal and, in turn, of another checkout (``--against``) on a copy of the
same database, so that both had the same load beside them. Times are those of the client; processor
times are read from ``/proc``, of the server's processes and of the database's for this database.
Statements are counted by ``bench/statements.py`` in a process of its own: the server has no switch.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPConnection
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import monotonic, perf_counter, sleep
from typing import Final
from urllib.parse import urlsplit

import psycopg
from sqlalchemy import func, inspect, make_url, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.settings import PROJECT, Settings, process_environment
from app.demo import LOGINS
from app.events.models.events import Event
from app.matching.services.recompute import mark_between
from app.tickets.models.tickets import Ticket
from bench import desk, places, soak
from bench.figures import add_events
from bench.load import CLIENTS, Load, drive
from bench.matching import recompute_all
from bench.pages import Visitor, percentile, visitor
from bench.places import LOGIN, PASSWORD, TITLES, Place
from bench.reads import ask, envelope
from bench.tables import print_table
from tests.harness import run
from tests.harness.databases import open_engine
from tests.harness.server import end_group, free_port, test_settings, wait_until_answering

FLOOR: Final = "a page without data"
"""What the others are compared with: the layout, the login and the guard alone."""
STARTS: Final = 5
"""Fresh processes that are asked for their first page."""
OPERATORS: Final = 3
PAUSE: Final = 0.2
"""Seconds that an operator looks at a page before the next one."""
CALLS: Final = 37
"""SOAP calls a second of all clients beside the operators."""
_QUIET: Final = 0.05
"""Processors below which a server counts as having nothing left to do."""
_SOAP: Final = "/soap/GGUS"
_COUNTING: Final = Path(__file__).with_name("statements.py")


@dataclass(frozen=True)
class Used:
    """Seconds of a processor: server, its worker, and the database for them."""

    server: float
    worker: float
    database: float

    def since(self, before: Used) -> Used:
        """What was used from then to now."""
        return Used(
            self.server - before.server,
            self.worker - before.worker,
            self.database - before.database,
        )


@dataclass
class Portal:
    """One checkout's server while it runs, and its own copy of the database."""

    title: str
    checkout: Path
    place: Place
    url: str = ""
    pid: int = 0
    cookie: str = ""
    """Of an operator who is logged in."""
    statements: Mapping[str, int] = field(default_factory=dict)

    @contextmanager
    def serving(self) -> Iterator[Portal]:
        """``flask serve``, until the end; it has answered, but no page."""
        settings = self._settings(free_port())
        log = run.folder() / f"server-{settings.port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self._python(), "-m", "flask", "serve"],
                cwd=self.checkout,
                env=process_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until_answering(process, settings.port, log, page="/healthz")
            self.url, self.pid = settings.public_url, process.pid
            yield self
        finally:
            end_group(process)

    def used(self) -> Used:
        """Of all its processes so far."""
        server = worker = database = 0
        mine = f" {make_url(self.place.url).database} "
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, ValueError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                # session; user and system time, its own and its ended children's: proc(5)
                session, ticks = int(fields[3]), sum(map(int, fields[11:15]))
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if session == self.pid and " worker " in command:
                    worker += ticks
                elif session == self.pid:
                    server += ticks
                elif command.startswith("postgres: ") and mine in command:
                    database += ticks
        tick = os.sysconf("SC_CLK_TCK")
        return Used(server / tick, worker / tick, database / tick)

    def settle(self, most: float = 300) -> float:
        """Wait until server and worker have worked in what there is; the seconds."""
        began = monotonic()
        quiet = 0
        while quiet < 2 and monotonic() < began + most:
            before = self.used()
            sleep(1)
            used = self.used().since(before)
            quiet = quiet + 1 if used.server + used.worker + used.database < _QUIET else 0
        return monotonic() - began

    def count_statements(self, requests: Mapping[str, Sequence[Request]]) -> None:
        """Ask all of them in a process of this checkout beside the server."""
        told = subprocess.run(
            [self._python(), "-W", "ignore", "-c", _COUNTING.read_text()],
            cwd=self.checkout,
            env=process_environment(self._settings(urlsplit(self.url).port or 0)),
            input=json.dumps(requests),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        self.statements = json.loads(told)

    def _settings(self, port: int) -> Settings:
        settings = test_settings(self.place.url)
        return replace(settings, port=port, public_url=f"http://127.0.0.1:{port}")

    def _python(self) -> str:
        own = self.checkout / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable


Request = tuple[str, str, Mapping[str, str], str]
"""Method, address, headers, body."""


def measure(
    kind: str, at: str | None, against: Path | None, tickets: int, events: int, requests: int
) -> None:
    """Print the tables of one database."""
    with ExitStack() as held:
        base = _base(kind, at, tickets, events)
        checkouts = {"this": PROJECT} | ({"before": against.resolve()} if against else {})
        portals = [
            Portal(title, checkout, held.enter_context(_copied(base, title)))
            for title, checkout in reversed(checkouts.items())
        ]
        servers = held.enter_context(ExitStack())
        for portal in portals:
            servers.enter_context(portal.serving())
            operator = next(login for login in LOGINS if login.role == "operator")
            with visitor(portal.url, operator.name, operator.password) as person:
                portal.cookie = person.cookie
        for portal in portals:
            print(
                f"bench: {portal.title} was at rest after {portal.settle():.0f} s", file=sys.stderr
            )
        _print_rows(portals, kind, requests)
        _print_creations(portals, kind, requests)
        _print_together(portals, kind)
        servers.close()
        _print_first_pages(portals, kind)


def _base(kind: str, at: str | None, tickets: int, events: int) -> Place:
    """The database to copy: that of ``at``, filled if there is nothing, or one that is filled."""
    url = at or places.another(kind, f"http{tickets}")
    engine = open_engine(url)
    if not inspect(engine).has_table("alembic_version"):
        engine.dispose()
        places.fill(url, tickets)
        add_events(engine, events)
        with Session(engine) as session:
            with transaction(session):
                mark_between(session, None, None)
            recompute_all(session)
        if kind == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    with Session(engine) as session:

        def rows(table: type) -> int:
            return session.scalar(select(func.count()).select_from(table)) or 0

        last = session.scalar(select(func.max(Ticket.number))) or 0
        print(
            f"{TITLES[kind]}: {rows(Ticket):,} tickets, {rows(Event):,} events,"
            f" {rows(Change) + rows(ChangedField):,} rows of history\n",
            flush=True,
        )
        place = Place(kind, url, last - rows(Ticket) + 1, last)
    engine.dispose()
    return place


@contextmanager
def _copied(base: Place, name: str) -> Iterator[Place]:
    """A copy of the database, gone afterwards."""
    if base.kind == "sqlite":
        file = run.folder() / f"http-{name}.db"
        with (
            sqlite3.connect(str(make_url(base.url).database)) as source,
            sqlite3.connect(file) as copy,
        ):
            source.backup(copy)
        yield replace(base, url=f"sqlite:///{file}")
        for one in file.parent.glob(f"{file.name}*"):
            one.unlink()
        return
    url = make_url(base.url)
    copied = url.set(database=f"{url.database}_{name}")
    other = url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(
        other.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {copied.database}".encode())
        connection.execute(f"CREATE DATABASE {copied.database} TEMPLATE {url.database}".encode())
        yield replace(base, url=copied.render_as_string(hide_password=False))
        connection.execute(f"DROP DATABASE {copied.database} WITH (FORCE)".encode())


# --- one client ---------------------------------------------------------------------------------


def pages(place: Place) -> Mapping[str, Sequence[str]]:
    """The pages of the table, each with the addresses that are asked in turn."""
    found: dict[str, Sequence[str]] = {
        "an answer without a page": ("/healthz",),
        FLOOR: ("/shortcuts",),
        "list": ("/tickets", f"/tickets?{desk.ALL_STATES}"),
    }
    operations = desk.operations(place)
    found |= {f"list, {name}": operations[name] for name in (*desk.FILTERS, *desk.WORDS)}
    rng = Random(place.last)  # repeatable on purpose, nothing secret
    numbers = rng.sample(range(place.first, place.last + 1), min(1000, place.last - place.first))
    found["ticket, another each time"] = [f"/tickets/{number}" for number in numbers]
    found["home"] = ("/",)
    found["map"] = ("/topology", "/topology?network=LHCONE")
    return found


def _print_rows(portals: Sequence[Portal], kind: str, requests: int) -> None:
    place = portals[0].place
    asked = pages(place)
    rng = Random(place.first)
    calls = [
        f"<n:GHD_Request_ID>{rng.randint(place.first, place.last)}</n:GHD_Request_ID>"
        for _ in range(requests)
    ]
    for portal in portals:
        page = {"Accept": "text/html", "Cookie": portal.cookie, "Host": urlsplit(portal.url).netloc}
        call = page | {"Content-Type": "text/xml; charset=utf-8"}
        counted: dict[str, Sequence[Request]] = {
            name: [("GET", address, page, "") for address in [*addresses, *addresses][:6]]
            for name, addresses in asked.items()
        }
        counted["TicketGet"] = [
            ("POST", _SOAP, call, envelope("TicketGet", values)) for values in calls[:6]
        ]
        counted["OpCreate"] = [
            ("POST", _SOAP, call, envelope("OpCreate", _new(portal, f"counted-{turn}")))
            for turn in range(6)
        ]
        portal.count_statements(counted)
    found = {}
    for name, addresses in asked.items():
        visitors = [Visitor(portal.url, portal.cookie) for portal in portals]

        found[name] = _row(portals, partial(_get, visitors, addresses), requests)
        for one in visitors:
            one.close()
    connections = [_connect(portal.url) for portal in portals]

    def call_one(position: int, turn: int) -> float:
        began = perf_counter()
        ask(portals[position].url + _SOAP, "TicketGet", calls[turn], connections[position])
        return (perf_counter() - began) * 1000

    found["TicketGet"] = _row(portals, call_one, requests)
    _print(portals, f"Pages and calls over HTTP, {TITLES[kind]}, one client", found)


def _get(visitors: Sequence[Visitor], addresses: Sequence[str], position: int, turn: int) -> float:
    address = addresses[turn % len(addresses)]
    got = visitors[position].get(address)
    assert got.status == 200, (address, got.status)
    return got.milliseconds


Asking = Callable[[int, int], float]
"""Asks one portal, by its place, for the n-th time: milliseconds."""
Measured = tuple[Sequence[float], Used]
"""Milliseconds of each request, and what all of them used together."""


def _row(portals: Sequence[Portal], one: Asking, requests: int) -> Sequence[Measured]:
    """Ask all portals in turn; the first time of each is not counted."""
    times: list[list[float]] = [[] for _ in portals]
    for position, _ in enumerate(portals):
        one(position, 0)
    before = [portal.used() for portal in portals]
    for turn in range(requests):
        for position, _ in enumerate(portals):
            times[position].append(one(position, turn))
    used = [portal.used().since(was) for portal, was in zip(portals, before, strict=True)]
    return list(zip(times, used, strict=True))


def _print(portals: Sequence[Portal], title: str, found: Mapping[str, Sequence[Measured]]) -> None:
    heads = ["milliseconds of a request"]
    for portal in portals:
        of = f"{portal.title}: " if len(portals) > 1 else ""
        heads += [f"{of}p50, p95", "statements", "processor: server, database", "by the floor"]
    rows = []
    for name, measured in found.items():
        cells = [name]
        for position, portal in enumerate(portals):
            times, used = measured[position]
            cells += [
                f"{percentile(times, 0.5):,.1f}, {percentile(times, 0.95):,.1f}",
                str(portal.statements.get(name, "")),
                f"{_each(used.server, times)}, {_each(used.database, times)}",
                f"{_whole(measured[position]) / _whole(found[FLOOR][position]):.1f}",
            ]
        rows.append(cells)
    print_table(f"{title}, load {os.getloadavg()[0]:.0f}", heads, rows)


def _whole(measured: Measured) -> float:
    times, used = measured
    return (used.server + used.database) / len(times)


def _each(seconds: float, times: Sequence[float]) -> str:
    return f"{seconds * 1000 / len(times):.1f}"


# --- writing ------------------------------------------------------------------------------------

_sent = count(1)


def _new(portal: Portal, mark: str = "") -> str:
    """The elements of an OpCreate that was not sent before."""
    unique = mark or f"{os.getpid()}-{next(_sent)}"
    return (
        "<n:GHD_Description>Measured loss between the ends of the link.</n:GHD_Description>"
        f"<n:GHD_Origin_ID>{portal.title}-{unique}</n:GHD_Origin_ID>"
        "<n:GHD_Priority>urgent</n:GHD_Priority>"
        f"<n:GHD_Short_Description>Sample {unique}</n:GHD_Short_Description>"
        "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
        "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
        "<n:GHD_Affected_Site>FZK-LCG2</n:GHD_Affected_Site>"
    )


def _print_creations(portals: Sequence[Portal], kind: str, requests: int) -> None:
    """OpCreate one after another, then as many as clients can, and what the worker did after."""
    rows = []
    seconds = 4.0
    for portal in portals:
        connection = _connect(portal.url)

        def create(portal: Portal = portal, connection: HTTPConnection = connection) -> float:
            began = perf_counter()
            ask(portal.url + _SOAP, "OpCreate", _new(portal), connection)
            return (perf_counter() - began) * 1000

        create()
        portal.settle()
        before = portal.used()
        times = [create() for _ in range(requests)]
        portal.settle()
        used = portal.used().since(before)
        rates = [
            drive(portal.url + _SOAP, Load("OpCreate", LOGIN, PASSWORD), seconds, clients)
            for clients in (1, CLIENTS)
        ]
        portal.settle()
        rows.append(
            (
                portal.title,
                f"{percentile(times, 0.5):,.1f}, {percentile(times, 0.95):,.1f}",
                str(portal.statements["OpCreate"]),
                f"{_each(used.server, times)}, {_each(used.worker, times)},"
                f" {_each(used.database, times)}",
                *(f"{rate:,.0f}/s" for rate in rates),
            )
        )
    print_table(
        f"OpCreate over HTTP, {TITLES[kind]}, load {os.getloadavg()[0]:.0f}",
        (
            *("", "one client: ms, p50, p95", "statements"),
            *("processor: server, worker, database", "1 client", f"{CLIENTS} clients"),
        ),
        rows,
    )


# --- operators beside partners ------------------------------------------------------------------


def _print_together(portals: Sequence[Portal], kind: str, seconds: float = 20) -> None:
    """Operators who page while partners call."""
    rows = []
    for portal in portals:
        portal.settle()
        here, there = multiprocessing.get_context("spawn").Pipe()
        partners = multiprocessing.get_context("spawn").Process(
            target=_call_for, args=(portal.url + _SOAP, portal.place, seconds, there)
        )
        partners.start()
        here.recv()
        times: list[float] = []
        until = monotonic() + seconds
        operators = [
            threading.Thread(target=_page_for, args=(portal, until, times, position))
            for position in range(OPERATORS)
        ]
        for operator in operators:
            operator.start()
        for operator in operators:
            operator.join()
        calls, failed = here.recv()
        partners.join()
        rows.append(
            (
                portal.title,
                f"{percentile(times, 0.5):,.1f}, {percentile(times, 0.95):,.1f}",
                f"{len(times) / seconds:,.1f}/s",
                f"{percentile(calls, 0.5):,.1f}, {percentile(calls, 0.95):,.1f}",
                f"{len(calls) / seconds:,.1f}/s",
                str(failed),
            )
        )
    print_table(
        f"{OPERATORS} operators and {CLIENTS} SOAP clients, {TITLES[kind]},"
        f" load {os.getloadavg()[0]:.0f}",
        ("", "pages: ms, p50, p95", "pages", "calls: ms, p50, p95", "calls", "failed"),
        rows,
    )


def _page_for(portal: Portal, until: float, times: list[float], position: int) -> None:
    rng = Random(position)
    asked = [
        one for name, one in pages(portal.place).items() if name.startswith(("list", "ticket"))
    ]
    person = Visitor(portal.url, portal.cookie)
    while monotonic() < until:
        times.append(person.get(rng.choice(rng.choice(asked))).milliseconds)
        sleep(PAUSE)
    person.close()


def _call_for(url: str, place: Place, seconds: float, pipe: Connection) -> None:
    """The partners' process: clients that call evenly, by the mix of ``bench.soak``."""
    times: list[float] = []
    failed: list[str] = []
    begin = monotonic() + 0.5

    def work(client: int) -> None:
        rng = Random(client)
        connection = _connect(url)
        for turn in range(client, int(CALLS * seconds), CLIENTS):
            sleep(max(0.0, begin + turn / CALLS - monotonic()))
            operation, values = soak.some_call(rng, place, f"{os.getpid()}-{turn}")
            began = perf_counter()
            try:
                ask(url, operation, values, connection)
            except (OSError, AssertionError) as error:
                failed.append(repr(error)[:200])
                connection.close()
            times.append((perf_counter() - began) * 1000)
        connection.close()

    clients = [threading.Thread(target=work, args=(client,)) for client in range(CLIENTS)]
    pipe.send("ready")
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for one in failed[:3]:
        print(f"bench: {one}", file=sys.stderr)
    pipe.send((times, len(failed)))


# --- a fresh process ----------------------------------------------------------------------------


def _print_first_pages(portals: Sequence[Portal], kind: str) -> None:
    """The first page of a process that has done nothing else since its start, and the second."""
    times: dict[str, list[list[float]]] = {portal.title: [[], []] for portal in portals}
    for _ in range(STARTS):
        for portal in portals:
            with portal.serving():
                portal.settle()
                person = Visitor(portal.url, portal.cookie)
                for found in times[portal.title]:
                    found.append(person.get("/tickets").milliseconds)
                person.close()
    print_table(
        f"The first list of a fresh process, {TITLES[kind]}, load {os.getloadavg()[0]:.0f}",
        ("milliseconds: p50, max", "first", "second"),
        [
            (title, *(f"{percentile(one, 0.5):,.0f}, {max(one):,.0f}" for one in both))
            for title, both in times.items()
        ],
    )


def _connect(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    return HTTPConnection(str(parts.hostname), parts.port, timeout=120)
