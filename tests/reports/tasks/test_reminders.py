"""Reminders and news of reports, from the worker to a real mail server."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.mail_settings import MailSettings
from app.core.rules.quarters import Quarter
from app.jobs.rules.work import REPORT_REMINDERS
from app.jobs.tasks.context import Context
from app.mail.tasks.mails import PostOffice
from app.registry.services.sites import site_of_key
from app.reports.services.comments import comment_on_report
from app.reports.services.reports import find_report
from app.worker.timed import TIMED
from tests.cast import Cast, writer
from tests.harness.smtp import SMTP_TIMEOUT, smtp_server
from tests.mails import enter_with_mails
from tests.reports.services.test_reports import answered

Q1 = Quarter(2013, 1)
AT = datetime(2013, 5, 7, 7, tzinfo=UTC)


class Inbox:
    """Takes every mail, and reads it as a client does."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        found = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append((envelope.rcpt_tos[0], found))
        return "250 Taken"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    handler = Inbox()
    with smtp_server(handler) as port:
        yield handler, port


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


def test_a_reminder_and_a_comment_arrive_once(
    session: Session, cast: Cast, context: Context, inbox: tuple[Inbox, int]
) -> None:
    handler, port = inbox
    settings = replace(
        context.settings,
        public_url="https://portal.example",
        mail=MailSettings(host="127.0.0.1", port=port, timeout=SMTP_TIMEOUT),
    )
    worker = replace(context, settings=settings, now=lambda: AT)
    report = answered(session, cast.kit)
    with transaction(session):
        found = find_report(session, site_of_key(session, "DE-KIT").id, Q1)
        assert found is not None
        comment_on_report(session, writer(cast.operator, AT), found, "Which fibre?\n\u4e2d|=1")
    assert report.state == "draft"
    told = "Reminded DE-KIT 2013-Q1, ES-PIC 2013-Q1"
    assert TIMED[REPORT_REMINDERS.name](worker) == told
    for _ in range(2):  # a second time there is nothing to do
        PostOffice(worker).step()
        assert TIMED[REPORT_REMINDERS.name](worker) == "No reminders due"
    assert sorted((to, str(mail["Subject"])) for to, mail in handler.mails) == [
        ("kit@people.example", "DE-KIT 2013-Q1: comment on the report"),
        ("kit@people.example", "DE-KIT 2013-Q1: report was due on 2013-04-30"),
        ("pic@people.example", "ES-PIC 2013-Q1: report was due on 2013-04-30"),
    ]
    bodies = {str(mail["Subject"]): mail for _to, mail in handler.mails}
    assert _text(bodies["DE-KIT 2013-Q1: report was due on 2013-04-30"]) == (
        "The quarterly report of DE-KIT for 2013-Q1 was due on 2013-04-30 (UTC) and is not"
        " submitted.\n\n"
        "It has been started; last edited by kit on 2013-04-10.\n\n"
        "https://portal.example/reports/DE-KIT/2013-Q1\n\n"
        "-- \nYou get this email as reporter of DE-KIT.\nUnsubscribe: STOP\n"
    )
    assert _text(bodies["DE-KIT 2013-Q1: comment on the report"]) == (
        "operator commented on the report of DE-KIT for 2013-Q1:\n\n"
        "Which fibre?\n\u4e2d|=1\n\n"
        "https://portal.example/reports/DE-KIT/2013-Q1\n\n"
        "-- \nYou get this email as reporter of DE-KIT.\nUnsubscribe: STOP\n"
    )


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    text = part.get_content().replace("\r\n", "\n")
    stop = str(mail["List-Unsubscribe"]).strip("<>")
    assert stop.startswith("https://portal.example/unsubscribe/")
    return str(text).replace(stop, "STOP")
