"""Sends waiting messages: one worker at a time claims a webhook, and sends messages one by one.

A claim has a time limit and is extended with each message: if a worker dies, its claim expires, and
another worker sends the current message again with the same id. Messages about one ticket are sent
in order: the next one waits until the previous one was accepted or given up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, func, select, true, update
from sqlalchemy.orm import Session, aliased

from app.core.models.changes import Change
from app.core.rules.webhooks import signed_headers
from app.jobs.services.claims import claim, claimed
from app.tickets.rules.fields import BY_NAME
from app.tickets.services.diaries import INTERNAL, PUBLIC
from app.tickets.services.timeline import TimelineStep, is_hidden
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.rules.delivering import (
    MAX_WAITING,
    RETENTION,
    UNANSWERED,
    Attempt,
    Failure,
    Off,
    State,
    is_hopeless,
    pause_of_message,
    reason_to_end,
    rest_of_webhook,
)
from app.webhooks.rules.messages import TEST, TicketNews, Value, message_of, test_message
from app.webhooks.services.planning import actor_of, readable_changes
from app.webhooks.services.secrets import opened_secrets
from app.webhooks.services.switching import switch_off

LEASE: Final = timedelta(seconds=30)
"""How long a claim lasts, and the longest that messages wait after their worker died. An attempt
ends after 10 s; if resolving the host's name takes longer than the rest, another worker may also
send the message: the receiver recognizes it by its id."""
_REQUEST_SHOWN: Final = 4000
"""Characters of a message that are stored for display."""


@dataclass(frozen=True)
class Outgoing:
    """A message ready to be posted."""

    delivery: int
    url: str
    content: bytes
    headers: Mapping[str, str]
    trace: str
    """``traceparent`` of the request that wrote its change; "" = none is known."""


def claim_webhook(session: Session, now: datetime) -> tuple[int, datetime] | None:
    """Claim a webhook with due messages, the one that waits longest: its key, and the end of the
    claim; None = no webhook is due. Gives up its messages that are too old."""
    until = now + LEASE
    webhook = next(iter(claim(session, Webhook, now, until, 1)), None)
    if webhook is None:
        return None
    is_any_old = _give_up_old(session, now, WebhookDelivery.webhook_id == webhook.id)
    if is_any_old and is_hopeless(webhook.failing_since, now):
        switch_off(session, webhook, Off.FAILURES, now)
    return webhook.id, until


def advance(
    session: Session,
    webhook_id: int,
    until: datetime,
    now: datetime,
    done: tuple[int, Attempt] | None = None,
) -> tuple[int, datetime] | None:
    """Record what happened to a message, and select the next one: its key, and the extended claim.
    None = the turn is over: nothing is due, the webhook rests after a failure, or another worker
    has claimed it."""
    webhook = claimed(session, Webhook, webhook_id, until)
    if webhook is None:
        return None
    if done is not None:
        _note(session, webhook, *done, now)
    is_resting = webhook.resting_until is not None and webhook.resting_until > now
    found = None
    if webhook.off_at is None and not is_resting:
        if actor_of(session, webhook) is None:
            _drop_all(session, webhook)
            switch_off(session, webhook, Off.OWNER, now)
        else:
            found = _next_due(session, webhook, now)
    if found is None:
        _end_turn(session, webhook, now)
        return None
    webhook.claimed_until = now + LEASE
    return found, webhook.claimed_until


def end_turn(
    session: Session,
    webhook_id: int,
    until: datetime,
    now: datetime,
    done: tuple[int, Attempt] | None = None,
) -> None:
    """Record what happened to the last message of a turn, and let other workers send what waits."""
    webhook = claimed(session, Webhook, webhook_id, until)
    if webhook is not None:
        if done is not None:
            _note(session, webhook, *done, now)
        _end_turn(session, webhook, now)


def outgoing(
    session: Session, delivery_id: int, key: bytes, public_url: str, now: datetime
) -> Outgoing | Attempt | None:
    """A message as it is posted at ``now``, with what the owner of its webhook may read at this
    moment; a failed ``Attempt`` if it cannot be sent; None if it was deleted."""
    delivery = session.get(WebhookDelivery, delivery_id)
    if delivery is None:
        return None
    webhook = session.get(Webhook, delivery.webhook_id)
    if webhook is None:
        return None
    change = session.get(Change, delivery.change_id) if delivery.kind != TEST else None
    content = _content(session, webhook, delivery, change, public_url)
    if content is None:
        return Attempt(None, "", 0, Failure.RIGHTS)
    live = opened_secrets(session, webhook, key)
    if not live:
        return Attempt(None, "", 0, Failure.KEY)
    headers = signed_headers(delivery.key, now, content, live)
    trace = change.traceparent if change is not None else None
    return Outgoing(delivery.id, webhook.url, content, headers, trace or "")


def forget_deliveries(session: Session, now: datetime, limit: int) -> int:
    """Give up messages that waited too long, and delete those that are no longer listed; return how
    many were deleted, at most ``limit``."""
    _give_up_old(session, now, WebhookDelivery.created_at <= now - MAX_WAITING)
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.created_at <= now - RETENTION)
        .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
        .limit(limit)
    )
    deleted = delete(WebhookDelivery).where(WebhookDelivery.id.in_(old))
    return len(
        session.scalars(
            deleted.returning(WebhookDelivery.id),
            execution_options={"synchronize_session": False},
        ).all()
    )


def _next_due(session: Session, webhook: Webhook, now: datetime) -> int | None:
    due = (
        select(WebhookDelivery.id)
        .where(*_heads(webhook), WebhookDelivery.due_at <= now)
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(1)
    )
    found: int | None = None
    if webhook.failures:  # a message that never failed does not wait behind failed ones
        found = session.scalar(due.where(WebhookDelivery.attempts == 0))
    return session.scalar(due) if found is None else found


def _heads(webhook: Webhook) -> tuple[ColumnElement[bool], ...]:
    """Of the waiting messages, the first about each ticket, and the tests.

    The first one is looked up by its index for each message: without statistics of a table that
    fills and empties fast, PostgreSQL answers "no earlier one" by a scan of all that wait.
    """
    earlier = aliased(WebhookDelivery)
    first = (
        select(func.min(earlier.id))
        .where(
            earlier.webhook_id == webhook.id,
            earlier.ticket_number == WebhookDelivery.ticket_number,
            earlier.state == State.WAITING,
        )
        .correlate(WebhookDelivery)
        .scalar_subquery()
    )
    return (
        WebhookDelivery.webhook_id == webhook.id,
        WebhookDelivery.state == State.WAITING,
        WebhookDelivery.id == func.coalesce(first, WebhookDelivery.id),  # a test has no ticket
    )


def _note(
    session: Session, webhook: Webhook, delivery_id: int, attempt: Attempt, now: datetime
) -> None:
    """Record an attempt, and what it shows about its receiver."""
    delivery = session.get(WebhookDelivery, delivery_id)
    if attempt.failure is Failure.RIGHTS:  # the receiver was not involved
        if delivery is not None:
            _end(delivery, State.DROPPED, Failure.RIGHTS)
        return
    if delivery is not None:
        delivery.attempts += 1
        delivery.tried_at, delivery.status = now, attempt.status
        delivery.failure, delivery.answered = attempt.failure or "", attempt.answered
        delivery.asked = attempt.asked[:_REQUEST_SHOWN]
        delivery.milliseconds = attempt.milliseconds
    if attempt.failure is None:
        if delivery is not None:
            delivery.state, delivery.due_at = State.DELIVERED, None
        webhook.failures, webhook.failing_since, webhook.resting_until = 0, None, None
        webhook.unanswered, webhook.delivered_at = 0, now
        return
    if delivery is not None:
        delivery.due_at = now + pause_of_message(delivery.attempts, attempt)
    is_first = webhook.failures == 0
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    webhook.unanswered = webhook.unanswered + 1 if attempt.failure in UNANSWERED else 0
    webhook.resting_until = now + rest_of_webhook(webhook.unanswered, attempt, is_first=is_first)
    if (why := reason_to_end(webhook.failing_since, now, attempt)) is not None:
        switch_off(session, webhook, why, now)


def _end_turn(session: Session, webhook: Webhook, now: datetime) -> None:
    webhook.claimed_until = webhook.due_at = None
    if webhook.off_at is not None:
        return
    session.flush()
    # the first by the index; the minimum of them would be searched for among all
    first = session.scalar(
        select(WebhookDelivery.due_at)
        .where(*_heads(webhook), WebhookDelivery.due_at.is_not(None))
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(1)
    )
    if first is not None:
        # behind those already waiting: a webhook with much to send does not block others
        webhook.due_at = max(first, webhook.resting_until or first, now)


def _content(
    session: Session,
    webhook: Webhook,
    delivery: WebhookDelivery,
    change: Change | None,
    public_url: str,
) -> bytes | None:
    if delivery.kind == TEST:
        return test_message(delivery.key, delivery.created_at, webhook.name)
    actor = actor_of(session, webhook)
    if actor is None or change is None:
        return None
    found = next(iter(readable_changes(session, actor, [change], true())), None)
    if found is None:
        return None
    step = found[1]
    news = TicketNews(
        change=change.id,
        number=change.thing_id,
        version=step.version,
        at=step.at,
        author=step.author,
        own=change.partner_id is not None and change.partner_id == actor.partner_id,
        values=[*_values(step)],
    )
    return message_of(delivery.key, delivery.kind, news, public_url)


def _values(step: TimelineStep) -> list[Value]:
    texts = ((PUBLIC, step.public_comment), (INTERNAL, step.internal_comment))
    given = [(one.field, one.old, one.new) for one in step.fields]
    given += [(name, None, text) for name, text in texts if text]
    return [
        Value(name, None, None, is_public=False) if _stays_here(name) else Value(name, old, new)
        for name, old, new in given
    ]


def _stays_here(field: str) -> bool:
    """Whether the values of a field are not sent: not everybody may read them, or they are contact
    data."""
    return is_hidden(field) or (field in BY_NAME and BY_NAME[field].is_contact)


def _end(delivery: WebhookDelivery, state: State, failure: Failure) -> None:
    delivery.state, delivery.failure, delivery.due_at = state, failure, None


def _drop_all(session: Session, webhook: Webhook) -> None:
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.state == State.WAITING)
        .values(state=State.DROPPED, failure=Failure.RIGHTS, due_at=None)
    )


def _give_up_old(session: Session, now: datetime, which: ColumnElement[bool]) -> bool:
    """Give up those of the messages that waited too long; return whether there were any."""
    given_up = session.connection().execute(
        update(WebhookDelivery)
        .where(
            and_(which, WebhookDelivery.state == State.WAITING),
            WebhookDelivery.waits_since <= now - MAX_WAITING,
        )
        .values(state=State.GIVEN_UP, failure=Failure.OLD, due_at=None)
    )
    return given_up.rowcount > 0
