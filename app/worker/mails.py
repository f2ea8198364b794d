"""Mails, as the worker sends them: planned from the change log, claimed, handed over, marked.

Each step is a short transaction of its own; none is open while a mail server is talked to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random

from sqlalchemy.orm import Session

from app.config import PROJECT, Settings
from app.database import begin_read, writing
from app.domain.letters import Sender, message_key, put_together
from app.domain.ports import Mailer, MailLater, MailRefused
from app.partners.mail import FolderMailer, SmtpMailer, SmtpServer
from app.services.mail_queue import (
    claim_mails,
    give_back,
    make_digests,
    mark_failed,
    mark_later,
    mark_sent,
    post_of,
    wait_after,
)
from app.services.mails import draft_mails, put_mails

LEASE_STEPS = 15
"""So many times as long as one step with the server may take, a mail is nobody else's."""
MAIL_STEPS = 12
"""Most steps that one mail takes, from the connection to the server's answer."""
log = logging.getLogger(__name__)


@dataclass
class Counts:
    """What became of the mails that were tried."""

    sent: int = 0
    later: int = 0
    failed: int = 0


class PostOffice:
    """Plans and sends mails; one for each thread that does.

    ``open_session`` opens a session on the portal's database, ``clock`` tells the time (UTC).
    """

    def __init__(
        self,
        open_session: Callable[[], Session],
        clock: Callable[[], datetime],
        mailer: Mailer,
        sender: Sender,
        *,
        step: timedelta,
        retry: timedelta,
        chance: Callable[[], float] = random,  # spreads attempts, guards nothing
    ) -> None:
        self._open, self._clock = open_session, clock
        self._mailer, self._sender = mailer, sender
        self._step, self._retry, self._chance = step, retry, chance
        self._in_vain = 0
        self._closed_until: datetime | None = None

    def plan(self) -> int:
        """Plan the mails of all changes that are there; how many mails that made."""
        made = 0
        with self._open() as session:
            while True:
                begin_read(session)
                plan = draft_mails(session, self._clock(), self._sender.public_url)
                session.rollback()
                if plan is None:
                    return made
                with writing(session):
                    if put_mails(session, plan):
                        made += len(plan.mails)
                if plan.too_old:
                    log.warning("old changes told nobody", extra={"changes": plan.too_old})

    def send(self, stopping: Callable[[], bool] = lambda: False) -> Counts:
        """Send what is due until nothing is, the server takes none, or it is ``stopping``."""
        counts = Counts()
        if self._closed_until is not None and self._clock() < self._closed_until:
            return counts
        self._closed_until = None
        try:
            with self._open() as session:
                while not stopping() and self._closed_until is None:
                    if not self._send_some(session, counts, stopping):
                        break
        finally:
            self._mailer.close()
        if counts != Counts():
            log.info("mails", extra=vars(counts))
        return counts

    def _send_some(self, session: Session, counts: Counts, stopping: Callable[[], bool]) -> bool:
        """Claim some mails and try them; whether there were any."""
        now = self._clock()
        until = now + LEASE_STEPS * self._step
        with writing(session):
            left = claim_mails(session, now, until)
        if not left:
            return False
        for number, attempts in list(left.items()):
            late = self._clock() > until - MAIL_STEPS * self._step
            if late or stopping() or self._closed_until is not None:
                break
            del left[number]
            self._send_one(session, number, attempts, counts)
        if left:
            with writing(session):
                give_back(session, left, self._closed_until or self._clock())
        return True

    def _send_one(self, session: Session, number: int, attempts: int, counts: Counts) -> None:
        begin_read(session)
        post = post_of(session, self._sender, number)
        session.rollback()
        sender = self._sender.address
        try:
            message = put_together(self._sender, post)
            self._mailer.send(message, sender, post.address, message_key(post))
        except MailLater as error:
            wait = wait_after(attempts + 1, self._retry, self._chance())
            if error.for_all:
                self._in_vain += 1
                wait = wait_after(self._in_vain, self._retry, self._chance())
                self._closed_until = self._clock() + wait
            with writing(session):
                mark_later(session, number, error.reason, self._clock() + wait)
            counts.later += 1
        except MailRefused as error:
            with writing(session):
                mark_failed(session, number, error.reason)
            counts.failed += 1
        except ValueError as error:  # a mail that cannot be written must not hold up the others
            log.exception("mail not written", extra={"mail": number})
            with writing(session):
                mark_failed(session, number, f"The mail could not be written: {error}")
            counts.failed += 1
        else:
            self._in_vain = 0
            with writing(session):
                mark_sent(session, number, self._clock())
            counts.sent += 1

    def digest(self) -> int:
        """Put what waits for a digest into one mail for each address; how many were made."""
        with self._open() as session, writing(session):
            return make_digests(session, self._clock())


def post_office(
    settings: Settings, open_session: Callable[[], Session], clock: Callable[[], datetime]
) -> PostOffice:
    """The post office of these settings, which must hold a secret."""
    assert settings.secret_key is not None, "mails are signed"
    mail = settings.mail
    return PostOffice(
        open_session,
        clock,
        mailer_of(settings),
        mail.sender(settings.public_url, settings.secret_key.encode()),
        step=timedelta(seconds=mail.timeout),
        retry=timedelta(seconds=mail.retry),
    )


def mailer_of(settings: Settings) -> Mailer:
    """Where mails are given to."""
    mail = settings.mail
    if not mail.host:
        return FolderMailer(PROJECT / mail.folder)
    return SmtpMailer(
        SmtpServer(mail.host, mail.port, mail.tls, mail.user, mail.password, mail.timeout)
    )
