"""``make prove-soak``: a mixed load of every door, for an hour, on both databases.

The portal is served by its own command, with the supervisor, two server processes and a worker.
First 8 clients call as fast as they are answered, then they call half as often, evenly, while
listeners hear of changes. Each minute the memory and the open files of every process and the times
of the calls are read. Prints ``docs/proofs/soak.md``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from math import ceil
from multiprocessing.connection import Connection
from statistics import median
from time import monotonic, sleep
from typing import Final

from app.composition import compose_figures, compose_mails, compose_records
from app.core.folders import PROJECT
from app.demo import LOGINS
from bench.live import PER_PERSON, Address, Heard, listen, listening_people
from bench.load import CLIENTS
from bench.mix import EveryDoor, failure
from bench.pages import percentile, visitor
from bench.places import KINDS, TITLES, Place, filled
from bench.processes import Usage, usages
from bench.rest import new_token
from bench.tables import print_machine, print_table
from bench.undone import undone
from tests.harness import postgres, run
from tests.harness.server import LiveServer, live, test_settings

WARM: Final = 0.2
"""Part of the time after which memory, files and times are first read."""
LAST: Final = 0.2
"""Part of the time at its end that is compared with as much after the warm-up."""
MEMORY: Final = 1.05
"""How many times its memory after the warm-up a process may take at the end (issue 34)."""
DESCRIPTORS: Final = 5
"""How many files and sockets more a process may have open at the end."""
LATENCY: Final = 1.25
"""How many times as long a call may take at the end: its p50 and p95, by the median of minutes."""
AT_REST: Final = 120.0
"""Seconds in which the worker has to do what is left after the last call."""
_LISTENERS: Final = 100
_HEAD = f"""# Mixed load through every door

`make prove-soak` writes this page. For each database the portal is served by its own command (a
supervisor, two server processes and a worker) with the demo and bulk tickets. {CLIENTS} clients
call through every door: of 20 calls 12 are SOAP (`TicketGet`, `TicketGetList`, `TicketModify`,
`OpCreate`), 5 are REST (read, list, create, comment) and 3 are pages. For a minute they call as
fast as they are answered: "most". Then they make half as many calls, evenly, while listeners hear
of changes at `/live`. The time of a call counts from the moment at which it was due.

What is compared are the minutes after the warm-up (a fifth of the time) and the last minutes (a
fifth as well), by their medians. It holds if no call failed; no process ended, or took more than
{MEMORY - 1:.0%} more memory (PSS) or {DESCRIPTORS} descriptors more; p50 and p95 are at most
{LATENCY} times what they were; each listener was there at the end and heard as much as the others;
and the worker had nothing left to do and nothing given up within {AT_REST:.0f} s after the end.
"""


@dataclass(frozen=True)
class Minute:
    """One minute: what was called, and every process of the portal at its end, by its id.

    ``p50`` and ``p95`` are milliseconds of all calls of the minute.
    """

    calls: int
    failed: Mapping[str, int]
    p50: float
    p95: float
    processes: Mapping[int, Usage] = field(default_factory=dict)


@dataclass(frozen=True)
class Soaked:
    """All that was seen of one database. ``left`` is what the worker had not done, in words."""

    most: float
    """Calls a second without a pause."""
    minutes: Sequence[Minute]
    listeners: int
    heard: Heard
    left: Sequence[str]


def main() -> None:
    """Soak, and print the page; status 1 if something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench.prove_soak")
    parser.add_argument("--minutes", type=int, default=60, help="of half of the most, at least 5")
    parser.add_argument("--tickets", type=int, default=20_000, help="bulk tickets")
    parser.add_argument(
        "--together", action="store_true", help="both databases at once, on the same cores"
    )
    given = parser.parse_args()
    if given.minutes < 5:
        parser.error("--minutes: at least 5, so that there are minutes to compare")
    folder = run.begin()
    compose_records()
    compose_figures()
    compose_mails()
    found: dict[str, Soaked] = {}
    try:
        print(_HEAD)
        print_machine()
        print(f"Commit {_commit()}.", end=" ")
        if given.together:
            print("Both databases were soaked at the same time, and so was the most measured.")
        print(flush=True)
        with ExitStack() as held:
            places = [held.enter_context(filled(kind, given.tickets, "soak")) for kind in KINDS]
            began = os.getloadavg()[0]
            for group in [places] if given.together else [[one] for one in places]:
                found |= _soak(group, given.minutes)
            print(
                f"Load average at the beginning {began:.1f}, at the end {os.getloadavg()[0]:.1f}.\n"
            )
    finally:
        postgres.stop(folder)
        run.end(folder)
    for kind, one in found.items():
        _print(kind, one)
    if any(wrong_with(one) for one in found.values()):
        sys.exit(1)


