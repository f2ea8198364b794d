"""The order in which the exchange takes its locks: two who work at once do not wait for each other
for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.services.changes import FieldChange, record_change
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.pairs import PairState
from app.exchange.services import decisions
from app.exchange.services.comparisons import begin_comparison, note_compared
from app.exchange.services.deliveries import locked_pair
from app.exchange.tasks.deliveries import plan_entries
from tests.exchange.exchange_world import World
from tests.harness.databases import open_engine
from tests.harness.until import until


def waits(engine: Engine) -> bool:
    """Whether somebody waits for a lock."""
    if engine.dialect.name == "sqlite":
        return True  # its writers come one after another through a gate
    with engine.connect() as own:
        return bool(own.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_many_that_are_sent_again_and_one_that_writes_do_not_wait_for_each_other(
    database: str, session: Session
) -> None:
    """Somebody holds one pair and writes a change, while all are sent again."""
    world = World(session.get_bind().engine)
    numbers = [world.open(f"Ticket {turn}", "Text") for turn in range(2)]
    plan_entries(world.context)
    with world.writing() as session:
        pairs = session.scalars(select(TicketPair).order_by(TicketPair.id)).all()
        for pair in pairs:
            pair.state, pair.reason = PairState.STOPPED, "It responded with 422"
        last = pairs[-1].id
    engine = open_engine(database)

    def all_again() -> int:
        with Session(engine) as own, transaction(own):
            one = own.get_one(Connection, world.connection_id)
            return decisions.send_all_again(own, world.operator(), one)

    with ThreadPoolExecutor(1) as pool:
        with world.writing() as session:
            locked_pair(session, last)
            other = pool.submit(all_again)
            until(partial(waits, engine))
            fields = [FieldChange("reason", None, "x")]
            record_change(
                session, world.operator(), kind="ticket pair", thing_id=last, fields=fields
            )
        assert other.result() == len(numbers)
    engine.dispose()


def test_a_comparison_and_a_pair_that_is_written_do_not_wait_for_each_other(
    database: str, session: Session
) -> None:
    """Somebody holds a pair and writes its connection, while its comparison is counted."""
    world = World(session.get_bind().engine)
    world.open("Ticket", "Text")
    world.deliver()
    world.later(minutes=1)
    world.read("1001")
    with world.writing() as session:
        begin_comparison(session.get_one(Connection, world.connection_id), world.now)
        found = session.scalars(select(TicketPair)).one()
        found.differing = '[{"part": "text", "origin": "ours", "sequence": 1, "why": "missing"}]'
        pair = found.id
    engine = open_engine(database)

    def count() -> None:
        with Session(engine) as own, transaction(own):
            connection = own.get_one(Connection, world.connection_id)
            note_compared(own, connection, [pair], world.now)

    with ThreadPoolExecutor(1) as pool:
        with world.writing() as session:
            row = locked_pair(session, pair)
            other = pool.submit(count)
            until(partial(waits, engine))
            row.connection.reason = "It responded with 503"
        other.result()
    with Session(engine) as session:
        assert '"different": 1' in session.get_one(Connection, world.connection_id).comparison
        assert session.get_one(TicketPair, pair).differs_at == world.now
    engine.dispose()
