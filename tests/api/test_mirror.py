"""Another portal as a client of the feed: a mirror of 10,000 tickets, made from the feed alone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest
from sqlalchemy.orm import Session

from app.accounts.services.tokens import create_own_token
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.demo.bulk import write_copies, write_patterns
from tests.cast import enter, writer
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import LiveServer, live, test_settings

TICKETS: Final = 10_000
COPIED: Final = 250
RECIPE: Final = PROJECT / "docs" / "examples" / "rest_mirror.py"
WRITERS: Final = 20
WRITES: Final = 15
"""Of each writer, at least."""
READ_MEANWHILE: Final = 50
"""So many of their changes the mirror reads before the writers end."""
_TIMES: Final = ("event_start", "event_end", "window_start", "window_end")
_TEXTS: Final = ("title", "state", "priority", "network", "category", "layer", "impact", "unit")


class Client:
    """A program on one kept connection."""

    def __init__(self, server: LiveServer, secret: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, content: object = None, also: int = 200) -> Any:
        """The content of an answer, which must be 2xx, or ``also``."""
        body = None if content is None else json.dumps(content)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status < 300 or answer.status == also, (method, path, answer.status, text)
        return json.loads(text)

    def close(self) -> None:
        self._connection.close()


class Mirror:
    """Tickets as the feed tells of them: their fields as texts, by number."""

    def __init__(self) -> None:
        self.tickets: dict[int, dict[str, Any]] = {}
        self.cursor = 0
        self.by_api = 0
        """Changes of the writers."""

    def read(self, client: Client) -> bool:
        """Read one page; whether there is more by now."""
        page = client.ask("GET", f"/api/v1/changes?limit=1000&cursor={self.cursor}")
        for row in page["items"]:
            ticket = self.tickets.setdefault(row["number"], {"version": 0})
            assert row["version"] == ticket["version"] + 1, "a gap, a double or another order"
            ticket["version"] = row["version"]
            self.by_api += row["door"] == "api"
            for field in row["fields"]:
                ticket[field["field"]] = field["new"]
        self.cursor = page["cursor"]
        more: bool = page["more"]
        return more

    def rows(self) -> dict[int, Mapping[str, Any]]:
        """As the list of tickets has them."""
        return {number: self._row(ticket) for number, ticket in self.tickets.items()}

    def _row(self, ticket: Mapping[str, Any]) -> Mapping[str, Any]:
        def words(name: str) -> list[str]:
            return [one for one in (ticket.get(name) or "").split("; ") if one]

        return {
            "version": ticket["version"],
            **{name: ticket.get(name) for name in _TEXTS},
            **{name: _moment(ticket.get(name)) for name in _TIMES},
            "links": words("links"),
            "sites": words("sites"),
            "responsible_site": ticket.get("responsible_site"),
        }


def _moment(text: str | None) -> datetime | None:
    return None if not text else datetime.fromisoformat(text).astimezone(UTC)


def listed(client: Client) -> Iterator[tuple[int, Mapping[str, Any]]]:
    at = "/api/v1/tickets?limit=1000"
    while at:
        page = client.ask("GET", at)
        for item in page["items"]:
            yield (
                item["number"],
                {
                    "version": item["version"],
                    **{name: item[name] for name in _TEXTS},
                    **{name: _moment(item[name]) for name in _TIMES},
                    **{name: item[name] for name in ("links", "sites", "responsible_site")},
                },
            )
        at = page["next"]


def write(
    server: LiveServer, secret: str, seed: int, enough: Event, tickets: int = TICKETS
) -> None:
    """Change tickets, by one writer, until the mirror has read enough of it."""
    chance = random.Random(seed)  # repeatable on purpose
    with closing(Client(server, secret)) as client:
        for turn in count():
            if turn >= WRITES and enough.is_set():
                break
            at = f"/api/v1/tickets/{chance.randint(1, tickets)}"
            kind = chance.randrange(4)
            if kind == 0:
                client.ask("POST", "/api/v1/tickets", {"title": f"CERN-PIC {seed}-{turn}"})
            elif kind == 1:
                client.ask("POST", f"{at}/comments", {"text": f"Looked at {seed}-{turn}"})
            else:
                impact = chance.choice(["outage", "none", "degraded"])
                sites = chance.sample(["DE-KIT", "ES-PIC", "FR-CCIN2P3"], 2)
                # a closed one takes no more changes
                client.ask("PATCH", at, {"impact": impact, "sites": sites}, 409)


@contextmanager
def filled(kind: str, tickets: int) -> Iterator[tuple[LiveServer, str]]:
    """A portal with so many tickets, and an operator's token."""
    with fresh_database(kind) as url:
        engine = open_engine(url)
        with Session(engine) as session:
            cast, now = enter(session), datetime.now(UTC)
            with transaction(session):
                made = create_own_token(
                    session, writer(cast.operator, now), "mirror", ["read", "tickets"], 9
                )
            with transaction(session):
                bulk = write_patterns(
                    session, {"operator": cast.operator, "partner": cast.ggus}, now, tickets
                )
                write_copies(session, bulk, len(bulk.numbers), tickets - len(bulk.numbers))
        engine.dispose()
        with live(test_settings(url)) as server:
            yield server, made.secret


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_mirror_made_from_the_feed_alone_is_equal_row_by_row(kind: str) -> None:
    enough = Event()
    with (
        filled(kind, TICKETS) as (server, secret),
        ThreadPoolExecutor(WRITERS) as pool,
        closing(Client(server, secret)) as client,
    ):
        writers: list[Future[None]] = [
            pool.submit(write, server, secret, seed, enough) for seed in range(WRITERS)
        ]
        mirror = Mirror()
        try:
            while mirror.read(client) or not all(one.done() for one in writers):
                if mirror.by_api >= READ_MEANWHILE:
                    enough.set()
        finally:
            enough.set()
        for one in writers:
            one.result()
        while mirror.read(client):
            pass
        truth = dict(listed(client))
        assert len(truth) >= TICKETS
        assert mirror.rows() == truth


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_client_of_the_recipe_misses_nothing_while_others_write(
    kind: str, tmp_path: Path
) -> None:
    """As it is printed: the first copy and three updates beside four writers, and one after them,
    which leaves each ticket as the portal answers it."""
    enough = Event()
    with (
        filled(kind, COPIED) as (server, secret),
        ThreadPoolExecutor(4) as pool,
        closing(Client(server, secret)) as client,
    ):
        env = {"PATH": os.environ["PATH"], "PORTAL_URL": server.url, "PORTAL_TOKEN": secret}

        def update() -> None:
            subprocess.run([sys.executable, str(RECIPE), str(tmp_path)], env=env, check=True)

        writers = [pool.submit(write, server, secret, seed, enough, COPIED) for seed in range(4)]
        try:
            for _run in range(4):
                update()
        finally:
            enough.set()
        for one in writers:
            one.result()
        update()
        at = "/api/v1/tickets?expand=all"
        truth: dict[int, Any] = {}
        while at:
            page = client.ask("GET", at)
            truth |= {row["number"]: row["ticket"] for row in page["items"]}
            at = page["next"]
        mirrored = {int(one.stem): json.loads(one.read_text()) for one in tmp_path.glob("*.json")}
        assert len(truth) > COPIED
        assert mirrored == truth
