"""Switches a webhook off automatically, with a mail to its owner."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.language import _, joined
from app.core.services.changes import FieldChange, record_change
from app.mail.services.messages import MessageRecipient, queue_message
from app.webhooks.models.webhooks import Webhook
from app.webhooks.rules.delivering import OFF_WORDS, Off

WEBHOOK: Final = "webhook"
"""The kind of a webhook in the change log."""


def switch_off(session: Session, webhook: Webhook, why: Off, now: datetime) -> None:
    """Stop sending, and notify the owner. Does nothing if it is already off. The caller holds the
    webhook's lock."""
    if webhook.off_at is not None:
        return
    webhook.off_at, webhook.off_why, webhook.due_at = now, why.value, None
    by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=now)
    fields = [FieldChange("on", "yes", "no"), FieldChange("why", None, why.value)]
    change = record_change(session, by, kind=WEBHOOK, thing_id=webhook.id, fields=fields)
    queue_message(
        session,
        key=f"webhook {webhook.id} off {change}",
        recipients=[
            MessageRecipient(webhook.user.mail, webhook.user_id, _("because it is your webhook"))
        ],
        subject=_("Your webhook “%(name)s” was switched off", name=webhook.name),
        text=joined(
            "\n\n",
            (
                OFF_WORDS[why],
                _(
                    "Messages are collected meanwhile, each for 7 days. Switch it on again on its"
                    " page; waiting messages are sent then."
                ),
            ),
        ),
        url=f"/webhooks/{webhook.id}",
        now=now,
    )
