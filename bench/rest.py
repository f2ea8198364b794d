"""REST beside the native SOAP service: the same account asks the same server for the same things,
in turn, on one kept connection each."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from bench import places
from bench.pages import percentile
from bench.places import LOGIN, PASSWORD, TITLES, Place
from bench.tables import print_table
from soap_service.native.kinds import NAMESPACE
from tests.harness.databases import open_engine

PAGE: Final = 100
CHANGES: Final = 1000


def measure(place: Place, requests: int) -> None:
    """Print milliseconds of four operations by both doors."""
    secret = new_token(place)
    with places.portal(place) as soap:
        parts = urlsplit(soap)
        with closing(HTTPConnection(str(parts.hostname), parts.port, timeout=120)) as connection:
            doors = _Doors(connection, secret, place)
            rows = [_row(name, rest, native, requests) for name, rest, native in doors.operations()]
    print_table(
        f"REST and native SOAP, {TITLES[place.kind]}: {place.last - place.first + 1:,} tickets,"
        f" {requests} calls of each in turn, one client",
        ("operation", "REST p50, p95 (ms)", "SOAP p50, p95 (ms)", "REST is times SOAP (p50)"),
        rows,
    )


def envelope(operation: str, values: str) -> str:
    """A call of the native service."""
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:n="{NAMESPACE}"><e:Header><n:AuthenticationInfo><n:userName>{LOGIN}'
        f"</n:userName><n:password>{PASSWORD}</n:password></n:AuthenticationInfo></e:Header>"
        f"<e:Body><n:{operation}>{values}</n:{operation}></e:Body></e:Envelope>"
    )


def _row(
    name: str, rest: Callable[[], None], native: Callable[[], None], requests: int
) -> tuple[str, ...]:
    found: dict[Callable[[], None], list[float]] = {rest: [], native: []}
    for way in (rest, native):
        for _ in range(5):
            way()
    for _ in range(requests):
        for way, times in found.items():
            began = perf_counter()
            way()
            times.append((perf_counter() - began) * 1000)
    shown = [
        f"{percentile(times, 0.5):.1f}, {percentile(times, 0.95):.1f}" for times in found.values()
    ]
    ratio = percentile(found[rest], 0.5) / percentile(found[native], 0.5)
    return (name, *shown, f"{ratio:.2f}")


def new_token(place: Place) -> str:
    engine = open_engine(place.url)
    now = datetime.now(UTC)
    with Session(engine) as session, transaction(session):
        by = Writer(SYSTEM, Door.COMMAND, now)
        made = create_token(session, by, "bench", ["read", "tickets"], 9, LOGIN)
        secret = made.secret
    engine.dispose()
    return secret


class _Doors:
    """Calls by both doors; each asks for another ticket or page than the one before."""

    def __init__(self, connection: HTTPConnection, secret: str, place: Place) -> None:
        self._connection = connection
        self._bearer = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._place = place
        self._turn = count()

    def operations(self) -> list[tuple[str, Callable[[], None], Callable[[], None]]]:
        """Name, and how each door is asked for it."""
        return [
            (
                "a ticket by its number",
                lambda: self._rest("GET", f"/tickets/{self._number()}"),
                lambda: self._native("GetTicket", f"<n:number>{self._number()}</n:number>"),
            ),
            (
                "create a ticket",
                lambda: self._rest("POST", "/tickets", self._new()),
                lambda: self._native(
                    "CreateTicket",
                    "<n:ticket>"
                    + "".join(f"<n:{name}>{text}</n:{name}>" for name, text in self._new().items())
                    + "</n:ticket>",
                ),
            ),
            (
                f"list of {PAGE}, by number",
                lambda: self._rest("GET", f"/tickets?limit={PAGE}&state=open"),
                lambda: self._native(
                    "FindTickets",
                    f"<n:filter><n:states>open</n:states></n:filter><n:limit>{PAGE}</n:limit>",
                ),
            ),
            (
                f"feed of {CHANGES:,} changes; SOAP in two calls, without their values",
                lambda: self._rest("GET", f"/changes?limit={CHANGES}&cursor={self._cursor()}"),
                self._native_feed,
            ),
        ]

    def _native_feed(self) -> None:
        begin, half = self._cursor(), CHANGES // 2
        for cursor in (begin, begin + half):
            values = f"<n:cursor>{cursor}</n:cursor><n:limit>{half}</n:limit>"
            self._native("ListChanges", values)

    def _number(self) -> int:
        tickets = self._place.last - self._place.first + 1
        return self._place.first + next(self._turn) * 7919 % tickets

    def _cursor(self) -> int:
        return next(self._turn) % 20 * CHANGES

    def _new(self) -> dict[str, str]:
        return {
            "title": f"CERN-PIC-LHCOPN-001 loses packets {next(self._turn)}",
            "description": "Measured loss between the ends of the link.",
            "priority": "urgent",
        }

    def _rest(self, method: str, path: str, content: object = None) -> None:
        body = None if content is None else json.dumps(content)
        self._connection.request(method, f"/api/v1{path}", body, self._bearer)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status in (200, 201), text

    def _native(self, operation: str, values: str) -> None:
        body = envelope(operation, values)
        headers = {"Content-Type": "text/xml; charset=utf-8"}
        self._connection.request("POST", "/soap/LHCOPN", body.encode(), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
