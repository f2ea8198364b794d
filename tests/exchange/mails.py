"""Mails as people send them when they answer the portal's, and what became of them here."""

from __future__ import annotations

from email.message import EmailMessage

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.mail.rules.reply_addresses import reply_address
from tests.harness.server import TEST_SECRET

MAILBOX = "tickets@portal.example"
KEY = TEST_SECRET.encode()


def address(number: int, holder: str, key: bytes = KEY) -> str:
    """The address that was given to ``holder``."""
    return reply_address(key, MAILBOX, number, holder)


def answer(
    to: str,
    text: str = "We dig.",
    subject: str = "Re: GGUS-Ticket-ID: #1 Link down",
    sender: str = "kit@people.example",
    **headers: str,
) -> EmailMessage:
    """A mail; ``headers`` with ``_`` for ``-``."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    for name, value in {"Message_ID": "<1@mua.example>", **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def said_on(session: Session, number: int) -> list[tuple[str, str]]:
    """Author and text of each public comment, in their order."""
    session.rollback()
    rows = session.execute(
        select(Change.author, ChangedField.new)
        .join(Change, Change.id == ChangedField.change_id)
        .where(Change.thing_id == number, ChangedField.field == "public_comment")
        .order_by(Change.id)
    )
    return [(author, text or "") for author, text in rows]
