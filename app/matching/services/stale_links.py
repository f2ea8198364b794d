"""Which links are stale, and how far the change log was examined.

A link, or a site with events of its own, is stale from the moment at which a change marks it until
it was recomputed (``app.matching.services.recompute``). Each marking gives it another number: a
process that recomputed it meanwhile notices that, and neither writes nor clears. Only one
transaction at a time writes marks, the cursor and the results (``lock``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import randbits
from typing import Any, Final, cast

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import lock_until_commit
from app.core.database.upsert import upsert
from app.core.models.changes import Change, PortalFact
from app.core.services.cursors import cursor, put_cursor
from app.matching.models.matching import StaleMatching
from app.matching.services.affected_links import Span, Target

CURSOR: Final = "matching_up_to"
"""The row of ``portal_facts`` with the newest change whose links are marked."""
COMPUTED_AT: Final = "matching_computed_at"
"""The row with the time up to which everything was recomputed, ISO 8601 UTC."""
MAX_CHANGES: Final = 20_000
"""Changes that are examined together: if more follow the cursor, it moves in parts."""
_LOCK: Final = 2_600_026
"""The key of the lock of all marks."""
_stale = cast(Table, StaleMatching.__table__)
_COMPUTED: Final = select(PortalFact.value).where(PortalFact.name == COMPUTED_AT).scalar_subquery()
_NEWEST: Final = select(func.max(Change.id)).scalar_subquery()


class ConcurrentUpdate(Exception):
    """The recomputed link was marked, recomputed or changed by another process meanwhile."""


@dataclass(frozen=True)
class Freshness:
    """How up to date the figures are."""

    computed_at: datetime | None
    """When everything was last recomputed (UTC); None = never."""
    pending: int = 0
    """Changes of the log after the cursor; not all of them affect the figures."""
    stale: int = 0
    """Links and sites that are marked and not recomputed yet."""
    lacks_worker: bool = False
    """Whether the figures are not fresh and no worker is active that would recompute them; only
    ``app.matching.web.freshness`` looks."""

    @property
    def is_fresh(self) -> bool:
        """Whether the figures include all changes that affect them."""
        return not self.pending and not self.stale


def freshness(session: Session) -> Freshness:
    """How up to date the figures are, without examining what the pending changes affect."""
    stale = select(func.count()).select_from(_stale).scalar_subquery()
    row = session.execute(select(cursor(CURSOR), _NEWEST, _COMPUTED, stale)).one()
    place, newest, computed, count = row
    return Freshness(_as_time(computed), max(0, (newest or 0) - int(place or 0)), count)


def next_span(session: Session) -> tuple[Span, int]:
    """The next changes after the cursor, and how many follow these."""
    # first the newest id: everything up to it is visible to the next query
    place, newest = session.execute(select(cursor(CURSOR), _NEWEST)).one()
    begins, newest = int(place or 0), newest or 0
    ends = max(begins, min(newest, begins + MAX_CHANGES))
    return Span(begins, ends), max(0, newest - ends)


def move_cursor(session: Session, span: Span) -> None:
    """Record that these changes were examined, and what they affect is marked."""
    put_cursor(session, CURSOR, span.ends)


def computed_at(session: Session) -> datetime | None:
    """Up to when everything was recomputed (UTC)."""
    return _as_time(session.scalar(select(_COMPUTED)))


def keep_computed_at(session: Session, now: datetime) -> None:
    """Record that everything was recomputed up to ``now``."""
    session.merge(PortalFact(name=COMPUTED_AT, value=now.astimezone(UTC).isoformat()))
    session.flush()


def lock(session: Session, *, waits: bool = True) -> bool:
    """Let no other transaction mark, clear or write results until this one ends. Without ``waits``,
    return False if another one holds the lock."""
    return lock_until_commit(session, _LOCK, waits=waits)


def mark_stale(session: Session, targets: Collection[Target]) -> Mapping[Target, int]:
    """Mark these for recomputation, also those that are being recomputed; return their new
    marks."""
    marks = {target: randbits(62) for target in sorted(targets)}
    if marks:
        marked = upsert(_stale)
        session.execute(
            marked.on_conflict_do_update(
                index_elements=["kind", "thing_id"], set_={"mark": marked.excluded.mark}
            ),
            [{"kind": kind, "thing_id": key, "mark": mark} for (kind, key), mark in marks.items()],
        )
    return marks


def renew_marks(session: Session, targets: Collection[Target]) -> None:
    """Mark those of these that are stale once more: a process that recomputes one has to start
    again."""
    mark_stale(session, {*targets} & {*stale_targets(session)})


def mark_of(session: Session, target: Target) -> int | None:
    """Its mark; None = not stale."""
    return session.scalar(select(_stale.c.mark).where(*_is(target)))


def claim(session: Session, target: Target, mark: int) -> int:
    """Claim it for what is written in this transaction; return its new mark. Raises
    ``ConcurrentUpdate`` if the mark has changed."""
    lock(session)
    mine = randbits(62)
    taken = session.execute(
        update(_stale).where(*_is(target), _stale.c.mark == mark).values(mark=mine)
    )
    if not cast(Any, taken).rowcount:
        raise ConcurrentUpdate
    return mine


def clear_stale(session: Session, target: Target) -> None:
    """Record that it was recomputed; the caller claimed it in this transaction."""
    session.execute(delete(_stale).where(*_is(target)))


def stale_targets(session: Session, limit: int | None = None) -> Sequence[Target]:
    """What is stale, in order."""
    query = select(_stale.c.kind, _stale.c.thing_id).order_by(_stale.c.kind, _stale.c.thing_id)
    return [(kind, key) for kind, key in session.execute(query.limit(limit))]


def _is(target: Target) -> Sequence[Any]:
    return _stale.c.kind == target[0], _stale.c.thing_id == target[1]


def _as_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
