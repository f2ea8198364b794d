"""Verbs on the records of the registry, sites and links alike: create, change, retire, confirm.

A record is never deleted: tickets, links and past quarters name it. One call is one change with one
row in the change log. Only admins and the portal itself may write. What is particular to a kind
is in ``sites`` and ``links``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.interfaces import ORMOption

from app.core.models.base import Base
from app.core.rules.access import Actor, Writer, require_admin
from app.core.rules.errors import Invalid, InvalidMany, NotFound
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import FieldChange
from app.registry.models.registry import Link, Site
from app.registry.rules.records import LINK, RecordKind, fact_of, logged
from app.registry.services.registry import (
    EVERY_FACT,
    PARTS_OF_ONE,
    SOURCE_OF,
    Lookup,
    checked_sources,
    checked_why,
    edited_by,
    entered_by,
    record,
    source_of,
    source_text,
    sources_of,
    without_foreign_changes,
)

Values = dict[str, Any]
Named = Mapping[str, Any]
"""The records that fields of a record name, by these fields."""
Record = TypeVar("Record", Site, Link)


def require_manager(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may change the registry."""
    require_admin(actor, _("change sites and links"), Scope.REGISTRY)


@dataclass(frozen=True)
class Stored(Generic[Record]):
    """How a field is stored that is no plain column."""

    read: Callable[[Record], Any]
    write: Callable[[Session, Record, Any, Any], None]
    """Given the value, and the record that it names."""


def words_in(column: str) -> Stored[Any]:
    """Words in one column, separated by ``; ``."""

    def write(_session: Session, row: Any, value: Sequence[str], _named: object) -> None:
        setattr(row, column, "; ".join(value))

    return Stored(lambda row: tuple(filter(None, getattr(row, column).split("; "))), write)


def another_record(relation: str) -> Stored[Any]:
    """Another record, by its key; "" for none."""

    def read(row: Any) -> str:
        other: Site | Link | None = getattr(row, relation)
        return "" if other is None else other.key if isinstance(other, Site) else other.name

    def write(_session: Session, row: Any, _value: str, named: Site | Link | None) -> None:
        setattr(row, relation, named)

    return Stored(read, write)


def parts_in(
    relation: str,
    part: type[Base],
    names: Sequence[str],
    value: Callable[..., Any],
    identity: int | None = None,
) -> Stored[Any]:
    """Rows that belong to the record, each with columns of these names.

    ``value`` makes one value of them; the first ``identity`` of the columns (else all) say which
    row it is.
    """

    def read(row: Any) -> tuple[Any, ...]:
        return tuple(
            value(*(getattr(held, name) for name in names)) for held in getattr(row, relation)
        )

    def write(session: Session, row: Any, values: Sequence[Any], _named: object) -> None:
        wanted = [part(**dict(zip(names, _parts_of(item, names), strict=True))) for item in values]
        _replace(session, getattr(row, relation), wanted, names, names[:identity])

    return Stored(read, write)


def _parts_of(item: Any, names: Sequence[str]) -> Sequence[Any]:
    if isinstance(item, tuple):
        return item
    return (item,) if isinstance(item, int) else [getattr(item, name) for name in names]


def _replace(
    session: Session,
    held: list[Base],
    wanted: Sequence[Base],
    names: Sequence[str],
    identity: Sequence[str],
) -> None:
    """Make a record's list of rows the wanted one, in its order (which is that of their keys).

    Rows at the beginning that are the same stay, with what else they hold set again.
    """
    same = 0
    while same < min(len(held), len(wanted)) and all(
        getattr(held[same], name) == getattr(wanted[same], name) for name in identity
    ):
        same += 1
    for row, new in zip(held, wanted[:same], strict=False):
        for name in names:
            setattr(row, name, getattr(new, name))
    if same < len(held):
        del held[same:]
        session.flush()  # before rows with the same names are inserted
    held.extend(wanted[same:])


