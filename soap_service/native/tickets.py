"""The operations on a ticket: create, update, get, comment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.access import Door, Writer
from app.core.rules.errors import StaleVersion
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.fields import BY_NAME, ValueKind
from app.tickets.rules.relations import RelationRole
from app.tickets.services.creation.request_keys import (
    Done,
    change_under_key,
    content_digest,
    digest_of,
    open_ticket_under_key,
)
from app.tickets.services.lifecycle import (
    change_ticket_at,
    comment_ticket,
    open_ticket,
)
from app.tickets.services.relations import open_related_ticket
from soap_service.faults import fault_of
from soap_service.native.answers import Values, ticket_values
from soap_service.native.kinds import (
    BOOLEAN,
    INT,
    LONG_TEXT,
    TEXT,
    field_name,
    once,
    optional,
    wire_name,
)
from soap_service.native.models import (
    AUTHOR,
    ID,
    NEW_TICKET,
    RELATION,
    STALE_TICKET,
    TICKET,
    TICKET_CHANGE,
    WRITTEN,
)
from soap_service.native.operations import NativeCall, Operation
from soap_service.native.protocol import element_of
from soap_service.tickets import NO_KEY, SAME_KEY

_NO_REQUEST_KEY: Final = NO_KEY.format(list="FindTickets", key="a request key")
_SAME_CHANGE: Final = "send the same request again: it is carried out once for its request key"
REQUEST_KEY: Final = optional(
    "requestKey",
    TEXT,
    "a key that the caller chooses, unique per request and partner; with it, nothing else "
    "decides whether the request is a repeat",
)
_LISTS: Final = ("links", "sites", "asked_sites")
_STATED: Final = sorted(
    (
        field
        for member in TICKET_CHANGE.members
        if (field := BY_NAME[field_name(member.name)]).meaning
    ),
    key=lambda field: (field.kind is ValueKind.FLAG, field.kind is ValueKind.TIME),
)
"""The fields of a change in the order in which the change log has them."""
_NEEDS: Final = frozenset({"category", "window_start", "window_end", "sites"})
"""A change of any of these requires what the category needs."""


def writer(call: NativeCall, sent: Any, digest: str | None = None) -> Writer:
    """Who writes: the account of the credentials; ``author`` in the request is what is shown."""
    return Writer(
        actor=call.actor,
        door=Door.NATIVE,
        now=call.now,
        author=sent.author or "",
        request_digest=digest,
        remote=call.remote,
        copies_per_day=call.copies_per_day,
    )


def written(ticket: Ticket) -> Values:
    """What answers a write on a ticket."""
    return {"number": ticket.number, "version": ticket.version}


def _create(call: NativeCall, sent: Any) -> Values:
    new = NewTicket(**_stated(sent.ticket), **_submitter(sent.ticket.submitter))
    relation = (sent.relation.role, sent.relation.number) if sent.relation is not None else None
    by = writer(call, sent)
    has_key = sent.requestKey is not None
    look = SAME_KEY.format("request key") if has_key else _NO_REQUEST_KEY

    with call.transaction(look) as session:

        def opening() -> Ticket:
            if relation is None:
                return open_ticket(session, by, new, check_needs=True)
            role, other = RelationRole(field_name(relation[0])), relation[1]
            return open_related_ticket(session, by, new, role, other, check_needs=True)

        if sent.requestKey is None:
            ticket = opening()
        else:
            digest = content_digest(new, *(relation or ()))
            ticket = open_ticket_under_key(session, by, sent.requestKey, digest, opening)
        number = ticket.number
    # that of the creation, also for a repeat: who updates has to have seen what came after
    return {"number": number, "version": 1 if relation is None else 2}


def carried_out(
    call: NativeCall,
    sent: Any,
    by: Writer,
    content: Sequence[object],
    change: Callable[[Session, Writer], Done],
) -> Done:
    """A change of the ticket ``sent.number``: once for each request key, if there is one.
    ``content`` is the request without its author."""
    if sent.requestKey is None:
        with call.transaction() as session:
            return change(session, by)
    with call.transaction(_SAME_CHANGE) as session:
        return change_under_key(
            session,
            by,
            sent.number,
            sent.requestKey,
            digest_of(sent.number, *content),
            lambda keyed: change(session, keyed),
        )


def _update(call: NativeCall, sent: Any) -> Values:
    wanted = _stated(sent.change)
    for name, empty in _EMPTY.items():
        if wire_name(name) in call.cleared:
            wanted[name] = empty

    def change(session: Session, by: Writer) -> Done:
        needs = not _NEEDS.isdisjoint(wanted)
        ticket = change_ticket_at(session, by, sent.number, wanted, sent.version, check_needs=needs)
        return Done(ticket.number, ticket.version)

    try:
        by = writer(call, sent)
        done = carried_out(call, sent, by, ("update", sent.version, wanted), change)
    except StaleVersion as stale:
        now = ticket_values(call, sent.number)
        fault = fault_of(stale, public_url=call.public_url)
        fault.detail = element_of(STALE_TICKET, {"currentVersion": now["version"], "ticket": now})
        raise fault from stale
    return {"number": done.ticket, "version": done.version}


_EMPTY: Final[Mapping[str, object]] = {
    **{field.name: None if field.kind is ValueKind.TIME else "" for field in _STATED},
    **dict.fromkeys((*_LISTS, "references"), ()),
}


def _stated(sent: Any) -> dict[str, Any]:
    """The fields that a writer states, in the words of the services; absent ones are left out."""
    values: dict[str, Any] = {
        field.name: value
        for field in _STATED
        if (value := getattr(sent, wire_name(field.name))) is not None
    }
    values |= {name: tuple(found) for name in _LISTS if (found := getattr(sent, wire_name(name)))}
    if sent.references:
        values["references"] = tuple(
            Reference(item.provider, item.reference, item.url or "", item.kind or "other")
            for item in sent.references
        )
    return values


def _submitter(sent: Any) -> dict[str, Any]:
    if sent is None:
        return {}
    found = {name: getattr(sent, name) for name in ("name", "mail", "login", "phone")}
    return {f"submitter_{name}": text for name, text in found.items() if text}


def _get(call: NativeCall, sent: Any) -> Values:
    return {"ticket": ticket_values(call, sent.number)}


def _comment(call: NativeCall, sent: Any) -> Values:
    internal = bool(sent.internal)
    said = repr((sent.number, sent.author, sent.text, internal))
    by = writer(call, sent, hashlib.sha256(said.encode()).hexdigest())

    def comment(session: Session, by: Writer) -> Done:
        ticket = comment_ticket(session, by, sent.number, sent.text, internal=internal)
        return Done(ticket.number, ticket.version)

    done = carried_out(call, sent, by, ("comment", sent.text, internal), comment)
    return {"number": done.ticket, "version": done.version}


OPERATIONS: Final = (
    Operation(
        "CreateTicket",
        "Creates a ticket. With a request key the call can be repeated until it is answered: the "
        "same content answers the same number, other content is fault 343.",
        (
            optional(
                "requestKey", TEXT, "a key that the caller chooses, unique per ticket and partner"
            ),
            AUTHOR,
            once("ticket", NEW_TICKET, "fields of the ticket"),
            optional("relation", RELATION, "a ticket to link from the start"),
        ),
        (
            once("number", INT, "the ticket's number"),
            once("version", INT, "the version of the new ticket"),
        ),
        _create,
    ),
    Operation(
        "UpdateTicket",
        "Changes a ticket if nobody changed it since the given version; otherwise nothing is "
        "changed, and fault 342 contains the current ticket. With a request key a repeated "
        "request gets the first answer.",
        (
            ID,
            once("version", INT, "the version that the caller has read"),
            AUTHOR,
            once("change", TICKET_CHANGE, "changed fields"),
            REQUEST_KEY,
        ),
        WRITTEN,
        _update,
        fault=STALE_TICKET,
    ),
    Operation(
        "GetTicket",
        "Returns everything in a ticket that this account may read.",
        (ID,),
        (once("ticket", TICKET, "the ticket"),),
        _get,
    ),
    Operation(
        "CommentTicket",
        "Adds one entry to a diary, in any state of the ticket. With a request key the call can "
        "be repeated until it is answered. Without one, the same call within ten minutes, with "
        "no other change of the ticket in between, is answered but not stored twice.",
        (
            ID,
            AUTHOR,
            once("text", LONG_TEXT, "the entry; not blank"),
            optional("internal", BOOLEAN, "for the internal diary; default false"),
            REQUEST_KEY,
        ),
        WRITTEN,
        _comment,
    ),
)
