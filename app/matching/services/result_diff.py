"""By what a reckoning differs from what is kept, and how that is written: at once, or in parts.

A difference is made by reading only, so that nobody waits for what is reckoned. It holds as long as
nobody else writes kept results (``app.matching.services.matching``). Where it is written in parts,
each detected event is as it was or as it will be after each of them, unless it alone has more rows
than a part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.core.services.bulk_rows import insert_rows
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.services.affected_links import Thing

_AT_ONCE: Final = 500
_detected = cast(Table, DetectedEvent.__table__)
_members = cast(Table, EventOfDetected.__table__)
_pairs = cast(Table, EventTicket.__table__)
DETECTED_COLUMNS: Final = tuple(column.name for column in _detected.c)
PAIR_COLUMNS: Final = tuple(column.name for column in _pairs.c)
_MARK: Final = (
    update(_detected)
    .where(_detected.c.id == bindparam("which"))
    .values(
        is_documented=bindparam("is"),
        is_maintenance=bindparam("as"),
        how=bindparam("so"),
        computed_at=bindparam("now"),
    )
)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Reckoned:
    """What one reckoning wrote: ids of detected events that are new, differ or have other tickets,
    and of those that are no more."""

    changed: frozenset[int]
    gone: frozenset[int]
    taken_from: frozenset[Thing] = frozenset()
    """Links and sites from which it took events that stood there until now. Nothing tells any more
    that they did, when the change is looked at: these are to be reckoned, too."""


@dataclass(frozen=True)
class Difference:
    """Rows of detected events, their raw events and their tickets that are to be written.

    Each has the id of its detected event first, but ``left``, which is of raw event and old one.
    """

    left: Sequence[tuple[int, int]] = ()
    """Raw events that belong to none any more, and where they belonged."""
    members: Sequence[tuple[int, int]] = ()
    """Detected events and raw events that belong to them from now on."""
    pairs_off: Sequence[tuple[int, int]] = ()
    gone: Sequence[tuple[int]] = ()
    differs: Sequence[Row] = ()
    new: Sequence[Row] = ()
    pairs_on: Sequence[Row] = ()
    marks: Sequence[Row] = ()
    """Whether and how one is documented, as a maintenance, and since when that is known."""

    @property
    def size(self) -> int:
        """How many rows."""
        return sum(len(getattr(self, one.name)) for one in fields(self))

    @property
    def ids(self) -> set[int]:
        """The raw and detected events that it is about: another difference that was made of the
        same state and is about one of these cannot be written after it."""
        found = {one for row in (*self.left, *self.members) for one in row}
        for rows in (self.pairs_off, self.gone, self.differs, self.new, self.pairs_on, self.marks):
            found |= {row[0] for row in rows}
        return found

    def parts(self, most: int) -> Iterator[Difference]:
        """The same as differences of at most ``most`` rows, in the order in which they are
        written."""
        if self.size <= most:
            yield self
            return
        rows: list[tuple[str, Any]] = []
        for one in self._by_event():
            if rows and len(rows) + len(one) > most:
                yield _of(rows)
                rows = []
            rows += one
            while len(rows) > most:
                yield _of(rows[:most])
                rows = rows[most:]
        if rows:
            yield _of(rows)

    def _by_event(self) -> Iterable[Sequence[tuple[str, Any]]]:
        """The rows of one detected event after another, as they may be written."""
        found: dict[int, list[tuple[str, Any]]] = defaultdict(list)
        for row in self.left:
            found[row[1]].append(("left", row))
        for name in ("pairs_off", "gone", "differs", "new", "members", "pairs_on", "marks"):
            for row in getattr(self, name):
                found[row[0]].append((name, row))
        return (found[one] for one in sorted(found))


def _of(rows: Iterable[tuple[str, Any]]) -> Difference:
    by_name: dict[str, list[Any]] = defaultdict(list)
    for name, row in rows:
        by_name[name].append(row)
    return Difference(**by_name)


def write(session: Session, thing: Thing, difference: Difference) -> Reckoned:
    """Write what differs of a link or site, in the caller's transaction."""
    new = {row[0] for row in difference.new}
    gone = {row[0] for row in difference.gone}
    # what came from another link may still stand there, and others that belong to it
    came = [event for _, event in difference.members]
    taken_from = _where(session, new, came) - {thing}
    moved = came + [event for event, _ in difference.left]
    _forget(session, moved, new)
    _delete_pairs(session, difference.pairs_off)
    _forget(session, (), gone)
    if difference.differs:
        session.connection().execute(
            update(_detected)
            .where(_detected.c.id == bindparam("which"))
            .values({name: bindparam(f"new_{name}") for name in DETECTED_COLUMNS[1:]}),
            [
                {"which": row[0]}
                | {
                    f"new_{name}": value
                    for name, value in zip(DETECTED_COLUMNS[1:], row[1:], strict=True)
                }
                for row in difference.differs
            ],
        )
    insert_rows(session, DetectedEvent, DETECTED_COLUMNS, difference.new)
    insert_rows(session, EventOfDetected, ("detected_id", "event_id"), difference.members)
    insert_rows(session, EventTicket, PAIR_COLUMNS, difference.pairs_on)
    if difference.marks:
        names = ("which", "is", "as", "so", "now")
        session.connection().execute(
            _MARK, [dict(zip(names, row, strict=True)) for row in difference.marks]
        )
    rows = (
        *(difference.members, difference.pairs_off, difference.differs),
        *(difference.new, difference.pairs_on, difference.marks),
    )
    changed = {row[0] for some in rows for row in some} - gone
    return Reckoned(frozenset(changed), frozenset(gone), taken_from)


def _where(session: Session, detected: Iterable[int], members: Sequence[int]) -> frozenset[Thing]:
    """The links and sites at which these detected events stand, and those to which these raw events
    belong."""
    at = select(_detected.c.link_id, _detected.c.site_id).distinct()
    belonging = at.join(_members, _members.c.detected_id == _detected.c.id)
    queries = [at.where(_detected.c.id.in_(some)) for some in parts_of([*detected])]
    queries += [belonging.where(_members.c.event_id.in_(some)) for some in parts_of(members)]
    return frozenset(
        ("site", site) if link is None else ("link", link)
        for query in queries
        for link, site in session.execute(query)
    )


def _delete_pairs(session: Session, keys: Sequence[tuple[int, int]]) -> None:
    if keys:
        session.connection().execute(
            delete(_pairs).where(
                _pairs.c.detected_id == bindparam("one"),
                _pairs.c.ticket_number == bindparam("with"),
            ),
            [{"one": detected, "with": ticket} for detected, ticket in keys],
        )


def _forget(session: Session, members: Iterable[int], detected: Iterable[int]) -> None:
    """Delete members by their event, and detected events with all that hangs on them."""
    connection = session.connection()
    for some in parts_of([*members]):
        connection.execute(delete(_members).where(_members.c.event_id.in_(some)))
    for some in parts_of([*detected]):
        connection.execute(delete(_pairs).where(_pairs.c.detected_id.in_(some)))
        connection.execute(delete(_members).where(_members.c.detected_id.in_(some)))
        connection.execute(delete(_detected).where(_detected.c.id.in_(some)))


def parts_of(values: Sequence[Any], size: int = _AT_ONCE) -> Iterable[Sequence[Any]]:
    """Of a size that every database takes in one statement, or of another."""
    return (values[place : place + size] for place in range(0, len(values), size))
