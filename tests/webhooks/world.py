"""The portal's side of webhooks: the cast, a clock that is moved, planning and sending."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, comment_ticket, open_ticket
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.tasks.planning import plan_messages
from app.webhooks.tasks.sending import WebhookSender
from tests.cast import NOON, Cast, writer
from tests.harness.server import test_settings
from tests.mails import enter_with_mails
from tests.webhooks.seeded import EVERY, OUTSIDE, seed_webhook

PORTAL = "https://portal.example"


class World:
    """A portal with its cast at noon; ``now`` is its clock."""

    def __init__(self, session: Session) -> None:
        self.session, self.now = session, NOON
        self.cast: Cast = enter_with_mails(session)
        engine = session.get_bind().engine
        settings = replace(
            test_settings(engine.url.render_as_string(hide_password=False)),
            outbound_private_hosts=frozenset(OUTSIDE.private_hosts),
            public_url=PORTAL,
        )
        self.context = Context(engine, settings, now=lambda: self.now)
        self.sender = WebhookSender(self.context)
        plan_messages(self.context)

    def subscribe(
        self,
        url: str,
        actor: Actor | None = None,
        kinds: Sequence[str] = EVERY,
        filter: str = "",  # noqa: A002  # as it is called everywhere
        account: str = "",
        name: str = "Display",
    ) -> tuple[int, str]:
        """The key and the secret of a new webhook."""
        by = writer(actor or self.cast.operator, self.now)
        with transaction(self.session):
            return seed_webhook(self.session, by, url, kinds, filter, account, name)

    def ticket(self, actor: Actor | None = None, **more: Any) -> int:
        content = NewTicket(**{"title": "Link down", "description": "The fibre is cut", **more})
        with transaction(self.session):
            by = writer(actor or self.cast.operator, self.now)
            return open_ticket(self.session, by, content).number

    def comment(self, number: int, text: str, *, internal: bool = False) -> None:
        with transaction(self.session):
            by = writer(self.cast.operator, self.now)
            comment_ticket(self.session, by, number, text, internal=internal)

    def change(self, number: int, **fields: Any) -> None:
        with transaction(self.session):
            change_ticket(self.session, writer(self.cast.operator, self.now), number, fields)

    def deliver(self, after: timedelta = timedelta(0)) -> None:
        """Plan, and send what is due, ``after`` some time."""
        self.now += after
        plan_messages(self.context)
        self.sender.drain()

    def deliver_by_lanes(self) -> None:
        """Plan, and let the worker's lanes send what is due; it does not wait for them."""
        plan_messages(self.context)
        self.sender.step()

    def webhook_in_transaction(self, number: int) -> Webhook:
        return self.session.get_one(Webhook, number)

    def webhook(self, number: int) -> Webhook:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Webhook, number)

    def deliveries(self, number: int) -> list[WebhookDelivery]:
        self.session.rollback()
        self.session.expire_all()
        return list(
            self.session.scalars(
                select(WebhookDelivery)
                .where(WebhookDelivery.webhook_id == number)
                .order_by(WebhookDelivery.id)
            )
        )
