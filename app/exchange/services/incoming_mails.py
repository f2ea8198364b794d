"""Incoming mails: each is stored once, and becomes a comment, or is left to a person.

The author is proved by the reply address: the portal signed it for one ticket and one recipient.
Verifying it needs the portal's secret; a command without the secret leaves the mail to the worker.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, delete, func, select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import actor_of_user
from app.core.database.upsert import upsert
from app.core.mail_settings import ReceivingLimits
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Actor, Door, Writer, require_operator
from app.core.rules.attached_files import check_content
from app.core.rules.errors import Invalid, MoveNotAllowed, NotFound, PortalError
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import MAILTO, address_key
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_reason, storable_text
from app.core.services.changes import TICKET, FieldChange, of_kind, record_change
from app.exchange.models.connections import Connection
from app.exchange.models.incoming_mails import IncomingMail, IncomingMailDay
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.replies import (
    MOST_IN_AN_HOUR,
    MailState,
    Reply,
    comment_of,
    new_text,
    numbers_in,
)
from app.exchange.services.entries import add_entry
from app.exchange.services.mailed_tickets import (
    NOT_EXCHANGED,
    is_meant_to_come,
    pair_of_mail,
    structured,
    take_mailed,
)
from app.exchange.services.planning import pair_with
from app.exchange.services.their_values import writer_of
from app.jobs.services.queue import enqueue
from app.mail.models.mails import Mail
from app.mail.rules.reply_addresses import CONNECTION, MAIL, PERSON, given_in
from app.tickets.models.tickets import Ticket
from app.tickets.rules.marks import digest_of
from app.tickets.rules.tickets import FINAL_STATES
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import comment_ticket

INCOMING: Final = "incoming mail"
"""The kind of such a mail in the change log."""
JOB: Final = "take in a mail"
PAGE: Final = 50
ADDABLE: Final = (MailState.REVIEW, MailState.DROPPED, MailState.DISMISSED)
"""States in which a person may still add a mail to a ticket."""
MOST_FILES: Final = 20
MOST_DISMISSED: Final = 500
"""Mails dismissed in one step."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Ours:
    """What identifies the portal's own mails: its secret, and its addresses in lower case."""

    key: bytes
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class _Held:
    """The holder of a reply address: the author, and the address to which the portal wrote."""

    by: Writer
    address: str
    connection: Connection | None = None


class _Doubt(Exception):
    """A person has to look; the text says why."""


def keep_mail(
    session: Session, reply: Reply, content: bytes, recipient: str, now: datetime
) -> IncomingMail | None:
    """Store an incoming mail; None = it is already stored. Two callers that race for it: the second
    waits until the first one's transaction ends. A mail with the Message-ID of another one, but
    different words or files, is stored in addition."""
    made = _insert(session, reply, reply.key, content, recipient, now)
    if made is None and _differs(session, reply):
        made = _insert(session, reply, _key_of_other(reply), content, recipient, now)
    return session.get_one(IncomingMail, made) if made is not None else None


def _insert(
    session: Session, reply: Reply, key: str, content: bytes, recipient: str, now: datetime
) -> int | None:
    """The id of the mail's new row; None = a row with this key exists."""
    made: int | None = session.execute(
        upsert(IncomingMail)
        .values(
            key=key,
            received_at=now,
            recipient=storable_text(recipient, 254),
            sender=reply.sender,
            subject=reply.subject,
            text=reply.text,
            content=content,
            is_whole=True,
            size=len(content),
            files=_files(reply),
            state=MailState.RECEIVED,
            reason="",
            holder="",
        )
        .on_conflict_do_nothing()
        .returning(IncomingMail.id)
    ).scalar()
    return made


def _files(reply: Reply) -> str:
    return json.dumps([[_name(file.name), len(file.content)] for file in reply.files])


def _key_of_other(reply: Reply) -> str:
    """The key of a mail whose Message-ID is already in use: of the id, its words and its files."""
    identity = f"{reply.key} {digest_of(reply.text)} {_files(reply)}"
    return hashlib.sha256(identity.encode(errors="replace")).hexdigest()


def _differs(session: Session, reply: Reply) -> bool:
    """Whether the stored mail with this Message-ID has different content."""
    first = session.scalars(select(IncomingMail).where(IncomingMail.key == reply.key)).first()
    if first is None or digest_of(first.text) != digest_of(reply.text):
        return first is not None
    return first.files is not None and first.files != _files(reply)


