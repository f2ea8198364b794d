"""Inserts a new row and what belongs to it by plain statements.

SQLAlchemy's unit of work finds out by itself what is to be written, in which order. For a row that
is new together with its parts the order is known, and others wait for the write lock meanwhile:
finding it out takes as long as the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, Insert, Table, insert, inspect
from sqlalchemy.orm import Mapper, RelationshipDirection, Session, make_transient_to_detached

from app.core.models.base import Base


def insert_with_parts(session: Session, row: Base) -> None:
    """Insert ``row``, then the rows of its lists that belong to it alone, and theirs.

    All of them are new, refer only to rows that are stored, and are the session's afterwards, as
    after a flush. Lists of rows that belong to others too (``Ticket.handed_to``) must be empty.
    """
    _insert(session.connection(), row)
    session.add(row)


@dataclass(frozen=True)
class _Plan:
    """How rows of one class are inserted. Pairs are (attribute here, attribute there)."""

    statement: Insert
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    referred: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Relations to stored rows, with where their keys go."""
    parts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Lists of rows that belong to this one alone, with where its key goes."""
    others: tuple[str, ...]
    """Lists that are not written here."""


@cache
def _plan(kind: type[Base]) -> _Plan:
    mapper: Mapper[Any] = inspect(kind)
    referred, parts, others = [], [], []
    for relation in mapper.relationships:
        pairs = tuple(
            (
                relation.parent.get_property_by_column(ours).key,
                relation.mapper.get_property_by_column(theirs).key,
            )
            for ours, theirs in relation.local_remote_pairs or ()
            if relation.secondary is None
        )
        if relation.direction is RelationshipDirection.MANYTOONE:
            referred.append((relation.key, pairs))
        elif relation.cascade.delete_orphan:
            parts.append((relation.key, pairs))
        else:
            others.append(relation.key)
    return _Plan(
        insert(cast(Table, mapper.local_table)),
        tuple(item.key for item in mapper.column_attrs),
        tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key),
        tuple(referred),
        tuple(parts),
        tuple(others),
    )


def _insert(connection: Connection, row: Base) -> None:
    plan = _plan(type(row))
    values = vars(row)
    assert not any(values.get(name) for name in plan.others), "this would be lost"
    for relation, pairs in plan.referred:
        other = values.get(relation)
        if other is not None:
            for ours, theirs in pairs:
                key = getattr(other, theirs)
                assert key is not None, "refers to a row that is not stored"
                setattr(row, ours, key)
    given = {name: values[name] for name in plan.columns if name in values}
    keys = connection.execute(plan.statement, given).inserted_primary_key
    assert keys is not None
    for name, key in zip(plan.keys, keys, strict=True):
        setattr(row, name, key)
    for relation, pairs in plan.parts:
        for part in values.get(relation, ()):
            for ours, theirs in pairs:
                setattr(part, theirs, values[ours])
            _insert(connection, part)
    make_transient_to_detached(row)
