"""The operations of the service GGUS: create, modify, get and list tickets."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from sqlalchemy import Select

from app.core.rules.access import Door, Writer
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.tickets.rules.query import read_page, with_parameters
from app.tickets.rules.relations import RelationRole
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.lifecycle import change_ticket
from app.tickets.services.lists.query import matching
from app.tickets.services.relations import open_related_ticket
from app.tickets.services.ticket_rows import read_ticket_row, read_ticket_rows
from soap_service import mapping
from soap_service.answer_xml import Values
from soap_service.dispatch import Call, Handler
from soap_service.fields import GGUS, Operation
from soap_service.qualification import parse_qualification

_CLAIMS: Final = ("Last_Login", "Origin_SG")
_RELATION: Final = "GHD_Parent_Child_Relation"
_OTHER_IS: Final = {
    "None": RelationRole.RELATED,
    "Parent": RelationRole.CHILD,
    "Child": RelationRole.PARENT,
}
"""What the ticket in GHD_Parent_ID is to the new one, by what the new one is said to be."""
NO_KEY: Final = (
    "look for the ticket first ({list}): without {key} a request that is sent again may open a"
    " second ticket"
)
"""The advice to the sender of a creation whose outcome is unknown, if it has no key."""
SAME_KEY: Final = "send the same request again: the {} answers the number of the one ticket"
_NO_ORIGIN_ID: Final = NO_KEY.format(list="TicketGetList", key="an origin id")
_ID = re.compile(r"[0-9]{1,9}")


def ticket_number(sent: Mapping[str, str], element: str = "GHD_Request_ID") -> int:
    """The number in an element; what is no number is no ticket's (``NotFound``)."""
    text = sent[element].strip()
    if not _ID.fullmatch(text):
        raise NotFound
    return int(text)


def writer(
    call: Call, sent: Mapping[str, str], digest: str | None = None, prefix: str = "GHD"
) -> Writer:
    """Who writes: the account of the credentials; names in the request are claims only."""
    author, claims = f"{prefix}_Last_Modifier", [f"{prefix}_{name}" for name in _CLAIMS]
    return Writer(
        actor=call.actor,
        door=Door.SOAP,
        now=call.now,
        author=checked_text(author, sent[author], SHORT_TEXT_LIMIT),
        claims={name: sent[name] for name in claims if sent.get(name)},
        request_digest=digest,
        remote=call.remote,
        copies_per_day=call.copies_per_day,
    )


def create(call: Call, sent: Mapping[str, str]) -> int:
    """Open a ticket, or answer the number of the one that this origin id opened."""
    new = mapping.new_ticket(sent)
    by = writer(call, sent)
    look = SAME_KEY.format("origin id") if new.origin_id else _NO_ORIGIN_ID
    with call.transaction(look) as session:
        answer = create_ticket_idempotent(session, by, new, mapping.content_of(sent))
    if answer.refused is not None:  # its note for the operators is kept
        raise answer.refused
    return answer.number


def _op_create(call: Call, sent: Mapping[str, str]) -> Values:
    return {"GHD_Request_ID": str(create(call, sent))}


def _ticket_create(call: Call, sent: Mapping[str, str]) -> Values:
    return {"GHD_Request-ID": str(create(call, sent))}


def _op_create_child(call: Call, sent: Mapping[str, str]) -> Values:
    """Open a ticket bound to another one. Without an origin id there is no key: never a repeat."""
    new, by = mapping.new_ticket(sent), writer(call, sent)
    other = ticket_number(sent, "GHD_Parent_ID")
    role = _OTHER_IS.get(sent[_RELATION])  # the guard lets only "" through too
    if role is None:
        raise Invalid(_RELATION, f"{_RELATION} takes one of: {', '.join(_OTHER_IS)}")
    with call.transaction(_NO_ORIGIN_ID) as session:
        ticket = open_related_ticket(session, by, new, role, other)
        number = ticket.number
    return {"GHD_Request_ID": str(number)}


def _modify(call: Call, sent: Mapping[str, str]) -> Values:
    number = ticket_number(sent)
    digest = hashlib.sha256(json.dumps(dict(sent), sort_keys=True).encode()).hexdigest()
    by = writer(call, sent, digest)
    with call.transaction() as session:
        change_ticket(session, by, number, partial(mapping.wanted_changes, sent, call.public_url))
    return {"GHD_Request_ID": str(number)}


def _get(operation: Operation) -> Handler:
    def get(call: Call, sent: Mapping[str, str]) -> Values:
        page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=1)
        found = read_ticket_row(call.session, call.actor, ticket_number(sent))
        if found is None or page.start > 0:
            raise NotFound
        return mapping.answered(operation, *found, call.actor, call.public_url)

    return get


def _listed(call: Call, sent: Mapping[str, str]) -> Select[int]:
    """Selects the numbers of the tickets that a list is requested."""
    query = with_parameters(
        parse_qualification(sent.get("Qualification", "")),
        unit=sent.get("GHD_Responsible_Unit"),
        status=sent.get("GHD_Status"),
        meta=sent.get("GHD_Meta_Status"),
    )
    page = read_page(sent.get("startRecord"), sent.get("maxLimit"), default_limit=500)
    pointer = mapping.pointer(call.public_url)
    return matching(call.session, call.actor, query, page, pointer=pointer)


def _get_list(operation: Operation) -> Handler:
    def get_list(call: Call, sent: Mapping[str, str]) -> Iterator[Values]:
        row = None
        for row, entries in read_ticket_rows(call.session, call.actor, _listed(call, sent)):
            yield mapping.answered(operation, row, entries, call.actor, call.public_url)
        if row is None:
            raise NotFound

    return get_list


def _operation(name: str) -> Operation:
    operation = GGUS.operation(name)
    assert operation is not None
    return operation


_GET: Final = _get(_operation("TicketGet"))
_GET_LIST: Final = _get_list(_operation("TicketGetList"))

HANDLERS: Final[Mapping[str, Handler]] = {
    "OpCreate": _op_create,
    "TicketCreate": _ticket_create,
    "OpCreateChild": _op_create_child,
    "TicketModify": _modify,
    "OpModify": _modify,
    "TicketGet": _GET,
    "OpGet": _GET,
    "TicketGetList": _GET_LIST,
    "OpGetList": _GET_LIST,
}
