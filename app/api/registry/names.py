"""Names in tickets and events that the registry does not know, and what administrators make of
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.api.caller import session
from app.api.operations import Call, next_page, operation
from app.api.registry.name_schemas import (
    FOLLOW,
    TAKE_BACK,
    DecidedNames,
    KnownUnit,
    NameDecisionBody,
    NameOutcome,
    UnitBody,
    UnresolvedPage,
    UnresolvedQuery,
)
from app.core.rules.scopes import Scope
from app.names.services import event_name_decisions, name_decisions
from app.names.services.name_decisions import Followed
from app.names.services.unresolved import (
    Decision,
    NameKind,
    UnresolvedName,
    decided_names,
    unresolved_names,
)

_SCOPES: Final = (Scope.ADMIN,)

AT_ONCE: Final = 200
"""Tickets that follow in one call, so that other writers never wait long."""


@operation(
    "GET", "/v1/unresolved-names", scopes=_SCOPES, query=UnresolvedQuery, answer=UnresolvedPage
)
def list_unresolved_names(call: Call) -> Mapping[str, Any]:
    """List unresolved names in tickets and events."""
    query = call.query
    page, limit = query["page"], query["limit"]
    found = unresolved_names(session(), call.actor, NameKind(query["kind"]), page=page, limit=limit)
    more = page * limit < found.total
    return {
        "items": [_row(one) for one in found.names],
        "total": found.total,
        "next": next_page(str(page + 1) if more else None, "page"),
    }


def _row(one: UnresolvedName) -> Mapping[str, Any]:
    return {
        **vars(one),
        "kind": str(one.kind),
        "tickets": one.count,
        "newest_ticket": one.newest or None,
        "newest_event": one.newest_event or None,
        "writers": [{"author": author, "count": count} for author, count in one.writers],
    }


@operation("GET", "/v1/unresolved-names/decisions", scopes=_SCOPES, answer=DecidedNames)
def list_decided_names(call: Call) -> Mapping[str, Any]:
    """List decisions on unresolved names."""
    return {"items": [vars(one) for one in decided_names(session(), call.actor)]}


@operation(
    "POST",
    "/v1/unresolved-names/decisions",
    scopes=_SCOPES,
    body=NameDecisionBody,
    answer=NameOutcome,
)
def decide_name(call: Call) -> Mapping[str, Any]:
    """Decide what an unresolved name means.

    Some of the tickets and events with this name are updated at once.
    """
    sent, by = call.body, call.writer
    kind, name = NameKind(sent["kind"]), sent["name"]
    followed: Callable[..., Followed] = name_decisions.follow_tickets
    events: Callable[..., Followed] = event_name_decisions.follow_events
    if sent["decision"] == Decision.ALIAS:
        name_decisions.make_alias(
            session(), by, kind, name, sent["target"], system=sent["system"], why=sent["why"]
        )
    elif sent["decision"] == Decision.DISMISSED:
        name_decisions.dismiss_name(session(), by, kind, name, sent["why"])
    elif sent["decision"] == TAKE_BACK:
        name_decisions.take_back(session(), by, kind, name, sent["why"])
        followed, events = name_decisions.release_tickets, event_name_decisions.release_events
    else:
        assert sent["decision"] == FOLLOW
    return {
        "kind": str(kind),
        "name": name,
        "tickets": followed(session(), by, kind, name, AT_ONCE),
        "events": events(session(), by, kind, name, event_name_decisions.AT_ONCE),
    }


@operation("POST", "/v1/units", scopes=_SCOPES, body=UnitBody, answer=KnownUnit)
def add_unit(call: Call) -> Mapping[str, Any]:
    """Add a responsible unit."""
    sent = call.body
    return {"name": name_decisions.add_unit(session(), call.writer, **sent).name}
