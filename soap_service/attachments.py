"""The operations of the service GGUS_ATTACH: add an attachment, list and read those of a ticket.

Content travels as base64. Some clients encode theirs once more before their stack does; that is
undone where it is sure. What is answered is encoded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.rules.access import Door
from app.core.rules.errors import NotFound, TooMuch
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.tickets.models.attachments import Attachment
from app.tickets.rules.attachments import attachment_id, public_id, without_double_encoding
from app.tickets.rules.query import read_page
from app.tickets.services.attachments import (
    add_attachment,
    attachments_of,
    content_of,
    find_attachment,
)
from soap_service.answer_xml import Value, Values
from soap_service.dispatch import Call, Handler
from soap_service.tickets import ticket_number, writer

DATA_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of all attachments in one answer, before they are encoded."""
ROW_LIMIT: Final = 10_000
_DEFAULT_LIMIT: Final = 50


def _add(call: Call, sent: Mapping[str, Any]) -> Values:
    for name in ("GAT_Attachment_Name", "GAT_Last_Login"):
        checked_text(name, sent[name], SHORT_TEXT_LIMIT)
    content = without_double_encoding(
        sent.get("GAT_Attachment_Data", b""), sent["GAT_Attachment_Orig_Size"]
    )
    number = ticket_number(sent, "GAT_Request_ID")
    by = writer(call, sent, prefix="GAT")
    with call.transaction() as session:
        added = add_attachment(session, by, number, sent["GAT_Attachment_Name"], content)
        return {"GAT_Attachment_ID": public_id(added.id)}


def _listed(call: Call, sent: Mapping[str, str]) -> Sequence[Attachment]:
    """The asked part of a ticket's attachments; an empty one is no such entry (``NotFound``)."""
    page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=_DEFAULT_LIMIT)
    found = attachments_of(call.session, call.actor, ticket_number(sent, "GAT_Request_ID"))
    wanted = found[page.start :]
    if page.limit is not None:
        wanted = wanted[: page.limit]
    if not wanted:
        raise NotFound
    if len(wanted) > ROW_LIMIT:
        raise TooMuch(
            f"The answer has more than {ROW_LIMIT} rows;"
            " ask for them in pages with startRecord and maxLimit"
        )
    return wanted


def _ids(call: Call, sent: Mapping[str, str]) -> Sequence[Values]:
    return [
        {
            "GAT_Attachment-ID": public_id(attachment.id),
            "GAT_Create_Date": attachment.created_at,
            "GAT_Last_Modifier": attachment.author,
            "GAT_Attachment_attachmentName": attachment.name,
            **_origin(attachment),
        }
        for attachment in _listed(call, sent)
    ]


def _all(call: Call, sent: Mapping[str, str]) -> Sequence[Values]:
    wanted = _listed(call, sent)
    if sum(attachment.size for attachment in wanted) > DATA_LIMIT:
        raise TooMuch(
            "The attachments asked for have more than 8 MiB together; ask for fewer at once with"
            " startRecord and maxLimit, or for one at a time with GetOneAttachment"
        )
    for attachment in wanted:
        call.log_download(Door.SOAP, public_id(attachment.id))
    return [
        {
            "GAT_Last_Modifier": attachment.author,
            "GAT_Attachment_ID": public_id(attachment.id),
            "GAT_Attachment_Orig_Size": attachment.size,
            "GAT_Attachment_Data": content_of(call.session, attachment),
            "GAT_Attachment_Name": attachment.name,
        }
        for attachment in wanted
    ]


def _one(call: Call, sent: Mapping[str, str]) -> Values:
    wanted = attachment_id(sent["GAT_Attachment_ID"].strip())
    attachment = find_attachment(call.session, call.actor, wanted)
    call.log_download(Door.SOAP, public_id(attachment.id))
    return {
        "GAT_Create_Date": attachment.created_at,
        "GAT_Request-ID": str(attachment.ticket_number),
        "GAT_Attachment_attachmentName": attachment.name,
        "GAT_Attachment_attachmentData": content_of(call.session, attachment),
        "GAT_Attachment_attachmentOrigSize": attachment.size,
        **_origin(attachment),
    }


def _origin(attachment: Attachment) -> Mapping[str, Value]:
    """GAT_Origin_SG where a partner sent the attachment: its code, never what it claims."""
    return {"GAT_Origin_SG": attachment.partner.code} if attachment.partner else {}


HANDLERS: Final[Mapping[str, Handler]] = {
    "AddAttachment": _add,
    "GetAttachIDs": _ids,
    "GetAttachments": _all,
    "GetOneAttachment": _one,
}
