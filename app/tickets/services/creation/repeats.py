"""What an account sends a second time: a modification or a comment that is no new one.

Creations have keys, an origin id or a request key; a repeated change is recognised by what stands
in the log (decisions, section 4). Not over REST, nor where a request has a key of its own: there
the key decides, and whatever else is sent twice is meant twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Door, Writer
from app.core.services.changes import TICKET
from app.tickets.models.tickets import Ticket
from app.tickets.rules.fields import ENTRIES
from app.tickets.rules.marks import mark_of

REPEAT_WINDOW = timedelta(minutes=10)
"""Within this time an identical modification, comment or attachment by the same account is a
repeat, not a change, if no other change of the ticket came between (decisions, section 4)."""

_changes = cast(Table, Change.__table__)
# Made once: to put a statement together takes longer than to carry it out.
_NEWEST_CHANGE = (
    select(
        _changes.c.id,
        _changes.c.at,
        _changes.c.actor_kind,
        _changes.c.actor_account,
        _changes.c.request_digest,
    )
    .where(_changes.c.kind == TICKET, _changes.c.thing_id == bindparam("number"))
    .order_by(_changes.c.version.desc())
    .limit(1)
)


@dataclass(frozen=True)
class RecentChange:
    """A change that its account may have sent again: its id, its time (UTC), and the digest of
    the request, where a partner sent one."""

    id: int
    at: datetime
    request_digest: str | None


def recent_own_change(session: Session, by: Writer, number: int) -> RecentChange | None:
    """The newest change of a locked ticket, if this account made it within ``REPEAT_WINDOW``; None
    where nothing but a key decides what is a repeat."""
    if by.has_key:
        return None
    change_id, at, kind, account, digest = (
        session.connection().execute(_NEWEST_CHANGE, {"number": number}).one()
    )
    if (by.actor.kind, by.actor.account) != (kind, account) or by.now - at > REPEAT_WINDOW:
        return None
    return RecentChange(change_id, at, digest)


def count_repeat(session: Session, ticket: Ticket) -> Ticket:
    """Note on a locked ticket that what it holds already was sent to it once more."""
    ticket.repeats += 1
    session.flush()
    return ticket


def is_repeated_request(session: Session, by: Writer, number: int) -> bool:
    """Whether the newest change of the ticket is this same request of the same account."""
    if by.request_digest is None:
        return False
    newest = recent_own_change(session, by, number)
    return newest is not None and newest.request_digest == by.request_digest


def without_known_texts(
    session: Session, by: Writer, ticket: Ticket, differing: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What would change, without the comments that another portal of this kind sent already: their
    last line says which entry of which of its tickets they are, so that one that is carried out
    twice on the way is known again, whenever it comes and whatever came between."""
    if by.door is not Door.SOAP:
        return differing
    marked = [name for name in ENTRIES if mark_of(str(differing.get(name) or "")) is not None]
    known = [name for name in marked if _was_said(session, by, ticket, name, differing[name])]
    return {name: value for name, value in differing.items() if name not in known}


def _was_said(session: Session, by: Writer, ticket: Ticket, field: str, text: str) -> bool:
    found = (
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(Change.kind == TICKET, Change.thing_id == ticket.number)
        .where(Change.actor_account == by.actor.account, ChangedField.field == field)
        .where(ChangedField.new == text)
    )
    return session.scalar(found.limit(1)) is not None


def is_repeated_comment(
    session: Session, by: Writer, ticket: Ticket, differing: Mapping[str, Any]
) -> bool:
    """Whether nothing would change but that the newest change's comments were added once more."""
    if not differing or not set(differing) <= set(ENTRIES):
        return False
    if by.door is Door.EXCHANGE:  # two texts with two keys over there are two
        return False
    if ticket.last_author != by.shown_author:
        return False
    newest = recent_own_change(session, by, ticket.number)
    if newest is None:
        return False
    written = session.execute(
        select(ChangedField.field, ChangedField.new).where(
            ChangedField.change_id == newest.id, ChangedField.field.in_(ENTRIES)
        )
    )
    return {row.field: row.new for row in written} == dict(differing)
