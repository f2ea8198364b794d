"""The pages of mails that came in: whole, never as HTML, added or dismissed by operators."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.exchange.adapters.incoming_mail import read_reply
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.services.incoming_mails import Ours, decide, forget_incoming, keep_mail
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, writer
from tests.exchange.mails import KEY, answer, said_on
from tests.harness.visitor import PageReader, Visitor

Visit = Callable[[Actor], Visitor]
TEXT = "<script>alert(1)</script> We dig.\n\nOn Monday, X <x@y.example> wrote:\n> Link down"


def bring(session: Session, *, text: str = TEXT, message_id: str = "<1@mua.example>") -> None:
    mail = answer("tickets@portal.example", text, Message_ID=message_id)
    mail.add_attachment(b"trace", "text", "plain", filename="trace.txt")
    reply = read_reply(bytes(mail), "portal.example")
    with transaction(session):
        kept = keep_mail(session, reply, bytes(mail), "", NOON)
        assert kept is not None
        decide(session, kept, reply, Ours(KEY, ()), NOON)


def test_a_mail_is_shown_whole_and_added(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    assert "No mails yet" in visitor.read("/mails/incoming").text
    assert "Nothing to review" in visitor.read("/mails/incoming?state=needs+review").text
    assert ("/mails/incoming?state=needs+review", "Incoming mails") in visitor.read("/mails").links
    with transaction(session):
        open_ticket(session, writer(cast.kit), NewTicket(title="Link down"))
    assert "to review" not in visitor.read("/").text
    bring(session)
    home = visitor.read("/")
    assert ("/mails/incoming?state=needs+review", "1 incoming mail to review") in home.links
    assert "incoming mail" not in visit(cast.kit).read("/").text
    assert "kit@people.example" in visitor.read("/mails/incoming").text
    shown = visitor.get("/mails/incoming/1").text
    assert "<script>alert(1)" not in shown
    page = PageReader(shown)
    for part in (TEXT.splitlines()[0], "> Link down", "trace.txt", "Its sender may be forged"):
        assert part in page.text
    whole = visitor.get("/mails/incoming/1/whole")
    assert whole.mimetype == "application/octet-stream"
    assert whole.headers["Content-Disposition"].startswith("attachment")
    for number, why in (("x", "no number of a ticket"), ("9", "There is no ticket 9"), ("", "")):
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
