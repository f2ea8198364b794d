"""The mail queue: claiming, results, and retries on demand.

A mail is claimed for a time before it is sent, and marked as soon as it was accepted. If a worker
dies in between, its claim expires and another worker sends the mail under the same message id. That
is the only case in which a mail may arrive twice (``docs/mail.md``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Actor, Writer, require_operator
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.hooks import Hook
from app.core.rules.language import _, mailed
from app.core.services.changes import FieldChange, record_change, traceparent_of
from app.core.traces import request_of
from app.jobs.rules.jobs import growing_pause
from app.jobs.services.claims import claim, claimed
from app.mail.models.mails import Mail, MailMessage
from app.mail.rules.notifications import Notification, Post, Sender, digest_subject, ticket_subject
from app.mail.rules.reply_addresses import CONNECTION, PERSON
from app.mail.rules.reply_addresses import MAIL as BY_MAIL
from app.mail.services.mails import DIGESTED, DROPPED, FAILED, IN_DIGEST, SENT, WAITING
from app.mail.services.messages import PARTNER, PRIVATE, SECURITY
from app.mail.services.notification_texts import (
    digest_texts,
    message_texts,
    notifications_of_digest,
    ticket_texts,
)
from app.mail.services.recipients import NEVER

MAIL = "mail"
"""The kind of a mail in the change log."""
CLAIMED_AT_ONCE = 10
MAX_WAIT = timedelta(hours=1)
"""Longest pause between two attempts."""
SHOWN_AT_ONCE = 50
IN_ONE_STATEMENT = 10_000
"""Numbers of rows in one statement; databases have a limit."""
_MAX_REASON_LENGTH = 500
_ONLY_ROWS: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}
"""For updates of rows whose objects are not used afterwards."""


PARTNER_REFUSED: Final[Hook[[Session, str, str], None]] = Hook("PARTNER_REFUSED")
"""A server refused a message to a partner's system for good: the message's key, and the server's
words."""


def claim_mails(session: Session, now: datetime, until: datetime) -> dict[int, int]:
    """Claim some due mails, so that no other worker sends them before ``until``.

    Returns the number of failed attempts by mail, in the order in which they are due.
    """
    return {mail.id: mail.attempts for mail in claim(session, Mail, now, until, CLAIMED_AT_ONCE)}


def is_being_sent(mail: Mail, now: datetime) -> bool:
    """Return whether a worker has claimed it."""
    return mail.claimed_until is not None and mail.claimed_until > now


def post_of(session: Session, sender: Sender, mail_id: int, *, to_show: bool = False) -> Post:
    """The mail as it is sent; ``to_show`` omits signatures, and the text of a private mail."""
    mail = session.get_one(Mail, mail_id)
    on_security = mail.message is not None and mail.message.key.startswith(SECURITY)
    # a person's choice does not apply
    is_stoppable = not is_to_partner(mail) and (not on_security or mail.user_id is None)
    stop = sender.stop_url(mail.id, mail.address_key) if is_stoppable else ""
    if to_show and is_stoppable:
        stop = f"{sender.public_url}/unsubscribe/..."
    calendar = method = ""
    if mail.message is not None:
        message = mail.message
        calendar, method = message.calendar, message.calendar_method
        subject = message.subject
        hidden = to_show and message.key.startswith(PRIVATE)
        text, html = message_texts(sender, message, mail.why, stop, hidden=hidden)
    elif mail.notification is None:
        notifications = notifications_of_digest(session, mail.id)
        subject = mailed(digest_subject(notifications, mail.created_at))
        text, html = digest_texts(sender, notifications, mail.why, stop)
    else:
        notification = Notification.from_text(mail.notification.content)
        subject = ticket_subject(notification.number, notification.title)
        calendar = notification.calendar
        text, html = ticket_texts(sender, notification, mail.why, stop)
    return Post(
        mail_id=mail.id,
        address=mail.address,
        address_key=mail.address_key,
        at=mail.created_at,
        subject=subject,
        text=text,
        html=html,
        number=mail.ticket_number,
        calendar=calendar,
        calendar_method=method,
        is_stoppable=is_stoppable,
        reply_to=sender.reply_to(mail.ticket_number, _holder(mail), to_show=to_show),
        request_id="" if to_show else request_of(traceparent_of(session, mail.change_id)),
    )


def _holder(mail: Mail) -> str:
    """The holder of the reply address; "" = replies are not read."""
    key = mail.message.key if mail.message is not None else ""
    if key.startswith(PARTNER):
        return f"{CONNECTION}{key.removeprefix(PARTNER).split()[0]}"
    if mail.message is not None:
        return ""
    return f"{PERSON}{mail.user_id}" if mail.user_id is not None else f"{BY_MAIL}{mail.id}"


def mark_sent(session: Session, mail_id: int, now: datetime, taker: str = "") -> None:
    """The server ``taker`` accepted it for delivery, or ("") it was written to a file. A sent mail
    is sent, whichever worker has claimed it meanwhile."""
    sent = update(Mail).where(Mail.id == mail_id).values(state=SENT, attempts=Mail.attempts + 1)
    session.execute(
        sent.values(due_at=None, claimed_until=None, sent_at=now, reason="", taker=taker),
        **_ONLY_ROWS,
    )


def mark_failed(session: Session, mail_id: int, until: datetime, reason: str) -> None:
    """The server refused it permanently; operators see its words. ``until`` is the end of the claim
    under which it was tried."""
    if (mail := claimed(session, Mail, mail_id, until)) is None:
        return
    _note_attempt(mail, FAILED, reason, None)
    if is_to_partner(mail):
        assert mail.message is not None
        PARTNER_REFUSED.one(session, mail.message.key, mail.reason)


def mark_later(
    session: Session, mail_id: int, until: datetime, reason: str, due_at: datetime
) -> None:
    """It was not accepted under the claim that ends at ``until``; it is tried again at ``due_at``,
    with no limit of attempts."""
    if (mail := claimed(session, Mail, mail_id, until)) is not None:
        _note_attempt(mail, WAITING, reason, due_at)


def _note_attempt(mail: Mail, state: str, reason: str, due_at: datetime | None) -> None:
    mail.state, mail.reason = state, reason[:_MAX_REASON_LENGTH]
    mail.attempts += 1
    mail.due_at, mail.claimed_until = due_at, None


def is_to_partner(mail: Mail) -> bool:
    """Return whether it is for a partner's system: then the exchange decides what is sent again."""
    return mail.message is not None and mail.message.key.startswith(PARTNER)


