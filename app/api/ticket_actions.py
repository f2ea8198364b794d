"""What is done with a ticket beside writing it: merge, hand over, review, undo, watch, be reminded,
and NTTDM documents of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, current_app, request
from marshmallow import Schema, fields, validate
from sqlalchemy import Engine

from app.api.caller import ENGINE, session
from app.api.operations import Call, Operation
from app.api.schemas import NoQuery, a_text, about
from app.api.ticket_schemas import OneTicket, Time
from app.api.tickets import ONE, WRITE, changing, content_of_ticket
from app.core.rules.errors import Invalid, PortalError
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.tickets.rules.nttdm import new_ticket, read_one
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.idempotency import create_ticket_idempotent
from app.tickets.services.lifecycle import find_ticket, hand_to_partner, mark_checked
from app.tickets.services.merging import merge_tickets
from app.tickets.services.personal_reminders import remove_reminder, set_reminder
from app.tickets.services.undo import undo_move
from app.tickets.services.watching import unwatch_ticket, watch_ticket

_NTTDM: Final = "application/xml"


class MergeBody(Schema):
    """Which ticket a duplicate is merged into."""

    master = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, 999_999_999),
        metadata=about("The number of the ticket that stays."),
    )


class PartnerBody(Schema):
    """A partner to whom a ticket is handed."""

    partner = fields.String(
        required=True,
        validate=validate.Length(1, SHORT_TEXT_LIMIT),
        metadata=about("The partner's code."),
    )


class ReminderBody(Schema):
    """When the caller is reminded of a ticket."""

    due = Time(required=True, metadata=about("A future time: ISO 8601, UTC if it has no zone."))
    note = fields.String(
        load_default="",
        validate=validate.Length(max=SHORT_TEXT_LIMIT),
        metadata=about("One line of text for the reminder."),
    )


class TicketOfDocument(Schema):
    """The ticket that a document made."""

    number = fields.Integer(required=True, metadata=about("The ticket's number."))
    created = fields.Boolean(required=True, metadata=about("false = it already existed."))


class Nothing(Schema):
    """An answer without content."""


class OwnAccount(Schema):
    """The account behind the token, and what it may."""

    account = a_text("The login, or the token's name.")
    kind = a_text("person, partner or token (a system's).")
    role = fields.String(
        required=True, allow_none=True, metadata=about("The person's role; else null.")
    )
    partner = fields.String(
        required=True,
        allow_none=True,
        metadata=about("The partner's code, for a partner's account."),
    )
    access = fields.String(
        required=True,
        allow_none=True,
        metadata=about("For a partner's account: all tickets, or its own; else null."),
    )
    read_only = fields.Boolean(
        required=True, metadata=about("Whether it is a partner's account that only reads.")
    )
    scopes = fields.List(fields.String(), required=True, metadata=about("Of the token."))


def merge(call: Call) -> Mapping[str, Any]:
    """Close a ticket as a duplicate of its master."""
    merge_tickets(session(), call.writer, call.number(), call.body["master"])
    return content_of_ticket(call, call.number())


def hand(call: Call) -> Mapping[str, Any]:
    """Make a ticket one of a partner's own."""
    ticket = hand_to_partner(session(), call.writer, call.number(), call.body["partner"])
    return content_of_ticket(call, ticket.number)


def reviewed(call: Call) -> Mapping[str, Any]:
    """Take a ticket off those that need review."""
    return content_of_ticket(call, mark_checked(session(), call.writer, call.number()).number)


def take_move_back(call: Call) -> Mapping[str, Any]:
    """Undo one's own newest move."""
    rows, number = session(), call.number()
    version = call.version
    if version is None:
        version = find_ticket(rows, call.actor, number).version
    return content_of_ticket(call, undo_move(rows, call.writer, number, version).number)


def watch(call: Call) -> Mapping[str, Any]:
    """Get the mails of a ticket."""
    watch_ticket(session(), call.writer, call.number())
    return {}


