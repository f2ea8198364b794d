"""Answers to the portal's mails: whose comment each becomes, once, and what a person decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.core.mail_settings import ReceivingLimits
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.exchange.adapters.incoming_mail import MAX_BYTES, read_reply
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import MOST_IN_AN_HOUR, Reply
from app.exchange.services.incoming_mails import (
    Ours,
    add_as_comment,
    admit,
    decide,
    dismiss_mail,
    is_known,
    keep_mail,
)
from app.tickets.models.attachments import Attachment
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import move_ticket, open_ticket
from tests.cast import NOON, Cast, writer
from tests.exchange.mails import KEY, address, answer, said_on
from tests.mails import enter_with_mails, opened, plan

OURS = Ours(KEY, ("tickets@portal.example", "tickets+t"))
FORGED = "The sender may be forged: the email uses no reply address of the portal"
OTHER = "Its subject names ticket 2, and its address is that of ticket 1"
READER = "A reader may not change tickets; ask for the role reporter or operator"
Receive = Callable[..., IncomingMail | None]


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter_with_mails(session)


@pytest.fixture
def number(session: Session, cast: Cast) -> int:
    """A ticket that DE-KIT's reporter opened."""
    with transaction(session):
        new = NewTicket(title="Link down", sites=("DE-KIT",))
        return open_ticket(session, writer(cast.kit), new).number


@pytest.fixture
def receive(session: Session) -> Receive:
    def taken(
        mail: EmailMessage | bytes, now: datetime = NOON, recipient: str = ""
    ) -> IncomingMail | None:
        content = mail if isinstance(mail, bytes) else bytes(mail)
        reply = read_reply(content, "portal.example", recipient)
        with transaction(session):
            kept = keep_mail(session, reply, content, recipient, now)
            if kept is not None:
                decide(session, kept, reply, OURS, now)
        return kept

    return taken


def person(session: Session, name: str) -> str:
    return f"u{find_user(session, name).id}"


def test_an_answer_is_the_comment_of_whoever_got_the_address(
    session: Session, number: int, receive: Receive
) -> None:
    to = address(number, person(session, "kit"))
    text = "We dig.\n\nOn Monday, LHCOPN tickets <tickets@portal.example> wrote:\n> Link down\n"
    mail = receive(answer(to, text))
    assert mail is not None
    assert (mail.state, mail.reason, mail.ticket_number) == ("added", "", number)
    assert mail.text == text.strip(), "the whole text is kept"
    assert said_on(session, number) == [("kit", "We dig.")]
    assert receive(answer(to, text)) is None, "the same mail again"
    assert receive(answer(to.upper(), "We splice.", Message_ID="<2@mua.example>"))
    assert receive(answer("noc@lists.example", "Done.", Message_ID="<3@m.example>"), recipient=to)
    assert [text for _author, text in said_on(session, number)] == [
        "We dig.",
        "We splice.",
        "Done.",
    ]
    other = answer(to, "Me too.", sender="Boss <boss@kit.example>", Message_ID="<4@m.example>")
    receive(other)
    assert said_on(session, number)[-1] == ("kit", "Me too.\n\n[Sent from boss@kit.example]")


def test_an_address_without_an_account_answers_under_its_own_name(
    session: Session, cast: Cast, receive: Receive
) -> None:
    opened(session, cast.kit, title="Link down", carbon_copy="noc@cc.example")
    (mail,) = plan(session)
    to = address(1, f"m{mail.id}")
    receive(answer(to, sender="noc@cc.example"))
    assert said_on(session, 1) == [("noc@cc.example", "We dig.")]
    assert "noc@cc.example" not in [one.address for one in plan(session)], "it knows what it said"
    with transaction(session):
        session.delete(mail)
    gone = receive(answer(to, Message_ID="<2@mua.example>"))
    assert gone is not None
    assert (gone.state, gone.reason) == (
        "needs review",
        "The email that it replies to was deleted",
    )


