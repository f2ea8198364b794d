"""What mails contain of a person who is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.accounts.rules.former import Former
from app.core.rules.access import Writer
from app.core.rules.mails.mail_addresses import address_key
from app.mail.models.mails import Mail, MailMessage, MailNotification, MailStop
from app.mail.rules.notifications import Notification

_ONLY_ROWS: Final[Any] = {"execution_options": {"synchronize_session": False}}


def forget_mails(session: Session, _by: Writer, former: Former) -> Mapping[str, int]:
    """Delete the person's mails; in those of others, name them as former. A message that nobody has
    any longer loses its text, as when mails are old: its key says that it was sent."""
    keys = [address_key(one) for one in former.addresses]

    def is_theirs(mail: type[Mail]) -> ColumnElement[bool]:
        return or_(mail.user_id == former.user_id, mail.address_key.in_(keys))

    count = session.scalar(select(func.count()).select_from(Mail).where(is_theirs(Mail))) or 0
    digest = aliased(Mail)
    session.execute(
        update(Mail)
        .where(Mail.digest_id.in_(select(digest.id).where(is_theirs(digest))))
        .values(digest_id=None),
        **_ONLY_ROWS,
    )
    session.execute(delete(Mail).where(is_theirs(Mail)), **_ONLY_ROWS)
    session.execute(
        update(MailMessage)
        .where(MailMessage.text != "", ~exists().where(Mail.message_id == MailMessage.id))
        .values(subject="", text="", calendar=""),
        **_ONLY_ROWS,
    )
    stops = delete(MailStop).where(MailStop.address_key.in_(keys))
    session.execute(stops, **_ONLY_ROWS)
    changed = 0
    stored = session.scalars(
        select(MailNotification).where(MailNotification.content.contains(former.name))
    )
    for one in stored.all():
        said = Notification.from_text(one.content)
        facts = tuple((label, former.items(value)) for label, value in said.facts)
        neutral = replace(said, author=former.item(said.author), facts=facts)
        if neutral != said:
            one.content = neutral.as_text()
            changed += 1
    return {"mails to the person": count, "notifications to others": changed}
