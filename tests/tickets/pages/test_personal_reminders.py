"""Reminders of tickets on the pages: set, moved, due on home, done; and watched tickets left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.transactions import transaction
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.services.lifecycle import move_ticket
from app.tickets.services.personal_reminders import set_reminder
from tests.cast import NOON, Cast, writer
from tests.harness.databases import fresh_database
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open


@pytest.fixture
def database() -> Iterator[str]:
    """SQLite: the pages ask the database nothing special."""
    with fresh_database("sqlite") as url:
        yield url


def reminders(session: Session) -> list[tuple[int, int, str]]:
    session.rollback()
    rows = session.scalars(select(TicketReminder).order_by(TicketReminder.due_at))
    return [(one.ticket_number, one.user_id, one.note) for one in rows]


def due(session: Session, cast: Cast, number: int, note: str = "", hours: int = 1) -> None:
    """A reminder of the reader that was set long ago, and is due since."""
    with transaction(session):
        at = NOON + timedelta(hours=hours)
        set_reminder(session, writer(cast.reader), number, at, note)


def test_a_person_is_reminded_and_moves_it_and_nobody_else_sees_it(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Slow path")
    visitor, path = visit(cast.reader), f"/tickets/{number}/remind"
    form = visitor.read(f"/tickets/{number}").form(path)
    assert {"due_at", "note", "csrf_token"} <= form.names
    answer = visitor.send(path, {"due_at": "in 3 days", "note": "  Ask <b>the NOC</b>  "})
    assert (answer.status_code, answer.location) == (303, f"/tickets/{number}#h-mails")
    page = visitor.read(f"/tickets/{number}")
    day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    assert f"Reminder set: {day}" in page.text
    assert f"Reminder: {day}" in page.text
    assert "Ask <b>the NOC</b>" in page.text  # as text, escaped
    assert page.form(path).values("note") == ["Ask <b>the NOC</b>"], "it is kept when it is moved"
    assert page.form(path).values("due_at") == [""]
    assert "Slow path" in visitor.read("/profile").text
    assert "Reminders due" not in visitor.read("/").text, "it is to come"
    other = visit(cast.operator)
    for seen in (f"/tickets/{number}", "/", "/profile"):
        assert "Ask" not in other.read(seen).text, seen

    assert visitor.send(path, {"due_at": "2099-01-31", "note": ""}).status_code == 303
    (row,) = session.scalars(select(TicketReminder)).all()
    assert (row.due_at, row.note) == (datetime(2099, 1, 31, 9, tzinfo=UTC), "")
    assert visitor.send(f"{path}/remove", {}).status_code == 303
    assert reminders(session) == []
    assert "Remind me…" in visitor.read(f"/tickets/{number}").text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "When: enter a time"),
        ("soon", "When is not a readable time. Use for example: Tuesday, tomorrow 9:00, in 3 days"),
        ("2013-03-06 12:00", "When: the time must be in the future; 2013-03-06 12:00 UTC is past"),
        ("2 h ago", "When: the time must be in the future; "),
        ("now", "When: the time must be in the future; "),
        ("yesterday", "When: the time must be in the future; "),
    ],
)
def test_a_time_that_is_past_or_none_is_refused_and_what_was_typed_stays(
    session: Session, cast: Cast, visit: Enter, opened: Open, typed: str, words: str
) -> None:
    number = opened()
    answer = visit(cast.reader).send(
        f"/tickets/{number}/remind", {"due_at": typed, "note": "Ask them"}
    )
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert words in "".join(page.alerts)
    form = page.form(f"/tickets/{number}/remind")
    assert (form.values("due_at"), form.values("note")) == ([typed], ["Ask them"])
    assert ("details", "open", "") in page.attributes
    assert reminders(session) == []


def test_a_note_is_a_line_of_what_may_be_stored(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.reader)
    for note, words in (
        ("x" * 256, "Note has 256 characters; at most 255 characters are allowed"),
        ("a\x07b", "Note holds a character that cannot be passed on"),
    ):
        answer = visitor.send(f"/tickets/{number}/remind", {"due_at": "in 1 h", "note": note})
        assert answer.status_code == 422
        assert words in "".join(PageReader(answer.text).alerts)
    assert reminders(session) == []
    assert visitor.send("/tickets/999/remind", {"due_at": "in 1 h"}).status_code == 404


def test_what_is_due_stands_on_home_until_done_or_moved(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    first, second = opened(title="Older one"), opened(title="Newer one")
    due(session, cast, second, "Look at the counters", hours=2)
    due(session, cast, first)
    with transaction(session):
        move_ticket(session, writer(cast.operator), first, "unsolved")
    visitor = visit(cast.reader)
    page = visitor.read("/")
    found = page.text.partition("Reminders due")[2]
    assert found.index("Older one") < found.index("Newer one") < found.index("Look at the counters")
    assert "unsolved" in found.partition("Older one")[0], "the state of a closed ticket is said"
    assert "Nothing needs your attention." not in page.text
    assert "Reminder due since" in visitor.read(f"/tickets/{first}").text
    for who in (cast.operator, cast.kit):
        assert "Reminders due" not in visit(who).read("/").text

    done = page.form(f"/tickets/{first}/remind/remove").data()
    del done["csrf_token"]
    answer = visitor.send(f"/tickets/{first}/remind/remove", done)
    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.send(f"/tickets/{second}/remind", {"due_at": "tomorrow"}).status_code == 303
    assert "Reminders due" not in visitor.read("/").text
    assert [one[0] for one in reminders(session)] == [second]


def test_of_many_that_are_due_home_shows_some_and_leads_to_all(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    for _ in range(11):
        due(session, cast, opened())
    page = visit(cast.reader).read("/")
    assert len([form for form in page.forms if form.action.endswith("/remind/remove")]) == 10
    assert ("/profile#reminders", "All reminders") in page.links


def test_a_button_leads_back_to_pages_of_this_portal_only(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor, path = visit(cast.reader), f"/tickets/{number}/remind/remove"
    for back in ("//evil.example", "https://evil.example/", "/nowhere", "javascript:alert(1)"):
        assert visitor.send(path, {"back": back}).location == f"/tickets/{number}#h-mails", back


def test_who_gets_no_mails_is_told_where_the_reminder_shows(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor, words = visit(cast.reader), "Shown on your home page only, because you get no emails."
    assert words in visitor.read(f"/tickets/{number}").text  # no address
    with transaction(session):
        session.get_one(User, cast.reader.account_id).mail = "reader@people.example"
    assert words not in visitor.read(f"/tickets/{number}").text
    visitor.send("/profile/mails", {"choice": "never"})
    assert words in visitor.read(f"/tickets/{number}").text
