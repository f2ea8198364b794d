"""The nightly comparison of each ledger."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import Entry
from app.exchange.services.ledgers import JOB, last_comparison
from app.exchange.tasks.ledgers import compare_ledger
from app.exchange.tasks.pulls import sweep_partners
from app.jobs.services.queue import is_pending
from app.jobs.tasks.context import Context
from app.worker.jobs import JOBS
from tests.cast import NOON, Cast
from tests.exchange.seeded import seed_connection, seed_pair
from tests.harness.server import test_settings
from tests.harness.visits import Open

NIGHT = NOON + timedelta(hours=15)


def context(session: Session) -> Context:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    url = engine.url.render_as_string(hide_password=False)
    return Context(engine, test_settings(url), now=lambda: NIGHT)


def test_each_night_every_ledger_is_compared(session: Session, cast: Cast, opened: Open) -> None:
    """Also that of a partner who is only written to; not of one who is paused."""
    number = opened()
    with transaction(session):
        seed_pair(session, "NREN-A", number, direction="push").known()
        seed_connection(session, "NREN-B", paused=True)
    sweep_partners(context(session))
    assert is_pending(session, JOB, "compare 1")
    assert not is_pending(session, JOB, "compare 2")
    session.rollback()
    with transaction(session):
        session.execute(update(Entry).values(content='{"title": "Other"}'))
    JOBS[JOB](context(session), {"connection": 1})
    assert JOBS[JOB] is compare_ledger
    found = session.get_one(Connection, 1, populate_existing=True)
    assert found.compared_at == NIGHT
    comparison = last_comparison(found)
    assert comparison is not None
    assert (comparison.entries, comparison.altered) == (1, 1)
