"""Decides about mails that a command stored without knowing the secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.settings import Settings
from app.exchange.adapters.apart import read_mail_apart
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import MailState
from app.exchange.services.incoming_mails import Ours, admit, decide
from app.jobs.tasks.context import Context
from app.mail.rules.notifications import Sender


def take_mail(context: Context, arguments: Mapping[str, Any]) -> None:
    """Decide about one mail (a job)."""
    settings = context.settings.for_serving()
    key = int(arguments["mail"])
    with context.reading() as session:
        waiting = session.get_one(IncomingMail, key)
        content, recipient = waiting.content, waiting.recipient
    reply = read_mail_apart(content, own_domain(settings), recipient)
    with context.transaction() as session:
        mail = session.get_one(IncomingMail, key)
        ours, now = ours_of(settings), context.now()
        if mail.state != MailState.RECEIVED:
            return
        if admit(session, reply, mail.size, ours, settings.mail.receiving, now):
            decide(session, mail, reply, ours, now)
        else:
            session.delete(mail)


def own_domain(settings: Settings) -> str:
    """The domain in the portal's Message-IDs."""
    return Sender("", "", settings.public_url, b"").domain


def addresses_of(settings: Settings) -> tuple[str, ...]:
    """What identifies the line above a quote of the portal's mail."""
    mail = settings.mail
    mailbox = mail.reply_to.rpartition("@")[0]
    found = (mail.from_address, f"{mailbox}+t" if mailbox else "", mail.reply_to)
    return tuple(one.casefold() for one in found if one)


def ours_of(settings: Settings) -> Ours:
    """What identifies the portal's own mails. The settings contain a secret."""
    assert settings.key is not None
    return Ours(settings.key, addresses_of(settings))
