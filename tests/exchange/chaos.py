"""Layer 3 of the proof: real processes, killed at random, with a bad network between them.

Two portals, one on PostgreSQL and one on SQLite, are each other's partner of kind ``ggus``; the
first has a Zammad-like partner, too. Operations come in at every side, servers and workers are
killed with ``kill -9``, calls are cut, lost, delayed and doubled. At the end all heals; then the
three hold the same texts, each once. What is compared is what they hold, read from outside; what
was acknowledged stands in a journal of this program.

``python -m tests.exchange.chaos --minutes 30`` (``make chaos``) prints what came of it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from random import Random
from time import monotonic, sleep
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.partners import create_partner_account
from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import SettingError
from app.core.rules.scopes import Scope
from app.core.settings import PROJECT, Settings, process_environment
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import Entry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Choice, Profile, Row
from app.exchange.services import decisions
from app.exchange.services.connections import connect, wake
from app.exchange.services.secrets import LOGIN, add_secret
from app.exchange.stand_in import StandIn, server_of
from app.server.sockets import open_sockets, serving_command
from app.tickets.models.tickets import Ticket
from tests.exchange.bad_network import BadNetwork
from tests.exchange.said import said_in
from tests.harness import postgres, run
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import TEST_SECRET, LiveServer, free_port, test_settings
from tests.soap_service.wire import PASSWORD, Wire, in_order

STATES = ("new", "assigned", "in progress", "solved", "unsolved")
BETWEEN_PORTALS = Profile(
    tickets=Choice.NEW, maps={"state": tuple(Row(one, one) for one in STATES)}
)
WITH_ZAMMAD = Profile(tickets=Choice.NEW, group="Network")
BAD = {"cut": 0.05, "lost": 0.05, "late": 0.1, "doubled": 0.05}
LOSSES = {name: odds for name, odds in BAD.items() if name != "doubled"}
"""A Zammad whose network carries out a call twice makes two tickets, and no client can help it;
the portal's own door knows a call again."""
_SECONDS_BETWEEN_KILLS = 6.0
_LONGEST_HEALING = 900.0