def wait_after(attempts: int, first: timedelta, chance: float) -> timedelta:
    """Return the pause after so many failed attempts: doubled each time, up to an hour.

    ``chance`` (0 to 1) spreads it over the upper half, so that not all are retried together.
    """
    return growing_pause(attempts, first, MAX_WAIT) * (0.5 + chance / 2)


def make_digests(session: Session, now: datetime) -> int:
    """Combine what waits for a digest into one mail for each address; return how many.

    What a person no longer wants is dropped, and so is what waits for somebody who may no longer
    log in.
    """
    rows = session.execute(
        select(
            Mail.id,
            Mail.address,
            Mail.address_key,
            Mail.user_id,
            User.mail_choice,
            User.disabled_at,
        )
        .outerjoin(User, User.id == Mail.user_id)
        .where(Mail.state == IN_DIGEST)
        .order_by(Mail.id)
        .with_for_update(of=Mail, skip_locked=True)
    ).all()
    by_key: dict[str, list[Any]] = {}
    for row in rows:
        by_key.setdefault(row.address_key, []).append(row)
    made = 0
    for key, mine in by_key.items():
        values: dict[str, Any] = {"state": DROPPED, "digest_id": None}
        last = mine[-1]
        if last.mail_choice != NEVER and last.disabled_at is None:
            digest = Mail(
                address=last.address,
                address_key=key,
                user_id=last.user_id,
                why=mailed(_("because you chose one email a day")),
                state=WAITING,
                due_at=now,
                created_at=now,
            )
            session.add(digest)
            session.flush()
            values = {"state": DIGESTED, "digest_id": digest.id}
            made += 1
        numbers = [row.id for row in mine]
        for begin in range(0, len(numbers), IN_ONE_STATEMENT):
            part = numbers[begin : begin + IN_ONE_STATEMENT]
            session.execute(update(Mail).where(Mail.id.in_(part)).values(values))
    return made


