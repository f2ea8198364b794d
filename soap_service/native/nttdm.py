"""Tickets as NTTDM documents (RFC 6137) through the native service: one out, one in."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import Engine

from app.core.rules.texts import PORTAL_TEXT_LIMIT
from app.tickets.adapters.nttdm import new_ticket, read_one
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.lifecycle import find_ticket
from soap_service.native.answers import Values
from soap_service.native.kinds import BOOLEAN, INT, STRING, once, text_of
from soap_service.native.models import AUTHOR, ID
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.tickets import writer
from soap_service.tickets import SAME_KEY

_DOCUMENT: Final = text_of(4 * PORTAL_TEXT_LIMIT)
"""Description, solution and history of the longest, and their tags."""


def _get(call: NativeCall, sent: Any) -> Values:
    find_ticket(call.session, call.actor, sent.number)
    engine = cast(Engine, call.session.get_bind())
    call.session.rollback()  # what is read now has connections of its own
    return {"nttdm": "".join(nttdm_pieces(engine, call.actor, [sent.number]))}


def _create(call: NativeCall, sent: Any) -> Values:
    read, content = read_one(sent.nttdm.encode(), call.now)
    new, by = new_ticket(read), writer(call, sent)
    with call.transaction(SAME_KEY.format("ORIGINAL_ID")) as session:
        answer = create_ticket_idempotent(session, by, new, content)
    if answer.refused is not None:  # its note for the operators is kept
        raise answer.refused
    return {"number": answer.number, "created": answer.created}


OPERATIONS: Final = (
    Operation(
        "GetTicketNttdm",
        "Returns a ticket as an NTTDM document (RFC 6137), without internal entries.",
        (ID,),
        (once("nttdm", STRING, "the XML document"),),
        _get,
    ),
    Operation(
        "CreateTicketNttdm",
        "Creates a ticket from an NTTDM document with one open ticket. PARTNER_ID and "
        "ORIGINAL_ID (or TT_ID) identify it, as GHD_Origin_SG and GHD_Origin_ID do: a repeat "
        "returns the same number while that ticket is open, and different content is stored for "
        "an operator.",
        (AUTHOR, once("nttdm", _DOCUMENT, "the XML document, without a document type declaration")),
        (
            once("number", INT, "the ticket's number"),
            once("created", BOOLEAN, "false: the ticket already existed"),
        ),
        _create,
    ),
)
