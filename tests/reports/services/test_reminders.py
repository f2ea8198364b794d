"""Report reminders: who is told, each step once, who is left in peace; what the chair sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.rules.quarters import Quarter
from app.jobs.rules.work import REPORT_REMINDERS
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail
from app.registry.models.registry import Site, SiteContact
from app.registry.services.sites import site_of_key
from app.reports.models.reminders import ReportReminder
from app.reports.services.reminder_exemptions import end_quiet, mute_reminders, quiet_list
from app.reports.services.reminders import (
    owing,
    remind_now,
    reminders_due,
    reminders_sent,
    send_reminder,
)
from app.reports.services.reports import save_field
from app.worker.timed import TIMED
from tests.cast import SYSTEM, Cast, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.mails import enter_with_mails
from tests.reports.services.test_grid import seed

Q1 = Quarter(2013, 1)
BEFORE = datetime(2013, 4, 23, 7, tzinfo=UTC)
ON_THE_DAY = datetime(2013, 4, 30, 7, tzinfo=UTC)
LATER = datetime(2013, 5, 8, 7, tzinfo=UTC)


@pytest.fixture
def cast(session: Session) -> Cast:
    """The cast with addresses; DE-KIT has a contact for reports, too."""
    cast = enter_with_mails(session)
    with transaction(session):
        kit = site_of_key(session, "DE-KIT")
        kit.contacts.append(SiteContact(role="reports", name="Reports", mail="reports@kit.example"))
        kit.contacts.append(SiteContact(role="reports", name="x", mail="KIT@people.example"))
    session.rollback()
    return cast


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


def work(engine: Engine, database: str, now: datetime) -> str:
    """The timed work as a worker does it at this time."""
    context = Context(engine, test_settings(database), now=lambda: now)
    return TIMED[REPORT_REMINDERS.name](context)


def told(session: Session) -> list[tuple[str, str]]:
    """Subject and address of each mail so far."""
    session.rollback()
    mails = session.scalars(select(Mail).order_by(Mail.id)).all()
    return [(mail.message.subject, mail.address) for mail in mails if mail.message is not None]


def test_each_step_reminds_each_site_once(
    session: Session, cast: Cast, engine: Engine, database: str
) -> None:
    seed(session, "ES-PIC", Q1, "submitted", datetime(2013, 4, 2, tzinfo=UTC))
    session.rollback()
    assert work(engine, database, BEFORE) == "Reminded DE-KIT 2013-Q1"
    assert work(engine, database, BEFORE) == "No reminders due"
    is_due = "DE-KIT 2013-Q1: report is due on 2013-04-30"
    first = [(is_due, "kit@people.example"), (is_due, "reports@kit.example")]
    assert told(session) == first
    assert work(engine, database, ON_THE_DAY) == "Reminded DE-KIT 2013-Q1"
    assert told(session) == first * 2
    assert work(engine, database, LATER) == "Reminded DE-KIT 2013-Q1"
    assert work(engine, database, LATER) == "No reminders due"
    was_due = "DE-KIT 2013-Q1: report was due on 2013-04-30"
    assert told(session)[4:] == [(was_due, address) for _, address in first]
    logged = session.scalars(select(Change).where(Change.kind == "report reminder")).all()
    assert [(one.actor_kind, one.fields[3].new) for one in logged] == [
        ("system", "kit@people.example; reports@kit.example")
    ] * 3
    sent, more = reminders_sent(session)
    assert more is None
    assert [(one.reminder.step, len(one.addresses)) for one in sent] == [
        ("7 days after it", 2),
        ("on the due day", 2),
        ("7 days before it", 2),
    ]


def test_a_portal_that_was_down_sends_the_newest_step_alone(
    session: Session, cast: Cast, engine: Engine, database: str
) -> None:
    late = datetime(2013, 6, 30, tzinfo=UTC)
    work(engine, database, late)
    session.rollback()
    rows = session.scalars(select(ReportReminder).order_by(ReportReminder.site_id)).all()
    assert [(row.site.key, row.quarter, row.step) for row in rows] == [
        ("DE-KIT", "2013-Q1", "49 days after it"),
        ("ES-PIC", "2013-Q1", "49 days after it"),
    ], "nothing of earlier quarters, which are over for long"


def test_workers_that_race_send_one(
    session: Session, cast: Cast, engine: Engine, database: str
) -> None:
    due = list(reminders_due(session, BEFORE, 30))
    assert len(due) == 2
    session.rollback()
    barrier, sent, by = Barrier(4), [], replace(SYSTEM, now=BEFORE)

    def race() -> None:
        with Session(engine) as own:
            for site_id, quarter, step in due:
                barrier.wait()
                with transaction(own):
                    made = send_reminder(own, by, site_id, quarter, step, 30)
                    sent.append(made is not None)

    threads = [Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == [False] * 6 + [True] * 2
    assert session.scalar(select(func.count()).select_from(ReportReminder)) == 2
    assert len(told(session)) == 3, "two for DE-KIT, one for ES-PIC"


def test_the_quiet_list_holds_for_sites_and_people(
    session: Session, cast: Cast, engine: Engine, database: str
) -> None:
    with transaction(session):
        by = writer(cast.operator, BEFORE)
        mute_reminders(session, by, site=site_of_key(session, "ES-PIC"), reason="Being moved")
        mute_reminders(session, by, user=find_user(session, "kit"), reason="On leave")
    session.rollback()
    assert work(engine, database, BEFORE) == "Reminded DE-KIT 2013-Q1"
    assert [address for _, address in told(session)] == ["reports@kit.example"]
    with transaction(session):
        entry = quiet_list(session, cast.admin)[0]
        assert (entry.reason, entry.author, entry.since) == ("Being moved", "operator", BEFORE)
        assert end_quiet(session, writer(cast.admin, BEFORE), entry.id) == "ES-PIC"
    session.rollback()
    assert work(engine, database, BEFORE) == "Reminded ES-PIC 2013-Q1"
    kinds = [
        [(item.field, item.old, item.new) for item in change.fields]
        for change in session.scalars(
            select(Change).where(Change.kind == "report quiet").order_by(Change.id)
        )
    ]
    assert kinds == [
        [("site", None, "ES-PIC"), ("why", None, "Being moved")],
        [("person", None, "kit"), ("why", None, "On leave")],
        [("site", "ES-PIC", None), ("why", "Being moved", None)],
    ]


def test_a_site_that_came_on_the_quiet_list_just_now_is_not_reminded(
    session: Session, cast: Cast
) -> None:
    due = list(reminders_due(session, BEFORE, 30))
    session.rollback()
    with transaction(session):
        by = writer(cast.operator, BEFORE)
        mute_reminders(session, by, site=site_of_key(session, "ES-PIC"), reason="Being moved")
    by = replace(SYSTEM, now=BEFORE)
    sent = []
    for site_id, quarter, step in due:
        with transaction(session):
            sent.append(send_reminder(session, by, site_id, quarter, step, 30))
    assert [one.site.key for one in sent if one is not None] == ["DE-KIT"]


def test_only_the_chair_keeps_the_quiet_list(session: Session, cast: Cast) -> None:
    site, user = site_of_key(session, "ES-PIC"), find_user(session, "kit")
    for actor in (cast.kit, cast.reader):
        with pytest.raises(Forbidden):
            mute_reminders(session, writer(actor), site=site, reason="x")
        with pytest.raises(Forbidden):
            quiet_list(session, actor)
        with pytest.raises(Forbidden):
            end_quiet(session, writer(actor), 1)
    by = writer(cast.operator)
    for given, field in (
        ({"site": site, "reason": " "}, "reason"),
        ({"site": site, "reason": "x" * 256}, "reason"),
        ({"site": site, "reason": "a\x00b"}, "reason"),
        ({"reason": "x"}, "who"),
        ({"site": site, "user": user, "reason": "x"}, "who"),
    ):
        with pytest.raises(Invalid) as raised:
            mute_reminders(session, by, **given)
        assert raised.value.field == field
    session.rollback()
    with transaction(session):
        mute_reminders(session, by, site=site_of_key(session, "ES-PIC"), reason="x")
    with pytest.raises(Invalid, match="already"):
        mute_reminders(session, by, site=site_of_key(session, "ES-PIC"), reason="y")
    with pytest.raises(NotFound):
        end_quiet(session, by, 4711)


def test_what_is_owed_and_what_comes_next(session: Session, cast: Cast) -> None:
    with transaction(session):
        kit = site_of_key(session, "DE-KIT")
        save_field(session, writer(cast.kit, BEFORE), kit, Q1, "answer.issues", "None", 0)
        pic = session.scalars(select(Site).where(Site.key == "ES-PIC")).one()
        pic.contacts = []
        find_user(session, "pic").mail = ""
    found = {one.site.key: one for one in owing(session, BEFORE, 30)}
    assert set(found) == {"DE-KIT", "ES-PIC"}, "the T0 owes none"
    kit_owes = found["DE-KIT"]
    assert kit_owes.report is not None
    assert [one.why for one in kit_owes.people] == [
        "as reporter of DE-KIT",
        "as contact of DE-KIT for reports",
    ]
    assert (kit_owes.ahead and kit_owes.ahead.name, kit_owes.ahead_at) == (
        "on the due day",
        datetime(2013, 4, 30, tzinfo=UTC),
    )
    assert found["ES-PIC"].people == []
    assert [one[0] for one in reminders_due(session, BEFORE, 30)] == [kit_owes.site.id], (
        "nobody is to be told of ES-PIC's"
    )


def test_the_chair_reminds_by_hand_once_a_day(session: Session, cast: Cast) -> None:
    def remind(actor: Actor, now: datetime, site: str = "DE-KIT", quarter: Quarter = Q1) -> str:
        with transaction(session):
            found = site_of_key(session, site)
            return remind_now(session, writer(actor, now), found, quarter, 30).step

    assert remind(cast.operator, BEFORE) == "by hand 2013-04-23"
    with pytest.raises(MoveNotAllowed, match="was already reminded of"):
        remind(cast.admin, BEFORE.replace(hour=23))
    assert remind(cast.admin, ON_THE_DAY) == "by hand 2013-04-30"
    first = session.scalars(
        select(Mail).where(Mail.message_id.is_not(None)).order_by(Mail.id)
    ).first()
    assert first is not None
    assert first.message is not None
    assert first.message.text.endswith("operator sent this reminder.")
    session.rollback()
    for actor in (cast.kit, cast.reader):
        with pytest.raises(Forbidden):
            remind(actor, LATER)
    with pytest.raises(MoveNotAllowed, match="ongoing"):
        remind(cast.operator, BEFORE, quarter=Quarter(2013, 2))
    with pytest.raises(Invalid, match=r"No report of .* is due"):
        remind(cast.operator, BEFORE, site="CH-CERN")
    seed(session, "ES-PIC", Q1, "accepted", BEFORE)
    with pytest.raises(MoveNotAllowed, match="is accepted"):
        remind(cast.operator, BEFORE, site="ES-PIC")
    with transaction(session):
        mute_reminders(
            session,
            writer(cast.operator),
            site=site_of_key(session, "DE-KIT"),
            reason="They know",
        )
    with pytest.raises(MoveNotAllowed, match="muted: They know"):
        remind(cast.operator, LATER)
