"""The change log: one row for each change of a thing, written in the change's own transaction.

Timeline, GGUS history, audit and every partner's cursor are read from it. Its ids are given out
under a lock that is held until commit, so a reader that has seen id n will never see a lower one
appear later.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    FromClause,
    Integer,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    select,
    true,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session, joinedload

from app.core.database.bulk_rows import insert_rows
from app.core.database.upsert import upsert
from app.core.models.changes import Change, ChangedField, Counter
from app.core.rules.access import Writer
from app.core.traces import traceparent

TICKET = "ticket"
_counters = cast(Table, Counter.__table__)
_changes = cast(Table, Change.__table__)
# Made once, of tables: other writers wait for the counters' locks.
_INSERT_CHANGE = insert(_changes)
_fields = cast(Table, ChangedField.__table__)
_INSERT_FIELDS = insert(_fields)
_FIELD_COLUMNS: Final = ("position", "field", "old", "new")
_TAKE: Final = (
    upsert(_counters)
    .values(name=bindparam("taken"), value=bindparam("count"))
    .on_conflict_do_update(
        index_elements=["name"], set_={"value": _counters.c.value + bindparam("count")}
    )
    .returning(_counters.c.value)
)


def next_number(sequence: str, after: FromClause | None = None) -> Any:
    """PostgreSQL only: a statement that takes the next number of a sequence, for another one to
    hold; once the one row of ``after`` is there."""
    row = select(cast(Any, literal_column(f"'{sequence}'")), literal_column("1", Integer))
    return (
        upsert(_counters)
        .from_select(["name", "value"], row if after is None else row.select_from(after))
        .on_conflict_do_update(index_elements=["name"], set_={"value": _counters.c.value + 1})
        .returning(_counters.c.value)
    )


def given_rows(name: str, *columns: ColumnElement[Any]) -> TableValuedAlias:
    """PostgreSQL only: the rows that the parameter ``name`` holds as a JSON list of objects with
    these columns."""
    return (
        func.json_to_recordset(sql_cast(bindparam(name, type_=Text), JSON))
        .table_valued(*(column(one.name, one.type) for one in columns))
        .render_derived(name=f"given_{name}", with_types=True)
    )


def logged_after(thing: FromClause) -> tuple[CTE, CTE]:
    """PostgreSQL only: parts of a statement that log one change of the thing whose key ``thing``
    has as ``thing_id``: its number and row, and its fields. Values: ``change_values``."""
    taken = next_number("change", thing).cte("taken_change")
    own = [item for item in _changes.c if item.name not in ("id", "thing_id")]
    added = (
        _INSERT_CHANGE.from_select(
            ["id", "thing_id", *(item.name for item in own)],
            select(
                taken.c.value,
                thing.c.thing_id,
                *(bindparam(f"change_{item.name}", type_=item.type) for item in own),
            ).join(thing, true()),
        )
        .returning(_changes.c.id)
        .cte("added")
    )
    given = given_rows("change_fields", *(_fields.c[name] for name in _FIELD_COLUMNS))
    logged = (
        _INSERT_FIELDS.from_select(
            ["change_id", *_FIELD_COLUMNS],
            select(added.c.id, *given.c).select_from(added.join(given, true())),
        )
        .returning(_fields.c.id)
        .cte("logged")
    )
    return added, logged


@cache
def _insert_all() -> Any:
    """PostgreSQL only: number, change and fields in one round trip. From the number to the commit
    all other writers wait."""
    added, logged = logged_after(
        select(bindparam("thing_id", type_=_changes.c.thing_id.type).label("thing_id")).cte("thing")
    )
    return select(added.c.id).add_cte(logged)


_CHANGE_COLUMNS: Final = (
    *("id", "kind", "thing_id", "version"),
    *("at", "actor_kind", "actor_account", "actor_id", "partner_id"),
    *("author", "claims", "door", "remote", "request_digest", "traceparent"),
)


@dataclass(frozen=True)
class FieldChange:
    """One field's old and new value as text; None = not set."""

    field: str
    old: str | None
    new: str | None


def take_number(session: Session, sequence: str, count: int = 1) -> int:
    """The next number of a sequence, counting from 1, without gaps; the last one of ``count``.

    Holds the sequence's lock until the transaction ends: a lower number never becomes visible
    after a higher one. Take it as late as possible.
    """
    taken = session.connection().execute(_TAKE, {"taken": sequence, "count": count})
    return int(taken.scalar_one())


def next_version(session: Session, kind: str, thing_id: int) -> int:
    """The version that the next change of a thing brings; 1 for its creation."""
    newest = session.scalar(
        select(func.max(Change.version)).where(Change.kind == kind, Change.thing_id == thing_id)
    )
    return (newest or 0) + 1


def record_change(
    session: Session,
    by: Writer,
    *,
    kind: str,
    thing_id: int,
    fields: Iterable[FieldChange],
    version: int | None = None,
    at: datetime | None = None,
) -> int:
    """Write one change of one thing; its id. ``at`` is UTC and defaults to the writer's ``now``."""
    session.flush()
    version = version if version is not None else next_version(session, kind, thing_id)
    change = _change(by, kind, version, at if at is not None else by.now)
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        given = {"thing_id": thing_id, **_prefixed(change, fields)}
        return int(connection.execute(_insert_all(), given).scalar_one())
    number = take_number(session, "change")
    connection.execute(_INSERT_CHANGE, {"id": number, "thing_id": thing_id, **change})
    if rows := _rows(fields):
        connection.execute(_INSERT_FIELDS, [{"change_id": number, **row} for row in rows])
    return number


