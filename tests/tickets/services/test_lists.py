"""The portal's list: each filter finds what it says, pages join without gap or double."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import Priority, State
from app.tickets.services.lifecycle import move_ticket, open_ticket
from app.tickets.services.lists.lists import SORTS, TicketFilter
from app.tickets.services.pages import AHEAD, FEW, count_by_state, list_tickets
from tests.cast import NOON, Cast, enter, writer
from tests.harness.examples import some_of


def fill(session: Session, cast: Cast) -> None:
    """Six tickets, each unlike the others."""
    with transaction(session):
        for number, (fields, days) in enumerate(
            (
                ({"title": "CERN-GRIDKA-LHCOPN-001 down", "priority": "urgent"}, 0),
                ({"title": "Prefix 100% missing_here", "layer": "L3", "sites": ("pic",)}, 1),
                ({"title": "LHCONE work", "category": "maintenance", "unit": "NREN"}, 2),
                ({"title": "STRASSE Größe", "sites": ("Atlantis",)}, 3),
                ({"title": "test", "category": "test"}, 4),
                ({"title": "CERN-PIC-LHCOPN-001 flaps"}, 5),
            ),
            start=1,
        ):
            now = NOON + timedelta(days=days)
            new = NewTicket(**fields)  # type: ignore[arg-type]
            opened = open_ticket(session, writer(cast.operator, now), new).number
            if number == 2:
                move_ticket(session, writer(cast.operator, now), opened, "on hold")
            if number == 5:
                move_ticket(session, writer(cast.operator, now), opened, "unsolved")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"states": ("open",)}, [1, 2, 3, 4, 6]),
        ({"states": ("closed",)}, [5]),
        ({"states": ("on hold", "unsolved")}, [2, 5]),
        ({"values": {"network": ("LHCONE",)}}, [3]),
        ({"values": {"category": ("test", "maintenance")}}, [3, 5]),
        ({"values": {"layer": ("L3",)}}, [2]),
        ({"values": {"unit": ("NREN",)}}, [3]),
        ({"values": {"priority": ("urgent",)}}, [1]),
        ({"links": ("CERN-GRIDKA-LHCOPN-001",)}, [1]),
        ({"sites": ("ES-PIC",)}, [2, 6]),  # affected, and an end of a link
        ({"sites": ("Atlantis", "PIC")}, [2, 4, 6]),
        ({"sites": ("CERN",)}, [1, 6]),
        ({"affected": ("ES-PIC",)}, [2]),
        ({"affected": ("Atlantis", "PIC")}, [2, 4]),
        ({"sites": ("ES-PIC",), "affected": ("Atlantis",)}, []),
        ({"responsible": ("FZK-LCG2",)}, [1]),
        ({"responsible": ("pic",)}, [2, 6]),
        ({"text": "LHCOPN-001 cern"}, [1, 6]),
        ({"text": "100%"}, [2]),
        ({"text": "missing_here"}, [2]),
        ({"text": "her"}, [2]),
        ({"text": "her down"}, []),
        ({"text": "grosse strasse"}, [4]),
        ({"text": "#4"}, [4]),
        ({"created_from": date(2013, 3, 8), "created_to": date(2013, 3, 9)}, [3, 4]),
        ({"states": ("open",), "values": {"category": ("test",)}}, []),
    ],
)
def test_each_filter(session: Session, wanted: dict[str, object], numbers: list[int]) -> None:
    cast = enter(session)
    fill(session, cast)
    page = list_tickets(session, cast.reader, TicketFilter(sort="number", **wanted))  # type: ignore[arg-type]
    assert [ticket.number for ticket in page.tickets] == numbers
    assert page.after is None


def test_counts_leave_the_states_aside(session: Session) -> None:
    cast = enter(session)
    fill(session, cast)
    wanted = TicketFilter(states=("unsolved",), values={"category": ("incident", "test")})
    assert count_by_state(session, cast.reader, wanted) == {"new": 3, "on hold": 1, "unsolved": 1}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"values": {"layer": ("unknown",)}},
        {"sites": ("ES-PIC",)},
        {"sites": ("Atlantis", "PIC"), "values": {"layer": ("unknown",)}},
        {"affected": ("ES-PIC", "Atlantis")},
        {"links": ("CERN-PIC-LHCOPN-001",)},
        {"text": "LHCOPN-001"},
    ],
)
def test_counts_stop_behind_the_most_that_are_shown(
    session: Session, wanted: dict[str, Any]
) -> None:
    cast = enter(session)
    for _ in range(3):
        fill(session, cast)
    tickets = list_tickets(session, cast.reader, TicketFilter(**wanted), limit=100).tickets
    exact = Counter(ticket.state for ticket in tickets)
    assert exact["new"] > 2
    for most in (1, 2, 3, 100):
        counts = count_by_state(session, cast.reader, TicketFilter(**wanted), most=most)
        assert counts == {state: min(count, most + 1) for state, count in exact.items()}


@pytest.mark.parametrize("sort", sorted(SORTS))
@pytest.mark.parametrize("direction", ["", "-"])
def test_pages_join_to_the_whole_list_in_order(session: Session, sort: str, direction: str) -> None:
    cast = enter(session)
    dice = random.Random(f"{sort}{direction}")
    with transaction(session):
        for _ in range(23):
            now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(6))
            new = NewTicket(title=dice.choice("aBcÄz"), priority=dice.choice(list(Priority)))
            number = open_ticket(session, writer(cast.operator, now), new).number
            if dice.random() < 0.5:
                move_ticket(session, writer(cast.operator, now), number, "on hold")
    wanted = TicketFilter(sort=direction + sort)
    whole = list_tickets(session, cast.reader, wanted, limit=100).tickets
    assert len(whole) == 23
    joined, after = [], None
    while True:
        page = list_tickets(session, cast.reader, wanted, after=after, limit=4)
        joined += [ticket.number for ticket in page.tickets]
        after = page.after
        if after is None:
            break
    assert joined == [ticket.number for ticket in whole]
    keys: dict[str, Callable[[Row[Any]], Any]] = {
        "priority": lambda ticket: list(Priority).index(Priority(ticket.priority)),
        "state": lambda ticket: list(State).index(State(ticket.state)),
        "number": lambda ticket: ticket.number,
        "created": lambda ticket: ticket.created_at,
        "changed": lambda ticket: ticket.changed_at,
    }
    if sort in keys:
        values = [keys[sort](ticket) for ticket in whole]
        assert values == sorted(values, reverse=direction == "-")


@pytest.mark.parametrize(("few", "ahead"), some_of([(3, (2, 5)), (3, AHEAD), (FEW, AHEAD)]))
def test_each_list_is_the_same_in_pages_forwards_and_backwards(
    session: Session, few: int, ahead: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each filter, sort and direction, forwards and backwards, against sorting all in Python."""
    monkeypatch.setattr("app.tickets.services.pages.FEW", few)
    monkeypatch.setattr("app.tickets.services.pages.AHEAD", ahead)
    cast = enter(session)
    dice = random.Random(17)
    with transaction(session):
        for index in range(40):
            now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(9))
            new = NewTicket(
                title=dice.choice(("alpha", "beta", "alpha beta")),
                description="rare" if index in (3, 31) else "frequent words",
                priority=dice.choice(list(Priority)),
                layer=dice.choice(("L3", "unknown")),
                sites=dice.choice(((), ("pic",), ("GRIDKA", "nowhere"))),
                links=("CERN-PIC-LHCOPN-001",) if index % 5 in (0, 3) else (),
            )
            number = open_ticket(session, writer(cast.operator, now), new).number
            if dice.random() < 0.4:
                move_ticket(session, writer(cast.operator, now), number, "on hold")
    filters: list[dict[str, Any]] = [
        {},
        {"states": ("on hold",)},
        {"text": "frequent"},
        {"text": "rare"},
        {"text": "alpha"},
        {"text": '"alpha beta"', "values": {"layer": ("L3",)}},
        {"text": "nothing such"},
        {"text": "#7"},
        {"sites": ("pic",), "values": {"priority": ("urgent", "top priority")}},
        {"sites": ("pic",), "text": "alpha", "states": ("open", "closed")},
        {"sites": ("nowhere",), "values": {"layer": ("L3",)}, "text": '"alpha beta"'},
        {"sites": ("GRIDKA", "nowhere"), "links": ("CERN-PIC-LHCOPN-001",)},
        {"links": ("CERN-PIC-LHCOPN-001",), "text": "beta", "values": {"layer": ("unknown",)}},
        {"responsible": ("FZK-LCG2",), "text": "frequent wor"},
        {"created_from": date(2026, 1, 1), "values": {"layer": ("unknown",)}, "states": ("open",)},
    ]
    for given in filters:
        plain = list_tickets(
            session, cast.reader, TicketFilter(sort="number", **given), limit=100
        ).tickets
        for name, sort in KEYS.items():
            for downwards in (False, True):
                expected = sorted(plain, key=lambda one: (sort(one), one.number))
                numbers = [ticket.number for ticket in expected[:: -1 if downwards else 1]]
                wanted = TicketFilter(sort=f"{'-' if downwards else ''}{name}", **given)
                assert walked(session, cast, wanted) == numbers, (given, wanted.sort)
                assert walked_back(session, cast, wanted) == numbers, (given, wanted.sort)
        wanted = TicketFilter(**given)
        counts = count_by_state(session, cast.reader, wanted)
        everything = TicketFilter(sort="number", **{**given, "states": ()})
        found = list_tickets(session, cast.reader, everything, limit=100).tickets
        assert counts == Counter(ticket.state for ticket in found)
        bounded = count_by_state(session, cast.reader, wanted, most=2)
        assert bounded == {state: min(3, count) for state, count in counts.items()}


