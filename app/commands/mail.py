"""``flask mail receive``: answers to the portal's mails, as a mail server hands them over."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

import click
from flask import current_app

from app.commands.arguments import TEXT
from app.commands.base import PortalCommand, PortalGroup
from app.core.database.transactions import transaction
from app.core.rules.language import said_word
from app.core.web.extensions import db
from app.exchange.adapters.apart import read_mail_apart
from app.exchange.adapters.incoming_mail import MAX_BYTES
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import MailState
from app.exchange.services.incoming_mails import (
    admit,
    decide,
    is_known,
    keep_mail,
    leave_to_worker,
    may_wait,
)
from app.exchange.tasks.incoming_mails import ours_of, own_domain

REFUSED: Final = 69
"""The exit code by which mail servers return a mail to its sender, with what was said on standard
error (EX_UNAVAILABLE)."""
TRY_AGAIN: Final = 75
"""The exit code by which mail servers know that they are to try again later (EX_TEMPFAIL of BSD's
sysexits): with any other they send the mail back."""


_WHY: Final = {
    REFUSED: "The portal accepts no further mails from this sender today; send it again"
    " tomorrow, or reply to a mail of the portal",
    TRY_AGAIN: "Too many mails are waiting for the worker",
}


class _Receiving(PortalCommand):
    """What fails (the database is away, say) is tried again by the mail server."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.show()
            ctx.exit(TRY_AGAIN)


@click.group("mail", cls=PortalGroup)
def mail() -> None:
    """Incoming mails."""


@mail.command("receive", cls=_Receiving)
@click.option(
    "--recipient", type=TEXT, default="", help="The address to which the mail server delivers it."
)
def receive(recipient: str) -> None:
    """Read one mail from standard input, as a mail server delivers it.

    A reply to a mail of the portal becomes a comment. Unreadable mails and mails with a doubtful
    sender are stored for review (/mails/incoming); automatic replies are dropped. Exit code: 0 if
    the mail is handled, 69 if the limit for mails of unknown senders is reached today and the mail
    server should return the mail, 75 if it should try again.
    """
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    while sys.stdin.buffer.read(1024 * 1024):
        pass  # who hands it over is not cut off
    settings, now = current_app.config["PORTAL"], datetime.now(UTC)
    reply = read_mail_apart(content, own_domain(settings), recipient)
    session, limits = db.session(), settings.mail.receiving
    with transaction(session):
        said, code = "known already: nothing was done", 0
        if not is_known(session, reply):
            if settings.secret_key is None:
                code = 0 if may_wait(session, len(content), limits) else TRY_AGAIN
            elif not admit(session, reply, len(content), ours_of(settings), limits, now):
                code = REFUSED
            kept = keep_mail(session, reply, content, recipient, now) if code == 0 else None
            if kept is not None and settings.secret_key is not None:
                decide(session, kept, reply, ours_of(settings), now)
            elif kept is not None:
                leave_to_worker(session, kept)
            said = _line(kept) if kept is not None else said
    if code:
        click.echo(_WHY[code], err=True)
        sys.exit(code)
    click.echo(said)


def _line(kept: IncomingMail) -> str:
    about = f" about ticket {kept.ticket_number}" if kept.ticket_number is not None else ""
    what = "the worker takes it in" if kept.state == MailState.RECEIVED else kept.reason
    return f"mail {kept.id}: {said_word(kept.state)}{about}" + (f": {what}" if what else "")


COMMANDS: tuple[click.Command, ...] = (mail,)
