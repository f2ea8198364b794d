"""Files of events that the worker reads through and writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.events.models.imports import EventImport
from app.events.rules.file_reading import EventFileOptions
from app.events.services import import_runs as runs
from app.events.services.events import EVENT
from app.events.tasks.imports import import_events
from app.jobs.tasks.context import Context
from tests.cast import NOON, enter, writer

FILE = (
    b"source,source_id,link,state,start\npsnr,1,CERN-GRIDKA-LHCOPN-001,down,2012-03-01T00:00:00Z\n"
)


def test_an_import_ended_when_it_was_written_and_not_when_its_worker_began(
    session: Session, context: Context
) -> None:
    looks: list[datetime] = []

    def clock() -> datetime:
        looks.append(NOON + timedelta(minutes=len(looks)))
        return looks[-1]

    by = writer(enter(session).operator)
    with transaction(session):
        row = runs.new_import(by, "events.csv", FILE, EventFileOptions())
        runs.keep_import(session, row, None)
        number = row.id
    context = replace(context, now=clock)
    import_events(context, {"id": number})
    with transaction(session):
        runs.begin_writing(session, by, number, only_good=False, keeps_unknown=False)
    import_events(context, {"id": number})
    row = session.get_one(EventImport, number, populate_existing=True)
    began = session.scalar(select(func.max(Change.at)).where(Change.kind == EVENT))
    assert (row.state, row.ended_at, began) == ("done", looks[-1], looks[-2])