def _commit() -> str:
    """What is checked out, and whether files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


# ---- the load ----


def _soak(places: Sequence[Place], minutes: int) -> dict[str, Soaked]:
    """Soak these at the same time."""
    found: dict[str, Soaked] = {}
    with ExitStack() as held:
        servers = [
            held.enter_context(live(test_settings(place.url), supervised=True, worker=True))
            for place in places
        ]

        def one(place: Place, server: LiveServer) -> None:
            found[place.kind] = _soak_one(place, server, minutes)

        threads = [
            threading.Thread(target=one, args=pair) for pair in zip(places, servers, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if missing := {place.kind for place in places} - found.keys():
        raise SystemExit(f"soak: {', '.join(sorted(missing))} broke off, see above")
    return found


def _soak_one(place: Place, server: LiveServer, minutes: int) -> Soaked:
    operator = next(login for login in LOGINS if login.role == "operator")
    with visitor(server.url, operator.name, operator.password) as person:
        who = (server.url, place, new_token(place), person.cookie)
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    caller = spawn.Process(target=_call, args=(there, *who, 1, 0.0))
    caller.start()
    first = here.recv()
    caller.join()
    most = first.calls / 60
    ears, mouth = spawn.Pipe()
    cookies = listening_people(place, _LISTENERS // PER_PERSON)
    address = Address(server.port, f"127.0.0.1:{server.port}")
    listener = spawn.Process(
        target=listen, args=(mouth, place, address, cookies, minutes * 60 + 10, 0)
    )
    listener.start()
    assert ears.recv() == "all listen"
    caller = spawn.Process(target=_call, args=(there, *who, minutes, most / 2))
    caller.start()
    seen = []
    for number in range(1, minutes + 1):
        told = here.recv()
        seen.append(Minute(told.calls, told.failed, told.p50, told.p95, usages(server.pid)))
        print(
            f"{place.kind}, minute {number}: {told.calls} calls, p95 {told.p95:.0f} ms,"
            f" {sum(told.failed.values())} failed",
            file=sys.stderr,
        )
    caller.join()
    heard: Heard = ears.recv()
    listener.join()
    return Soaked(most, seen, _LISTENERS, heard, undone(place.url, AT_REST))


def _call(
    parent: Connection,
    url: str,
    place: Place,
    secret: str,
    cookie: str,
    minutes: int,
    rate: float,
) -> None:
    """Call so often a second, 0 = as fast as is answered; tell the parent of each minute."""
    times: list[list[float]] = [[] for _ in range(minutes)]
    failed: list[Counter[str]] = [Counter() for _ in range(minutes)]
    begin = monotonic() + 0.5
    end = begin + minutes * 60

    def work(client: int) -> None:
        door = EveryDoor(url, place, secret, cookie, client)
        turn = client
        while (due := begin + turn / rate if rate else max(begin, monotonic())) < end:
            turn += CLIENTS
            sleep(max(0.0, due - monotonic()))
            minute = int((due - begin) // 60)
            try:
                door.call()
            except (OSError, HTTPException, AssertionError) as error:
                failed[minute][failure(error)] += 1
                print(f"soak: {place.kind}: {error!r}"[:300], file=sys.stderr)
                door.close()
            times[minute].append((monotonic() - due) * 1000)
        door.close()

    clients = [threading.Thread(target=work, args=(client,)) for client in range(CLIENTS)]
    for one in clients:
        one.start()
    for minute in range(minutes):
        sleep(max(0.0, begin + (minute + 1) * 60 - monotonic()))
        if minute == minutes - 1:
            for one in clients:
                one.join()
        calls = list(times[minute])
        parent.send(
            Minute(
                len(calls),
                dict(failed[minute]),
                percentile(calls, 0.5) if calls else 0.0,
                percentile(calls, 0.95) if calls else 0.0,
            )
        )


# ---- what is made of it ----


def compared(minutes: Sequence[Minute]) -> tuple[Sequence[Minute], Sequence[Minute]]:
    """The minutes after the warm-up, and as many at the end."""
    warm = ceil(len(minutes) * WARM)
    some = max(1, int(len(minutes) * LAST))
    return minutes[warm : warm + some], minutes[-some:]


def wrong_with(one: Soaked) -> Sequence[str]:
    """All that does not hold, in words."""
    found = []
    failed: Counter[str] = sum((Counter(minute.failed) for minute in one.minutes), Counter())
    found += [f"{count} calls failed: {what}" for what, count in failed.items()]
    if not all(minute.calls for minute in one.minutes):
        found.append("a minute without a call")
    before, after = compared(one.minutes)
    for name in ("p50", "p95"):
        early, late = (median(getattr(one, name) for one in part) for part in (before, after))
        if late > early * LATENCY:
            found.append(f"{name} from {early:.0f} to {late:.0f} ms")
    known = before[0].processes
    if not known:
        found.append("no process was seen")
    for pid in sorted(known.keys() | after[-1].processes.keys()):
        if not all(pid in minute.processes for minute in (*before, *after)):
            found.append(f"process {pid} was not there all the time")
            continue
        name = known[pid].name
        early, late = (_memory(part, pid) for part in (before, after))
        if late > early * MEMORY:
            found.append(f"{name} from {early:.0f} to {late:.0f} MiB")
        early, late = (_descriptors(part, pid) for part in (before, after))
        if late > early + DESCRIPTORS:
            found.append(f"{name} from {early:.0f} to {late:.0f} descriptors")
    heard = one.heard
    if heard.refused or heard.ended:
        found.append(f"listeners: {heard.refused} refused, {heard.ended} ended early")
    least, most = min(heard.of_each, default=0), max(heard.of_each, default=0)
    if len(heard.of_each) != one.listeners or not least or least < most * 0.9:
        found.append(f"messages of a listener: {least} to {most}")
    return [*found, *one.left]


def _memory(minutes: Sequence[Minute], pid: int) -> float:
    return median(minute.processes[pid].memory for minute in minutes)


def _descriptors(minutes: Sequence[Minute], pid: int) -> float:
    return median(minute.processes[pid].descriptors for minute in minutes)


def _print(kind: str, one: Soaked) -> None:
    before, after = compared(one.minutes)
    calls = sum(minute.calls for minute in one.minutes)
    failed = sum(sum(minute.failed.values()) for minute in one.minutes)
    wrong = wrong_with(one)
    pids = before[0].processes.keys() & after[-1].processes.keys()
    print_table(
        f"{TITLES[kind]}: {len(one.minutes)} minutes",
        ("", "after the warm-up", "last minutes"),
        [
            (
                f"calls a second (most {one.most:.0f})",
                *(f"{sum(m.calls for m in part) / len(part) / 60:.1f}" for part in (before, after)),
            ),
            ("p50", *(f"{median(m.p50 for m in part):.0f} ms" for part in (before, after))),
            ("p95", *(f"{median(m.p95 for m in part):.0f} ms" for part in (before, after))),
            *(
                (
                    f"{before[0].processes[pid].name}: memory, descriptors",
                    *(
                        f"{_memory(part, pid):.0f} MiB, {_descriptors(part, pid):.0f}"
                        if all(pid in minute.processes for minute in part)
                        else "not there all the time"
                        for part in (before, after)
                    ),
                )
                for pid in sorted(pids, key=lambda pid: (before[0].processes[pid].name, pid))
            ),
        ],
    )
    least, most = min(one.heard.of_each, default=0), max(one.heard.of_each, default=0)
    print(
        f"{calls:,} calls, of which {failed:,} failed. {one.listeners} listeners:"
        f" {one.heard.refused} refused, {one.heard.ended} ended early, each heard {least:,} to"
        f" {most:,} messages.\n"
    )
    print(f"**Does not hold: {'; '.join(wrong)}.**\n" if wrong else "Holds.\n", flush=True)


if __name__ == "__main__":
    main()
