"""Mails of a report's moves and comments: who is told, once, in the move's own transaction."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.core.rules.errors import InvalidMany
from app.core.rules.quarters import Quarter
from app.mail.models.mails import Mail, MailMessage
from app.registry.models.registry import SiteContact
from app.registry.services.sites import site_of_key
from app.reports.rules.numbers import UndocumentedEvent
from app.reports.services.comments import comment_on_report
from app.reports.services.reports import accept_report, find_report, reopen_report
from tests.cast import Cast, writer
from tests.mails import SENDER, body, enter_with_mails, message
from tests.reports.services.test_reports import AFTER, answered, numbers, submit

Q1 = Quarter(2013, 1)
KIT, PIC, OPERATOR, ADMIN, CONTACT = (
    "kit@people.example",
    "pic@people.example",
    "operator@people.example",
    "admin@people.example",
    "reports@kit.example",
)


EVENT = UndocumentedEvent(
    id=7,
    link="CERN-GRIDKA-LHCOPN-001",
    start=datetime(2013, 2, 1, tzinfo=UTC),
    end=datetime(2013, 2, 1, 2, tzinfo=UTC),
    state="down",
)


@pytest.fixture
def cast(session: Session) -> Cast:
    cast = enter_with_mails(session)
    with transaction(session):
        kit = site_of_key(session, "DE-KIT")
        kit.contacts.append(SiteContact(role="reports", name="Reports", mail=CONTACT))
    session.rollback()
    return cast


def told(session: Session) -> list[tuple[str, dict[str, str]]]:
    """Of each message its subject, and its addresses with why."""
    session.rollback()
    found = []
    for one in session.scalars(select(MailMessage).order_by(MailMessage.id)):
        mails = session.scalars(select(Mail).where(Mail.message_id == one.id))
        found.append((one.subject, {mail.address: mail.why for mail in mails}))
    return found


def test_who_is_told_of_each_move(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    assert told(session) == [], "a draft that grows tells nobody"
    with pytest.raises(InvalidMany):
        submit(session, cast.kit, counted=numbers(EVENT))
    assert told(session) == [], "nor what was refused"
    submit(session, cast.kit)
    chair = {OPERATOR: "as chair of the group"}
    site = {KIT: "as reporter of DE-KIT"}
    contact = {CONTACT: "as contact of DE-KIT for reports"}
    expected = [("DE-KIT 2013-Q1: report submitted", contact | chair)]
    assert told(session) == expected
    for step, by, subject, addresses in (
        ("comment", cast.operator, "comment on the report", site | contact),
        ("comment", cast.kit, "comment on the report", contact | chair),
        ("reopen", cast.operator, "report reopened", site | contact),
        ("submit", cast.kit, "report submitted", contact | chair),
        ("accept", cast.admin, "report accepted", site | contact),
        ("reopen", cast.admin, "report reopened", site | contact | chair),
    ):
        report = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert report is not None
        if step == "submit":
            session.rollback()
            submit(session, by)
        else:
            with transaction(session):
                if step == "comment":
                    comment_on_report(session, writer(by, AFTER), report, "Why 3?")
                elif step == "reopen":
                    reopen_report(session, writer(by, AFTER), report, "A slip")
                else:
                    accept_report(session, writer(by, AFTER), report)
        expected.append((f"DE-KIT 2013-Q1: {subject}", addresses))
        assert told(session) == expected


def test_without_an_operator_s_address_the_admins_are_the_chair(
    session: Session, cast: Cast
) -> None:
    with transaction(session):
        find_user(session, "operator").mail = ""
    answered(session, cast.kit)
    submit(session, cast.kit)
    assert set(told(session)[0][1]) == {ADMIN, CONTACT}


def test_a_whole_mail(session: Session, cast: Cast) -> None:
    answered(session, cast.kit)
    submit(session, cast.kit)
    report = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
    assert report is not None
    with transaction(session):
        text = "Why 3 | 4?\n=HYPERLINK(1)\n\u4e2d\u6587 <script>"
        comment_on_report(session, writer(cast.operator, AFTER), report, text)
    mail = session.scalars(select(Mail).where(Mail.address == KIT)).one()
    found = message(session, mail)
    assert found["Subject"] == "DE-KIT 2013-Q1: comment on the report"
    assert found["To"] == KIT
    stop = SENDER.stop_url(mail.id, mail.address_key)
    assert body(found, "plain") == (
        "operator commented on the report of DE-KIT for 2013-Q1:\n\n"
        f"{text}\n\n"
        "https://portal.example/reports/DE-KIT/2013-Q1\n\n"
        "-- \n"
        "You get this email as reporter of DE-KIT.\n"
        f"Unsubscribe: {stop}\n"
    )
    assert "&lt;script&gt;" in body(found, "html")
