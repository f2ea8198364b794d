"""Partners that would keep the portal busy, and a person or another partner beside each.

``python -m tests.exchange.busy_partners [texts] [slow]`` starts a real worker on SQLite and on
PostgreSQL and prints a table for each:

- *texts*: a partner's ticket has very many new texts, and a person comments here beside it;
- *slow*: a partner takes a second a call and 40 of its tickets changed, or drips its answers, and
  another partner gets a new ticket and opens one.

1 is its exit code if a comment waited a second, a ticket more than 5, or not all was taken and
nobody was told.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.settings import process_environment
from app.demo.partner_system import StandIn, server_of
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.services.hints import READ_PARTNER, read_soon
from app.jobs.services.queue import enqueue
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import Cast, enter, writer
from tests.exchange.exchange_world import PROFILE, TOKEN
from tests.harness import run
from tests.harness.databases import KINDS, fresh_database, open_engine
from tests.harness.server import TEST_SECRET, end_group, test_settings

LONGEST_WAIT: Final = 1.0
"""Seconds for a comment of a person."""
LONGEST_DELAY: Final = 5.0
"""Seconds for a ticket of the other partner."""
COUNTS: Final = (1_000, 3_000, 20_000)
CHANGED: Final = 40
_TEXT: Final = "The line card in Geneva was changed and the link is up again. " * 7
_GIVEN_UP: Final = 900
"""Seconds after which the texts count as not taken."""
_LATE: Final = 180


@dataclass
class Partner:
    """A stand-in that may be slow. ``drips``: it sends a byte of its answer each second, for
    ever."""

    stand_in: StandIn = field(default_factory=lambda: StandIn(TOKEN))
    seconds: float = 0
    drips: bool = False

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one call."""
        if self.drips:
            start_response("200 OK", [("Content-Type", "application/json")])
            return self._dripping()
        sleep(self.seconds)
        return self.stand_in(environ, start_response)

    def _dripping(self) -> Iterator[bytes]:
        for _ in range(120):
            yield b" "
            sleep(1)


@dataclass
class Portal:
    """A database with a worker."""

    engine: Engine
    cast: Cast

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction."""
        with Session(self.engine) as session, transaction(session):
            yield session

    def connected(self, code: str, url: str) -> int:
        """A connection with a partner, by whose search it is known what changed from now on."""
        with self.writing() as session:
            by = writer(self.cast.admin)
            how: dict[str, Any] = {"url": url, "direction": "both", "profile": PROFILE}
            made = connect(session, by, code, "zammad", **how)
            add_secret(session, by, made, LOGIN, TOKEN, TEST_SECRET.encode())
            key = made.id
            enqueue(session, READ_PARTNER, {"connection": key}, key=f"{READ_PARTNER} {key}")
        self.until(lambda session: session.get_one(Connection, key).read_at is not None)
        return key

    def pull(self, key: int) -> None:
        """What they announce is to be read."""
        with self.writing() as session:
            enqueue(session, READ_PARTNER, {"connection": key}, key=f"{READ_PARTNER} {key}")

    def until(self, holds: Callable[[Session], Any], seconds: float = _LATE) -> float:
        """Wait until something holds; how long that took."""
        start = monotonic()
        while monotonic() - start < seconds:
            with Session(self.engine) as session:
                if holds(session):
                    return monotonic() - start
            sleep(0.1)
        return seconds

    def opened(self, title: str) -> int:
        """An operator opens a ticket; its number."""
        with self.writing() as session:
            new = NewTicket(title=title, description="Text")
            return open_ticket(session, writer(self.cast.operator), new).number

    def comment(self, number: int, text: str) -> float:
        """A person's comment; how many seconds it takes."""
        start = monotonic()
        try:
            with self.writing() as session:
                comment_ticket(session, writer(self.cast.operator), number, text)
        except DBAPIError as error:
            print(f"a comment failed: {type(error.orig).__name__}", file=sys.stderr)
            return max(monotonic() - start, _LATE)
        return monotonic() - start


@contextmanager
def _working(kind: str) -> Iterator[Portal]:
    with fresh_database(kind) as url, ExitStack() as stack:
        engine = open_engine(url)
        stack.callback(engine.dispose)
        with Session(engine) as session:
            cast = enter(session)
        with (run.folder() / f"worker-{kind}.log").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.exchange.quick_worker", url],
                cwd=PROJECT,
                env=process_environment(test_settings(url)),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        stack.callback(end_group, process)
        yield Portal(engine, cast)


