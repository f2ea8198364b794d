"""Mails of personal reminders on both databases: each once, whoever sends and dies."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import disable_user, find_user
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden
from app.jobs.rules.work import TICKET_REMINDERS
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.mail.services.choices import set_mail_choice
from app.mail.services.personal_reminders import AT_ONCE, send_due_reminders
from app.mail.services.queue import post_of
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.services.lifecycle import move_ticket
from app.tickets.services.personal_reminders import (
    due_reminders,
    reminders_of,
    remove_reminder,
    set_reminder,
)
from app.worker.timed import TIMED
from tests.cast import NOON, Cast, writer
from tests.harness.databases import open_engine
from tests.harness.loaded import Child
from tests.harness.server import test_settings
from tests.harness.until import until
from tests.mails import SENDER, body, enter_with_mails, message, opened, plan

HOUR = timedelta(hours=1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


def remind(session: Session, by: Actor, number: int, at: datetime, note: str = "") -> None:
    with transaction(session):
        set_reminder(session, writer(by), number, at, note)


def send(session: Session, now: datetime) -> list[Mail]:
    """The mails that the reminders due at ``now`` make."""
    before = set(session.scalars(select(Mail.id)))
    with transaction(session):
        send_due_reminders(session, now)
    return [one for one in session.scalars(select(Mail).order_by(Mail.id)) if one.id not in before]


def test_a_reminder_comes_when_it_is_due_and_says_the_state(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, title="Slow path")
    plan(session)
    remind(session, cast.reader, number, NOON + HOUR, "Ask the NOC")
    assert send(session, NOON + HOUR - timedelta(seconds=1)) == []
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "unsolved")
    plan(session)
    (mail,) = send(session, NOON + HOUR)
    assert (mail.address, mail.state, mail.due_at) == (
        "reader@people.example",
        "waiting",
        NOON + HOUR,
    )
    found = message(session, mail)
    assert found["Subject"] == f"Reminder: ticket {number}, Slow path"
    assert body(found, "plain").startswith(
        f"You set a reminder for ticket {number} on 2013-03-06 at 13:00 UTC.\n\n"
        "Your note: Ask the NOC\n\n"
        "Slow path\nState now: unsolved\n\n"
        f"https://portal.example/tickets/{number}\n"
    )
    assert send(session, NOON + 2 * HOUR) == [], "once"
    # it stays until it is done
    (shown,) = due_reminders(session, cast.reader, NOON + 2 * HOUR, 10)
    assert (shown.number, shown.state, shown.note) == (number, "unsolved", "Ask the NOC")
    with transaction(session):
        remove_reminder(session, writer(cast.reader), number)
        remove_reminder(session, writer(cast.reader), number)
    assert reminders_of(session, cast.reader) == []


def test_operators_see_that_it_was_sent_and_not_what_it_says(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    plan(session)
    remind(session, cast.reader, number, NOON + HOUR, "They never answer")
    (mail,) = send(session, NOON + HOUR)
    shown = post_of(session, SENDER, mail.id, to_show=True)
    for text in (shown.text, shown.html):
        assert "They never answer" not in text
        assert "Only the recipient can read this text." in text
    assert "They never answer" in post_of(session, SENDER, mail.id).html


def test_a_moved_one_comes_again_at_its_new_time(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    plan(session)
    remind(session, cast.reader, number, NOON + HOUR)
    remind(session, cast.reader, number, NOON + 2 * HOUR, "later")  # before it was due
    assert send(session, NOON + HOUR) == []
    assert len(send(session, NOON + 2 * HOUR)) == 1
    remind(session, cast.reader, number, NOON + 3 * HOUR)  # after
    assert due_reminders(session, cast.reader, NOON + 2 * HOUR, 10) == []
    assert len(send(session, NOON + 3 * HOUR)) == 1
    assert send(session, NOON + 4 * HOUR) == []


def test_who_wants_no_mails_or_may_not_log_in_gets_none(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, title="For three")
    plan(session)
    for by in (cast.reader, cast.kit, cast.pic, cast.operator):
        remind(session, by, number, NOON + HOUR)
    with transaction(session):
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "never")
        set_mail_choice(session, writer(cast.operator), find_user(session, "operator"), "digest")
        disable_user(session, writer(cast.admin), find_user(session, "pic"))
        find_user(session, "reader").mail = ""
    # a daily digest is of what others do: a time that one chose oneself is kept
    assert [mail.address for mail in send(session, NOON + HOUR)] == ["operator@people.example"]
    with transaction(session):
        set_mail_choice(session, writer(cast.kit), find_user(session, "kit"), "each")
    assert send(session, NOON + 2 * HOUR) == [], "what was due then is not made up for"
    assert len(due_reminders(session, cast.kit, NOON + HOUR, 10)) == 1, "home shows it"


def test_only_people_are_reminded(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    with pytest.raises(Forbidden, match="Only people"):
        remind(session, cast.ggus, number, NOON + HOUR)
    with pytest.raises(Forbidden, match="Only people"), transaction(session):
        remove_reminder(session, writer(cast.ggus), number)


def addresses(session: Session) -> list[str]:
    session.rollback()
    return sorted(session.scalars(select(Mail.address).where(Mail.message_id.is_not(None))))


def test_workers_at_once_remind_once(database: str, session: Session, cast: Cast) -> None:
    numbers = [opened(session, cast.operator) for _ in range(AT_ONCE // 2 + 5)]
    plan(session)
    for number in numbers:
        for by in (cast.reader, cast.kit):
            remind(session, by, number, NOON + HOUR)
    engine = open_engine(database)
    context = Context(engine, test_settings(database), now=lambda: NOON + HOUR)
    with ThreadPoolExecutor(3) as threads:
        words = list(threads.map(lambda _: TIMED[TICKET_REMINDERS.name](context), range(3)))
    engine.dispose()
    assert sum(int(word.split()[0]) for word in words if word[0].isdigit()) == 2 * len(numbers)
    expected = ["kit@people.example"] * len(numbers) + ["reader@people.example"] * len(numbers)
    assert addresses(session) == expected


def send_and_die(database: str, now: datetime, *, committed: bool) -> None:
    """The process is killed before or after it commits."""
    with Session(open_engine(database)) as session:
        with transaction(session):
            assert send_due_reminders(session, now) == 2
            if not committed:
                os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("committed", [False, True])
def test_a_worker_killed_in_the_middle_loses_and_doubles_none(
    database: str, session: Session, cast: Cast, *, committed: bool
) -> None:
    number = opened(session, cast.operator)
    plan(session)
    for by in (cast.reader, cast.kit):
        remind(session, by, number, NOON + HOUR)
    session.rollback()
    now = NOON + HOUR
    died = Child(partial(send_and_die, committed=committed), [database, now])
    assert died.wait(120) == -signal.SIGKILL
    marks = session.scalars(select(TicketReminder.reminded_at)).all()
    assert [mark is not None for mark in marks] == [committed] * 2
    session.rollback()

    def both_sent() -> bool:
        send(session, now)  # skips rows that PostgreSQL still holds locked for the dead process
        return len(addresses(session)) >= 2

    until(both_sent)
    send(session, now)
    assert addresses(session) == ["kit@people.example", "reader@people.example"]
