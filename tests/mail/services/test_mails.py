"""Mails: who is told of what, once; never internal text, never one's own change."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import disable_user, find_user
from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.core.rules.errors import NotFound
from app.mail.models.mails import Mail, MailNotification
from app.mail.rules.notifications import Happened, Notification, put_together
from app.mail.services.choices import find_stop, stop_mails
from app.mail.services.mails import skip_notifications
from app.mail.services.queue import post_of
from app.tickets.rules.content import NewTicket
from app.tickets.services.files.imports import Source, import_tickets
from app.tickets.services.lifecycle import close_due_tickets, comment_ticket, open_ticket
from app.tickets.services.watching import unwatch_ticket, watch_ticket
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.harness.databases import fresh_database
from tests.mails import (
    CONTACTS,
    KEY,
    SENDER,
    body,
    changed,
    enter_with_mails,
    message,
    opened,
    plan,
    told,
)

SECRET_WORDS = "only for operators, this"


@pytest.fixture
def database() -> Iterator[str]:
    """SQLite: what is tried here asks the database nothing special (test_mail_queue does)."""
    with fresh_database("sqlite") as url:
        yield url


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        ({"public_comment": "Seen."}, True),
        ({"state": "in progress"}, True),
        ({"state": "solved", "solution": "Repaired."}, True),
        ({"state": "unsolved"}, True),
        ({"internal_comment": SECRET_WORDS}, False),
        ({"priority": "urgent"}, False),
        ({"title": "Other title"}, False),
        ({"solution": "Not yet"}, False),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, Mapping) else "",
)
def test_what_is_told(
    session: Session, cast: Cast, happens: Mapping[str, str], expected: bool
) -> None:
    number = opened(session, cast.kit, sites=("DE-KIT",))
    assert told(session) == CONTACTS
    changed(session, cast.operator, number, **happens)
    everybody = CONTACTS | {"kit@people.example": "because you created this ticket"}
    assert told(session) == (everybody if expected else {})


def test_everybody_concerned_is_told_once_and_nobody_of_an_own_change(
    session: Session, cast: Cast
) -> None:
    number = opened(
        session,
        cast.kit,
        sites=("DE-KIT", "ES-PIC", "nobody knows it"),
        carbon_copy="NOC@kit.example; other@cc.example, kit@people.example",
    )
    expected = {
        "NOC@kit.example": "because you are in carbon copy and as contact of DE-KIT",
        "other@cc.example": "because you are in carbon copy",
        # a site without a network contact: all it has
        "csirt@pic.example": "as contact of ES-PIC",
    }
    assert told(session) == expected
    with transaction(session):
        watch_ticket(session, writer(cast.reader), number)
        watch_ticket(session, writer(cast.reader), number)
        watch_ticket(session, writer(cast.operator), number)
    kit = {
        "kit@people.example": "because you created this ticket and because you are in carbon copy"
    }
    reader = {"reader@people.example": "because you watch this ticket"}
    changed(session, cast.operator, number, public_comment="Seen.")
    assert told(session) == expected | kit | reader
    changed(session, cast.kit, number, public_comment="Thanks.")
    assert told(session) == expected | reader | {
        "operator@people.example": "because you watch this ticket"
    }
    with transaction(session):
        unwatch_ticket(session, writer(cast.operator), number)
        disable_user(session, SYSTEM, find_user(session, "reader"))
    changed(session, cast.kit, number, public_comment="Anybody there?")
    assert told(session) == expected


def test_the_submitter_whom_a_partner_names_is_told_but_not_of_own_words(
    session: Session, cast: Cast
) -> None:
    number = opened(
        session,
        cast.ggus,
        submitter_name="Ann Other",
        submitter_mail="ann@users.example",
        carbon_copy="not an address; cc@users.example",
    )
    cc = {"cc@users.example": "because you are in carbon copy"}
    submitter = {"ann@users.example": "as submitter of this ticket"}
    assert told(session) == cc, "the submitter made it"
    changed(session, cast.ggus, number, public_comment="Mine", author="ann other")
    assert told(session) == cc
    changed(session, cast.ggus, number, public_comment="Mine", author="ann@users.example")
    assert told(session) == cc
    changed(session, cast.ggus, number, public_comment="From a supporter", author="Supporter")
    assert told(session) == cc | submitter
    changed(session, cast.operator, number, public_comment="From the portal")
    assert told(session) == cc | submitter


def test_who_comes_to_be_concerned_is_told_alone(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, sites=("DE-KIT",))
    assert told(session) == CONTACTS
    changed(session, cast.admin, number, sites=("DE-KIT", "ES-PIC"), carbon_copy="a@cc.example")
    assert told(session) == {
        "csirt@pic.example": "as contact of ES-PIC",
        "a@cc.example": "because you are in carbon copy",
    }


def test_a_link_out_of_a_mail_turns_a_persons_mails_off(session: Session, cast: Cast) -> None:
    number = opened(session, cast.kit)
    changed(session, cast.operator, number, public_comment="Seen.")
    (mail,) = plan(session)
    token = SENDER.stop_url(mail.id, mail.address_key).rpartition("/")[2]
    with transaction(session):
        stop_mails(session, KEY, token, NOON, "192.0.2.1")
    session.expire_all()
    assert find_user(session, "kit").mail_choice == "never"
    for wrong in (
        token[:-1] + "x",
        token.replace("-", "0-"),
        "",
        "1",
        "x-y",
        "٣-" + token,
        "9" * 99,
    ):
        with pytest.raises(NotFound):
            find_stop(session, KEY, wrong)


def test_what_is_imported_or_old_tells_nobody(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, sites=("DE-KIT",))
    plan(session)
    week_ago = writer(cast.operator, NOON - timedelta(days=7))
    imported = Writer(cast.admin, Door.IMPORT, NOON)
    with transaction(session):
        open_ticket(session, imported, NewTicket(title="Imported", sites=("DE-KIT",)))
        open_ticket(session, week_ago, NewTicket(title="Old", sites=("DE-KIT",)))
        comment_ticket(session, writer(cast.admin), number, "new")
    assert {mail.ticket_number for mail in plan(session)} == {number}
    with transaction(session):
        comment_ticket(session, writer(cast.admin), number, "seeded")
        skip_notifications(session)
    assert plan(session) == []


def test_the_portals_own_work_on_imported_tickets_tells_nobody_until_somebody_touches_them(
    session: Session, cast: Cast
) -> None:
    lines = "number,title,state,sites,created,solved,solution\n" + "".join(
        f"{number},Old,solved,DE-KIT,2012-05-01T12:00:00Z,2012-05-02T12:00:00Z,Done\n"
        for number in (1, 2)
    )
    with transaction(session):
        done = import_tickets(session, writer(cast.admin), Source(lines.encode()))
    assert done.first is not None
    assert plan(session) == []
    changed(session, cast.operator, done.first + 1, public_comment="It is back.")
    assert told(session) == CONTACTS
    with transaction(session):
        assert close_due_tickets(session, SYSTEM, NOON) == [done.first, done.first + 1]
    assert [mail.ticket_number for mail in plan(session)] == [done.first + 1]
    changed(session, cast.operator, done.first, public_comment="Late, but.")
    assert told(session) == CONTACTS


def test_a_mail_as_it_is_sent(session: Session, cast: Cast) -> None:
    title = "Überlast\r\nBcc: all@evil.example\u202e 光纤中断 " + "sehr lang " * 12
    number = opened(session, cast.kit, title=title, description="Zeile\n光纤", sites=("DE-KIT",))
    changed(
        session,
        cast.operator,
        number,
        state="solved",
        solution="Gespleißt <b>fast</b>",
        public_comment="Grüße\n.\nende",
    )
    mails = {mail.address: message(session, mail) for mail in plan(session)}
    opening, solved = (
        message(session, mail)
        for mail in session.scalars(
            select(Mail).where(Mail.address == "noc@kit.example").order_by(Mail.id)
        )
    )
    clean = " ".join(title.replace("\u202e", " ").split())
    assert solved["Subject"] == f"GGUS-Ticket-ID: #{number} {clean}"
    assert solved["Bcc"] is None
    assert solved["To"] == "noc@kit.example"
    assert solved["From"] == "LHCOPN tickets <tickets@portal.example>"
    assert solved["Auto-Submitted"] == "auto-generated"
    assert solved["List-Id"] == "LHCOPN tickets <tickets.portal.example>"
    assert solved["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert opening["Message-ID"] != solved["Message-ID"]
    assert opening["References"] == solved["References"] == solved["In-Reply-To"]
    assert opening["References"] == f"<ticket-{number}@portal.example>"
    text, html = body(solved, "plain"), body(solved, "html")
    assert text.startswith("operator solved this ticket (from new to solved).")
    for words in ("Grüße\n.\nende", "Gespleißt <b>fast</b>", "as contact of DE-KIT"):
        assert words in text
    assert "Gespleißt &lt;b&gt;fast&lt;/b&gt;" in html
    assert "<b>" not in html
    assert f"https://portal.example/tickets/{number}" in text
    assert f"https://portal.example/tickets/{number}" in html
    link = str(solved["List-Unsubscribe"])
    assert link.strip("<>") in text
    assert link.strip("<>") in html
    assert "光纤" in body(opening, "plain")
    assert all(part not in html for part in ("<img", "<script", "<link", 'src="'))
    assert set(mails) == {"noc@kit.example", "kit@people.example"}


def test_nothing_internal_is_in_any_mail(session: Session, cast: Cast) -> None:
    """Whatever is written beside it, by whoever may write it."""
    number = opened(session, cast.operator, sites=("DE-KIT",), internal_comment=SECRET_WORDS)
    beside: list[dict[str, str]] = [
        {},
        {"public_comment": "x"},
        {"state": "in progress"},
        {"carbon_copy": "new@cc.example"},
        {"state": "solved", "solution": "Done"},
    ]
    for by in (cast.operator, cast.admin, cast.ggus, cast.nren_a):
        for fields in beside:
            if by is cast.nren_a:
                continue
            changed(session, by, number, internal_comment=SECRET_WORDS, **fields)
        changed(session, cast.operator, number, state="reopened")
    for notification in session.scalars(select(MailNotification.content)):
        assert SECRET_WORDS not in notification
    mails = plan(session)
    assert len(mails) > 10
    for mail in mails:
        raw = put_together(SENDER, post_of(session, SENDER, mail.id))
        found = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        for kind in ("plain", "html"):
            assert SECRET_WORDS not in body(found, kind)
        assert mail.notification is not None
        assert SECRET_WORDS not in mail.notification.content


def test_a_letter_is_kept_as_it_was() -> None:
    notification = Notification(
        7, "t", Happened.SOLVED, "a", "2013-03-06T12:00:00+00:00", facts=(("State", "x"),)
    )
    assert Notification.from_text(notification.as_text()) == notification
