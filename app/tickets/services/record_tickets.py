"""The tickets of a site or link as its page shows them: counts, planned work, and what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Integer, Row, String, literal, or_, select, union_all
from sqlalchemy.orm import Session

from app.core.models.base import UtcTime
from app.core.rules.access import Actor, may_read_internal
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.services.lists.lists import TicketFilter, condition_of, with_known_sites
from app.tickets.services.lists.query import readable
from app.tickets.services.pages import counts_by_state

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
    """Times are UTC."""
    wanted = with_known_sites(
        session,
        TicketFilter(
            states=("open",),
            sites=(row.key,) if isinstance(row, Site) else (),
            links=(row.name,) if isinstance(row, Link) else (),
        ),
    )
    condition = condition_of(wanted, internal=may_read_internal(actor))
    found = (
        select(Ticket.number)
        .where(readable(actor), condition)
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
    shown = select(
        *(Ticket.number, Ticket.title, Ticket.state, Ticket.category, Ticket.changed_at),
        *(Ticket.window_start, Ticket.window_end, literal(None, Integer()).label("counted")),
    ).where(Ticket.number.in_(numbers))
    states = counts_by_state(session, actor, wanted).subquery().c
    text, moment = literal(None, String()), literal(None, UtcTime())
    counted = select(
        *(literal(None, Integer()), text, states.state, text, *(moment,) * 3, states.tickets)
    )
    every = session.execute(union_all(shown, counted)).all()
    counts = {row.state: row.counted for row in every if row.number is None}
    opened = sum(counts.get(state, 0) for state in OPEN_STATES)
    rows = sorted(
        (row for row in every if row.number is not None),
        key=lambda one: (one.changed_at, one.number),
        reverse=True,
    )
    with_window = [one for one in rows if _is_ahead(one, now)]
    with_window.sort(key=lambda one: (one.window_start, one.number))
    listed = {one.number for one in with_window[:PLANNED_SHOWN]}
    return RecordTickets(
        opened,
        sum(counts.values()) - opened,
        with_window[:PLANNED_SHOWN],
        [one for one in rows if one.number not in listed][:OPEN_SHOWN],
    )


def _is_ahead(row: Row[*tuple[Any, ...]], now: datetime) -> bool:
    start, end = row.window_start, row.window_end
    return start is not None and (start > now or end is None or end > now)
