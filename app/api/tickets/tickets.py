"""Tickets: find, read, create, change, comment, move, link, acknowledge, and their files."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from flask import Response, g, request
from sqlalchemy import Row

from app.api.caller import session
from app.api.operations import Call, View, a_file, next_page, operation
from app.api.tickets.schemas import (
    EXPAND_ALL,
    FOUND,
    MAX_EXPANDED,
    AcknowledgementBody,
    CommentBody,
    FileQuery,
    MoveBody,
    NewTicketBody,
    OneTicket,
    Relation,
    TicketChange,
    TicketFile,
    TicketPage,
    TicketsQuery,
)
from app.core.rules.access import ActorKind, Door, Writer
from app.core.rules.addresses import kept_address
from app.core.rules.attached_files import cleaned_name
from app.core.rules.counted import Counted
from app.core.rules.errors import Invalid, NotFound, PortalError, StaleVersion
from app.core.rules.scopes import Scope
from app.core.services.security_log import log_event
from app.core.web.positions import read_position, write_position
from app.tickets.models.attachments import Attachment
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.attachments import attachment_id, public_id
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.desk import Desk
from app.tickets.rules.fields import ENTRIES, FIELDS
from app.tickets.rules.relations import RelationRole
from app.tickets.services import acknowledgements, lifecycle, pages, relations
from app.tickets.services.acknowledgements import answers_at
from app.tickets.services.attachments import (
    add_attachment,
    attachments_of,
    content_of,
    find_attachment,
    remove_attachment,
)
from app.tickets.services.lifecycle import change_ticket_at, locked_ticket, moves_from
from app.tickets.services.lists.desk import on_desk
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.lists.statistics_conditions import CountedAt
from app.tickets.services.merging import separate_tickets
from app.tickets.services.pages import Page
from app.tickets.services.relations import open_related_ticket, relations_of
from app.tickets.services.ticket_rows import read_whole_row
from app.tickets.services.timeline import may_see_contacts

_READ: Final = (Scope.READ, Scope.TICKETS)
_WRITE: Final = (Scope.TICKETS,)
_VALUES: Final = ("network", "category", "layer", "priority", "unit")
_AS_THEY_ARE: Final = tuple(
    field.name
    for field in FIELDS
    if field.meaning and field.name not in ENTRIES and not field.is_contact
)
_CONTACTS: Final = tuple(field.name for field in FIELDS if field.meaning and field.is_contact)
_LISTS: Final = ("links", "sites", "asked_sites")
_NEEDS: Final = frozenset({"category", "window_start", "window_end", "sites"})
"""A change of any of these requires what the category needs."""


def _bytes() -> bytes:
    return request.get_data()


def as_seen(view: View) -> View:
    """The view, but only if the ticket still has the version that If-Match stands for: looked at
    under its lock, so that nobody is overtaken between the two. Notes for the answer whether the
    ticket is what it was before."""

    @wraps(view)
    def carry_out(call: Call) -> Mapping[str, Any] | Response | PortalError:
        # in the order in which everybody locks two tickets
        locked = {one: locked_ticket(session(), one) for one in sorted(_numbers(call))}
        version = locked[call.number()].version
        if call.version is not None and version != call.version:
            raise StaleVersion(version)
        content = view(call)
        g.stored_nothing = isinstance(content, Mapping) and content["version"] == version
        return content

    return carry_out


@operation("GET", "/v1/tickets", scopes=_READ, query=TicketsQuery, answer=TicketPage)
def list_tickets(call: Call) -> Mapping[str, Any]:
    """List tickets."""
    query = call.query

    def many(name: str) -> tuple[str, ...]:
        return tuple(query.get(name, ()))

    wanted = TicketFilter(
        text=query.get("q", ""),
        states=many("state"),
        values={name: many(name) for name in _VALUES if name in query},
        sites=many("site"),
        affected=many("affected"),
        links=many("link"),
        responsible=many("responsible"),
        created_from=query.get("from_"),
        created_to=query.get("to"),
        desk=tuple(on_desk(Desk(word), call.now, call.actor) for word in many("desk")),
        counted=tuple(CountedAt(Counted(word), call.now) for word in many("figure")),
        sort=query["sort"],
    )
    after = None
    if "after" in query:
        try:
            after = read_position(query["after"], query["sort"])
        except (ValueError, TypeError, RecursionError, binascii.Error, OverflowError):
            raise Invalid(
                "after", "after takes what `next` of the page before holds, with the same sort"
            ) from None
    is_whole = query.get("expand") == EXPAND_ALL
    if is_whole and query["limit"] > MAX_EXPANDED:
        raise Invalid("limit", f"limit takes 1 to {MAX_EXPANDED} with expand={EXPAND_ALL}")
    page = pages.list_tickets(session(), call.actor, wanted, after=after, limit=query["limit"])
    return {
        "items": [row for ticket in page.tickets for row in _listed(call, page, ticket, is_whole)],
        "next": next_page(write_position(page.after) if page.after is not None else None),
    }


def _listed(call: Call, page: Page, ticket: Row[Any], is_whole: bool) -> Iterator[dict[str, Any]]:
    """The row of a ticket; none if it was taken from this account meanwhile."""
    row = {
        **{name: getattr(ticket, name) for name in ("number", "version", *FOUND)},
        "links": [item.shown for item in page.links[ticket.number]],
        "sites": [item.shown for item in page.sites[ticket.number]],
        "responsible_site": ticket.responsible,
        "created": ticket.created_at,
        "changed": ticket.changed_at,
    }
    if is_whole:
        try:
            row["ticket"] = content_of_ticket(call, ticket.number)
        except NotFound:
            return
    yield row


@operation(
    "POST",
    "/v1/tickets",
    scopes=_WRITE,
    body=NewTicketBody,
    answer=OneTicket,
    location=lambda made: f"/v1/tickets/{made['number']}",
)
def create_ticket(call: Call) -> Mapping[str, Any]:
    """Create a ticket."""
    by, sent = _by(call), dict(call.body)
    submitter, relation = sent.pop("submitter", {}), sent.pop("relation", None)
    stated = _stated(sent) | {f"submitter_{name}": text for name, text in submitter.items() if text}
    new = NewTicket(**{name: value for name, value in stated.items() if value is not None})
    if relation is None:
        number = lifecycle.create_ticket(session(), by, new, check_needs=True)
    else:
        role, other = RelationRole(relation["role"]), relation["number"]
        number = open_related_ticket(session(), by, new, role, other, check_needs=True).number
    return content_of_ticket(call, number)


def _by(call: Call) -> Writer:
    """Who writes: the account of the token. A partner's may name who wrote it there, as over SOAP;
    ``Invalid`` where anybody else does."""
    author = call.body.get("author", "")
    if author and call.actor.kind is not ActorKind.PARTNER:
        raise Invalid("author", "Only a partner's account names an author; leave it out")
    return replace(call.writer, author=author)


@operation("GET", "/v1/tickets/{number}", scopes=_READ, answer=OneTicket)
def get_ticket(call: Call) -> Mapping[str, Any]:
    """Get a ticket by number."""
    return content_of_ticket(call, call.number())


@operation(
    "PATCH",
    "/v1/tickets/{number}",
    scopes=_WRITE,
    body=TicketChange,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def change_ticket(call: Call) -> Mapping[str, Any]:
    """Change a ticket.

    With If-Match only what was seen.
    """
    wanted, needs = _stated(call.body), not _NEEDS.isdisjoint(call.body)
    by, number = _by(call), call.number()
    if call.version is None:
        ticket = lifecycle.change_ticket(session(), by, number, wanted, check_needs=needs)
    else:
        ticket = change_ticket_at(session(), by, number, wanted, call.version, check_needs=needs)
    return content_of_ticket(call, ticket.number)


@operation(
    "POST",
    "/v1/tickets/{number}/comments",
    scopes=_WRITE,
    body=CommentBody,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def comment_ticket(call: Call) -> Mapping[str, Any]:
    """Add a comment to a ticket."""
    sent = call.body
    ticket = lifecycle.comment_ticket(
        session(),
        _by(call),
        call.number(),
        sent["text"],
        internal=sent["internal"],
        state=sent.get("state", ""),
    )
    return content_of_ticket(call, ticket.number)


@operation(
    "POST",
    "/v1/tickets/{number}/moves",
    scopes=_WRITE,
    body=MoveBody,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def move_ticket(call: Call) -> Mapping[str, Any]:
    """Move a ticket to another state."""
    sent = call.body
    ticket = lifecycle.move_ticket(
        session(),
        _by(call),
        call.number(),
        sent["state"],
        solution=sent.get("solution"),
        public_comment=sent.get("comment", ""),
    )
    return content_of_ticket(call, ticket.number)


@operation("POST", "/v1/tickets/{number}/take", scopes=_WRITE, answer=OneTicket, of=get_ticket)
@as_seen
def take_ticket(call: Call) -> Mapping[str, Any]:
    """Assign a ticket to yourself and start work."""
    return content_of_ticket(
        call, lifecycle.take_ticket(session(), call.writer, call.number()).number
    )


@operation(
    "POST",
    "/v1/tickets/{number}/relations",
    scopes=_WRITE,
    body=Relation,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def relate_tickets(call: Call) -> Mapping[str, Any]:
    """Link two tickets."""
    role, other = RelationRole(call.body["role"]), call.body["number"]
    ticket = relations.relate_tickets(session(), call.writer, call.number(), role, other)
    return content_of_ticket(call, ticket.number)


@operation(
    "DELETE",
    "/v1/tickets/{number}/relations/{role}/{other}",
    scopes=_WRITE,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def unrelate_tickets(call: Call) -> Mapping[str, Any]:
    """Remove a relation from both tickets."""
    try:
        role = RelationRole(call.keys["role"])
    except ValueError:
        raise NotFound from None
    other = call.number("other")
    ticket = separate_tickets(session(), call.writer, call.number(), role, other)
    return content_of_ticket(call, ticket.number)


@operation(
    "POST",
    "/v1/tickets/{number}/acknowledgements",
    scopes=_WRITE,
    body=AcknowledgementBody,
    answer=OneTicket,
    of=get_ticket,
)
@as_seen
def acknowledge_change(call: Call) -> Mapping[str, Any]:
    """Accept or refuse a change on behalf of a site."""
    sent = call.body
    ticket = acknowledgements.acknowledge_change(
        session(),
        _by(call),
        call.number(),
        sent["site"],
        Answer(sent["answer"]),
        sent.get("reason", ""),
    )
    return content_of_ticket(call, ticket.number)


@operation(
    "POST",
    "/v1/tickets/{number}/attachments",
    scopes=_WRITE,
    query=FileQuery,
    takes=a_file,
    reads=_bytes,
    media=("application/octet-stream",),
    answer=TicketFile,
    location=lambda made: f"/v1/attachments/{made['id']}",
)
def attach_file(call: Call) -> Mapping[str, Any]:
    """Add a file to a ticket."""
    name = call.query["name"]
    return _file(add_attachment(session(), call.writer, call.number(), name, call.body))


@operation("GET", "/v1/attachments/{id}", scopes=_READ, gives=("application/octet-stream",))
def get_file(call: Call) -> Response:
    """Download an attachment.

    To be saved, and never to be shown as a page.
    """
    found = find_attachment(session(), call.actor, attachment_id(call.keys["id"]))
    log_event(
        "download",
        door=Door.API,
        account=call.actor.account,
        remote=kept_address(request.remote_addr),
        kind="attachment",
        thing=public_id(found.id),
    )
    answer = Response(content_of(session(), found), content_type="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=cleaned_name(found.name))
    return answer


@operation("DELETE", "/v1/attachments/{id}", scopes=_WRITE)
def remove_file(call: Call) -> Mapping[str, Any]:
    """Remove an attachment."""
    remove_attachment(session(), call.writer, attachment_id(call.keys["id"]))
    return {}


def _stated(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a writer states, in the words of the services."""
    values = {name: value for name, value in sent.items() if name != "author"}
    values |= {name: tuple(values[name]) for name in _LISTS if name in values}
    if "references" in values:
        values["references"] = tuple(
            Reference(
                item["provider"],
                item["reference"],
                item.get("url", ""),
                item.get("kind", "other"),
            )
            for item in values["references"]
        )
    return values