def unwatch(call: Call) -> Mapping[str, Any]:
    """Get them no more."""
    unwatch_ticket(session(), call.writer, call.number())
    return {}


def remind(call: Call) -> Mapping[str, Any]:
    """Be reminded of a ticket, and no more at what was said before."""
    set_reminder(session(), call.writer, call.number(), call.body["due"], call.body["note"])
    return {}


def unremind(call: Call) -> Mapping[str, Any]:
    """Be reminded no more."""
    remove_reminder(session(), call.writer, call.number())
    return {}


def get_nttdm(call: Call) -> Response:
    """A ticket as an NTTDM document (RFC 6137), without internal entries."""
    number = call.number()
    find_ticket(session(), call.actor, number)
    session().rollback()  # what is read now has connections of its own
    engine: Engine = current_app.extensions[ENGINE]
    text = "".join(nttdm_pieces(engine, call.actor, [number]))
    answer = Response(text, content_type=_NTTDM)
    answer.headers.set("Content-Disposition", "attachment", filename=f"ticket-{number}.nttdm.xml")
    return answer


def create_of_nttdm(call: Call) -> Mapping[str, Any] | PortalError:
    """Open the one ticket of a document; its ids are its key, as those of GGUS are."""
    read, content = read_one(call.body, call.now)
    made = create_ticket_idempotent(session(), call.writer, new_ticket(read), content)
    if made.refused is not None:
        return made.refused  # its note for the operators is kept
    return {"number": made.number, "created": made.created}


def get_account(call: Call) -> Mapping[str, Any]:
    """What the account of the token may."""
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


def _document() -> bytes:
    content = request.get_data()
    if not content.strip():
        raise Invalid("body", "The body is empty; an NTTDM document is needed")
    return content


def _of_document() -> Mapping[str, Any]:
    return {"type": "string", "description": "The document, without a document type declaration."}


def _own(name: str, path: str, summary: str, view: Any, **more: Any) -> Operation:
    """An operation on what the caller has of a ticket; it is answered without content."""
    return Operation(
        name, f"{ONE}{path}", summary, WRITE, NoQuery, Nothing, view, empty=True, **more
    )


OPERATIONS: Final = (
    changing("mergeTicket", "/merge", "Merge a ticket into another", merge, body=MergeBody),
    changing("handTicket", "/partners", "Share a ticket with a partner", hand, body=PartnerBody),
    changing("markReviewed", "/reviewed", "Mark a ticket as reviewed", reviewed),
    changing("undoMove", "/undo-move", "Undo your own last change of state", take_move_back),
    _own("watchTicket", "/watch", "Watch a ticket", watch, method="PUT"),
    _own("unwatchTicket", "/watch", "Stop watching a ticket", unwatch, method="DELETE"),
    _own(
        "setReminder",
        "/reminder",
        "Set a reminder for a ticket",
        remind,
        method="PUT",
        body=ReminderBody,
    ),
    _own("removeReminder", "/reminder", "Remove a reminder", unremind, method="DELETE"),
    Operation(
        "getTicketNttdm",
        f"{ONE}/nttdm",
        "Get a ticket as an NTTDM document (RFC 6137)",
        (Scope.READ, Scope.TICKETS),
        NoQuery,
        OneTicket,
        get_nttdm,
        gives=(_NTTDM,),
    ),
    Operation(
        "createTicketNttdm",
        "/v1/tickets/nttdm",
        "Create a ticket from an NTTDM document",
        WRITE,
        NoQuery,
        TicketOfDocument,
        create_of_nttdm,
        method="POST",
        takes=_of_document,
        reads=_document,
        media=(_NTTDM, "text/xml"),
    ),
    Operation(
        "getOwnAccount",
        "/v1/account",
        "Get the account of the token",
        tuple(Scope),
        NoQuery,
        OwnAccount,
        get_account,
    ),
)
