"""Links are recomputed as tickets and decisions change, by the same verb as everything."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.errors import PortalError
from app.duties.models.duties import Duty
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.rules.matching import MAX_KEPT
from app.matching.services import matches, recompute
from app.matching.services.by_hand import link_by_hand, undo_decision, unlink_by_hand
from app.matching.services.recompute import bring_up_to_date, pending
from app.matching.services.stale_links import freshness
from app.tickets.rules.relations import RelationRole
from app.tickets.services.lifecycle import change_ticket
from app.tickets.services.relations import relate_tickets, unrelate_tickets
from tests.cast import NOON, Cast, enter, writer
from tests.harness.examples import some_of
from tests.matching.matching_world import LINK, at, detected, recompute_all, report, ticket

PIC = "CERN-PIC-LHCOPN-001"
HOUR = timedelta(hours=1)
BEGIN = NOON - timedelta(days=3)


def stored(session: Session) -> list[list[tuple[Any, ...]]]:
    """All kept results but the time at which they were computed."""
    session.rollback()
    found = []
    for kind in (DetectedEvent, EventOfDetected, EventTicket):
        columns = [one for one in kind.__table__.columns if one.name != "computed_at"]
        found.append(sorted(tuple(row) for row in session.execute(select(*columns))))
    session.rollback()
    return found


def step(
    session: Session, cast: Cast, rng: random.Random, numbers: list[int], events: list[int]
) -> None:
    """One thing that somebody does; what is refused changes nothing."""
    number, other = rng.choice(numbers), rng.choice(numbers)
    start = BEGIN + rng.randrange(60) * HOUR
    by = writer(cast.operator)
    change: dict[str, Any] | None = rng.choice(
        [
            {"event_start": start, "event_end": start + rng.randrange(1, 9) * HOUR},
            {"event_start": start, "event_end": None},
            {"links": (rng.choice((LINK, PIC)),)},
            {"links": (), "sites": (rng.choice(("DE-KIT", "ES-PIC", "CH-CERN")),)},
            {"category": rng.choice(("incident", "maintenance", "change", "test"))},
            {"network": rng.choice(("LHCOPN", "LHCONE"))},
            {
                "state": rng.choice(("solved", "unsolved", "reopened", "in progress")),
                "solution": "x",
            },
            None,
        ]
    )
    try:
        with transaction(session):
            if change is not None:
                change_ticket(session, by, number, change)
            elif rng.random() < 0.4:
                relate_tickets(session, by, number, RelationRole.DUPLICATE_OF, other)
            elif rng.random() < 0.3:
                unrelate_tickets(session, by, number, RelationRole.DUPLICATE_OF, other)
            else:
                event = rng.choice(events)
                if rng.random() < 0.3:
                    undo_decision(session, by, event, number)
                else:
                    verb = rng.choice((link_by_hand, unlink_by_hand))
                    verb(session, by, event, number, "because")
    except PortalError:
        session.rollback()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So few tickets of a kind are kept beside an event."""

    def set_to(number: int) -> None:
        monkeypatch.setattr(matches, "MAX_KEPT", number)

    return set_to


@pytest.mark.parametrize(("seed", "most"), some_of([(2, 2), (1, 1), (0, MAX_KEPT)]))
def test_what_follows_is_what_all_of_it_anew_gives(
    session: Session, few: Callable[[int], None], seed: int, most: int
) -> None:
    few(most)
    rng = random.Random(seed)
    cast = enter(session)
    events = []
    for _ in range(12):
        start = BEGIN + rng.randrange(60) * HOUR
        end = (start + rng.randrange(1, 6) * HOUR).isoformat()[:19]
        link = rng.choice((LINK, PIC))
        events.append(report(session, cast, start.isoformat()[:19], end, link=link))
    events.append(report(session, cast, "5 10:00", "5 12:00", link=None, site="DE-KIT"))
    events.append(report(session, cast, "6 10:00", None))
    numbers = [ticket(session, cast, links=(LINK,)) for _ in range(5)]
    recompute_all(session)
    for turn in range(25):
        step(session, cast, rng, numbers, events)
        with transaction(session):
            bring_up_to_date(session, NOON)
        short = stored(session)
        with transaction(session):
            bring_up_to_date(session, NOON, everything=True)
        assert short == stored(session), f"step {turn}"