@contextmanager
def _serving(partner: Partner) -> Iterator[str]:
    import threading

    with server_of(partner) as server:  # type: ignore[arg-type]  # it is called like one
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def texts(kind: str, counts: Iterable[int] = COUNTS) -> Iterator[tuple[str, bool]]:
    """Rows: database, new texts, longest wait of a comment, taken, seconds, what people read."""
    for count in counts:
        partner = Partner()
        with _serving(partner) as url, _working(kind) as portal:
            key = portal.connected("NREN-A", url)
            there = partner.stand_in.open("Down", "The fibre is cut.", group="Network")
            portal.pull(key)
            portal.until(lambda session: session.scalars(select(TicketPair)).first() is not None)
            with Session(portal.engine) as session:
                number = session.scalars(select(TicketPair.ticket_number)).one()
            beside = portal.opened("Beside it")
            portal.until(lambda session: session.scalar(select(func.count(TicketPair.id))) == 2)
            for place in range(count):
                partner.stand_in.comment(there, f"{place}: {_TEXT}"[:400])
            with portal.writing() as session:
                read_soon(session, key, str(there))
            start, longest, turn, taken, told = monotonic(), 0.0, 0, 0, ""
            while taken < count and not told and monotonic() - start < _GIVEN_UP:
                for one in (number, beside):
                    turn += 1
                    longest = max(longest, portal.comment(one, f"Comment {turn}"))
                sleep(0.2)
                taken, told = _taken(portal, number)
            took = monotonic() - start
            line = f"{kind} | {count:,} | {longest:.2f} | {taken:,} | {took:.0f} | {told or '-'}"
            yield line, longest < LONGEST_WAIT and (taken == count or bool(told))


def _taken(portal: Portal, number: int) -> tuple[int, str]:
    with Session(portal.engine) as session:
        count = session.scalar(
            select(func.count(ExchangeEntry.id)).where(
                ExchangeEntry.origin == "theirs", ExchangeEntry.kind == "comment"
            )
        )
        pair = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number)).one()
        return count or 0, pair.reason if pair.state == "stopped" else ""


HOW: Final[Mapping[str, Callable[[Partner], None]]] = {
    "alone": lambda _partner: None,
    "1 s a call": lambda partner: setattr(partner, "seconds", 1),
    "1 s a call, each announced": lambda partner: setattr(partner, "seconds", 1),
    "drips": lambda partner: setattr(partner, "drips", True),
    "drips, each announced": lambda partner: setattr(partner, "drips", True),
}


def slow(kind: str, ways: Iterable[str] = tuple(HOW)) -> Iterator[tuple[str, bool]]:
    """Rows: database, how the other partner is, the longest delays of a new ticket of ours there
    and of theirs here."""
    for how in ways:
        slow_one, quick = Partner(), Partner()
        with _serving(slow_one) as there, _serving(quick) as here, _working(kind) as portal:
            slow_key = portal.connected("NREN-A", there)
            quick_key = portal.connected("NREN-B", here)
            if how != "alone":
                ids = [
                    slow_one.stand_in.open(f"Theirs {place}", "Text", group="Network")
                    for place in range(CHANGED)
                ]
                portal.pull(slow_key)
                paired = select(func.count(TicketPair.id)).where(
                    TicketPair.connection_id == slow_key
                )
                portal.until(lambda session: session.scalar(paired) == CHANGED)  # noqa: B023
                sleep(2)
                for one in ids:
                    slow_one.stand_in.comment(one, "A splice failed")
                HOW[how](slow_one)
                portal.pull(slow_key)
                if "announced" in how:
                    with portal.writing() as session:
                        for one in ids:
                            read_soon(session, slow_key, str(one))
            sleep(1)
            ours = theirs = 0.0
            for turn in range(3):
                number = portal.opened(f"Urgent {turn}")
                ours = max(ours, portal.until(lambda _rows: _is_there(quick, f"Urgent {turn}")))  # noqa: B023
                assert number
                their_id = str(quick.stand_in.open(f"Of B {turn}", "Text", group="Network"))
                portal.pull(quick_key)
                pair = select(TicketPair.id).where(
                    TicketPair.connection_id == quick_key, TicketPair.their_id == their_id
                )
                theirs = max(theirs, portal.until(lambda session: session.scalar(pair)))  # noqa: B023
                sleep(2)
            yield f"{kind} | {how} | {ours:.1f} | {theirs:.1f}", max(ours, theirs) <= LONGEST_DELAY


def _is_there(partner: Partner, title: str) -> bool:
    return any(one.title == title for one in list(partner.stand_in.tickets.values()))


def main(chosen: Iterable[str]) -> int:
    """Print the tables; 1 if a figure is bad."""
    bad, folder = 0, run.begin()
    heads = {
        "texts": "database | new texts | longest comment s | taken | s | people read",
        "slow": "database | the other partner | ours there after s | theirs here after s",
    }
    try:
        for name in chosen:
            print(f"load {os.getloadavg()[0]:.1f}\n\n| {heads[name]} |")
            print("|" + "---|" * (heads[name].count("|") + 1))
            for kind in KINDS:
                for line, good in texts(kind) if name == "texts" else slow(kind):
                    bad += not good
                    print(f"| {line} |", flush=True)
    finally:
        run.end(folder)
    print(f"\n{bad} figures are bad. load {os.getloadavg()[0]:.1f}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ("texts", "slow")))