def is_known(session: Session, reply: Reply) -> bool:
    """Whether the same mail arrived before."""
    keys = [_key_of_other(reply)] if _differs(session, reply) else [reply.key]
    return session.scalar(select(IncomingMail.id).where(IncomingMail.key.in_(keys))) is not None


def admit(
    session: Session, reply: Reply, size: int, ours: Ours, limits: ReceivingLimits, now: datetime
) -> bool:
    """Whether a mail of this size fits into the day's limit (UTC); it is counted as accepted or
    refused.

    All senders who do not use a reply address of the portal share one limit; each holder of an
    address has a separate one, so that strangers cannot block known senders.
    """
    given = given_in(ours.key, reply.addresses)
    room = min((holder for _number, holder in given), default="")
    most, mib = limits.unknown_mails, limits.unknown_mib
    if room:
        most, mib = limits.known_mails, limits.known_mib
    day = _day(session, now.date(), room)
    if day.kept >= most or day.kept_bytes + size > mib * 1024 * 1024:
        day.refused, day.refused_bytes = day.refused + 1, day.refused_bytes + size
        return False
    day.kept, day.kept_bytes = day.kept + 1, day.kept_bytes + size
    return True


def may_wait(session: Session, size: int, limits: ReceivingLimits) -> bool:
    """Whether one more mail may wait for the worker, which alone knows whose limit applies."""
    count, held = session.execute(
        select(func.count(), func.coalesce(func.sum(IncomingMail.size), 0)).where(
            IncomingMail.state == MailState.RECEIVED
        )
    ).one()
    return count < limits.unknown_mails and held + size <= limits.unknown_mib * 1024 * 1024


