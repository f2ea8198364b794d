"""The operation by which a site answers to a change."""

from __future__ import annotations

from typing import Any, Final

from app.tickets.rules.acknowledgements import Answer
from app.tickets.services.acknowledgements import acknowledge_change
from soap_service.native.answers import Values
from soap_service.native.kinds import (
    BOOLEAN,
    REASON,
    TEXT,
    once,
    optional,
)
from soap_service.native.models import (
    AUTHOR,
    ID,
    WRITTEN,
)
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.tickets import writer, written


def _acknowledge(call: NativeCall, sent: Any) -> Values:
    by = writer(call, sent)
    answer = Answer.ACCEPTED if sent.accepted else Answer.REFUSED
    with call.transaction() as session:
        return written(
            acknowledge_change(session, by, sent.number, sent.site, answer, sent.reason or "")
        )


OPERATIONS: Final = (
    Operation(
        "AcknowledgeChange",
        "Accepts or refuses a change for a site that has to accept it; a new answer replaces the "
        "old one. The account needs the right to answer for that site.",
        (
            ID,
            AUTHOR,
            once("site", TEXT, "any name of the site"),
            once("accepted", BOOLEAN, "true = accepts, false = refuses"),
            optional("reason", REASON, "the reason; required for a refusal"),
        ),
        WRITTEN,
        _acknowledge,
    ),
)