def content_of_ticket(call: Call, number: int) -> Mapping[str, Any]:
    """The ticket as this account may read it now."""
    actor = call.actor
    whole = read_whole_row(session(), actor, number)
    ticket = whole.ticket
    submitter = {"name": ticket.submitter_name, "login": ticket.submitter_login}
    values: dict[str, Any] = {name: getattr(ticket, name) for name in _AS_THEY_ARE}
    if may_see_contacts(actor, ticket.created_by_partner_id):
        submitter |= {"mail": ticket.submitter_mail, "phone": ticket.submitter_phone}
        values |= {name: getattr(ticket, name) for name in _CONTACTS}
    partner = ticket.partner_code
    return {
        **values,
        "number": number,
        "version": ticket.version,
        "last_author": ticket.last_author,
        "moves": moves_from(actor, ticket.state, whole),
        "links": whole.links,
        "sites": whole.sites,
        "responsible_site": ticket.responsible_key,
        "references": whole.references,
        "submitter": submitter,
        "origin": None if partner is None else {"partner": partner, "id": ticket.origin_id},
        "relations": relations_of(session(), actor, number) if ticket.has_relations else (),
        "acknowledgements": answers_at(session(), number) if ticket.has_acknowledgements else (),
        "attachments": [_file(item) for item in attachments_of(session(), actor, number)]
        if ticket.has_attachments
        else (),
        "diary": whole.diary,
        "created": ticket.created_at,
        "changed": ticket.changed_at,
        "ended": ticket.ended_at,
    }


def _file(attachment: Attachment) -> Mapping[str, Any]:
    return {
        "id": public_id(attachment.id),
        "name": attachment.name,
        "size": attachment.size,
        "created": attachment.created_at,
        "author": attachment.author,
    }


def _numbers(call: Call) -> set[int]:
    """The ticket that a call changes, and the other one of a relation."""
    found = {call.number()}
    if "other" in call.keys:
        found.add(call.number("other"))
    elif isinstance(call.body, Mapping) and "role" in call.body:
        found.add(call.body["number"])
    return found
