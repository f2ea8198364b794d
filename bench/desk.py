"""The working desk at several sizes: lists, searches, counts, suggestions and the ticket's page.

Each operation is asked through the portal as its server would be, in this process, by one operator
who is logged in: what is measured is the portal and the database, not the network. What goes over
the wire, and in how many requests, is counted at the real server.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from http.client import HTTPConnection
from math import log
from time import perf_counter
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient

from app.accounts.services.people import find_user, start_login
from app.core.database.transactions import transaction
from app.core.web.extensions import db
from app.demo import LOGINS
from app.factory import create_app
from bench import places
from bench.pages import percentile, visitor
from bench.places import TITLES, Place
from bench.tables import print_table
from tests.harness.server import live, test_settings

SIZES = (10_000, 100_000, 1_000_000)
REPEATS = 7
"""Times that each address of an operation is asked; its first time counts too."""
GOAL = 60.0
"""Milliseconds of a list at p95."""
TICKET_GOAL = 20.0
"""Of a ticket's page, and of suggestions."""
ALL_STATES = "state=open&state=closed"
WORDS = {
    "frequent word": ("fibre",),
    "rare word": ("{mark}",),
    "link id": ("CERN-PIC-LHCOPN-001", "CERN-RAL-LHCOPN-001"),
    "two words": ("fibre+mended", "measured+{mark}", "pic+maintenance"),
    "phrase": ("%22the+fibre+was+mended%22", "%22sample+incident%22"),
    "beginning of a word": ("measur*", "gridk"),
    "word that is nowhere": ("nowhereatall",),
}
FILTERS = {
    "one state": ("state=in+progress", "state=on+hold", "state=verified"),
    "category": ("category=change", "category=maintenance"),
    "network": ("network=LHCONE",),
    "layer, priority": ("layer=L3&priority=urgent",),
    "site": ("site=DE-KIT", "site=pic"),
    "link": ("link=CERN-PIC-LHCOPN-001",),
    "responsible": ("responsible=DE-KIT",),
    "unit": ("unit=TPM", "unit=nobody"),
    "days": ("from=2024-03-01&to=2024-03-08",),
    "site, link, layer": ("site=DE-KIT&link=CERN-PIC-LHCOPN-001&layer=L3",),
}
_SORTS = ("number", "title", "state", "priority", "created", "changed")


def operations(place: Place) -> Mapping[str, Sequence[str]]:
    """Each operation with the addresses that belong to it."""
    mark = f"bulk{place.first + 4711:010d}"
    found: dict[str, Sequence[str]] = {"first page": ("/tickets", f"/tickets?{ALL_STATES}")}
    for sort in _SORTS:
        both = (f"/tickets?{ALL_STATES}&sort={sort}", f"/tickets?{ALL_STATES}&sort=-{sort}")
        found[f"by {sort}"] = both
        found[f"by {sort}, last page"] = tuple(f"{one}&last=yes" for one in both)
    for name, filters in FILTERS.items():
        states = "" if name == "one state" else f"&{ALL_STATES}"
        found[name] = tuple(
            f"/tickets?{one}{states}{end}" for one in filters for end in ("", "&last=yes")
        )
    for name, searches in WORDS.items():
        found[name] = tuple(
            f"/tickets?q={one.format(mark=mark)}&{ALL_STATES}{end}"
            for one in searches
            for end in ("", "&sort=title", "&last=yes")
        )
    found["word, filter and sort"] = (
        f"/tickets?q=fibre&site=DE-KIT&{ALL_STATES}&sort=-priority",
        f"/tickets?q=fibre&layer=L3&priority=urgent&{ALL_STATES}&sort=title",
    )
    found["counts of a search"] = (f"/tickets?q=fibre&{ALL_STATES}&counts=yes",)
    found["suggestions"] = tuple(
        f"/search?q={one}" for one in ("grid", "cern-p", "fib", mark[:8], "1042")
    )
    step = (place.last - place.first) // 7 or 1
    found["one ticket"] = tuple(
        f"/tickets/{number}" for number in range(place.first, place.last, step)
    )
    return found


