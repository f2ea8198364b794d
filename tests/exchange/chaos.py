"""Layer 3 of the proof: real processes, killed at random, with a bad network between them.

Two portals, one on PostgreSQL and one on SQLite, are each other's partner of kind ``ggus``; the
first has a Zammad-like partner, too, which has fewer words for states than we and reopens what is
closed where somebody writes. Texts, files and values come in at every side, servers and workers are
killed with ``kill -9``, calls are cut, lost, delayed and doubled. At the end all heals; then the
three hold the same texts and files, each once, and each value of each pair is equal, or a person is
asked, or the panel names the difference; of the pairs of the two portals, which push and do not
read each other, the panel may also say that it does not compare. What is compared is what they
hold, read from outside; what was acknowledged stands in a journal of this program.

``python -m tests.exchange.chaos --minutes 30`` (``make chaos``) prints what came of it.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.partners import create_partner_account
from app.accounts.services.tokens import create_token
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.changes import Change, ChangedField
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Invalid, SettingError
from app.core.rules.scopes import Scope
from app.core.services.changes import TICKET
from app.core.settings import Settings, process_environment
from app.demo.partner_system import StandIn, server_of
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Choice, Profile, ValueRow
from app.exchange.services import decisions
from app.exchange.services.connections.connections import connect, wake
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.services.deliveries import first_waiting
from app.server.sockets import open_sockets
from app.tickets.models.tickets import Ticket
from tests.exchange import quick_worker
from tests.exchange.bad_network import BadNetwork
from tests.exchange.both_sides import ASKED, GOOD, NOT_COMPARED, SAID, Value, values_of
from tests.exchange.kinds import PRIORITIES, ZammadThere
from tests.exchange.said import said_in
from tests.harness import loaded, postgres, run
from tests.harness.databases import fresh_database, open_engine
from tests.harness.server import TEST_SECRET, LiveServer, free_port, test_settings
from tests.soap_service.wire import PASSWORD, Wire, in_order

STATES = (
    *("new", "assigned", "in progress", "waiting for reply", "on hold", "reopened"),
    *("solved", "unsolved"),
)
BETWEEN_PORTALS = Profile(
    tickets=Choice.NEW,
    maps={
        "state": tuple(ValueRow(one, one) for one in STATES),
        "priority": tuple(ValueRow(one.ours, one.ours) for one in PRIORITIES),
    },
)
WITH_ZAMMAD = ZammadThere.profile
BAD = {"cut": 0.05, "lost": 0.05, "late": 0.1, "doubled": 0.05}
BAD_ENDS = ("lost", "doubled", "unpaired", "different", "out_of_step")
LOSSES = {name: odds for name, odds in BAD.items() if name != "doubled"}
"""A Zammad whose network carries out a call twice makes two tickets, and no client can help it;
the portal's own door knows a call again."""
_SECONDS_BETWEEN_KILLS = 4.0
_LONGEST_HEALING = 900.0
_LONGEST_READING = 300.0
"""Seconds after which the last values of a healed exchange must have been read back."""


@dataclass
class Portal:
    """One portal: a server and a worker, each a process of its own that may be killed."""

    name: str
    settings: Settings
    quick: float | None
    kills: int = 0
    _processes: dict[str, loaded.Child] = field(default_factory=dict)

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
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it was forked just now, and leads no group yet
                process.kill()
            process.wait()
            self.kills += 1

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Its database."""
        engine = open_engine(self.settings.database_url)
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()

    def _begin_server(self) -> loaded.Child:
        sockets = open_sockets(self.settings)
        try:
            return loaded.start_server(self.settings, sockets, self._log("server"))
        finally:
            for one in sockets:
                one.close()

    def _begin_worker(self) -> loaded.Child:
        return loaded.Child(
            quick_worker.work,
            (self.settings.database_url, self.quick),
            environment=process_environment(self.settings),
            out=self._log("worker"),
        )

    def _log(self, part: str) -> Path:
        return run.folder() / f"{self.name}-{part}.log"


@dataclass
class Said:
    """One text that somebody said on a ticket, or a file, by its name: ``acknowledged`` = the door
    answered that it is kept; else nobody knows, and it may be there or not, but the same
    everywhere."""

    ticket: int
    """The journal's number of the ticket."""
    text: str
    where: str
    acknowledged: bool


