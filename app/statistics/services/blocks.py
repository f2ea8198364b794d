"""Kept facts of tickets and events, in blocks of numbers, brought up to date from the change log.

Nothing is added to the transaction of a ticket or an event: a worker reads the log behind a cursor
and writes what changed into the blocks. It reads before it writes, and writes only where nobody was
faster: so the database is not held while facts are made. The first filling is the same, block by
block, in bounded memory.

A page takes the blocks that its process does not have yet, and reads what the worker has not kept
yet from the rows: it writes nothing, and shows its reader's own writes at once. Only where too much
is pending it shows the blocks as they are, and says how far they go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.core.models.changes import Change, PortalFact
from app.core.services.changes import of_kind
from app.statistics.models.statistics import FactBlock

SIZE: Final = 5_000
"""Numbers of one block."""
AT_ONCE: Final = 1_000
"""Changes that are included by one transaction."""
MAX_BLOCKS: Final = 50
"""Blocks that one transaction writes."""
MAX_PENDING: Final = 1_000
"""Changes that a page reads from the rows by itself."""
_INSERT: Final[Mapping[str, Any]] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}
_table = cast(Table, FactBlock.__table__)

F = TypeVar("F")


@dataclass(frozen=True)
class Packed:
    """A block's facts as its row holds them."""

    rows: bytes
    links: bytes = b""
    sites: bytes = b""
    names: str = ""


@dataclass(frozen=True, eq=False)
class FactKind(Generic[F]):
    """One kind of facts: of what things, and how they are read and put together."""

    name: str
    """That of the changes in the log."""
    layout: int
    """Raised when the bytes are laid out anew: everything is made again then."""
    highest: Callable[[Session], int]
    """The highest number that there is, 0 for none."""
    read: Callable[[Session, Sequence[int]], F]
    """The facts of these things as their rows are now."""
    pack: Callable[[F], Packed]
    unpack: Callable[[Packed], F]
    join: Callable[[Sequence[F]], F]
    replace: Callable[[F, F], F]
    """The first facts with what is newer of some things."""

    @property
    def key(self) -> str:
        """The kind of its blocks."""
        return f"{self.name}.{self.layout}"


@dataclass(frozen=True)
class Place:
    """How far the blocks go: so many are filled, with the changes up to this one."""

    filled: int = 0
    changes: int = 0

    def __str__(self) -> str:
        return f"{self.filled} {self.changes}"


@dataclass(frozen=True)
class Draft:
    """What is to be kept next, and from where to where it brings the blocks."""

    begins: Place
    ends: Place
    holds: int | None
    """Of a filled block: the newest change that it surely holds."""
    blocks: Mapping[int, Packed]


@dataclass(frozen=True)
class Current(Generic[F]):
    """The facts as a page has them."""

    facts: F
    behind: int = 0
    """Changes of the log that are not in it yet."""
    missing: int = 0
    """Things that were never read yet: the blocks are being filled."""
    as_of: datetime | None = None
    """Where it is behind: the time of the newest change that it holds, UTC."""


