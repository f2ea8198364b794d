"""What a mail server says decides about a mail: taken, later, or refused for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.core.rules.ports import MailLater, MailRefused
from app.mail.adapters.smtp import SmtpMailer, SmtpServer
from tests.harness.server import free_port
from tests.harness.smtp import SMTP_TIMEOUT, smtp_server

SENDER, ADDRESS = "tickets@portal.example", "noc@kit.example"
MAIL = b"Subject: x\r\n\r\n.\r\ntext\r\n"


@dataclass
class Answers:
    """A server that says what it is told to say; "" = as usual."""

    to_sender: str = ""
    to_address: str = ""
    to_mail: str = ""
    taken: list[bytes] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if not self.to_sender:
            envelope.mail_from = address
        return self.to_sender or "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if not self.to_address:
            envelope.rcpt_tos.append(address)
        return self.to_address or "250 OK"

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if not self.to_mail:
            self.taken.append(envelope.content)
        return self.to_mail or "250 Taken"


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def mailer(answers: Answers) -> Iterator[SmtpMailer]:
    with smtp_server(answers) as port:
        mailer = SmtpMailer(SmtpServer("127.0.0.1", port, timeout=SMTP_TIMEOUT))
        yield mailer
        mailer.close()


def send(mailer: SmtpMailer) -> None:
    mailer.send(MAIL, SENDER, ADDRESS, "mail-1")


def test_what_is_taken_arrives_as_it_was(mailer: SmtpMailer, answers: Answers) -> None:
    send(mailer)
    send(mailer)
    assert answers.taken == [MAIL, MAIL]


@pytest.mark.parametrize(
    ("where", "words", "for_all"),
    [
        ("to_sender", "450 4.7.1 Slow down", True),
        ("to_sender", "553 5.7.1 Not your address", True),
        ("to_address", "450 4.2.0 Greylisted", False),
        ("to_address", "421 4.3.2 Closing", True),
        ("to_mail", "452 4.3.1 Disk full", False),
    ],
)
def test_what_is_put_off_is_tried_later(
    mailer: SmtpMailer, answers: Answers, where: str, words: str, for_all: bool
) -> None:
    setattr(answers, where, words)
    with pytest.raises(MailLater) as told:
        send(mailer)
    assert (told.value.reason, told.value.for_all) == (words, for_all)
    setattr(answers, where, "")
    send(mailer)
    assert answers.taken == [MAIL]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("to_address", "550 5.1.1 No such user"),
        ("to_mail", "554 5.7.1 Looks like spam"),
        # the size is told with the sender: the others are not too large
        ("to_sender", "552 5.3.4 Message too big"),
    ],
)
def test_what_is_refused_for_good_holds_nobody_up(
    mailer: SmtpMailer, answers: Answers, where: str, words: str
) -> None:
    setattr(answers, where, words)
    with pytest.raises(MailRefused) as told:
        send(mailer)
    assert told.value.reason == words
    setattr(answers, where, "")
    send(mailer)
    assert answers.taken == [MAIL]


@pytest.mark.parametrize("host", ["127.0.0.1", "smtp..site.example", "x" * 64 + ".example"])
def test_a_server_that_is_not_there_takes_none_just_now(host: str) -> None:
    with pytest.raises(MailLater) as told:
        send(SmtpMailer(SmtpServer(host, free_port(), timeout=SMTP_TIMEOUT)))
    assert told.value.for_all
    assert told.value.reason.startswith("The mail server cannot be reached: ")


def test_a_password_that_cannot_be_sent_loses_no_mail(answers: Answers) -> None:
    login: dict[str, Any] = {"auth_require_tls": False, "authenticator": lambda *_: None}
    with smtp_server(answers, **login) as port:
        mailer = SmtpMailer(
            SmtpServer("127.0.0.1", port, user="portal", password="größer", timeout=SMTP_TIMEOUT)
        )
        with pytest.raises(MailLater) as told:
            send(mailer)
        assert told.value.for_all
        mailer.close()
