"""What strangers send, read in a process with limits."""

from __future__ import annotations

import pytest

from app.core.rules.errors import Invalid
from app.exchange.adapters.apart import (
    OUT_OF_LIMITS,
    SHORT,
    Limits,
    plain_text,
    read_mail_apart,
)
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.adapters.zammad.client import text_of_html
from tests.exchange.mails import answer
from tests.exchange.reading_apart import at_each_start

NO_MEMORY, NO_TIME = Limits(memory=16 * 1024 * 1024), Limits(wait=0)
HEAD = b"From: a@b.example\r\nTo: t@portal.example\r\n"


def _part(html: str) -> bytes:
    return f"--x\r\nContent-Type: text/html\r\n\r\n{html}\r\n".encode()


def test_it_gives_what_the_reader_gives_and_knows_no_secret() -> None:
    mail = answer("tickets@portal.example", "Größe \N{SMILING FACE WITH SUNGLASSES}")
    mail.add_attachment(b"\0\xfftrace", "application", "zip", filename="trace.zip")
    broken = HEAD + b"Subject: \xff\xfe\r\nX-Y: \xff\r\n\r\n\xff"
    given: list[dict[str, str]] = []
    with at_each_start(lambda _words, environment: given.append(environment)):
        for content in (bytes(mail), broken):
            apart = read_mail_apart(content, "portal.example", "r@portal.example")
            assert apart == read_reply(content, "portal.example", "r@portal.example")
    assert given == [{}, {}]


def test_nothing_is_no_mail() -> None:
    with pytest.raises(Invalid):
        read_mail_apart(b" \r\n", "portal.example")


@pytest.mark.parametrize("limits", [NO_MEMORY, NO_TIME], ids=["memory", "time"])
def test_a_process_that_is_ended_costs_its_text_only(limits: Limits) -> None:
    content = bytes(answer("tickets@portal.example", "We dig.\n" * 1_000_000))
    reply = read_mail_apart(content, "portal.example", "", limits)
    assert reply.problem == OUT_OF_LIMITS
    assert reply.text.startswith("From: kit@people.example"), "as it came"
    assert plain_text("<p>" + "x" * 2_000_000, limits) == (
        "[The HTML text was too large or too complex to read; 2,000,003 characters]"
    )


def test_short_html_is_read_here_and_long_html_apart() -> None:
    starts: list[object] = []
    with at_each_start(lambda words, _environment: starts.append(words)):
        article = {"content_type": "text/html", "body": "<p>We dig"}
        assert text_of_html(article) == "We dig"
        assert text_of_html({"content_type": "text/plain", "body": "<p>x"}) == "<p>x"
        assert plain_text("<a " + "x " * 1000 + ">x") == (
            "[The HTML text was too large or too complex to read; 2,005 characters]"
        )
        assert starts == []
        assert plain_text("<p>" + "é" * SHORT) == "é" * SHORT
        assert len(starts) == 1
        assert plain_text("<p>" * 200_000) == (
            "[The HTML text was too large or too complex to read; 600,000 characters]"
        )


def test_parts_that_are_not_read_are_named_and_the_mail_is_a_persons_to_decide() -> None:
    attributes = " ".join(f"a{count}=1" for count in range(60_000))
    bomb = f"<p {attributes}>hidden"
    content = HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    content += _part("<p>We dig") + _part(bomb) * 6 + b"--x--\r\n"
    reply = read_mail_apart(content, "portal.example")
    note = f"[The HTML part was too large or too complex to read; {len(bomb):,} bytes]"
    assert reply.text.split("\n\n") == ["We dig", *[note] * 6]
    assert reply.problem == "The HTML part was too large or too complex to read; see the full email"
    assert reply.sender == "a@b.example"
    with_text = content.replace(b"--x--", b"--x\r\n\r\nPlain\r\n--x--")
    reply = read_mail_apart(with_text, "portal.example")
    assert (reply.text, reply.problem) == ("Plain", ""), "HTML beside plain text is not needed"


NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (count, count)
    for count in range(49)
)
REPORT = b"Content-Type: message/delivery-status\r\n\r\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEAD + NESTED + b"a\n" * 300_000, "The email has too many lines to be read"),
        (HEAD + b"\r\n" + b"\n" * 10_000_001, "The email has too many lines to be read"),
        (HEAD + REPORT + b"a\n\n" * 20_000, "The email has too many parts to be read"),
        (HEAD + REPORT.upper() + b"\n" * 30_000, "The email has too many parts to be read"),
    ],
    ids=["nested", "lines", "report", "empty report"],
)
def test_what_takes_the_library_long_is_not_taken_apart(content: bytes, problem: str) -> None:
    assert read_reply(content, "portal.example").problem == problem
