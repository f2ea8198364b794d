"""The diaries of tickets: the public and internal entries that are in the change log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session

from app.core.database.expressions import as_one_value
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


def diary_of(number: ColumnElement[int]) -> ColumnElement[Any]:
    """What ``read_diary`` reads: the entries of the ticket of this number, as one value, for a
    statement that reads a single ticket."""
    entries = as_one_value(
        _changes.c.version,
        _fields.c.position,
        _changes.c.at,
        _changes.c.author,
        _changes.c.partner_id,
        _fields.c.field,
        _fields.c.new,
    )
    return (
        select(entries)
        .join_from(_changes, _fields, _fields.c.change_id == _changes.c.id)
        .where(
            _changes.c.kind == TICKET,
            _changes.c.thing_id == number,
            _fields.c.field.in_((PUBLIC, INTERNAL)),
        )
        .scalar_subquery()
    )


@dataclass(frozen=True)
class DiaryEntry:
    """One entry: time (UTC), stated author and text."""

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
) -> Mapping[int, Sequence[DiaryEntry]]:
    """The entries that the actor may read, by ticket number, oldest first."""
    found: dict[int, list[DiaryEntry]] = defaultdict(list)
    rows = session.connection().execute(_ENTRIES, {"numbers": numbers})
    for number, at, author, partner_id, field, text in rows:
        internal = field == INTERNAL
        if text and may_see_entry(actor, internal=internal, partner_id=partner_id):
            found[number].append(DiaryEntry(at, author, text, internal))
    return found


def read_diary(actor: Actor, value: Sequence[Any] | None) -> Sequence[DiaryEntry]:
    """The entries that the actor may read, oldest first. ``value``: of ``diary_of``."""
    found = []
    for _version, _position, at, author, partner_id, field, text in sorted(
        value or (), key=itemgetter(0, 1)
    ):
        internal = field == INTERNAL
        if text and may_see_entry(actor, internal=internal, partner_id=partner_id):
            found.append(DiaryEntry(_time(at), author, text, internal))
    return found


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
