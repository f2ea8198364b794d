"""``make prove-scale``: how the portal's times grow with the number of tickets, on both databases.

Each database is durable and filled with the demo and bulk tickets. One client asks each question in
turn; then the mix of every door is called as fast as it is answered. Prints
``docs/proofs/scale.md``. Nothing here is a goal: it is measured so that the guide can say it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count, pairwise
from math import inf, isinf, log
from random import Random
from statistics import median
from time import monotonic, perf_counter
from typing import Final
from urllib.parse import urlsplit

from app.composition import compose_figures, compose_mails, compose_records
from app.demo import LOGINS
from bench.load import CLIENTS
from bench.mix import EveryDoor
from bench.pages import percentile, visitor
from bench.places import KINDS, TITLES, Place, another, fill
from bench.reads import ask
from bench.rest import new_token
from bench.tables import print_machine, print_table
from tests.harness import postgres, run
from tests.harness.server import live, test_settings

_HEAD = f"""# Times by the number of tickets

`make prove-scale` writes this page. Each database is durable, on this machine, and filled with the
demo and bulk tickets, of which a third are open. The portal serves with two processes. One client
asks each question in turn, on a connection that it keeps: p50 and p95 in ms. A question that fails
counts as slower than all others. "exponent" is between this size and the one before: 0 is as fast
with ten times as many tickets, 1 is ten times slower. "all doors" are calls a second of {CLIENTS}
clients that call as fast as they are answered, 12 of 20 over SOAP, 5 over REST and 3 pages, as in
`make prove-soak`.
"""
_LONG: Final = 120
"""Seconds after which a question is not asked again."""
_PAGES: Final = {
    "list of open tickets": "/tickets",
    "list, filtered by a site": "/tickets?site=FZK-LCG2",
    "list, words": "/tickets?q=loss",
    "home": "/",
    "statistics": "/statistics/tickets",
    "map of links": "/topology",
}
Times = Mapping[str, Sequence[float]]
"""Milliseconds of each question by its name."""


@dataclass(frozen=True)
class Scaled:
    """What was measured of one database: ``most`` calls a second of all doors were answered;
    ``failed``: how many of each question were not, the first one included."""

    kind: str
    tickets: int
    times: Times
    most: float
    failed: Mapping[str, int] = field(default_factory=dict)


def main() -> None:
    """Measure databases of these sizes, and print the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove_scale")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="tickets, by commas")
    parser.add_argument("--asked", type=int, default=60, help="how often each question is asked")
    parser.add_argument("--seconds", type=float, default=20, help="of the mix of all doors")
    given = parser.parse_args()
    folder = run.begin()
    compose_records()
    compose_figures()
    compose_mails()
    found = []
    try:
        print(_HEAD)
        print_machine()
        for size in sorted(int(size) for size in given.sizes.split(",")):
            for kind in KINDS:
                began = monotonic()
                place = fill(another(kind, f"scale{size}"), size)
                took = monotonic() - began
                print(f"scale: {kind}, {size}: filled in {took:.0f} s", file=sys.stderr, flush=True)
                found.append(_measured(place, size, given.asked, given.seconds))
    finally:
        postgres.stop(folder)
        run.end(folder)
    print(f"Load average at the end {os.getloadavg()[0]:.1f}.\n")
    for kind in KINDS:
        _print(kind, [one for one in found if one.kind == kind])


def _measured(place: Place, size: int, asked: int, seconds: float) -> Scaled:
    operator = next(login for login in LOGINS if login.role == "operator")
    token = new_token(place)
    with live(test_settings(place.url)) as server, ExitStack() as held:
        person = held.enter_context(visitor(server.url, operator.name, operator.password))
        parts = urlsplit(server.url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=300)
        held.callback(connection.close)
        questions = _questions(server.url, place, person.get, connection, token)
        times: dict[str, list[float]] = {name: [] for name in questions}
        failed: Counter[str] = Counter()
        for turn in range(asked + 1):
            for name, question in questions.items():
                if sum(times[name]) > _LONG * 1000:
                    continue
                milliseconds = _asked(name, question)
                failed[name] += isinf(milliseconds)
                if turn:  # the first one is the warm-up
                    times[name].append(milliseconds)
        calls, failed["all doors"] = _most(server.url, place, token, person.cookie, seconds)
    return Scaled(place.kind, size, times, calls / seconds, +failed)


def _asked(name: str, question: Callable[[], object]) -> float:
    """Milliseconds until the answer; infinite if it is an error."""
    began = perf_counter()
    try:
        question()
    except (AssertionError, OSError, HTTPException) as error:
        print(f"scale: {name} failed: {error}"[:300], file=sys.stderr, flush=True)
        return inf
    return (perf_counter() - began) * 1000


