"""Events and tickets for tests of matching, written as sources and people write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import EventSource
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.matching.models.matching import DetectedEvent, EventTicket
from app.matching.services.recompute import bring_up_to_date
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, writer

LINK = "CERN-GRIDKA-LHCOPN-001"
_numbers = count(1)


def at(text: str) -> datetime:
    """A moment of March 2013, UTC: ``5 10:00``, or a whole one as ISO 8601."""
    if text.count("-") == 2:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    day, clock = text.split()
    return datetime.fromisoformat(f"2013-03-{int(day):02}T{clock}").replace(tzinfo=UTC)


def expect_rarely(session: Session) -> None:
    """Let sources call once a month: these tests are about other things than silence."""
    with transaction(session):
        session.execute(update(EventSource).values(expected_minutes=31 * 24 * 60))


def report(
    session: Session,
    cast: Cast,
    start: str,
    end: str | None,
    *,
    link: str | None = LINK,
    now: datetime = NOON,
    **more: Any,
) -> int:
    """One event; its id."""
    number = next(_numbers)
    message = EventMessage(
        0,
        "event 0",
        more.pop("source", "test"),
        more.pop("source_id", f"{number}"),
        link=link,
        state=more.pop("state", "down"),
        start=at(start),
        end=at(end) if end is not None else None,
        is_open=end is None,
        **more,
    )
    with transaction(session):
        found = report_events(session, writer(cast.operator, now), [message], keep_unresolved=True)
    event_id = found.outcomes[0].event_id
    assert event_id is not None
    return event_id


def ticket(session: Session, cast: Cast, *, now: datetime = NOON, **fields: Any) -> int:
    """One ticket of the operator; times as texts. Its number."""
    times: dict[str, Any] = {
        name: at(value) if name.endswith(("_start", "_end")) else value
        for name, value in fields.items()
    }
    with transaction(session):
        return open_ticket(
            session, writer(cast.operator, now), NewTicket(**{"title": "Link down", **times})
        ).number


def recompute_all(session: Session, now: datetime = NOON) -> None:
    """Everything that changed is matched."""
    with transaction(session):
        assert bring_up_to_date(session, now, most=1000).is_fresh


def detected(session: Session) -> Sequence[DetectedEvent]:
    """All detected events, by start."""
    session.rollback()
    session.expire_all()
    return session.scalars(select(DetectedEvent).order_by(DetectedEvent.start)).all()


def why(session: Session) -> dict[tuple[int, int], str]:
    """Why each ticket stands beside each event; a star where it documents it."""
    session.rollback()
    return {
        (row.detected_id, row.ticket_number): row.why + ("*" if row.documents else "")
        for row in session.scalars(select(EventTicket))
    }
