"""What is deleted when nobody needs it any more. Never the change log, a ticket or a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.accounts.models.people import Login, PendingLogin, ResetLink
from app.accounts.services.api_requests import forget_old_requests
from app.accounts.services.calls import forget_calls
from app.accounts.services.sign_on_requests import forget_requests
from app.core.models.changes import Refusal
from app.core.services.form_keys import forget_old_keys
from app.events.services.import_runs import forget_old_files
from app.exchange.services.calls import forget_exchange_calls
from app.exchange.services.incoming_mails import (
    forget_days,
    forget_incoming,
    forget_unreviewed,
    forget_whole,
)
from app.jobs.services.queue import forget_failed_before
from app.mail.models.mails import Mail, MailMessage, MailNotification
from app.mail.services.mails import DIGESTED, DROPPED, FAILED, SENT
from app.webhooks.services.deliveries import forget_deliveries

LOGINS_KEPT: Final = timedelta(days=30)
"""After a login's or a link's end."""
FAILED_JOBS_KEPT: Final = timedelta(days=90)
AT_ONCE: Final = 500
"""Rows of a kind deleted in one transaction, so that other writers never wait long."""


@dataclass(frozen=True)
class Retention:
    """How long old rows are stored; each is a setting in days."""

    mails: timedelta
    unreviewed_mails: timedelta
    whole_mails: timedelta
    calls: timedelta
    refusals: timedelta


@dataclass(frozen=True)
class Tidied:
    """How many rows went, by what they are; ``is_all`` says that nothing was left for another
    transaction."""

    rows: Mapping[str, int]
    is_all: bool


def tidy(session: Session, now: datetime, retention: Retention) -> Tidied:
    """Delete some of the rows that are older than their setting: logins and one-time links, refused
    sign-ons, jobs given up, files of events for which nobody came back, mails, records of calls,
    refusals, keys of forms."""
    session.execute(delete(PendingLogin).where(PendingLogin.expires_at < now - LOGINS_KEPT))
    session.execute(delete(ResetLink).where(ResetLink.expires_at < now - LOGINS_KEPT))
    forget_requests(session, now)
    forget_old_files(session, now)
    forget_days(session, (now - retention.mails).date())
    jobs = forget_failed_before(session, now - FAILED_JOBS_KEPT)
    in_parts = {
        "logins": _forget_logins(session, now - LOGINS_KEPT),
        "mails": _forget_mails(session, now - retention.mails),
        "incoming mails": forget_incoming(session, now - retention.mails, AT_ONCE),
        "unreviewed mails": forget_unreviewed(
            session, now - retention.unreviewed_mails, AT_ONCE, now
        ),
        "contents of incoming mails": forget_whole(session, now - retention.whole_mails, AT_ONCE),
        "calls": forget_calls(session, now - retention.calls, AT_ONCE),
        "partner calls": forget_exchange_calls(session, now - retention.calls, AT_ONCE),
        "webhook messages": forget_deliveries(session, now, AT_ONCE),
        "refusals": _forget_refusals(session, now - retention.refusals),
        "form keys": forget_old_keys(session, now, AT_ONCE),
        "API requests": forget_old_requests(session, now, AT_ONCE),
    }
    return Tidied({"jobs": jobs} | in_parts, is_all=max(in_parts.values()) < AT_ONCE)


def _forget_logins(session: Session, before: datetime) -> int:
    ended = func.coalesce(Login.ended_at, Login.expires_at, type_=Login.expires_at.type)
    old = select(Login.id).where(ended < before).limit(AT_ONCE)
    return len(session.scalars(delete(Login).where(Login.id.in_(old)).returning(Login.id)).all())


def _forget_mails(session: Session, before: datetime) -> int:
    """Delete mails that wait for nothing, and texts that no mail needs any more.

    Of a message its key stays, by which it is known that it was sent.
    """
    in_digest = aliased(Mail)
    old = (
        select(Mail.id)
        .where(
            Mail.created_at < before,
            Mail.state.in_((SENT, FAILED, DIGESTED, DROPPED)),
            ~exists().where(in_digest.digest_id == Mail.id),
        )
        .order_by(Mail.id)
        .limit(AT_ONCE)
    )
    deleted = session.scalars(
        delete(Mail).where(Mail.id.in_(old)).returning(Mail.change_id),
        execution_options={"synchronize_session": False},
    ).all()
    session.execute(
        delete(MailNotification).where(
            MailNotification.change_id.in_({key for key in deleted if key is not None}),
            ~exists().where(Mail.change_id == MailNotification.change_id),
        )
    )
    session.execute(
        update(MailMessage)
        .where(
            MailMessage.created_at < before,
            MailMessage.text != "",
            ~exists().where(Mail.message_id == MailMessage.id),
        )
        .values(subject="", text="", calendar="")
    )
    return len(deleted)


def _forget_refusals(session: Session, before: datetime) -> int:
    old = select(Refusal.id).where(Refusal.at < before).limit(AT_ONCE)
    deleted = delete(Refusal).where(Refusal.id.in_(old)).returning(Refusal.id)
    return len(session.scalars(deleted).all())
