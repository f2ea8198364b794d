"""Mails that are written at once, in the transaction of what they tell: reminders, invitations.

What a change of a ticket tells is planned from the log (``app.mail.services.mails``). A message has
no ticket and no log to be read from: who writes one names it with a key, under which it is queued
once, however many workers and doors want to. They go out through the same queue.
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
from app.core.rules.mail_addresses import address_key, mail_address
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.mail.models.mails import Mail, MailMessage
from app.mail.rules.notifications import one_line
from app.mail.services.mails import WAITING
from app.mail.services.recipients import NEVER, stopped

SECURITY: Final = "security "
"""Before the keys of messages on the security of a person's account (``security_notices``): people
get those whatever mails they chose."""
PARTNER: Final = "partner "
"""Before the keys of messages to a partner's system, followed by its connection's key and what it
tells: whoever reads there stops none of them."""
PRIVATE: Final = "private "
"""Before the keys of messages whose text is for nobody but the one who gets them."""


@dataclass(frozen=True)
class MessageRecipient:
    """Whom a message is for. ``why`` stands at the mail's end: "You get this mail WHY."."""

    address: str
    user_id: int | None
    """Whose address it is, if a person has it: that person's choice counts."""
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
    """Queue one message, a mail for each address; the addresses, or None if one with this key is
    there already: then nothing is done.

    ``ticket``: the number of the one with whose mails it stands. ``url`` is the page, from the
    portal's root (``/reports/DE-KIT/2013-Q1``). ``calendar`` is an iCalendar object with the METHOD
    ``calendar_method``. People who want no mails (but of ``SECURITY``), those who may not log in,
    addresses that were stopped, and what is no address get none (but those of ``PARTNER``, whose
    caller checked the addresses). A message does not wait for the
    digest, which tells of tickets only.

    Two that race for a key: the second waits until the first one's transaction ends.
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
    """Those that get it, each address once: as it is in an envelope, for the first reason."""
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
