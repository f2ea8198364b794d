"""The profiles with which connections begin."""

from __future__ import annotations

import pytest

from app.exchange.rules.profiles import CHOICES, Guard, Kind, profile_of
from app.exchange.rules.shipped import SHIPPED
from app.tickets.rules.tickets import State


@pytest.mark.parametrize("kind", SHIPPED)
def test_a_shipped_profile_is_one_that_can_be_imported(kind: str) -> None:
    assert profile_of(SHIPPED[kind].as_json()) == SHIPPED[kind]


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (Kind.GGUS, {}),
        (Kind.ZAMMAD, {}),
        (Kind.RT, {}),
        (Kind.SERVICENOW, {"impact": ("unknown",)}),
    ],
)
def test_what_has_no_counterpart_is_known(kind: str, missing: dict[str, tuple[str, ...]]) -> None:
    assert SHIPPED[kind].missing_out() == missing


@pytest.mark.parametrize("kind", [Kind.RT, Kind.SERVICENOW])
def test_what_is_sent_means_a_value_here_when_it_comes_back(kind: str) -> None:
    for name in SHIPPED[kind].maps:
        found = SHIPPED[kind].map_of(name)
        for theirs in found.to_them.values():
            with_code, without = theirs.casefold(), theirs.partition(":")[0]
            ours = found.ours_of(with_code) or found.ours_of(without)  # as the adapter reads it
            assert ours in CHOICES[name]


def test_states_of_rt_are_those_that_ngi_cz_published() -> None:
    found = SHIPPED[Kind.RT].map_of("state")
    published = {
        "new": "new",
        "assigned": "open",
        "in progress": "open",
        "waiting for reply": "stalled",
        "on hold": "stalled",
        "reopened": "open",
    }
    assert {ours: found.to_them[ours] for ours in published} == published


def test_ggus_itself_begins_with_its_own_states_and_rules() -> None:
    profile = SHIPPED[Kind.GGUS]
    states, priorities = profile.map_of("state"), profile.map_of("priority")
    assert all(states.theirs_of(state) == states.ours_of(state) == state for state in State)
    assert priorities.theirs_of("normal") == "less urgent"
    assert priorities.ours_of("top priority") == "top priority"
    assert profile.guards == tuple(Guard)
