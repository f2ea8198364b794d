"""The results of a connection's comparison: whether their tickets have the same content as ours.

``app.exchange.tasks.comparisons`` reads their tickets and records differences on each pair; this
module counts them, and hands lasting ones to a person. An unfinished comparison has no result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Writer, require_operator
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_reason
from app.core.services.changes import FieldChange, record_change
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair, UnpairedTicket
from app.exchange.rules.pairs import PairState
from app.exchange.rules.reading import UNKNOWN
from app.exchange.rules.standing import Standing
from app.exchange.services.connections.connections import is_called
from app.exchange.services.deliveries import locked_pair
from app.exchange.services.planning import is_read
from app.exchange.services.standing import Compared, compared
from app.exchange.services.trouble import PAIR
from app.jobs.services.queue import enqueue
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES

JOB: Final = "read all pairs of a partner"
RECENT: Final = timedelta(hours=36)
"""How long the result of a comparison counts as current: one runs each night."""
ENDED_FOR: Final = timedelta(days=30)
"""How long tickets that ended here are compared; older ones only when they change there."""


@dataclass(frozen=True)
class Comparison:
    """The newest comparison of a connection. Counts are of tickets: with a pair (``compared``), of
    these in step, different, or unknown; ``others``: theirs without a pair."""

    began: str
    ended: str = ""
    failure: str = ""
    """Why it did not finish."""
    unread: str = ""
    """Why one of their tickets without a pair could not be read: it may be a second one."""
    compared: int = 0
    in_step: int = 0
    different: int = 0
    others: int = 0
    last: int = 0
    """The last pair that was counted: a repeated step counts only once."""

    @property
    def unknown(self) -> int:
        """Tickets for which it is unknown whether they are in step, for example because something
        waits."""
        return self.compared - self.in_step - self.different

    @property
    def began_at(self) -> datetime:
        """When it started (UTC)."""
        return datetime.fromisoformat(self.began)

    @property
    def ended_at(self) -> datetime | None:
        """When it finished (UTC)."""
        return datetime.fromisoformat(self.ended) if self.ended else None

    def nothing_differs(self, now: datetime) -> bool:
        """Whether it finished recently, compared at least one ticket, and found all of them in step
        and no other ticket."""
        ended = self.ended_at
        is_recent = ended is not None and now - ended <= RECENT
        return is_recent and bool(self.compared) and not self.is_open

    @property
    def is_open(self) -> bool:
        """Whether it found something, or could not read something."""
        return self.compared != self.in_step or bool(self.others or self.unread)


def newest_comparison(connection: Connection) -> Comparison | None:
    """The newest one, finished or not; None = there was no comparison."""
    return Comparison(**json.loads(connection.comparison)) if connection.comparison else None


def ask_comparison(session: Session, by: Actor, connection: Connection) -> None:
    """Have the worker compare a connection now. Raises ``Invalid`` if that is not possible."""
    require_operator(by, _("compare what was exchanged"))
    if not is_read(connection):
        raise Invalid("connection", _("This connection does not read the partner's tickets"))
    if not is_called(connection):
        raise Invalid("connection", _("The connection is paused or stopped; resume it first"))
    enqueue(session, JOB, {"connection": connection.id}, key=f"{JOB} {connection.id}")


def begin_comparison(connection: Connection, now: datetime) -> None:
    """Start a comparison; it replaces the previous result."""
    _store(connection, Comparison(now.isoformat()))


def end_comparison(
    session: Session, connection: Connection, now: datetime, failure: str = ""
) -> None:
    """Record that a comparison finished, or failed (``failure``)."""
    found = newest_comparison(connection)
    if found is None or found.ended:
        return
    if failure:
        _store(connection, replace(found, failure=failure[:300]))
        return
    others = select(func.count()).where(UnpairedTicket.connection_id == connection.id)
    connection.compared_at = now
    _store(connection, replace(found, ended=now.isoformat(), others=session.scalar(others) or 0))


def note_unread(connection: Connection, why: str) -> None:
    """Record that one of their tickets without a pair could not be read."""
    if (found := newest_comparison(connection)) is not None:
        _store(connection, replace(found, unread=why[:300]))


def is_compared(now: datetime) -> ColumnElement[bool]:
    """The condition that comparisons read a pair."""
    return and_(
        TicketPair.state.in_((PairState.PAIRED, PairState.STOPPED)),
        TicketPair.their_id.is_not(None),
        or_(Ticket.state.in_(OPEN_STATES), Ticket.changed_at > now - ENDED_FOR),
    )


def note_compared(
    session: Session, connection: Connection, ids: Sequence[int], now: datetime
) -> None:
    """Count pairs whose tickets were read, and ask a person about those that differ, unless
    somebody accepted exactly this difference."""
    found = newest_comparison(connection) or Comparison(now.isoformat())
    pairs = session.scalars(
        select(TicketPair)
        .where(TicketPair.id.in_(ids), TicketPair.id > found.last)
        .order_by(TicketPair.id)  # locked before the connection's row, as in any other turn
        .with_for_update(of=TicketPair)
        .execution_options(populate_existing=True)
    ).all()
    standings = compared(session, pairs, now)
    counts = {Standing.IN_STEP: 0, Standing.DIFFERENT: 0}
    for pair in pairs:
        result = standings[pair.id]
        if result.standing not in counts:
            continue
        counts[result.standing] += 1
        what = _what_differs(result)
        if not what:
            pair.left_differing = ""
        is_open = bool(what) and what != pair.left_differing
        pair.differs_at = (pair.differs_at or now) if is_open else None
    session.flush()
    _store(
        connection,
        replace(
            found,
            compared=found.compared + len(pairs),
            in_step=found.in_step + counts[Standing.IN_STEP],
            different=found.different + counts[Standing.DIFFERENT],
            last=max(ids, default=found.last),
        ),
    )


def leave_different(session: Session, by: Writer, pair_id: int, reason: str) -> None:
    """Accept the current difference between two tickets, with a reason: a person decides again if
    something else differs."""
    require_operator(by.actor, _("leave two tickets different"))
    reason = checked_reason(reason, _("Enter a reason for leaving it as it is"))
    pair = locked_pair(session, pair_id)
    if pair.differs_at is None:
        return
    pair.left_differing = _what_differs(compared(session, [pair], by.now)[pair.id])
    pair.differs_at = None
    session.flush()
    fields = [FieldChange("left different", None, reason)]
    record_change(session, by, kind=PAIR, thing_id=pair.id, fields=fields)


def _what_differs(result: Compared) -> str:
    """Identifies a difference; "" = no difference. Skipped entries have reasons of their own."""
    parts = [asdict(one) for one in result.parts if one.why != UNKNOWN]
    values: Sequence[Mapping[str, Any]] = [asdict(one) for one in result.differing]
    return json.dumps([*values, *parts], ensure_ascii=False) if parts or values else ""


def _store(connection: Connection, found: Comparison) -> None:
    connection.comparison = json.dumps(asdict(found), ensure_ascii=False)
