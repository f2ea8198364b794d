"""Actions on a ticket other than writing it: merge, share, review, undo, watch, set a reminder,
and exchange NTTDM documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, current_app, request
from marshmallow import Schema
from sqlalchemy import Engine

from app.api.caller import ENGINE, session
from app.api.operations import Call, operation
from app.api.tickets.schemas import OneTicket
from app.api.tickets.tickets import as_seen, content_of_ticket, get_ticket
from app.api.wire import Time, a_flag, a_list, a_number, a_text, about, sent_number, sent_text
from app.core.rules.errors import Invalid, PortalError
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.tickets.adapters.nttdm import new_ticket, read_one
from app.tickets.services import personal_reminders, undo, watching
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.lifecycle import find_ticket, hand_to_partner, mark_checked
from app.tickets.services.merging import merge_tickets

_WRITE: Final = (Scope.TICKETS,)
_NTTDM: Final = "application/xml"


class MergeBody(Schema):
    """Which ticket a duplicate is merged into."""

    master = sent_number("The number of the ticket that stays.", 1, required=True)


class PartnerBody(Schema):
    """A partner with which a ticket is shared."""

    partner = sent_text("The partner's code.", SHORT_TEXT_LIMIT, required=True)


class ReminderBody(Schema):
    """When the caller is reminded of a ticket."""

    due = Time(required=True, metadata=about("A future time: ISO 8601, UTC if it has no zone."))
    note = sent_text(
        "One line of text for the reminder.", SHORT_TEXT_LIMIT, least=None, load_default=""
    )


class TicketOfDocument(Schema):
    """The ticket that a document made."""

    number = a_number("The ticket's number.")
    created = a_flag("false = it already existed.")


class OwnAccount(Schema):
    """The account behind the token, and what it may."""

    account = a_text("The login, or the token's name.")
    kind = a_text("person, partner or token (a system's).")
    role = a_text("The person's role; else null.", null=True)
    partner = a_text("The partner's code, for a partner's account.", null=True)
    access = a_text("For a partner's account: all tickets, or its own; else null.", null=True)
    read_only = a_flag("Whether it is a partner's account that only reads.")
    scopes = a_list(str, "Of the token.")


def _document() -> bytes:
    content = request.get_data()
    if not content.strip():
        raise Invalid("body", "The body is empty; an NTTDM document is needed")
    return content


def _of_document() -> Mapping[str, Any]:
    return {"type": "string", "description": "The document, without a document type declaration."}


@operation(
    "POST",
    "/v1/tickets/{number}/merge",
    scopes=_WRITE,
    body=MergeBody,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def merge_ticket(call: Call) -> Mapping[str, Any]:
    """Merge a ticket into another."""
    merge_tickets(session(), call.writer, call.number(), call.body["master"])
    return content_of_ticket(call, call.number())


@operation(
    "POST",
    "/v1/tickets/{number}/partners",
    scopes=_WRITE,
    body=PartnerBody,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def hand_ticket(call: Call) -> Mapping[str, Any]:
    """Share a ticket with a partner."""
    ticket = hand_to_partner(session(), call.writer, call.number(), call.body["partner"])
    return content_of_ticket(call, ticket.number)


@operation("POST", "/v1/tickets/{number}/reviewed", scopes=_WRITE, answer=OneTicket, of=get_ticket)
@as_seen
def mark_reviewed(call: Call) -> Mapping[str, Any]:
    """Mark a ticket as reviewed."""
    return content_of_ticket(call, mark_checked(session(), call.writer, call.number()).number)


@operation("POST", "/v1/tickets/{number}/undo-move", scopes=_WRITE, answer=OneTicket, of=get_ticket)
@as_seen
def undo_move(call: Call) -> Mapping[str, Any]:
    """Undo your own last change of state."""
    number = call.number()
    version = call.version
    if version is None:
        version = find_ticket(session(), call.actor, number).version
    return content_of_ticket(call, undo.undo_move(session(), call.writer, number, version).number)


@operation("PUT", "/v1/tickets/{number}/watch", scopes=_WRITE)
def watch_ticket(call: Call) -> Mapping[str, Any]:
    """Watch a ticket."""
    watching.watch_ticket(session(), call.writer, call.number())
    return {}


@operation("DELETE", "/v1/tickets/{number}/watch", scopes=_WRITE)
def unwatch_ticket(call: Call) -> Mapping[str, Any]:
    """Stop watching a ticket."""
    watching.unwatch_ticket(session(), call.writer, call.number())
    return {}


@operation("PUT", "/v1/tickets/{number}/reminder", scopes=_WRITE, body=ReminderBody)
def set_reminder(call: Call) -> Mapping[str, Any]:
    """Set a reminder for a ticket."""
    personal_reminders.set_reminder(
        session(), call.writer, call.number(), call.body["due"], call.body["note"]
    )
    return {}


@operation("DELETE", "/v1/tickets/{number}/reminder", scopes=_WRITE)
def remove_reminder(call: Call) -> Mapping[str, Any]:
    """Remove a reminder."""
    personal_reminders.remove_reminder(session(), call.writer, call.number())
    return {}


@operation("GET", "/v1/tickets/{number}/nttdm", scopes=(Scope.READ, Scope.TICKETS), gives=(_NTTDM,))
def get_ticket_nttdm(call: Call) -> Response:
    """Get a ticket as an NTTDM document (RFC 6137)."""
    number = call.number()
    find_ticket(session(), call.actor, number)
    session().rollback()  # what is read now has connections of its own
    engine: Engine = current_app.extensions[ENGINE]
    text = "".join(nttdm_pieces(engine, call.actor, [number]))
    answer = Response(text, content_type=_NTTDM)
    answer.headers.set("Content-Disposition", "attachment", filename=f"ticket-{number}.nttdm.xml")
    return answer


@operation(
    "POST",
    "/v1/tickets/nttdm",
    scopes=_WRITE,
    takes=_of_document,
    reads=_document,
    media=(_NTTDM, "text/xml"),
    answer=TicketOfDocument,
)
def create_ticket_nttdm(call: Call) -> Mapping[str, Any] | PortalError:
    """Create a ticket from an NTTDM document."""
    read, content = read_one(call.body, call.now)
    made = create_ticket_idempotent(session(), call.writer, new_ticket(read), content)
    if made.refused is not None:
        return made.refused  # its note for the operators is kept
    return {"number": made.number, "created": made.created}


@operation("GET", "/v1/account", scopes=tuple(Scope), answer=OwnAccount)
def get_own_account(call: Call) -> Mapping[str, Any]:
    """Get the account of the token."""
    actor = call.actor
    is_partner = actor.partner_id is not None
    return {
        "account": actor.account,
        "kind": actor.kind,
        "role": actor.role,
        "partner": actor.partner_code,
        "access": actor.access if is_partner else None,
        "read_only": actor.read_only,
        "scopes": sorted(actor.scopes or ()),
    }
