"""What tests of mails need: the cast with addresses, planning, and mails read as a client does."""

from __future__ import annotations

import email
import email.policy
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import actor_of_user, find_user
from app.core.database.transactions import transaction
from app.core.rules.access import Actor, Door, Writer
from app.mail.models.mails import Mail
from app.mail.rules.notifications import Sender, put_together
from app.mail.services.mails import draft_mails, put_mails, skip_notifications
from app.mail.services.queue import claim_mails, mark_failed, mark_later, mark_sent, post_of
from app.meetings.adapters.invitations import write_invitation
from app.meetings.services.mails import Secretary
from app.registry.models.registry import Site, SiteContact
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer

KEY = b"only for tests, thirty-two bytes"
SENDER = Sender("LHCOPN tickets", "tickets@portal.example", "https://portal.example", KEY)
SECRETARY = Secretary(SENDER.address, SENDER.name, SENDER.public_url, write_invitation)
CONTACTS = {"noc@kit.example": "as contact of DE-KIT"}
"""Who is told of any ticket of DE-KIT."""


def enter_with_mails(session: Session) -> Cast:
    """The cast with addresses; contacts of DE-KIT and ES-PIC; nothing is told of what was."""
    cast = enter(session)
    with transaction(session):
        for name in ("admin", "operator", "kit", "pic", "reader"):
            find_user(session, name).mail = f"{name}@people.example"
        for key, role, mail in (
            ("DE-KIT", "network", "noc@kit.example"),
            ("DE-KIT", "management", "boss@kit.example"),
            ("ES-PIC", "security", "csirt@pic.example"),
        ):
            site = session.scalars(select(Site).where(Site.key == key)).one()
            site.contacts.append(SiteContact(role=role, name="NOC", mail=mail))
        skip_notifications(session)
    return cast


def plan(session: Session) -> list[Mail]:
    """Plan all that is due; the mails that this made."""
    before = set(session.scalars(select(Mail.id)))
    plan_at(session, NOON)
    mails = session.scalars(select(Mail).order_by(Mail.id))
    return [mail for mail in mails if mail.id not in before]


def plan_at(session: Session, now: datetime) -> None:
    """Plan all that was changed by now."""
    while (drafted := draft_mails(session, now, "https://portal.example")) is not None:
        with transaction(session):
            assert put_mails(session, drafted)


def seed_mails(session: Session, now: datetime) -> None:
    """A ticket of the demo with its mails, of which some wait and some were refused."""
    by = {
        name: Writer(actor_of_user(find_user(session, name)), Door.PORTAL, now)
        for name in ("reporter", "operator")
    }
    copies = "noc-demo@example.org; gone-demo@example.org; busy-demo@example.org"
    with transaction(session):
        skip_notifications(session)
        content = NewTicket(
            title="Errors on CERN-GRIDKA-LHCOPN-002, receive side only",
            description="BFD goes down every few minutes. Traffic was moved to the backup by hand.",
            carbon_copy=copies,
        )
        number = open_ticket(session, by["reporter"], content).number
        comment_ticket(session, by["operator"], number, "The provider has opened a case.")
        solution = "Cleaned and re-seated the patch cable; 3 dB better than before."
        wanted = {"state": "solved", "solution": solution, "public_comment": "Back since 13:20."}
        change_ticket(session, by["operator"], number, wanted)
    plan_at(session, now)
    until = now + timedelta(days=1)
    with transaction(session):
        while claimed := claim_mails(session, now, until):
            for mail in session.scalars(select(Mail).where(Mail.id.in_(claimed))).all():
                if mail.address.startswith("gone"):
                    reason = "550 5.1.1 User unknown in virtual mailbox table"
                    mark_failed(session, mail.id, until, reason)
                elif mail.address.startswith("busy"):
                    reason, later = (
                        "451 4.7.1 Greylisted, try again later",
                        now + timedelta(hours=1),
                    )
                    mark_later(session, mail.id, until, reason, later)
                else:
                    mark_sent(session, mail.id, now)


def told(session: Session) -> dict[str, str]:
    """Who is told by what is due now, and why."""
    mails = plan(session)
    assert len({(mail.change_id, mail.address_key) for mail in mails}) == len(mails)
    return {mail.address: mail.why for mail in mails}


def opened(session: Session, by: Actor, **fields: Any) -> int:
    claims = {name: fields.pop(name) for name in ("author",) if name in fields}
    with transaction(session):
        new = NewTicket(**{"title": "Link down", **fields})
        return open_ticket(session, writer(by, **claims), new).number


def changed(session: Session, by: Actor, number: int, **fields: Any) -> None:
    claims = {name: fields.pop(name) for name in ("author",) if name in fields}
    with transaction(session):
        change_ticket(session, writer(by, **claims), number, fields)


def message(session: Session, mail: Mail) -> EmailMessage:
    raw = put_together(SENDER, post_of(session, SENDER, mail.id))
    assert raw.isascii()
    # mail clients read these as they stand
    for name in (b"List-Unsubscribe: <https://", b"Message-ID: <"):
        assert name in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(found: EmailMessage, kind: str) -> str:
    part = found.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")
