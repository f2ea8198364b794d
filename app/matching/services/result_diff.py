"""The difference between a recomputed link and what is stored, and how it is written: by keys, in
batches.

After each batch a detected event is either as before or as computed, unless it alone has more rows
than a batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from sqlalchemy import Column, Table, and_, bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.core.database.bulk_rows import insert_rows
from app.core.figures.frames import micros
from app.core.models.base import Base
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.services.affected_links import Target
from app.matching.services.number_rows import parts_of, with_moments

MAX_ROWS: Final = 1_000
"""Rows that one transaction writes."""
_detected = cast(Table, DetectedEvent.__table__)
_members = cast(Table, EventOfDetected.__table__)
_pairs = cast(Table, EventTicket.__table__)
COMPUTED: Final = tuple(one for one in _detected.c if one.name not in ("seconds", "computed_at"))
"""Columns of a detected event, except those that change with time alone."""
_NAMES: Final = (*(one.name for one in COMPUTED), "seconds", "computed_at")
_START, _END = _NAMES.index("start"), _NAMES.index("end")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """Rows of detected events, their raw events and their tickets that have to be written.

    Each starts with the id of its detected event, except ``left``: raw event and previous detected
    event.
    """

    now: datetime
    left: Sequence[tuple[int, int]] = ()
    """Raw events that no longer belong to a detected event, and where they belonged."""
    pairs_off: Sequence[tuple[int, int]] = ()
    gone: Sequence[tuple[int]] = ()
    differs: Sequence[Row] = ()
    new: Sequence[Row] = ()
    members: Sequence[tuple[int, int]] = ()
    """Detected events and the raw events that belong to them from now on."""
    pairs_on: Sequence[Row] = ()

    @classmethod
    def of(
        cls,
        now: datetime,
        old: Mapping[int, Row],
        new: Mapping[int, Row],
        old_members: Mapping[int, int],
        members: Mapping[int, int],
        old_pairs: Mapping[Row, Row],
        pairs: Mapping[Row, Row],
    ) -> Difference:
        """Compare what is stored and what was computed: detected events by id, the detected event
        of each raw event, and tickets by event and ticket."""
        return cls(
            now,
            left=[row for row in old_members.items() if row[0] not in members],
            pairs_off=[key for key, row in old_pairs.items() if pairs.get(key) != row],
            gone=[(one,) for one in old if one not in new],
            differs=[row for one, row in new.items() if one in old and old[one] != row],
            new=[row for one, row in new.items() if one not in old],
            members=[
                (detected, event)
                for event, detected in members.items()
                if old_members.get(event) != detected
            ],
            pairs_on=[row for key, row in pairs.items() if old_pairs.get(key) != row],
        )

    def batches(self) -> Iterator[Difference]:
        """The same in order, each with few rows."""
        by_event: dict[int, list[tuple[str, Row]]] = defaultdict(list)
        for one in fields(self)[1:]:
            for row in getattr(self, one.name):
                by_event[row[1] if one.name == "left" else row[0]].append((one.name, row))
        for rows in batched(by_event[one] for one in sorted(by_event)):
            by_name: dict[str, list[Any]] = defaultdict(list)
            for name, row in rows:
                by_name[name].append(row)
            yield Difference(self.now, **by_name)

    def write(self, session: Session) -> set[Target]:
        """Write it, in the caller's transaction; return the links and sites from which it took
        events. After that, nothing shows that the events were there."""
        new = [row[0] for row in self.new]
        came = [event for _, event in self.members]
        taken_from = _where(session, new, came)
        delete_rows(session, tuple(_pairs.c)[:2], self.pairs_off)
        for some in parts_of([*came, *(event for event, _ in self.left)]):
            session.execute(delete(_members).where(_members.c.event_id.in_(some)))
        for some in parts_of([*new, *(one for (one,) in self.gone)]):
            for table in (_pairs, _members):
                session.execute(delete(table).where(table.c.detected_id.in_(some)))
            session.execute(delete(_detected).where(_detected.c.id.in_(some)))
        if self.differs:
            session.connection().execute(
                update(_detected)
                .where(_detected.c.id == bindparam("of_id"))
                .values({name: bindparam(f"new_{name}") for name in _NAMES[1:]}),
                [
                    dict(zip(("of_id", *(f"new_{name}" for name in _NAMES[1:])), row, strict=True))
                    for row in self._whole(self.differs)
                ],
            )
        insert_rows(session, DetectedEvent, _NAMES, self._whole(self.new))
        insert_rows(session, EventOfDetected, ("detected_id", "event_id"), self.members)
        insert_rows(session, EventTicket, [one.name for one in _pairs.c], self.pairs_on)
        return taken_from

    def _whole(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Rows of detected events as they are stored, with their length."""
        at = micros(self.now)
        lengths = [
            max(0, (at if row[_END] is None else row[_END]) - row[_START]) // 1_000_000
            for row in rows
        ]
        moments = with_moments(COMPUTED, rows)
        return [(*row, one, self.now) for row, one in zip(moments, lengths, strict=True)]


