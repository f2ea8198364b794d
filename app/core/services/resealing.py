"""Sealed columns, and their change from an old secret key to a new one.

``app.commands.reseal`` has the list of all of them. A column that is sealed is marked in its model
with ``info=IS_SEALED``, so that a test finds one that the list lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.rules.secret_keys import keys_to_read


def _always(_row: Any) -> bool:
    return True


@dataclass(frozen=True)
class SealedColumn:
    """A column whose values are sealed; "" = no value. Rows are those of the column's model, with a
    key ``id``."""

    kind: str
    """What the values are, in the plural."""
    column: InstrumentedAttribute[str]
    read: Callable[[Any, bytes], str | None]
    """The secret of a row as text; None where neither the key nor the old one opens it."""
    write: Callable[[str, Any, bytes], str]
    """A secret sealed for its row with the key."""
    name: Callable[[Session, Any], str]
    """Which record it is, without its content."""
    is_used: Callable[[Any], bool] = _always
    """Whether the value may still be read."""


@dataclass(frozen=True)
class Looked:
    """What a look at all values of a column found."""

    values: int
    unreadable: Sequence[str]
    """Names of records whose value is used and cannot be read; one may occur several times."""
    ended: int
    """Values that cannot be read, and never will be: they are no longer used."""


def reseal(session: Session, sealed: SealedColumn, key: bytes) -> int:
    """Seal with the new key what only the old one opens; return how many values. What no key opens
    stays as it is. The caller commits."""
    new, done = keys_to_read(key)[0], 0
    for row in _rows(session, sealed, locked=True):
        if sealed.read(row, new) is not None:
            continue
        secret = sealed.read(row, key)
        if secret is not None:
            setattr(row, sealed.column.key, sealed.write(secret, row, new))
            done += 1
    session.flush()
    return done


def look(session: Session, sealed: SealedColumn, key: bytes) -> Looked:
    """Try to read every value with ``key``, and with the old one if it has one."""
    rows = _rows(session, sealed)
    closed = [row for row in rows if sealed.read(row, key) is None]
    used = [row for row in closed if sealed.is_used(row)]
    names = [sealed.name(session, row) for row in used]
    return Looked(len(rows), names, len(closed) - len(used))


def _rows(session: Session, sealed: SealedColumn, *, locked: bool = False) -> Sequence[Any]:
    """All rows with a value, as they are in the database now."""
    row = sealed.column.class_
    query = select(row).where(sealed.column != "").order_by(row.id)
    if locked:  # who turns a second factor off meanwhile waits, and finds what is stored then
        query = query.with_for_update(key_share=True, of=row)
    return session.scalars(query, execution_options={"populate_existing": True}).all()
