"""Operators are notified of a source that goes silent and of one that is heard again, once each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import EventSource, SourceSilence
from app.events.rules.events import EventMessage
from app.events.services.events import Heard, report_events
from app.events.services.sources import set_source
from app.events.tasks.silence import watch_sources
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail, MailMessage
from tests.cast import NOON, Cast, writer
from tests.harness.server import test_settings
from tests.mails import enter_with_mails

MINUTE = timedelta(minutes=1)
DOWN = EventMessage(
    *(0, "event 0", "probe", "1"),
    link="CERN-GRIDKA-LHCOPN-001",
    state="down",
    start=NOON - 60 * MINUTE,
    end=NOON - 50 * MINUTE,
)


@pytest.fixture
def cast(session: Session) -> Cast:
    """The cast; a source that was heard at noon and is expected every 15 minutes, and a file."""
    found = enter_with_mails(session)
    with transaction(session):
        report_events(session, writer(found.operator), [DOWN])
        old = replace(DOWN, source="old")
        report_events(session, writer(found.operator), [old], kind="file", heard=Heard.THEN)
        set_source(session, writer(found.admin), "probe", {}, expected_minutes=15)
    return found


def look(session: Session, minutes: float) -> str:
    """What the worker does so many minutes after noon."""
    session.rollback()
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return watch_sources(
        Context(
            engine,
            test_settings(engine.url.render_as_string(hide_password=False)),
            now=lambda: NOON + minutes * MINUTE,
        )
    )


def call(session: Session, cast: Cast, minutes: float) -> None:
    with transaction(session):
        by = writer(cast.operator, NOON + minutes * MINUTE)
        report_events(session, by, [], source="probe")


def mails(session: Session) -> list[tuple[str, datetime, set[str]]]:
    """Subject, time and addresses of each message."""
    session.rollback()
    found = []
    for one in session.scalars(select(MailMessage).order_by(MailMessage.id)):
        to = session.scalars(select(Mail.address).where(Mail.message_id == one.id))
        found.append((one.subject, one.created_at, set(to)))
    session.rollback()
    return found


def test_silence_and_its_end_are_one_mail_each(session: Session, cast: Cast) -> None:
    assert look(session, 15) == "No news"
    assert look(session, 16) == "probe is silent"
    assert look(session, 17) == "No news"
    call(session, cast, 30)
    assert look(session, 30.5) == "probe is heard again"
    assert look(session, 31) == "No news"
    subjects = [one[0] for one in mails(session)]
    assert subjects == ["probe is silent", "probe is heard again"]
    for _subject, _at, to in mails(session):
        assert to == {"admin@people.example", "operator@people.example"}
    text = session.scalars(select(MailMessage.text).order_by(MailMessage.id)).first()
    assert text is not None
    assert "last heard at 2013-03-06 12:00 UTC, 16 min ago" in text
    assert "expected every 15 min" in text
    session.rollback()
    # and the next time
    assert look(session, 46) == "probe is silent"
    assert len(mails(session)) == 3


def test_a_short_silence_that_nobody_noticed_is_no_mail(session: Session, cast: Cast) -> None:
    call(session, cast, 20)
    assert look(session, 20) == "No news"
    assert mails(session) == []
    row = session.scalars(select(SourceSilence)).one()
    assert (row.start, row.end) == (NOON, NOON + 20 * MINUTE)
    session.rollback()


def test_a_longer_interval_ends_what_was_noted(session: Session, cast: Cast) -> None:
    look(session, 16)
    with transaction(session):
        set_source(session, writer(cast.admin), "probe", {}, expected_minutes=60)
    assert look(session, 17) == "No news"
    assert session.scalars(select(SourceSilence)).all() == []
    session.rollback()
    # it goes silent by the new interval: another silence, of which operators are notified, too
    assert look(session, 61) == "probe is silent"
    assert [one[0] for one in mails(session)] == ["probe is silent"] * 2
    call(session, cast, 70)
    assert look(session, 70.5) == "probe is heard again"
    assert len(mails(session)) == 3


def test_what_a_demo_makes_up_is_heard_while_its_worker_runs(session: Session, cast: Cast) -> None:
    with transaction(session):
        session.execute(update(EventSource).where(EventSource.name == "probe").values(sample=True))
    for minutes in (5, 10, 30, 40):
        assert look(session, minutes) == "No news"
    heard = session.scalar(select(EventSource.last_heard_at).where(EventSource.name == "probe"))
    assert heard == NOON + 40 * MINUTE
    session.rollback()
