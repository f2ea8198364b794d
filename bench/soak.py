"""A mixed load for minutes: no call may fail, and the processes' memory must stay flat."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from time import monotonic, sleep
from urllib.parse import urlsplit

from bench.load import CLIENTS
from bench.places import TITLES, Place
from bench.reads import ask
from bench.tables import print_table
from tests.harness.server import live, test_settings

WARM = 0.2
"""Part of the time after which memory is first read."""
_LISTS = (
    "'GHD_Status'=&quot;in progress&quot;",
    "'GHD_Affected Site'=&quot;FZK-LCG2&quot;",
    "'GHD_Meta Status'=&quot;Open&quot; AND 'GHD_Responsible Unit'=&quot;LHCOPN NOC&quot;",
)


def measure(place: Place, minutes: float) -> None:
    """Print what 8 clients did and what memory it took."""
    done: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    until = monotonic() + minutes * 60
    with live(replace(test_settings(place.url))) as server:
        url = f"{server.url}/soap/GGUS"
        clients = [
            threading.Thread(target=_work, args=(url, place, client, until, done, failed))
            for client in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        sleep(minutes * 60 * WARM)
        warm = memory(server.pid)
        for client in clients:
            client.join()
        end = memory(server.pid)
    print_table(
        f"Mixed load, {TITLES[place.kind]}: {CLIENTS} clients, {minutes:g} minutes, 2 processes",
        ("", "figure"),
        [
            *((operation, f"{count:,} calls") for operation, count in sorted(done.items())),
            ("failed", ", ".join(f"{count} {what}" for what, count in failed.items()) or "none"),
            ("memory of each process after warm-up", _written(warm)),
            ("memory of each process at the end", _written(end)),
        ],
    )


def _work(
    url: str,
    place: Place,
    client: int,
    until: float,
    done: Counter[str],
    failed: Counter[str],
) -> None:
    rng = Random(client)
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    turn = 0
    while monotonic() < until:
        turn += 1
        operation, values = some_call(rng, place, f"{os.getpid()}-{client}-{turn}")
        try:
            ask(url, operation, values, connection)
            done[operation] += 1
        except (OSError, AssertionError) as error:
            fault = re.search(r"ERROR \(\d+\)", str(error))
            failed[f"{operation}: {fault[0] if fault else type(error).__name__}"] += 1
            connection.close()
    connection.close()


def some_call(rng: Random, place: Place, unique: str) -> tuple[str, str]:
    """One call: seven of ten read a ticket, the others list, create and modify."""
    number = f"<n:GHD_Request_ID>{rng.randint(place.first, place.last)}</n:GHD_Request_ID>"
    names = (
        "<n:GHD_Last_Modifier>Sample NOC</n:GHD_Last_Modifier>"
        "<n:GHD_Last_Login>sample</n:GHD_Last_Login>"
    )
    chance = rng.random()
    if chance < 0.7:
        return "TicketGet", number
    if chance < 0.75:
        return "TicketGetList", (
            f"<n:Qualification>{rng.choice(_LISTS)}</n:Qualification>"
            f"<n:startRecord>{rng.randrange(20)}</n:startRecord><n:maxLimit>100</n:maxLimit>"
        )
    if chance < 0.9:
        diary = f"<n:GHD_Public_Diary>Still looking {unique}</n:GHD_Public_Diary>"
        return "TicketModify", number + names + diary
    return "OpCreate", (
        f"<n:GHD_Origin_ID>{unique}</n:GHD_Origin_ID>"
        f"<n:GHD_Short_Description>Sample {unique}</n:GHD_Short_Description>{names}"
    )


def memory(parent: int) -> list[int]:
    """Resident MiB of each server process under ``parent``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(fields[21]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    return [size for size in sorted(found) if size > 40]


def processor_time(parent: int) -> float:
    """Seconds of a processor that the server processes under ``parent`` have used."""
    used = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def _written(sizes: list[int]) -> str:
    return ", ".join(f"{size} MiB" for size in sizes)
