"""Saved filters of the list of tickets, as their people's programs use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema

from app.api.caller import session
from app.api.operations import Call, operation
from app.api.wire import Moment, a_flag, a_list, a_number, a_text
from app.core.rules.access import ActorKind
from app.core.rules.errors import Forbidden
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.tickets.services.lists.saved_filters import visible_filters


class SavedFilter(Schema):
    """A filter under a name."""

    id = a_number("The number.")
    name = a_text("The name.")
    owner = a_text("Login name of the owner.")
    shared = a_flag("Whether everybody may use the filter.")
    query = a_text("The query of the list page; the filters have the names of listTickets.")
    changed = Moment("When it was last changed.")


class SavedFilters(Schema):
    """One's own filters, then those that are shared."""

    items = a_list(SavedFilter)


@operation("GET", "/v1/filters", scopes=(Scope.READ, Scope.TICKETS), answer=SavedFilters)
def list_filters(call: Call) -> Mapping[str, Any]:
    """List saved ticket filters."""
    if call.actor.kind is not ActorKind.PERSON:
        raise Forbidden(_("Only a person has saved filters"))
    return {
        "items": [
            {
                "id": row.id,
                "name": row.name,
                "owner": row.owner.name,
                "shared": row.shared,
                "query": row.query,
                "changed": row.changed_at,
            }
            for row in visible_filters(session(), call.actor)
        ]
    }
