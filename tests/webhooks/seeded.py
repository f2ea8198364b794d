"""Webhooks as people leave them, laid without a receiver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.tickets.models.tickets import Ticket
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.rules.delivering import State
from app.webhooks.rules.messages import MessageKind
from app.webhooks.services.secrets import make_secret
from app.webhooks.services.webhooks import Outside, Subscription, create_webhook
from tests.harness.server import TEST_SECRET

OUTSIDE = Outside(frozenset({"127.0.0.1"}), TEST_SECRET.encode())
EVERY = tuple(str(kind) for kind in MessageKind)


def seed_webhook(
    session: Session,
    by: Writer,
    url: str = "https://noc.example.org/lhcopn",
    kinds: Sequence[str] = EVERY,
    filter: str = "",  # noqa: A002  # as it is called everywhere
    account: str = "",
    name: str = "Display",
) -> tuple[int, str]:
    """The key and the secret of a new webhook."""
    wanted = Subscription(name, url, kinds, filter)
    made, secret = create_webhook(session, by, wanted, OUTSIDE, account)
    session.flush()
    return made.id, secret


def seed_messages(session: Session, number: int, now: datetime) -> list[int]:
    """One message of each outcome, about the newest tickets, as if it was sent; their keys."""
    webhook = session.get_one(Webhook, number)
    tickets = session.scalars(select(Ticket.number).order_by(Ticket.number.desc()).limit(4)).all()
    rows = [
        WebhookDelivery(
            webhook_id=number,
            key=f"msg_{number:012x}{count:012x}",
            kind=kind,
            change_id=None,
            ticket_number=tickets[count % len(tickets)] if tickets else None,
            created_at=now - timedelta(minutes=20 - count),
            waits_since=now - timedelta(minutes=20 - count),
            state=state,
            due_at=now + timedelta(minutes=8) if state is State.WAITING else None,
            attempts=attempts,
            tried_at=now - timedelta(minutes=3),
            status=status,
            failure=failure,
            asked='{"id": "msg_", "type": "ticket.created", "data": {}}',
            answered="not now" if failure else "",
            milliseconds=132,
        )
        for count, (kind, state, attempts, status, failure) in enumerate(
            (
                (MessageKind.CREATED, State.DELIVERED, 1, 204, ""),
                (MessageKind.COMMENTED, State.GIVEN_UP, 170, 404, "too old"),
                (MessageKind.CHANGED, State.DROPPED, 0, None, "no right"),
                (MessageKind.STATE, State.WAITING, 4, 503, "status"),
            )
        )
    ]
    session.add_all(rows)
    webhook.failures, webhook.failing_since = 4, now - timedelta(minutes=4)
    webhook.resting_until = webhook.due_at = now + timedelta(minutes=8)
    session.flush()
    return [row.id for row in rows]


def seed_webhooks(session: Session, by: Writer, now: datetime) -> None:
    """Two webhooks: one whose receiver fails, with messages, and a partner's that is off."""
    key, _secret = seed_webhook(session, by, filter="site=DE-KIT&category=incident&q=fibre")
    seed_messages(session, key, now)
    key, _secret = seed_webhook(
        session, by, "https://tickets.nren.example/lhcopn", account="nren_a", name="NREN tickets"
    )
    off = session.get_one(Webhook, key)
    off.off_at, off.off_why = now - timedelta(days=1), "failures"
    make_secret(session, off, now, TEST_SECRET.encode())
