"""One step on a ticket: comment and hold, the end of the event at solving, undo of a move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.errors import Forbidden, MoveNotAllowed
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket, take_ticket
from app.tickets.services.undo import undo_move
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter, Open

HTMX = {"HX-Request": "true"}


def newest(session: Session, number: int) -> Change:
    session.rollback()
    return changes_of(session, TICKET, number)[-1]


def logged(change: Change) -> dict[str, tuple[str | None, str | None]]:
    return {item.field: (item.old, item.new) for item in change.fields}


@pytest.mark.parametrize("state", ["on hold", "waiting for reply"])
def test_a_comment_and_a_move_are_one_change(
    session: Session, cast: Cast, visit: Enter, opened: Open, state: str
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    data = {"kind": "public", "text": "Carrier called", "then": state}
    answer = visitor.send(f"/tickets/{number}/comment", data, headers=HTMX)
    assert answer.status_code == 200
    assert logged(newest(session, number)) == {
        "state": ("new", state),
        "public_comment": (None, "Carrier called"),
    }
    said = "waiting for a reply" if state == "waiting for reply" else "on hold"
    assert f"Comment added; the ticket is {said}." in answer.text


def test_a_move_with_a_comment_keeps_the_text_where_it_is_refused(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    path = f"/tickets/{number}/comment"
    for then, status in (("closed", 422), ("solved", 422), ("on hold", 422)):
        text = "" if then == "on hold" else "Typed"
        answer = visitor.send(path, {"kind": "public", "text": text, "then": then})
        assert answer.status_code == status, then
    assert newest(session, number).version == 1
    seen = visitor.read(f"/tickets/{number}").form(path).data()
    with transaction(session):
        change_ticket(session, writer(cast.admin), number, {"state": "in progress"})
    answer = visitor.send(path, {**seen, "text": "Typed here", "then": "on hold"})
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "State is now: in progress" in page.text
    assert page.form(path).values("text") == ["Typed here"]


def test_waiting_that_somebody_else_began_meanwhile_goes_on(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    """Else a comment of the submitter ends it, but not one that asks for a reply."""
    number = opened()
    visitor = visit(cast.operator)
    path = f"/tickets/{number}/comment"
    seen = visitor.read(f"/tickets/{number}").form(path).data()
    with transaction(session):
        change_ticket(session, writer(cast.admin), number, {"state": "waiting for reply"})
    sent = {**seen, "text": "Which port?", "then": "waiting for reply"}
    assert visitor.send(path, sent).status_code == 303
    assert logged(newest(session, number)) == {"public_comment": (None, "Which port?")}
    assert visitor.send(path, {"kind": "public", "text": "Port 7"}).status_code == 303
    assert logged(newest(session, number))["state"] == ("waiting for reply", "in progress")


def test_solving_asks_when_the_event_ended_and_proposes_now(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(event_start=NOON)
    visitor = visit(cast.operator)
    forms = visitor.read(f"/tickets/{number}").forms
    proposed = [(form.action.split("#")[0], *form.values("event_end")) for form in forms]
    assert (f"/tickets/{number}/move", "now") in proposed
    assert (f"/tickets/{number}/comment", "now") in proposed
    before = datetime.now(UTC).replace(microsecond=0)
    data = {"state": "solved", "solution": "Spliced", "event_end": "now"}
    assert visitor.send(f"/tickets/{number}/move", data).status_code == 303
    session.rollback()
    ended = session.get_one(Ticket, number).event_end
    assert ended is not None
    assert before <= ended <= datetime.now(UTC)
    assert f"Ticket {number}: solved." in visitor.read(f"/tickets/{number}").text


def test_the_end_of_the_event_may_be_changed_left_out_or_wrong(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    visitor = visit(cast.operator)
    number = opened(event_start=NOON)
    path = f"/tickets/{number}/comment"
    solving = {"kind": "solve", "text": "", "solution": "Spliced"}
    answer = visitor.send(path, {**solving, "event_end": "2000-01-01 10:00"})
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert "The event ends before it starts" in page.text
    assert page.form(path).values("solution") == ["Spliced"]
    answer = visitor.send(path, {**solving, "event_end": "soon"})
    assert answer.status_code == 422
    assert "Event end is not a readable time" in answer.text
    end = NOON + timedelta(hours=1)
    typed = end.strftime("%Y-%m-%d %H:%M")
    assert visitor.send(path, {**solving, "event_end": typed}).status_code == 303
    session.rollback()
    assert session.get_one(Ticket, number).event_end == end
    other = opened(event_start=NOON)
    answer = visitor.send(
        f"/tickets/{other}/comment", {"kind": "public", "text": "x", "event_end": "soon"}
    )
    assert answer.status_code == 303  # a comment asks for no end
    assert (
        visitor.send(
            f"/tickets/{other}/move", {"state": "solved", "solution": "x", "event_end": ""}
        ).status_code
        == 303
    )
    session.rollback()
    assert session.get_one(Ticket, other).event_end is None


def test_a_long_time_ago_stays_the_same_moment_when_it_is_sent_again(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(event_start=NOON)
    path = f"/tickets/{number}/comment"
    for typed in ("1440 min ago", "90 min ago"):
        data = {"kind": "solve", "text": "", "solution": "", "event_end": typed}
        answer = visit(cast.operator).send(path, data)
        assert answer.status_code == 422
        (shown,) = PageReader(answer.text).form(path).values("event_end")
        assert shown.startswith("20"), typed


def test_an_informational_ticket_without_an_event_is_not_asked_for_its_end(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(category="informational")
    assert "Event end" not in visit(cast.operator).read(f"/tickets/{number}").text


def test_a_move_is_undone_with_what_it_brought_and_without_its_comment(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(event_start=NOON)
    visitor = visit(cast.operator)
    data = {"kind": "solve", "text": "Done", "solution": "Spliced", "event_end": "now"}
    assert visitor.send(f"/tickets/{number}/comment", data).status_code == 303
    page = visitor.read(f"/tickets/{number}")
    answer = visitor.send(
        f"/tickets/{number}/undo-move", page.form(f"/tickets/{number}/undo-move").data()
    )
    assert answer.status_code == 303
    session.rollback()
    ticket = session.get_one(Ticket, number)
    assert (ticket.state, ticket.solution, ticket.event_end) == ("new", "", None)
    assert (ticket.version, ticket.ended_at) == (3, None)
    undone = logged(newest(session, number))
    assert undone["state"] == ("solved", "new")  # which no table of moves has
    assert undone["solution"] == ("Spliced", None)
    page = visitor.read(f"/tickets/{number}")
    assert "Undone: the ticket is new again." in page.text
    assert "Done" in page.text
    story = page.text.partition("Timeline")[2]
    assert "undid the move to solved" in story
    assert "State: solved → becomes new" in story
    assert "set it to new" not in story
    again = {"kind": "public", "text": "Called", "then": "on hold"}
    assert visitor.send(f"/tickets/{number}/comment", again).status_code == 303
    assert visitor.read(f"/tickets/{number}").text.count("undid the move") == 1


@pytest.mark.parametrize("another", ["person", "later", "comment"])
def test_a_move_back_is_no_undo(
    session: Session, cast: Cast, visit: Enter, opened: Open, another: str
) -> None:
    """Of another person, after more than 10 minutes, or with a comment of its own."""
    number = opened()
    minutes = 12 if another == "later" else 2
    first, second = (
        writer(by, NOON + timedelta(minutes=at))
        for by, at in (
            (cast.operator, 1),
            (cast.admin if another == "person" else cast.operator, minutes),
        )
    )
    words = {"public_comment": "Again"} if another == "comment" else {}
    steps = ((first, "in progress"), (first, "on hold"))
    for by, state in steps:
        with transaction(session):
            change_ticket(session, by, number, {"state": state})
    with transaction(session):
        change_ticket(session, second, number, {"state": "in progress", **words})
    story = visit(cast.operator).read(f"/tickets/{number}").text
    assert "undid the move" not in story
    assert story.count("set it to in progress") == 2


def test_the_timeline_shows_times_as_the_page_does(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(event_start=NOON, event_end=NOON + timedelta(minutes=4))
    seconds = NOON + timedelta(seconds=7)
    for end in (NOON + timedelta(hours=2, minutes=4), None, NOON, seconds):
        with transaction(session):
            change_ticket(session, writer(cast.operator), number, {"event_end": end})
    page = visit(cast.operator).read(f"/tickets/{number}")
    before, after = (
        f"{NOON + timedelta(hours=hours, minutes=4):%Y-%m-%d %H:%M} UTC" for hours in (0, 2)
    )
    assert f"Event end: {before} → becomes {after}" in page.text
    assert f"Event end: {after} → becomes not set" in page.text
    day = f"{NOON:%Y-%m-%d}"
    assert f"Event end: {day} 12:00 UTC → becomes {day} 12:00:07 UTC" in page.text
    assert ":04:00Z" not in page.text


def test_undoing_a_reopening_gives_the_ticket_its_end_back(
    session: Session, cast: Cast, opened: Open
) -> None:
    number = opened(solution="Spliced")
    steps = (("solved", 1), ("reopened", 60))
    for state, minutes in steps:
        by = writer(cast.operator, NOON + timedelta(minutes=minutes))
        with transaction(session):
            change_ticket(session, by, number, {"state": state})
    ended = changes_of(session, TICKET, number)[1].at
    with transaction(session):
        undo_move(session, writer(cast.operator, NOON + timedelta(minutes=69)), number, 3)
    ticket = session.get_one(Ticket, number)
    assert (ticket.state, ticket.ended_at) == ("solved", ended)


def test_undoing_a_verification_leaves_the_ticket_its_end(
    session: Session, cast: Cast, opened: Open
) -> None:
    number = opened(solution="Spliced")
    for state, minutes in (("solved", 1), ("reopened", 60)):
        with transaction(session):
            by = writer(cast.operator, NOON + timedelta(minutes=minutes))
            change_ticket(session, by, number, {"state": state})
    ended = changes_of(session, TICKET, number)[1].at
    with transaction(session):
        undo_move(session, writer(cast.operator, NOON + timedelta(minutes=69)), number, 3)
    with transaction(session):
        by = writer(cast.operator, NOON + timedelta(minutes=200))
        change_ticket(session, by, number, {"state": "verified"})
    with transaction(session):
        undo_move(session, writer(cast.operator, NOON + timedelta(minutes=201)), number, 5)
    ticket = session.get_one(Ticket, number)
    assert (ticket.state, ticket.ended_at) == ("solved", ended)


def test_taking_is_undone_as_well(session: Session, cast: Cast, opened: Open) -> None:
    number = opened(person_in_charge="Duty desk")
    with transaction(session):
        take_ticket(session, writer(cast.operator), number)
    with transaction(session):
        ticket = undo_move(session, writer(cast.operator), number, 2)
    assert (ticket.state, ticket.person_in_charge) == ("new", "Duty desk")


def test_what_cannot_be_undone(session: Session, cast: Cast, opened: Open) -> None:
    def moved(**more: object) -> int:
        number = opened()
        with transaction(session):
            by = writer(cast.operator, NOON)
            change_ticket(session, by, number, {"state": "on hold", **more})
        return number

    def refused(number: int, minutes: float = 1, version: int = 2) -> str:
        by = writer(cast.operator, NOON + timedelta(minutes=minutes))
        with pytest.raises(MoveNotAllowed) as found, transaction(session):
            undo_move(session, by, number, version)
        return found.value.message

    assert "for 10 minutes" in refused(moved(), minutes=10.1)
    assert "for 10 minutes" in refused(moved(title="Other"))  # an edit, not a move
    number = opened()
    assert "newest move" in refused(number, version=1)  # its creation
    number = moved()
    assert "newest move" in refused(number, version=1)
    with transaction(session):
        change_ticket(session, writer(cast.admin, NOON), number, {"priority": "urgent"})
    assert "newest move" in refused(number)  # something followed
    assert "newest move" in refused(number, version=3)  # no move, and not one's own
    by_another = moved()
    with pytest.raises(MoveNotAllowed), transaction(session):
        undo_move(session, writer(cast.admin, NOON), by_another, 2)
    with pytest.raises(Forbidden), transaction(session):
        undo_move(session, writer(cast.reader, NOON), by_another, 2)
    assert session.get_one(Ticket, by_another).version == 2


def test_only_who_moved_it_is_shown_the_undo(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    path = f"/tickets/{number}/undo-move"
    visitor = visit(cast.operator)
    visitor.send(f"/tickets/{number}/move", {"state": "on hold"})
    assert visitor.read(f"/tickets/{number}").has_form(path)
    assert not visit(cast.admin).read(f"/tickets/{number}").has_form(path)
    visitor.send(f"/tickets/{number}/comment", {"kind": "public", "text": "More"})
    assert not visitor.read(f"/tickets/{number}").has_form(path)
    answer = visitor.send(path, {"version": "2"})
    assert answer.status_code == 409
    assert "Only the newest move can be undone" in answer.text