def _questions(
    url: str,
    place: Place,
    page: Callable[[str], object],
    connection: HTTPConnection,
    token: str,
) -> Mapping[str, Callable[[], object]]:
    rng = Random(7)  # repeatable on purpose
    turn = count()

    def number() -> int:
        return rng.randint(place.first, place.last)

    def soap(operation: str, values: Callable[[], str]) -> Callable[[], object]:
        return lambda: ask(f"{url}/soap/GGUS", operation, values(), connection)

    def rest(
        method: str, path: Callable[[], str], body: Callable[[], object] = lambda: None
    ) -> Callable[[], object]:
        def asked() -> None:
            content = body()
            connection.request(
                method,
                f"/api/v1{path()}",
                None if content is None else json.dumps(content).encode(),
                {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 201), f"{answer.status}: {text[:200]!r}"

        return asked

    def shown(address: Callable[[], str]) -> Callable[[], object]:
        def asked() -> None:
            got = page(address())
            assert getattr(got, "status", 0) == 200, got

        return asked

    by = (
        "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
        "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
    )
    open_ones = "'GHD_Meta Status'=&quot;Open&quot;"
    return {
        **{name: shown(lambda path=path: path) for name, path in _PAGES.items()},  # type: ignore[misc]
        "page of a ticket": shown(lambda: f"/tickets/{number()}"),
        "SOAP TicketGet": soap(
            "TicketGet", lambda: f"<n:GHD_Request_ID>{number()}</n:GHD_Request_ID>"
        ),
        "SOAP TicketGetList of 100": soap(
            "TicketGetList",
            lambda: (
                f"<n:Qualification>{open_ones}</n:Qualification><n:startRecord>0</n:startRecord>"
                "<n:maxLimit>100</n:maxLimit>"
            ),
        ),
        "SOAP OpCreate": soap(
            "OpCreate",
            lambda: (
                f"<n:GHD_Origin_ID>scale-{next(turn)}</n:GHD_Origin_ID>"
                f"<n:GHD_Short_Description>Sample</n:GHD_Short_Description>{by}"
            ),
        ),
        "SOAP TicketModify": soap(
            "TicketModify",
            lambda: (
                f"<n:GHD_Request_ID>{number()}</n:GHD_Request_ID>{by}"
                f"<n:GHD_Public_Diary>Still looking {next(turn)}</n:GHD_Public_Diary>"
            ),
        ),
        "REST get": rest("GET", lambda: f"/tickets/{number()}"),
        "REST list of 100": rest("GET", lambda: "/tickets?limit=100&state=open"),
        "REST create": rest("POST", lambda: "/tickets", lambda: {"title": f"Sample {next(turn)}"}),
    }


def _most(url: str, place: Place, token: str, cookie: str, seconds: float) -> tuple[int, int]:
    """Calls that all clients together had answered in that time, and those that failed."""
    ends = monotonic() + seconds
    done: list[int] = []
    failed: list[int] = []

    def work(client: int) -> None:
        door = EveryDoor(url, place, token, cookie, client)
        calls = errors = 0
        while monotonic() < ends:
            try:
                door.call()
                calls += 1
            except (AssertionError, OSError, HTTPException) as error:
                print(f"scale: all doors: {error}"[:300], file=sys.stderr, flush=True)
                errors += 1
                door.close()
                door = EveryDoor(url, place, token, cookie, client)
        door.close()
        done.append(calls)
        failed.append(errors)

    clients = [threading.Thread(target=work, args=(client,)) for client in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    if len(done) < CLIENTS:
        raise SystemExit("scale: a client ended before its time")
    return sum(done), sum(failed)


def exponent(before: float, after: float, sizes: tuple[int, int]) -> float:
    """The power of the number of tickets with which a time grows between two sizes."""
    return log(after / before) / log(sizes[1] / sizes[0])


def rows_of(found: Sequence[Scaled]) -> Sequence[Sequence[str]]:
    """The table of one database: its sizes are ascending."""
    sizes = [one.tickets for one in found]
    rows = []
    for name in found[0].times:
        asked = [one.times[name] for one in found]
        shown = [
            f"{_in_ms(percentile(times, 0.5))}, {_in_ms(percentile(times, 0.95))}"
            for times in asked
        ]
        rows.append([name, *_grown(shown, sizes, [median(times) for times in asked])])
    most = [f"{one.most:.0f}" for one in found]
    rows.append(["all doors, calls/s", *_grown(most, sizes, [one.most for one in found])])
    return rows


def _grown(shown: Sequence[str], sizes: Sequence[int], values: Sequence[float]) -> list[str]:
    """The cells, each but the first followed by its exponent."""
    cells = [shown[0]]
    for cell, pair, (early, late) in zip(shown[1:], pairwise(sizes), pairwise(values), strict=True):
        known = early and late and not isinf(early) and not isinf(late)
        cells += [cell, f"{exponent(early, late, pair):.2f}" if known else "unknown"]
    return cells


def _in_ms(value: float) -> str:
    return "failed" if isinf(value) else f"{value:.0f}"


def _print(kind: str, found: Sequence[Scaled]) -> None:
    heads = ["question (p50, p95 in ms)", f"{found[0].tickets:,}"]
    for one in found[1:]:
        heads += [f"{one.tickets:,}", "exponent"]
    print_table(TITLES[kind], heads, rows_of(found))
    for one in found:
        print(failures(one))


def failures(one: Scaled) -> str:
    """How many of each question failed, in one line."""
    said = ", ".join(f"{name} {failed:,}" for name, failed in one.failed.items())
    return f"- {one.tickets:,} tickets: failed: {said or 'none'}."


if __name__ == "__main__":
    main()