def _day(session: Session, day: date, room: str) -> IncomingMailDay:
    """The row of a day and a limit, locked until the transaction ends."""
    none = {"kept": 0, "kept_bytes": 0, "refused": 0, "refused_bytes": 0, "unreviewed": 0}
    session.execute(
        upsert(IncomingMailDay).values(day=day, room=room, **none).on_conflict_do_nothing()
    )
    return session.scalars(
        select(IncomingMailDay)
        .where(IncomingMailDay.day == day, IncomingMailDay.room == room)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def leave_to_worker(session: Session, mail: IncomingMail) -> None:
    """Leave the decision to the worker, which knows the portal's secret."""
    enqueue(session, JOB, {"mail": mail.id}, key=f"mail {mail.id}")


def decide(session: Session, mail: IncomingMail, reply: Reply, ours: Ours, now: datetime) -> None:
    """Decide what happens to a received mail; once. One with the Message-ID of another mail, but
    different words, is left to a person."""
    if mail.state != MailState.RECEIVED:
        return
    if reply.automatic and not is_meant_to_come(
        session, _connections_of(session, reply, ours), reply
    ):
        mail.state, mail.reason = MailState.DROPPED, reply.automatic
        return
    if mail.key != reply.key:
        mail.state, mail.ticket_number = MailState.REVIEW, _named(session, reply)
        mail.reason = _(
            "An earlier email has this Message-ID, but a different text or different files"
        )
        return
    try:
        with session.begin_nested():
            mail.reason = _add(session, mail, reply, ours, now)[:500]
    except (_Doubt, PortalError) as doubt:
        mail.state, mail.reason = MailState.REVIEW, str(doubt)[:500]
        mail.ticket_number = mail.ticket_number or _named(session, reply)
        return
    mail.state = MailState.REVIEW if mail.reason else MailState.ADDED


def _add(session: Session, mail: IncomingMail, reply: Reply, ours: Ours, now: datetime) -> str:
    """Add the comment; return what a person should know about it, "" = nothing."""
    number, holder = _given(reply, ours)
    held = _held(session, holder, now)
    read = structured(session, held.connection, reply) if held.connection is not None else None
    if held.connection is not None and read is not None:
        named = [number] if number else numbers_in(reply.subject)
        pair = pair_of_mail(session, held.connection, read, named)
        if pair is not None:
            _check_pace(session, pair.ticket_number, holder, now)
        key = f"mail {mail.id}"
        mail.ticket_number = take_mailed(session, held.connection, pair, read, reply, key, now)
        mail.holder, mail.added_at = holder, now
        return ""
    if number == 0:
        raise _Doubt(_("No line contains a ticket number; check the email lines of the connection"))
    ticket = session.get(Ticket, number)
    if ticket is None:
        raise _Doubt(_("There is no ticket %(number)s", number=number))
    if others := [one for one in numbers_in(reply.subject) if one != number]:
        raise _Doubt(
            _(
                "Its subject names ticket %(other)s, and its address is that of ticket %(number)s",
                other=others[0],
                number=number,
            )
        )
    _check_pace(session, number, holder, now)
    text = new_text(reply.text, ours.addresses)
    is_other = reply.sender and address_key(reply.sender) != address_key(held.address)
    pair = None
    if held.connection is not None:
        pair = pair_with(session, held.connection, ticket)  # locked before its ticket
        if pair is None or pair.state == PairState.ENDED:
            raise _Doubt(NOT_EXCHANGED)
    change = _write(session, held.by, number, text, reply, reply.sender if is_other else "")
    if pair is not None:  # what the partner wrote is exchanged
        add_entry(
            session,
            pair,
            Origin.THEIRS,
            EntryKind.COMMENT,
            {"text": text},
            author=held.by.shown_author,
            at=now,
            state=EntryState.APPLIED,
            change_id=change,
            their_key=f"mail {mail.id}",
        )
    mail.ticket_number, mail.holder, mail.added_at = number, holder, now
    if ticket.state in FINAL_STATES:
        return _("The comment was added, and the ticket is %(state)s", state=ticket.state)
    return ""


def _given(reply: Reply, ours: Ours) -> tuple[int, str]:
    """The ticket and the holder of the only address in a mail that the portal issued."""
    if reply.problem:
        raise _Doubt(reply.problem)
    given = given_in(ours.key, reply.addresses)
    if not given:
        raise _Doubt(_("The sender may be forged: the email uses no reply address of the portal"))
    if len(given) > 1:
        raise _Doubt(_("It was sent to several reply addresses of the portal"))
    return given.pop()


def _check_pace(session: Session, number: int, holder: str, now: datetime) -> None:
    """Stop two programs that answer each other."""
    before = session.scalar(
        select(func.count()).where(
            IncomingMail.ticket_number == number,
            IncomingMail.holder == holder,
            IncomingMail.received_at > now - _HOUR,
            IncomingMail.added_at.is_not(None),
        )
    )
    if (before or 0) >= MOST_IN_AN_HOUR:
        raise _Doubt(
            _(
                "More than %(most)s emails from this sender about the ticket in an hour",
                most=MOST_IN_AN_HOUR,
            )
        )


def _connections_of(session: Session, reply: Reply, ours: Ours) -> list[Connection]:
    """The connections to whose addresses a mail was sent."""
    keys = {key for _n, key in given_in(ours.key, reply.addresses) if key[0] == CONNECTION}
    return list(
        session.scalars(select(Connection).where(Connection.id.in_([int(one[1:]) for one in keys])))
    )


def _held(session: Session, holder: str, now: datetime) -> _Held:
    kind, key = holder[0], int(holder[1:])
    if kind == PERSON:
        user = session.get(User, key)
        if user is None or user.disabled_at is not None:
            raise _Doubt(_("The owner of this reply address can no longer log in"))
        return _Held(Writer(actor_of_user(user), Door.EXCHANGE, now), user.mail)
    if kind == MAIL:
        answered = session.get(Mail, key)
        if answered is None:
            raise _Doubt(_("The email that it replies to was deleted"))
        by = Writer(SYSTEM, Door.EXCHANGE, now, author=answered.address)
        return _Held(by, answered.address)
    assert kind == CONNECTION, "the portal gives out no other"
    connection = session.get(Connection, key)
    if connection is None or connection.paused_at is not None or connection.ended_at is not None:
        raise _Doubt(_("The connection for which the address was given is paused or has ended"))
    address = connection.url.removeprefix(MAILTO)
    return _Held(writer_of(connection, now), address, connection)


def _write(
    session: Session, by: Writer, number: int, text: str, reply: Reply, sent_from: str
) -> int:
    """Write one comment, and the files that can be stored; the comment names the others. Return its
    change."""
    stored, left_out = [], [f"{name or 'a file'} (deleted before)" for name in reply.gone]
    for place, file in enumerate(reply.files):
        name = _name(file.name)
        try:
            check_content(file.content)
        except Invalid:
            left_out.append(f"{name or 'a file'} ({len(file.content):,} bytes)")
            continue
        if place < MOST_FILES:
            stored.append((name, file.content))
        else:
            left_out.append(name or "a file")
    if not text and not reply.files and not reply.gone:
        raise Invalid("ticket", _("It contains no new text"))
    body = text or ("By mail: " + ", ".join(name or "a file" for name, _content in stored))
    comment_ticket(session, by, number, comment_of(body, left_out, sent_from))
    session.flush()
    of_ticket = select(func.max(Change.id)).where(of_kind(TICKET), Change.thing_id == number)
    change = session.scalar(of_ticket) or 0
    for name, content in stored:
        add_attachment(session, by, number, name, content)
    return change


def _name(name: str) -> str:
    return storable_text(name, SHORT_TEXT_LIMIT)


def _named(session: Session, reply: Reply) -> int | None:
    """The only ticket in a subject, if it exists."""
    numbers = numbers_in(reply.subject)
    found = session.get(Ticket, numbers[0]) if len(numbers) == 1 and numbers[0] < 2**31 else None
    return found.number if found is not None else None


def forget_incoming(session: Session, before: datetime, count: int) -> int:
    """Delete at most ``count`` mails from before then that need no review; return how many."""
    old = (
        select(IncomingMail.id)
        .where(
            IncomingMail.received_at < before,
            IncomingMail.state.in_((MailState.ADDED, MailState.DISMISSED, MailState.DROPPED)),
        )
        .limit(count)
    )
    gone = delete(IncomingMail).where(IncomingMail.id.in_(old)).returning(IncomingMail.id)
    return len(session.scalars(gone, execution_options={"synchronize_session": False}).all())


def forget_unreviewed(session: Session, before: datetime, count: int, now: datetime) -> int:
    """Delete at most ``count`` unreviewed mails from before then; return how many."""
    old = (
        select(IncomingMail.id)
        .where(IncomingMail.received_at < before, IncomingMail.state == MailState.REVIEW)
        .limit(count)
    )
    gone = delete(IncomingMail).where(IncomingMail.id.in_(old)).returning(IncomingMail.id)
    went = len(session.scalars(gone, execution_options={"synchronize_session": False}).all())
    if went:
        _day(session, now.date(), "").unreviewed += went
    return went


def forget_whole(session: Session, before: datetime, count: int) -> int:
    """Delete the bytes of at most ``count`` mails from before then; their texts stay. Return how
    many."""
    old = (
        select(IncomingMail.id)
        .where(
            IncomingMail.received_at < before,
            IncomingMail.is_whole,
            IncomingMail.state != MailState.RECEIVED,
        )
        .limit(count)
    )
    cut = (
        update(IncomingMail)
        .where(IncomingMail.id.in_(old))
        .values(content=b"", is_whole=False)
        .returning(IncomingMail.id)
    )
    return len(session.scalars(cut, execution_options={"synchronize_session": False}).all())


def forget_days(session: Session, before: date) -> None:
    """Delete the counts of days before then."""
    session.execute(delete(IncomingMailDay).where(IncomingMailDay.day < before))


# --- for people ---------------------------------------------------------------------------------


def list_incoming(
    session: Session, actor: Actor, state: str = "", before: int | None = None
) -> Sequence[IncomingMail]:
    """Mails of a state, or of any, newest first; one more than a page shows."""
    require_operator(actor, _("see incoming emails"))
    query = select(IncomingMail).order_by(IncomingMail.id.desc()).limit(PAGE + 1)
    if state:
        query = query.where(IncomingMail.state == state)
    if before is not None:
        query = query.where(IncomingMail.id < before)
    return session.scalars(query).all()


def count_incoming(session: Session) -> Mapping[str, int]:
    """The number of mails in each state."""
    rows = session.execute(select(IncomingMail.state, func.count()).group_by(IncomingMail.state))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class LostMails:
    """Mails of one day (UTC) that cannot be read in the portal."""

    day: date
    unknown: int
    """Refused, from senders who do not use an address of the portal."""
    known: int
    """Refused, from all others."""
    unreviewed: int
    """Deleted on that day without review."""


def lost_mails(session: Session, since: date) -> Sequence[LostMails]:
    """Mails that were refused or deleted without review since a day, newest day first."""
    rows = session.scalars(select(IncomingMailDay).where(IncomingMailDay.day >= since)).all()
    found = []
    for day in sorted({row.day for row in rows}, reverse=True):
        of_day = [row for row in rows if row.day == day]
        lost = LostMails(
            day,
            unknown=sum(row.refused for row in of_day if not row.room),
            known=sum(row.refused for row in of_day if row.room),
            unreviewed=sum(row.unreviewed for row in of_day),
        )
        if lost.unknown or lost.known or lost.unreviewed:
            found.append(lost)
    return found


def count_refused(since: date) -> ScalarSelect[int]:
    """The number of mails refused since a day, for a statement that counts more."""
    return (
        select(func.coalesce(func.sum(IncomingMailDay.refused), 0))
        .where(IncomingMailDay.day >= since)
        .scalar_subquery()
    )


def count_of_sender(session: Session, sender: str) -> int:
    """How many mails that need review name this sender."""
    return (
        session.scalar(
            select(func.count()).where(
                IncomingMail.state == MailState.REVIEW, IncomingMail.sender == sender
            )
        )
        or 0
    )


def files_of(mail: IncomingMail) -> Sequence[tuple[str, int]] | None:
    """Name and size of each file of a mail; None = not recorded."""
    return None if mail.files is None else [(name, size) for name, size in json.loads(mail.files)]


def what_is_left(mail: IncomingMail) -> Reply:
    """The stored content of a mail whose bytes were deleted."""
    gone = [name for name, _size in files_of(mail) or ()]
    return Reply(key=mail.key, sender=mail.sender, subject=mail.subject, text=mail.text, gone=gone)


def find_incoming(session: Session, actor: Actor, mail_id: int) -> IncomingMail:
    """Return one mail, for operators. Raises ``Forbidden`` or ``NotFound``."""
    require_operator(actor, _("see incoming emails"))
    mail = session.get(IncomingMail, mail_id)
    if mail is None:
        raise NotFound
    return mail


def add_as_comment(
    session: Session, by: Writer, mail_id: int, number: int, reply: Reply, ours: Sequence[str]
) -> IncomingMail:
    """Add a mail that needs review, or was dropped or dismissed before, to a ticket, as a comment
    of the person who decides; ``reply``: the mail, read again."""
    mail = _to_decide(session, by, mail_id, *ADDABLE)
    if mail.added_at is not None:
        raise MoveNotAllowed(_("It is already a comment; dismiss it"))
    text = reply.text if reply.problem else new_text(reply.text, ours)
    if session.get(Ticket, number) is None:
        raise Invalid("ticket", _("There is no ticket %(number)s", number=number))
    _write(session, by, number, text or reply.text, reply, mail.sender or "an unknown address")
    mail.ticket_number, mail.added_at = number, by.now
    _decide(session, by, mail, MailState.ADDED, f"Added by {by.shown_author}")
    return mail


def dismiss_mail(session: Session, by: Writer, mail_id: int, reason: str) -> IncomingMail:
    """Dismiss a mail that needs no action. Raises ``Invalid`` without a reason."""
    mail = _to_decide(session, by, mail_id, MailState.REVIEW)
    _decide(session, by, mail, MailState.DISMISSED, _dismissal(by, reason))
    return mail


def dismiss_mails(session: Session, by: Writer, mail_ids: Sequence[int], reason: str) -> int:
    """Dismiss those of the mails that need review; return how many. Raises ``Invalid`` without a
    reason."""
    return _dismiss_all(session, by, IncomingMail.id.in_(mail_ids), reason)


def dismiss_of_sender(session: Session, by: Writer, sender: str, reason: str) -> int:
    """Dismiss at most ``MOST_DISMISSED`` mails that need review and name this sender."""
    return _dismiss_all(session, by, IncomingMail.sender == sender, reason)


def _dismiss_all(session: Session, by: Writer, which: ColumnElement[bool], reason: str) -> int:
    require_operator(by.actor, _("decide about incoming emails"))
    text = _dismissal(by, reason)
    mails = session.scalars(
        select(IncomingMail)
        .where(which, IncomingMail.state == MailState.REVIEW)
        .order_by(IncomingMail.id)
        .limit(MOST_DISMISSED)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for mail in mails:
        _decide(session, by, mail, MailState.DISMISSED, text)
    return len(mails)


def _dismissal(by: Writer, reason: str) -> str:
    return f"{by.shown_author}: {checked_reason(reason, _('Reason is required'))}"


def _to_decide(session: Session, by: Writer, mail_id: int, *states: MailState) -> IncomingMail:
    """A mail in one of the states, its row locked; raises ``MoveNotAllowed`` otherwise."""
    require_operator(by.actor, _("decide about incoming emails"))
    mail = session.scalars(
        select(IncomingMail)
        .where(IncomingMail.id == mail_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if mail is None:
        raise NotFound
    if mail.state not in states:
        raise MoveNotAllowed(_("This email needs no review; it is %(state)s", state=mail.state))
    return mail


def _decide(
    session: Session, by: Writer, mail: IncomingMail, state: MailState, reason: str
) -> None:
    field = FieldChange("state", mail.state, f"{state}: {reason}"[:500])
    mail.state, mail.reason = state, reason[:500]
    record_change(session, by, kind=INCOMING, thing_id=mail.id, fields=[field])
