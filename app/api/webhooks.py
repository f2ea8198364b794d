"""Webhooks: one's own with their messages, what to send again, and switching off.

What opens a way out of the portal (a new webhook, another address, a secret, switching on) asks a
person for the password, so it is for pages only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, fields, validate

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.wire import (
    Moment,
    a_flag,
    a_list,
    a_number,
    a_text,
    about,
    page_limit,
    page_next,
    sent_number,
)
from app.core.rules.scopes import Scope
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.rules.delivering import State
from app.webhooks.rules.messages import MessageKind
from app.webhooks.services import webhooks as verbs

_SCOPES: Final = (Scope.TICKETS,)


class WebhookRow(Schema):
    """A webhook. Times are UTC, ISO 8601 with Z."""

    number = a_number("The portal's own id.")
    name = a_text("The name.")
    url = a_text("The URL that is called.")
    account = a_text("The partner account whose rights apply; empty: the person's rights.")
    kinds = a_list(
        fields.String(validate=validate.OneOf([str(kind) for kind in MessageKind])),
        "Kinds of changes.",
    )
    filter = a_text("Filter for tickets, as in the query of the ticket list; empty: all.")
    on = a_flag("Whether messages are sent; if not, they are queued.")
    off_why = a_text("Why the webhook is off; empty while it is on.")
    failures = a_number("Attempts in a row that failed.")
    failing_since = Moment("When the current series of failures started.", allow_none=True)
    resting_until = Moment("No message is sent before this time.", allow_none=True)
    delivered_at = Moment("When a message was last accepted.", allow_none=True)
    created_at = Moment("When it was created.")


class WebhookList(Schema):
    """One's own webhooks, by name."""

    items = a_list(WebhookRow)


class WebhookMessage(Schema):
    """A message, and its newest attempt. Times are UTC, ISO 8601 with Z."""

    number = a_number("The portal's own id.")
    id = a_text("The webhook-id, the same at each attempt.")
    type = a_text("Kind of change.")
    ticket = a_number("The ticket's number; null for a test.", null=True)
    state = a_text("The result.", choices=State)
    attempts = a_number("Number of attempts.")
    status = a_number("HTTP status of the newest answer; null = no answer.", null=True)
    failure = a_text("Why the newest attempt failed, or why there are no more attempts.")
    created_at = Moment("Creation time.")
    tried_at = Moment("Last attempt.", allow_none=True)
    due_at = Moment("Next attempt.", allow_none=True)


class MessagesQuery(Schema):
    """Which messages."""

    state = fields.String(
        load_default="",
        validate=validate.OneOf(
            ["", *(str(one) for one in State)], error=f"state takes one of: {', '.join(State)}"
        ),
        metadata=about("Only messages with this state."),
    )
    before = sent_number(
        "Only messages before the one with this number.",
        0,
        2**31 - 1,
        error="before takes a message's number",
        load_default=0,
    )
    limit = page_limit()


class WebhookMessages(Schema):
    """Messages of a webhook, newest first."""

    items = a_list(WebhookMessage)
    next = page_next()


@operation("GET", "/v1/webhooks", scopes=_SCOPES, answer=WebhookList)
def list_webhooks(call: Call) -> Mapping[str, Any]:
    """List your webhooks; administrators also get partners' webhooks."""
    return {"items": [_webhook(row) for row in verbs.webhooks_of_actor(session(), call.actor)]}


@operation("GET", "/v1/webhooks/{id}", scopes=_SCOPES, answer=WebhookRow)
def get_webhook(call: Call) -> Mapping[str, Any]:
    """Get a webhook."""
    return _webhook(_found(call))


@operation("DELETE", "/v1/webhooks/{id}", scopes=_SCOPES)
def delete_webhook(call: Call) -> Mapping[str, Any]:
    """Delete a webhook with its secrets and messages."""
    verbs.delete_webhook(session(), call.writer, _found(call).id)
    return {}


@operation("POST", "/v1/webhooks/{id}/off", scopes=_SCOPES, answer=WebhookRow)
def switch_webhook_off(call: Call) -> Mapping[str, Any]:
    """Disable a webhook."""
    verbs.switch_off(session(), call.writer, _found(call).id)
    return get_webhook(call)


@operation("POST", "/v1/webhooks/{id}/test", scopes=_SCOPES, answer=WebhookMessage)
def test_webhook(call: Call) -> Mapping[str, Any]:
    """Send a test message."""
    webhook = _found(call)
    key = verbs.send_test(session(), call.writer, webhook.id)
    return _message(verbs.delivery_of(session(), webhook, key))


@operation(
    "GET", "/v1/webhooks/{id}/messages", scopes=_SCOPES, query=MessagesQuery, answer=WebhookMessages
)
def list_webhook_messages(call: Call) -> Mapping[str, Any]:
    """List a webhook's messages of the last 30 days, newest first."""
    limit = call.query["limit"]
    found = verbs.deliveries_of(
        session(),
        _found(call),
        state=call.query["state"],
        before=call.query["before"],
        limit=limit + 1,
    )
    last = str(found[limit - 1].id) if len(found) > limit else None
    return {
        "items": [_message(row) for row in found[:limit]],
        "next": next_page(last, "before"),
    }


@operation(
    "POST", "/v1/webhooks/{id}/messages/{message}/again", scopes=_SCOPES, answer=WebhookMessage
)
def send_webhook_message_again(call: Call) -> Mapping[str, Any]:
    """Resend a message."""
    webhook, key = _found(call), call.number("message")
    verbs.send_again(session(), call.writer, webhook.id, key)
    return _message(verbs.delivery_of(session(), webhook, key))


def _found(call: Call) -> Webhook:
    return verbs.find_own(session(), call.actor, call.number("id"))


def _webhook(row: Webhook) -> Mapping[str, Any]:
    same = ("name", "url", "filter", "off_why", "failures", "failing_since", "resting_until")
    return {
        **{name: getattr(row, name) for name in (*same, "delivered_at", "created_at")},
        "number": row.id,
        "account": row.account.login if row.account is not None else "",
        "kinds": row.kinds.split(),
        "on": row.off_at is None,
    }


def _message(row: WebhookDelivery) -> Mapping[str, Any]:
    same = ("state", "attempts", "status", "failure", "created_at", "tried_at", "due_at")
    return {
        **{name: getattr(row, name) for name in same},
        "number": row.id,
        "id": row.key,
        "type": row.kind,
        "ticket": row.ticket_number,
    }
