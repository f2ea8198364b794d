"""Which mails somebody gets: a person's choice, an address's stop, and watched tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import PERSON, actor_of_user, locked_user, require_self_or_admin
from app.core.database.upsert import upsert
from app.core.rules.access import Actor, ActorKind, Door, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.mail.models.mails import Mail, MailMessage, MailStop
from app.mail.rules.notifications import is_stop_token
from app.mail.services.mails import DROPPED, FAILED, IN_DIGEST, WAITING
from app.mail.services.messages import SECURITY
from app.mail.services.recipients import DIGEST, EACH, NEVER

CHOICES: Final = {
    EACH: _("One email per change"),
    DIGEST: _("Daily digest"),
    NEVER: _("Off"),
}
"""The choices of a person, in words."""
MAIL_STOP = "mail stop"
"""The kind of an address that wants no mails, in the change log."""
_MAX_TOKEN_LENGTH = 60


def set_mail_choice(session: Session, by: Writer, user: User, choice: str) -> bool:
    """Set which mails a person gets; return False if unchanged. Allowed for oneself and for
    admins."""
    require_self_or_admin(by, user, _("choose others' notifications"))
    if choice not in CHOICES:
        raise Invalid(
            "choice", _("Notifications: choose one of: %(listed)s", listed=", ".join(CHOICES))
        )
    user = locked_user(session, user.name)
    if choice == user.mail_choice:
        return False
    fields = [FieldChange("mails", user.mail_choice, choice)]
    user.mail_choice = choice
    if choice == NEVER:
        _drop_what_waits(session, Mail.user_id == user.id)
    record_change(session, by, kind=PERSON, thing_id=user.id, fields=fields)
    return True


@dataclass(frozen=True)
class Stop:
    """What an unsubscribe link stops: the mails of a person, or of an address without an
    account."""

    address: str
    user: User | None
    stopped: bool


def find_stop(session: Session, key: bytes, token: str) -> Stop:
    """Return what this link stops; raises ``NotFound`` for a link that the portal did not write."""
    mail = _mail_of(session, key, token)
    user = session.get(User, mail.user_id) if mail.user_id is not None else None
    if user is not None:
        return Stop(mail.address, user, user.mail_choice == NEVER)
    row = session.scalar(select(MailStop.id).where(MailStop.address_key == mail.address_key))
    return Stop(mail.address, None, row is not None)


def stop_mails(session: Session, key: bytes, token: str, now: datetime, remote: str) -> Stop:
    """Stop all mails to the recipient of this one; repeating it has no effect."""
    return _switch(session, key, token, now, remote, on=False)


def allow_mails(session: Session, key: bytes, token: str, now: datetime, remote: str) -> Stop:
    """Resume mails: a person gets every mail again."""
    return _switch(session, key, token, now, remote, on=True)


def _switch(
    session: Session, key: bytes, token: str, now: datetime, remote: str, *, on: bool
) -> Stop:
    found = find_stop(session, key, token)
    if found.user is not None:
        actor = actor_of_user(found.user)
        by = Writer(actor=actor, door=Door.PORTAL, now=now, remote=remote)
        wanted = EACH if on else NEVER
        if found.stopped == on:
            set_mail_choice(session, by, found.user, wanted)
        return Stop(found.address, found.user, not on)
    mail = _mail_of(session, key, token)
    by = Writer(
        actor=Actor(kind=ActorKind.SYSTEM, account="portal"),
        door=Door.PORTAL,
        now=now,
        author=mail.address,
        remote=remote,
    )
    if on:
        deleted = delete(MailStop).where(MailStop.address_key == mail.address_key)
        changed = session.scalar(deleted.returning(MailStop.id))
    else:
        new = upsert(MailStop)
        row = new.values(address_key=mail.address_key, since=now).on_conflict_do_nothing()
        changed = session.scalar(row.returning(MailStop.id))
        _drop_what_waits(session, Mail.address_key == mail.address_key, Mail.user_id.is_(None))
    if changed is not None:
        was, now_is = (mail.address, None) if on else (None, mail.address)
        fields = [FieldChange("address", was, now_is)]
        record_change(session, by, kind=MAIL_STOP, thing_id=changed, fields=fields)
    return Stop(mail.address, None, not on)


def _drop_what_waits(session: Session, *whose: ColumnElement[bool]) -> None:
    """Drop waiting mails to people and addresses that stopped them, also those that a worker has
    claimed and not sent yet, except mails about security, to which their choice does not apply."""
    on_security = (
        select(MailMessage.id)
        .where(MailMessage.id == Mail.message_id, MailMessage.key.startswith(SECURITY))
        .exists()
    )
    session.execute(
        update(Mail)
        .where(Mail.state.in_((WAITING, FAILED, IN_DIGEST)), ~on_security, *whose)
        .values(state=DROPPED, due_at=None, claimed_until=None)
    )


def _mail_of(session: Session, key: bytes, token: str) -> Mail:
    number = token.partition("-")[0]
    if len(token) > _MAX_TOKEN_LENGTH or not (number.isascii() and number.isdigit()):
        raise NotFound
    mail = session.get(Mail, int(number)) if len(number) < 10 else None
    if mail is None or not is_stop_token(key, token, mail.id, mail.address_key):
        raise NotFound
    return mail
