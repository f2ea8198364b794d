"""The operations on attachments: add one, get one."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.access import Door, Writer
from app.core.rules.attached_files import LIMIT_IN_WORDS
from app.tickets.rules.attachments import attachment_id, public_id
from app.tickets.services.attachments import add_attachment, content_of, find_attachment
from app.tickets.services.creation.request_keys import Done
from app.tickets.services.lifecycle import find_ticket
from soap_service.native.answers import Values, attachment_values
from soap_service.native.kinds import (
    BYTES,
    INT,
    STRING,
    TEXT,
    once,
)
from soap_service.native.models import (
    ATTACHMENT,
    AUTHOR,
    ID,
)
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.tickets import REQUEST_KEY, carried_out, writer


def _add(call: NativeCall, sent: Any) -> Values:
    content = b"".join(sent.content or ())

    def add(session: Session, by: Writer) -> Done:
        added = add_attachment(session, by, sent.number, sent.name, content)
        ticket = find_ticket(session, by.actor, sent.number)
        return Done(ticket.number, ticket.version, added.id)

    digest = hashlib.sha256(content).hexdigest()
    done = carried_out(call, sent, writer(call, sent), ("file", sent.name, digest), add)
    assert done.attachment is not None
    return {"id": public_id(done.attachment), "version": done.version}


def _get(call: NativeCall, sent: Any) -> Values:
    found = find_attachment(call.session, call.actor, attachment_id(sent.id))
    call.log_download(Door.NATIVE, public_id(found.id))
    return {
        "number": found.ticket_number,
        "attachment": attachment_values(found),
        "content": content_of(call.session, found),
    }


OPERATIONS: Final = (
    Operation(
        "AddAttachment",
        "Adds a file to a ticket, in any state of the ticket. The content is stored as sent. "
        "With a request key the call can be repeated until it is answered. Without one, the same "
        "file (name, size, bytes) within ten minutes, with no other change of the ticket in "
        "between, is answered but not stored twice.",
        (
            ID,
            AUTHOR,
            once("name", TEXT, "file name; folders and control characters are removed"),
            once("content", BYTES, f"content, at most {LIMIT_IN_WORDS}"),
            REQUEST_KEY,
        ),
        (
            once("id", STRING, "the attachment's id"),
            once("version", INT, "the ticket's version after the call"),
        ),
        _add,
    ),
    Operation(
        "GetAttachment",
        "Returns a file with its content.",
        (once("id", TEXT, "ATT and a number, as GetTicket answers it"),),
        (
            once("number", INT, "the ticket's number"),
            once("attachment", ATTACHMENT, "metadata of the file"),
            once("content", BYTES, "content"),
        ),
        _get,
    ),
)
