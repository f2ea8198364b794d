"""The texts of notifications, plain and HTML, from ``templates/mail``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.folders import PROJECT
from app.core.rules.language import Message, mail_catalogue, mailed, said_word
from app.mail.models.mails import Mail, MailMessage, MailNotification
from app.mail.rules.notifications import Notification, Sender

_FOLDER = PROJECT / "templates" / "mail"


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_finalized,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
        lambda text: mail_catalogue().gettext(text),
        lambda one, many, number: mail_catalogue().ngettext(one, many, number),
        newstyle=True,
    )
    templates.globals["language"] = lambda: mail_catalogue().info().get("language", "en")
    templates.filters["word"] = lambda text: mailed(said_word(text)) if text else ""
    return templates


def _finalized(value: object) -> object:
    """Render our texts in the language of mails, whatever language the current page uses."""
    return mailed(value) if isinstance(value, Message) else value


def ticket_texts(
    sender: Sender, notification: Notification, why: str, stop_url: str
) -> tuple[str, str]:
    """The plain and the HTML text of a mail about one change."""
    url = sender.ticket_url(notification.number)
    return _plain_and_html(
        "notification", notification=notification, url=url, why=why, stop_url=stop_url
    )


def digest_texts(
    sender: Sender, notifications: Sequence[Notification], why: str, stop_url: str
) -> tuple[str, str]:
    """The plain and the HTML text of a digest: ticket by ticket, each in its own order."""
    ordered = sorted(notifications, key=lambda notification: notification.number)
    tickets = [
        (sender.ticket_url(number), list(news))
        for number, news in groupby(ordered, key=lambda notification: notification.number)
    ]
    return _plain_and_html("digest", tickets=tickets, why=why, stop_url=stop_url)


def message_texts(
    sender: Sender, message: MailMessage, why: str, stop_url: str, *, hidden: bool = False
) -> tuple[str, str]:
    """The plain and the HTML text of a message; ``hidden`` omits its content."""
    url = f"{sender.public_url}{message.url}"
    text = "(Only the recipient can read this text.)" if hidden else message.text
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    return _plain_and_html(
        "message",
        subject=message.subject,
        text=text,
        paragraphs=paragraphs,
        url=url,
        why=why,
        stop_url=stop_url,
    )


def notifications_of_digest(session: Session, mail_id: int) -> list[Notification]:
    """The content of a digest, oldest first."""
    contents = session.scalars(
        select(MailNotification.content)
        .join(Mail, Mail.change_id == MailNotification.change_id)
        .where(Mail.digest_id == mail_id)
        .order_by(MailNotification.change_id)
    )
    return [Notification.from_text(content) for content in contents]


def _plain_and_html(name: str, **context: Any) -> tuple[str, str]:
    templates = _templates()
    return (
        templates.get_template(f"{name}.txt").render(**context),
        templates.get_template(f"{name}.html").render(**context),
    )
