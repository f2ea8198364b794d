"""The pages of mails that came in: whole, never as HTML, added or dismissed by operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.core.database.transactions import transaction
from app.core.mail_settings import ReceivingLimits
from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import Reply
from app.exchange.services.incoming_mails import (
    Ours,
    admit,
    decide,
    forget_incoming,
    forget_unreviewed,
    forget_whole,
    keep_mail,
)
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, writer
from tests.exchange.mails import KEY, answer, said_on
from tests.exchange.reading_apart import at_each_start
from tests.harness.visitor import PageReader, Visitor

Visit = Callable[[Actor], Visitor]
TEXT = "<script>alert(1)</script> We dig.\n\nOn Monday, X <x@y.example> wrote:\n> Link down"


def bring(
    session: Session,
    *,
    text: str = TEXT,
    message_id: str = "<1@mua.example>",
    sender: str = "kit@people.example",
) -> None:
    mail = answer("tickets@portal.example", text, sender=sender, Message_ID=message_id)
    mail.add_attachment(b"trace", "text", "plain", filename="trace.txt")
    reply = read_reply(bytes(mail), "portal.example")
    with transaction(session):
        kept = keep_mail(session, reply, bytes(mail), "", NOON)
        assert kept is not None
        decide(session, kept, reply, Ours(KEY, ()), NOON)


def test_a_mail_is_shown_whole_and_added(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    assert "No emails yet" in visitor.read("/mails/incoming").text
    assert "Nothing to review" in visitor.read("/mails/incoming?state=needs+review").text
    assert ("/mails/incoming?state=needs+review", "Incoming emails") in visitor.read("/mails").links
    with transaction(session):
        open_ticket(session, writer(cast.kit), NewTicket(title="Link down"))
    assert "to review" not in visitor.read("/").text
    bring(session)
    home = visitor.read("/")
    assert ("/mails/incoming?state=needs+review", "1 incoming email to review") in home.links
    assert "incoming mail" not in visit(cast.kit).read("/").text
    assert "kit@people.example" in visitor.read("/mails/incoming").text
    shown = visitor.get("/mails/incoming/1").text
    assert "<script>alert(1)" not in shown
    page = PageReader(shown)
    for part in (TEXT.splitlines()[0], "> Link down", "trace.txt", "The sender may be forged"):
        assert part in page.text
    whole = visitor.get("/mails/incoming/1/whole")
    assert whole.mimetype == "application/octet-stream"
    assert whole.headers["Content-Disposition"].startswith("attachment")
    for number, why in (("x", "Not a ticket number"), ("9", "There is no ticket 9"), ("", "")):
        refused = visitor.send("/mails/incoming/1/add", {"ticket": number})
        assert refused.status_code == 422
        assert why in refused.text
    answered = visitor.send("/mails/incoming/1/add", {"ticket": "#1"})
    assert (answered.status_code, answered.location) == (303, "/tickets/1")
    said = "<script>alert(1)</script> We dig.\n\n[Sent from kit@people.example]"
    assert said_on(session, 1) == [("operator", said)]
    assert "<script>alert(1)" not in visitor.get("/tickets/1").text
    assert "Added by operator" in visitor.read("/mails/incoming/1").text
    again = visitor.send("/mails/incoming/1/add", {"ticket": "1"})
    assert again.status_code in (409, 422)
    assert len(said_on(session, 1)) == 1


def test_a_mail_is_dismissed_and_forgotten(session: Session, cast: Cast, visit: Visit) -> None:
    bring(session)
    bring(session, text="More", message_id="<2@mua.example>")
    visitor = visit(cast.operator)
    assert visitor.send("/mails/incoming/1/dismiss", {"reason": " "}).status_code == 422
    assert visitor.send("/mails/incoming/1/dismiss", {"reason": "an ad"}).status_code == 303
    assert "operator: an ad" in visitor.read("/mails/incoming?state=dismissed").text
    for path in ("/mails/incoming?state=none", "/mails/incoming?before=x", "/mails/incoming/99"):
        assert visitor.get(path).status_code == 404, path
    assert "Add as a comment" in visitor.read("/mails/incoming/1").text, "after all"
    with transaction(session):
        assert forget_incoming(session, NOON, 10) == 0
        later = NOON.replace(year=NOON.year + 1)
        assert forget_incoming(session, later, 10) == 1
        assert session.get(IncomingMail, 2) is not None, "it waits for a person"


def test_a_mail_is_read_again_outside_of_every_transaction(
    app: Flask, session: Session, cast: Cast, visit: Visit
) -> None:
    with transaction(session):
        open_ticket(session, writer(cast.kit), NewTicket(title="Link down"))
    bring(session)
    visitor = visit(cast.operator)
    with app.app_context():
        pool = db.engine.pool
    assert isinstance(pool, QueuePool)
    open_then: list[int] = []
    with at_each_start(lambda _words, _environment: open_then.append(pool.checkedout())):
        visitor.read("/mails/incoming/1")
        assert open_then == [], "to show it needs no reading"
        assert visitor.send("/mails/incoming/1/add", {"ticket": "1"}).status_code == 303
    assert open_then == [0]


def test_many_are_dismissed_at_once(session: Session, cast: Cast, visit: Visit) -> None:
    for number in range(1, 4):
        bring(session, text=f"Buy {number}", message_id=f"<{number}@a.example>")
    for number in range(4, 8):
        bring(session, message_id=f"<{number}@b.example>", sender="ads@b.example")
    visitor = visit(cast.operator)
    listed = visitor.read("/mails/incoming?state=needs+review")
    assert "Dismiss selected" in listed.text
    assert "Dismiss selected" not in visitor.read("/mails/incoming").text
    none = visitor.send("/mails/incoming/dismiss", {"reason": "ads"})
    assert (none.status_code, "Select the emails to dismiss" in none.text) == (422, True)
    assert visitor.send("/mails/incoming/dismiss", {"n": "1", "reason": ""}).status_code == 422
    assert visitor.send("/mails/incoming/dismiss", {"n": "x", "reason": "ads"}).status_code == 422
    two = visitor.send("/mails/incoming/dismiss", {"n": ["1", "3"], "reason": "ads"})
    assert two.status_code == 303
    assert "2 emails dismissed." in visitor.read("/mails/incoming").text
    assert (
        "All 4 emails from ads@b.example that need review" in visitor.read("/mails/incoming/5").text
    )
    assert "mails of kit@people.example" not in visitor.read("/mails/incoming/2").text
    assert (
        visitor.send("/mails/incoming/5/dismiss", {"reason": "ads", "all": "y"}).status_code == 303
    )
    session.rollback()
    rows = session.execute(select(IncomingMail.id, IncomingMail.state).order_by(IncomingMail.id))
    assert [number for number, state in rows if state == "needs review"] == [2]
    reasons = set(session.scalars(select(IncomingMail.reason).where(IncomingMail.id != 2)))
    assert reasons == {"operator: ads"}


def test_what_was_refused_or_deleted_unreviewed_is_said(
    session: Session, cast: Cast, visit: Visit
) -> None:
    visitor, today = visit(cast.operator), datetime.now(UTC)
    page = visitor.read("/mails/incoming?state=needs+review")
    assert "Emails that nobody reviews are deleted after 90 days." in page.text
    assert "Every mail was" not in page.text
    assert "refused" not in page.text
    assert "refused" not in visitor.read("/").text
    limits = replace(ReceivingLimits(), unknown_mails=1)
    with transaction(session):
        for expected in (True, False, False):
            reply = Reply("key", addresses="tickets@portal.example")
            assert admit(session, reply, 10, Ours(KEY, ()), limits, today) is expected
    link = ("/mails/incoming", "2 incoming emails refused since yesterday")
    assert link in visitor.read("/").links
    assert "refused" not in visit(cast.kit).read("/").text
    said = (
        f"{today.date()} (UTC): 2 emails from unknown senders refused. Limit: 50 emails and 100 MiB"
    )
    assert said in visitor.read("/mails/incoming").text
    bring(session)
    page = visitor.read("/mails/incoming?state=needs+review")
    assert "No stored email needs review" not in page.text
    with transaction(session):
        assert forget_unreviewed(session, NOON, 10, today) == 0
        assert forget_unreviewed(session, NOON + timedelta(seconds=1), 10, today) == 1
    said = "1 email deleted because nobody reviewed it within 90 days."
    assert said in visitor.read("/mails/incoming?state=needs+review").text
    assert session.scalars(select(IncomingMail.id)).all() == []


def test_a_text_stays_when_the_whole_mail_is_deleted(
    session: Session, cast: Cast, visit: Visit
) -> None:
    visitor = visit(cast.operator)
    with transaction(session):
        open_ticket(session, writer(cast.kit), NewTicket(title="Link down"))
    bring(session)
    day = NOON + timedelta(days=30)
    assert f"deleted after {day.date()}" in visitor.read("/mails/incoming/1").text
    with transaction(session):
        assert forget_whole(session, NOON, 10) == 0
        assert forget_whole(session, NOON + timedelta(seconds=1), 10) == 1
        assert forget_whole(session, NOON + timedelta(seconds=1), 10) == 0, "once"
    page = visitor.read("/mails/incoming/1")
    assert "deleted, with its attachments; only the text is stored" in page.text
    assert "trace.txt" in page.text
    assert visitor.get("/mails/incoming/1/whole").status_code == 404
    assert visitor.send("/mails/incoming/1/add", {"ticket": "1"}).status_code == 303
    assert said_on(session, 1) == [
        (
            "operator",
            "<script>alert(1)</script> We dig.\n\n[Not stored: trace.txt (deleted before)]"
            "\n[Sent from kit@people.example]",
        )
    ]