@dataclass
class Result:
    """What a run showed."""

    operations: int
    moved: int
    """Values that people were told are set."""
    acknowledged: int
    """Texts and files of which people were told that they are kept."""
    kills: int
    entries: int
    network: Mapping[str, int]
    tickets: int
    lost: list[str]
    doubled: list[str]
    unpaired: list[str]
    """Tickets without a counterpart, or with a second one."""
    values: Mapping[str, int]
    """How often a value of a pair is equal, or asked, or said."""
    different: list[str]
    """Values that are neither."""
    out_of_step: list[str]
    """Pairs of the two portals whose heads are not the same, as each answers over REST."""
    healed_after: float

    @property
    def is_good(self) -> bool:
        """Nothing was lost, nothing doubled, and each ticket has one pair."""
        return not any(getattr(self, name) for name in BAD_ENDS)


class Chaos:
    """The whole: two portals, a partner, and somebody who breaks them."""

    def __init__(self, held: ExitStack, seed: int, quick: float | None) -> None:
        self._dice, self._held = Random(seed), held
        kinds = ("postgresql" if postgres.programs() is not None else "sqlite", "sqlite")
        self.a, self.b = (
            self._portal(name, kind, quick) for name, kind in zip("ab", kinds, strict=True)
        )
        there = ZammadThere({"closed": "open"})
        there.clock = lambda: datetime.now(UTC)
        self.zammad: StandIn = there.application
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
        self.operations = self.moved = 0
        self._tried: Counter[tuple[int, int]] = Counter()

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
            with portal.session() as session, transaction(session):
                create_partner_account(session, by, "NOC", "noc", PASSWORD, access="all")
                create_partner_account(
                    session,
                    by,
                    code,
                    f"portal-{code.lower()}",
                    PASSWORD,
                    access="own",
                    internal=True,
                )
                made = connect(
                    session,
                    by,
                    code,
                    "ggus",
                    url=f"http://127.0.0.1:{self._networks[network].port}",
                    direction="push",
                    remote_login=f"portal-{portal.name}",
                    profile=BETWEEN_PORTALS,
                )
                add_secret(session, by, made, LOGIN, PASSWORD, TEST_SECRET.encode())
                token = create_token(session, by, "chaos", (Scope.READ,), 2)
                self._tokens[portal.name] = token.secret
                if portal is self.a:
                    made = connect(
                        session,
                        by,
                        "ZAMMAD",
                        "zammad",
                        url=f"http://127.0.0.1:{self._networks['a to zammad'].port}",
                        direction="both",
                        profile=WITH_ZAMMAD,
                    )
                    add_secret(session, by, made, LOGIN, self.zammad.token, TEST_SECRET.encode())

    # what people and partners do

    def operate(self) -> None:
        """One operation at a random side."""
        self.operations += 1
        chance = self._dice.random()
        if not self.tickets or chance < 0.1:
            self._open(self._dice.choice((self.a, self.b)))
            return
        ticket, where = self._dice.randrange(len(self.tickets)), self._dice.choice("abz")
        if chance < 0.5:
            self._say(ticket, where)
        elif chance < 0.9:
            self._move(ticket, where)
        else:
            self._attach(ticket, where)

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

    def _say(self, ticket: int, where: str) -> None:
        text = f"Said by operation {self.operations}"
        if where == "z":
            key = self._in_zammad(ticket)
            if key is not None:
                self.zammad.comment(key, text)
                self.said.append(Said(ticket, text, where, acknowledged=True))
            return
        done = self._modify(where, ticket, {"GHD_Public_Diary": text})
        if done is not None:
            self.said.append(Said(ticket, text, where, acknowledged=done))

    def _move(self, ticket: int, where: str) -> None:
        """Set a state or a priority."""
        name = self._dice.choice(("state", "state", "priority"))
        if where == "z":
            value, key = self._dice.choice(ZammadThere.values[name]), self._in_zammad(ticket)
            if key is not None:
                self.zammad.change(key, **{name: value})
                self.moved += 1
            return
        if name == "state":
            values = {"GHD_Status": self._dice.choice(STATES)}
            values["GHD_Detailed_Solution"] = f"How, by operation {self.operations}"
        else:
            values = {"GHD_Priority": self._dice.choice(PRIORITIES).ours}
        self.moved += bool(self._modify(where, ticket, values))

    def _attach(self, ticket: int, where: str) -> None:
        name, content = f"{self.operations}.txt", f"File of operation {self.operations}".encode()
        if where == "z":
            key = self._in_zammad(ticket)
            if key is not None:
                self.zammad.attach(key, name, content)
                self.said.append(Said(ticket, name, where, acknowledged=True))
            return
        portal = self.a if where == "a" else self.b
        number = self._number_at(portal, ticket)
        if number is None:
            return
        values = {
            "GAT_Attachment_Name": name,
            "GAT_Attachment_Data": base64.b64encode(content).decode(),
            "GAT_Attachment_Orig_Size": str(len(content)),
            "GAT_Request_ID": str(number),
            "GAT_Last_Modifier": "noc",
            "GAT_Last_Login": "noc",
        }
        done = False
        with suppress(OSError, ValueError, AssertionError, KeyError, IndexError):
            answer = portal.wire.call("AddAttachment", values, user="noc", service="GGUS_ATTACH")
            done = answer.status == 200
        self.said.append(Said(ticket, name, where, acknowledged=done))

    def _modify(self, where: str, ticket: int, values: Mapping[str, str]) -> bool | None:
        """Change a ticket at a portal; whether that was acknowledged, None = it is not there."""
        portal = self.a if where == "a" else self.b
        number = self._number_at(portal, ticket)
        if number is None:
            return None
        whose = {
            "GHD_Request_ID": str(number),
            "GHD_Last_Modifier": "noc",
            "GHD_Last_Login": "noc",
        }
        return self._called(portal, "TicketModify", {**whose, **values}) is not None

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
        with self.a.session() as session:
            number = self._counterpart(session, self.a, ticket)
        keys = self._zammad_keys(number) if number is not None else ()
        return keys[0] if keys else None

    def _zammad_keys(self, number: int) -> Sequence[int]:
        mark = f" via LHCOPN#{number}/1)"
        return [
            key
            for key, there in list(self.zammad.tickets.items())
            if there.articles[0]["body"].rstrip().endswith(mark)
        ]

    def _counterpart(self, session: Session, portal: Portal, ticket: int) -> int | None:
        name, number = self.tickets[ticket]
        if name == portal.name:
            return number
        return session.scalar(
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
        healed = monotonic()
        while monotonic() - healed < _LONGEST_READING and not self._is_settled():
            sleep(2)
        return monotonic() - began

    def _is_settled(self) -> bool:
        """Whether nothing is to be sent or read back any more."""
        return not any(map(self._is_open, (self.a, self.b))) and all(
            value.outcome in GOOD for _pair, value in self.values()
        )

    def _is_open(self, portal: Portal) -> bool:
        """Whether something waits there; what is stopped is tried again, as a person would."""
        by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
        with portal.session() as session:
            waiting = session.scalar(
                select(func.count())
                .select_from(ExchangeEntry)
                .where(ExchangeEntry.state == EntryState.WAITING)
            )
            newest = session.scalar(select(func.max(Change.id))) or 0
            with transaction(session):
                for connection in session.scalars(select(Connection)):
                    if connection.failures or connection.resting_until:
                        wake(session, connection)
            stopped = session.scalars(
                select(TicketPair.id).where(
                    (TicketPair.state == PairState.STOPPED) | TicketPair.due_at.is_not(None)
                )
            ).all()
            session.rollback()
            for pair_id in stopped:
                with suppress(Invalid), transaction(session):
                    if self._is_refused(session, pair_id):
                        decisions.leave_out(session, by, pair_id, "They do not take this value")
                    else:
                        decisions.retry(session, by, pair_id)
            lagging = newest - self._planned(session)
        if waiting or stopped or lagging:
            print(
                f"{portal.name}: {waiting} entries wait, {len(stopped)} pairs are tried again,"
                f" {lagging} changes are not planned",
                file=sys.stderr,
                flush=True,
            )
        return bool(waiting or stopped or lagging)

    def _is_refused(self, session: Session, pair_id: int) -> bool:
        """Whether a pair stops once more at a value: a person leaves it out then."""
        waiting = first_waiting(session, pair_id)
        pair = session.get_one(TicketPair, pair_id)
        if waiting is None or waiting.kind != EntryKind.FIELDS or pair.state != PairState.STOPPED:
            return False
        self._tried[pair.connection_id, waiting.id] += 1
        return self._tried[pair.connection_id, waiting.id] > 2

    @staticmethod
    def _planned(session: Session) -> int:
        from app.core.models.changes import PortalFact
        from app.exchange.services.planning import CURSOR

        fact = session.get(PortalFact, CURSOR)
        return int(fact.value) if fact is not None else 0

    def _unread(self) -> bool:
        """Whether the partner holds a text that the first portal has not read yet."""
        with self.a.session() as session:
            held = {
                number: {said_in(text) for text in self._texts(session, number)}
                for number in session.scalars(select(Ticket.number))
            }
        for said in self.said:
            if said.where == "z":
                with self.a.session() as session:
                    number = self._counterpart(session, self.a, said.ticket)
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
    def _texts(session: Session, number: int) -> list[str]:
        """The texts of a ticket, and the names of its files."""
        ticket = session.get(Ticket, number)
        texts = [ticket.description] if ticket is not None else []
        found = (Change.kind == TICKET, Change.thing_id == number, ChangedField.new.is_not(None))
        said = session.execute(
            select(ChangedField.field, ChangedField.new)
            .join(Change, Change.id == ChangedField.change_id)
            .where(*found, ChangedField.field.in_(("public_comment", "attachment")))
        )
        for name, text in said:
            told = text or ""
            texts.append(told if name == "public_comment" else told.partition(" ")[2])
        return texts

    def values(self) -> Iterator[tuple[str, Value]]:
        """What became of each value of each pair, with the pair in words."""
        now = datetime.now(UTC)
        with self.a.session() as at_a, self.b.session() as at_b:
            for ticket in range(len(self.tickets)):
                sides = ((self.a, at_a, "B", at_b), (self.b, at_b, "A", at_a))
                found: list[tuple[str, Value]] = []
                for portal, session, partner, theirs in sides:
                    pair = self._pair(session, portal, ticket, partner)
                    there = theirs.get(Ticket, int(pair.their_id or 0)) if pair else None
                    if pair is not None and there is not None:
                        held = {"state": there.state, "priority": there.priority}
                        name = f"#{pair.ticket_number} of {portal.name} with {partner}"
                        values = values_of(session, pair, BETWEEN_PORTALS, held, now)
                        found += [(name, value) for value in values]
                known = {v.name: v.outcome for _, v in found if v.outcome in (ASKED, SAID)}
                for name, value in found:
                    if value.outcome == NOT_COMPARED:  # people of the other side may know of it
                        value = replace(value, outcome=known.get(value.name, NOT_COMPARED))
                    yield name, value
                pair = self._pair(at_a, self.a, ticket, "ZAMMAD")
                if pair is not None and pair.their_id:
                    shown = vars(self.zammad.tickets[int(pair.their_id)])
                    for value in values_of(at_a, pair, WITH_ZAMMAD, shown, now):
                        yield f"#{pair.ticket_number} of a with zammad", value

    def _pair(
        self, session: Session, portal: Portal, ticket: int, partner: str
    ) -> TicketPair | None:
        number = self._counterpart(session, portal, ticket)
        pairs = session.scalars(select(TicketPair).where(TicketPair.ticket_number == number))
        return next((one for one in pairs if one.connection.partner.code == partner), None)

    def _sides(self) -> tuple[Mapping[str, Mapping[int, Counter[str]]], list[str]]:
        """What each side holds of each ticket, and tickets that are not there just once."""
        unpaired: list[str] = []
        held: dict[str, dict[int, Counter[str]]] = {"a": {}, "b": {}, "z": {}}
        for portal in (self.a, self.b):
            with portal.session() as session:
                for ticket, (name, number) in enumerate(self.tickets):
                    found = session.scalars(
                        select(Ticket.number).where(Ticket.origin_id == f"LHCOPN#{number}")
                    )
                    same = [number] if name == portal.name else list(found)
                    if len(same) != 1:
                        unpaired.append(f"#{number} of {name}: {len(same)} times at {portal.name}")
                        continue
                    texts = self._texts(session, same[0])
                    held[portal.name][ticket] = Counter(said_in(text) for text in texts)
                    keys = self._zammad_keys(same[0]) if portal is self.a else [0]
                    if len(keys) != 1:
                        unpaired.append(f"#{same[0]} of a: {len(keys)} times in zammad")
                    elif portal is self.a:
                        held["z"][ticket] = self._in_articles(keys[0])
        return held, unpaired

    def _in_articles(self, key: int) -> Counter[str]:
        articles = self.zammad.tickets[key].articles
        found = Counter(said_in(one["body"]) for one in articles)
        found.update(file["filename"] for one in articles for file in one["attachments"])
        return found

    def result(self, healed_after: float) -> Result:
        """Compare the three sides by what they hold."""
        lost, doubled, entries = [], [], 0
        held, unpaired = self._sides()
        for portal in (self.a, self.b):
            with portal.session() as session:
                entries += session.scalar(select(func.count()).select_from(ExchangeEntry)) or 0
        for said in self.said:
            counts = {side: held[side].get(said.ticket, Counter())[said.text] for side in held}
            if said.acknowledged and min(counts.values()) < 1:
                lost.append(f"{said.text} ({said.where}): {counts}")
            elif not said.acknowledged and len(set(counts.values())) > 1:
                lost.append(f"{said.text} ({said.where}, not acknowledged): {counts}")
            if max(counts.values()) > 1:
                doubled.append(f"{said.text} ({said.where}): {counts}")
        outcomes, different = Counter[str](), []
        for pair, value in self.values():
            if value.outcome in GOOD:
                outcomes[value.outcome] += 1
            else:
                different.append(f"{pair}: {value}")
        network: Counter[str] = Counter()
        for way in self._networks.values():
            network.update(way.done)
        return Result(
            operations=self.operations,
            moved=self.moved,
            acknowledged=sum(said.acknowledged for said in self.said),
            kills=self.a.kills + self.b.kills,
            entries=entries,
            network=dict(sorted(network.items())),
            tickets=len(self.tickets),
            lost=lost,
            doubled=doubled,
            unpaired=unpaired,
            values=dict(sorted(outcomes.items())),
            different=different,
            out_of_step=[
                f"ticket {ticket}" for ticket in range(len(self.tickets)) if self._differs(ticket)
            ],
            healed_after=healed_after,
        )


def play(seed: int, seconds: float, each: float, quick: float | None) -> Result:
    """One run; ``quick``: the longest call in seconds, None = as in the product."""
    loaded.load_also("tests.exchange.quick_worker", "zeep")
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
    print(f"operations {result.operations:,}, values moved {result.moved:,}")
    print(f"texts and files acknowledged {result.acknowledged:,}")
    print(f"kills {result.kills}, tickets {result.tickets}, entries {result.entries:,}")
    print(f"calls on the way: {', '.join(f'{k} {v:,}' for k, v in result.network.items())}")
    print(f"at rest {result.healed_after:.0f} s after the last of it")
    print(f"values: {', '.join(f'{name} {count:,}' for name, count in result.values.items())}")
    for name in BAD_ENDS:
        found: list[Any] = getattr(result, name)
        print(f"{name.replace('_', ' ')} {len(found)}")
        for one in found[:20]:
            print(f"  {one}")
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
