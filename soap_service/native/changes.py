"""The operations that read the change log: a ticket's history, and the changes of all tickets."""

from __future__ import annotations

from typing import Any, Final

from app.core.models.changes import Change
from app.core.services.changes import TICKET, changes_of
from app.tickets.services.change_feed import read_feed
from app.tickets.services.lifecycle import find_ticket
from app.tickets.services.timeline import steps_of
from soap_service.native.answers import TEXT_BOUND, Values, names_of, step_values, within
from soap_service.native.kinds import (
    BOOLEAN,
    CURSOR,
    INT,
    LONG,
    PAGE,
    PAGE_LIMIT,
    many,
    once,
    optional,
)
from soap_service.native.models import (
    CHANGE,
    ID,
    STEP,
)
from soap_service.native.operations import NativeCall, Operation

_LIMIT: Final = optional(
    "limit", PAGE, f"maximum number of rows in the answer; default {PAGE_LIMIT}"
)


def _history(call: NativeCall, sent: Any) -> Values:
    ticket = find_ticket(call.session, call.actor, sent.number)
    after, limit = sent.afterVersion or 0, sent.limit or PAGE_LIMIT
    changes = changes_of(call.session, TICKET, ticket.number, after=after, limit=limit)
    changes = changes[: len(within(TEXT_BOUND, map(_size, changes)))]
    steps = steps_of(call.session, call.actor, changes)
    reached = changes[-1].version if changes else after
    return {
        "steps": [step_values(step) for step in steps if step is not None],
        "lastVersion": reached,
        "more": reached < ticket.version,
    }


def _size(change: Change) -> int:
    return sum(len(item.old or "") + len(item.new or "") for item in change.fields)


def _list(call: NativeCall, sent: Any) -> Values:
    page = read_feed(call.session, call.actor, sent.cursor, sent.limit or PAGE_LIMIT)
    rows = []
    for row in page.rows:
        values = step_values(row.step)
        fields = names_of(values["fields"], "field")
        rows.append(
            {**values, "id": row.id, "number": row.number, "own": row.own, "fields": fields}
        )
    return {"changes": rows, "cursor": page.cursor, "more": page.more}


OPERATIONS: Final = (
    Operation(
        "GetHistory",
        "Returns the changes of one ticket, oldest first. Values that this account may not read "
        "are left out, and so are changes without any other value. A page may have fewer rows "
        "than the limit.",
        (
            ID,
            optional("afterVersion", INT, "start after this version; default 0"),
            _LIMIT,
        ),
        (
            many("steps", STEP, "the changes"),
            once("lastVersion", INT, "the last version of this page: continue after it"),
            once("more", BOOLEAN, "more rows are available"),
        ),
        _history,
    ),
    Operation(
        "ListChanges",
        "Returns the changes of all tickets that this account may read, in order. A page may "
        "have fewer rows than the limit, or none, although more changes are available.",
        (
            once("cursor", CURSOR, "0 at first, then the cursor of the last answer"),
            _LIMIT,
        ),
        (
            many("changes", CHANGE, "the changes"),
            once("cursor", LONG, "cursor for the next call"),
            once("more", BOOLEAN, "true = more changes are available; false = ask again later"),
        ),
        _list,
    ),
)