def batched(groups: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Rows that are written together: whole groups, with at most ``MAX_ROWS`` rows unless a group
    has more."""
    some: list[Any] = []
    for group in groups:
        if some and len(some) + len(group) > MAX_ROWS:
            yield some
            some = []
        some += group
        while len(some) > MAX_ROWS:
            yield some[:MAX_ROWS]
            some = some[MAX_ROWS:]
    if some:
        yield some


def delete_rows(
    session: Session, columns: Sequence[Column[Any]], keys: Collection[Sequence[Any]]
) -> None:
    """Delete rows of a table by the values of these columns."""
    if keys:
        names = [f"of_{one.name}" for one in columns]
        wanted = [
            one == bindparam(name, type_=one.type) for name, one in zip(names, columns, strict=True)
        ]
        session.connection().execute(
            delete(columns[0].table).where(and_(*wanted)),
            [dict(zip(names, key, strict=True)) for key in keys],
        )


def row_batches(
    model: type[Base],
    keys: int,
    old: Mapping[Row, Row],
    new: Mapping[Row, Row],
    group: Callable[[Row], Any],
    *,
    owned: int = 0,
) -> Iterator[Callable[[Session], None]]:
    """How rows of a table differ from the stored ones, as batches that write the difference. Rows
    are given by their key, the first ``keys`` columns, and complete; those of a group are
    written together.

    A new row is also deleted before: a row with its key may belong to another link until now.
    Removed rows are deleted by the first ``owned`` columns, if they are more than the key: another
    link may have taken the key over by then.
    """
    columns = tuple(cast(Table, model.__table__).c)
    groups: dict[Any, list[tuple[Row | None, Row | None]]] = defaultdict(list)
    for key in old.keys() | new.keys():
        if old.get(key) != new.get(key):
            groups[group(key)].append((old.get(key), new.get(key)))
    for rows in batched(groups[one] for one in sorted(groups)):
        on = with_moments(columns, (row for _, row in rows if row is not None))
        gone = with_moments(columns, (row for row, now in rows if row is not None and now is None))
        yield partial(_replace, model, keys, max(keys, owned), gone, on)


def _replace(
    model: type[Base],
    keys: int,
    width: int,
    off: Sequence[Sequence[Any]],
    on: Sequence[Sequence[Any]],
    session: Session,
) -> None:
    columns = tuple(cast(Table, model.__table__).c)
    delete_rows(session, columns[:width], [row[:width] for row in off])
    delete_rows(session, columns[:keys], [row[:keys] for row in on])
    insert_rows(session, model, [one.name for one in columns], on)


def _where(session: Session, detected: Sequence[int], members: Sequence[int]) -> set[Target]:
    """The links and sites of these detected events, and of the detected events of these raw
    events."""
    at = select(_detected.c.link_id, _detected.c.site_id).distinct()
    belonging = at.join(_members, _members.c.detected_id == _detected.c.id)
    queries = [at.where(_detected.c.id.in_(some)) for some in parts_of(detected)]
    queries += [belonging.where(_members.c.event_id.in_(some)) for some in parts_of(members)]
    return {
        ("site", site) if link is None else ("link", link)
        for query in queries
        for link, site in session.execute(query)
    }
