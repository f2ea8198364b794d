"""The diaries of tickets: the public and internal entries that stand in the change log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules.access import Actor, may_read_internal
from app.core.services.changes import TICKET

PUBLIC = "public_comment"
INTERNAL = "internal_comment"

_changes, _fields = Change.__table__, ChangedField.__table__
_ENTRIES = (
    select(
        _changes.c.thing_id,
        _changes.c.at,
        _changes.c.author,
        _changes.c.partner_id,
        _fields.c.field,
        _fields.c.new,
    )
    .join(_fields, _fields.c.change_id == _changes.c.id)
    .where(
        _changes.c.kind == TICKET,
        _changes.c.thing_id.in_(bindparam("numbers", expanding=True)),
        _fields.c.field.in_((PUBLIC, INTERNAL)),
    )
    .order_by(_changes.c.thing_id, _changes.c.version, _fields.c.position)
)


@dataclass(frozen=True)
class Entry:
    """One entry: when (UTC), by whom it says it was written, and its text."""

    at: datetime
    author: str
    text: str
    internal: bool


def may_see_entry(actor: Actor, *, internal: bool, partner_id: int | None) -> bool:
    """Whether the actor may read an entry that an account of ``partner_id`` wrote.

    Internal ones are for operators and accounts with that right; what a partner itself wrote
    always comes back to it.
    """
    if not internal or may_read_internal(actor):
        return True
    return actor.partner_id is not None and actor.partner_id == partner_id


def entries_of(
    session: Session, actor: Actor, numbers: Sequence[int]
) -> Mapping[int, Sequence[Entry]]:
    """The entries that the actor may read, by ticket number, oldest first."""
    found: dict[int, list[Entry]] = defaultdict(list)
    rows = session.connection().execute(_ENTRIES, {"numbers": numbers})
    for number, at, author, partner_id, field, text in rows:
        internal = field == INTERNAL
        if text and may_see_entry(actor, internal=internal, partner_id=partner_id):
            found[number].append(Entry(at, author, text, internal))
    return found
