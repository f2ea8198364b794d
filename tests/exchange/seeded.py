"""Connections and pairs as the exchange leaves them, laid without a partner's system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.language import _
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair, UnpairedTicket
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.fields import Owner
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import Check
from app.exchange.rules.profiles import Choice, Profile, ValueRow
from app.exchange.services.comparisons import begin_comparison, end_comparison, note_compared
from app.exchange.services.connections.connection_tests import (
    ask_test,
    begin_test,
    end_test,
    note_check,
)
from app.exchange.services.connections.connections import connect, set_profile
from app.exchange.services.entries import add_entry
from app.exchange.services.planning import begin_pair, plan_next
from app.tickets.models.tickets import Ticket
from tests.cast import NOON, SYSTEM
from tests.exchange.kinds import PRIORITIES as PRIORITY_ROWS

PRIORITIES = [row.ours for row in PRIORITY_ROWS]


def seed_connection(session: Session, code: str, **more: Any) -> Connection:
    """A connection with a Zammad of the partner ``code``, both ways."""
    given = {"url": "https://helpdesk.example.org", "direction": "both", **more}
    return connect(session, SYSTEM, code, "zammad", **given)


_RECORDED = EntryState.RECORDED


@dataclass
class SeededPair:
    """A pair, and what may be laid into it."""

    session: Session
    pair: TicketPair

    def known(self, their_id: str = "4711", number: str = "2013030648000012") -> SeededPair:
        """Their ticket is there: all that waited arrived."""
        pair = self.pair
        if pair.their_id is not None:
            return self
        pair.state, pair.their_id, pair.their_number = PairState.PAIRED, their_id, number
        pair.their_url = f"https://helpdesk.example.org/#ticket/zoom/{their_id}"
        pair.reason = ""
        for key, entry in enumerate(
            self.session.scalars(select(ExchangeEntry).where(ExchangeEntry.pair_id == pair.id))
        ):
            entry.state, entry.done_at, entry.their_key = EntryState.SENT, NOON, f"a{key}"
        return self

    def read(self, at: datetime, values: str = "{}") -> SeededPair:
        """Every change here is planned, and their ticket was read then, with these values."""
        self.known()
        self.pair.read_at = self.pair.connection.read_at = at
        self.pair.their_values, self.pair.differing = values, "[]"
        plan_all(self.session, at)
        return self

    def entry(
        self,
        origin: Origin,
        kind: EntryKind,
        content: dict[str, str],
        state: EntryState,
        at: datetime = NOON,
        **more: Any,
    ) -> ExchangeEntry:
        """One more entry."""
        return add_entry(
            self.session,
            self.pair,
            origin,
            kind,
            content,
            author="operator",
            at=at,
            state=state,
            **more,
        )

    def waiting(self, text: str = "Fibre is cut") -> ExchangeEntry:
        """A comment that their system refused."""
        self.known()
        self.pair.state, self.pair.reason = (
            PairState.STOPPED,
            "It responded with 422: body is missing",
        )
        content = {"text": text}
        return self.entry(Origin.OURS, EntryKind.COMMENT, content, EntryState.WAITING)

    def asked(self, name: str = "priority", theirs: str = "top priority") -> ExchangeEntry:
        """A value that both sides changed."""
        self.known()
        content = {name: theirs}
        return self.entry(Origin.THEIRS, EntryKind.FIELDS, content, EntryState.ASKED)


def seed_unpaired(session: Session, connection: Connection, number: int) -> UnpairedTicket:
    """A ticket there that our account made for this number, and that is no pair's."""
    key = session.scalar(select(func.count()).select_from(UnpairedTicket)) or 0
    row = UnpairedTicket(
        connection_id=connection.id,
        ticket_number=number,
        their_id=f"{9000 + key}",
        their_number=f"29{9000 + key}",
        their_url=f"https://helpdesk.example.org/#ticket/zoom/{9000 + key}",
        found_at=NOON,
        seen_at=NOON,
    )
    session.add(row)
    session.flush()
    return row


def plan_all(session: Session, now: datetime) -> None:
    """What the worker plans, as far as there is anything."""
    while plan_next(session, now):
        pass


def seed_pair(session: Session, code: str, number: int, **more: Any) -> SeededPair:
    """A ticket that is to be exchanged with a new connection, and whose creation failed."""
    connection = seed_connection(session, code, profile=Profile(), **more)
    ticket = session.get_one(Ticket, number)
    pair = begin_pair(session, connection, ticket, NOON)
    pair.state, pair.reason = PairState.STOPPED, "It responded with 403: no such group"
    session.flush()
    return SeededPair(session, pair)


