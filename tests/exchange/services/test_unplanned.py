"""A change that could not be planned stays visible until it is planned, or a person ends it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Invalid
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.pairs import PairState, done
from app.exchange.rules.standing import Standing
from app.exchange.services import decisions, endings
from app.exchange.services.connections.connections import connect
from app.exchange.services.deliveries import as_rule, note_success, store
from app.exchange.services.overview import counterparts, troubles
from app.exchange.tasks.deliveries import plan_entries
from app.home.services.home import what_runs
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, create_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.server import test_settings
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter

TWICE = ("LHCOPN#5/a", "LHCOPN#5/b")
"""Two tickets of theirs under one number: the second cannot be a pair."""


class Twice:
    """A partner that sent one number twice, and what was planned of it."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.cast = session, cast
        self.by = writer(cast.nren_a, NOON)
        engine = session.get_bind().engine
        self.context = Context(engine, test_settings(str(engine.url)), now=lambda: NOON)
        with transaction(session):
            url = "https://b.example"
            connect(session, writer(cast.admin), "NREN-A", "ggus", url=url, direction="push")
        plan_entries(self.context)
        self.numbers = []
        for origin in TWICE:
            with transaction(session):
                new = NewTicket(title="Theirs", description="Text", origin_id=origin)
                self.numbers.append(create_ticket(session, self.by, new))
        self.first = self.newest_change()
        plan_entries(self.context)

    def newest_change(self) -> int:
        found = self.session.scalars(select(Change.id).order_by(Change.id.desc()).limit(1)).one()
        self.session.rollback()
        return found

    def comment(self, text: str) -> None:
        with transaction(self.session):
            comment_ticket(self.session, writer(self.cast.operator), self.numbers[1], text)
        plan_entries(self.context)

    def pair(self) -> TicketPair:
        self.session.rollback()
        number = self.numbers[1]
        found = select(TicketPair).where(TicketPair.ticket_number == number)
        return self.session.scalars(found.execution_options(populate_existing=True)).one()

    def mend(self) -> None:
        """The first ticket was the wrong one: its exchange is given another counterpart."""
        with transaction(self.session):
            number = self.numbers[0]
            found = select(TicketPair).where(TicketPair.ticket_number == number)
            self.session.scalars(found).one().their_id = "4"

    def entries(self) -> Sequence[tuple[str, str]]:
        key = self.pair().id
        rows = select(ExchangeEntry).where(ExchangeEntry.pair_id == key).order_by(ExchangeEntry.id)
        return [(one.origin, one.kind) for one in self.session.scalars(rows)]

    def troubled(self) -> list[int]:
        self.session.rollback()
        return [one.pair.ticket_number for one in troubles(self.session, 10)]


@pytest.fixture
def twice(session: Session, cast: Cast) -> Twice:
    return Twice(session, cast)


ALL = [("theirs", "ticket"), ("ours", "comment"), ("ours", "comment")]


def test_no_success_of_others_or_of_a_call_wipes_it(
    twice: Twice, session: Session, visit: Enter
) -> None:
    twice.comment("We look")
    with transaction(session):
        note_success(session.scalars(select(Connection)).one())
        pair = session.get_one(TicketPair, twice.pair().id)
        store(pair, done(as_rule(pair)))  # a call that was under way
    pair = twice.pair()
    assert (pair.state, pair.unplanned_from) == (PairState.STOPPED, twice.first)
    assert pair.reason == f"Change {twice.first} of the log was not planned: it is there already"
    assert twice.troubled() == [twice.numbers[1]]
    assert what_runs(session, NOON)[3] == 1
    (shown,) = counterparts(session, twice.numbers[1], NOON, internal=True)
    assert shown.compared is not None
    assert shown.compared.standing is Standing.FAILED
    session.rollback()
    page = PageReader(visit(twice.cast.operator).get(f"/tickets/{twice.numbers[1]}").text)
    assert pair.reason in page.text
    assert "in step" not in page.text
    page = PageReader(visit(twice.cast.operator).get("/exchange").text)
    assert pair.reason in page.text
    assert "None: every exchanged ticket" not in page.text


def test_what_comes_behind_it_waits_and_is_planned_with_it_in_order(
    twice: Twice, session: Session
) -> None:
    twice.comment("One")
    assert twice.entries() == []
    twice.mend()
    twice.comment("Two")
    pair = twice.pair()
    assert (pair.state, pair.their_id) == (PairState.PAIRED, "5")
    assert (pair.unplanned_from, pair.reason, twice.troubled()) == (None, "", [])
    assert twice.entries() == ALL


def test_a_person_tries_again(twice: Twice, session: Session) -> None:
    twice.comment("One")
    twice.comment("Two")
    operator = writer(twice.cast.operator)
    refused = pytest.raises(Invalid, match="cannot be sent to this partner: it is there already")
    with refused, transaction(session):
        decisions.retry(session, operator, twice.pair().id)
    assert twice.troubled() == [twice.numbers[1]]
    with transaction(session):
        one = session.scalars(select(Connection)).one()
        assert decisions.send_all_again(session, operator, one) == 0, "it is still there"
    assert twice.troubled() == [twice.numbers[1]]
    twice.mend()
    with transaction(session):
        decisions.retry(session, operator, twice.pair().id)
    assert (twice.pair().state, twice.troubled()) == (PairState.PAIRED, [])
    assert twice.entries() == ALL


def test_a_person_ends_it_and_begins_it_again(twice: Twice, session: Session) -> None:
    operator = writer(twice.cast.operator)
    with transaction(session):
        endings.end_exchange(session, operator, twice.pair().id, "Sent twice")
    twice.comment("One")
    assert (twice.troubled(), twice.pair().reason) == ([], "Sent twice")
    twice.mend()
    twice.comment("Two")
    assert twice.entries() == []
    with transaction(session):
        endings.exchange_again(session, operator, twice.pair().id)
    assert (twice.pair().state, twice.troubled()) == (PairState.PAIRED, [])
    assert twice.entries() == ALL


def test_one_that_was_stopped_before_stays_stopped_for_that(twice: Twice, session: Session) -> None:
    twice.mend()
    twice.comment("One")
    newest = twice.newest_change()
    with transaction(session):
        pair = session.get_one(TicketPair, twice.pair().id)
        pair.state, pair.reason = PairState.STOPPED, "It responded with 422"
        pair.unplanned_from = newest + 1
    twice.comment("Two")
    assert twice.entries() == ALL
    pair = twice.pair()
    assert (pair.state, pair.reason) == (PairState.STOPPED, "It responded with 422")
    assert pair.unplanned_from is None
