"""The portal's list: each filter finds what it says, pages join without gap or double."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.database import writing
from app.domain.ticket_content import NewTicket
from app.domain.tickets import Priority, State
from app.models import Ticket
from app.services.ticket_lists import SORTS, TicketFilter
from app.services.ticket_pages import count_by_state, list_tickets
from app.services.tickets import move_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer


def fill(session: Session, cast: Cast) -> None:
    """Six tickets, each unlike the others."""
    with writing(session):
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
            open_ticket(session, writer(cast.operator, now), NewTicket(**fields))  # type: ignore[arg-type]
            if number == 2:
                move_ticket(session, writer(cast.operator, now), number, "on hold")
            if number == 5:
                move_ticket(session, writer(cast.operator, now), number, "unsolved")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"states": ("open",)}, [1, 2, 3, 4, 6]),
        ({"states": ("closed",)}, [5]),
        ({"states": ("on hold", "unsolved")}, [2, 5]),
        ({"networks": ("LHCONE",)}, [3]),
        ({"categories": ("test", "maintenance")}, [3, 5]),
        ({"layers": ("L3",)}, [2]),
        ({"units": ("NREN",)}, [3]),
        ({"priorities": ("urgent",)}, [1]),
        ({"links": ("CERN-GRIDKA-LHCOPN-001",)}, [1]),
        ({"sites": ("ES-PIC",)}, [2]),
        ({"sites": ("Atlantis", "PIC")}, [2, 4]),
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
        ({"states": ("open",), "categories": ("test",)}, []),
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
    wanted = TicketFilter(states=("unsolved",), categories=("incident", "test"))
    assert count_by_state(session, cast.reader, wanted) == {"new": 3, "on hold": 1, "unsolved": 1}


@pytest.mark.parametrize("sort", sorted(SORTS))
@pytest.mark.parametrize("direction", ["", "-"])
def test_pages_join_to_the_whole_list_in_order(session: Session, sort: str, direction: str) -> None:
    cast = enter(session)
    dice = random.Random(f"{sort}{direction}")
    with writing(session):
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
    keys: dict[str, Callable[[Ticket], Any]] = {
        "priority": lambda ticket: list(Priority).index(Priority(ticket.priority)),
        "state": lambda ticket: list(State).index(State(ticket.state)),
        "number": lambda ticket: ticket.number,
        "created": lambda ticket: ticket.created_at,
        "changed": lambda ticket: ticket.changed_at,
    }
    if sort in keys:
        values = [keys[sort](ticket) for ticket in whole]
        assert values == sorted(values, reverse=direction == "-")
