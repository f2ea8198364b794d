"""The worker keeps the facts of figures in step with the change log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.jobs.tasks.context import Context
from app.statistics.models.statistics import FactBlock
from app.statistics.services import blocks as statistics_blocks
from app.statistics.services.events import EVENT_FACTS
from app.statistics.services.tickets import TICKET_FACTS
from app.statistics.tasks.statistics import keep_facts
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import move_ticket, open_ticket
from app.worker.process import WorkerProcess
from tests.cast import NOON, enter, writer
from tests.matching.matching_world import report


def versions(session: Session) -> dict[tuple[str, int], int]:
    session.rollback()
    rows = session.execute(select(FactBlock.kind, FactBlock.block, FactBlock.version))
    found = {(kind, block): version for kind, block, version in rows}
    session.rollback()
    return found


def test_blocks_are_filled_and_followed(
    session: Session, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics_blocks, "SIZE", 3)
    cast = enter(session)
    with transaction(session):
        for at in range(4):
            open_ticket(session, writer(cast.operator), NewTicket(f"Ticket {at}"))
        session.add(
            FactBlock(
                kind="ticket.0",
                block=0,
                version=7,
                changes_up_to=0,
                kept_at=NOON,
                **dict.fromkeys(("rows", "links", "sites"), b"of an older portal"),
            )
        )
    report(session, cast, "5 10:00", "5 11:00")
    keep_facts(replace(context, is_ending=lambda: True))
    assert (TICKET_FACTS.key, 0) not in versions(session)
    WorkerProcess(context).work_once()
    tickets, events = TICKET_FACTS.key, EVENT_FACTS.key
    assert versions(session) == {(tickets, 0): 1, (tickets, 1): 1, (events, 0): 1}
    with transaction(session):
        move_ticket(session, writer(cast.operator, NOON + timedelta(hours=1)), 4, "on hold")
    keep_facts(context)
    assert versions(session) == {(tickets, 0): 1, (tickets, 1): 2, (events, 0): 1}
    assert statistics_blocks.draft_blocks(session, TICKET_FACTS) is None
