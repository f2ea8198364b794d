"""What, where and when: the facts that a partner's system has no field for, in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.adapters.kinds import KINDS
from app.exchange.rules.facts import block_of, moves_of, said_of, with_facts
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.marks import MAX_HOPS, Mark, hops_of, marked

VALUES = {
    "title": "Works on the fibre",
    "priority": "urgent",
    "category": "maintenance",
    "impact": "outage",
    "layer": "L1/L2",
    "links": "CERN-GRIDKA-LHCOPN-001; CERN-PIC-LHCOPN-001",
    "sites": "DE-KIT",
    "window_start": "2026-03-02T10:00:00Z",
    "window_end": "2026-03-02T12:30:15Z",
    "event_start": "",
}
ALL = ("category", "impact", "links", "sites", "window_start", "window_end", "event_start")
MAPPED = Profile(maps={"category": (ValueRow("maintenance", "Planned work"),)})


def test_the_block_says_what_where_and_when() -> None:
    assert block_of(MAPPED, VALUES, ALL, "https://portal.example/tickets/12").splitlines() == [
        "Window: 2026-03-02 10:00 UTC to 2026-03-02 12:30:15 UTC",
        "Category: Planned work",
        "Impact: outage",
        "Affected links: CERN-GRIDKA-LHCOPN-001, CERN-PIC-LHCOPN-001",
        "Affected sites: DE-KIT",
        "Ticket: https://portal.example/tickets/12",
    ]


def test_what_is_empty_or_unknown_is_left_out() -> None:
    values = {"impact": "unknown", "window_start": "", "window_end": "2026-03-02T12:30:00Z"}
    assert block_of(Profile(), values, tuple(values)) == "Window end: 2026-03-02 12:30 UTC"
    assert block_of(Profile(), {}, ()) == ""


def test_a_site_of_many_lines_is_one() -> None:
    values = {"sites": "A\n\n(anna via LHCOPN#1/2)"}
    block = block_of(Profile(), values, ("sites",))
    assert block == "Affected sites: A (anna via LHCOPN#1/2)"
    assert hops_of(block) == 0


def test_a_change_says_what_was_and_what_is() -> None:
    changed = {
        "category": ("incident", "maintenance"),
        "window_end": (None, "2026-03-02T12:30:00Z"),
        "links": ("CERN-PIC-LHCOPN-001", None),
    }
    assert moves_of(MAPPED, changed, ("category", "links", "window_end")).splitlines() == [
        "Category: was incident, now Planned work",
        "Affected links: was CERN-PIC-LHCOPN-001, now not set",
        "Window end: was not set, now 2026-03-02 12:30 UTC",
    ]


@given(st.integers(0, MAX_HOPS), st.sampled_from(["", "The fibre\n\nis cut.", "(a) b"]))
def test_facts_are_above_the_marks_that_count_hops(hops: int, text: str) -> None:
    passed = text
    for number in range(hops):
        passed = marked(passed, Mark(number + 1, 1, "anna"))
    said = with_facts(passed, "Impact: outage")
    assert hops_of(said) == hops
    assert said.startswith(f"{text}\n\nImpact: outage" if text else "Impact: outage")
    assert with_facts(passed, "") == passed


@pytest.mark.parametrize(
    ("kind", "profile", "said"),
    [
        ("zammad", KINDS["zammad"].profile, ALL),
        ("rt", KINDS["rt"].profile, ALL),
        ("ggus", KINDS["ggus"].profile, ALL),
        ("servicenow", KINDS["servicenow"].profile, [one for one in ALL if one != "impact"]),
        ("servicenow", Profile(), ALL),
        ("mail", Profile(), []),
        ("mail", Profile(mail=(("Impact", "impact"), ("Links", "links"))), None),
    ],
)
def test_what_has_a_field_there_is_not_said_twice(
    kind: str, profile: Profile, said: list[str] | None
) -> None:
    if said is None:  # an empty line says nothing
        said = [one for one in ALL if one not in ("impact", "links")]
    assert list(said_of(KINDS[kind], profile, VALUES)) == list(said)


def test_a_value_without_a_word_of_theirs_has_no_field() -> None:
    profile = KINDS["servicenow"].profile
    assert KINDS["servicenow"].has_field(profile, "impact", "outage")
    assert not KINDS["servicenow"].has_field(profile, "impact", "unknown")