def read_on(
    session: Session, begins: int, count: int, *which: ColumnElement[bool]
) -> tuple[Sequence[Change], int] | None:
    """At most ``count`` changes behind a cursor, the oldest first, and its position after them;
    None = nothing was changed since. The cursor skips what is not among ``which``."""
    newest = newest_change(session)  # first: what is behind it in the next query is visible by now
    if newest <= begins:
        return None
    changes = session.scalars(
        select(Change)
        .where(Change.id > begins, Change.id <= newest, *which)
        .order_by(Change.id)
        .limit(count)
    ).all()
    return changes, changes[-1].id if len(changes) == count else newest


def newest_change(session: Session) -> int:
    """The id of the newest change; 0 = none exists."""
    return session.scalar(select(func.max(Change.id))) or 0


def traceparent_of(session: Session, change_id: int | None) -> str:
    """The ``traceparent`` of the request that wrote a change, as ``app.core.traces.resumed`` takes
    it; "" = none is known."""
    if change_id is None:
        return ""
    return session.scalar(select(Change.traceparent).where(Change.id == change_id)) or ""


def change_values(
    by: Writer, kind: str, version: int, at: datetime, fields: Iterable[FieldChange]
) -> dict[str, Any]:
    """The values of ``logged_after`` for one change. ``at`` is UTC."""
    return _prefixed(_change(by, kind, version, at), fields)


def _prefixed(change: Mapping[str, Any], fields: Iterable[FieldChange]) -> dict[str, Any]:
    """Under names of their own: where a statement updates some table as well, SQLAlchemy sets each
    column of it to the value that has its name."""
    given = {f"change_{name}": value for name, value in change.items()}
    return {**given, "change_fields": json.dumps(_rows(fields))}


def _change(by: Writer, kind: str, version: int, at: datetime) -> dict[str, Any]:
    """A change's row without its id and the thing's."""
    return {
        "kind": kind,
        "version": version,
        "at": at,
        "actor_kind": by.actor.kind,
        "actor_account": by.actor.account,
        "actor_id": by.actor.account_id,
        "partner_id": by.actor.partner_id,
        "author": by.shown_author,
        "claims": json.dumps(dict(by.claims), ensure_ascii=False) if by.claims else "",
        "door": by.door,
        "remote": by.remote,
        "request_digest": by.request_digest,
        "traceparent": traceparent() or None,
    }


def _rows(fields: Iterable[FieldChange]) -> list[dict[str, Any]]:
    return [
        {"position": position, "field": item.field, "old": item.old, "new": item.new}
        for position, item in enumerate(fields)
    ]


def record_changes(
    session: Session,
    by: Writer,
    kind: str,
    changes: Sequence[tuple[int, int, Sequence[FieldChange]]],
) -> int:
    """Write one change for each thing of a kind, given by key, new version and fields, at the
    writer's ``now``; the id of the last one, 0 if none exists.

    Rows go in by the thousand: the log's lock is held until the commit, and all who write wait.
    """
    if not changes:
        return 0
    session.flush()
    last = take_number(session, "change", len(changes))
    claims = json.dumps(dict(by.claims), ensure_ascii=False) if by.claims else ""
    actor = by.actor
    common = (
        *(by.now, actor.kind.value, actor.account, actor.account_id, actor.partner_id),
        *(by.shown_author, claims, by.door.value, by.remote, by.request_digest),
        traceparent() or None,
    )
    numbers = range(last - len(changes) + 1, last + 1)
    insert_rows(
        session,
        Change,
        _CHANGE_COLUMNS,
        [
            (number, kind, thing_id, version, *common)
            for number, (thing_id, version, _) in zip(numbers, changes, strict=True)
        ],
    )
    insert_rows(
        session,
        ChangedField,
        ("change_id", *_FIELD_COLUMNS),
        [
            (number, position, item.field, item.old, item.new)
            for number, (*_, fields) in zip(numbers, changes, strict=True)
            for position, item in enumerate(fields)
        ],
    )
    return last


def of_kind(*kinds: str) -> ColumnElement[bool]:
    """The condition that a change is of one of these kinds, for who reads on from an id.

    By ids there are few behind it: an index of kinds holds all changes that ever were, and SQLite,
    which has no counts of its tables, would walk through it. An expression is in no index.
    """
    return (Change.kind + "").in_(kinds)


def changes_of(
    session: Session, kind: str, thing_id: int, *, after: int = 0, limit: int | None = None
) -> Sequence[Change]:
    """The changes of one thing, oldest first: all, or up to ``limit`` behind version ``after``.

    With their fields, in one statement.
    """
    found = session.scalars(
        select(Change)
        .where(Change.kind == kind, Change.thing_id == thing_id, Change.version > after)
        .order_by(Change.version)
        .limit(limit)
        .options(joinedload(Change.fields))
    )
    return found.unique().all()


def newest_changes_of(session: Session, kind: str, thing_id: int, limit: int) -> Sequence[Change]:
    """The newest changes of one thing, newest first."""
    return session.scalars(
        select(Change)
        .where(Change.kind == kind, Change.thing_id == thing_id)
        .order_by(Change.version.desc())
        .limit(limit)
    ).all()


def newest_change_id() -> ColumnElement[int]:
    """The cursor's newest position, to be selected; 0 before the first change.

    It is the counter's row: within a transaction that writes, its own changes are in it.
    """
    newest = select(Counter.value).where(Counter.name == "change").scalar_subquery()
    return func.coalesce(newest, 0)
