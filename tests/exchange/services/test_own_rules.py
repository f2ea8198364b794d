"""What our own rules move inside a change that a partner made at our door: it is sent."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.exchange.models.pairs import ExchangeEntry
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.ledger import Origin
from app.exchange.services.connections.connections import connect
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, create_ticket, move_ticket
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.exchange.seeded import plan_all


def plan(session: Session) -> None:
    """The worker plans what is there."""
    with transaction(session):
        plan_all(session, NOON)


def ours(session: Session) -> list[tuple[dict[str, str], str]]:
    """Values of ours, and what became of them."""
    found = select(ExchangeEntry).where(
        ExchangeEntry.origin == Origin.OURS, ExchangeEntry.kind == EntryKind.FIELDS
    )
    entries = session.scalars(found.order_by(ExchangeEntry.sequence))
    return [(json.loads(one.content), one.state) for one in entries]


@pytest.mark.parametrize("direction", ["push", "both"])
def test_an_answer_that_ends_the_waiting_is_sent_where_theirs_is_not_read(
    session: Session, cast: Cast, direction: str
) -> None:
    """Where it is read, the read settles it."""
    theirs, by = writer(cast.ggus), writer(cast.operator)
    with transaction(session):
        connect(session, SYSTEM, "GGUS-TEST", "ggus", url="https://b.example", direction=direction)
    plan(session)
    with transaction(session):
        number = create_ticket(
            session, theirs, NewTicket(title="Loss", description="3 %", origin_id="4711")
        )
    plan(session)
    with transaction(session):
        move_ticket(session, by, number, "waiting for reply")
    plan(session)
    with transaction(session):
        comment_ticket(session, theirs, number, "xe-0/1/0")
    plan(session)
    sent = [({"state": "waiting for reply"}, "waiting"), ({"state": "in progress"}, "waiting")]
    assert ours(session) == (sent if direction == "push" else sent[:1])


def test_what_they_move_themselves_is_not_sent_back(session: Session, cast: Cast) -> None:
    theirs = writer(cast.ggus)
    with transaction(session):
        connect(session, SYSTEM, "GGUS-TEST", "ggus", url="https://b.example", direction="push")
    plan(session)
    with transaction(session):
        number = create_ticket(
            session, theirs, NewTicket(title="Loss", description="3 %", origin_id="4711")
        )
        move_ticket(session, theirs, number, "in progress")
        comment_ticket(session, theirs, number, "We look into it")
    plan(session)
    assert ours(session) == []
