"""Webhooks of a person who is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.accounts.rules.former import Former
from app.accounts.services.forgetting import hide_logged
from app.core.rules.access import Writer
from app.webhooks.models.webhooks import Webhook, WebhookDelivery, WebhookSecret
from app.webhooks.services.switching import WEBHOOK


def forget_webhooks(session: Session, _by: Writer, former: Former) -> Mapping[str, int]:
    """Delete the person's own webhooks with their messages; those of partners' accounts stay."""
    keys = session.scalars(
        select(Webhook.id).where(Webhook.user_id == former.user_id, Webhook.account_id.is_(None))
    ).all()
    for rows in (
        delete(WebhookDelivery).where(WebhookDelivery.webhook_id.in_(keys)),
        delete(WebhookSecret).where(WebhookSecret.webhook_id.in_(keys)),
        delete(Webhook).where(Webhook.id.in_(keys)),
    ):
        session.execute(rows, execution_options={"synchronize_session": False})
    hide_logged(session, WEBHOOK, keys, ("name", "address"))
    return {"webhooks": len(keys)}
