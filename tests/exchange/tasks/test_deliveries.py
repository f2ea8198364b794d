"""What goes to a partner: which tickets, when it is away, and what people do about a failure."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy import text as statement
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Door
from app.demo.partner_system import PORTAL
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, parts_of
from app.exchange.rules.fields import Owner
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Choice, Guard
from app.exchange.services import decisions
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.overview import counterparts
from app.exchange.services.planning import BEGIN_OPEN, JOB, LANE_JOB, LANES, WAKE, begin_pair
from app.exchange.tasks.deliveries import begin_open, plan_entries
from app.jobs.services.queue import Queued, queued_jobs
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket
from tests.exchange.exchange_world import PROFILE, World
from tests.exchange.said import said_in


@pytest.fixture
def world(session: Session) -> World:
    return World(session.get_bind().engine)


def texts_there(world: World, key: int) -> list[str]:
    """What their ticket says, in its order, without our marks."""
    return [said_in(article["body"]) for article in world.partner.tickets[key].articles]


def comments_here(world: World, number: int) -> list[str]:
    """What was said on our ticket, in its order, by whomever."""
    with Session(world.engine) as session:
        return list(
            session.scalars(
                select(ChangedField.new)
                .join(Change, Change.id == ChangedField.change_id)
                .where(Change.thing_id == number, ChangedField.field == "public_comment")
                .order_by(Change.id)
            )
        )


def calls_of(world: World, word: str) -> int:
    return sum(word in call for call in world.partner.calls)


def forget_jobs(session: Session) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    session.execute(statement(f"DELETE FROM {'jobs' if is_sqlite else 'procrastinate_jobs'}"))


def state_of(world: World, number: int) -> str:
    with Session(world.engine) as session:
        return session.get_one(Ticket, number).state


def test_a_ticket_and_what_is_said_are_there_in_their_order(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    for text in ("One", "Two", "Three"):
        world.do(comment_ticket, number, text)
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "One", "Two", "Three"]
    assert world.partner.tickets[1001].title == "Link down"
    last = world.partner.tickets[1001].articles[-1]["body"]
    assert last == f"Three\n\n(operator via LHCOPN#{number}/4)"


THREAD = "\n\n".join(f"Line {n}\n\n(anna via LHCOPN#{n}/2)" for n in range(1, 7))
PASSED = "We dig\n\n" + "\n".join(f"(anna via LHCOPN#{n}/2)" for n in range(1, 6))


def entries_of(world: World, number: int) -> list[tuple[str, str, str]]:
    """Kind, state and reason of our entries."""
    with Session(world.engine) as session:
        pairs = select(TicketPair.id).where(TicketPair.ticket_number == number)
        found = select(ExchangeEntry).where(
            ExchangeEntry.pair_id.in_(pairs), ExchangeEntry.origin == Origin.OURS
        )
        rows = session.scalars(found.order_by(ExchangeEntry.sequence))
        return [(entry.kind, entry.state, entry.reason) for entry in rows]


def test_a_thread_that_somebody_pastes_is_sent(world: World) -> None:
    number = world.open("Link down", f"{THREAD}\n\nSee above.")
    world.do(comment_ticket, number, THREAD)
    world.deliver()
    there = [article["body"] for article in world.partner.tickets[1001].articles]
    assert there[0].startswith(THREAD)
    assert there[1] == f"{THREAD}\n\n(operator via LHCOPN#{number}/2)"


def test_a_text_that_passed_five_systems_is_left_out_and_says_so(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, PASSED)
    world.do(comment_ticket, number, "One")
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "One"]
    assert entries_of(world, number)[1:] == [
        ("comment", "skipped", "It has passed 5 systems already"),
        ("comment", "sent", ""),
    ]


def test_what_came_from_them_is_not_sent_to_them(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "We dig")
    world.read("1001")
    world.later(minutes=1)
    world.deliver()
    assert comments_here(world, number) == ["We dig"]
    assert texts_there(world, 1001) == ["The fibre is cut.", "We dig"]


def said_here(world: World, number: int) -> list[tuple[str, str, str]]:
    """Field, author and text of each comment and note on our ticket."""
    with Session(world.engine) as session:
        rows = session.execute(
            select(ChangedField.field, Change.author, ChangedField.new)
            .join(Change, Change.id == ChangedField.change_id)
            .where(Change.thing_id == number, ChangedField.field.endswith("_comment"))
            .order_by(Change.id)
        )
        return [(field, author, text or "") for field, author, text in rows]


def test_a_text_that_is_read_late_says_when_it_was_written(world: World) -> None:
    """The log has the time of the reading: of that the text does not speak."""
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "We dig")
    world.later(minutes=50)
    world.partner.comment(1001, "Spliced")
    world.later(minutes=9)
    world.read("1001")
    assert said_here(world, number) == [
        ("public_comment", "Staff there, written 2026-03-02 10:00 UTC", "We dig"),
        ("public_comment", "Staff there", "Spliced"),
    ]


@pytest.mark.parametrize("bad", ["soon", "", "9999-99-99T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_time_that_nobody_can_have_written_at_is_left_out(world: World, bad: str) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "We dig")
    world.partner.tickets[1001].articles[-1]["created_at"] = bad
    world.later(hours=5)
    world.read("1001")
    assert said_here(world, number) == [("public_comment", "Staff there", "We dig")]


def test_an_internal_text_that_they_make_public_is_public_here_once(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "We dig", internal=True)
    world.read("1001")
    world.partner.tickets[1001].articles[-1]["internal"] = False
    for _turn in range(2):
        world.read("1001")
    world.deliver()
    assert said_here(world, number) == [
        ("internal_comment", "Staff there", "We dig"),
        ("public_comment", "Staff there", "We dig"),
    ]
    assert texts_there(world, 1001) == ["The fibre is cut.", "We dig"]
    world.later(minutes=1)
    world.read("1001")
    world.pull()
    with Session(world.engine) as session:
        found = counterparts(session, number, world.now, internal=True)
        assert [one.compared.in_step for one in found if one.compared] == [True]
    world.partner.tickets[1001].articles[-1]["internal"] = True
    world.read("1001")
    assert len(said_here(world, number)) == 2


def test_the_same_words_twice_are_two_texts(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "Any news?")
    world.partner.comment(1001, "Any news?")
    world.read("1001")
    world.read("1001")
    assert comments_here(world, number) == ["Any news?", "Any news?"]


def test_a_text_that_is_too_long_comes_in_parts_and_whole(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "x" * 99_999 + "\x00" + "y" * 100_000 + "z")
    world.read("1001")
    parts = comments_here(world, number)
    assert [len(part) for part in parts] == [100_000, 100_000, 1]
    assert "".join(parts) == "x" * 99_999 + "\N{REPLACEMENT CHARACTER}" + "y" * 100_000 + "z"


def test_a_partner_that_is_away_costs_one_call_a_pause_and_loses_nothing(world: World) -> None:
    numbers = [world.open(f"Ticket {n}", f"Text {n}") for n in range(20)]
    for number in numbers:
        world.do(comment_ticket, number, f"More on {number}")
    world.partner.errs.refuse = 6
    world.deliver()
    assert len(world.partner.calls) == 3  # then it counts as away
    for _ in range(4):
        world.later(hours=2)
        world.deliveries.wake(world.context, {"connection": world.connection_id})
    assert calls_of(world, "/users/me") == 4  # each time one, until one was answered
    waiting = {job.name: job.waiting for job in queued(world)}
    assert waiting[LANE_JOB] == LANES  # for all twenty
    assert waiting[JOB] == 2  # had a time of their own to try again
    world.deliver()
    assert [texts_there(world, key) for key in sorted(world.partner.tickets)] == [
        [f"Text {n}", f"More on {number}"] for n, number in enumerate(numbers)
    ]


def queued(world: World) -> list[Queued]:
    with Session(world.engine) as session:
        return list(queued_jobs(session))


def test_a_ticket_that_they_refuse_holds_no_other_up(world: World) -> None:
    refused = world.open("Refused", "x" * 10)
    other = world.open("Other", "y")
    world.partner.errs.refused_word = "Refused"
    world.deliver()
    world.later(minutes=10)
    world.deliver()
    pair = world.pair_of(refused)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    assert "422" in pair.reason
    assert texts_there(world, 1001) == ["y"]
    assert world.pair_of(other) is not None


def test_only_shared_tickets_go_unless_more_is_chosen(session: Session) -> None:
    world = World(session.get_bind().engine, replace(PROFILE, tickets=Choice.SHARED))
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, "Any news?")
    world.deliver()
    assert not world.partner.tickets
    with world.writing() as session:
        connection = session.get_one(Connection, world.connection_id)
        begin_pair(session, connection, session.get_one(Ticket, number), world.now)
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "Any news?"]
    world.do(comment_ticket, number, "Found it")
    world.deliver()
    assert texts_there(world, 1001)[2:] == ["Found it"]


def test_all_means_those_too_that_are_open_already(session: Session) -> None:
    before = World(session.get_bind().engine, replace(PROFILE, tickets=Choice.SHARED))
    before.open("Old and open", "a")
    closed = before.open("Old and closed", "b")
    before.do(move_ticket, closed, "in progress")
    before.do(move_ticket, closed, "solved", solution="done")
    before.do(move_ticket, closed, "closed")
    before.deliver()
    before.later(days=1)
    with before.writing() as session:
        connection = session.get_one(Connection, before.connection_id)
        content = replace(PROFILE, tickets=Choice.ALL).as_json()
        set_profile(session, before.admin(), connection, content)
    assert BEGIN_OPEN in {job.name for job in queued(before)}
    begin_open(before.context, {"connection": before.connection_id})
    before.deliver()
    assert [ticket.title for ticket in before.partner.tickets.values()] == ["Old and open"]


def test_a_retry_by_two_people_has_one_effect(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.partner.errs.fail_after = 1
    world.deliver()  # it was created there, and nobody knows
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.reason
    for name in ("first", "second"):
        with world.writing() as session:
            decisions.retry(session, world.operator(name), pair.id)
        world.later(minutes=4)
        world.deliver()
        world.deliver()
    assert len(world.partner.tickets) == 1
    again = world.pair_of(number)
    assert again is not None
    assert (again.state, again.reason) == (PairState.PAIRED, "")


def test_what_is_left_out_lets_the_next_through(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(comment_ticket, number, "One that they refuse")
    world.do(comment_ticket, number, "Two")
    world.partner.errs.refused_word = "that they refuse"
    world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    with world.writing() as session:
        decisions.leave_out(session, world.admin(), pair.id, "They take no such text")
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "Two"]
    with Session(world.engine) as session:
        left_out = session.scalars(
            select(ExchangeEntry).where(ExchangeEntry.state == "skipped")
        ).one()
    assert left_out.reason == "They take no such text"
    assert json.loads(left_out.content)["text"] == "One that they refuse"


@pytest.mark.parametrize(
    ("owner", "ours", "theirs"),
    [
        (Owner.US, "in progress", "in progress"),
        (Owner.THEM, "solved", "solved"),
        (Owner.ASK, "in progress", "solved"),
    ],
)
def test_both_sides_move_a_ticket_while_nobody_hears_the_other(
    session: Session, owner: Owner, ours: str, theirs: str
) -> None:
    world = World(session.get_bind().engine, replace(PROFILE, owners={"state": owner}))
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.read("1001")
    world.do(comment_ticket, number, "Said here")
    world.do(move_ticket, number, "in progress")
    world.partner.comment(1001, "Said there")
    world.partner.move(1001, "solved")
    world.read("1001")
    world.deliver()
    world.read("1001")
    world.deliver()
    assert (state_of(world, number), world.partner.tickets[1001].state) == (ours, theirs)
    assert sorted(comments_here(world, number)) == ["Said here", "Said there"]
    assert sorted(texts_there(world, 1001)[1:]) == ["Said here", "Said there"]


def test_a_move_that_is_not_allowed_here_is_told_and_not_forced(session: Session) -> None:
    world = World(session.get_bind().engine)
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(move_ticket, number, "in progress")
    world.do(move_ticket, number, "solved", solution="spliced")
    world.do(move_ticket, number, "closed")
    world.deliver()
    world.later(minutes=1)
    world.partner.move(1001, "in progress")
    world.read("1001")
    assert state_of(world, number) == "closed"
    with Session(world.engine) as session:
        entry = session.scalars(
            select(ExchangeEntry).where(ExchangeEntry.state == "recorded")
        ).one()
    assert json.loads(entry.content) == {"state": "in progress"}
    assert entry.reason


def test_their_changes_are_written_as_theirs(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.comment(1001, "We dig")
    world.read("1001")
    with Session(world.engine) as session:
        newest = session.scalars(
            select(Change).where(Change.thing_id == number).order_by(Change.id.desc())
        ).first()
    assert newest is not None
    assert (newest.door, newest.actor_account) == (Door.EXCHANGE, "GGUS")
    assert newest.author == "Staff there"


def test_a_look_that_fails_does_not_forget_what_it_looked_for(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(comment_ticket, number, "Any news?")
    world.partner.errs.fail_after = 1
    world.deliver()  # the text is there, and nobody knows
    world.later(minutes=4)
    world.partner.errs.refuse = 1
    world.deliver()  # nobody can look
    world.later(minutes=4)
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "Any news?"]


def test_a_state_that_is_not_created_is_sent_after_it_and_is_no_news(session: Session) -> None:
    """ "Never create as in progress" must not bring our own ticket back to "assigned"."""
    guarded = replace(PROFILE, guards=(Guard.NOT_CREATED_IN_PROGRESS,), tickets=Choice.SHARED)
    world = World(session.get_bind().engine, guarded)
    number = world.open("Link down", "The fibre is cut.")
    world.do(move_ticket, number, "in progress")
    with world.writing() as session:
        connection = session.get_one(Connection, world.connection_id)
        begin_pair(session, connection, session.get_one(Ticket, number), world.now)
    world.deliver()
    world.read("1001")
    assert (state_of(world, number), world.partner.tickets[1001].state) == (
        "in progress",
        "in progress",
    )


def test_a_wake_that_came_too_early_comes_again(world: World) -> None:
    world.open("Link down", "The fibre is cut.")
    world.partner.errs.refuse = 3
    for _ in range(3):
        world.deliver()
        world.later(minutes=1)
    with world.writing() as session:  # another call failed meanwhile
        connection = session.get_one(Connection, world.connection_id)
        connection.failures, connection.resting_until = 5, world.now + timedelta(hours=1)
    before = sum(job.waiting for job in queued(world) if job.name == WAKE)
    world.deliveries.wake(world.context, {"connection": world.connection_id})
    assert sum(job.waiting for job in queued(world) if job.name == WAKE) == before + 1
    assert len(world.partner.calls) == 3


def test_one_failed_test_call_after_a_resume_is_tried_again(world: World) -> None:
    world.open("Link down", "The fibre is cut.")
    plan_entries(world.context)
    world.partner.errs.refuse = 1
    world.deliveries.wake(world.context, {"connection": world.connection_id})
    assert any(job.name == WAKE and job.waiting for job in queued(world))


def test_a_worker_that_ends_leaves_its_pair_to_the_next(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    plan_entries(world.context)
    pair = world.pair_of(number)
    assert pair is not None
    ending = Context(world.engine, world.context.settings, is_ending=lambda: True)
    with world.writing() as session:  # its job is done when it returns
        forget_jobs(session)
    world.deliveries.deliver(ending, {"pair": pair.id})
    assert [job.name for job in queued(world) if job.waiting] == [LANE_JOB]


def test_a_text_that_makes_them_fail_ends_with_a_person(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(comment_ticket, number, "One at which they fail")
    world.partner.errs.failed_word = "at which they fail"
    for _ in range(40):
        world.later(hours=2)
        world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED
    assert texts_there(world, 1001) == ["The fibre is cut."]


def test_a_ticket_that_begins_with_an_internal_text_shows_it_to_nobody(world: World) -> None:
    key = world.partner.open("Their ticket", "public")
    world.partner.tickets[key].group = "Network"
    world.partner.tickets[key].articles[0].update(internal=True, body="the code is 1234")
    world.pull()
    world.later(minutes=20)
    world.partner.comment(key, "Hello")
    world.pull()
    with Session(world.engine) as session:
        (ticket,) = session.scalars(select(Ticket)).all()
        said = session.execute(select(ChangedField.field, ChangedField.new)).all()
    assert "1234" not in ticket.description
    assert ("internal_comment", "the code is 1234") in [tuple(one) for one in said]
    assert comments_here(world, ticket.number) == ["Hello"]


def test_internal_notes_stay_once_somebody_says_so(session: Session) -> None:
    world = World(session.get_bind().engine, internal=True)
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, "between us", internal=True)
    world.do(comment_ticket, number, "for all")
    plan_entries(world.context)
    with world.writing() as session:
        session.get_one(Connection, world.connection_id).internal = False
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "for all"]


def test_a_text_of_ours_that_is_there_twice_later_is_a_copy(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.do(comment_ticket, number, "Any news?")
    world.deliver()
    world.read("1001")
    body = world.partner.tickets[1001].articles[1]["body"]
    again = world.partner.comment(1001, body, by=PORTAL)
    world.read("1001")
    world.read("1001")
    pair = world.pair_of(number)
    assert pair is not None
    assert json.loads(pair.copies) == [str(again)]
    with Session(world.engine) as session:
        keys = session.scalars(
            select(ExchangeEntry.their_key).order_by(ExchangeEntry.sequence)
        ).all()
    assert keys == ["1", "2"]
    assert comments_here(world, number) == ["Any news?"]


@pytest.mark.parametrize("how", ["failed_word", "busy_word"])
def test_values_that_never_get_there_end_with_a_person(world: World, how: str) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    setattr(world.partner.errs, how, "in progress")
    world.do(move_ticket, number, "in progress")
    for _ in range(40):
        world.later(hours=2)
        world.deliver()
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.state == PairState.STOPPED


def test_how_a_ticket_was_solved_is_said_there_once(session: Session) -> None:
    world = World(session.get_bind().engine)
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.do(change_ticket, number, {"state": "solved", "solution": "Spliced at km 12"})
    world.partner.errs.fail_after = 1  # it is there, and nobody knows
    for _turn in range(3):
        world.deliver()
        world.later(hours=1)
    assert texts_there(world, 1001) == ["The fibre is cut.", "Solution: Spliced at km 12"]
    assert world.partner.tickets[1001].state == "solved"
    world.read("1001")
    assert comments_here(world, number) == []
    world.do(change_ticket, number, {"priority": "urgent"})
    world.deliver()
    assert len(texts_there(world, 1001)) == 2


def test_a_solved_ticket_that_is_shared_says_how(session: Session) -> None:
    world = World(session.get_bind().engine, replace(PROFILE, tickets=Choice.SHARED))
    number = world.open("Link down", "The fibre is cut.")
    world.do(change_ticket, number, {"state": "solved", "solution": "Spliced at km 12"})
    plan_entries(world.context)
    with world.writing() as session:
        decisions.share(session, world.operator(), number, session.get_one(Connection, 1))
    world.deliver()
    assert texts_there(world, 1001) == ["The fibre is cut.", "Solution: Spliced at km 12"]


def test_a_solution_goes_to_a_field_where_there_is_one() -> None:
    fields = {"state": "solved", "solution": "Spliced"}
    said = (EntryKind.COMMENT, {"text": "Solution: Spliced"})
    values = (EntryKind.FIELDS, {"solution": "Spliced", "state": "solved"})
    assert parts_of(fields, is_new=False, internal=False) == [values]
    assert parts_of(fields, is_new=False, internal=False, solution_as_text=True) == [said, values]


def test_a_value_of_theirs_without_a_counterpart_is_named(world: World) -> None:
    number = world.open("Link down", "The fibre is cut.")
    world.deliver()
    world.partner.move(1001, "reopened")
    world.read("1001")
    pair = world.pair_of(number)
    assert pair is not None
    assert pair.reason == "No mapping for their state 'reopened'; add one"
