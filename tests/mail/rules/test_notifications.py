"""The headers of mails: whatever a title holds, it is the subject and nothing else."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

import pytest

from app.core.mail_settings import LONGEST_MAILBOX
from app.core.rules.mails.mail_addresses import mail_address
from app.mail.rules.notifications import Post, Sender, put_together, ticket_subject
from app.mail.rules.reply_addresses import given_in, reply_address

SENDER = Sender("LHCOPN tickets", "tickets@portal.example", "https://portal.example", b"key")
NAMES = [
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "From",
    "To",
    "Date",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
"""Of every mail about a ticket, each once."""


@pytest.mark.parametrize(
    "title",
    [
        "Link down",
        "光纤中断 " * 20,
        "Überlast",
        "a" * 255,
        "many words " * 20,
        # what looks encoded is a text like any other, and must not be decoded on the way
        "=?utf-8?q?x=0D=0ABcc:_all@evil.example?=",
        "=?utf-8?q?x=0D=0A=0D=0Abody?= and more",
        "é =?utf-8?q?=0A_X:_y?=",
        "x" * 80 + " =?utf-8?q?=0ABcc:_all@evil.example?=",
        "=?us-ascii?q?=00?=",
        "=?utf-8?b?4pyT?=",
    ],
)
def test_a_title_is_the_subject_and_nothing_else(title: str) -> None:
    at = datetime(2013, 3, 6, 12, tzinfo=UTC)
    address = "noc@kit.example"
    post = Post(1, address, address, at, ticket_subject(7, title), "text", "<p>text", 7)
    raw = put_together(SENDER, post)
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    unfolded = head.replace(b"\r\n ", b" ")
    assert unfolded.startswith(b"Subject: GGUS-Ticket-ID: #7 "), "as filters look for it"
    assert b"\x00" not in head
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert max(len(line) for line in head.split(b"\r\n")) <= 998
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert sorted(found.keys()) == sorted(NAMES)
    assert found["Subject"] == f"GGUS-Ticket-ID: #7 {title}".strip()


def test_a_mail_names_the_address_of_its_recipient() -> None:
    sender = Sender("x", "tickets@portal.example", "https://portal.example", b"key", "t@mx.example")
    at = datetime(2013, 3, 6, 12, tzinfo=UTC)
    to = sender.reply_to(7, "u45")
    post = Post(1, "a@b.example", "a@b.example", at, "s", "text", "<p>text", 7, reply_to=to)
    head = put_together(sender, post).partition(b"\r\n\r\n")[0]
    assert f"Reply-To: <{to}>\r\n".encode() in head
    assert to.startswith("t+t7.u45.")
    assert given_in(b"key", f"NOC <{to.upper()}>, x@y.example") == {(7, "u45")}
    for text in (to.replace("t7", "t8"), to.replace("u45", "u46"), to.replace("u45", "m45")):
        assert given_in(b"key", text) == set()
    assert given_in(b"another", to) == set()
    assert sender.reply_to(7, "u45", to_show=True) == "t+...@mx.example"
    assert SENDER.reply_to(7, "u45") == "", "nobody set a mailbox"


def test_the_longest_mailbox_makes_an_address() -> None:
    mailbox = "x" * LONGEST_MAILBOX + "@mx.example"
    assert mail_address(reply_address(b"key", mailbox, 2**31 - 1, f"u{2**31 - 1}")) is not None
