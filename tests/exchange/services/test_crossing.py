"""Two portals that push to each other set one field at once: equal, or a person is asked."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import PairStep, Traits
from app.exchange.rules.partner import Sent
from app.exchange.rules.profiles import Profile, ValueRow
from app.exchange.services.connections.connections import connect
from app.exchange.services.decisions import choose
from app.exchange.services.deliveries import (
    Claim,
    claim,
    note_failed,
    note_looked,
    note_not_carried,
    note_sent,
)
from app.exchange.services.standing import compared
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, create_ticket
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.exchange.seeded import plan_all

TRAITS = Traits(can_look_up=True, settles=timedelta(0))
PRIORITIES = ("less urgent", "urgent", "very urgent", "top priority")
PROFILE = Profile(maps={"priority": tuple(ValueRow(one, one) for one in PRIORITIES)})
MINUTE = timedelta(minutes=1)


class Pair:
    """A ticket that a portal like ours opened here; each of the two pushes to the other."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.cast, self.now = session, cast, NOON
        url = "https://b.example"
        with transaction(session):
            connect(
                session, SYSTEM, "GGUS-TEST", "ggus", url=url, direction="push", profile=PROFILE
            )
        self.plan()
        with transaction(session):
            new = NewTicket(title="Loss", priority="less urgent", origin_id="LHCOPN#7")
            self.number = create_ticket(session, writer(cast.ggus, self.now), new)
        self.plan()

    def plan(self) -> None:
        with transaction(self.session):
            plan_all(self.session, self.now)

    def set(self, who: Any, priority: str, *, is_planned: bool = True) -> None:
        """Somebody changes the priority here, a minute later."""
        self.now += MINUTE
        with transaction(self.session):
            change_ticket(self.session, writer(who, self.now), self.number, {"priority": priority})
        if is_planned:
            self.plan()

    def claim(self) -> Claim:
        with transaction(self.session):
            return claim(self.session, 1, TRAITS, self.now)

    def entries(self) -> list[tuple[str, str, str, str]]:
        """Values that crossed or wait: whose, which, what became of them, and why."""
        self.session.rollback()
        found = (
            select(ExchangeEntry)
            .where(ExchangeEntry.kind == EntryKind.FIELDS)
            .order_by(ExchangeEntry.id)
        )
        return [
            (one.origin, json.loads(one.content)["priority"], one.state, one.reason)
            for one in self.session.scalars(found)
        ]

    @property
    def priority(self) -> str:
        self.session.rollback()
        return self.session.get_one(Ticket, self.number).priority


@pytest.fixture
def pair(session: Session, cast: Cast) -> Pair:
    return Pair(session, cast)


def carried(claimed: Claim) -> dict[str, str]:
    assert claimed.step is PairStep.SEND
    assert claimed.outgoing is not None
    return dict(claimed.outgoing.values)


def test_a_value_that_the_partner_replaced_here_is_not_sent_over_its_own(pair: Pair) -> None:
    """It was never called: both hold theirs, and whoever wrote ours reads what became of it."""
    pair.set(pair.cast.operator, "urgent")
    pair.set(pair.cast.ggus, "top priority")
    claimed = pair.claim()
    assert carried(claimed) == {}
    with transaction(pair.session):
        note_not_carried(pair.session, claimed, 1, pair.now)
    assert pair.entries() == [
        ("ours", "urgent", "gave way", "Gave way to the partner's value: priority"),
        ("theirs", "top priority", "applied", ""),
    ]
    assert pair.claim().step is PairStep.REST


def test_a_value_that_they_replaced_and_we_set_again_is_sent(pair: Pair) -> None:
    pair.set(pair.cast.operator, "urgent")
    pair.set(pair.cast.ggus, "top priority")
    pair.set(pair.cast.operator, "very urgent")
    for value in ("urgent", "very urgent"):
        claimed = pair.claim()
        assert carried(claimed) == {"priority": value}
        with transaction(pair.session):
            note_sent(pair.session, claimed, 1, Sent(), pair.now)
    assert [one[2] for one in pair.entries()] == ["sent", "applied", "sent"]


