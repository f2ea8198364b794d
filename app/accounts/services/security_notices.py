"""Mails to a person about the security of its account: each change of what opens it.

They are queued in the transaction of the change. People who turned mails off get these all the
same: a thief of a login would choose that first. Only an address that was stopped itself, without
being anybody's, gets none; nor does somebody who is disabled. Nothing secret is in them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import ActorKind, Door, Writer
from app.core.rules.language import _

_WHY: Final = _(
    "because it concerns the security of your account; such emails cannot be turned off"
)
_WHAT_TO_DO: Final = _(
    "If this was not you, set a new password in your profile immediately, and remove passkeys"
    " there that are not yours. A new password ends all your sessions, revokes your API tokens,"
    " disables your calendar feed and switches off your webhooks. If you can no longer log in,"
    " ask an administrator of the portal for a one-time link, and say why."
)


def notify_person(
    session: Session,
    by: Writer,
    user: User,
    change: int,
    subject: str,
    text: str,
    *,
    also_to: str = "",
) -> None:
    """Queue a mail that names the change, its time, author and network address, and what to do.

    ``change`` is the number of the change in the log. ``also_to`` is an address that was the
    person's until now. Somebody without an address gets none.
    """
    if not user.mail and not also_to:
        return
    lines = [
        _("When: %(now)s UTC", now=format(by.now, "%Y-%m-%d %H:%M")),
        _("By: %(by)s", by=_who(by, user)),
        _("From: %(by)s", by=_where(by)),
    ]
    text = "\n\n".join(
        (
            _("%(text)s (account %(name)s)", text=text, name=user.name),
            "\n".join(lines),
            _WHAT_TO_DO,
        )
    )
    _queue(session, user, str(change), subject, text, by.now, also_to=also_to)


def warn_person(
    session: Session, user: User, key: str, subject: str, text: str, now: datetime
) -> bool:
    """Queue a mail about what will change, once for each ``key``; whether one was queued."""
    return bool(user.mail) and _queue(session, user, key, subject, text, now)


def _queue(
    session: Session,
    user: User,
    key: str,
    subject: str,
    text: str,
    now: datetime,
    *,
    also_to: str = "",
) -> bool:
    """Queue a mail, once for each ``key``; whether one was queued."""
    # loads mails and tickets, which are not needed to list people
    from app.mail.services.messages import SECURITY, MessageRecipient, queue_message

    recipients = [MessageRecipient(user.mail, user.id, _WHY)]
    if also_to:
        recipients.append(MessageRecipient(also_to, None, _WHY))
    sent = queue_message(
        session,
        key=f"{SECURITY}{key}",
        recipients=recipients,
        subject=subject,
        text=text,
        url="/profile",
        now=now,
    )
    return sent is not None


def _who(by: Writer, user: User) -> str:
    if by.actor.kind is ActorKind.PERSON and by.actor.account_id == user.id:
        return _("%(name)s, which is your own account", name=user.name)
    return (
        _("the administrator %(account)s", account=by.actor.account)
        if by.actor.kind is ActorKind.PERSON
        else _("the portal")
    )


def _where(by: Writer) -> str:
    if by.door is Door.COMMAND:
        return _("a command on the portal's own machine")
    return _("the address %(remote)s", remote=by.remote) if by.remote else _("an unknown address")
