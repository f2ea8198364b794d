"""The worker's part of mails: planned from the change log, claimed, sent.

Each step is a short transaction of its own; none is open while a mail server is contacted.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.core.database.transactions import begin_read, transaction
from app.core.folders import BASE
from app.core.rules.errors import SettingError
from app.core.rules.ports import Mailer, MailLater, MailRefused
from app.core.settings import Settings
from app.jobs.rules.followers import MAILS
from app.jobs.rules.jobs import reason_of
from app.jobs.services.claims import next_look, release
from app.jobs.tasks.context import Context
from app.jobs.tasks.followers import follows
from app.mail.adapters.smtp import FolderMailer, SmtpMailer, SmtpServer
from app.mail.models.mails import Mail
from app.mail.rules.notifications import Post, Sender, message_key, put_together
from app.mail.services.mails import draft_mails, put_mails
from app.mail.services.queue import (
    claim_mails,
    make_digests,
    mark_failed,
    mark_later,
    mark_sent,
    post_of,
    wait_after,
)

LEASE_STEPS = 15
"""A claim lasts so many times the timeout of one step with the server."""
MAIL_STEPS = 12
"""Most steps of one mail, from the connection to the server's answer."""
_log = logging.getLogger(__name__)


@follows(MAILS)
def plan_mails(context: Context) -> bool:
    """Plan the mails of the next changes; returns whether there were any."""
    url, address = context.settings.public_url, context.settings.mail.from_address
    with context.reading() as session:
        begin_read(session)
        plan = draft_mails(session, context.now(), url, address)
        session.rollback()
        if plan is None:
            return False
        with transaction(session):
            put_mails(session, plan)
    if plan.too_old:
        _log.warning("old changes not notified", extra={"changes": plan.too_old})
    return True


def send_digests(context: Context) -> str:
    """Combine what waits for a digest into one mail for each address (timed work)."""
    with context.transaction() as session:
        made = make_digests(session, context.now())
    return f"{made} digest{'' if made == 1 else 's'} created" if made else "No digests due"


@dataclass
class Counts:
    """The results of the mails that were tried."""

    sent: int = 0
    later: int = 0
    failed: int = 0


class PostOffice:
    """Sends due mails: a part of the worker.

    Without a secret nothing is sent: mails contain signed links.
    """

    def __init__(
        self,
        context: Context,
        make_mailer: Callable[[Settings], Mailer] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._context = context
        self._make_mailer, self._chance = make_mailer or mailer_of, chance
        self._settings: Settings | None = None
        self._is_logged = False
        self._in_vain = 0
        self._taken: dict[int, tuple[datetime, str]] = {}
        """When the server accepted mails that are not recorded yet."""
        self._closed_until: datetime | None = None
        self.again_at: datetime | None = None

    def step(self) -> bool:
        """Send due mails until none is left or the server accepts none; return whether any was
        sent."""
        now = self._context.now()
        self.again_at = self._closed_until
        if self._closed_until is not None and now < self._closed_until:
            return False
        self._closed_until = None
        with self._context.reading() as session:
            self._note_taken(session)
            begin_read(session)
            self.again_at = next_look(session, Mail)
            if self.again_at is None or now < self.again_at:
                return False
            if (settings := self._with_secret()) is None:
                return False
            session.rollback()
            return self._send(session, settings).sent > 0

    def _send(self, session: Session, settings: Settings) -> Counts:
        counts, mailer = Counts(), self._make_mailer(settings)
        try:
            while not self._context.is_ending() and self._closed_until is None:
                if not self._send_some(session, settings, mailer, counts):
                    break
        finally:
            mailer.close()
        _log.info("mails were sent", extra=vars(counts))
        return counts

    def _send_some(
        self, session: Session, settings: Settings, mailer: Mailer, counts: Counts
    ) -> bool:
        """Claim some mails and try them; return whether there were any."""
        step, now = timedelta(seconds=settings.mail.timeout), self._context.now()
        until = now + LEASE_STEPS * step
        with transaction(session):
            left = claim_mails(session, now, until)
        if not left:
            return False
        for number, attempts in list(left.items()):
            late = self._context.now() > until - MAIL_STEPS * step
            if late or self._context.is_ending() or self._closed_until is not None:
                break
            del left[number]
            self._send_one(session, settings, mailer, number, attempts, until, counts)
        if left:
            with transaction(session):
                release(session, Mail, left, until)
        return True

    def _send_one(
        self,
        session: Session,
        settings: Settings,
        mailer: Mailer,
        number: int,
        attempts: int,
        until: datetime,
        counts: Counts,
    ) -> None:
        assert settings.key is not None, "mails are signed"
        mail, key = settings.mail, settings.key
        sender = Sender(mail.from_name, mail.from_address, settings.public_url, key, mail.reply_to)
        retry = timedelta(seconds=mail.retry)
        written = self._written(session, sender, number, until, counts)
        if written is None:
            return
        post, message = written
        try:
            mailer.send(message, sender.address, post.address, message_key(post))
        except MailLater as error:
            wait = wait_after(attempts + 1, retry, self._chance())
            if error.for_all:
                self._in_vain += 1
                wait = wait_after(self._in_vain, retry, self._chance())
                self._closed_until = self._context.now() + wait
            with transaction(session):
                mark_later(session, number, until, error.reason, self._context.now() + wait)
            counts.later += 1
        except MailRefused as error:
            self._in_vain = 0
            with transaction(session):
                mark_failed(session, number, until, error.reason)
            counts.failed += 1
        else:
            self._in_vain = 0
            self._taken[number] = (self._context.now(), mailer.name)
            self._note_taken(session)
            counts.sent += 1

    def _note_taken(self, session: Session) -> None:
        """Record the accepted mails: at the next step, if the database is unavailable now."""
        if not self._taken:
            return
        with transaction(session):
            for number, (at, taker) in self._taken.items():
                mark_sent(session, number, at, taker)
        self._taken.clear()

    @staticmethod
    def _written(
        session: Session, sender: Sender, number: int, until: datetime, counts: Counts
    ) -> tuple[Post, bytes] | None:
        """Return the mail and its bytes; None = it was dropped or claimed again meanwhile. A mail
        that cannot be composed has failed: it never blocks others, whatever it contains."""
        begin_read(session)
        try:
            if session.get_one(Mail, number).claimed_until != until:
                session.rollback()
                return None
            post = post_of(session, sender, number)
            message = put_together(sender, post)
        except SQLAlchemyError:
            raise
        except Exception as error:  # noqa: BLE001  # it is shown to operators, whatever it is
            _log.exception("a mail could not be written", extra={"mail": number})
            session.rollback()
            with transaction(session):
                reason = f"The mail could not be written: {reason_of(error)}"
                mark_failed(session, number, until, reason)
            counts.failed += 1
            return None
        session.rollback()
        return post, message

    def _with_secret(self) -> Settings | None:
        if self._settings is None:
            try:
                self._settings = self._context.settings.for_serving()
            except SettingError as error:
                if not self._is_logged:
                    _log.warning("no mail is sent", extra={"why": str(error)})
                self._is_logged = True
        return self._settings


def mailer_of(settings: Settings) -> Mailer:
    """Where mails are delivered."""
    mail = settings.mail
    if not mail.host:
        return FolderMailer(BASE / mail.folder)
    return SmtpMailer(
        SmtpServer(mail.host, mail.port, mail.tls, mail.user, mail.password, mail.timeout)
    )
