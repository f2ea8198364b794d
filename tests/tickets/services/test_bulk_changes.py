"""Changes of several tickets beside other writers: nobody waits for each other, nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import NotFound
from app.tickets.models.desk import BulkChange, BulkChangeTicket
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.bulk_changes import MEANWHILE, do_bulk_change, find_bulk_change
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import Cast, enter, writer
from tests.harness.databases import open_engine

TICKETS = 12
WRITERS = 4


def seed(session: Session, cast: Cast) -> list[int]:
    with transaction(session):
        return [
            open_ticket(session, writer(cast.operator), NewTicket(title=f"T{index}")).number
            for index in range(TICKETS)
        ]


def test_a_bulk_change_is_its_persons_and_the_operators(session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        by = writer(cast.kit)
        number = open_ticket(session, by, NewTicket(title="ours")).number
        bulk = do_bulk_change(session, by, "k", {number: 1}, {"priority": "urgent"}).id
    for actor in (cast.kit, cast.operator, cast.admin):
        assert find_bulk_change(session, actor, bulk).id == bulk
    for actor in (cast.pic, cast.reader):
        with pytest.raises(NotFound):
            find_bulk_change(session, actor, bulk)


def test_several_at_once_take_turns(database: str, session: Session) -> None:
    cast = enter(session)
    numbers = seed(session, cast)
    engine = open_engine(database)

    def work(position: int) -> None:
        by = writer(cast.operator, datetime.now(UTC))
        with Session(engine) as own, transaction(own):
            if position % 2:
                chosen = numbers if position % 4 == 1 else numbers[::-1]
                versions = dict.fromkeys(chosen, 1)
                wanted = {"priority": "urgent", "unit": f"NOC {position}"}
                do_bulk_change(own, by, f"key {position}", versions, wanted)
            else:
                # who changes several locks them by number, as everybody does
                for number in sorted((numbers[position], numbers[-1 - position])):
                    comment_ticket(own, by, number, f"{position}")

    with ThreadPoolExecutor(2 * WRITERS) as pool:
        list(pool.map(work, [position % TICKETS for position in range(2 * WRITERS)]))
    engine.dispose()
    session.rollback()
    # every ticket was changed by at most one of them: the others saw another version
    changed = session.execute(
        select(BulkChangeTicket.ticket_number, func.count())
        .where(BulkChangeTicket.version.is_not(None))
        .group_by(BulkChangeTicket.ticket_number)
    ).all()
    assert all(count == 1 for _number, count in changed)
    left = session.scalars(select(BulkChangeTicket.note).where(BulkChangeTicket.version.is_(None)))
    assert set(left) == {MEANWHILE}
    rows = session.scalar(select(func.count()).select_from(BulkChangeTicket))
    assert rows == WRITERS * TICKETS
    urgent = session.scalar(select(func.count()).where(Ticket.priority == "urgent"))
    assert urgent == len(changed) >= TICKETS - 2 * WRITERS


def test_the_same_form_sent_twice_at_once_changes_once(database: str, session: Session) -> None:
    cast = enter(session)
    versions = dict.fromkeys(seed(session, cast), 1)
    engine = open_engine(database)

    def send(_turn: int) -> int:
        with Session(engine) as own, transaction(own):
            by = writer(cast.operator, datetime.now(UTC))
            return do_bulk_change(own, by, "k" * 32, versions, {"priority": "urgent"}).id

    with ThreadPoolExecutor(WRITERS) as pool:
        assert len(set(pool.map(send, range(WRITERS)))) == 1
    engine.dispose()
    session.rollback()
    assert session.scalar(select(func.count()).select_from(BulkChange)) == 1
    assert set(session.scalars(select(Ticket.version))) == {2}
