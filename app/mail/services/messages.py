"""Mails written at once, in the transaction that causes them: reminders, invitations.

Changes of tickets are planned from the log (``app.mail.services.mails``). A message has no ticket
and no log entry: the caller gives it a key, under which it is queued once, however many workers and
interfaces try. Messages go through the same queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.database.upsert import upsert
from app.core.rules.language import mailed
from app.core.rules.mails.mail_addresses import address_key, mail_address
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.mail.models.mails import Mail, MailMessage
from app.mail.rules.notifications import one_line
from app.mail.services.mails import WAITING
from app.mail.services.recipients import NEVER, stopped

SECURITY: Final = "security "
"""Prefix of the keys of messages about the security of a person's account (``security_notices``):
people get them whatever mails they chose."""
PARTNER: Final = "partner "
"""Prefix of the keys of messages to a partner's system, followed by the connection's key and the
content's: they cannot be stopped by their reader."""
PRIVATE: Final = "private "
"""Prefix of the keys of messages whose text is only for the recipient."""


@dataclass(frozen=True)
class MessageRecipient:
    """The recipient of a message. ``why`` is at the mail's end: "You get this mail WHY."."""

    address: str
    user_id: int | None
    """The person with this address, if there is one: that person's choice applies."""
    why: str


def queue_message(
    session: Session,
    *,
    key: str,
    recipients: Sequence[MessageRecipient],
    subject: str,
    text: str,
    url: str,
    now: datetime,
    calendar: str = "",
    calendar_method: str = "",
    ticket: int | None = None,
) -> Sequence[str] | None:
    """Queue a message, one mail for each address. Returns the addresses, or None if a message with
    this key exists already: then nothing is done.

    ``ticket``: the number of the ticket in whose thread it is. ``url`` is the page, relative to the
    portal's root (``/reports/DE-KIT/2013-Q1``). ``calendar`` is an iCalendar object with the METHOD
    ``calendar_method``. People who want no mails (except ``SECURITY``) or who may not log in,
    stopped addresses and invalid addresses get none (except for ``PARTNER``, whose caller checks
    the addresses). A message does not wait for the digest, which covers tickets only.

    If two callers race for a key, the second waits until the first one's transaction ends.
    """
    made = session.execute(
        upsert(MailMessage)
        .values(
            key=key,
            subject=one_line(mailed(subject))[:SHORT_TEXT_LIMIT],
            text=mailed(text),
            url=url,
            calendar=calendar,
            calendar_method=calendar_method,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(MailMessage.id)
    ).scalar()
    if made is None:
        return None
    if key.startswith(PARTNER):
        wanting = [(mail_address(one.address) or "", one) for one in recipients]
    else:
        wanting = _wanting(session, recipients, security=key.startswith(SECURITY))
    session.add_all(
        Mail(
            message_id=made,
            ticket_number=ticket,
            address=address,
            address_key=address_key(address),
            user_id=one.user_id,
            why=mailed(one.why)[:SHORT_TEXT_LIMIT],
            state=WAITING,
            due_at=now,
            created_at=now,
        )
        for address, one in wanting
    )
    session.flush()
    return [address for address, _one in wanting]


def _wanting(
    session: Session, recipients: Sequence[MessageRecipient], *, security: bool
) -> list[tuple[str, MessageRecipient]]:
    """The recipients that get it, each address once: in envelope form, with the first reason."""
    numbers = {one.user_id for one in recipients if one.user_id is not None}
    wants = {
        number: (choice != NEVER or security) and disabled is None
        for number, choice, disabled in session.execute(
            select(User.id, User.mail_choice, User.disabled_at).where(User.id.in_(numbers))
        )
    }
    found: dict[str, tuple[str, MessageRecipient]] = {}
    for one in recipients:
        address = mail_address(one.address)
        if address is not None and (one.user_id is None or wants.get(one.user_id, False)):
            found.setdefault(address_key(address), (address, one))
    chosen = {key for key, (_, one) in found.items() if one.user_id is not None and not security}
    out = stopped(session, found.keys() - chosen)
    return [wanted for key, wanted in found.items() if key not in out]
