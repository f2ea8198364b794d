"""Secrets that sign the messages of a webhook: at most two are live at a time, and both sign.

To replace one without a gap, add a second one, configure it in the receiver, and revoke the first.
They are stored sealed (``app.core.services.sealing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.webhooks import new_secret
from app.core.services.resealing import SealedColumn
from app.core.services.sealing import publish_key, seal, seal_with, unseal
from app.webhooks.models.webhooks import Webhook, WebhookSecret

LIVE_SECRETS: Final = 2


def live_secrets(session: Session, webhook: Webhook) -> Sequence[WebhookSecret]:
    """The signing secrets, newest first."""
    return session.scalars(
        select(WebhookSecret)
        .where(WebhookSecret.webhook_id == webhook.id)
        .order_by(WebhookSecret.id.desc())
    ).all()


def opened_secrets(session: Session, webhook: Webhook, key: bytes) -> Sequence[str]:
    """The secrets as texts, newest first, as far as ``key``, the portal's secret, opens them."""
    found = (unseal(row.sealed, _place(row), key) for row in live_secrets(session, webhook))
    return [secret for secret in found if secret is not None]


def make_secret(session: Session, webhook: Webhook, now: datetime, key: bytes) -> str:
    """Add a secret; it is returned only once. The caller holds the webhook's lock. Raises
    ``Invalid`` if two are live."""
    if len(live_secrets(session, webhook)) >= LIVE_SECRETS:
        raise Invalid("secret", _("Two secrets are already active; revoke one first"))
    publish_key(session, key)
    secret = new_secret()
    row = WebhookSecret(webhook_id=webhook.id, sealed="", created_at=now)
    session.add(row)
    session.flush()
    row.sealed = seal(session, secret, _place(row))
    return secret


def _place(row: WebhookSecret) -> str:
    return f"webhook {row.webhook_id} secret {row.id}"


SEALED: Final = SealedColumn(
    "secrets of webhooks",
    WebhookSecret.sealed,
    read=lambda row, key: unseal(row.sealed, _place(row), key),
    write=lambda secret, row, key: seal_with(key, secret, _place(row)),
    name=lambda _session, row: f"webhook {row.webhook_id}",
)
"""For ``flask reseal``."""
