"""Writes what was reckoned of duties and their sums: only what differs from what is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.orm import Session

from app.core.services.bulk_rows import insert_rows
from app.duties.figures.outages import NEVER
from app.duties.models.duties import Duty, DutySum
from app.duties.services.interval_rows import columns_of, in_microseconds, moment_of, times_of

_DUTY_FIELDS: Final = (
    "link_id",
    "site_id",
    "start",
    "due_at",
    "clause",
    "amount",
    "is_unsure",
    "lost_site_id",
    "ticket_number",
    "there_at",
    "is_due",
)
_MOMENTS: Final = frozenset({"start", "due_at", "there_at"})
_FLAGS: Final = frozenset({"is_unsure", "is_due"})
_SUM_FIELDS: Final = ("asked", "there", "late", "unsure", "losses")
_Rows: TypeAlias = Mapping[int, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Difference:
    """Duties that are to be written, by version and event: those that are no more or differ, and
    the rows of those that are new or differ."""

    off: Sequence[tuple[int, int]] = ()
    on: Sequence[tuple[Any, ...]] = ()

    @property
    def size(self) -> int:
        """How many rows."""
        return len(self.off) + len(self.on)

    @property
    def events(self) -> set[int]:
        """The events that it is about."""
        return {row[1] for rows in (self.off, self.on) for row in rows}

    def parts(self, most: int) -> Iterator[Difference]:
        """The same as differences of at most ``most`` rows, or of one event, which is as it was or
        as it will be after each of them."""
        off, on = _by_event(self.off), _by_event(self.on)
        some: list[int] = []
        rows = 0
        for event in sorted(self.events):
            more = len(off.get(event, ())) + len(on.get(event, ()))
            if some and rows + more > most:
                yield self._of(some, off, on)
                some, rows = [], 0
            some.append(event)
            rows += more
        if some:
            yield self._of(some, off, on)

    @staticmethod
    def _of(events: Sequence[int], off: _Rows, on: _Rows) -> Difference:
        return Difference(
            [row for one in events for row in off.get(one, ())],
            [row for one in events for row in on.get(one, ())],
        )


def _by_event(rows: Sequence[tuple[Any, ...]]) -> _Rows:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found


def difference_of_duties(
    session: Session, links: Sequence[int], after: Mapping[tuple[int, int], tuple[Any, ...]]
) -> Difference:
    """By what the duties of these links differ from what is kept; writes nothing."""
    columns = [
        in_microseconds(session, getattr(Duty, name)) if name in _MOMENTS else getattr(Duty, name)
        for name in _DUTY_FIELDS
    ]
    rows = session.execute(
        select(Duty.rule_version_id, Duty.event_id, *columns).where(Duty.link_id.in_(links))
    ).all()
    kept = dict(
        zip(("version", "event", *_DUTY_FIELDS), columns_of(rows, len(columns) + 2), strict=True)
    )
    values = [
        [None if one == NEVER else one for one in times_of(kept[name]).tolist()]
        if name in _MOMENTS
        else [bool(one) for one in kept[name]]
        if name in _FLAGS
        else kept[name]
        for name in _DUTY_FIELDS
    ]
    keys = zip(kept["version"], kept["event"], strict=True)
    before = dict(zip(keys, zip(*values, strict=True), strict=True))
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    # an event may have moved from another link: its row there is gone with it or not yet
    moved = [key for key in new if key not in before]
    written = [
        (
            *key,
            *(
                moment_of(value) if name in _MOMENTS else value
                for name, value in zip(_DUTY_FIELDS, after[key], strict=True)
            ),
        )
        for key in new
    ]
    return Difference([*gone, *moved], written)


def write_duties(session: Session, difference: Difference) -> None:
    """Write them, in the caller's transaction."""
    if difference.off:
        session.connection().execute(
            delete(Duty).where(
                Duty.rule_version_id == bindparam("of_version"),
                Duty.event_id == bindparam("of_event"),
            ),
            [{"of_version": version, "of_event": event} for version, event in difference.off],
        )
    insert_rows(session, Duty, ("rule_version_id", "event_id", *_DUTY_FIELDS), difference.on)


def write_sums(
    session: Session,
    links: Sequence[int],
    after: Mapping[tuple[int, int, int, str], tuple[int, ...]],
) -> None:
    """Write the sums of these links: only what differs from what is kept."""
    keys = (DutySum.rule_version_id, DutySum.link_id, DutySum.site_id, DutySum.quarter)
    before = {
        tuple(row[:4]): tuple(row[4:])
        for row in session.execute(
            select(*keys, *(getattr(DutySum, name) for name in _SUM_FIELDS)).where(
                DutySum.link_id.in_(links)
            )
        )
    }
    gone = [key for key, value in before.items() if after.get(key) != value]
    new = [key for key, value in after.items() if before.get(key) != value]
    names = ("rule_version_id", "link_id", "site_id", "quarter")
    if gone:
        session.connection().execute(
            delete(DutySum).where(
                and_(*(key == bindparam(f"of_{n}") for key, n in zip(keys, names, strict=True)))
            ),
            [{f"of_{n}": v for n, v in zip(names, key, strict=True)} for key in gone],
        )
    insert_rows(session, DutySum, (*names, *_SUM_FIELDS), [(*key, *after[key]) for key in new])