@pytest.mark.parametrize(
    ("to", "subject", "reason"),
    [
        ("tickets@portal.example", "Re: GGUS-Ticket-ID: #1 x", FORGED),
        ("tickets+t1.u2.aaaaaaaaaaaaaaaa@portal.example", "Re: GGUS-Ticket-ID: #1 x", FORGED),
        ("{other key}", "Re: GGUS-Ticket-ID: #1 x", FORGED),
        ("{kit}", "GGUS-Ticket-ID: #1 and LHCOPN#2", OTHER),
        ("{kit}, {pic}", "Re: x", "It was sent to several reply addresses of the portal"),
        ("{reader}", "Re: x", READER),
        ("{unknown}", "Re: x", "There is no ticket 99"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_a_persons_to_decide(
    session: Session, number: int, receive: Receive, to: str, subject: str, reason: str
) -> None:
    kit = person(session, "kit")
    to = to.format_map(
        {
            "kit": address(number, kit),
            "pic": address(number, person(session, "pic")),
            "reader": address(number, person(session, "reader")),
            "unknown": address(99, kit),
            "other key": address(number, kit, b"another key"),
        }
    )
    mail = receive(answer(to, "We dig.\n> quoted", subject))
    assert mail is not None
    assert (mail.state, mail.reason, mail.text) == ("needs review", reason, "We dig.\n> quoted")
    assert said_on(session, number) == []


def test_a_person_who_left_answers_no_more(session: Session, number: int, receive: Receive) -> None:
    to = address(number, person(session, "kit"))
    with transaction(session):
        find_user(session, "kit").disabled_at = NOON
    mail = receive(answer(to))
    assert mail is not None
    assert mail.state == "needs review"


def test_other_words_under_the_same_message_id_reach_a_person(
    session: Session, cast: Cast, number: int, receive: Receive
) -> None:
    to = address(number, person(session, "kit"))
    assert receive(answer(to, "We dig.")) is not None
    assert receive(answer(to, "We dig.  ")) is None
    other = answer(to, "It is up again.")
    second = receive(other)
    assert second is not None
    assert (second.state, second.ticket_number) == ("needs review", 1)
    assert "An earlier email has this Message-ID" in second.reason
    assert receive(other) is None
    assert is_known(session, read_reply(bytes(other), "portal.example"))
    attached = answer(to, "We dig.")
    attached.add_attachment(b"trace", maintype="text", subtype="plain", filename="trace.txt")
    assert not is_known(session, read_reply(bytes(attached), "portal.example"))
    third = receive(attached)
    assert third is not None
    assert third.state == "needs review"
    assert [text for _author, text in said_on(session, number)] == ["We dig."]
    with transaction(session):
        reply = read_reply(second.content, "portal.example")
        add_as_comment(session, writer(cast.operator), second.id, number, reply, ())
    assert len(said_on(session, number)) == 2


def test_automatic_answers_are_dropped_and_a_loop_is_broken(
    session: Session, cast: Cast, number: int, receive: Receive
) -> None:
    to = address(number, person(session, "kit"))
    away = receive(answer(to, "I am away", Auto_Submitted="auto-replied"))
    assert away is not None
    assert (away.state, away.reason) == ("dropped", "Auto-Submitted: auto-replied")
    with transaction(session):
        reply = read_reply(away.content, "portal.example")
        add_as_comment(session, writer(cast.operator), away.id, number, reply, ())
    assert (away.state, len(said_on(session, number))) == ("added", 1)
    own = receive(answer(to, Message_ID="<ticket-1-mail-2@portal.example>"))
    assert own is not None
    assert own.state == "dropped"
    assert len(said_on(session, number)) == 1
    states = []
    for count in range(MOST_IN_AN_HOUR + 2):
        mail = receive(answer(to, f"Thank you {count}", Message_ID=f"<n{count}@m.example>"))
        assert mail is not None
        states.append(mail.state)
    assert states == ["added"] * MOST_IN_AN_HOUR + ["needs review"] * 2
    late = answer(to, "Still here", Message_ID="<late@m.example>")
    mail = receive(late, NOON + timedelta(minutes=61))
    assert mail is not None
    assert mail.state == "added"


def test_a_closed_ticket_takes_the_comment_and_a_person_is_told(
    session: Session, cast: Cast, number: int, receive: Receive
) -> None:
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "solved", solution="Spliced")
        move_ticket(session, writer(cast.operator), number, "closed")
    mail = receive(answer(address(number, person(session, "kit"))))
    assert mail is not None
    assert mail.state == "needs review"
    assert mail.reason == "The comment was added, and the ticket is closed"
    assert said_on(session, number) == [("kit", "We dig.")]
    reply = read_reply(mail.content, "portal.example")
    with pytest.raises(MoveNotAllowed), transaction(session):
        add_as_comment(session, writer(cast.operator), mail.id, number, reply, ())
    with transaction(session):
        dismiss_mail(session, writer(cast.operator), mail.id, "read")
    assert mail.state == "dismissed"


def test_files_are_kept_and_too_large_ones_are_named(
    session: Session, number: int, receive: Receive
) -> None:
    mail = answer(address(number, person(session, "kit")))
    mail.add_attachment(b"trace", "text", "plain", filename="../../trace.txt")
    mail.add_attachment(b"x" * (2 * 1024 * 1024 + 1), "application", "zip", filename="all.zip")
    mail.add_attachment(b"", "application", "zip", filename="empty.zip")
    receive(mail)
    assert said_on(session, number) == [
        (
            "kit",
            "We dig.\n\n[Not stored: all.zip (2,097,153 bytes)]\n[Not stored: empty.zip (0 bytes)]",
        )
    ]
    files = session.scalars(select(Attachment)).all()
    assert [(file.name, file.size, file.author) for file in files] == [("trace.txt", 5, "kit")]


def test_html_and_other_character_sets_are_read_as_text(
    session: Session, number: int, receive: Receive
) -> None:
    to = address(number, person(session, "kit"))
    html = answer(to)
    html.set_content(
        "<p>We <b>dig</b>.</p><script>x()</script><div>LHCOPN &lt;tickets@portal.example&gt;"
        " wrote:<blockquote>Link</blockquote></div>",
        subtype="html",
    )
    receive(html)
    head = f"From: kit@people.example\r\nTo: {to}\r\nContent-Type: text/plain; charset="
    for charset, word in (("iso-8859-15", "Größe €"), ("shift_jis", "回線"), ("x-none", "Maß")):
        known = charset if charset != "x-none" else "latin-1"
        content = f"{head}{charset}\r\n\r\n".encode() + word.encode(known)
        receive(content)
    said = [text for _author, text in said_on(session, number)]
    assert said == ["We dig.", "Größe €", "回線", "Maß"]


@pytest.mark.parametrize(
    "content",
    [
        b"no header at all",
        b"\x00\xff\xfe" * 100,
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        + b"--x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" * 200,
        b"From: a@b.example\r\nContent-Type: text/plain; x" + b"=?" * 5000 + b"\r\n\r\nText",
        b"From: a@b.example\r\n\r\n" + b"x" * MAX_BYTES,
    ],
    ids=["no header", "no text", "many parts", "a long header", "large"],
)
def test_what_cannot_be_read_is_kept_for_a_person(
    session: Session, receive: Receive, content: bytes
) -> None:
    mail = receive(content)
    assert mail is not None
    assert mail.state == "needs review"
    assert mail.reason
    assert mail.content == content


def test_operators_add_and_dismiss(
    session: Session, cast: Cast, number: int, receive: Receive
) -> None:
    mail = receive(answer("tickets@portal.example", sender="someone@else.example"))
    assert mail is not None
    reply = read_reply(mail.content, "portal.example")
    with pytest.raises(Forbidden), transaction(session):
        add_as_comment(session, writer(cast.kit), mail.id, number, reply, ())
    with pytest.raises(Invalid), transaction(session):
        add_as_comment(session, writer(cast.operator), mail.id, 99, reply, ())
    with pytest.raises(Invalid), transaction(session):
        dismiss_mail(session, writer(cast.operator), mail.id, " ")
    with transaction(session):
        add_as_comment(session, writer(cast.operator), mail.id, number, reply, ())
    assert said_on(session, number) == [("operator", "We dig.\n\n[Sent from someone@else.example]")]
    with pytest.raises(MoveNotAllowed), transaction(session):
        dismiss_mail(session, writer(cast.operator), mail.id, "too late")


def test_each_known_sender_has_a_room_and_all_others_share_one(
    session: Session, cast: Cast, number: int
) -> None:
    limits = ReceivingLimits(unknown_mails=2, unknown_mib=1, known_mails=1, known_mib=1)
    mib = 1024 * 1024

    def room(to: str, size: int = 1, days: int = 0) -> bool:
        with transaction(session):
            reply = Reply("key", addresses=to)
            return admit(session, reply, size, OURS, limits, NOON + timedelta(days=days))

    assert not room("a@b.example", mib + 1), "too many bytes, and none are counted"
    assert room("a@b.example", mib)
    assert not room("c@d.example", 1), "their bytes are used up"
    assert room("a@b.example", 1, days=1)
    assert room(address(number, "u1", b"another key"), 1, days=1), "forged, so unknown"
    assert not room("a@b.example", 1, days=1), "their number is used up"
    kit, pic = person(session, "kit"), person(session, "pic")
    assert room(address(number, kit))
    assert not room(address(number + 1, kit)), "one room, whatever the ticket"
    assert room(address(number, pic))
    assert not room(address(number, pic), days=0)
    assert room(address(number, pic), days=1)
