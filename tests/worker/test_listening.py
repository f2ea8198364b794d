"""What a worker does while nobody writes: time alone changes what an ongoing event means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.duties.models.duties import Duty
from app.jobs.tasks.context import Context
from app.matching.services.recompute import bring_up_to_date, mark_between
from app.matching.services.stale_links import freshness
from app.worker.parts import Listening
from tests.cast import NOON, enter
from tests.matching.matching_world import detected, report


def test_what_goes_on_begins_to_count_without_any_change(
    session: Session, context: Context
) -> None:
    cast, moment = enter(session), NOON
    context = replace(context, now=lambda: moment)
    listening = Listening(context, "a worker")
    report(session, cast, "6 11:30", None)
    assert listening.step()
    assert not detected(session)[0].is_counted
    assert not listening.step(), "nothing happened"
    moment = NOON + timedelta(minutes=30)
    assert listening.step()
    assert detected(session)[0].is_counted, "exactly 60 minutes"
    assert not session.scalars(select(Duty)).all(), "R2009 asks from more than 60 minutes on"
    moment = NOON + timedelta(minutes=31)
    listening.step()
    session.rollback()
    assert len(session.scalars(select(Duty)).all()) == 1


def test_what_a_killed_command_left_is_done(session: Session, context: Context) -> None:
    cast, moment = enter(session), NOON
    context = replace(context, now=lambda: moment)
    listening = Listening(context, "a worker")
    report(session, cast, "5 10:00", "5 12:00")
    listening.step()
    with transaction(session):
        mark_between(session, None, None)
        bring_up_to_date(session, NOON, most=0)
    assert not freshness(session).is_fresh
    session.rollback()
    moment += timedelta(minutes=1)
    listening.step()
    assert freshness(session).is_fresh