def measure(kind: str, sizes: Sequence[int]) -> None:
    """Print the tables of one database."""
    times: dict[str, list[Sequence[float]]] = {}
    wire: list[Sequence[str]] = []
    for size in sizes:
        with places.filled(kind, size, f"desk{size}") as place:
            with operator_of(place) as client:
                for name, addresses in operations(place).items():
                    times.setdefault(name, []).append(_ask(client, addresses))
            wire.append((f"{size:,}", *_over_the_wire(place)))
    heads = ["operation", *(f"{size:,}: p50, p95" for size in sizes)]
    if len(sizes) > 1:
        heads.append("exponent")
    rows = []
    for name, found in times.items():
        goal = TICKET_GOAL if name in ("one ticket", "suggestions") else GOAL
        cells = [_cell(some, None if name.startswith("counts") else goal) for some in found]
        if len(sizes) > 1:
            first, last = (percentile(some, 0.5) for some in (found[0], found[-1]))
            cells.append(f"{log(last / first) / log(sizes[-1] / sizes[0]):.2f}")
        rows.append((name, *cells))
    print_table(
        f"The desk on {TITLES[kind]}, milliseconds (bold: over {GOAL:.0f}; "
        f"one ticket and suggestions {TICKET_GOAL:.0f})",
        heads,
        rows,
    )
    print_table(
        f"The list with an empty cache, {TITLES[kind]}",
        ("tickets", "requests", "page", "all together"),
        wire,
    )


def _cell(times: Sequence[float], goal: float | None) -> str:
    high = percentile(times, 0.95)
    shown = f"{high:,.0f}" if goal is None or high <= goal else f"**{high:,.0f}**"
    return f"{percentile(times, 0.5):,.0f}, {shown}"


@contextmanager
def operator_of(place: Place) -> Iterator[FlaskClient]:
    """A client of the application: an operator who is logged in."""
    app: Flask = create_app(test_settings(place.url))
    name = next(login.name for login in LOGINS if login.role == "operator")
    with app.app_context():
        session = db.session()
        with transaction(session):
            user = find_user(session, name)
            assert user is not None
            token = start_login(session, user.id, datetime.now(UTC))
        db.session.remove()
    gc.collect()
    gc.freeze()  # as the server's processes do
    client = app.test_client()
    with client.session_transaction() as carried:
        carried["_user_id"] = token
        carried["_fresh"] = True
    yield client
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _ask(client: FlaskClient, addresses: Sequence[str]) -> list[float]:
    client.get("/sites")  # what the process makes once
    times = []
    for _ in range(REPEATS):
        for address in addresses:
            headers = {"HX-Request": "true"} if address.startswith("/search") else {}
            began = perf_counter()
            answer = client.get(address, headers=headers)
            times.append((perf_counter() - began) * 1000)
            assert answer.status_code == 200, (address, answer.status_code)
    return times


_LINKED = re.compile(r'(?:<script src|<link rel="(?:icon|stylesheet)" href)="([^"]+)"')


def _over_the_wire(place: Place) -> tuple[str, str, str]:
    """Requests and bytes of the list for a browser that has no part of it."""
    login = next(login for login in LOGINS if login.role == "operator")
    with (
        live(test_settings(place.url)) as server,
        visitor(server.url, login.name, login.password) as person,
    ):
        cookie = person.cookie
        text = person.get("/tickets").text
        addresses = ["/tickets", *(unescape(one) for one in _LINKED.findall(text))]
        if "Count them" in text:
            addresses.append("/tickets?counts=yes")
        sizes = [_size(server.url, cookie, one) for one in addresses]
    return str(len(sizes)), f"{sizes[0] / 1000:.0f} kB", f"{sum(sizes) / 1000:.0f} kB"


def _size(url: str, cookie: str, address: str) -> int:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", "Cookie": cookie}
    connection.request("GET", address, headers=headers)
    size = len(connection.getresponse().read())
    connection.close()
    return size
