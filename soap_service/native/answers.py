"""A ticket as the native service answers it to one account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from app.registry.models.registry import Link
from app.tickets.models.attachments import Attachment
from app.tickets.rules.attachments import public_id
from app.tickets.rules.fields import ENTRIES, FIELDS
from app.tickets.services.acknowledgements import answers_at
from app.tickets.services.attachments import attachments_of
from app.tickets.services.diaries import DiaryEntry
from app.tickets.services.lifecycle import moves_from
from app.tickets.services.relations import relations_of
from app.tickets.services.ticket_rows import TicketRow, read_whole_row
from app.tickets.services.timeline import TimelineStep, may_see_contacts
from soap_service.native.kinds import wire_name
from soap_service.native.operations import NativeCall

Values = Mapping[str, Any]

TEXT_BOUND: Final = 4 * 1024 * 1024
"""Characters of all entries of one answer: of a ticket's diary, of a page of its history."""
_AS_THEY_ARE: Final = (
    *("number", "version", "last_author"),
    *(
        field.name
        for field in FIELDS
        if field.meaning and field.name not in ENTRIES and not field.is_contact
    ),
)
_CONTACTS: Final = tuple(field.name for field in FIELDS if field.meaning and field.is_contact)


def ticket_values(call: NativeCall, number: int) -> Values:
    """The ticket as this account may read it; ``NotFound`` if it may not."""
    session, actor = call.session, call.actor
    whole = read_whole_row(session, actor, number)
    ticket = whole.ticket
    contacts = may_see_contacts(actor, ticket.created_by_partner_id)
    values: dict[str, Any] = {wire_name(name): getattr(ticket, name) for name in _AS_THEY_ARE}
    if contacts:
        values |= {wire_name(name): getattr(ticket, name) for name in _CONTACTS}
    return {
        **values,
        "responsibleSite": ticket.responsible_key,
        "moves": moves_from(actor, ticket.state, whole),
        "links": [
            {
                "name": item.name,
                "endA": item.end_a,
                "endB": item.end_b,
                "recognised": item.recognised,
            }
            for item in whole.links
        ],
        "sites": [
            {"key": item.key, "name": item.name, "recognised": item.recognised}
            for item in whole.sites
        ],
        "references": [
            {
                "provider": item.provider,
                "reference": item.reference,
                "url": item.url,
                "kind": item.kind,
            }
            for item in whole.references
        ],
        "submitter": _submitter(ticket, contacts=contacts),
        "origin": _origin(ticket),
        "relations": [
            {"role": wire_name(item.role), "number": item.number}
            for item in (relations_of(session, actor, number) if ticket.has_relations else ())
        ],
        "acknowledgements": [
            {
                "site": item.site,
                "answer": item.answer,
                "reason": item.reason,
                "at": item.at,
                "author": item.author,
                "outdated": item.outdated,
            }
            for item in (answers_at(session, number) if ticket.has_acknowledgements else ())
        ],
        "attachments": [
            attachment_values(item)
            for item in (attachments_of(session, actor, number) if ticket.has_attachments else ())
        ],
        **_diary(whole.diary),
        "created": ticket.created_at,
        "changed": ticket.changed_at,
        "ended": ticket.ended_at,
    }


def _diary(entries: Sequence[DiaryEntry]) -> Values:
    """The newest entries that fit into an answer, and how many older ones do not."""
    kept = len(within(TEXT_BOUND, (len(entry.text) for entry in reversed(entries))))
    return {
        "diary": [
            {"at": item.at, "author": item.author, "internal": item.internal, "text": item.text}
            for item in entries[len(entries) - kept :]
        ],
        "olderEntries": len(entries) - kept or None,
    }


def within(bound: int, sizes: Iterable[int]) -> Sequence[int]:
    """The first of these sizes that are within ``bound`` together, and one in any case."""
    found: list[int] = []
    total = 0
    for size in sizes:
        total += size
        if found and total > bound:
            break
        found.append(size)
    return found


def ends(link: Link) -> Values:
    """The keys of the sites at a link's two ends."""
    return {"endA": link.end_a.key, "endB": link.end_b.key}


def attachment_values(attachment: Attachment) -> Values:
    """What is known of a file."""
    return {
        "id": public_id(attachment.id),
        "name": attachment.name,
        "size": attachment.size,
        "created": attachment.created_at,
        "author": attachment.author,
    }


def step_values(step: TimelineStep) -> Values:
    """One change: who, when, through which door, and what changed, comments among it."""
    fields = [(item.field, item.old, item.new) for item in step.fields]
    fields += [
        (name, None, text)
        for name, text in (
            ("public_comment", step.public_comment),
            ("internal_comment", step.internal_comment),
        )
        if text
    ]
    return {
        "version": step.version,
        "at": step.at,
        "author": step.author,
        "account": step.account,
        "door": step.door,
        "fields": [{"field": wire_name(name), "old": old, "new": new} for name, old, new in fields],
    }


def _submitter(ticket: TicketRow, *, contacts: bool) -> Values | None:
    found = {"name": ticket.submitter_name, "login": ticket.submitter_login}
    if contacts:
        found |= {"mail": ticket.submitter_mail, "phone": ticket.submitter_phone}
    return found if any(found.values()) else None


def _origin(ticket: TicketRow) -> Values | None:
    partner = ticket.partner_code
    return {"partner": partner, "id": ticket.origin_id} if partner is not None else None


def names_of(values: Sequence[Values], name: str) -> list[Any]:
    """One value of each of several messages."""
    return [item[name] for item in values]