@dataclass
class _Kept(Generic[F]):
    """What this process has of one kind."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    versions: dict[int, int] = field(default_factory=dict)
    whole: F | None = None
    newest: int = -1
    current: Current[F] | None = None


_kept: WeakKeyDictionary[Engine, dict[str, _Kept[Any]]] = WeakKeyDictionary()


def place_of(session: Session, kind: FactKind[F]) -> Place:
    """How far the blocks of a kind go."""
    text = session.scalar(select(PortalFact.value).where(PortalFact.name == _fact(kind)))
    if text is None:
        return Place()
    filled, changes = text.split(" ")
    return Place(int(filled), int(changes))


def draft_blocks(session: Session, kind: FactKind[F]) -> Draft | None:
    """What is to be kept next, or None where nothing is. Only reads."""
    begins = place_of(session, kind)
    # first the newest id: what is read behind it holds all changes up to it
    newest = _newest_change(session)
    first = begins.filled * SIZE
    if first <= kind.highest(session):
        facts = kind.read(session, range(first, first + SIZE))
        # before anything is kept there is nothing that an older change could concern
        ends = Place(begins.filled + 1, begins.changes if begins.filled else newest)
        return Draft(begins, ends, newest, {begins.filled: kind.pack(facts)})
    if newest <= begins.changes:
        return None
    touched = _touched(session, kind, begins.changes, newest, AT_ONCE)
    reached = touched[-1][0] if len(touched) == AT_ONCE else newest
    holds = _holds(session, kind, {number // SIZE for _, number in touched})
    numbers: dict[int, set[int]] = {}
    for change, number in touched:
        block = number // SIZE
        if change <= holds.get(block, change):  # it was read later than that, or not at all yet
            continue
        if block not in numbers and len(numbers) == MAX_BLOCKS:
            reached = change - 1
            break
        numbers.setdefault(block, set()).add(number)
    blocks = {
        block: kind.pack(
            kind.replace(_block(session, kind, block), kind.read(session, sorted(part)))
        )
        for block, part in numbers.items()
    }
    return Draft(begins, Place(begins.filled, reached), None, blocks)


def keep_blocks(session: Session, kind: FactKind[F], draft: Draft, now: datetime) -> bool:
    """Keep what was drafted; False, and nothing, if another did so meanwhile."""
    insert = _INSERT[session.get_bind().dialect.name]
    connection = session.connection()
    if draft.begins == Place():
        connection.execute(
            insert(PortalFact)
            .values(name=_fact(kind), value=str(draft.begins))
            .on_conflict_do_nothing()
        )
    moved = connection.execute(
        update(PortalFact)
        .where(PortalFact.name == _fact(kind), PortalFact.value == str(draft.begins))
        .values(value=str(draft.ends))
    )
    if moved.rowcount != 1:
        return False
    for block, packed in draft.blocks.items():
        values = {
            "kept_at": now,
            "rows": packed.rows,
            "links": packed.links,
            "sites": packed.sites,
            "names": packed.names,
        }
        if draft.holds is not None:
            values["changes_up_to"] = draft.holds
        connection.execute(
            insert(_table)
            .values({"kind": kind.key, "block": block, "version": 1, "changes_up_to": 0, **values})
            .on_conflict_do_update(
                index_elements=["kind", "block"],
                set_={"version": _table.c.version + 1, **values},
            )
        )
    return True


def drop_other_layouts(session: Session, kind: FactKind[F]) -> None:
    """Throw away what another version of the portal kept in another layout."""
    session.execute(
        delete(FactBlock).where(
            FactBlock.kind.startswith(f"{kind.name}.", autoescape=True), FactBlock.kind != kind.key
        )
    )


def current_facts(session: Session, kind: FactKind[F]) -> Current[F]:
    """The facts as they are now, or as far as they go where too much is pending. Only reads."""
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    kept: _Kept[F] = _kept.setdefault(engine, {}).setdefault(kind.name, _Kept())
    newest = _newest_change(session)
    with kept.lock:
        if kept.current is not None and kept.newest == newest:
            return kept.current
        place = place_of(session, kind)
        _take_in(session, kind, kept, place)
        whole = kept.whole if kept.whole is not None else kind.join([])
        # before anything is kept all is read from the rows: no older change is left out of that
        since = place.changes if place.filled else newest
        touched = _touched(session, kind, since, newest, MAX_PENDING + 1)
        behind = _count_touched(session, kind, since) if len(touched) > MAX_PENDING else 0
        first, highest = place.filled * SIZE, kind.highest(session)
        unread = max(0, highest + 1 - max(first, 1))
        missing = unread if unread > SIZE else 0
        pending: list[int] = []
        if not behind:
            pending += sorted({number for _, number in touched if number < first})
        if not missing:
            pending += range(first, highest + 1)
        facts = kind.replace(whole, kind.read(session, pending)) if pending else whole
        as_of = None
        if behind:
            as_of = session.scalar(select(Change.at).where(Change.id == place.changes))
        kept.current = Current(facts, behind, missing, as_of)
        kept.newest = newest if not (behind or missing) else -1
        return kept.current


def _take_in(session: Session, kind: FactKind[F], kept: _Kept[F], place: Place) -> None:
    """Read the blocks that were written since this process read them."""
    mine = (FactBlock.kind == kind.key, FactBlock.block < place.filled)
    versions = dict(session.execute(select(FactBlock.block, FactBlock.version).where(*mine)).all())
    if versions == kept.versions and kept.whole is not None:
        return
    if kept.whole is None or kept.versions.keys() - versions.keys():
        kept.versions = {}
    changed = sorted(
        block for block, version in versions.items() if kept.versions.get(block) != version
    )
    fresh = kind.join([_block(session, kind, block) for block in changed])
    # nothing that a block held ever vanishes: what is newer takes its place
    if kept.whole is None or not kept.versions:
        kept.whole = fresh
    else:
        kept.whole = kind.replace(kept.whole, fresh)
    kept.versions = versions


def _block(session: Session, kind: FactKind[F], block: int) -> F:
    columns = [_table.c[name] for name in ("rows", "links", "sites", "names")]
    row = session.execute(
        select(*columns).where(_table.c.kind == kind.key, _table.c.block == block)
    ).one()
    return kind.unpack(Packed(*row))


def _holds(session: Session, kind: FactKind[F], blocks: Collection[int]) -> dict[int, int]:
    """The newest change that each of these blocks holds."""
    rows = session.execute(
        select(FactBlock.block, FactBlock.changes_up_to).where(
            FactBlock.kind == kind.key, FactBlock.block.in_(blocks)
        )
    )
    return dict(rows.all())


def _touched(
    session: Session, kind: FactKind[F], after: int, newest: int, most: int
) -> Sequence[tuple[int, int]]:
    """The next changes of a kind of things, with the number of the thing."""
    return session.execute(
        select(Change.id, Change.thing_id)
        .where(Change.id > after, Change.id <= newest, of_kind(kind.name))
        .order_by(Change.id)
        .limit(most)
    ).all()


def _count_touched(session: Session, kind: FactKind[F], after: int) -> int:
    count = select(func.count()).where(Change.id > after, of_kind(kind.name))
    return session.scalar(count) or 0


def _newest_change(session: Session) -> int:
    return session.scalar(select(func.max(Change.id))) or 0


def _fact(kind: FactKind[F]) -> str:
    return f"facts_kept:{kind.key}"
