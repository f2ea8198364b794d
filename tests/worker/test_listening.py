"""What a worker does while nobody writes: time alone changes what an ongoing event means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.duties.models.duties import Duty
from app.exchange.models.connections import ConnectionProfile
from app.exchange.models.pairs import ExchangeEntry
from app.jobs.rules.followers import EXCHANGE
from app.jobs.services.followers import failing_followers
from app.jobs.tasks.context import Context
from app.matching.services.recompute import bring_up_to_date, mark_between
from app.matching.services.stale_links import freshness
from app.worker.parts import Listening
from tests.cast import NOON, enter
from tests.exchange.exchange_world import World
from tests.matching.matching_world import detected, report


def test_what_goes_on_begins_to_count_without_any_change(
    session: Session, context: Context
) -> None:
    cast, moment = enter(session), NOON
    context = replace(context, now=lambda: moment)
    listening = Listening(context)
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
    listening = Listening(context)
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


def test_a_profile_that_cannot_be_read_stops_the_exchange_alone_and_loses_nothing(
    session: Session, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes behind it in the list of followers is done: the matching."""
    monkeypatch.setattr("app.worker.parts.retry_pause", lambda *_: timedelta(0))
    cast, moment = enter(session), NOON
    world = World(session.get_bind().engine)
    listening = Listening(replace(context, now=lambda: moment))
    listening.step()
    good = session.scalars(select(ConnectionProfile.content)).one()
    with transaction(session):
        session.execute(update(ConnectionProfile).values(content="{"))
    world.open("Link down", "The fibre is cut.")
    report(session, cast, "6 10:00", None)
    listening.step()
    assert detected(session)[0].is_counted
    assert [one.name for one in failing_followers(session)] == [EXCHANGE]
    with transaction(session):
        session.execute(update(ConnectionProfile).values(content=good))
    listening.step()
    assert failing_followers(session) == []
    assert [one.kind for one in session.scalars(select(ExchangeEntry))] == ["ticket"], (
        "nothing is lost"
    )
