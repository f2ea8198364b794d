"""The tickets of a site or link as its page shows them: counts, planned work, and what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, or_, select, union_all
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, may_read_internal
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.services.lists.lists import TicketFilter, condition_of
from app.tickets.services.lists.query import readable
from app.tickets.services.pages import count_by_state

OPEN_SHOWN: Final = 10
"""Open tickets that are listed ..."""
PLANNED_SHOWN: Final = 5
"""... and open ones with a window that runs or is to come."""


@dataclass(frozen=True)
class RecordTickets:
    """How many tickets there are of a record, and those that its page lists."""

    open: int
    past: int
    planned: Sequence[Row[*tuple[Any, ...]]]
    """By the beginning of their windows."""
    newest: Sequence[Row[*tuple[Any, ...]]]
    """Those changed last, without the planned ones."""


def tickets_of_record(
    session: Session, actor: Actor, row: Site | Link, now: datetime
) -> RecordTickets:
    """Two statements; times are UTC."""
    wanted = TicketFilter(
        states=("open",),
        sites=(row.key,) if isinstance(row, Site) else (),
        links=(row.name,) if isinstance(row, Link) else (),
    )
    counts = count_by_state(session, actor, wanted)
    opened = sum(counts.get(state, 0) for state in OPEN_STATES)
    past = sum(counts.values()) - opened
    if not opened:
        return RecordTickets(0, past, (), ())
    found = (
        select(Ticket.number)
        .where(readable(actor), condition_of(wanted, internal=may_read_internal(actor)))
        # SQLite would read every ticket that ever was of them
        .with_hint(Ticket, "INDEXED BY ix_tickets_state", "sqlite")
    )
    ahead = or_(Ticket.window_end > now, Ticket.window_end.is_(None), Ticket.window_start > now)
    planned = found.where(Ticket.window_start.is_not(None), ahead).order_by(
        Ticket.window_start, Ticket.number
    )
    # more than are listed, for the planned ones may be among them
    newest = found.order_by(Ticket.changed_at.desc(), Ticket.number.desc())
    numbers = union_all(
        select(planned.limit(PLANNED_SHOWN).subquery().c.number),
        select(newest.limit(OPEN_SHOWN + PLANNED_SHOWN).subquery().c.number),
    )
    rows: Sequence[Row[*tuple[Any, ...]]] = session.execute(
        select(
            *(Ticket.number, Ticket.title, Ticket.state, Ticket.category, Ticket.changed_at),
            *(Ticket.window_start, Ticket.window_end),
        )
        .where(Ticket.number.in_(numbers))
        .order_by(Ticket.changed_at.desc(), Ticket.number.desc())
    ).all()
    with_window = [one for one in rows if _is_ahead(one, now)]
    with_window.sort(key=lambda one: (one.window_start, one.number))
    listed = {one.number for one in with_window[:PLANNED_SHOWN]}
    return RecordTickets(
        opened,
        past,
        with_window[:PLANNED_SHOWN],
        [one for one in rows if one.number not in listed][:OPEN_SHOWN],
    )


def _is_ahead(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    start, end = row.window_start, row.window_end
    return start is not None and (start > now or end is None or end > now)
