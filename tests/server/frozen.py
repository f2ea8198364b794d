"""Proof that a process that is stopped in the middle holds nobody up for long, on both databases.

The real portal, two server processes and a worker, with clients that write through the GGUS door
all the time; then one process is stopped by SIGSTOP: a server while it holds the lock that every
writer needs, a server that holds nothing, the worker, and a program of its own in an open
transaction.
``python -m tests.server.frozen [sqlite] [postgresql]`` prints for each when others write again,
when the process was replaced, and whether what was acknowledged is there, once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from app.core.database.sqlite_write_lock import WriteLock
from app.core.folders import PROJECT
from app.tickets.models.tickets import Ticket
from tests.harness import run
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.server import (
    LiveServer,
    live,
    test_settings,
)
from tests.harness.until import until
from tests.soap_service.wire import CREATED, Wire, create_accounts, in_order

WITHIN: Final = 30.0
"""Seconds: what others write, and the replacement of a process, must not take longer."""
CLIENTS = 6
_HOLDER = """
import os, signal, sys
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from app import tables
from app.core.database.transactions import configure_engine, transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from datetime import datetime, UTC
configure_engine(engine := create_engine(sys.argv[1]))
with Session(engine) as session, transaction(session):
    by = Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime.now(UTC))
    open_ticket(session, by, NewTicket(title="never stored"))
    print("in", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""
"""A program that is stopped in the middle of a new ticket, with an engine as the portal has it."""


@dataclass
class Clients:
    """Partners that write without a pause; each waits at most 40 s for an answer."""

    wire: Wire
    ended: threading.Event = field(default_factory=threading.Event)
    acknowledged: list[tuple[float, str, str]] = field(default_factory=list)
    """When (``monotonic``), the origin id, and the number that was answered."""
    refused: Counter[str] = field(default_factory=Counter)
    """Answers that stored nothing, and calls without any, by what they said."""
    began: dict[str, float] = field(default_factory=dict)

    def write(self, client: int) -> None:
        """One client's calls, until the end."""
        count = 0
        while not self.ended.is_set():
            count += 1
            origin = f"{client}-{count}"
            self.began[origin] = monotonic()
            values = in_order("OpCreate", {**CREATED, "GHD_Origin_ID": origin})
            try:
                answer = self.wire.call("OpCreate", values)
            except (OSError, IndexError, ValueError):
                self.refused["no answer"] += 1
                continue
            if answer.status == 200:
                number = answer.values["GHD_Request_ID"]
                self.acknowledged.append((monotonic(), origin, number))
            else:
                self.refused[answer.fault[:40]] += 1

    def since(self, moment: float) -> float | None:
        """Seconds from a moment to the end of the first write that began after it."""
        later = [at for at, origin, _number in self.acknowledged if self.began[origin] > moment]
        return min(later) - moment if later else None


@dataclass
class Portal:
    """The real portal with both kinds of processes."""

    server: LiveServer
    supervisor: int
    kind: str

    def children(self) -> Mapping[int, str]:
        """Its processes with their command lines."""
        path = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children")
        found = {}
        for pid in map(int, path.read_text().split()):
            with suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
        return found

    def servers(self) -> list[int]:
        """The server processes."""
        return [pid for pid, line in self.children().items() if "app.server.process" in line]

    def worker(self) -> int:
        """The worker; 0 = it does not run."""
        return next((pid for pid, line in self.children().items() if "worker" in line), 0)

    def said(self, words: str) -> int:
        """How often the log says so."""
        return self.server.log.read_text().count(words)


@contextmanager
def portal(kind: str) -> Iterator[Portal]:
    """Start it on a new database of this kind."""
    with fresh_database(kind) as url:
        settings = replace(test_settings(url), same_calls_per_minute=0)
        with live(settings, supervised=True, worker=True) as server:
            create_accounts(server)
            found = Portal(server, server.pid, kind)
            until(lambda: found.worker() > 0 and found.said("worker began") > 0)
            yield found


@contextmanager
def clients(found: Portal) -> Iterator[Clients]:
    """Clients that write until the end."""
    writing = Clients(Wire(found.server))
    threads = [threading.Thread(target=writing.write, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(writing.acknowledged) >= 3 * CLIENTS)
        yield writing
    finally:
        writing.ended.set()
        for thread in threads:
            thread.join()


def _holds_lock(found: Portal, pid: int) -> bool:
    """Whether a process that is stopped holds what writers need."""
    if found.kind == "sqlite":
        database = found.server.settings.database_url.removeprefix("sqlite:///")
        holder = WriteLock(database).holder()
        return holder is not None and holder.pid == pid
    engine = create_engine(found.server.settings.database_url)
    try:
        with engine.connect() as connection:
            return bool(
                connection.scalar(
                    text(
                        "SELECT count(*) FROM pg_stat_activity waits"
                        " JOIN pg_stat_activity holds"
                        " ON holds.pid = ANY(pg_blocking_pids(waits.pid))"
                        " WHERE holds.state = 'idle in transaction'"
                        " AND waits.datname = current_database()"
                        " AND holds.state_change < clock_timestamp() - interval '300 ms'"
                    )
                )
            )
    finally:
        engine.dispose()


def stop_in_the_middle(found: Portal) -> tuple[int, float]:
    """Stop a server at a moment at which it holds the lock; the process, and when."""
    for _turn in range(2000):
        for pid in found.servers():
            os.kill(pid, signal.SIGSTOP)
            at = monotonic()
            if found.kind == "postgresql":
                threading.Event().wait(0.4)  # until what others hold has ended
            if _holds_lock(found, pid):
                return pid, at
            os.kill(pid, signal.SIGCONT)
            threading.Event().wait(0.02)
    raise AssertionError("no server was met while it wrote")


def stop_idle(found: Portal) -> tuple[int, float]:
    """Stop a server at a moment at which it holds nothing."""
    while True:
        pid = found.servers()[0]
        os.kill(pid, signal.SIGSTOP)
        at = monotonic()
        if found.kind == "postgresql":
            threading.Event().wait(0.4)
        if not _holds_lock(found, pid):
            return pid, at
        os.kill(pid, signal.SIGCONT)


def stop_worker(found: Portal) -> tuple[int, float]:
    """Stop the worker, whatever it does."""
    pid = found.worker()
    os.kill(pid, signal.SIGSTOP)
    return pid, monotonic()


@dataclass(frozen=True)
class Outcome:
    """What came of one process that was stopped. Seconds since then; None = not within a minute,
    or nobody replaces it."""

    case: str
    others_write: float | None
    replaced: float | None
    acknowledged: int
    lost: int
    doubled: int
    refused: Mapping[str, int]
    said: str = ""

    @property
    def is_good(self) -> bool:
        """Whether all of it is as it must be."""
        within = (self.others_write, self.replaced)
        return (
            not self.lost
            and not self.doubled
            and all(one is not None and one < WITHIN for one in within)
        )

    def __str__(self) -> str:
        refused = ", ".join(f"{count} x {what}" for what, count in self.refused.items())
        return (
            f"{self.case} | {_seconds(self.others_write)} | {_seconds(self.replaced)} |"
            f" {self.acknowledged} | {self.lost} | {self.doubled} | {refused or '-'}{self.said}"
        )


def _seconds(one: float | None) -> str:
    return "never" if one is None else f"{one:.1f} s"


def _outcome(
    found: Portal, writing: Clients, case: str, began: float, replaced: float | None, said: str = ""
) -> Outcome:
    with Session(engine := open_engine(found.server.settings.database_url)) as session:
        rows = session.execute(select(Ticket.number, Ticket.origin_id)).all()
    engine.dispose()
    stored = {str(number): origin for number, origin in rows}
    lost = [one for one in writing.acknowledged if stored.get(one[2]) != one[1]]
    times = Counter(origin for _number, origin in rows if origin)
    doubled = sum(count - 1 for count in times.values())
    acknowledged, refused = len(writing.acknowledged), dict(writing.refused)
    return Outcome(
        case, writing.since(began), replaced, acknowledged, len(lost), doubled, refused, said
    )


def play(kind: str, case: str, stop: Callable[[Portal], tuple[int, float]]) -> Outcome:
    """Stop one of the portal's own processes, and see what becomes of it and of the others."""
    with portal(kind) as found:
        with clients(found) as writing:
            pid, at = stop(found)
            is_server = pid in found.servers()
            until(lambda: pid not in found.children(), 90)
            if is_server:
                until(lambda: len(found.servers()) == 2, 60)
            else:
                until(lambda: found.worker() > 0, 60)
            replaced = monotonic() - at
            until(lambda: writing.since(at) is not None, 90)
        assert found.said(f"(pid {pid}) has sent no heartbeat") == 1
        return _outcome(found, writing, case, at, replaced)


def play_outside(kind: str) -> Outcome:
    """A program that nobody supervises is stopped in its transaction. On PostgreSQL the server ends
    it; on SQLite nobody can but who stopped it, and everybody is told who it is."""
    with portal(kind) as found:
        with clients(found) as writing:
            url = found.server.settings.database_url
            with (
                subprocess.Popen(
                    [sys.executable, "-c", _HOLDER, url], cwd=PROJECT, stdout=subprocess.PIPE
                ) as holder,
                ExitStack() as ending,
            ):
                assert holder.stdout is not None
                ending.callback(holder.kill)  # whatever happens: a stopped one is awaited for ever
                holder.stdout.readline()
                at, replaced, said = monotonic(), None, ""
                if kind == "sqlite":
                    until(lambda: found.said(f"pid {holder.pid} (") > 0, 90)
                    said = f"; named in the log after {monotonic() - at:.1f} s, then killed by hand"
                    holder.kill()
                    replaced = monotonic() - at
                else:
                    until(lambda: writing.since(at) is not None, 90)
                    replaced = monotonic() - at
                    holder.kill()
            until(lambda: writing.since(at) is not None, 90)
        return _outcome(found, writing, "a program of its own", at, replaced, said)


CASES: Mapping[str, Callable[[Portal], tuple[int, float]]] = {
    "a server that holds the lock": stop_in_the_middle,
    "a server that holds nothing": stop_idle,
    "the worker": stop_worker,
}


def _rows(kind: str) -> Iterator[Outcome]:
    for case, stop in CASES.items():
        yield play(kind, case, stop)
    yield play_outside(kind)


def main() -> int:
    """Print the table; 1 if a row is not good."""
    bad = 0
    print(
        "| database | stopped | others write after | replaced after | acknowledged | lost |"
        " doubled | refused |\n|---|---|---:|---:|---:|---:|---:|---|"
    )
    folder = run.begin()
    try:
        for kind in sys.argv[1:] or KINDS:
            for row in _rows(kind):
                bad += not row.is_good
                print(f"| {kind} | {row} |", flush=True)
    finally:
        run.end(folder)
    print(f"\n{bad} rows are not good.")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
