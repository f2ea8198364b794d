"""A worker that is overtaken between what it read and what it writes: nothing of then stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.duties.models.duties import Duty, DutySum, ServiceLoss
from app.jobs.tasks.context import Context
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.services import recompute
from app.matching.services.by_hand import link_by_hand
from app.matching.services.recompute import bring_up_to_date, recompute_link
from app.matching.services.stale_links import freshness
from app.matching.tasks.follow import follow_matching
from app.registry.models.registry import Link
from app.registry.services.links import create_link
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.matching.matching_world import LINK, report, ticket

OTHER: Final = "CERN-PIC-LHCOPN-001"
SECOND: Final = "CERN-GRIDKA-LHCOPN-002"
_MATCHES, _LOSSES, _DUTIES = 3, 4, 5
"""The places of these readings of the first link among those of a worker that marked it."""
Meanwhile = Callable[[Engine], None]


class Slow(Context):
    """A worker that once is overtaken by others, behind one of its readings."""

    place: int
    meanwhile: Callable[[], None]
    readings: list[int]

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read with."""
        with super().reading() as session:
            yield session
        self.readings.append(len(self.readings) + 1)
        if self.readings[-1] == self.place:
            self.meanwhile()


@pytest.fixture
def engines(database: str) -> Iterator[tuple[Engine, Engine]]:
    both = open_engine(database), open_engine(database)
    yield both
    for engine in both:
        engine.dispose()


def _kept(session: Session) -> dict[Any, list[tuple[Any, ...]]]:
    session.rollback()
    kinds = (DetectedEvent, EventOfDetected, EventTicket, ServiceLoss, Duty, DutySum)
    return {
        kind: sorted(map(tuple, session.execute(select(kind.__table__))), key=str) for kind in kinds
    }


def _overtaken(
    session: Session, database: str, engines: tuple[Engine, Engine], place: int, then: Meanwhile
) -> None:
    """A worker is overtaken; what it and whoever comes later keep is what all of it anew gives."""
    worker = Slow(engines[0], test_settings(database), now=lambda: NOON)
    told = {"place": place, "readings": [], "meanwhile": lambda: then(engines[1])}
    for name, value in told.items():
        object.__setattr__(worker, name, value)
    session.rollback()
    follow_matching(worker)
    assert len(worker.readings) > place
    follow_matching(Context(engines[0], test_settings(database), now=lambda: NOON))
    assert freshness(session).is_fresh
    kept = _kept(session)
    with transaction(session):
        bring_up_to_date(session, NOON, everything=True)
    assert _kept(session) == kept, "what is computed from nothing is the same"


def _marked(session: Session) -> None:
    """Another one looks through the changes, and is killed then."""
    with transaction(session):
        bring_up_to_date(session, NOON, most=0)


@pytest.mark.parametrize(
    "where",
    [
        {"link": OTHER, "state": "unmonitored"},
        {"link": "", "site": "DE-KIT"},
        {"link": "NOT-KNOWN"},
    ],
    ids=["unmonitored", "of a site", "unknown"],
)
def test_an_event_that_leaves_while_its_link_is_computed_is_not_kept_there(
    session: Session, database: str, engines: tuple[Engine, Engine], where: dict[str, Any]
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00", source_id="moves")

    def leaves(engine: Engine) -> None:
        with Session(engine) as own:
            report(own, cast, "5 10:00", "5 12:00", source_id="moves", **where)
            _marked(own)

    _overtaken(session, database, engines, _MATCHES, leaves)


@pytest.mark.parametrize("before", ["a link", "a site"])
def test_a_ticket_that_leaves_while_a_link_is_computed_is_not_kept_there(
    session: Session, database: str, engines: tuple[Engine, Engine], before: str
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00")
    said: dict[str, Any] = {"links": (LINK,)} if before == "a link" else {"sites": ("DE-KIT",)}
    number = ticket(session, cast, event_start="5 10:00", event_end="5 12:00", **said)

    def leaves(engine: Engine) -> None:
        with Session(engine) as own:
            with transaction(own):
                change_ticket(own, writer(cast.operator), number, {"links": (OTHER,)})
            _marked(own)

    _overtaken(session, database, engines, _MATCHES, leaves)


def test_a_decision_of_a_ticket_that_becomes_a_test_is_followed_to_an_event_not_yet_computed(
    session: Session,
    database: str,
    engines: tuple[Engine, Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recompute, "MAX_BY_HAND", 0)
    cast = enter(session)
    event = report(session, cast, "5 10:00", "5 12:00")
    number = ticket(session, cast)
    with transaction(session):
        link_by_hand(session, writer(cast.operator), event, number, "It was this one")

    def becomes_a_test(engine: Engine) -> None:
        with Session(engine) as own:
            with transaction(own):
                change_ticket(own, writer(cast.operator), number, {"category": "test"})
            _marked(own)

    _overtaken(session, database, engines, _MATCHES, becomes_a_test)


def _second_link(session: Session, cast: Cast) -> int:
    stated = {"name": SECOND, "network": "LHCOPN", "end_a": "CH-CERN", "end_b": "DE-KIT"}
    with transaction(session):
        create_link(session, writer(cast.admin), stated)
    return session.scalars(select(Link.id).where(Link.name == SECOND)).one()


def test_a_loss_that_the_other_link_of_a_t1_takes_back_is_not_kept(
    session: Session, database: str, engines: tuple[Engine, Engine]
) -> None:
    """The other link was up after all, and is recomputed: there is no loss yet that it could take
    back, for who computes the first link has not written it."""
    cast = enter(session)
    second = _second_link(session, cast)
    report(session, cast, "5 10:00", "5 12:00", link=SECOND, source_id="other")
    follow_matching(Context(engines[0], test_settings(database), now=lambda: NOON))
    report(session, cast, "5 10:30", "5 12:00")  # the later one answers for the loss

    def was_up(engine: Engine) -> None:
        with Session(engine) as own:
            up: dict[str, Any] = {"link": SECOND, "source_id": "other", "state": "degraded"}
            report(own, cast, "5 10:00", "5 12:00", **up)
            _marked(own)
        recompute_link(Context(engine, test_settings(database)), ("link", second), NOON)

    _overtaken(session, database, engines, _LOSSES, was_up)


def test_a_duty_that_moved_with_its_event_is_not_deleted_with_the_old_ones(
    session: Session, database: str, engines: tuple[Engine, Engine]
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00", source_id="moves")
    worker = Context(engines[0], test_settings(database), now=lambda: NOON)
    follow_matching(worker)
    report(session, cast, "5 10:00", "5 12:00", source_id="moves", link=OTHER)
    other = session.scalars(select(Link.id).where(Link.name == OTHER)).one()
    assert other > session.scalars(select(Link.id).where(Link.name == LINK)).one()

    def another_writes_it(engine: Engine) -> None:
        recompute_link(Context(engine, test_settings(database)), ("link", other), NOON)

    _overtaken(session, database, engines, _DUTIES, another_writes_it)