KEYS: dict[str, Callable[[Row[Any]], Any]] = {
    "number": lambda ticket: ticket.number,
    "title": lambda ticket: ticket.title,
    "state": lambda ticket: list(State).index(State(ticket.state)),
    "priority": lambda ticket: list(Priority).index(Priority(ticket.priority)),
    "changed": lambda ticket: ticket.changed_at,
}


def walked(session: Session, cast: Cast, wanted: TicketFilter) -> list[int]:
    """All pages, from the first on."""
    page = list_tickets(session, cast.reader, wanted, limit=7)
    assert page.before is None
    found = [ticket.number for ticket in page.tickets]
    while page.after is not None:
        page = list_tickets(session, cast.reader, wanted, after=page.after, limit=7)
        assert page.before is not None
        found += [ticket.number for ticket in page.tickets]
    return found


def walked_back(session: Session, cast: Cast, wanted: TicketFilter) -> list[int]:
    """All pages, from the last one backwards."""
    page = list_tickets(session, cast.reader, wanted, last=True, limit=7)
    assert page.after is None
    found = [ticket.number for ticket in page.tickets]
    while page.before is not None:
        page = list_tickets(session, cast.reader, wanted, before=page.before, limit=7)
        assert page.after is not None
        found = [ticket.number for ticket in page.tickets] + found
    return found
