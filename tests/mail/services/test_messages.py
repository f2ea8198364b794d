"""Messages: each key once, also when several want it; who gets none; the calendar in the mail."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from threading import Barrier, Thread

import pytest
from icalendar import Calendar
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.services.people import disable_user, find_user
from app.core.database.transactions import transaction
from app.mail.models.mails import Mail, MailMessage, MailStop
from app.mail.rules.notifications import put_together
from app.mail.services.choices import set_mail_choice, stop_mails
from app.mail.services.messages import MessageRecipient, queue_message
from app.mail.services.queue import claim_mails, mark_sent, post_of
from tests.cast import NOON, SYSTEM, Cast
from tests.harness.databases import open_engine
from tests.mails import KEY, SENDER, body, enter_with_mails

INVITATION = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nMETHOD:REQUEST\r\n"
    "BEGIN:VEVENT\r\nUID:tc-1@portal.example\r\nDTSTAMP:20130306T120000Z\r\n"
    "DTSTART:20130307T140000Z\r\nSUMMARY:OPS-WG \u4f1a\u8bae\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


def queue(
    session: Session, *recipients: MessageRecipient, key: str = "a key", calendar: str = ""
) -> list[str] | None:
    with transaction(session):
        told = queue_message(
            session,
            key=key,
            recipients=recipients,
            subject="Report of DE-KIT\r\nBcc: all@people.example",
            text="It is due.\n\n=?utf-8?q?=0D=0A?= <b>",
            url="/reports/DE-KIT/2013-Q1",
            now=NOON,
            calendar=calendar,
            calendar_method="REQUEST" if calendar else "",
        )
    return None if told is None else list(told)


def to(address: str, user_id: int | None = None) -> MessageRecipient:
    return MessageRecipient(address, user_id, "as reporter of DE-KIT")


def person(session: Session, name: str) -> MessageRecipient:
    user = find_user(session, name)
    return to(user.mail, user.id)


def sent(session: Session) -> EmailMessage:
    mail = session.scalars(select(Mail).where(Mail.message_id.is_not(None))).one()
    raw = put_together(SENDER, post_of(session, SENDER, mail.id))
    assert raw.isascii()
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_message_is_a_mail_for_each_address_once(session: Session, cast: Cast) -> None:
    told = queue(session, person(session, "kit"), to("noc@kit.example"), to("NOC@KIT.example"))
    assert told == ["kit@people.example", "noc@kit.example"]
    assert queue(session, to("other@kit.example")) is None, "the key is there"
    assert queue(session, to("other@kit.example"), key="another") == ["other@kit.example"]
    with transaction(session):
        claimed = claim_mails(session, NOON, NOON)
        assert len(claimed) == 3
        for number in claimed:
            mark_sent(session, number, NOON)


def test_its_texts_and_headers(session: Session, cast: Cast) -> None:
    queue(session, person(session, "kit"))
    found = sent(session)
    assert found["Subject"] == "Report of DE-KIT Bcc: all@people.example"
    assert found["Bcc"] is None
    assert found["References"] is None
    text = body(found, "plain")
    stop = str(found["List-Unsubscribe"]).strip("<>")
    assert text == (
        "It is due.\n\n=?utf-8?q?=0D=0A?= <b>\n\n"
        "https://portal.example/reports/DE-KIT/2013-Q1\n\n-- \n"
        f"You get this email as reporter of DE-KIT.\nUnsubscribe: {stop}\n"
    )
    html = body(found, "html")
    assert "&lt;b&gt;" in html
    assert '<a href="https://portal.example/reports/DE-KIT/2013-Q1">' in html


def test_who_wants_none_gets_none(session: Session, cast: Cast) -> None:
    kit, pic = find_user(session, "kit"), find_user(session, "pic")
    with transaction(session):
        set_mail_choice(session, SYSTEM, kit, "never")
        disable_user(session, SYSTEM, pic)
        session.add(MailStop(address_key="noc@kit.example", since=NOON))
    told = queue(
        session,
        to(kit.mail, kit.id),
        to(pic.mail, pic.id),
        to("noc@kit.example"),
        to("no address"),
        to(""),
        person(session, "operator"),
    )
    assert told == ["operator@people.example"]


def test_who_chose_the_digest_gets_it_at_once(session: Session, cast: Cast) -> None:
    with transaction(session):
        set_mail_choice(session, SYSTEM, find_user(session, "kit"), "digest")
    assert queue(session, person(session, "kit")) == ["kit@people.example"]
    with transaction(session):
        assert len(claim_mails(session, NOON, NOON)) == 1


def test_its_link_stops_all_mails(session: Session, cast: Cast) -> None:
    queue(session, to("noc@kit.example"))
    token = str(sent(session)["List-Unsubscribe"]).strip("<>").rpartition("/")[2]
    with transaction(session):
        stop_mails(session, KEY, token, NOON, "")
    assert queue(session, to("noc@kit.example"), key="later") == []


def test_a_calendar_goes_as_an_alternative_and_as_a_file(session: Session, cast: Cast) -> None:
    queue(session, person(session, "kit"), calendar=INVITATION)
    found = sent(session)
    assert found.get_content_type() == "multipart/mixed"
    alternative, file = found.iter_parts()
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternative.iter_parts())[-1]
    assert calendar["Content-Type"].params["method"] == "REQUEST"
    assert file.get_content_type() == "application/ics"
    assert file.get_filename() == "invitation.ics"
    for part in (calendar, file):
        read = part.get_payload(decode=True)
        assert read == INVITATION.encode(), "not a byte of it is changed"
        event = Calendar.from_ical(read).walk("VEVENT")[0]
        assert event["SUMMARY"] == "OPS-WG \u4f1a\u8bae"
        assert event.decoded("DTSTART") == datetime(2013, 3, 7, 14, tzinfo=UTC)


def test_many_who_want_one_message_make_one(session: Session, cast: Cast, database: str) -> None:
    session.rollback()
    engine, barrier, made = open_engine(database), Barrier(4), []

    def want() -> None:
        with Session(engine) as mine:
            barrier.wait()
            with transaction(mine):
                told = queue_message(
                    mine,
                    key="the same",
                    recipients=[to("noc@kit.example")],
                    subject="x",
                    text="x",
                    url="/reports",
                    now=NOON,
                )
        made.append(told)

    threads = [Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.dispose()
    assert sorted(map(str, made)) == ["None", "None", "None", "['noc@kit.example']"]
    assert session.scalar(select(func.count()).select_from(MailMessage)) == 1
    assert session.scalar(select(func.count()).select_from(Mail)) == 1
