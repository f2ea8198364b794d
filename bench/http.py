"""Pages and calls over HTTP at design size: the real server with its worker, and one client.

Each row is asked of the portal and, in turn, of another checkout (``--against``) on a copy of the
same database, migrated to its schema, so that both had the same load beside them. Times are those
of the client; processor times are read from ``/proc``, of the server's processes and of the
database's for this database. Statements are counted by ``bench/statements.py`` in a process of its
own: the server has no switch.

Each page is asked of a database with a tenth of the tickets and events as well, in turn, and its
growth printed: 0 is as fast with ten times as much, 1 is ten times slower. What is slower than in
``docs/bench.md`` by a fifth is bold. The last table compares this checkout with ``bench.goals``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPConnection
from itertools import count
from math import inf, log
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import monotonic, perf_counter, sleep
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import func, inspect, make_url, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import Change, ChangedField
from app.core.settings import Settings, process_environment
from app.demo import LOGINS
from app.events.models.events import Event
from app.matching.services.recompute import mark_between
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES
from bench import desk, goals, mix, places, rest
from bench.figures import add_events
from bench.goals import Reached
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
OPEN: Final = 300
"""Open tickets, however many there are."""
SMALLER: Final = 10
"""How many times fewer tickets and events the database has from which growth is counted."""
WORSE: Final = 1.2
"""How many times the published time is marked."""
PUBLISHED: Final = PROJECT / "docs" / "bench.md"
_HEADING: Final = "## Pages and calls over HTTP"
_QUIET: Final = 0.05
"""Processors below which a server counts as having nothing left to do."""
_SOAP: Final = "/soap/GGUS"
_NATIVE: Final = "/soap/LHCOPN"
AFTER: Final = {
    "statistics after a ticket": "/statistics/tickets",
    "statistics by site after a ticket": "/statistics/tickets?by=site",
}
"""Pages that are asked for right after a new ticket."""
_COUNTING: Final = Path(__file__).with_name("statements.py")


@dataclass(frozen=True)
class Rows:
    """How much a database is filled with."""

    tickets: int
    events: int
    still_open: int = OPEN

    def smaller(self) -> Rows:
        """The same with fewer tickets and events, and as many open ones."""
        return replace(self, tickets=self.tickets // SMALLER, events=self.events // SMALLER)


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
    secret: str = ""
    """Of a token for REST."""
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

    def token(self) -> str:
        """The secret of a new token with which its REST API is called as the partner's account."""
        create = ["-m", "flask", "token", "create", "bench-http", "--account", LOGIN]
        scopes = ["--scope", "read", "--scope", "tickets", "--expires", "9"]
        told = subprocess.run(
            [self._python(), *create, *scopes],
            cwd=self.checkout,
            env=process_environment(self._settings(urlsplit(self.url).port or 0)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        return told.split()[-1]

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


def measure(kind: str, at: str | None, against: Path | None, rows: Rows, requests: int) -> None:
    """Print the tables of one database."""
    with ExitStack() as held:
        base = prepared(kind, at, rows)
        fewer = prepared(kind, at and _beside(at, rows.smaller().tickets), rows.smaller())
        small = Portal("small", PROJECT, held.enter_context(copy_of(fewer, "small", PROJECT)))
        checkouts = {"this": PROJECT} | ({"before": against.resolve()} if against else {})
        portals = [
            Portal(title, checkout, held.enter_context(copy_of(base, title, checkout)))
            for title, checkout in reversed(checkouts.items())
        ]
        servers = held.enter_context(ExitStack())
        for portal in (*portals, small):
            servers.enter_context(portal.serving())
            operator = next(login for login in LOGINS if login.role == "operator")
            with visitor(portal.url, operator.name, operator.password) as person:
                portal.cookie = person.cookie
            portal.secret = portal.token()
        for portal in (*portals, small):
            print(
                f"bench: {portal.title} was at rest after {portal.settle():.0f} s", file=sys.stderr
            )
        reached = [
            *_print_rows(portals, small, kind, requests),
            *_print_creations(portals, kind, requests),
            *_print_together(portals, kind),
        ]
        servers.close()
        _print_first_pages(portals, kind)
        if kind == "postgresql":
            goals.print_table_of(reached)


def prepared(kind: str, at: str | None, wanted: Rows) -> Place:
    """The database to copy: that of ``at``, filled if there is nothing, or one that is filled."""
    url = at or places.another(kind, f"http{wanted.tickets}")
    engine = open_engine(url)
    if not inspect(engine).has_table("alembic_version"):
        engine.dispose()
        places.fill(url, wanted.tickets, wanted.still_open)
        add_events(engine, wanted.events)
        with Session(engine) as session:
            with transaction(session):
                mark_between(session, None, None)
            recompute_all(session)
        places.vacuum(url)
    with Session(engine) as session:

        def rows(table: type) -> int:
            return session.scalar(select(func.count()).select_from(table)) or 0

        last = session.scalar(select(func.max(Ticket.number))) or 0
        still_open = session.scalar(select(func.count()).where(Ticket.state.in_(OPEN_STATES)))
        print(
            f"{TITLES[kind]}: {rows(Ticket):,} tickets, of which {still_open:,} are open,"
            f" {rows(Event):,} events,"
            f" {rows(Change) + rows(ChangedField):,} rows of history\n",
            flush=True,
        )
        place = Place(kind, url, last - rows(Ticket) + 1, last)
    engine.dispose()
    return place


def _beside(at: str, tickets: int) -> str:
    """The URL of a smaller database that stays beside that of ``at``."""
    url = make_url(at)
    beside = url.set(database=f"{url.database}_{tickets}")
    if url.get_backend_name() == "postgresql":
        with places.server_of(at) as connection:
            there = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(there, (beside.database,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {beside.database}".encode())
    return beside.render_as_string(hide_password=False)


@contextmanager
def copy_of(base: Place, name: str, checkout: Path) -> Iterator[Place]:
    """A copy of the database with the schema of a checkout, gone afterwards."""
    with places.copied(base.url, f"http_{name}") as url:
        places.bring_to_schema_of(url, checkout)
        yield replace(base, url=url)


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


def calls(portal: Portal, requests: int) -> Mapping[str, Sequence[Request]]:
    """The calls of the table, each for tickets at random, the same each time."""
    place = portal.place
    rng = Random(place.first)
    numbers = [rng.randint(place.first, place.last) for _ in range(requests)]
    soap = {"Content-Type": "text/xml; charset=utf-8"}
    bearer = {"Authorization": f"Bearer {portal.secret}"}
    named = [f"<n:GHD_Request_ID>{number}</n:GHD_Request_ID>" for number in numbers]
    native = [f"<n:number>{number}</n:number>" for number in numbers]
    return {
        "TicketGet": [("POST", _SOAP, soap, envelope("TicketGet", one)) for one in named],
        "GetTicket": [("POST", _NATIVE, soap, rest.envelope("GetTicket", one)) for one in native],
        "REST get": [("GET", f"/api/v1/tickets/{one}", bearer, "") for one in numbers],
    }


def creations(portal: Portal) -> Mapping[str, Callable[[], Request]]:
    """Calls that create a ticket; each makes one that was not sent before."""
    soap = {"Content-Type": "text/xml; charset=utf-8"}
    bearer = {"Authorization": f"Bearer {portal.secret}", "Content-Type": "application/json"}

    def content() -> str:
        title = f"Sample {os.getpid()}-{next(_sent)}"
        text = "Measured loss between the ends of the link."
        sites = ["DE-KIT"]
        return json.dumps(
            {"title": title, "description": text, "priority": "urgent", "sites": sites}
        )

    return {
        "OpCreate": lambda: ("POST", _SOAP, soap, envelope("OpCreate", _new(portal))),
        "REST create": lambda: ("POST", "/api/v1/tickets", bearer, content()),
    }


def send(connection: HTTPConnection, request: Request) -> float:
    """Milliseconds until the last byte of an answer, which must be neither error nor fault."""
    method, address, headers, body = request
    began = perf_counter()
    connection.request(method, address, body.encode() or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    took = (perf_counter() - began) * 1000
    assert answer.status in (200, 201), (address, answer.status, content[:500])
    return took


def _print_rows(
    portals: Sequence[Portal], small: Portal, kind: str, requests: int
) -> Sequence[Reached]:
    every = (*portals, small)
    of_each = [pages(portal.place) for portal in every]
    calls_of = [calls(portal, requests) for portal in every]
    asked = of_each[0]
    for portal, of_portal in zip(portals, calls_of, strict=False):
        page = {"Accept": "text/html", "Cookie": portal.cookie, "Host": urlsplit(portal.url).netloc}
        counted: dict[str, Sequence[Request]] = {
            name: [("GET", address, page, "") for address in [*addresses, *addresses][:6]]
            for name, addresses in asked.items()
        }
        counted |= {name: requests_of[:6] for name, requests_of in of_portal.items()}
        counted |= {name: [one() for _ in range(6)] for name, one in creations(portal).items()}
        portal.count_statements(counted)
    found = {}
    for name in asked:
        visitors = [Visitor(portal.url, portal.cookie) for portal in every]
        addresses = [one[name] for one in of_each]
        found[name] = _row(every, partial(_get, visitors, addresses), requests)
        for one in visitors:
            one.close()
    connections = [_connect(portal.url) for portal in every]
    for name in calls_of[0]:

        def call_one(position: int, turn: int, name: str = name) -> float:
            return send(connections[position], calls_of[position][name][turn])

        found[name] = _row(every, call_one, requests)
    visitors = [Visitor(portal.url, portal.cookie) for portal in every]
    for name, address in AFTER.items():

        def ask_after(position: int, turn: int, address: str = address) -> float:
            send(connections[position], creations(every[position])["OpCreate"]())
            return _get(visitors, [(address,)] * len(every), position, turn)

        found[name] = _row(every, ask_after, requests)
    title = f"Pages and calls over HTTP, {TITLES[kind]}, one client"
    _print(portals, small, title, found, published_times(kind, PUBLISHED.read_text()))
    here, more = len(portals) - 1, _tickets(portals[-1]) / _tickets(small)
    p50 = {name: percentile(measured[here][0], 0.5) for name, measured in found.items()}
    exponents = {
        name: log(p50[name] / percentile(measured[-1][0], 0.5)) / log(more)
        for name, measured in found.items()
        if name in goals.P50
    }
    worst = max(exponents, key=lambda name: exponents[name])
    floor = _whole(found[FLOOR][here])
    times = [(name, p50[name] / p50["TicketGet"]) for name in ("REST get", "GetTicket")]
    return [
        *((f"{name}: ms, p50", goal, p50[name]) for name, goal in goals.P50.items()),
        *(
            (f"{name}: by the floor", goal, _whole(found[name][here]) / floor)
            for name, goal in goals.BY_THE_FLOOR.items()
        ),
        *((f"{name}: by TicketGet, p50", goals.BY_TICKET_GET, value) for name, value in times),
        (f"most growth: {worst}", goals.GROWTH, exponents[worst]),
    ]


def published_times(kind: str, document: str) -> Mapping[str, float]:
    """The p50 of each page in milliseconds, by the first table of pages in ``docs/bench.md``."""
    table: list[list[str]] = []
    for line in document.partition(_HEADING)[2].partition("\n## ")[0].splitlines():
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            break
    head = f"{TITLES[kind]} now: p50, p95"
    if not table or head not in table[0]:
        return {}
    place = table[0].index(head)
    return {row[0]: float(row[place].split(",")[0].strip("* ")) for row in table[2:]}


def growth(small: float, large: float, times: float) -> str:
    """The exponent by which a time grew where there is ``times`` as much."""
    return f"{log(large / small) / log(times):.2f}"


def _get(
    visitors: Sequence[Visitor], of_each: Sequence[Sequence[str]], position: int, turn: int
) -> float:
    address = of_each[position][turn % len(of_each[position])]
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


def _print(
    portals: Sequence[Portal],
    small: Portal,
    title: str,
    found: Mapping[str, Sequence[Measured]],
    published: Mapping[str, float],
) -> None:
    heads = ["milliseconds of a request"]
    for portal in portals:
        of = f"{portal.title}: " if len(portals) > 1 else ""
        heads += [f"{of}p50, p95", "statements", "processor: server, database", "by the floor"]
    heads += [f"growth from {_tickets(small):,} tickets", "published p50"]
    rows = []
    more = _tickets(portals[-1]) / _tickets(small)
    for name, measured in found.items():
        cells = [name]
        for position, portal in enumerate(portals):
            times, used = measured[position]
            shown = f"{percentile(times, 0.5):,.1f}, {percentile(times, 0.95):,.1f}"
            is_this = position == len(portals) - 1
            is_worse = percentile(times, 0.5) > WORSE * published.get(name, inf)
            cells += [
                f"**{shown}**" if is_this and is_worse else shown,
                str(portal.statements.get(name, "")),
                f"{_each(used.server, times)}, {_each(used.database, times)}",
                f"{_whole(measured[position]) / _whole(found[FLOOR][position]):.1f}",
            ]
        large, fewer = (percentile(measured[place][0], 0.5) for place in (len(portals) - 1, -1))
        cells += [growth(fewer, large, more), f"{published[name]:g}" if name in published else ""]
        rows.append(cells)
    print_table(f"{title}, load {os.getloadavg()[0]:.0f}", heads, rows)
    if FLOOR not in published:
        print(f"{PUBLISHED.name} has no table of this database: nothing is marked.\n")
        return
    floor = percentile(found[FLOOR][len(portals) - 1][0], 0.5) / published[FLOOR]
    print(
        f"Bold: p50 more than {WORSE:g} times the published one. On this machine, with its load of"
        f" now, {FLOOR} takes {floor:.2f} times the published time.\n",
        flush=True,
    )


def _tickets(portal: Portal) -> int:
    return portal.place.last - portal.place.first + 1


def _whole(measured: Measured) -> float:
    times, used = measured
    return (used.server + used.database) / len(times)


def _each(seconds: float, times: Sequence[float]) -> str:
    return f"{seconds * 1000 / len(times):.1f}"


# --- writing ------------------------------------------------------------------------------------

_sent = count(1)


def _new(portal: Portal) -> str:
    """The elements of an OpCreate that was not sent before."""
    unique = f"{os.getpid()}-{next(_sent)}"
    return (
        "<n:GHD_Description>Measured loss between the ends of the link.</n:GHD_Description>"
        f"<n:GHD_Origin_ID>{portal.title}-{unique}</n:GHD_Origin_ID>"
        "<n:GHD_Priority>urgent</n:GHD_Priority>"
        f"<n:GHD_Short_Description>Sample {unique}</n:GHD_Short_Description>"
        "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
        "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
        "<n:GHD_Affected_Site>FZK-LCG2</n:GHD_Affected_Site>"
    )


def _print_creations(portals: Sequence[Portal], kind: str, requests: int) -> Sequence[Reached]:
    """Tickets one after another, then as many as clients can, and what the worker did after."""
    rows = []
    reached: list[Reached] = []
    for portal in portals:
        for name, new in creations(portal).items():
            connection = _connect(portal.url)
            send(connection, new())
            portal.settle()
            before = portal.used()
            times = [send(connection, new()) for _ in range(requests)]
            portal.settle()
            used = portal.used().since(before)
            rates = [_rate(portal, name, clients) for clients in (1, CLIENTS)]
            portal.settle()
            rows.append(
                (
                    f"{portal.title}: {name}",
                    f"{percentile(times, 0.5):,.1f}, {percentile(times, 0.95):,.1f}",
                    str(portal.statements[name]),
                    f"{_each(used.server, times)}, {_each(used.worker, times)},"
                    f" {_each(used.database, times)}",
                    *(f"{rate:,.0f}/s" for rate in rates),
                )
            )
            if portal is portals[-1]:
                follow_up = used.worker * 1000 / len(times)
                reached += [
                    (
                        f"{name}: a second from {CLIENTS} clients, at least",
                        goals.RATES[name],
                        rates[-1],
                    ),
                    (f"{name}: worker's processor for each, ms", goals.FOLLOW_UP, follow_up),
                ]
    print_table(
        f"New tickets over HTTP, {TITLES[kind]}, load {os.getloadavg()[0]:.0f}",
        (
            *("", "one client: ms, p50, p95", "statements"),
            *("processor: server, worker, database", "1 client", f"{CLIENTS} clients"),
        ),
        rows,
    )
    return reached


def _rate(portal: Portal, name: str, clients: int, seconds: float = 4) -> float:
    """New tickets a second: OpCreate from wrk, REST from a process of this program."""
    if name == "OpCreate":
        return drive(portal.url + _SOAP, Load(name, LOGIN, PASSWORD), seconds, clients)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_create_for, args=(portal, name, clients, seconds, there))
    process.start()
    rate: float = here.recv()
    process.join()
    return rate


def _create_for(portal: Portal, name: str, clients: int, seconds: float, pipe: Connection) -> None:
    """Clients that create one ticket after another, each on one connection."""
    new = creations(portal)[name]
    done = [0] * clients
    began = monotonic()

    def work(client: int) -> None:
        connection = _connect(portal.url)
        while monotonic() < began + seconds:
            send(connection, new())
            done[client] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(sum(done) / (monotonic() - began))


# --- operators beside partners ------------------------------------------------------------------


def _print_together(portals: Sequence[Portal], kind: str, seconds: float = 20) -> Sequence[Reached]:
    """Operators who page while partners call."""
    rows = []
    slow = 0.0
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
        slow = percentile(times, 0.95)
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
    return [(f"pages of {OPERATORS} operators next to partners: ms, p95", goals.TOGETHER, slow)]


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
    """The partners' process: clients that call evenly, by the mix of ``bench.mix``."""
    times: list[float] = []
    failed: list[str] = []
    begin = monotonic() + 0.5

    def work(client: int) -> None:
        rng = Random(client)
        connection = _connect(url)
        for turn in range(client, int(CALLS * seconds), CLIENTS):
            sleep(max(0.0, begin + turn / CALLS - monotonic()))
            operation, values = mix.some_call(rng, place, f"{os.getpid()}-{turn}")
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
