"""OpCreateChild over a socket: the new ticket is bound to the one that it names, or is refused."""

from __future__ import annotations

import pytest

from app.core.rules.access import SYSTEM
from app.tickets.services.relations import relations_of
from tests.soap_service.wire import CREATED, Answer, Sent, Wire

NO_SUCH_ENTRY = "ERROR (302): Entry does not exist in database; "


def create_child(
    wire: Wire, parent: str, relation: str, more: Sent | None = None, *, user: str = "opn"
) -> Answer:
    """OpCreateChild with the least that it needs, in the order of the contract."""
    values = {
        **(more or {}),
        "GHD_Responsible_Unit": "TPM",
        **CREATED,
        "GHD_Parent_ID": parent,
        "GHD_Parent_Child_Relation": relation,
    }
    return wire.call("OpCreateChild", values, user=user)


def relations(wire: Wire, number: str) -> list[tuple[str, int]]:
    with wire.server.session() as session:
        return [(item.role, item.number) for item in relations_of(session, SYSTEM, int(number))]


@pytest.mark.parametrize(
    ("relation", "other_is", "new_is"),
    [
        ("Child", "parent", "child"),
        ("Parent", "child", "parent"),
        ("None", "related", "related"),
    ],
)
def test_the_new_ticket_is_what_the_relation_says(
    wire: Wire, relation: str, other_is: str, new_is: str
) -> None:
    first = wire.create()
    more = {
        "GHD_Date_Time_Of_Problem": "2013-03-06 10:00:00",
        "GHD_Description": "the same fibre",
        "GHD_E-Mail": "noc-demo@example.org",
        "GHD_Internal_Diary": "seen at both ends",
        "GHD_Loginname": "/DC=example/CN=noc-demo",
        "GHD_Name": "noc-demo",
        "GHD_Phone": "+41",
        "GHD_Priority": "urgent",
    }
    answer = create_child(wire, f" {first} ", relation, more)
    assert list(answer.values) == ["GHD_Request_ID"]
    number = answer.values["GHD_Request_ID"]
    assert relations(wire, number) == [(other_is, int(first))]
    assert relations(wire, first) == [(new_is, int(number))]
    got = wire.get(number)
    assert {name: got[name] for name in more if name in got} == {
        **{name: more[name] for name in more if name != "GHD_Date_Time_Of_Problem"},
        "GHD_Internal_Diary": got["GHD_Internal_Diary"],
    }
    assert got["GHD_Internal_Diary"].endswith("seen at both ends")
    # both were changed, and neither history has an element for it
    for each in (first, number):
        history = wire.call("OpGetTicketHist", {"GHD_Request_ID": each}, service="GGUS_HISTORY")
        assert len(history.rows) == 1


@pytest.mark.parametrize("parent", ["999999", "abc", "", "-1", "99999999999999"])
def test_an_unknown_parent_is_302_and_nothing_is_stored(wire: Wire, parent: str) -> None:
    before = wire.count()
    assert create_child(wire, parent, "Child").fault == NO_SUCH_ENTRY
    assert wire.count() == before


@pytest.mark.parametrize("relation", ["Child", "Parent", "None"])
def test_a_parent_that_may_not_be_read_answers_like_an_unknown_one(
    wire: Wire, relation: str
) -> None:
    foreign, own = wire.create(), wire.create(user="other")
    before = wire.count()
    assert create_child(wire, foreign, relation, user="other").fault == NO_SUCH_ENTRY
    assert wire.count() == before
    assert relations(wire, foreign) == []
    assert create_child(wire, own, relation, user="other").status == 200


def test_a_reading_account_is_told_which_right_is_missing(wire: Wire) -> None:
    parent = wire.create()
    refused = create_child(wire, parent, "Child", user="reader")
    assert refused.fault.startswith("ERROR (330): This account is read-only")


def test_a_child_has_one_parent(wire: Wire) -> None:
    parent = wire.create()
    child = create_child(wire, parent, "Child").values["GHD_Request_ID"]
    before = wire.count()
    refused = create_child(wire, child, "Parent")
    assert refused.fault.startswith("ERROR (310): The child already has a parent")
    assert wire.count() == before


@pytest.mark.parametrize("relation", ["child", "CHILD", "Sibling", "", " Child"])
def test_any_other_relation_is_refused(sqlite_wire: Wire, relation: str) -> None:
    parent = sqlite_wire.create()
    before = sqlite_wire.count()
    fault = create_child(sqlite_wire, parent, relation).fault
    assert "GHD_Parent_Child_Relation" in fault
    assert "None, Parent, Child" in fault
    assert sqlite_wire.count() == before


def test_the_same_twice_makes_two_tickets(wire: Wire) -> None:
    """It has no origin id, so nothing tells a repeat from a second child; the guide says so."""
    parent = wire.create()
    numbers = {create_child(wire, parent, "Child").values["GHD_Request_ID"] for _ in range(2)}
    assert len(numbers) == 2
    assert relations(wire, parent) == [("child", number) for number in sorted(map(int, numbers))]
