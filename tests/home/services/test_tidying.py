"""What the worker deletes once it was kept for its time: mails with their texts, calls, refusals.

Tickets, their history, the sums of calls per day and what still waits stay, however old.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.services.calls import CallRecord, record_calls
from app.core.database.transactions import transaction
from app.core.models.changes import Change, Refusal
from app.core.rules.access import Door
from app.core.services.refusals import Refusals
from app.exchange.models.incoming_mails import IncomingMail, IncomingMailDay
from app.home.services import tidying
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail, MailMessage, MailNotification
from app.mail.services.mails import IN_DIGEST
from app.mail.services.messages import MessageRecipient, queue_message
from app.mail.services.queue import claim_mails, mark_failed, mark_sent
from app.tickets.models.tickets import Ticket
from app.worker.timed import TIMED
from tests.cast import NOON, Cast
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.mails import enter_with_mails, opened, plan

DAY = timedelta(days=1)


@pytest.fixture
def context(database: str) -> Iterator[Context]:
    engine = open_engine(database)
    yield Context(engine, test_settings(database), now=lambda: NOON)
    engine.dispose()


def tidied(context: Context, now: datetime) -> str:
    return TIDIED(replace(context, now=lambda: now))


TIDIED = TIMED["tidy"]


def count(session: Session, table: type) -> int | None:
    session.rollback()
    return session.scalar(select(func.count()).select_from(table))


def seed_mails(session: Session, cast: Cast) -> list[Mail]:
    """Four mails of two tickets, made at noon: sent, refused, waiting, and for a digest; and a
    message that was sent."""
    opened(session, cast.kit, carbon_copy="a@cc.example; b@cc.example")
    opened(session, cast.kit, carbon_copy="c@cc.example; d@cc.example")
    mails = plan(session)
    assert len(mails) == 4
    with transaction(session):
        queue_message(
            session,
            key="report change 1",
            recipients=[MessageRecipient("chair@cc.example", None, "as the chair")],
            subject="DE-KIT has submitted",
            text="Two numbers changed.",
            url="/reports",
            now=NOON,
        )
        claim_mails(session, NOON, NOON)
        mark_sent(session, mails[0].id, NOON)
        mark_failed(session, mails[1].id, NOON, "550 no such user")
        in_digest = update(Mail).where(Mail.id == mails[3].id).values(state=IN_DIGEST, due_at=None)
        session.execute(in_digest)
        (message,) = session.scalars(select(Mail.id).where(Mail.message_id.is_not(None)))
        mark_sent(session, message, NOON)
    return mails


def test_mails_and_their_texts_go_a_year_after_and_what_waits_stays(
    session: Session, context: Context
) -> None:
    cast = enter_with_mails(session)
    mails = seed_mails(session, cast)
    keys = [mail.id for mail in mails]
    logged = count(session, Change)
    assert tidied(context, NOON + 365 * DAY) == "Nothing was old enough"
    assert (count(session, Mail), count(session, MailNotification)) == (5, 2)

    assert tidied(context, NOON + 365 * DAY + timedelta(seconds=1)) == "Deleted 3 old mails"
    assert count(session, MailNotification) == 1
    assert list(session.scalars(select(Mail.id).order_by(Mail.id))) == keys[2:]
    message = session.scalars(select(MailMessage)).one()
    assert (message.key, message.subject, message.text) == ("report change 1", "", "")
    assert (count(session, Ticket), count(session, Change)) == (2, logged)


def test_a_digest_goes_with_its_lines_and_large_numbers_in_parts(
    session: Session, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidying, "AT_ONCE", 2)
    cast = enter_with_mails(session)
    seed_mails(session, cast)
    with transaction(session):
        digest = Mail(
            address="x@cc.example",
            address_key="x@cc.example",
            why="as you asked",
            state="sent",
            created_at=NOON,
            sent_at=NOON,
        )
        session.add(digest)
        session.flush()
        told = {"state": "digested", "digest_id": digest.id, "due_at": None}
        session.execute(update(Mail).where(Mail.change_id.is_not(None)).values(told))
    assert tidied(context, NOON + 366 * DAY) == "Deleted 6 old mails"
    assert (count(session, Mail), count(session, MailNotification)) == (0, 0)


def test_calls_and_refusals_go_after_their_settings(session: Session, context: Context) -> None:
    cast = enter_with_mails(session)
    account = cast.ggus.account_id
    assert account is not None
    with transaction(session):
        record_calls(
            session,
            [
                CallRecord(account, at, "GGUS", "TicketGet", None, 9, 9, 9)
                for at in (NOON, NOON + DAY)
            ],
        )
    for at in (NOON, NOON + DAY):
        Refusals().note(
            session, cast.reader, Door.PORTAL, what="GET /x", reason="no", remote="", now=at
        )
    settings = replace(context.settings, calls_kept_days=30, refusals_kept_days=60)
    context = replace(context, settings=settings)
    second = timedelta(seconds=1)
    assert tidied(context, NOON + 30 * DAY) == "Nothing was old enough"
    assert tidied(context, NOON + 30 * DAY + second) == "Deleted 1 old call"
    assert tidied(context, NOON + 60 * DAY + second) == "Deleted 1 old call, 1 old refusal"
    assert tidied(context, NOON + 61 * DAY + second) == "Deleted 1 old refusal"
    assert (count(session, PartnerCall), count(session, Refusal)) == (0, 0)
    assert session.scalar(select(func.sum(AccountDay.calls))) == 2


def test_incoming_mails_lose_their_bytes_and_go_even_if_nobody_reviewed_them(
    session: Session, context: Context
) -> None:
    with transaction(session):
        for number, state in enumerate(("needs review", "received", "dismissed"), 1):
            mail = IncomingMail(key=str(number), received_at=NOON, state=state, content=b"x")
            session.add(mail)
    assert tidied(context, NOON + 29 * DAY) == "Nothing was old enough"
    assert tidied(context, NOON + 31 * DAY) == "Deleted 2 old contents of incoming mails"
    session.rollback()
    rows = select(IncomingMail.state, IncomingMail.content).order_by(IncomingMail.id)
    assert [tuple(row) for row in session.execute(rows)] == [
        ("needs review", b""),
        ("received", b"x"),
        ("dismissed", b""),
    ]
    assert tidied(context, NOON + 89 * DAY) == "Nothing was old enough"
    assert tidied(context, NOON + 91 * DAY) == "Deleted 1 old unreviewed mail"
    session.rollback()
    (day,) = session.scalars(select(IncomingMailDay)).all()
    assert (day.day, day.unreviewed) == ((NOON + 91 * DAY).date(), 1)
    assert tidied(context, NOON + 366 * DAY) == "Deleted 1 old incoming mail"
    assert count(session, IncomingMail) == 1, "what waits for the worker stays"
    tidied(context, NOON + 500 * DAY)
    assert count(session, IncomingMailDay) == 0
