"""Open pages that hear of changes: 500 of them, 20 changes a second, and a list read beside them.

The listeners and who writes are one process of their own (``_Listeners``), so that one clock tells
the delay: from the beginning of the write to the last byte of the message, as a page has it. Each
listener also asks now and then which changes belong in its list, as static/live.js does. With nginx
from Debian the same is done once more through ``deploy/nginx``.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from random import Random
from time import monotonic, sleep
from typing import Final

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user, find_user, start_login
from app.core.database.transactions import transaction
from app.core.rules.access import Door, Role, Writer
from app.demo import LOGINS
from app.tickets.services.lifecycle import comment_ticket
from bench.pages import Visitor, percentile, visitor
from bench.places import TITLES, Place
from bench.processes import memory, processor_time
from bench.tables import print_table
from tests.harness import nginx as proxies
from tests.harness import run
from tests.harness.databases import open_engine
from tests.harness.server import TEST_SECRET, LiveServer, free_port, live, test_settings

CHANGES: Final = 20
"""A second."""
PER_PERSON: Final = 2
"""Open pages of one person."""
ASKED_EVERY: Final = 15.0
"""Seconds between two questions of a page about its list: GAP of static/live.js."""
READ_EVERY: Final = 0.25
"""Seconds between two readings of the list beside."""
_WARM: Final = 40
"""Lists that are read before anything is measured."""


@dataclass
class Heard:
    """What the listeners found."""

    delays: list[float] = field(default_factory=list)
    """Seconds, one for each change and listener."""
    messages: int = 0
    refused: int = 0
    ended: int = 0
    """Streams that ended before the time was over."""
    changes: int = 0
    asked: int = 0
    of_each: list[int] = field(default_factory=list)
    """Messages that each listener got."""


@dataclass(frozen=True)
class Address:
    """Where the listeners connect to, and as whom they speak to it."""

    port: int
    host: str
    certificate: str = ""


def measure(place: Place, listeners: int, minutes: float) -> None:
    """Print the table of one database, straight and through nginx."""
    cookies = listening_people(place, -(-listeners // PER_PERSON))
    rows = []
    with live(test_settings(place.url)) as server:
        host = f"127.0.0.1:{server.port}"
        rows.append(
            ("straight", *_run(server, place, Address(server.port, host), cookies, minutes))
        )
    if proxies.program() is None:
        print(f"bench: left out nginx: this needs {proxies.NEED}", file=sys.stderr)
    else:
        with _behind_nginx(place) as (server, address):
            rows.append(("through nginx", *_run(server, place, address, cookies, minutes)))
    print_table(
        f"Live pages, {TITLES[place.kind]}: {listeners} listeners, {CHANGES} changes a second,"
        f" {minutes:g} minutes, {place.last:,} tickets",
        (
            *("", "heard, p50", "p95", "most", "list, p50", "p95", "p95 without listeners"),
            "processors of the servers",
            *("MiB of the servers before", "with listeners", "at the end", "messages", "failed"),
        ),
        rows,
    )


@contextmanager
def _behind_nginx(place: Place) -> Iterator[tuple[LiveServer, Address]]:
    port = free_port()
    name = f"{proxies.NAME}:{port}"
    settings = replace(test_settings(place.url), trusted_proxies=1)
    folder = run.folder() / f"nginx-{port}"
    folder.mkdir()
    with (
        live(settings, f"https://{name}") as server,
        proxies.nginx(folder, server.port, port) as proxy,
    ):
        yield server, Address(port, name, str(proxy.certificate))


def listening_people(place: Place, count: int) -> list[str]:
    """So many readers that are logged in: their cookies."""
    signing = Flask(__name__)
    signing.secret_key = TEST_SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(signing)
    assert serializer is not None
    now = datetime.now(UTC)
    engine = open_engine(place.url)
    with Session(engine) as session, transaction(session):
        people = [
            User(name=f"listener-{turn}", role=Role.READER, password_hash="!", created_at=now)
            for turn in range(count)
        ]
        session.add_all(people)
        session.flush()
        tokens = [start_login(session, person.id, now) for person in people]
    engine.dispose()
    return [f"portal={serializer.dumps({'_user_id': token, '_fresh': True})}" for token in tokens]


def _run(
    server: LiveServer, place: Place, address: Address, cookies: Sequence[str], minutes: float
) -> tuple[str, ...]:
    operator = next(login for login in LOGINS if login.role == "operator")
    with visitor(server.url, operator.name, operator.password) as person:
        alone = _read(person, lambda turn: turn < _WARM)[_WARM // 4 :]
        before = sum(memory(server.pid))
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=listen, args=(there, place, address, cookies, minutes * 60)
        )
        process.start()
        assert here.recv() == "all listen"
        listening = sum(memory(server.pid))
        began, used = monotonic(), processor_time(server.pid)
        until = began + minutes * 60
        beside = _read(person, lambda _turn: monotonic() < until)
        used = (processor_time(server.pid) - used) / (monotonic() - began)
        end = sum(memory(server.pid))
        heard: Heard = here.recv()
        process.join()
    delays = sorted(heard.delays)
    expected = heard.changes * len(cookies) * PER_PERSON
    failed = [
        f"{heard.refused} refused" if heard.refused else "",
        f"{heard.ended} ended" if heard.ended else "",
        f"{expected - len(delays):,} not heard" if expected != len(delays) else "",
    ]
    return (
        *(f"{percentile(delays, part) * 1000:.0f} ms" for part in (0.5, 0.95, 1.0)),
        *(f"{percentile(sorted(beside), part):.0f} ms" for part in (0.5, 0.95)),
        f"{percentile(sorted(alone), 0.95):.0f} ms",
        f"{used:.2f}",
        *(str(size) for size in (before, listening, end)),
        f"{heard.messages:,}",
        ", ".join(filter(None, failed)) or "none",
    )


def _read(person: Visitor, goes_on: Callable[[int], bool]) -> list[float]:
    """Milliseconds of each list."""
    found: list[float] = []
    while goes_on(len(found)):
        got = person.get("/tickets")
        assert got.status == 200
        found.append(got.milliseconds)
        sleep(READ_EVERY)
    return found


# ---- the listeners' process ----


def listen(
    parent: Connection,
    place: Place,
    address: Address,
    cookies: Sequence[str],
    seconds: float,
    changes: int = CHANGES,
) -> None:
    """Listen, write so many changes a second, and tell the parent."""
    parent.send(asyncio.run(_Listeners(parent, place, address, cookies, seconds, changes).all()))


class _Listeners:
    def __init__(
        self,
        parent: Connection,
        place: Place,
        address: Address,
        cookies: Sequence[str],
        seconds: float,
        changes: int,
    ) -> None:
        self._parent, self._place, self._address = parent, place, address
        self._cookies, self._seconds, self._changes = cookies, seconds, changes
        self._began: dict[tuple[int, int], float] = {}
        self._heard = Heard()
        self._listening = 0
        self._over = False
        self._tls: ssl.SSLContext | None = None
        if address.certificate:
            self._tls = ssl.create_default_context(cafile=address.certificate)

    async def all(self) -> Heard:
        count = len(self._cookies) * PER_PERSON
        self._heard.of_each = [0] * count
        tasks = []
        for turn in range(count):
            cookie = self._cookies[turn % len(self._cookies)]
            tasks.append(asyncio.create_task(self._one(turn, cookie, Random(turn))))
            await asyncio.sleep(0.004)
        while self._listening + self._heard.refused < count:
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        self._parent.send("all listen")
        writing = threading.Thread(target=self._write)
        writing.start()
        await asyncio.sleep(self._seconds)
        await asyncio.to_thread(writing.join)
        await asyncio.sleep(3)
        self._over = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._heard

    def _write(self) -> None:
        engine = open_engine(self._place.url)
        rng = Random(0)
        start = monotonic()
        with Session(engine) as session:
            actor = actor_of_user(find_user(session, LOGINS[0].name))
            for turn in range(int(self._seconds * self._changes)):
                sleep(max(0.0, start + turn / self._changes - monotonic()))
                if monotonic() > start + self._seconds:
                    break
                by = Writer(actor, Door.PORTAL, datetime.now(UTC))
                began = monotonic()
                with transaction(session):
                    ticket = comment_ticket(
                        session,
                        by,
                        rng.randint(self._place.first, self._place.last),
                        f"Still looking {os.getpid()} {turn}",
                        internal=False,
                    )
                    self._began[ticket.number, ticket.version] = began
                self._heard.changes += 1
        engine.dispose()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = proxies.NAME if self._tls else None
        return await asyncio.open_connection(
            "127.0.0.1", self._address.port, ssl=self._tls, server_hostname=name
        )

    def _request(self, path: str, cookie: str, more: str) -> bytes:
        head = f"GET {path} HTTP/1.1\r\nHost: {self._address.host}\r\nCookie: {cookie}\r\n{more}"
        return f"{head}\r\n\r\n".encode()

    async def _one(self, position: int, cookie: str, rng: Random) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(self._request("/live", cookie, "Accept: text/event-stream"))
            if b" 200 " not in await reader.readline():
                self._heard.refused += 1
                return
            self._listening += 1
            ask_at = monotonic() + ASKED_EVERY * rng.random()
            while line := await reader.readline():
                if not line.startswith(b"data: {"):
                    continue
                now = monotonic()
                self._heard.messages += 1
                self._heard.of_each[position] += 1
                numbers = []
                for _kind, number, version, count in json.loads(line[6:])["changes"]:
                    numbers.append(number)
                    for one in range(version - count + 1, version + 1):
                        if (number, one) in self._began:
                            self._heard.delays.append(now - self._began[number, one])
                if now > ask_at:
                    ask_at = now + ASKED_EVERY
                    await self._ask(cookie, numbers)
            self._heard.ended += not self._over
        finally:
            writer.close()

    async def _ask(self, cookie: str, numbers: Sequence[int]) -> None:
        asked = "&".join(f"n={number}" for number in numbers)
        reader, writer = await self._connect()
        writer.write(self._request(f"/tickets/changed?{asked}", cookie, "Connection: close"))
        with suppress(OSError):
            assert b" 200 " in await reader.readline()
            await reader.read()
            self._heard.asked += 1
        writer.close()
