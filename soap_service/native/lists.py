"""The operation that finds tickets."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row

from app.tickets.rules.fields import BY_NAME
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.pages import Listed, list_tickets
from soap_service.native.answers import Values
from soap_service.native.kinds import (
    BOOLEAN,
    INT,
    PAGE,
    PAGE_LIMIT,
    field_name,
    many,
    once,
    optional,
    wire_name,
)
from soap_service.native.models import (
    FILTER,
    FOUND_TICKET,
)
from soap_service.native.operations import NativeCall, Operation

_LISTS: Final = ("states", "links", "sites", "responsible")
_VALUES: Final = {
    "networks": "network",
    "categories": "category",
    "layers": "layer",
    "priorities": "priority",
    "units": "unit",
}
_AS_THEY_ARE: Final = (
    *("number", "version"),
    *(
        name
        for member in FOUND_TICKET.members
        if (name := field_name(member.name)) in BY_NAME and BY_NAME[name].meaning
    ),
)


def _find(call: NativeCall, sent: Any) -> Values:
    after = (sent.afterNumber, sent.afterNumber) if sent.afterNumber is not None else None
    page = list_tickets(
        call.session,
        call.actor,
        _wanted(sent.filter),
        after=after,
        limit=sent.limit or PAGE_LIMIT,
    )
    reached = page.tickets[-1].number if page.tickets else sent.afterNumber or 0
    return {
        "tickets": [_row(page, ticket) for ticket in page.tickets],
        "lastNumber": reached,
        "more": page.after is not None,
    }


def _wanted(sent: Any) -> TicketFilter:
    if sent is None:
        return TicketFilter(sort="number")
    lists: dict[str, Any] = {name: tuple(getattr(sent, name) or ()) for name in _LISTS}
    return TicketFilter(
        values={
            field: tuple(found) for name, field in _VALUES.items() if (found := getattr(sent, name))
        },
        text=sent.text or "",
        created_from=sent.createdFrom,
        created_to=sent.createdTo,
        sort="number",
        **lists,
    )


def _row(page: Listed, ticket: Row[Any]) -> Values:
    return {
        **{wire_name(name): getattr(ticket, name) for name in _AS_THEY_ARE},
        "links": [item.shown for item in page.links[ticket.number]],
        "sites": [item.shown for item in page.sites[ticket.number]],
        "responsibleSite": ticket.responsible,
        "created": ticket.created_at,
        "changed": ticket.changed_at,
    }


OPERATIONS: Final = (
    Operation(
        "FindTickets",
        "Finds tickets, sorted by number, in pages.",
        (
            optional("filter", FILTER, "which one; left out = all"),
            optional("afterNumber", INT, "start after this number; default 0"),
            optional("limit", PAGE, f"maximum number of rows in the answer; default {PAGE_LIMIT}"),
        ),
        (
            many("tickets", FOUND_TICKET, "the tickets that this account may read"),
            once("lastNumber", INT, "the last number of this page: continue after it"),
            once("more", BOOLEAN, "more rows are available"),
        ),
        _find,
    ),
)
