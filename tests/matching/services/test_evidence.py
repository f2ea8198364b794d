"""What many tickets say is read as the rule says it of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.matching.rules.matching import TicketTimes, ticket_interval
from app.matching.services.evidence import ticket_interval_columns
from app.tickets.models.tickets import Ticket
from tests.cast import NOON, enter
from tests.matching.matching_world import LINK, ticket

TIMES = ("event_start", "event_end", "window_start", "window_end", "ended_at")


def test_the_interval_of_many_tickets_is_that_of_each(session: Session) -> None:
    number = ticket(session, enter(session), links=(LINK,))
    columns = [one for one in Ticket.__table__.c if one.name not in ("number", "state", *TIMES)]
    same = dict(session.execute(select(*columns).where(Ticket.number == number)).mappings().one())
    moments = (None, NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    rows = []
    for state, *times in product(("assigned", "solved", "closed"), *[moments] * len(TIMES)):
        number += 1
        rows.append(
            {**same, "number": number, "state": state, **dict(zip(TIMES, times, strict=True))}
        )
    session.rollback()
    with transaction(session):
        session.execute(insert(cast(Table, Ticket.__table__)), rows)
    start, end = ticket_interval_columns()
    found: list[tuple[datetime, datetime | None]] = []
    wanted = []
    names = ("state", "created_at", "event_start", "event_end", "window_start", "window_end")
    asked = [getattr(Ticket, name) for name in (*names, "ended_at")]
    for begin, until, *told in session.execute(select(start, end, *asked)):
        found.append((begin, None if until is None else max(begin, until)))
        wanted.append(ticket_interval(TicketTimes(*told)))
    assert found == wanted
    assert len(found) > 3**6
