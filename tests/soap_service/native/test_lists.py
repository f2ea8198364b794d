"""FindTickets: each filter finds what it says, pages join without gap or double."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.soap_service.native.client import LINK, Native

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
"""When this file was read: a whole run may come between that and the tests, and a midnight too."""
TICKETS: tuple[dict[str, Any], ...] = (
    {"title": "first", "links": [LINK], "priority": "urgent"},
    {"title": "second, 100%", "sites": ["pic", "NOWHERE"], "layer": "L3", "impact": "outage"},
    {
        "title": "third",
        "network": "LHCONE",
        "category": "maintenance",
        "unit": "NREN-X",
        "windowStart": datetime(2026, 3, 1, tzinfo=UTC),
        "windowEnd": datetime(2026, 3, 2, tzinfo=UTC),
    },
)


@pytest.fixture(scope="module")
def numbers(native: Native) -> list[int]:
    found = [native.create(**content) for content in TICKETS]
    change = {"state": "unsolved"}
    native.call("UpdateTicket", number=found[2], version=1, change=change)
    return found


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ({}, [0, 1, 2]),
        ({"text": "SECOND"}, [1]),
        ({"text": "100%"}, [1]),
        ({"text": "%"}, []),
        ({"states": ["open"]}, [0, 1]),
        ({"states": ["closed"]}, [2]),
        ({"states": ["new", "unsolved"]}, [0, 1, 2]),
        ({"states": ["solved"]}, []),
        ({"networks": ["LHCONE"]}, [2]),
        ({"categories": ["maintenance", "change"]}, [2]),
        ({"layers": ["L3"]}, [1]),
        ({"priorities": ["urgent"]}, [0]),
        ({"links": [LINK]}, [0]),
        ({"links": ["' OR 1=1"]}, []),
        ({"sites": ["ES-PIC"]}, [1]),
        ({"sites": ["NOWHERE"]}, [1]),
        ({"responsible": ["FZK-LCG2"]}, [0]),
        ({"units": ["NREN-X"]}, [2]),
        ({"units": ["TPM"], "layers": ["L3"]}, [1]),
        ({"createdFrom": YESTERDAY, "createdTo": YESTERDAY + timedelta(days=3)}, [0, 1, 2]),
        ({"createdTo": date(2020, 1, 1)}, []),
    ],
)
def test_filters(native: Native, numbers: list[int], wanted: Any, places: list[int]) -> None:
    answer = native.call("FindTickets", filter=wanted)
    assert [row["number"] for row in answer["tickets"]] == [numbers[place] for place in places]
    assert answer["more"] is False


def test_rows_say_what_the_tickets_say(native: Native, numbers: list[int]) -> None:
    rows = native.call("FindTickets")["tickets"]
    for number, row in zip(numbers, rows, strict=True):
        ticket = native.get(number)
        lists = {
            "links": [link["name"] for link in ticket["links"]],
            "sites": [site["key"] or site["name"] for site in ticket["sites"]],
        }
        assert row == {name: ticket[name] for name in row if name not in lists} | lists


def test_pages_join_without_gap_or_double(native: Native, numbers: list[int]) -> None:
    seen: list[int] = []
    after, more = 0, True
    while more:
        page = native.call("FindTickets", afterNumber=after, limit=2)
        seen += [row["number"] for row in page["tickets"]]
        after, more = page["lastNumber"], page["more"]
    assert seen == numbers
    past = native.call("FindTickets", afterNumber=after)
    assert (past["tickets"], past["lastNumber"], past["more"]) == ([], after, False)


def test_only_what_the_account_may_read_is_found(native: Native, numbers: list[int]) -> None:
    assert native.call("FindTickets", user="other")["tickets"] == []
    assert len(native.call("FindTickets", user="reader")["tickets"]) == len(numbers)
