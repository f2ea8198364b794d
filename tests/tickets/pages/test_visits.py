"""What is new or changed since a person's last visit: marked in the list, filtered, seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.tickets.models.desk import TicketVisit
from app.tickets.services.lifecycle import comment_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open


def marks(visitor: Visitor, path: str = "/tickets") -> dict[str, str]:
    """The mark of each ticket of the list that has one, by title."""
    rows = re.findall(r"<tr>(.*?)</tr>", visitor.get(path).text, flags=re.DOTALL)
    found = {}
    for row in rows:
        mark = re.search(r'class="visit-mark">.*?</svg>(unseen|updated)<', row)
        if mark and (title := re.search(r'class="title"[^>]*>([^<]*)<', row)):
            found[title[1]] = mark[1]
    return found


def left_for(session: Session, person: Actor, hours: float) -> None:
    """Let the person's last visit have ended so long ago."""
    with transaction(session):
        ago = datetime.now(UTC) - timedelta(hours=hours)
        session.execute(update(User).where(User.id == person.account_id).values(visited_at=ago))


def seen_rows(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(TicketVisit)) or 0


def comment(session: Session, by: Actor, number: int) -> None:
    """Something new each time: the same words again within ten minutes are a repeat."""
    now = datetime.now(UTC)
    with transaction(session):
        comment_ticket(session, writer(by, now), number, f"News of {now.isoformat()}.")


def test_what_others_changed_since_the_last_visit_is_marked_until_it_is_opened(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    old, touched = opened(title="Old"), opened(title="Touched")  # in 2013
    visitor = visit(cast.reader)
    assert marks(visitor) == {}  # to one who never came nothing is new
    left_for(session, cast.reader, 5)
    comment(session, cast.operator, touched)
    opened(title="Fresh", now=datetime.now(UTC))
    assert marks(visitor) == {"Touched": "updated", "Fresh": "unseen"}
    assert marks(visitor, "/tickets?since=visit&sort=title") == {
        "Touched": "updated",
        "Fresh": "unseen",
    }
    assert "Old" not in visitor.read("/tickets?since=visit").text
    assert "2 tickets" in visitor.read("/tickets?since=visit").text
    assert marks(visit(cast.kit)) == {}  # it is the visit of each person for itself

    assert seen_rows(session) == 0
    visitor.get(f"/tickets/{old}")
    assert seen_rows(session) == 0  # what is not marked costs no row
    visitor.get(f"/tickets/{touched}")
    visitor.get(f"/tickets/{touched}")
    assert seen_rows(session) == 1
    assert marks(visitor) == {"Fresh": "unseen"}
    comment(session, cast.operator, touched)
    assert marks(visitor) == {"Touched": "updated", "Fresh": "unseen"}

    form = visitor.read("/tickets?since=visit&q=t").form("/tickets/seen")
    comment(session, cast.operator, old)  # after the list was read
    answer = visitor.send(form.action, form.data())
    assert (answer.status_code, answer.location) == (303, "/tickets?q=t")
    assert marks(visitor) == {"Old": "updated"}
    assert seen_rows(session) == 0  # time tells of them now

    # the next visit begins four hours after the last reading, not at each reading
    left_for(session, cast.reader, 3)
    assert marks(visitor) == {"Old": "updated"}
    left_for(session, cast.reader, -1)
    comment(session, cast.operator, old)
    assert marks(visitor) == {"Old": "updated"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_ones_own_changes_are_no_news(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Mine")
    visitor = visit(cast.operator)
    marks(visitor)
    left_for(session, cast.operator, 5)
    comment(session, cast.operator, number)
    opened(title="Also mine", now=datetime.now(UTC))
    assert marks(visitor) == {}
    for bad in ("", "yesterday", "3000-01-01", "x" * 5000):
        answer = visitor.send("/tickets/seen", {"until": bad, "query": ""})
        assert answer.status_code == 422
        assert "Seen until" in PageReader(answer.text).text


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL that the portal sends meanwhile."""
    found: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_marks_cost_one_statement_and_reading_writes_once_in_minutes(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Touched")
    visitor = visit(cast.reader)
    with statements(app) as first:
        visitor.get("/tickets")
    assert [text for text in first if text.startswith("UPDATE users")]
    with statements(app) as quiet:
        visitor.get("/tickets")
    assert not [text for text in quiet if not text.startswith(("SELECT", "BEGIN"))]
    assert not [text for text in quiet if "ticket_visits" in text]
    left_for(session, cast.reader, 5)
    comment(session, cast.operator, number)
    visitor.get("/tickets")
    with statements(app) as marked:
        assert marks(visitor) == {"Touched": "updated"}
    assert len([text for text in marked if "ticket_visits" in text]) == 1
    assert len(marked) == len(quiet) + 1
