"""The change log of tickets: one ticket's history, and the feed of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.tickets.schemas import LATEST, Feed, FeedQuery, History, HistoryQuery
from app.core.rules.scopes import Scope
from app.core.services.changes import TICKET, changes_of, newest_change_id
from app.tickets.services.change_feed import FeedPage, read_feed
from app.tickets.services.lifecycle import find_ticket
from app.tickets.services.timeline import TimelineStep, steps_of

_SCOPES: Final = (Scope.READ, Scope.TICKETS)


@operation(
    "GET", "/v1/tickets/{number}/history", scopes=_SCOPES, query=HistoryQuery, answer=History
)
def get_history(call: Call) -> Mapping[str, Any]:
    """List the changes of a ticket, oldest first."""
    ticket = find_ticket(session(), call.actor, call.number())
    after, limit = call.query["after"], call.query["limit"]
    changes = changes_of(session(), TICKET, ticket.number, after=after, limit=limit)
    steps = steps_of(session(), call.actor, changes)
    reached = changes[-1].version if changes else after
    return {
        "items": [_step(step) for step in steps if step is not None],
        "next": next_page(str(reached) if reached < ticket.version and changes else None),
    }


@operation("GET", "/v1/changes", scopes=_SCOPES, query=FeedQuery, answer=Feed)
def list_changes(call: Call) -> Mapping[str, Any]:
    """List the changes of all tickets in order."""
    cursor, limit = call.query["cursor"].strip(), call.query["limit"]
    if cursor == LATEST:
        page = FeedPage((), session().scalar(select(newest_change_id())) or 0, more=False)
    else:
        page = read_feed(session(), call.actor, int(cursor), limit)
    return {
        "items": [
            {**_step(row.step), "id": row.id, "number": row.number, "own": row.own}
            for row in page.rows
        ],
        "cursor": page.cursor,
        "more": page.more,
        "next": next_page(str(page.cursor) if page.more else None, "cursor"),
    }


def _step(step: TimelineStep) -> dict[str, Any]:
    fields = [{"field": item.field, "old": item.old, "new": item.new} for item in step.fields]
    fields += [
        {"field": name, "old": None, "new": text}
        for name, text in (
            ("public_comment", step.public_comment),
            ("internal_comment", step.internal_comment),
        )
        if text
    ]
    return {
        "version": step.version,
        "at": step.at,
        "author": step.author,
        "account": step.account,
        "door": step.door,
        "fields": fields,
    }