@dataclass(frozen=True)
class MailPage:
    """Mails, newest first; ``before`` is where the next page starts, or None."""

    mails: Sequence[Mail]
    before: int | None


def list_mails(
    session: Session,
    actor: Actor,
    states: Collection[str] = (),
    word: str = "",
    before: int | None = None,
) -> MailPage:
    """List the mails in one of these states (no states = any), newest first.

    ``word`` is a part of the address, or the number of a ticket.
    """
    require_operator(actor, _("see the portal's emails"))
    query = select(Mail).order_by(Mail.id.desc()).limit(SHOWN_AT_ONCE + 1)
    if states:
        query = query.where(Mail.state.in_(states))
    if word:
        in_address = Mail.address_key.contains(word.casefold(), autoescape=True)
        number = word.removeprefix("#")
        if number.isascii() and number.isdigit() and len(number) < 10:
            query = query.where(or_(in_address, Mail.ticket_number == int(number)))
        else:
            query = query.where(in_address)
    if before is not None:
        query = query.where(Mail.id < before)
    found = session.scalars(query).all()
    shown = found[:SHOWN_AT_ONCE]
    return MailPage(shown, shown[-1].id if len(found) > SHOWN_AT_ONCE else None)


def find_mail(session: Session, actor: Actor, mail_id: int) -> Mail:
    """Return one mail, for operators. Raises ``Forbidden`` or ``NotFound``."""
    require_operator(actor, _("see the portal's emails"))
    mail = session.get(Mail, mail_id)
    if mail is None:
        raise NotFound
    return mail


def send_again(session: Session, by: Writer, mail_id: int) -> None:
    """Retry a mail that failed, or waits for its next attempt, at once. Not for a mail that a
    partner's server refused: the exchange sends its content again as another mail."""
    mail = find_mail(session, by.actor, mail_id)
    if mail.state == FAILED and is_to_partner(mail):
        raise Invalid(
            "mail",
            _(
                "The partner's server refused this email. Send it again from the exchange panel"
                " of the ticket"
            ),
        )
    tried = session.scalar(
        update(Mail)
        .where(Mail.id == mail_id, Mail.state.in_((FAILED, WAITING)))
        .where(or_(Mail.claimed_until.is_(None), Mail.claimed_until <= by.now))
        .values(state=WAITING, due_at=by.now)
        .returning(Mail.id),
        **_ONLY_ROWS,
    )
    if tried is None:
        session.refresh(mail)
        raise Invalid(
            "mail",
            _(
                "Only a failed or waiting email can be sent again; this one is %(state)s",
                state=_("being sent") if is_being_sent(mail, by.now) else mail.state,
            ),
        )
    fields = [FieldChange("state", mail.state, "tried again")]
    record_change(session, by, kind=MAIL, thing_id=mail_id, fields=fields)


def send_refused_again(session: Session, by: Writer) -> int:
    """Retry all mails that a server refused permanently, except those to partners' systems, which
    the exchange sends again; return how many. Operators only.

    For use after a wrong setting made the server refuse every mail.
    """
    require_operator(by.actor, _("see the portal's emails"))
    to_partner = exists().where(
        MailMessage.id == Mail.message_id, MailMessage.key.startswith(PARTNER)
    )
    refused = and_(Mail.state == FAILED, ~to_partner)
    newest = session.scalar(select(func.max(Mail.id)).where(refused))
    if newest is None:
        return 0
    tried = session.execute(
        update(Mail).where(refused).values(state=WAITING, due_at=by.now), **_ONLY_ROWS
    )
    many = int(tried.rowcount)  # type: ignore[attr-defined]  # an update's result has it
    fields = [FieldChange("state", FAILED, f"tried again, with {many - 1} others")]
    record_change(session, by, kind=MAIL, thing_id=newest, fields=fields)
    return many


def oldest_waiting(session: Session) -> datetime | None:
    """Since when the oldest unsent mail waits."""
    waiting = select(func.min(Mail.created_at)).where(Mail.state == WAITING)
    return session.scalar(waiting)
