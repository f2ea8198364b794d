"""The demo's teleconferences: the series cancelled as on the slide of 2013, one that was held, and
one that is requested. All are samples, and say so; nobody is mailed of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Writer
from app.demo.stories import OPERATOR, REPORTER
from app.mail.models.mails import Mail, MailMessage
from app.meetings.rules.teleconferences import Invitation
from app.meetings.services.agenda import agenda_of
from app.meetings.services.mails import Secretary
from app.meetings.services.series import cancel_series
from app.meetings.services.teleconferences import (
    Asked,
    Setting,
    add_point,
    ask,
    mark_held,
    set_time,
)
from app.tickets.models.tickets import Ticket

_CANCELLED_AT: Final = datetime(2013, 6, 3, 9, 0, tzinfo=UTC)
_HELD_AT: Final = datetime(2013, 2, 5, 14, 0, tzinfo=UTC)
_TALKED_ABOUT: Final = 2
"""Tickets of the TC that was held."""
_MINUTES: Final = """\
Sample minutes of a fictitious meeting.

Both tickets: the sites have answered; the second one stays open until the backup path was tested.
LS1: each T1 reports by the end of March which of its links change.
Next meeting: on request."""


def seed_teleconferences(session: Session, actors: Mapping[str, Actor], now: datetime) -> None:
    """Lay them, each at its own moment."""
    before = set(session.scalars(select(MailMessage.id)))

    def by(who: str, at: datetime) -> Writer:
        return Writer(actor=actors[who], door=Door.PORTAL, now=at)

    if now > _CANCELLED_AT:
        _seed_held(session, by(REPORTER, _HELD_AT - timedelta(days=8)), by(OPERATOR, _HELD_AT))
        reason = "Sample text based on the 2013 slides: who decided, when and why is fictitious."
        cancel_series(session, by(OPERATOR, _CANCELLED_AT), reason)
    asked_at = now - timedelta(days=2)
    first = (now + timedelta(days=7)).replace(hour=13, minute=0, second=0, microsecond=0)
    wanted = Asked(
        reason="Sample: reports of the first quarter of 2013 are missing, and the next quarter's"
        " are due soon. Who writes them, and is the form too long?",
        times=[first, first + timedelta(days=1, hours=1), first + timedelta(days=4, hours=-4)],
        quarter="2013-Q1",
    )
    ask(session, by(REPORTER, asked_at), wanted)
    _forget_mails(session, before)


def _seed_held(session: Session, asker: Writer, chair: Writer) -> None:
    numbers = session.scalars(
        select(Ticket.number)
        .where(Ticket.created_at < asker.now)
        .order_by(Ticket.number.desc())
        .limit(_TALKED_ABOUT)
    ).all()
    if not numbers:
        return
    wanted = Asked(
        reason="Sample: two tickets wait for each other. What changes during LS1?",
        times=[_HELD_AT],
        tickets=numbers,
    )
    row = ask(session, asker, wanted)
    setter = Writer(actor=chair.actor, door=Door.PORTAL, now=asker.now + timedelta(days=1))
    setting = Setting(_HELD_AT, 60, "Sample room 1, and by telephone")
    set_time(session, setter, row.id, setting, _NOBODY, row.version)
    add_point(session, setter, row.id, "LS1: which links change", "/calendar/lhc")
    after = Writer(actor=chair.actor, door=Door.PORTAL, now=_HELD_AT + timedelta(hours=2))
    mark_held(session, after, row.id, _MINUTES, agenda_of(session, row, after.now))


def _no_invitation(_invitation: Invitation) -> str:
    return ""


_NOBODY: Final = Secretary("nobody@portal.example", "", "", _no_invitation)
"""Writes invitations that are forgotten."""


def _forget_mails(session: Session, before: set[int]) -> None:
    """What was queued meanwhile is sent to nobody: these people are made up."""
    session.flush()
    made = set(session.scalars(select(MailMessage.id))) - before
    session.execute(delete(Mail).where(Mail.message_id.in_(made)))
    session.execute(delete(MailMessage).where(MailMessage.id.in_(made)))
