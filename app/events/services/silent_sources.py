"""Notifies operators of sources that went silent, and of those that are heard again: once each.

Which sources are silent follows from when they were last heard; the row of an ongoing silence means
that operators were notified.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Role
from app.core.rules.durations import length_in_words
from app.core.rules.language import _
from app.events.models.events import EventSource, SourceSilence
from app.events.services.hearing import hearing_of
from app.mail.services.messages import MessageRecipient, queue_message

PAGE = "/events/sources"


def has_news_of_silence(session: Session, now: datetime) -> bool:
    """Whether ``notify_of_silence`` has something to do."""
    ongoing, ended = _noted(session)
    known = {one.source_id for one in ongoing}
    return bool(ended) or known != {one.id for one in _silent(session, now)}


def notify_of_silence(session: Session, now: datetime) -> Sequence[str]:
    """Queue the mails to operators about sources that went silent or are heard again; return what
    was written, in words. Sources with only files or people are not missed."""
    silent = {one.id: one for one in _silent(session, now, lock=True)}
    ongoing, ended = _noted(session)
    written = []
    for silence in ongoing:
        if silence.source_id not in silent:  # the interval was extended meanwhile
            session.delete(silence)
    known = {one.source_id for one in ongoing}
    for key, source in silent.items():
        if key in known or source.last_heard_at is None:
            continue
        one = SourceSilence(source_id=key, start=source.last_heard_at, to_mail=True)
        session.add(one)
        _mail_silent(session, one, source, now)
        written.append(_("%(name)s is silent", name=source.name))
    for one in ended:
        source = session.get_one(EventSource, one.source_id)
        one.to_mail = False
        _mail_heard(session, one, source, now)
        written.append(_("%(name)s is heard again", name=source.name))
    session.flush()
    return written


def _silent(session: Session, now: datetime, *, lock: bool = False) -> Sequence[EventSource]:
    query = (
        select(EventSource)
        .where(EventSource.calls, EventSource.last_heard_at.is_not(None))
        .order_by(EventSource.name)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return [one for one in session.scalars(query) if hearing_of(one).is_silent(now)]


def _noted(session: Session) -> tuple[Sequence[SourceSilence], Sequence[SourceSilence]]:
    """The silences of which operators were notified: the ongoing ones, and those that ended."""
    rows = session.scalars(
        select(SourceSilence)
        .where(or_(SourceSilence.end.is_(None), SourceSilence.to_mail))
        .order_by(SourceSilence.id)
        .execution_options(populate_existing=True)
    ).all()
    return [one for one in rows if one.end is None], [one for one in rows if one.end is not None]


def _mail_silent(
    session: Session, silence: SourceSilence, source: EventSource, now: datetime
) -> None:
    text = _(
        "The event source %(name)s was last heard at %(at)s UTC, %(length)s ago. It is expected"
        " every %(every)s.\n\nLinks that no other source watches are unmonitored until it is heard"
        " again. Check the monitoring system. If it works and has nothing to report, let it send an"
        " empty list, or run `flask events heard` from a scheduled job.",
        name=source.name,
        at=format(silence.start, "%Y-%m-%d %H:%M"),
        length=length_in_words(max(timedelta(0), now - silence.start)),
        every=length_in_words(hearing_of(source).expected),
    )
    _queue(session, f"silence {source.id}", _("%(name)s is silent", name=source.name), text, now)


def _mail_heard(
    session: Session, silence: SourceSilence, source: EventSource, now: datetime
) -> None:
    assert silence.end is not None
    text = _(
        "The event source %(name)s is heard again since %(at)s UTC. It was silent for %(length)s;"
        " what happened in that time is not known unless the source reports it now.",
        name=source.name,
        at=format(silence.end, "%Y-%m-%d %H:%M"),
        length=length_in_words(silence.end - silence.start),
    )
    subject = _("%(name)s is heard again", name=source.name)
    _queue(session, f"silence {source.id} ended", subject, text, now)


def _queue(session: Session, about: str, subject: str, text: str, now: datetime) -> None:
    """Queue a mail; the key contains the time, because ids of deleted silences are reused."""
    people = session.execute(
        select(User.id, User.mail)
        .where(User.role.in_((Role.OPERATOR, Role.ADMIN)), User.disabled_at.is_(None))
        .order_by(User.id)
    )
    why = _("because you are an operator or administrator")
    queue_message(
        session,
        key=f"{about} {now.isoformat()}",
        recipients=[MessageRecipient(row.mail, row.id, why) for row in people if row.mail],
        subject=subject,
        text=text,
        url=PAGE,
        now=now,
    )