@dataclass(frozen=True)
class RecordVerbs(Generic[Record]):
    """The verbs on one kind of record, and in its fields what is particular to the kind."""

    kind: RecordKind
    row: type[Record]
    loads: Sequence[ORMOption]
    """What a query of many records loads with them."""
    unknown: str
    """What is said of a key that no record has."""
    find: Callable[[Lookup, str], Record | None]
    """The record of a key, as it is stored now."""
    stored: Mapping[str, Stored[Record]]
    """The fields that are no plain column of the row."""
    check: Callable[[Lookup, Record | None, Values, Values, Named], None]
    """Raise ``Invalid`` unless a record (None: a new one) may become so; given values before."""
    note: Callable[[Lookup, Record, str], None]
    """Remember a record that was just written, and the key that it had."""
    named: Callable[[Lookup, Values], Named] = lambda _lookup, _values: {}
    """The records that values name. Puts names into the values as they are stored; those of
    unknown records stay as they are, and are raised."""
    complete: Callable[[Writer, Values, Values], None] = lambda _by, _before, _values: None
    """Add to values what follows from them."""

    @property
    def key(self) -> ColumnElement[str]:
        """The column that says which record it is."""
        column: ColumnElement[str] = getattr(self.row, self.kind.key)
        return column

    def of_key(self, session: Session, key: str) -> Record:
        """The record of this key; ``NotFound`` otherwise."""
        query = select(self.row).where(self.key == key).options(*PARTS_OF_ONE[self.row])
        row = session.scalars(query).unique().one_or_none()
        if row is None:
            raise NotFound(self.unknown)
        return row

    def values(self, row: Record) -> Values:
        """A record's fields in the types of the verbs; other records by their keys."""
        return {
            name: self.stored[name].read(row) if name in self.stored else getattr(row, name)
            for name in self.kind.by_name
        }

    def create(
        self,
        session: Session,
        by: Writer,
        stated: Mapping[str, Any],
        *,
        sources: Mapping[str, str] | None = None,
        why: str = "",
        lookup: Lookup | None = None,
    ) -> Record:
        """Create a record of the stated fields of its kind; the others are empty.

        ``sources`` says by field where a fact comes from, under ``*`` where all others do. Who
        writes thousands gives a ``LoadedLookup``.

        Raises ``Forbidden``, ``Invalid``, ``InvalidMany``.
        """
        require_manager(by.actor)
        lookup = lookup or Lookup(session)
        self._require_needed(stated)
        empty = {field.name: field.empty for field in self.kind.fields}
        values = empty | self.kind.checked(stated)
        self._require_needed(values)  # what was blank is nothing
        said, reason = checked_sources(sources), checked_why(why)
        lookup.lock()
        named = self.named(lookup, values)
        self.complete(by, empty, values)
        self.check(lookup, None, empty, values, named)
        row = self.row(version=1, source=said.pop(EVERY_FACT, None) or entered_by(by))
        self._store(session, row, values, values, named)
        session.add(row)
        session.flush()
        for fact, source in said.items():
            lookup.set_source(self.kind.name, row, fact, source)
        fields = [
            FieldChange(name, None, text)
            for name, value in values.items()
            if (text := logged(name, value)) is not None
        ]
        fields += [FieldChange(SOURCE_OF + fact, None, source) for fact, source in said.items()]
        record(session, by, self.kind.name, row, fields, reason)
        self.note(lookup, row, "")
        return row

    def _require_needed(self, values: Mapping[str, Any]) -> None:
        missing = [name for name in self.kind.needed if not values.get(name)]
        if missing:
            raise InvalidMany(dict.fromkeys(missing, _("This is required")))

    def change(
        self,
        session: Session,
        by: Writer,
        key: str,
        stated: Mapping[str, Any],
        *,
        base_version: int | None = None,
        sources: Mapping[str, str] | None = None,
        why: str = "",
        lookup: Lookup | None = None,
    ) -> Record:
        """Change a record's stated fields in one change; a field that is absent keeps its value.

        ``base_version`` is the version that the writer saw: a field that somebody else changed
        since, to another value than is wanted now, raises ``EditConflict``. ``sources`` says by
        field where a fact comes from, under ``*`` where all other changed ones do; a changed fact
        for which it names nothing is no sample any more and was "edited by" the writer. What is
        equal already is no change; if nothing is left, nothing is written.

        Raises ``NotFound``, ``Forbidden``, ``Invalid``, ``InvalidMany``; ending the record while
        open tickets or links depend on it is ``Invalid`` and names them.
        """
        require_manager(by.actor)
        lookup = lookup or Lookup(session)
        checked = self.kind.checked(stated)
        said, reason = checked_sources(sources), checked_why(why)
        lookup.lock()
        row = self.find(lookup, key)
        if row is None:
            raise NotFound(self.unknown)
        before = self.values(row)
        self.named(lookup, checked)
        differing = {name: value for name, value in checked.items() if value != before[name]}
        if base_version is not None and base_version != row.version:
            differing = without_foreign_changes(
                session, self.kind.name, row, before, differing, base_version
            )
        after = before | differing
        for name in self.kind.needed:
            if not after[name]:
                raise Invalid(name, _("This is required"))
        self.complete(by, before, after)
        differing = {name: value for name, value in after.items() if value != before[name]}
        if differing:
            named = self.named(lookup, after)
            self.check(lookup, row, before, after, named)
            self._store(session, row, after, differing, named)
        fields = [
            FieldChange(name, logged(name, before[name]), logged(name, value))
            for name, value in differing.items()
        ]
        fields += change_sources(lookup, by, self.kind.name, row, differing, said)
        if fields:
            row.version += 1
            record(session, by, self.kind.name, row, fields, reason)
            self.note(lookup, row, before[self.kind.key])
        return row

    def retire(self, session: Session, by: Writer, key: str, on: date, *, why: str = "") -> Record:
        """Retire a record: ``on`` is the first day on which it is out of use."""
        return self.change(session, by, key, {"valid_until": on}, why=why)

    def confirm(
        self, session: Session, by: Writer, key: str, field: str, source: str, why: str = ""
    ) -> bool:
        """Say who or what confirms a fact of a record: it is no sample from then on.

        ``field`` is one of its fields, or ``*`` for all that are samples; ``source`` must be given.
        Whether anything changed.
        """
        require_manager(by.actor)
        text = checked_text("source", source, SHORT_TEXT_LIMIT, label=_("Source")).strip()
        if not text:
            raise Invalid("source", _("Source is required"))
        reason = checked_why(why)
        lookup = Lookup(session)
        lookup.lock()
        row = session.scalars(
            select(self.row).where(self.key == key).with_for_update(of=self.row, key_share=True)
        ).first()
        if row is None:
            raise NotFound(_("There is no site or link of this name"))
        own = sources_of(session, self.kind.name, row)
        if field == EVERY_FACT:
            affected = [fact for fact in self.kind.facts if source_of(row, fact, own)[1]]
        elif fact_of(field) in self.kind.facts:
            affected = [fact_of(field)]
        else:
            raise Invalid("field", _("Unknown field of the record"))
        fields = change_sources(lookup, by, self.kind.name, row, (), dict.fromkeys(affected, text))
        if not fields:
            return False
        row.version += 1
        record(session, by, self.kind.name, row, fields, reason)
        return True

    def _store(
        self, session: Session, row: Record, values: Values, names: Iterable[str], named: Named
    ) -> None:
        for name in names:
            if name not in self.stored:
                setattr(row, name, values[name])
        for name, stored in self.stored.items():
            if name in names:
                stored.write(session, row, values[name], named.get(name))


def change_sources(
    lookup: Lookup,
    by: Writer,
    kind: str,
    row: Site | Link,
    changed: Iterable[str],
    said: Mapping[str, str],
) -> list[FieldChange]:
    """Set the sources of the changed fields, and those that were said; what is to be logged.

    That a changed fact was edited by its writer is not logged: the change itself says so.
    """
    facts = {fact_of(field) for field in changed}
    if not facts and not set(said) - {EVERY_FACT}:
        return []
    own = lookup.sources_of(kind, row)
    fields = []
    for fact in sorted(facts | (set(said) - {EVERY_FACT})):
        source, sample = source_of(row, fact, own)
        text = said.get(fact) or said.get(EVERY_FACT)
        if text is None:
            lookup.set_source(kind, row, fact, edited_by(by))
        elif (text, False) != (source, sample):
            lookup.set_source(kind, row, fact, text)
            fields.append(FieldChange(SOURCE_OF + fact, source_text(source, sample=sample), text))
    if isinstance(row, Link) and row.sample:
        own = lookup.sources_of(kind, row)
        row.sample = any(source_of(row, fact, own)[1] for fact in LINK.facts)
    return fields
