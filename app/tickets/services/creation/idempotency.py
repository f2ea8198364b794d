"""Creation that is safe to repeat: a partner's own ticket number opens one ticket, ever.

The key is (partner, origin system as sent or empty, origin id). A repeat is compared with what the
first request sent, never with the ticket as it is now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.rules import access
from app.core.rules.access import Writer
from app.core.rules.errors import OriginConflict
from app.core.services.changes import FieldChange
from app.tickets.models.tickets import OriginDifference, OriginKey, Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import is_open
from app.tickets.services.lifecycle import create_ticket, note_difference

REPEATED_MARK = "Repeated creation with other content"
CONTACTS = {
    "GHD_E-Mail": "repeated_mail",
    "GHD_Phone": "repeated_phone",
    "GHD_CarbonCopy": "repeated_carbon_copy",
}
"""Elements that only operators and the partner that sent them may read, and their fields."""
_keys = cast(Table, OriginKey.__table__)
_INSERT_KEY: Final = upsert(_keys).on_conflict_do_nothing().returning(_keys.c.id)


@dataclass(frozen=True)
class CreationAnswer:
    """The ticket's number; ``refused`` is to be raised after the commit, if it is set."""

    number: int
    created: bool
    refused: OriginConflict | None = None


def create_ticket_idempotent(
    session: Session, by: Writer, new: NewTicket, content: Mapping[str, str]
) -> CreationAnswer:
    """Open the ticket unless its origin id opened one already; also 50 times in parallel.

    ``content`` is what the request sent, field by field as named on the wire, without what only
    names the sender (Last_Login, Last_Modifier); it decides whether a repeat is the same.

    A repeat while the ticket is open answers its number; other content is stored as one marked
    internal entry, once per different content, and the ticket needs review. A repeat for a
    closed ticket with the same content answers its number; with other content it is refused.
    """
    access.require_create(by.actor)
    if not new.origin_id or by.actor.partner_id is None:
        return CreationAnswer(create_ticket(session, by, new), created=True)
    sent = {name: text for name, text in sorted(content.items()) if text}
    stored = json.dumps(sent, ensure_ascii=False, sort_keys=True)
    # a second writer of the same key waits here until the first has committed
    first = (
        session.connection()
        .execute(
            _INSERT_KEY,
            {
                "partner_id": by.actor.partner_id,
                "origin_system": new.origin_system,
                "origin_id": new.origin_id,
                "content": stored,
            },
        )
        .scalar()
    )
    if first is not None:
        number = create_ticket(session, by, new, origin_key=first)
        return CreationAnswer(number, created=True)
    return _answer_repeat(session, by, new, sent, stored)


def _answer_repeat(
    session: Session, by: Writer, new: NewTicket, sent: Mapping[str, str], stored: str
) -> CreationAnswer:
    key = session.scalars(
        select(OriginKey).where(
            OriginKey.partner_id == by.actor.partner_id,
            OriginKey.origin_system == new.origin_system,
            OriginKey.origin_id == new.origin_id,
        )
    ).one()
    assert key.ticket_number is not None
    if key.content == stored:
        return CreationAnswer(key.ticket_number, created=False)
    locked = {"of": Ticket, "key_share": True}
    ticket = session.get_one(Ticket, key.ticket_number, with_for_update=locked)
    digest = hashlib.sha256(stored.encode()).hexdigest()
    refused = None if is_open(ticket.state) else OriginConflict(ticket.number)
    if session.get(OriginDifference, (key.id, digest)) is None:
        session.add(OriginDifference(origin_key_id=key.id, content_digest=digest, at=by.now))
        first = json.loads(key.content)
        note_difference(
            session, by, ticket.number, _differences(first, sent), _hidden_differences(first, sent)
        )
    elif refused is not None:
        note_difference(session, by, ticket.number, "")
    return CreationAnswer(ticket.number, created=False, refused=refused)


def _differences(first: Mapping[str, str], again: Mapping[str, str]) -> str:
    """The differing values of a repeat, a line each, in the names of the contract."""
    lines = [f"{REPEATED_MARK}; the ticket was not changed:"]
    for name in sorted({*first, *again}):
        if first.get(name, "") != again.get(name, ""):
            shown = "(differs)" if name in CONTACTS else again.get(name) or "(not sent)"
            lines.append(f"{name}: {shown}")
    return "\n".join(lines)


def _hidden_differences(
    first: Mapping[str, str], again: Mapping[str, str]
) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field, first.get(name), again.get(name))
        for name, field in CONTACTS.items()
        if first.get(name, "") != again.get(name, "")
    )
