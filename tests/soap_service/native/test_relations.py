"""Relations and acknowledgements through the native service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.soap_service.native.client import LINK, NEW, Native, number_of, refused

OPPOSITE = {
    "parent": "child",
    "child": "parent",
    "duplicateOf": "duplicate",
    "duplicate": "duplicateOf",
    "related": "related",
}


@pytest.mark.parametrize("role", OPPOSITE)
def test_a_relation_is_seen_from_both_ends_and_taken_off_both(native: Native, role: str) -> None:
    one, two = native.create(), native.create()
    sent: dict[str, Any] = {"number": one, "role": role, "other": two}
    assert native.call("RelateTickets", **sent) == {"number": one, "version": 2}
    assert native.get(one)["relations"] == [{"role": role, "number": two}]
    assert native.get(two)["relations"] == [{"role": OPPOSITE[role], "number": one}]
    # what stands is no change
    assert native.call("RelateTickets", **sent)["version"] == 2
    assert native.call("UnrelateTickets", **sent)["version"] == 3
    assert native.get(two)["relations"] == []
    history = native.call("GetHistory", number=one)["steps"]
    assert [step["fields"] for step in history[1:]] == [
        [{"field": role, "old": None, "new": str(two)}],
        [{"field": role, "old": str(two), "new": None}],
    ]


def test_a_ticket_is_created_as_a_relative_and_once_only(native: Native) -> None:
    parent = native.create()
    sent: dict[str, Any] = {
        "requestKey": f"child of {parent}",
        "ticket": NEW,
        "relation": {"role": "parent", "number": parent},
    }
    made = native.call("CreateTicket", **sent)
    assert native.call("CreateTicket", **sent) == made
    ticket = native.get(made["number"])
    assert (ticket["version"], ticket["relations"]) == (
        made["version"],
        [{"role": "parent", "number": parent}],
    )
    assert native.get(parent)["relations"] == [{"role": "child", "number": made["number"]}]


def test_a_relative_that_may_not_be_read_is_not_told(native: Native) -> None:
    foreign, mine = native.create(), native.create(user="other")
    before = native.wire.count()
    for call in (
        {"operation": "RelateTickets", "number": mine, "role": "related", "other": foreign},
        {"operation": "CreateTicket", "ticket": NEW,
         "relation": {"role": "parent", "number": foreign}},
    ):  # fmt: skip
        operation = str(call.pop("operation"))
        assert number_of(refused(native.call, operation, user="other", **call)) == 302
    native.call("RelateTickets", number=mine, role="related", other=foreign)
    assert native.get(mine, user="other")["relations"] == []
    assert native.wire.count() == before


def test_what_relations_do_not_allow(sqlite_native: Native) -> None:
    one, two, three = (sqlite_native.create() for _ in range(3))
    sqlite_native.call("RelateTickets", number=one, role="parent", other=two)
    for wrong in (
        {"number": one, "role": "related", "other": one},
        {"number": one, "role": "parent", "other": three},
        {"number": two, "role": "parent", "other": one},
    ):
        fault = refused(sqlite_native.call, "RelateTickets", **wrong)
        assert (number_of(fault), fault.message[:18]) == (310, "ERROR (310): other")
    fault = refused(
        sqlite_native.call, "RelateTickets", user="reader", number=one, role="related", other=three
    )
    assert number_of(fault) == 330


CHANGE: dict[str, Any] = {
    "category": "change",
    "links": [LINK],
    "sites": ["DE-KIT"],
    "windowStart": datetime(2026, 3, 1, tzinfo=UTC),
}


def test_sites_answer_to_a_change(native: Native) -> None:
    number = native.create(**CHANGE)
    asked = native.get(number)["acknowledgements"]
    assert [(item["site"], item["answer"]) for item in asked] == [
        ("CH-CERN", None),
        ("DE-KIT", None),
    ]
    answer = native.call(
        "AcknowledgeChange",
        user="kit",
        author="noc-kit",
        number=number,
        site="FZK-LCG2",
        accepted=False,
        reason="not in this week",
    )
    assert answer == {"number": number, "version": 2}
    ticket = native.get(number)
    kit = ticket["acknowledgements"][1]
    assert kit == {
        "site": "DE-KIT",
        "answer": "refused",
        "reason": "not in this week",
        "at": ticket["changed"],
        "author": "noc-kit",
        "outdated": False,
    }
    later = {"windowStart": datetime(2026, 3, 8, tzinfo=UTC)}
    native.call("UpdateTicket", number=number, version=2, change=later)
    assert native.get(number)["acknowledgements"][1]["outdated"] is True
    native.call("AcknowledgeChange", user="kit", number=number, site="DE-KIT", accepted=True)
    kit = native.get(number)["acknowledgements"][1]
    assert (kit["answer"], kit["reason"], kit["outdated"]) == ("accepted", None, False)


def test_the_asked_sites_can_be_stated(native: Native) -> None:
    number = native.create(**CHANGE, askedSites=["ES-PIC"])
    change = {"askedSites": ["DE-KIT", "ES-PIC"]}
    native.call("UpdateTicket", number=number, version=1, change=change)
    sites = [item["site"] for item in native.get(number)["acknowledgements"]]
    assert sites == ["DE-KIT", "ES-PIC"]


@pytest.mark.parametrize(
    ("user", "sent", "number", "word"),
    [
        ("kit", {"accepted": False}, 310, "reason"),
        ("kit", {"accepted": True, "site": "ES-PIC"}, 310, "site"),
        ("kit", {"accepted": True, "site": "NOWHERE"}, 310, "site"),
        ("kit", {"accepted": True, "site": "CH-CERN"}, 330, "may not respond for this site"),
        ("opn", {"accepted": True}, 330, "may not respond for this site"),
        ("reader", {"accepted": True}, 330, "read-only"),
        ("other", {"accepted": True}, 302, "Entry does not exist"),
    ],
)
def test_an_answer_that_is_not_allowed(
    sqlite_native: Native, user: str, sent: dict[str, Any], number: int, word: str
) -> None:
    ticket = sqlite_native.create(**CHANGE)
    values = {"number": ticket, "site": "DE-KIT", **sent}
    fault = refused(sqlite_native.call, "AcknowledgeChange", user=user, **values)
    assert number_of(fault) == number
    assert word in fault.message
    assert sqlite_native.get(ticket)["version"] == 1