def test_a_ticket_that_leaves_lets_the_next_one_in(
    session: Session, few: Callable[[int], None]
) -> None:
    few(2)
    cast = enter(session)
    report(session, cast, "5 10:00", "5 12:00")
    first, second, third, last = (
        ticket(session, cast, links=(LINK,), event_start=f"{day} 10:00", event_end="6 10:00")
        for day in (3, 1, 4, 5)
    )

    def beside() -> list[int]:
        recompute_all(session)
        found = session.scalars(select(EventTicket.ticket_number)).all()
        session.rollback()
        return sorted(found)

    # the two that begin last, and the one that was written first
    assert beside() == [first, third, last]
    with transaction(session):
        change_ticket(session, writer(cast.operator), last, {"links": (PIC,)})
    assert beside() == [first, third], "the first is one of the two"
    with transaction(session):
        change_ticket(session, writer(cast.operator), first, {"links": (PIC,)})
    assert beside() == [second, third]
    with transaction(session):
        change_ticket(session, writer(cast.operator), last, {"links": (LINK,)})
    assert beside() == [second, third, last], "the second is the first that is left"


def test_the_first_ticket_says_when_a_duty_was_met_however_many_came_later(
    session: Session, few: Callable[[int], None]
) -> None:
    few(1)
    cast = enter(session)
    report(session, cast, "1 10:00", "5 12:00")
    # written in time, and two when it was late
    in_time = at("1 11:00")
    first = ticket(session, cast, now=in_time, links=(LINK,), event_start="1 10:00")
    for day in (3, 4):
        ticket(session, cast, now=at(f"{day} 10:00"), links=(LINK,), event_start=f"{day} 10:00")
    recompute_all(session)
    duties = session.execute(select(Duty.ticket_number, Duty.there_at)).all()
    assert duties
    assert set(duties) == {(first, in_time)}


@pytest.mark.parametrize("deed", ["link", "take off"])
def test_a_decision_on_a_link_of_very_many_rows_is_left_to_a_worker(
    session: Session, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    cast = enter(session)
    events = [report(session, cast, f"{day} 10:00", f"{day} 12:00") for day in (5, 6)]
    near = ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    far = ticket(session, cast, event_start="1 10:00", event_end="1 12:00")
    recompute_all(session)
    monkeypatch.setattr(recompute, "MAX_BY_HAND", 2)
    about = (events[1], far) if deed == "link" else (events[0], near)
    verb = link_by_hand if deed == "link" else unlink_by_hand
    with transaction(session):
        verb(session, writer(cast.operator), *about, "It was this one")
    assert [one.is_documented for one in detected(session)] == [True, False], "as before"
    session.rollback()
    assert freshness(session).stale == 1
    session.rollback()
    recompute_all(session)
    documented = deed == "link"
    assert [one.is_documented for one in detected(session)] == [documented, documented]
    # one row fewer than too many
    monkeypatch.setattr(recompute, "MAX_BY_HAND", 3)
    with transaction(session):
        undo_decision(session, writer(cast.operator), *about)
    assert [one.is_documented for one in detected(session)] == [True, False], "at once"


def test_a_new_ticket_off_by_a_time_zone_stands_beside_an_event_that_ended_long_before(
    session: Session,
) -> None:
    cast = enter(session)
    report(session, cast, "5 10:00", "5 10:30")
    recompute_all(session)
    number = ticket(session, cast, links=(LINK,), event_start="5 12:05", event_end="5 12:32")
    recompute_all(session)
    rows = session.execute(select(EventTicket.ticket_number, EventTicket.why)).all()
    assert [row.ticket_number for row in rows] == [number]
    assert "suspected time zone" in rows[0].why


def test_a_page_leaves_a_link_of_very_many_rows_to_a_worker(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = enter(session)
    for day in (4, 5, 6):
        report(session, cast, f"{day} 10:00", f"{day} 12:00")
    recompute_all(session)
    monkeypatch.setattr(recompute, "MAX_ROWS", 3)
    ticket(session, cast, links=(LINK,), event_start="4 10:00", event_end="4 12:00")
    assert not pending(session, NOON).is_much, "a ticket is matched by its own interval"
    session.rollback()
    report(session, cast, "3 10:00", "3 12:00")
    report(session, cast, "5 10:00", "5 12:00", link=PIC)
    assert pending(session, NOON).is_much
    session.rollback()
    with transaction(session):
        assert not bring_up_to_date(session, NOON, waits=False).is_fresh
    assert [one.is_documented for one in detected(session)] == [False] * 4
    session.rollback()
    recompute_all(session)
    assert sorted(one.is_documented for one in detected(session)) == [False] * 4 + [True]
