"""The operations that link tickets to each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.tickets.rules.relations import RelationRole
from app.tickets.services.relations import relate_tickets, unrelate_tickets
from soap_service.native.answers import Values
from soap_service.native.kinds import (
    INT,
    field_name,
    once,
)
from soap_service.native.models import (
    AUTHOR,
    ID,
    ROLE,
    WRITTEN,
)
from soap_service.native.operations import Handler, NativeCall, Operation
from soap_service.native.tickets import writer, written


def _carried_out_by(verb: Callable[..., Any]) -> Handler:
    def carry_out(call: NativeCall, sent: Any) -> Values:
        by = writer(call, sent)
        with call.transaction() as session:
            role = RelationRole(field_name(sent.role))
            return written(verb(session, by, sent.number, role, sent.other))

    return carry_out


_TAKES: Final = (
    ID,
    once("role", ROLE, "role of the other ticket"),
    once("other", INT, "the other ticket's number"),
    AUTHOR,
)

OPERATIONS: Final = (
    Operation(
        "RelateTickets",
        "Links two tickets; both are changed. Repeating it has no effect.",
        _TAKES,
        WRITTEN,
        _carried_out_by(relate_tickets),
    ),
    Operation(
        "UnrelateTickets",
        "Removes a relation from both tickets. Without such a relation it has no effect.",
        _TAKES,
        WRITTEN,
        _carried_out_by(unrelate_tickets),
    ),
)
