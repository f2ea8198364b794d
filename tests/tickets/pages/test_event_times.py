"""Times of what has happened, as people type them: nothing has happened that is still to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.events.models.events import Event
from app.tickets.models.tickets import Ticket
from tests.cast import Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

ASKED_BACK = "is in the future: "


def submit(visitor: Visitor, page: str, fields: dict[str, str], to: str = "") -> TestResponse:
    """Fill in the form of a page that goes to ``to``, or to the page itself, and send it."""
    found = visitor.read(page).form(to or page).data()
    del found["csrf_token"]
    return visitor.send(to or page, {**found, **fields})


@pytest.mark.parametrize("field", ["event_start", "event_detected", "event_end"])
def test_an_event_that_is_to_come_is_asked_back(
    session: Session, cast: Cast, visit: Enter, field: str
) -> None:
    visitor = visit(cast.kit)
    data = {"title": "Cut", field: "tomorrow 10:00 UTC"}
    answer = submit(visitor, "/tickets/new", data)
    assert answer.status_code == 422
    day = f"{datetime.now(UTC) + timedelta(days=1):%a %Y-%m-%d} 10:00 UTC"
    assert f"{ASKED_BACK}{day}. Enter a time in the past" in "".join(PageReader(answer.text).alerts)
    assert session.scalars(select(Ticket)).all() == []
    assert ASKED_BACK in visitor.read(f"/typed-time?tense=past&{field}=tomorrow+10:00+UTC").text


def test_a_clock_time_of_an_event_is_the_latest_that_has_been(
    session: Session, cast: Cast, visit: Enter
) -> None:
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
    answer = submit(
        visit(cast.kit), "/tickets/new", {"title": "Cut", "event_start": f"{soon:%H:%M}"}
    )
    assert answer.status_code == 303
    started = session.scalars(select(Ticket)).one().event_start
    assert started == soon - timedelta(days=1)


def test_what_is_stored_already_is_not_asked_back(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    """A partner said so, with a clock of its own."""
    number = opened(event_start=datetime(2013, 3, 6, tzinfo=UTC), links=["CERN-GRIDKA-LHCOPN-001"])
    with transaction(session):
        session.get_one(Ticket, number).event_end = datetime(2090, 1, 1, tzinfo=UTC)
    visitor = visit(cast.operator)
    page = f"/tickets/{number}/edit"
    assert submit(visitor, page, {"title": "Cable cut"}).status_code == 303
    later = submit(visitor, page, {"event_end": "2090-01-02 00:00"})
    assert later.status_code == 422
    assert ASKED_BACK in later.text
    # solving names the stored one, too
    solve = {"kind": "solve", "solution": "Spliced", "event_end": "2090-01-01 00:00"}
    path = f"/tickets/{number}"
    assert submit(visitor, path, solve, f"{path}/comment").status_code == 303
    # a comment does not ask for it
    comment = {"kind": "public", "text": "Thanks", "event_end": "2091-01-01 00:00"}
    assert submit(visitor, path, comment, f"{path}/comment").status_code == 303


def test_an_event_entered_by_hand_has_begun(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    data = {"link": "CERN-GRIDKA-LHCOPN-001", "start": "in 2 hours"}
    answer = submit(visitor, "/events/new", data)
    assert answer.status_code == 422
    assert f"Start {ASKED_BACK}" in answer.text
    assert session.scalars(select(Event)).all() == []
