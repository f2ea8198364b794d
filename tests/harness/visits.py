"""The portal's pages in-process: the cast, and a browser of anyone of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.visitor import Visitor

Open = Callable[..., int]
Enter = Callable[[Actor], Visitor]


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


@pytest.fixture
def visit(app: Flask, session: Session) -> Enter:
    """Log somebody in without the form (whose hashing is slow on purpose)."""

    def logged_in(actor: Actor) -> Visitor:
        assert actor.account_id is not None
        with transaction(session):
            token = start_login(session, actor.account_id, datetime.now(UTC))
        visitor = Visitor(app)
        visitor.carry(token)
        return visitor

    return logged_in


def store_issue(session: Session, number: int, text: str) -> None:
    """Give a ticket a related issue that no door takes any more, as old ones have it."""
    with transaction(session):
        session.get_one(Ticket, number).related_issue = text


@pytest.fixture
def opened(session: Session, cast: Cast) -> Open:
    """Open a ticket with ``NewTicket``'s fields: by the operator, at noon, or as said."""

    def one(by: Actor | None = None, now: datetime = NOON, **fields: object) -> int:
        content = NewTicket(**{"title": "Link down", **fields})  # type: ignore[arg-type]
        with transaction(session):
            return open_ticket(session, writer(by or cast.operator, now), content).number

    return one
