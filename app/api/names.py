"""Names in tickets and events that the registry does not know, and what administrators make of
them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.api.caller import session
from app.api.operations import Call, Operation, next_page
from app.api.record_schemas import (
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
from app.api.schemas import NoQuery
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

AT_ONCE: Final = 200
"""Tickets that follow in one call, so that other writers never wait long."""


def list_names(call: Call) -> Mapping[str, Any]:
    """One page of names that wait."""
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


def list_decided(call: Call) -> Mapping[str, Any]:
    """All names that were decided about."""
    return {"items": [vars(one) for one in decided_names(session(), call.actor)]}


def decide(call: Call) -> Mapping[str, Any]:
    """Say what a name means, or that it stays; some of its tickets and events follow at once."""
    sent, rows, by = call.body, session(), call.writer
    kind, name = NameKind(sent["kind"]), sent["name"]
    followed: Callable[..., Followed] = name_decisions.follow_tickets
    events: Callable[..., Followed] = event_name_decisions.follow_events
    if sent["decision"] == Decision.ALIAS:
        name_decisions.make_alias(
            rows, by, kind, name, sent["target"], system=sent["system"], why=sent["why"]
        )
    elif sent["decision"] == Decision.DISMISSED:
        name_decisions.dismiss_name(rows, by, kind, name, sent["why"])
    elif sent["decision"] == TAKE_BACK:
        name_decisions.take_back(rows, by, kind, name, sent["why"])
        followed, events = name_decisions.release_tickets, event_name_decisions.release_events
    else:
        assert sent["decision"] == FOLLOW
    return {
        "kind": str(kind),
        "name": name,
        "tickets": followed(rows, by, kind, name, AT_ONCE),
        "events": events(rows, by, kind, name, event_name_decisions.AT_ONCE),
    }


def add_unit(call: Call) -> Mapping[str, Any]:
    """Make a unit known by its name."""
    sent = call.body
    return {"name": name_decisions.add_unit(session(), call.writer, **sent).name}


_SCOPES: Final = (Scope.ADMIN,)
OPERATIONS: Final = (
    Operation(
        "listUnresolvedNames",
        "/v1/unresolved-names",
        "List unresolved names of tickets and events",
        _SCOPES,
        UnresolvedQuery,
        UnresolvedPage,
        list_names,
    ),
    Operation(
        "listDecidedNames",
        "/v1/unresolved-names/decisions",
        "List decisions on unresolved names",
        _SCOPES,
        NoQuery,
        DecidedNames,
        list_decided,
    ),
    Operation(
        "decideName",
        "/v1/unresolved-names/decisions",
        "Decide what an unresolved name means",
        _SCOPES,
        NoQuery,
        NameOutcome,
        decide,
        method="POST",
        body=NameDecisionBody,
    ),
    Operation(
        "addUnit",
        "/v1/units",
        "Add a unit",
        _SCOPES,
        NoQuery,
        KnownUnit,
        add_unit,
        method="POST",
        body=UnitBody,
    ),
)