@dataclass
class Portal:
    """One portal: a server and a worker, each a process of its own that may be killed."""

    name: str
    settings: Settings
    quick: float | None
    kills: int = 0
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def wire(self) -> Wire:
        """Its SOAP door."""
        port = self.settings.port
        log = run.folder() / f"{self.name}.log"
        return Wire(LiveServer(f"http://127.0.0.1:{port}", port, self.settings, log, 0))

    def keep_up(self) -> None:
        """Start what does not run."""
        for part, begin in (("server", self._begin_server), ("worker", self._begin_worker)):
            process = self._processes.get(part)
            if process is None or process.poll() is not None:
                with suppress(SettingError):  # what was killed holds the port for a moment
                    self._processes[part] = begin()

    def kill(self, part: str) -> None:
        """``kill -9`` a part with all its children."""
        process = self._processes.get(part)
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.kills += 1

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """Its database."""
        engine = open_engine(self.settings.database_url)
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()

    def _begin_server(self) -> subprocess.Popen[bytes]:
        sockets = open_sockets(self.settings)
        command = serving_command(replace(self.settings, worker=False), sockets, monotonic())
        process = self._begin("server", command, tuple(one.fileno() for one in sockets))
        for one in sockets:
            one.close()
        return process

    def _begin_worker(self) -> subprocess.Popen[bytes]:
        quick = () if self.quick is None else (str(self.quick),)
        module = "tests.exchange.quick_worker"
        return self._begin(
            "worker", (sys.executable, "-m", module, self.settings.database_url, *quick), ()
        )

    def _begin(
        self, part: str, command: Sequence[str], sockets: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        with (run.folder() / f"{self.name}-{part}.log").open("ab") as out:
            return subprocess.Popen(
                command,
                cwd=PROJECT,
                env=process_environment(self.settings),
                pass_fds=sockets,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@dataclass
class Said:
    """One text that somebody said on a ticket: ``acknowledged`` = the door answered that it is
    kept; else nobody knows, and it may be there or not, but the same everywhere."""

    ticket: int
    """The journal's number of the ticket."""
    text: str
    where: str
    acknowledged: bool


@dataclass
class Result:
    """What a run showed."""

    operations: int
    acknowledged: int
    kills: int
    entries: int
    network: Mapping[str, int]
    tickets: int
    lost: list[str]
    doubled: list[str]
    unpaired: list[str]
    out_of_step: list[str]
    """Pairs of the two portals whose heads are not the same, as each answers over REST."""
    healed_after: float

    @property
    def is_good(self) -> bool:
        """Nothing was lost, nothing doubled, and each ticket has one pair."""
        return not (self.lost or self.doubled or self.unpaired or self.out_of_step)


class Chaos:
    """The whole: two portals, a partner, and somebody who breaks them."""

    def __init__(self, held: ExitStack, seed: int, quick: float | None) -> None:
        self._dice, self._held = Random(seed), held
        kinds = ("postgresql" if postgres.programs() is not None else "sqlite", "sqlite")
        self.a, self.b = (
            self._portal(name, kind, quick) for name, kind in zip("ab", kinds, strict=True)
        )
        self.zammad = StandIn("token-of-zammad")
        server = held.enter_context(server_of(self.zammad))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        held.callback(server.shutdown)
        self._networks = {
            "a to b": BadNetwork(self.b.settings.port, Random(seed + 1), **BAD),
            "b to a": BadNetwork(self.a.settings.port, Random(seed + 2), **BAD),
            "a to zammad": BadNetwork(server.server_port, Random(seed + 3), **LOSSES),
        }
        self._tokens: dict[str, str] = {}
        self._set_up()
        self.said: list[Said] = []
        self.tickets: list[tuple[str, int]] = []
        """Where each ticket was opened, and its number there."""
        self.operations = 0

    def _portal(self, name: str, kind: str, quick: float | None) -> Portal:
        url = self._held.enter_context(fresh_database(kind))
        port = free_port()
        settings = replace(
            test_settings(url),
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            outbound_private_hosts=frozenset({"127.0.0.1"}),
        )
        portal = Portal(name, settings, quick)
        for part in ("server", "worker"):
            self._held.callback(portal.kill, part)
        return portal

    def _set_up(self) -> None:
        by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
        partners = {"a": ("B", "a to b"), "b": ("A", "b to a")}
        for portal in (self.a, self.b):
            code, network = partners[portal.name]
            with portal.rows() as rows, transaction(rows):
                create_partner_account(rows, by, "NOC", "noc", PASSWORD, access="all")
                create_partner_account(
                    rows, by, code, f"portal-{code.lower()}", PASSWORD, access="own", internal=True
                )
                made = connect(
                    rows,
                    by,
                    code,
                    "ggus",
                    url=f"http://127.0.0.1:{self._networks[network].port}",
                    direction="push",
                    remote_login=f"portal-{portal.name}",
                    profile=BETWEEN_PORTALS,
                )
                add_secret(rows, by, made, LOGIN, PASSWORD, TEST_SECRET.encode())
                token = create_token(rows, by, "chaos", (Scope.READ,), 2)
                self._tokens[portal.name] = token.secret
                if portal is self.a:
                    made = connect(
                        rows,
                        by,
                        "ZAMMAD",
                        "zammad",
                        url=f"http://127.0.0.1:{self._networks['a to zammad'].port}",
                        direction="both",
                        profile=WITH_ZAMMAD,
                    )
                    add_secret(rows, by, made, LOGIN, self.zammad.token, TEST_SECRET.encode())

    # what people and partners do

    def operate(self) -> None:
        """One operation at a random side."""
        self.operations += 1
        if not self.tickets or self._dice.random() < 0.1:
            self._open(self._dice.choice((self.a, self.b)))
        else:
            self._say(self._dice.randrange(len(self.tickets)))

    def _open(self, portal: Portal) -> None:
        text = f"Opened by operation {self.operations}"
        values = {
            "GHD_Short_Description": f"Ticket of operation {self.operations}",
            "GHD_Description": text,
            "GHD_Origin_ID": f"op-{self.operations}",
            "GHD_Last_Modifier": "noc",
            "GHD_Last_Login": "noc",
        }
        number = self._called(portal, "OpCreate", values)
        if number is not None:
            self.tickets.append((portal.name, int(number)))
            self.said.append(Said(len(self.tickets) - 1, text, portal.name, acknowledged=True))

    def _say(self, ticket: int) -> None:
        text = f"Said by operation {self.operations}"
        where = self._dice.choice("abz")
        if where == "z":
            key = self._in_zammad(ticket)
            if key is not None:
                self.zammad.comment(key, text)
                self.said.append(Said(ticket, text, where, acknowledged=True))
            return
        portal = self.a if where == "a" else self.b
        number = self._number_at(portal, ticket)
        if number is None:
            return
        values = {
            "GHD_Request_ID": str(number),
            "GHD_Last_Modifier": "noc",
            "GHD_Last_Login": "noc",
            "GHD_Public_Diary": text,
        }
        done = self._called(portal, "TicketModify", values)
        self.said.append(Said(ticket, text, where, acknowledged=done is not None))

    @staticmethod
    def _called(portal: Portal, operation: str, values: Mapping[str, str]) -> str | None:
        """The number that was answered; None = there was no good answer."""
        with suppress(OSError, ValueError, AssertionError, KeyError, IndexError):
            answer = portal.wire.call(operation, in_order(operation, values), user="noc")
            return answer.values["GHD_Request_ID"]
        return None

    def _number_at(self, portal: Portal, ticket: int) -> int | None:
        """The number of a ticket at a portal, once it is there."""
        name, number = self.tickets[ticket]
        if name == portal.name:
            return number
        asked = {"Qualification": f"'GHD_Origin ID'=\"LHCOPN#{number}\""}
        with suppress(OSError, ValueError, AssertionError, KeyError, IndexError):
            rows = portal.wire.call("TicketGetList", asked, user="noc").rows
            return int(rows[0]["GHD_Request_ID"])
        return None

    def _in_zammad(self, ticket: int) -> int | None:
        with self.a.rows() as rows:
            number = self._counterpart(rows, self.a, ticket)
        keys = self._zammad_keys(number) if number is not None else ()
        return keys[0] if keys else None

    def _zammad_keys(self, number: int) -> Sequence[int]:
        mark = f" via LHCOPN#{number}/1)"
        return [
            key
            for key, there in list(self.zammad.tickets.items())
            if there.articles[0]["body"].rstrip().endswith(mark)
        ]

    def _counterpart(self, rows: Session, portal: Portal, ticket: int) -> int | None:
        name, number = self.tickets[ticket]
        if name == portal.name:
            return number
        return rows.scalar(
            select(Ticket.number).where(Ticket.origin_id == f"LHCOPN#{number}").limit(1)
        )

    # how it is broken, and heals

    def run(self, seconds: float, each: float) -> None:
        """Operate and kill for so long; ``each``: seconds between two operations."""
        for portal in (self.a, self.b):
            portal.keep_up()
        self._wait_for_doors()
        ends, next_kill = monotonic() + seconds, monotonic() + _SECONDS_BETWEEN_KILLS
        while monotonic() < ends:
            self.operate()
            if monotonic() >= next_kill:
                portal = self._dice.choice((self.a, self.b))
                portal.kill(self._dice.choice(("server", "worker", "worker")))
                next_kill = monotonic() + self._dice.random() * 2 * _SECONDS_BETWEEN_KILLS
            for portal in (self.a, self.b):
                portal.keep_up()
            sleep(each)

    def _wait_for_doors(self) -> None:
        ends = monotonic() + 120
        probe = {"Qualification": "'GHD_Request ID'=\"0\""}
        for portal in (self.a, self.b):
            while monotonic() < ends:
                with suppress(OSError, IndexError):
                    if portal.wire.call("TicketGetList", probe, user="noc").status in (200, 500):
                        break
                sleep(0.2)

    def heal(self) -> float:
        """Break nothing any more, do what a person would do, and wait until nothing is open."""
        began = monotonic()
        for network in self._networks.values():
            network.heal()
        while monotonic() - began < _LONGEST_HEALING:
            for portal in (self.a, self.b):
                portal.keep_up()
            still_open = [portal for portal in (self.a, self.b) if self._is_open(portal)]
            if not still_open and not self._unread():
                break
            sleep(2)
        return monotonic() - began

    def _is_open(self, portal: Portal) -> bool:
        """Whether something waits there; what is stopped is tried again, as a person would."""
        by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
        with portal.rows() as rows:
            waiting = rows.scalar(
                select(func.count()).select_from(Entry).where(Entry.state == EntryState.WAITING)
            )
            newest = rows.scalar(select(func.max(Change.id))) or 0
            with transaction(rows):
                for connection in rows.scalars(select(Connection)):
                    if connection.failures or connection.resting_until:
                        wake(rows, connection)
            stopped = rows.scalars(
                select(TicketPair.id).where(
                    (TicketPair.state == PairState.STOPPED) | TicketPair.due_at.is_not(None)
                )
            ).all()
            rows.rollback()
            for pair_id in stopped:
                with transaction(rows):
                    decisions.retry(rows, by, pair_id)
            lagging = newest - self._planned(rows)
        if waiting or stopped or lagging:
            print(
                f"{portal.name}: {waiting} entries wait, {len(stopped)} pairs are tried again,"
                f" {lagging} changes are not planned",
                file=sys.stderr,
                flush=True,
            )
        return bool(waiting or stopped or lagging)

    @staticmethod
    def _planned(rows: Session) -> int:
        from app.core.models.changes import PortalFact
        from app.exchange.services.planning import CURSOR

        fact = rows.get(PortalFact, CURSOR)
        return int(fact.value) if fact is not None else 0

    def _unread(self) -> bool:
        """Whether the partner holds a text that the first portal has not read yet."""
        with self.a.rows() as rows:
            held = {
                number: {said_in(text) for text in self._texts(rows, number)}
                for number in rows.scalars(select(Ticket.number))
            }
        for said in self.said:
            if said.where == "z":
                with self.a.rows() as rows:
                    number = self._counterpart(rows, self.a, said.ticket)
                if said.text not in held.get(number or 0, set()):
                    return True
        return False

    # what came of it

    def _differs(self, ticket: int) -> bool:
        """Whether the two portals tell different heads of a pair, one read over REST at each."""
        told = []
        for portal, partner in ((self.a, "B"), (self.b, "A")):
            number = self._number_at(portal, ticket)
            connection = HTTPConnection("127.0.0.1", portal.settings.port, timeout=60)
            headers = {"Authorization": f"Bearer {self._tokens[portal.name]}"}
            connection.request("GET", f"/api/v1/exchange/pairs/{number}", headers=headers)
            pairs = json.loads(connection.getresponse().read())["items"]
            connection.close()
            heads = [pair for pair in pairs if pair["partner"] == partner]
            told.append([(pair["opener"]["head"], pair["answerer"]["head"]) for pair in heads])
        return told[0] != told[1] or len(told[0]) != 1

    @staticmethod
    def _texts(rows: Session, number: int) -> list[str]:
        ticket = rows.get(Ticket, number)
        texts = [ticket.description] if ticket is not None else []
        said = rows.scalars(
            select(ChangedField.new)
            .join(Change, Change.id == ChangedField.change_id)
            .where(Change.thing_id == number, ChangedField.field == "public_comment")
        ).all()
        return texts + [text for text in said if text is not None]

    def result(self, healed_after: float) -> Result:
        """Compare the three sides by what they hold."""
        lost, doubled, unpaired = [], [], []
        entries = 0
        held: dict[str, dict[int, Counter[str]]] = {"a": {}, "b": {}, "z": {}}
        for portal in (self.a, self.b):
            with portal.rows() as rows:
                entries += rows.scalar(select(func.count()).select_from(Entry)) or 0
                for ticket in range(len(self.tickets)):
                    name, number = self.tickets[ticket]
                    same = (
                        [number]
                        if name == portal.name
                        else list(
                            rows.scalars(
                                select(Ticket.number).where(Ticket.origin_id == f"LHCOPN#{number}")
                            )
                        )
                    )
                    if len(same) != 1:
                        unpaired.append(f"#{number} of {name}: {len(same)} times at {portal.name}")
                        continue
                    texts = self._texts(rows, same[0])
                    held[portal.name][ticket] = Counter(said_in(text) for text in texts)
                    if portal is self.a:
                        keys = self._zammad_keys(same[0])
                        if len(keys) != 1:
                            unpaired.append(f"#{same[0]} of a: {len(keys)} times in zammad")
                            continue
                        there = self.zammad.tickets[keys[0]].articles
                        held["z"][ticket] = Counter(said_in(one["body"]) for one in there)
        for said in self.said:
            counts = {side: held[side].get(said.ticket, Counter())[said.text] for side in held}
            if said.acknowledged and min(counts.values()) < 1:
                lost.append(f"{said.text} ({said.where}): {counts}")
            elif not said.acknowledged and len(set(counts.values())) > 1:
                lost.append(f"{said.text} ({said.where}, not acknowledged): {counts}")
            if max(counts.values()) > 1:
                doubled.append(f"{said.text} ({said.where}): {counts}")
        network: Counter[str] = Counter()
        for one in self._networks.values():
            network.update(one.done)
        return Result(
            operations=self.operations,
            acknowledged=sum(said.acknowledged for said in self.said),
            kills=self.a.kills + self.b.kills,
            entries=entries,
            network=dict(sorted(network.items())),
            tickets=len(self.tickets),
            lost=lost,
            doubled=doubled,
            unpaired=unpaired,
            out_of_step=[
                f"ticket {ticket}" for ticket in range(len(self.tickets)) if self._differs(ticket)
            ],
            healed_after=healed_after,
        )


def play(seed: int, seconds: float, each: float, quick: float | None) -> Result:
    """One run; ``quick``: the longest call in seconds, None = as in the product."""
    with ExitStack() as held:
        chaos = Chaos(held, seed, quick)
        chaos.run(seconds, each)
        return chaos.result(chaos.heal())


def main() -> int:
    """Play, and print; 1 if something was lost or doubled."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=30)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--each", type=float, default=0.2, help="seconds between operations")
    options.add_argument("--quick", type=float, default=None, help="longest call in seconds")
    given = options.parse_args()
    folder = run.begin()
    try:
        result = play(given.seed, given.minutes * 60, given.each, given.quick)
        if not result.is_good:
            keep = PROJECT / "chaos-logs"
            keep.mkdir(exist_ok=True)
            for log in folder.glob("*.log"):
                (keep / log.name).write_bytes(log.read_bytes())
    finally:
        run.end(folder)
    print(f"seed {given.seed}, {given.minutes:g} minutes, {datetime.now(UTC):%Y-%m-%d}")
    print(f"operations {result.operations:,}, acknowledged {result.acknowledged:,}")
    print(f"kills {result.kills}, tickets {result.tickets}, entries {result.entries:,}")
    print(f"calls on the way: {', '.join(f'{k} {v:,}' for k, v in result.network.items())}")
    print(f"in step {result.healed_after:.0f} s after the last of it")
    for name in ("lost", "doubled", "unpaired", "out_of_step"):
        found: list[Any] = getattr(result, name)
        print(f"{name} {len(found)}")
        for one in found[:20]:
            print(f"  {one}")
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
