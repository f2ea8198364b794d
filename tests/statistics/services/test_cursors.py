"""Who reads on from a cursor of the log looks at what is behind it, not at all that ever was.

Counted in steps of SQLite's own machine: a time would tell of the load. PostgreSQL has counts of
its tables, by which it takes the way by ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.services.changes import TICKET, FieldChange, record_changes
from app.mail.services.mails import draft_mails, skip_notifications
from app.matching.services.recompute import bring_up_to_date, pending
from app.statistics.services.cache import current_facts
from app.statistics.services.tickets import TICKET_FACTS
from app.tickets.rules.content import NewTicket
from app.tickets.services.change_feed import read_feed
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import fresh_database, open_engine

LOG = 20_000
"""Changes that were worked in long ago."""
MOST = 100
"""Hundreds of steps for all else that a reader does; the whole log would take 800."""


@pytest.fixture
def session() -> Iterator[Session]:
    with fresh_database("sqlite") as url:
        engine = open_engine(url)
        with Session(engine) as session:
            yield session
        engine.dispose()


def steps(session: Session, read: Callable[[], object]) -> int:
    """Hundreds of steps that the database makes for this."""
    connection = session.connection().connection.driver_connection
    assert connection is not None
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection.set_progress_handler(count, 100)
    try:
        read()
    finally:
        connection.set_progress_handler(None, 0)
    session.rollback()
    return counted


@pytest.fixture
def cast(session: Session) -> Cast:
    """A ticket with a long log, in which nothing is new, and a comment on another one."""
    cast = enter(session)
    by = writer(cast.operator)
    with transaction(session):
        number, other = (
            open_ticket(session, by, NewTicket(title=title, description="d")).number
            for title in ("Long", "Short")
        )
    commented = (FieldChange("public_diary", None, "Watching."),)
    with transaction(session):
        record_changes(
            session,
            by,
            TICKET,
            [(number, version, commented) for version in range(2, LOG + 2)],
        )
        skip_notifications(session)
    current_facts(session, TICKET_FACTS)
    session.rollback()
    while not bring_up_to_date_once(session):
        pass
    with transaction(session):
        later = writer(cast.operator, NOON + timedelta(hours=1))
        comment_ticket(session, later, other, "The newest.")
    return cast


def bring_up_to_date_once(session: Session) -> bool:
    with transaction(session):
        return bring_up_to_date(session, NOON).is_fresh


@pytest.mark.parametrize("reader", ["facts", "mails", "feed", "matching"])
def test_a_long_log_costs_nothing(session: Session, cast: Cast, reader: str) -> None:
    def read() -> object:
        match reader:
            case "facts":
                return current_facts(session, TICKET_FACTS)
            case "mails":
                return draft_mails(session, NOON, "")
            case "feed":
                return read_feed(session, cast.ggus, LOG, 100)
            case _:
                return pending(session, NOON)

    session.rollback()
    assert steps(session, read) < MOST