def seed_exchange(session: Session, tickets: tuple[int, int, int]) -> None:
    """Two connections with all that their pages show: what failed, a conflict, what was left out,
    calls, a map with versions, a test with a problem, and a comparison that found something."""
    first = seed_pair(session, "GGUS-TEST", tickets[0])
    connection = first.pair.connection
    first.waiting()
    first.asked()
    rows = (ValueRow("urgent", "2 normal"), ValueRow("top priority", "3 high", "out"))
    changed = Profile(
        tickets=Choice.NEW,
        networks=("LHCOPN",),
        categories=("incident",),
        maps={"priority": rows},
        owners={"priority": Owner.ASK},
        group="LHCOPN",
    )
    set_profile(session, SYSTEM, connection, changed.as_json())
    for number, their_id in zip(tickets[1:], ("4712", "4713"), strict=True):
        pair = begin_pair(session, connection, session.get_one(Ticket, number), NOON)
        other = SeededPair(session, pair).known(their_id, "")
        skipped = other.entry(Origin.OURS, EntryKind.COMMENT, {"text": "x"}, EntryState.SKIPPED)
        skipped.reason = "Sent by phone"
        told = other.entry(Origin.THEIRS, EntryKind.FIELDS, {"state": "verified"}, _RECORDED)
        told.reason = "It may not be moved there"
    pair.state, pair.reason, pair.copies = PairState.STOPPED, "It is gone there", '["a", "b"]'
    pair.moved_from = "29481"
    for failure in ("", "It responded with 503"):
        session.add(
            ExchangeCall(
                connection_id=connection.id,
                at=datetime.now(UTC),
                what="POST /api/v1/ticket_articles",
                asked='{"body": "Fibre is cut"}',
                answered="503",
                milliseconds=1200,
                failure=failure,
            )
        )
    for number in (tickets[1], 999_999):
        seed_unpaired(session, connection, number)
    ask_test(session, SYSTEM, connection)
    begin_test(connection, NOON)
    note_check(connection, Check(_("Reachable and logged in")))
    note_check(connection, Check(_("Tickets can be read"), "It responded with 403"))
    end_test(connection, NOON)
    begin_comparison(connection, NOON)
    other.pair.differing = '[{"part": "text", "origin": "ours", "sequence": 1, "why": "missing"}]'
    other.pair.differs_at = NOON
    note_compared(session, connection, [other.pair.id], NOON)
    end_comparison(session, connection, NOON)
    resting = seed_connection(session, "NREN-A", direction="push", remote_login="lhcopn")
    resting.failures, resting.reason = 4, "It responded with 503"
    resting.resting_until = datetime.now(UTC) + timedelta(hours=1)
    ask_test(session, SYSTEM, resting)
    begin_pair(session, resting, session.get_one(Ticket, tickets[0]), NOON)
    stopped = seed_connection(session, "NREN-B", paused=True)
    stopped.stopped_at, stopped.reason = NOON, "The partner may have lost its data"


PANELS = ("in-step", "queued", "different", "asked", "not-compared")
"""Ways in which a ticket's panel shows a partner, in the order of ``seed_panels``."""


def seed_panels(session: Session, tickets: Sequence[int]) -> None:
    """A ticket for each of ``PANELS``, exchanged over one more connection."""
    ours = session.scalars(select(Ticket.priority).where(Ticket.number == tickets[2])).one()
    words = tuple(ValueRow(one, f"{place} {one}") for place, one in enumerate(PRIORITIES, start=1))
    profile = Profile(maps={"priority": words})
    connection = seed_connection(session, "NREN-C", profile=profile)
    now, theirs = datetime.now(UTC), {row.ours: row.theirs for row in words}
    for key, (number, panel) in enumerate(zip(tickets, PANELS, strict=True), start=4801):
        ticket = session.get_one(Ticket, number)
        seeded = SeededPair(session, begin_pair(session, connection, ticket, NOON))
        value = theirs[ticket.priority]
        if panel == "different":
            value = next(one for name, one in theirs.items() if name != ours)
        seeded.known(str(key), f"29{key}").read(now, json.dumps({"priority": value}))
        if panel == "queued":
            seeded.entry(
                Origin.OURS, EntryKind.COMMENT, {"text": "Fibre is cut"}, EntryState.WAITING, now
            )
        elif panel == "asked":
            other = next(one for one in PRIORITIES if one != ticket.priority)
            seeded.asked("priority", other)
        elif panel == "not-compared":
            seeded.pair.unread_since = now
    connection.read_at = now
