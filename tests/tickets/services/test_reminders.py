"""Reminders in the ticket's own log: each once, whoever looks, and an answer begins anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM as PORTAL
from app.core.rules.access import Door, Writer
from app.jobs.tasks.context import Context
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.reminders import WaitingStep
from app.tickets.services.lifecycle import comment_ticket, move_ticket, open_ticket
from app.tickets.services.reminders import overdue_replies, take_due_step
from app.tickets.services.timeline import timeline_of
from app.worker.timed import TIMED
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings

WEEK = timedelta(days=7)
"""From noon on a weekday, five working days."""


def portal(now: datetime) -> Writer:
    return Writer(actor=PORTAL, door=Door.SYSTEM, now=now)


def waiting_ticket(session: Session, cast: Cast, now: datetime = NOON) -> int:
    with transaction(session):
        number = open_ticket(
            session, writer(cast.kit, now - timedelta(hours=1)), NewTicket(title="Which port?")
        ).number
        move_ticket(session, writer(cast.operator, now), number, "waiting for reply")
    return number


def due(session: Session, now: datetime) -> list[int]:
    found, more = overdue_replies(session, now)
    session.rollback()
    assert more is None
    return list(found)


def step(session: Session, number: int, now: datetime) -> WaitingStep | None:
    with transaction(session):
        return take_due_step(session, portal(now), number)


def test_from_the_first_reminder_to_unsolved(session: Session) -> None:
    cast = enter(session)
    number = waiting_ticket(session, cast)
    assert due(session, NOON + WEEK - timedelta(minutes=1)) == []
    assert step(session, number, NOON + WEEK - timedelta(minutes=1)) is None
    for weeks in (1, 2):
        now = NOON + weeks * WEEK + timedelta(minutes=5)
        assert due(session, now) == [number]
        assert step(session, number, now) is WaitingStep.REMIND
        assert due(session, now) == []
        assert step(session, number, now) is None
    now = NOON + 3 * WEEK + timedelta(minutes=5)
    assert step(session, number, now) is WaitingStep.GIVE_UP
    assert due(session, now + 10 * WEEK) == []
    ticket = session.get_one(Ticket, number)
    assert ticket.state == "unsolved"
    steps = timeline_of(session, cast.reader, number)
    told = [
        (shown.author, shown.door, item.field, item.new)
        for shown in steps[2:]
        for item in shown.fields
    ]
    assert told == [
        ("portal", "system", "reminder", "1 of 2"),
        ("portal", "system", "reminder", "2 of 2"),
        ("portal", "system", "state", "unsolved"),
    ]
    assert "2013-03-13 and 2013-03-20" in steps[-1].public_comment


def test_an_answer_begins_the_count_anew(session: Session) -> None:
    cast = enter(session)
    number = waiting_ticket(session, cast)
    assert step(session, number, NOON + WEEK) is WaitingStep.REMIND
    later = NOON + WEEK + timedelta(days=1)
    with transaction(session):  # somebody else than the submitter: the ticket goes on waiting
        comment_ticket(session, writer(cast.operator, later), number, "It is being looked for")
    assert due(session, NOON + 2 * WEEK) == []
    assert due(session, later + WEEK) == [number]
    assert step(session, number, later + WEEK) is WaitingStep.REMIND
    with transaction(session):  # the submitter: it waits no longer
        by = writer(cast.kit, later + WEEK + timedelta(hours=1))
        comment_ticket(session, by, number, "Port 3")
    assert due(session, later + 5 * WEEK) == []
    with transaction(session):
        by = writer(cast.operator, later + WEEK + timedelta(hours=2))
        move_ticket(session, by, number, "waiting for reply")
    assert due(session, later + 2 * WEEK + timedelta(minutes=119)) == []
    assert step(session, number, later + 2 * WEEK + timedelta(hours=2)) is WaitingStep.REMIND
    newest = timeline_of(session, cast.reader, number)[-1]
    assert [item.new for item in newest.fields] == ["1 of 2"]


def test_internal_notes_and_edits_do_not_count_as_answers(session: Session) -> None:
    cast = enter(session)
    number = waiting_ticket(session, cast)
    with transaction(session):
        by = writer(cast.operator, NOON + timedelta(days=3))
        comment_ticket(session, by, number, "They never answer", internal=True)
    assert due(session, NOON + WEEK) == [number]


def test_workers_at_once_remind_once(database: str, session: Session) -> None:
    cast = enter(session)
    numbers = [waiting_ticket(session, cast) for _ in range(5)]
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON + WEEK)
    with ThreadPoolExecutor(3) as threads:
        words = list(threads.map(lambda _: TIMED["reminders"](context), range(3)))
    engine.dispose()
    for number in numbers:
        found = [
            item.new
            for shown in timeline_of(session, cast.reader, number)
            for item in shown.fields
            if item.field == "reminder"
        ]
        assert found == ["1 of 2"]
    reminded = [word for word in words if word.startswith("Reminded of")]
    assert sum(int(word.split()[2]) for word in reminded) == 5
