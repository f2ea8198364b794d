"""The list as a file: how long it takes, and what memory the server needs meanwhile.

The real server on a durable database, asked over HTTP by one operator who is logged in and takes
what comes as fast as it comes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from time import perf_counter
from urllib.parse import urlsplit

from app.demo import LOGINS
from bench.pages import visitor
from bench.places import TITLES, Place
from bench.processes import memory, processor_time
from bench.tables import print_table
from tests.harness.server import live, test_settings

TIMES = 3
EVERY = 0.05
"""Seconds between two looks at the memory."""
GOAL = 1.5
"""Seconds for 53,000 tickets as CSV."""
_ALL = "state=open&state=closed"
_FILES = {
    "CSV": f"/tickets.csv?{_ALL}",
    "CSV by title": f"/tickets.csv?{_ALL}&sort=title",
    "CSV, one site": f"/tickets.csv?{_ALL}&site=DE-KIT",
    "XLSX": f"/tickets.xlsx?{_ALL}",
}


def measure(place: Place) -> None:
    """Print the table for one database."""
    rows = []
    login = next(login for login in LOGINS if login.role == "operator")
    with (
        live(test_settings(place.url)) as server,
        visitor(server.url, login.name, login.password) as person,
    ):
        for address in _FILES.values():  # what is made once, and pages of the database
            _take(server.url, person.cookie, f"{address}&link=CERN-PIC-LHCOPN-001")
        for name, address in _FILES.items():
            before = sum(memory(server.pid))
            used = processor_time(server.pid)
            with _watched(server.pid) as highest:
                took = [_take(server.url, person.cookie, address) for _ in range(TIMES)]
            used = (processor_time(server.pid) - used) / TIMES
            size = took[0][1]
            first, whole = (min(some) for some in ([t[2] for t in took], [t[0] for t in took]))
            growth = max(highest) - before
            rows.append(
                (
                    name,
                    f"{size / 2**20:,.1f} MiB",
                    f"{first:.2f} s",
                    f"{whole:.2f} s",
                    f"{used:.2f} s",
                    f"{growth:+.0f} MiB",
                )
            )
    print_table(
        f"The list as a file, {TITLES[place.kind]}: {place.last:,} tickets, best of {TIMES}",
        ("file", "size", "first byte", "whole", "processor time", "memory of both processes"),
        rows,
    )


def _take(url: str, cookie: str, address: str) -> tuple[float, int, float]:
    """Seconds until the end, bytes, seconds until the first one."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=600)
    began = perf_counter()
    connection.request("GET", address, headers={"Cookie": cookie})
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    first = perf_counter() - began
    size = 0
    while piece := answer.read(256 * 1024):
        size += len(piece)
    connection.close()
    return perf_counter() - began, size, first


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """The memory of the server's processes in MiB, looked at again and again."""
    seen: list[float] = [0]
    end = threading.Event()

    def look() -> None:
        while not end.wait(EVERY):
            with suppress(OSError):
                seen.append(sum(memory(pid)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        end.set()
        thread.join()