@pytest.fixture
def crossed(pair: Pair) -> Pair:
    """Ours was carried to them while theirs was written here: each holds the other's value."""
    pair.set(pair.cast.operator, "urgent")
    claimed = pair.claim()
    assert carried(claimed) == {"priority": "urgent"}
    pair.set(pair.cast.ggus, "top priority", is_planned=False)
    with transaction(pair.session):
        note_sent(pair.session, claimed, 1, Sent(), pair.now)
    pair.plan()  # their change is planned only then, and does not answer the question
    return pair


def asked(pair: Pair) -> list[str]:
    return [value for _origin, value, state, _reason in pair.entries() if state == "asked"]


def question(pair: Pair) -> int:
    return pair.session.scalars(
        select(ExchangeEntry.id).where(ExchangeEntry.state == "asked")
    ).one()


def test_values_that_cross_are_a_persons_business(crossed: Pair) -> None:
    assert (crossed.priority, asked(crossed)) == ("top priority", ["urgent"])


def test_their_next_value_answers_the_question(crossed: Pair) -> None:
    crossed.set(crossed.cast.ggus, "very urgent")
    assert (crossed.priority, asked(crossed)) == ("very urgent", [])


@pytest.mark.parametrize(
    ("is_ours", "value"), [(True, "top priority"), (False, "urgent")], ids=["ours", "theirs"]
)
def test_what_a_person_chooses_is_sent(crossed: Pair, is_ours: bool, value: str) -> None:
    """Which of the two they hold is not known for sure: theirs is sent, too."""
    crossed.now += MINUTE
    key = question(crossed)
    crossed.session.rollback()
    with transaction(crossed.session):
        by = writer(crossed.cast.operator, crossed.now)
        assert choose(crossed.session, by, key, ours=is_ours)
    crossed.plan()
    assert (crossed.priority, asked(crossed)) == (value, [])
    assert carried(crossed.claim()) == {"priority": value}


def test_a_value_that_an_earlier_call_may_have_carried_is_asked(pair: Pair) -> None:
    """The answer was lost, and they may hold ours or theirs."""
    pair.set(pair.cast.operator, "urgent")
    claimed = pair.claim()
    _not_known(pair, claimed, pair.now)
    pair.set(pair.cast.ggus, "top priority")
    pair.now += timedelta(hours=1)
    looking = pair.claim()
    assert looking.step is PairStep.READ
    with transaction(pair.session):
        note_looked(pair.session, looking, 1)
    again = pair.claim()
    assert carried(again) == {}
    with transaction(pair.session):
        note_not_carried(pair.session, again, 1, pair.now)
    assert asked(pair) == ["urgent"]
    why = "Both sides changed it at the same time; a person has to choose: priority"
    assert ("ours", "urgent", "skipped", why) in pair.entries()


def test_so_is_one_whose_worker_was_killed_while_it_called(pair: Pair) -> None:
    pair.set(pair.cast.operator, "urgent")
    pair.claim()
    pair.set(pair.cast.ggus, "top priority")
    looking = pair.claim()
    assert looking.step is PairStep.READ
    with transaction(pair.session):
        note_looked(pair.session, looking, 1)
    assert carried(pair.claim()) == {}
    assert asked(pair) == ["urgent"]


def not_set(pair: Pair) -> list[str]:
    """What is said of two tickets of which that of the partner is not read."""
    pair.session.rollback()
    found = compared(pair.session, [pair.session.get_one(TicketPair, 1)], pair.now)[1]
    assert (found.standing, [*found.differing]) == ("not compared", [])
    return [*found.not_set]


def test_a_value_that_they_did_not_set_is_named_while_it_is_ours(pair: Pair) -> None:
    assert not_set(pair) == []
    for who, priority, left_out in (
        (pair.cast.operator, "urgent", ["priority"]),
        (pair.cast.ggus, "top priority", []),
        (pair.cast.operator, "urgent", ["priority"]),
        (pair.cast.operator, "very urgent", []),
    ):
        pair.set(who, priority)
        if who is pair.cast.operator:
            claimed = pair.claim()
            with transaction(pair.session):
                note_sent(pair.session, claimed, 1, Sent(left_out=left_out), pair.now)
        assert not_set(pair) == left_out


def _not_known(pair: Pair, claimed: Claim, now: datetime) -> None:
    failure = Failure(Outcome.UNKNOWN, "No answer")
    with transaction(pair.session):
        note_failed(pair.session, claimed, 1, failure, now, 0.5)
