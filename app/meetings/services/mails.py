"""What people are mailed of a teleconference: the request, its answer, invitations and updates.

Each invitation is a mail of its own to one person, with that person as the only attendee: nobody
learns the addresses of the others. They are queued in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.language import _, joined
from app.mail.rules.notifications import shortened
from app.mail.services.messages import MessageRecipient, queue_message
from app.meetings.models.teleconferences import Teleconference, TeleconferencePerson
from app.meetings.rules.teleconferences import Invitation, Method, TcState, WriteInvitation, page_of

_SUBJECT_TOPIC: Final = 100


@dataclass(frozen=True)
class Secretary:
    """Sender of invitations, address of the portal, and how an invitation is written."""

    address: str
    name: str
    public_url: str
    """Without a slash at its end."""
    write: WriteInvitation


def topic_of(row: Teleconference) -> str:
    """What it is about, in a few words."""
    tickets = [f"#{item.ticket_number}" for item in row.tickets]
    return ", ".join([*([row.quarter] if row.quarter else []), *tickets])[:_SUBJECT_TOPIC]


def invitation_of(
    row: Teleconference,
    secretary: Secretary,
    method: Method,
    stamp: datetime,
    to: User | None = None,
) -> Invitation:
    """A TC that has a time, for one person's calendar or for anybody's."""
    assert row.starts_at is not None, "only a scheduled meeting has a calendar entry"
    url = f"{secretary.public_url}{page_of(row.id)}"
    description = [row.reason]
    if row.state == TcState.CANCELLED:
        description.append(_("Cancelled: %(why_not)s", why_not=row.why_not))
    return Invitation(
        method=method,
        uid=row.uid,
        sequence=row.sequence,
        stamp=stamp,
        start=row.starts_at,
        minutes=row.length,
        summary=_("LHCOPN OPS-WG meeting: %(row)s", row=topic_of(row)),
        description="\n\n".join([*description, _("Agenda: %(url)s", url=url)]),
        place=row.place,
        url=url,
        organizer=secretary.address,
        organizer_name=secretary.name,
        attendee="" if to is None else to.mail,
        attendee_name="" if to is None else to.name,
        is_cancelled=row.state == TcState.CANCELLED,
    )


def invite(
    session: Session,
    row: Teleconference,
    people: Iterable[TeleconferencePerson],
    secretary: Secretary,
    now: datetime,
    headline: str,
) -> None:
    """Send these people the TC as it is, under the sequence that it has."""
    for one in people:
        one.is_invited = True
        _send_calendar(session, row, one, secretary, Method.REQUEST, now, headline)


def disinvite(
    session: Session,
    row: Teleconference,
    people: Iterable[TeleconferencePerson],
    secretary: Secretary,
    now: datetime,
    headline: str,
) -> None:
    """Take the TC out of the calendars of these people; those who were never invited get none."""
    for one in people:
        if one.is_invited:
            one.is_invited = False
            _send_calendar(session, row, one, secretary, Method.CANCEL, now, headline)


def _send_calendar(
    session: Session,
    row: Teleconference,
    one: TeleconferencePerson,
    secretary: Secretary,
    method: Method,
    now: datetime,
    headline: str,
) -> None:
    assert row.starts_at is not None, "only a TC that was set is sent to calendars"
    if not one.user.mail:
        return
    url = f"{secretary.public_url}{page_of(row.id)}"
    when = f"{row.starts_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    paragraphs = [
        headline,
        _(
            "%(when)s, %(length)s minutes\nPlace: %(place)s",
            when=when,
            length=row.length,
            place=row.place,
        ),
        shortened(row.reason, url),
    ]
    if row.why_not:
        paragraphs.append(_("Reason: %(why_not)s", why_not=shortened(row.why_not, url)))
    word = _("Cancelled: ") if method is Method.CANCEL else ""
    queue_message(
        session,
        key=f"teleconference {row.id} {row.sequence} {one.user_id}",
        recipients=[_recipient(one.user, one.why)],
        subject=_(
            "%(word)sLHCOPN OPS-WG meeting on %(when)s: %(row)s",
            word=word,
            when=when,
            row=topic_of(row),
        ),
        text=joined("\n\n", paragraphs),
        url=page_of(row.id),
        now=now,
        calendar=secretary.write(invitation_of(row, secretary, method, now, one.user)),
        calendar_method=method,
    )


def mail_request(
    session: Session, row: Teleconference, chair: Iterable[User], now: datetime
) -> None:
    """Notify the chair that a TC is requested."""
    times = "\n".join(f"{one.starts_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for one in row.times)
    queue_message(
        session,
        key=f"teleconference {row.id} asked",
        recipients=[_recipient(user, _("as chair of the operations group")) for user in chair],
        subject=_("LHCOPN OPS-WG meeting requested: %(row)s", row=topic_of(row)),
        text=joined(
            "\n\n",
            [
                _("%(requested_by)s requests a meeting.", requested_by=row.requested_by),
                shortened(row.reason, page_of(row.id)),
                _("Proposed times:\n%(times)s", times=times),
            ],
        ),
        url=page_of(row.id),
        now=now,
    )


def mail_answer(session: Session, row: Teleconference, to: User | None, now: datetime) -> None:
    """Notify the person who requested it that there will be no TC, and why."""
    if to is None:
        return
    queue_message(
        session,
        key=f"teleconference {row.id} {row.state}",
        recipients=[_recipient(to, _("because you requested this meeting"))],
        subject=_("LHCOPN OPS-WG meeting %(state)s: %(row)s", state=row.state, row=topic_of(row)),
        text=joined(
            "\n\n",
            [
                _(
                    "%(decided_by)s has %(state)s the meeting that you requested.",
                    decided_by=row.decided_by,
                    state=row.state,
                ),
                _("Reason: %(why_not)s", why_not=shortened(row.why_not, page_of(row.id))),
            ],
        ),
        url=page_of(row.id),
        now=now,
    )


def _recipient(user: User, why: str) -> MessageRecipient:
    return MessageRecipient(user.mail, user.id, why)
