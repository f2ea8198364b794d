"""The profiles with which connections begin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.exchange.adapters.kinds import KINDS
from app.exchange.adapters.zammad.ggus import GGUS_PROFILE
from app.exchange.rules.profiles import CHOICES, Guard, Profile, profile_of
from app.exchange.rules.structured_mail import read_mail
from app.tickets.rules.tickets import State

PROJECT = Path(__file__).parents[3]
EXAMPLES = PROJECT / "docs/examples"


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_profile_is_one_that_can_be_imported(kind: str) -> None:
    assert profile_of(KINDS[kind].profile.as_json()) == KINDS[kind].profile


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("ggus", {}),
        ("zammad", {}),
        ("rt", {}),
        ("servicenow", {"impact": ("unknown",)}),
    ],
)
def test_what_has_no_counterpart_is_known(kind: str, missing: dict[str, tuple[str, ...]]) -> None:
    assert KINDS[kind].profile.missing_out() == missing


@pytest.mark.parametrize("kind", ["zammad", "rt", "servicenow"])
def test_what_is_sent_means_a_value_here_when_it_comes_back(kind: str) -> None:
    for name in KINDS[kind].profile.maps:
        found = KINDS[kind].profile.map_of(name)
        for theirs in found.to_them.values():
            with_code, without = theirs.casefold(), theirs.partition(":")[0]
            ours = found.ours_of(with_code) or found.ours_of(without)  # as the adapter reads it
            assert ours in CHOICES[name]


def test_states_of_rt_are_those_that_ngi_cz_published() -> None:
    found = KINDS["rt"].profile.map_of("state")
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
    profile = KINDS["ggus"].profile
    states, priorities = profile.map_of("state"), profile.map_of("priority")
    assert all(states.theirs_of(state) == states.ours_of(state) == state for state in State)
    assert priorities.theirs_of("normal") == "less urgent"
    assert priorities.ours_of("top priority") == "top priority"
    assert profile.guards == tuple(Guard)


def test_a_zammad_begins_with_words_that_one_has_as_delivered() -> None:
    profile = KINDS["zammad"].profile_for("https://helpdesk.example.org")
    sent = {name: set(profile.map_of(name).to_them.values()) for name in profile.maps}
    assert sent == {
        "state": {"new", "open", "closed"},
        "priority": {"1 low", "2 normal", "3 high"},
    }
    assert profile.map_of("state").ours_of("pending reminder") == "waiting for reply"
    assert profile.guards == ()


@pytest.mark.parametrize(
    ("url", "is_ggus"),
    [
        ("https://helpdesk.ggus.eu", True),
        ("https://HELPDESK.GGUS.EU:443/", True),
        ("https://test.helpdesk.egi.eu", True),
        ("https://notggus.eu", False),
        ("https://ggus.eu.example.org", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_ggus_is_known_by_its_address(url: str, is_ggus: bool) -> None:
    assert (KINDS["zammad"].profile_for(url) is GGUS_PROFILE) is is_ggus
    assert KINDS["rt"].profile_for(url) is KINDS["rt"].profile


def test_the_examples_of_the_guide_are_profiles() -> None:
    found = {
        file.name: profile_of(file.read_text("utf-8")) for file in EXAMPLES.glob("profile_*.json")
    }
    assert found["profile_zammad.json"].map_of("state").theirs_of("solved") == "closed"
    mail = (PROJECT / "tests/notices_sample/two-columns-open.eml").read_text("utf-8")
    read = read_mail(mail.split("\n\n", 1)[1], found["profile_mail.json"].mail)
    assert read is not None
    assert (read.number, read.values["state"]) == ("NREN-NOC/20130304-8", "OPEN")


def test_the_guide_names_each_key_of_a_profile() -> None:
    guide = (PROJECT / "docs/partner-systems.md").read_text("utf-8")
    assert [name for name in json.loads(Profile().as_json()) if f"`{name}`" not in guide] == []
