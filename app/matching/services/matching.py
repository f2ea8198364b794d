"""Keeps what is reckoned from events and tickets up to date, behind a cursor on the change log.

A ticket's or event's own transaction does nothing for the figures. Who brings them up to date
reads on from the cursor: it moves it and notes the concerned links as stale in one transaction, and
in the same or in later ones reckons them anew, each whole. So nothing is lost whenever somebody
dies, and a million rows are reckoned in parts. One at a time writes (the cursor's row is its lock):
a page that is about to show figures, or within about a second a worker's listener, which reckons
beside all others (``app.duties.services.follow``).

Figures that others keep hook in by ``FIGURES``: see ``Figure``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from sqlalchemy import Table, delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.core.models.changes import Change, PortalFact
from app.duties.services.derived import DUTY, KeptDuties
from app.events.models.events import Event
from app.matching.models.matching import EventOfDetected, StaleMatching
from app.matching.services.affected_links import (
    Span,
    Thing,
    Touched,
    all_things,
    group_of,
    things_between,
    touched_things,
)
from app.matching.services.recompute import reckon
from app.matching.services.result_diff import Reckoned, write
from app.matching.services.rules import rules_in_order
from app.matching.services.tickets import count_rows, difference_of_tickets, reckon_tickets
from app.tickets.models.tickets import TicketLink

CURSOR: Final = "matching_up_to"
"""The row of ``portal_facts`` that holds the newest change whose concerned links are noted."""
TURN: Final = "matching_turn"
"""The row that counts who wrote kept results, or noted what is stale: what was reckoned by reading
alone holds as long as it stands."""
COMPUTED_AT: Final = "matching_computed_at"
"""The row with the time up to which everything was reckoned, ISO 8601 UTC."""
AT_ONCE: Final = 20
"""Links that a page reckons itself; with more of them stale, it shows what stands."""
MOST_ROWS: Final = 2_000
"""Events, and tickets of links, that a page takes in again; links of more are left to a worker."""
MOST_PENDING: Final = 2_000
"""Changes behind the cursor that a page looks through itself."""
MOST_CHANGES: Final = 20_000
"""Changes that are worked in together: where more are behind the cursor, it moves on in parts."""
_INSERT: Final[Mapping[str, Any]] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}
_stale = cast(Table, StaleMatching.__table__)


class Figure(Protocol):
    """Something that is kept and follows what changed. ``follow`` and ``settle`` are in the
    transaction that keeps the result; neither commits."""

    def touched(self, session: Session, span: Span, now: datetime) -> Collection[Thing]:
        """What the changes of this span concern of this figure, as things of its own kind, which
        are noted as stale beside the links. Writes nothing."""

    def follow(self, session: Session, thing: Thing, reckoned: Reckoned, now: datetime) -> None:
        """The events of a link or site were matched anew: these detected events are new or differ,
        those are gone."""

    def settle(self, session: Session, now: datetime, most: int) -> None:
        """Reckon up to ``most`` of its own stale things, and strike them off."""


FIGURES: Final[Sequence[Figure]] = (KeptDuties(),)
"""What else follows, in this order."""


@dataclass(frozen=True)
class Freshness:
    """How the figures stand."""

    computed_at: datetime | None
    """When everything was last worked in (UTC); None = never."""
    pending: int = 0
    """Changes of the log behind it; not each of them concerns the figures."""
    stale: int = 0
    """Links and sites that are noted and not reckoned yet."""

    @property
    def is_fresh(self) -> bool:
        """Whether all that concerns the figures is in them."""
        return not self.pending and not self.stale


@dataclass(frozen=True)
class Pending:
    """What there is to work in next, read without writing."""

    span: Span
    """The next changes behind the cursor, and not always all."""
    things: frozenset[Thing]
    """What is to be reckoned, whole or for some tickets only."""
    stale: int
    later: int = 0
    """Changes behind the span, at which nobody looked."""
    rows: int = 0
    """Events and tickets of what is to be reckoned whole, and events that changed tickets concern;
    few more than ``MOST_ROWS`` are counted."""

    @property
    def is_much(self) -> bool:
        """Whether it is too much for a page."""
        return len(self.things) + self.stale > 2 * AT_ONCE or self.rows > MOST_ROWS

    @property
    def is_empty(self) -> bool:
        """Whether the figures would stay as they are."""
        return not (self.things or self.stale or self.later)


def freshness(session: Session) -> Freshness:
    """How the figures stand, without looking at what the pending changes concern."""
    span, later = next_span(session)
    behind = span.ends - span.begins + later
    return Freshness(_computed_at(session), behind, _stale_count(session))


def pending(session: Session, now: datetime) -> Pending:
    """What there is to work in next."""
    span, later = next_span(session)
    touched = touched_by(session, span, now)
    things = frozenset(touched.things | touched.of_tickets)
    stale = session.execute(select(_stale.c.kind, _stale.c.thing_id).limit(2 * AT_ONCE)).all()
    rows = _count_rows(session, touched.things | {(kind, key) for kind, key in stale})
    of_tickets = touched.of_tickets - touched.things
    rules = rules_in_order(session) if of_tickets else ()
    for thing in of_tickets:
        if rows <= MOST_ROWS:
            rows += count_rows(session, *thing, touched.tickets, rules, MOST_ROWS)
    return Pending(span, things, _stale_count(session), later, rows)


def _count_rows(session: Session, things: Collection[Thing]) -> int:
    """The events of these things, and their tickets; not many more than ``MOST_ROWS``."""
    sites = {key for kind, key in things if kind == "site"}
    links = {key for kind, key in things if kind != "site"}
    counted = 0
    for column, keys in (
        (Event.link_id, links),
        (TicketLink.link_id, links),
        (Event.site_id, sites),
    ):
        if keys and counted <= MOST_ROWS:
            some = select(column).where(column.in_(keys)).limit(MOST_ROWS + 1).subquery()
            counted += session.scalar(select(func.count()).select_from(some)) or 0
    return counted


def bring_up_to_date(
    session: Session,
    now: datetime,
    *,
    most: int = AT_ONCE,
    everything: bool = False,
    waits: bool = True,
) -> Freshness:
    """Work in what changed, and reckon up to ``most`` links anew; in the caller's transaction,
    which may write. Call again while it answers that something is pending or stale: of very many
    changes only the next ones are looked through, and links are reckoned when all were.

    ``everything`` notes all links as stale first. Without ``waits`` nothing is done while somebody
    else does it, and duties of links of very many rows are left to a worker.
    """
    if not _lock(session, waits=waits):
        return freshness(session)
    span, later = next_span(session)
    touched = touched_by(session, span, now)
    if everything:
        touched.things.update(_with_duties(all_things(session)))
    note_stale(session, touched.things)
    move_cursor(session, span)
    _reckon_tickets(session, touched, now)
    if not later:  # else the same links would be reckoned again and again
        _reckon_stale(session, now, most)
        if waits or _duties_are_few(session):
            _settle(session, now, most)
    left = finish(session, now, later)
    return Freshness(_computed_at(session), later, left)


def finish(session: Session, now: datetime, later: int) -> int:
    """Keep that everything is reckoned up to ``now``, if nothing is stale any more and no change is
    ``later``; how many things are stale."""
    left = _stale_count(session)
    if not (left or later):
        _put(session, COMPUTED_AT, now.astimezone(UTC).isoformat())
    return left


def note_between(session: Session, begin: datetime | None, end: datetime | None) -> int:
    """Note as stale what has events that begin from ``begin`` until before ``end`` (None = however
    early or late); how many links and sites that are."""
    _lock(session)
    things = all_things(session) if begin is end is None else things_between(session, begin, end)
    note_stale(session, _with_duties(things))
    return len(things)


def _with_duties(things: Collection[Thing]) -> set[Thing]:
    """The same and their duties, which else follow only what differs."""
    return {*things, *((DUTY, thing_id) for kind, thing_id in things if kind == "link")}


def reckon_now(session: Session, now: datetime, thing: Thing, event_id: int, number: int) -> None:
    """Reckon a link or site at once, in the caller's transaction: after a decision by hand about
    this raw event and ticket.

    Where it has very many events and tickets, only this event's match with this ticket is: the
    rest, and what the rules ask for, is left to a worker. Call ``hold_still`` before the decision
    is written.
    """
    rules = rules_in_order(session)
    if _count_rows(session, {thing}) <= MOST_ROWS:
        _reckon_one(session, thing, rules, now)
        if _duties_are_few(session):
            _settle(session, now, AT_ONCE)
        return
    session.flush()
    belongs = select(EventOfDetected.detected_id).where(EventOfDetected.event_id == event_id)
    detected = session.scalar(belongs)
    if detected is not None:
        group = group_of(session, [number])
        difference = difference_of_tickets(session, *thing, group, rules, now, only=detected)
        tell_figures(session, thing, write(session, thing, difference), now)


def _duties_are_few(session: Session) -> bool:
    """Whether the links whose duties are to be reckoned next have few events and tickets: one
    ticket has those of its whole link reckoned."""
    return _count_rows(session, {*stale_things(session, (DUTY,), AT_ONCE)}) <= MOST_ROWS


def _settle(session: Session, now: datetime, most: int) -> None:
    for figure in FIGURES:
        figure.settle(session, now, most)


def touched_by(session: Session, span: Span, now: datetime) -> Touched:
    """What these changes concern, and what time alone changed; writes nothing."""
    found = touched_things(session, span, now)
    for figure in FIGURES:
        found.things.update(figure.touched(session, span, now))
    return found


def _reckon_tickets(session: Session, touched: Touched, now: datetime) -> None:
    """Reckon the matches of a few changed tickets; what is reckoned whole has them anyway."""
    things = touched.of_tickets - touched.things
    if not things:
        return
    rules = rules_in_order(session)
    for thing in sorted(things):
        reckoned = reckon_tickets(session, *thing, touched.tickets, rules, now)
        tell_figures(session, thing, reckoned, now)


def hold_still(session: Session) -> None:
    """Let nobody else reckon until the transaction ends."""
    _lock(session)


def _reckon_stale(session: Session, now: datetime, most: int) -> None:
    """Reckon up to ``most`` links and sites that are stale."""
    things = stale_things(session, ("link", "site"), most)
    rules = rules_in_order(session)
    for thing in things:
        # before: one of these may take events from another that was reckoned already
        strike_off(session, {thing})
        _reckon_one(session, thing, rules, now)


def _reckon_one(session: Session, thing: Thing, rules: Sequence[Any], now: datetime) -> None:
    tell_figures(session, thing, reckon(session, *thing, rules, now), now)


def tell_figures(session: Session, thing: Thing, reckoned: Reckoned, now: datetime) -> None:
    """Note what hangs on what was written of this link or site."""
    note_stale(session, reckoned.taken_from)
    for figure in FIGURES:
        figure.follow(session, thing, reckoned, now)


def next_span(session: Session) -> tuple[Span, int]:
    """The next changes behind the cursor, and how many are behind these."""
    begins = int(session.scalar(_fact(CURSOR)) or 0)
    # first the newest id: what is behind it in the next query is visible by now
    newest = session.scalar(select(func.max(Change.id))) or 0
    ends = max(begins, min(newest, begins + MOST_CHANGES))
    return Span(begins, ends), max(0, newest - ends)


def move_cursor(session: Session, span: Span) -> None:
    """Keep that these changes were looked through; what they concern is noted or written."""
    _put(session, CURSOR, str(span.ends))


def turn_now(session: Session) -> int:
    """Whose turn it is to write kept results: another number after each who did."""
    return int(session.scalar(_fact(TURN)) or 0)


def take_turn(session: Session) -> int:
    """Let nobody else write kept results until the transaction ends; the new turn."""
    _lock(session)
    return turn_now(session)


def _lock(session: Session, *, waits: bool = True) -> bool:
    """Hold the cursor's row, which is made when missing, and begin a new turn; False if another
    has it."""
    session.execute(
        _INSERT[session.get_bind().dialect.name](PortalFact)
        .values(name=CURSOR, value="0")
        .on_conflict_do_nothing(index_elements=["name"])
    )
    held = session.execute(_fact(CURSOR).with_for_update(skip_locked=not waits))
    if held.first() is None:
        return False
    _put(session, TURN, str(turn_now(session) + 1))
    return True


def _fact(name: str) -> Any:
    return select(PortalFact.value).where(PortalFact.name == name)


def _put(session: Session, name: str, value: str) -> None:
    session.execute(
        _INSERT[session.get_bind().dialect.name](PortalFact)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


def _computed_at(session: Session) -> datetime | None:
    text = session.scalar(_fact(COMPUTED_AT))
    return None if text is None else datetime.fromisoformat(text)


def note_stale(session: Session, things: Collection[Thing]) -> None:
    """Note that these are to be reckoned whole."""
    if things:
        session.execute(
            _INSERT[session.get_bind().dialect.name](_stale).on_conflict_do_nothing(),
            [{"kind": kind, "thing_id": thing_id} for kind, thing_id in sorted(things)],
        )


def stale_things(
    session: Session, kinds: Collection[str] | None = None, most: int | None = None
) -> Sequence[Thing]:
    """What is noted as stale, in order; None = of all kinds, and all of them."""
    query = select(_stale.c.kind, _stale.c.thing_id).order_by(_stale.c.kind, _stale.c.thing_id)
    if kinds is not None:
        query = query.where(_stale.c.kind.in_(kinds))
    return [(kind, thing_id) for kind, thing_id in session.execute(query.limit(most))]


def strike_off(session: Session, things: Collection[Thing]) -> None:
    """Note that these were reckoned."""
    if things:
        session.execute(
            delete(_stale).where(tuple_(_stale.c.kind, _stale.c.thing_id).in_(sorted(things)))
        )


def _stale_count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(_stale)) or 0
