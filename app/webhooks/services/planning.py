"""Plans messages from the change log, with a cursor stored next to them.

The change log is the outbox: a ticket's transaction writes nothing for webhooks. Planning reads
from the cursor on and moves it in the transaction that writes the messages, so a change is one
message for each webhook, however many workers plan at the same time and whenever one is killed. A
message is only a row that names the change; its content is read when it is sent, with the rights at
that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from app.accounts.services.partners import actor_of_account
from app.accounts.services.people import actor_of_user
from app.core.models.changes import Change
from app.core.rules.access import Actor, Door, may_read_internal
from app.core.rules.errors import AuthenticationFailed, Invalid
from app.core.services.changes import TICKET, newest_change, of_kind, read_on
from app.core.services.cursors import begin_cursor, move_cursor, place_of
from app.tickets.models.tickets import Ticket
from app.tickets.services.diaries import INTERNAL, PUBLIC
from app.tickets.services.lists.lists import condition_of
from app.tickets.services.lists.query import readable
from app.tickets.services.timeline import TimelineStep, steps_of
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.rules.delivering import Off, State
from app.webhooks.rules.messages import kinds_of, new_message_id
from app.webhooks.services.filters import read_filter
from app.webhooks.services.switching import switch_off

CURSOR: Final = "webhooks_planned_up_to"
"""The row of ``portal_facts`` with the newest change whose messages are planned."""
AT_ONCE: Final = 200
"""Most changes planned in one transaction."""


@dataclass(frozen=True)
class Plan:
    """The messages of the changes between two positions of the log, by webhook."""

    begins: int | None
    """None = nothing was ever planned."""
    ends: int
    messages: Mapping[int, Sequence[Mapping[str, Any]]]
    unreadable: Sequence[int] = ()
    """Webhooks whose filter cannot be read."""


def draft_messages(session: Session, now: datetime) -> Plan | None:
    """Draft the messages of the next changes; None if there is no newer change. Writes nothing."""
    begins = place_of(session, CURSOR)
    if begins is None:  # from the first webhook on, not from the first ticket
        first = session.scalar(select(func.min(Webhook.after_change)))
        return Plan(None, newest_change(session) if first is None else first, {})
    found = read_on(session, begins, AT_ONCE, of_kind(TICKET), Change.door != Door.IMPORT)
    if found is None:
        return None
    changes, ends = found
    webhooks = session.scalars(select(Webhook).order_by(Webhook.id)).all()
    messages: dict[int, Sequence[Mapping[str, Any]]] = {}
    unreadable = []
    for webhook in webhooks if changes else ():
        try:
            drafted = [*_messages(session, webhook, changes, now)]
        except Invalid:
            unreadable.append(webhook.id)
            continue
        if drafted:
            messages[webhook.id] = drafted
    return Plan(begins, ends, messages, unreadable)


def put_messages(session: Session, plan: Plan, now: datetime) -> bool:
    """Write a plan and move the cursor; return False, and write nothing, if another worker did so
    meanwhile."""
    if plan.begins is None:
        begin_cursor(session, CURSOR, plan.ends)
        return True
    if not move_cursor(session, CURSOR, plan.begins, plan.ends):
        return False
    for key in sorted({*plan.messages, *plan.unreadable}):
        # a worker that ends its turn meanwhile waits here, or sees these messages
        webhook = session.scalars(
            select(Webhook).where(Webhook.id == key).with_for_update(of=Webhook)
        ).first()
        if webhook is None:
            continue
        if key in plan.unreadable:
            switch_off(session, webhook, Off.FILTER, now)
            continue
        session.execute(insert(WebhookDelivery), list(plan.messages[key]))
        wake(webhook, now)
    return True


def wake(webhook: Webhook, now: datetime) -> None:
    """Make waiting messages due at once, or after the rest; never for a webhook that is off. The
    caller holds the webhook's lock."""
    if webhook.off_at is not None:
        return
    soon = max(now, webhook.resting_until or now)
    webhook.due_at = min(webhook.due_at or soon, soon)


def actor_of(session: Session, webhook: Webhook) -> Actor | None:
    """Whose rights a webhook has, as they are now; None = that account is disabled."""
    if webhook.account_id is None:
        return None if webhook.user.disabled_at is not None else actor_of_user(webhook.user)
    try:
        return actor_of_account(session, webhook.account_id)
    except AuthenticationFailed:
        return None


def readable_changes(
    session: Session, actor: Actor, changes: Sequence[Change], wanted: ColumnElement[bool]
) -> Iterable[tuple[Change, TimelineStep]]:
    """Those of the changes that the actor may read, of the ``wanted`` tickets, as the actor sees
    them."""
    numbers = {change.thing_id for change in changes}
    found = set(
        session.scalars(
            select(Ticket.number).where(Ticket.number.in_(numbers), readable(actor), wanted)
        )
    )
    chosen = [change for change in changes if change.thing_id in found]
    for change, step in zip(chosen, steps_of(session, actor, chosen), strict=True):
        if step is not None:
            yield change, step


def fields_of(step: TimelineStep) -> Sequence[str]:
    """The names of the changed fields, including entries."""
    texts = ((PUBLIC, step.public_comment), (INTERNAL, step.internal_comment))
    return [name for name, text in texts if text] + [one.field for one in step.fields]


def _messages(
    session: Session, webhook: Webhook, changes: Sequence[Change], now: datetime
) -> Iterable[Mapping[str, Any]]:
    # before reading with rights: most changes do not concern most webhooks
    wanted = frozenset(webhook.kinds.split())
    newer = [
        change
        for change in changes
        if change.id > webhook.after_change
        and wanted.intersection(kinds_of(change.version, [item.field for item in change.fields]))
    ]
    actor = actor_of(session, webhook) if newer else None
    if actor is None:
        return
    # text is compared ticket by ticket: only few tickets are left
    tickets = condition_of(
        read_filter(webhook.filter), internal=may_read_internal(actor), by_index=False
    )
    for change, step in readable_changes(session, actor, newer, tickets):
        kind = next((one for one in kinds_of(step.version, fields_of(step)) if one in wanted), None)
        if kind is not None:
            yield {
                "webhook_id": webhook.id,
                "key": new_message_id(),
                "kind": kind.value,
                "change_id": change.id,
                "ticket_number": change.thing_id,
                "created_at": now,
                "waits_since": now,
                "state": State.WAITING.value,
                "due_at": now,
                "attempts": 0,
                "failure": "",
                "asked": "",
                "answered": "",
                "milliseconds": 0,
            }
