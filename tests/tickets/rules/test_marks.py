"""How a text of ours is known again after it went through a foreign system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tickets.rules.marks import (
    MAX_HOPS,
    SHORTEST_CUT,
    Mark,
    digest_of,
    hops_of,
    is_copy,
    mark_of,
    marked,
    normalised,
    reference_of,
    references_in,
    without_marks,
)

NUMBERS = st.integers(1, 10**9)
PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
LINE = st.text(PRINTABLE, max_size=80)
TEXTS = st.lists(LINE, max_size=6).map("\n".join)
AUTHORS = st.text(PRINTABLE, max_size=40).filter(lambda name: ")" not in name)


@given(TEXTS, NUMBERS, NUMBERS, AUTHORS)
def test_the_last_line_says_whose_text_it_is(
    text: str, number: int, sequence: int, author: str
) -> None:
    found = mark_of(marked(text, Mark(number, sequence, author)))
    assert found is not None
    assert (found.number, found.sequence) == (number, sequence)
    assert found.author == (" ".join(author.split()) or "the portal")


@given(TEXTS, NUMBERS)
def test_a_mark_changes_nothing_of_what_is_compared(text: str, number: int) -> None:
    assert digest_of(marked(text, Mark(number, 1, "anna"))) == digest_of(text)


@given(TEXTS, st.integers(0, 9))
def test_each_system_that_passes_a_text_on_is_counted(text: str, hops: int) -> None:
    before = hops_of(text)
    for number in range(hops):
        text = marked(text, Mark(number + 1, 1, "anna"))
    assert hops_of(text) == before + hops
    assert hops_of(without_marks(text)) == 0


@given(TEXTS, st.integers(0, 9), LINE.filter(lambda line: line.strip() and hops_of(line) == 0))
def test_marks_that_a_text_quotes_are_none_that_it_passed(text: str, hops: int, last: str) -> None:
    for number in range(hops):
        text = marked(text, Mark(number + 1, 1, "anna"))
    assert hops_of(f"{text}\n{last}") == 0
    assert hops_of(marked(f"{text}\n{last}", Mark(10, 1, "anna"))) == 1


@given(TEXTS, st.sampled_from([str.upper, str.lower, str.title, lambda text: f"  {text}\n\n"]))
def test_case_and_white_space_make_no_other_text(text: str, change: object) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert normalised(change(plain)) == normalised(plain)  # type: ignore[operator]


@given(
    st.integers(0, 4 * 10**9),
    st.integers(-14 * 4, 14 * 4),
)
def test_another_time_zone_makes_no_other_text(seconds: int, quarters: int) -> None:
    utc = datetime.fromtimestamp(seconds, UTC)
    there = utc.astimezone(timezone(timedelta(minutes=15 * quarters)))
    assert normalised(f"Down since {there.isoformat()}") == normalised(
        f"down since {utc:%Y-%m-%d %H:%M:%S}Z"
    )


@given(st.text(st.sampled_from("abcdefgh "), min_size=200, max_size=400), st.integers(0, 300))
def test_a_text_that_was_cut_is_a_copy_from_a_length_on(text: str, length: int) -> None:
    whole = normalised(text)
    cut = whole[:length].rstrip()
    if cut == whole:
        return
    assert is_copy(f"{cut}...", [whole]) is (len(cut) >= SHORTEST_CUT)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("LHCOPN#12", [12]),
        ("see LHCOPN#12, LHCOPN#13/4 and LHCOPN#12", [12, 13]),
        ("XLHCOPN#12 lhcopn#12 LHCOPN#", []),
        ("LHCOPN#0012", [12]),
    ],
)
def test_references_in_a_text(text: str, numbers: list[int]) -> None:
    assert references_in(text) == numbers
    assert references_in(reference_of(7)) == [7]


@pytest.mark.parametrize(
    "line",
    ["(anna via LHCOPN#12/3) more", "anna via LHCOPN#12/3", "(anna via LHCOPN#12)", "(via #1/2)"],
)
def test_what_only_looks_like_a_mark_is_none(line: str) -> None:
    assert mark_of(f"text\n{line}") is None


def test_the_limit_of_hops_is_that_of_the_decisions() -> None:
    assert MAX_HOPS == 5
