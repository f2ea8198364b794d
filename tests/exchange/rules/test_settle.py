"""What becomes of a value that both sides hold: every case in a table written by hand, and what
must hold whatever the values are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.rules.fields import Owner, ValueMap
from app.exchange.rules.settle import (
    Base,
    Settled,
    Settlement,
    Times,
    Why,
    agreed,
    as_stored,
    bases_of,
    carried,
    may_be_contested,
    not_set,
    same,
    settle,
    text_begun,
    to_be_sent,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WORDS = ValueMap(
    {"assigned": "Open", "in progress": "Open", "on hold": "stalled", "solved": "resolved"},
    {"open": "in progress", "stalled": "on hold", "resolved": "solved"},
)
"""Of ours "closed" has no counterpart, of theirs "frozen"."""
OURS = ("assigned", "in progress", "on hold", "closed")
THEIRS = ("open", "stalled", "resolved", "frozen")
OPEN = Base("assigned", "Open")
LETTERS = {
    "-": Settlement.NOTHING,
    "S": Settlement.SEND,
    "T": Settlement.TAKE,
    "A": Settlement.ASK,
    "!": Settlement.SAY,
}
OURS_LATER = Times(NOON + SECOND, NOON)
THEIRS_LATER = Times(NOON, NOON + SECOND)
SAME_SECOND = Times(NOON, NOON)
HALF = Times(NOON, None)
NO_TIMES = Times()

# A row for each value of ours (assigned, in progress, on hold, closed), in it a letter for each of
# theirs (open, stalled, resolved, frozen).
TABLE = {
    "one side changed, or a person": (OPEN, Owner.ASK, NO_TIMES, "-TT! -AA! S-A! !AA!"),
    "times do not count for ask": (OPEN, Owner.ASK, OURS_LATER, "-TT! -AA! S-A! !AA!"),
    "nobody says when": (OPEN, Owner.NEWEST, NO_TIMES, "-TT! -AA! S-A! !AA!"),
    "only ours says when": (OPEN, Owner.NEWEST, HALF, "-TT! -AA! S-A! !AA!"),
    "at the same time": (OPEN, Owner.NEWEST, SAME_SECOND, "-TT! -AA! S-A! !AA!"),
    "ours later": (OPEN, Owner.NEWEST, OURS_LATER, "-TT! -SSS S-SS !!!!"),
    "theirs later": (OPEN, Owner.NEWEST, THEIRS_LATER, "-TT! -TT! S-T! !TT!"),
    "ours decides": (OPEN, Owner.US, NO_TIMES, "-SSS -SSS S-SS !!!!"),
    "ours decides, theirs later": (OPEN, Owner.US, THEIRS_LATER, "-SSS -SSS S-SS !!!!"),
    "theirs decides": (OPEN, Owner.THEM, NO_TIMES, "-TT! -TT! T-T! TTT!"),
    "theirs decides, ours later": (OPEN, Owner.THEM, OURS_LATER, "-TT! -TT! T-T! TTT!"),
    "nothing agreed": (None, Owner.NEWEST, NO_TIMES, "-!!! -!!! !-!! !!!!"),
    "nothing agreed, ours later": (None, Owner.NEWEST, OURS_LATER, "-!!! -!!! !-!! !!!!"),
    "nothing agreed, ask": (None, Owner.ASK, NO_TIMES, "-!!! -!!! !-!! !!!!"),
    "nothing agreed, us": (None, Owner.US, NO_TIMES, "-SSS -SSS S-SS !!!!"),
    "nothing agreed, them": (None, Owner.THEM, NO_TIMES, "-TT! -TT! T-T! TTT!"),
    "our half is not known": (Base(None, "open"), Owner.NEWEST, NO_TIMES, "-AA! -AA! S-A! !AA!"),
    "their half is not known": (
        *(Base("assigned", None), Owner.NEWEST, NO_TIMES),
        "-!!! -SSS S-SS !!!!",
    ),
    "nobody changed it": (
        *(Base("assigned", "stalled"), Owner.NEWEST, NO_TIMES),
        "-!T! -SA! A-A! A!A!",
    ),
    "first seen so": (
        *(Base("assigned", "stalled", is_seen=True), Owner.NEWEST, NO_TIMES),
        "-!T! -SA! A-A! A!A!",
    ),
    "nobody changed it, us": (
        *(Base("assigned", "stalled"), Owner.US, NO_TIMES),
        "-!SS -SSS S-SS !!!!",
    ),
    "our text moved it": (
        *(replace(OPEN, moved="stalled"), Owner.NEWEST, NO_TIMES),
        "-ST! -SA! S-A! !!A!",
    ),
    "our text moved it, ask": (
        *(replace(OPEN, moved="Stalled"), Owner.ASK, NO_TIMES),
        "-ST! -SA! S-A! !!A!",
    ),
    "our text moved it, them": (
        *(replace(OPEN, moved="stalled"), Owner.THEM, NO_TIMES),
        "-TT! -TT! T-T! TTT!",
    ),
    "sent over theirs": (
        *(replace(OPEN, over="Stalled"), Owner.US, NO_TIMES),
        "-!SS -SSS S-SS !!!!",
    ),
}
CASES = [
    pytest.param(base, owner, times, ours, theirs, LETTERS[letter], id=f"{name}: {ours}, {theirs}")
    for name, (base, owner, times, rows) in TABLE.items()
    for ours, row in zip(OURS, rows.split(), strict=True)
    for theirs, letter in zip(THEIRS, row, strict=True)
]


@pytest.mark.parametrize(("base", "owner", "times", "ours", "theirs", "expected"), CASES)
def test_every_case(
    base: Base | None, owner: Owner, times: Times, ours: str, theirs: str, expected: Settlement
) -> None:
    assert settle(base, ours, theirs, WORDS, owner, times).what is expected


@pytest.mark.parametrize(
    ("base", "owner", "ours", "theirs", "why"),
    [
        (OPEN, Owner.ASK, "closed", "open", Why.NO_WORD_OF_OURS),
        (OPEN, Owner.ASK, "assigned", "frozen", Why.NO_WORD_OF_THEIRS),
        (OPEN, Owner.THEM, "on hold", "frozen", Why.NO_WORD_OF_THEIRS),
        (None, Owner.ASK, "on hold", "open", Why.UNKNOWN),
        (None, Owner.ASK, "on hold", "frozen", Why.NO_WORD_OF_THEIRS),
        (Base("on hold", "open"), Owner.ASK, "on hold", "open", Why.NOT_KEPT),
        (Base("on hold", "open"), Owner.US, "on hold", "open", Why.NOT_KEPT),
        (Base("closed", "open"), Owner.ASK, "closed", "open", Why.NO_WORD_OF_OURS),
        (Base("on hold", "frozen"), Owner.US, "on hold", "frozen", Why.NO_WORD_OF_THEIRS),
        (replace(OPEN, over="stalled"), Owner.US, "assigned", "stalled", Why.NOT_KEPT),
        (Base("on hold", "open", is_seen=True), Owner.ASK, "on hold", "open", Why.UNKNOWN),
        (Base("closed", "open", is_seen=True), Owner.ASK, "closed", "open", Why.NO_WORD_OF_OURS),
    ],
)
def test_what_is_only_said_has_a_reason(
    base: Base | None, owner: Owner, ours: str, theirs: str, why: Why
) -> None:
    assert settle(base, ours, theirs, WORDS, owner) == Settled(Settlement.SAY, why)


# whatever the values are

A_VALUE, A_WORD = st.sampled_from(OURS), st.sampled_from(THEIRS)
AN_OWNER = st.sampled_from(tuple(Owner))
A_TIME = st.none() | st.integers(0, 3).map(lambda seconds: NOON + seconds * SECOND)
TIMES = st.builds(Times, A_TIME, A_TIME)
A_BASE = st.none() | st.builds(
    Base,
    st.none() | A_VALUE,
    st.none() | A_WORD,
    st.none() | A_WORD,
    st.just(NOON),
    st.none() | A_WORD,
    st.booleans(),
)
DONE = (Settlement.NOTHING, Settlement.SEND, Settlement.TAKE)
ONE_TO_ONE = ValueMap({one: one.upper() for one in OURS}, {one: one for one in OURS})


@given(A_BASE, A_VALUE, A_WORD, AN_OWNER, TIMES)
def test_nothing_is_done_exactly_where_both_mean_the_same(
    base: Base | None, ours: str, theirs: str, owner: Owner, times: Times
) -> None:
    settled = settle(base, ours, theirs, WORDS, owner, times)
    assert (settled.what is Settlement.NOTHING) == same(WORDS, ours, theirs)
    assert (settled.why is not None) == (settled.what is Settlement.SAY)


@given(A_BASE, A_VALUE, A_WORD, AN_OWNER, TIMES)
def test_what_is_done_makes_both_mean_the_same(
    base: Base | None, ours: str, theirs: str, owner: Owner, times: Times
) -> None:
    what = settle(base, ours, theirs, WORDS, owner, times).what
    if what is Settlement.SEND:
        word = WORDS.theirs_of(ours)
        assert word is not None
        after = carried(base, ours, word)
        assert settle(after, ours, word, WORDS, owner).what is Settlement.NOTHING
        seen = to_be_sent(base, theirs)
        assert settle(seen, ours, theirs, WORDS, owner).what is Settlement.SEND, "without times"
    if what in (Settlement.TAKE, Settlement.ASK):  # a person may choose theirs
        meant = WORDS.ours_of(theirs)
        assert meant is not None
        assert same(WORDS, meant, theirs)


@given(A_BASE, A_VALUE, A_WORD, TIMES)
def test_an_owner_never_yields_and_is_never_asked(
    base: Base | None, ours: str, theirs: str, times: Times
) -> None:
    says_us = settle(base, ours, theirs, WORDS, Owner.US, times).what
    says_them = settle(base, ours, theirs, WORDS, Owner.THEM, times).what
    assert says_us not in (Settlement.TAKE, Settlement.ASK)
    assert says_them not in (Settlement.SEND, Settlement.ASK)


@given(A_VALUE, A_VALUE, A_VALUE, st.sampled_from([Owner.NEWEST, Owner.ASK]), TIMES)
def test_both_sides_are_treated_alike(
    base: str, ours: str, theirs: str, owner: Owner, times: Times
) -> None:
    """Where words are one to one, what is sent is what the other side would take."""
    here = settle(Base(base, base.upper()), ours, theirs.upper(), ONE_TO_ONE, owner, times).what
    turned = Times(times.theirs, times.ours)
    there = settle(Base(base, base.upper()), theirs, ours.upper(), ONE_TO_ONE, owner, turned).what
    mirror = {Settlement.SEND: Settlement.TAKE, Settlement.TAKE: Settlement.SEND}
    assert there is mirror.get(here, here)


@given(A_BASE, A_VALUE, A_WORD, AN_OWNER, TIMES, A_TIME)
def test_only_the_times_of_the_value_move_a_question(
    base: Base | None, ours: str, theirs: str, owner: Owner, times: Times, other: datetime | None
) -> None:
    """Times decide nothing but what a person would have been asked."""
    without = settle(base, ours, theirs, WORDS, owner)
    with_ = settle(base, ours, theirs, WORDS, owner, replace(times, ours=other))
    if owner is not Owner.NEWEST or without.what in DONE:
        assert with_ == without


@given(A_BASE, A_VALUE, A_WORD, AN_OWNER, TIMES)
def test_nobody_is_asked_about_a_value_that_they_did_not_change(
    base: Base | None, ours: str, theirs: str, owner: Owner, times: Times
) -> None:
    if not may_be_contested(base, theirs):
        assert settle(base, ours, theirs, WORDS, owner, times).what is not Settlement.ASK
    assert not may_be_contested(OPEN, "open")
    assert may_be_contested(OPEN, "stalled")


@given(A_BASE, A_VALUE, A_WORD, AN_OWNER)
def test_case_of_their_words_does_not_count(
    base: Base | None, ours: str, theirs: str, owner: Owner
) -> None:
    loud = None
    if base is not None:
        given_ = (base.theirs, base.moved, base.over)
        theirs_, moved, over = (one.upper() if one is not None else None for one in given_)
        loud = replace(base, theirs=theirs_, moved=moved, over=over)
    assert settle(loud, ours, theirs, WORDS, owner) == settle(base, ours, theirs, WORDS, owner)


# what each outcome makes of the base


def test_a_refused_value_is_not_sent_for_ever() -> None:
    """Of an owner: theirs comes back after ours was sent over it once, also where both agreed
    meanwhile. Two portals of which each decides would send to each other for ever."""
    assert settle(OPEN, "in progress", "stalled", WORDS, Owner.US).what is Settlement.SEND
    base = carried(to_be_sent(OPEN, "stalled"), "in progress", "Open", over="stalled")
    assert settle(base, "in progress", "stalled", WORDS, Owner.US).why is Why.NOT_KEPT
    base = agreed(base, "in progress", "open", NOON)
    assert settle(base, "in progress", "stalled", WORDS, Owner.US).why is Why.NOT_KEPT
    assert settle(base, "in progress", "resolved", WORDS, Owner.US).what is Settlement.SEND
    base = agreed(base, "assigned", "open", NOON)
    assert settle(base, "assigned", "stalled", WORDS, Owner.US).what is Settlement.SEND


def test_what_was_there_before_our_change_is_no_refusal() -> None:
    """Of an owner: we change it, and later they set what it was before."""
    base = carried(OPEN, "on hold", "stalled", over="Open")
    assert settle(base, "on hold", "open", WORDS, Owner.US).what is Settlement.SEND


def test_a_value_that_they_did_not_set_is_said_and_their_next_change_is_taken() -> None:
    base = not_set(OPEN, "on hold")
    assert settle(base, "on hold", "open", WORDS, Owner.NEWEST).why is Why.NOT_KEPT
    assert settle(base, "on hold", "resolved", WORDS, Owner.NEWEST).what is Settlement.TAKE
    assert settle(base, "solved", "open", WORDS, Owner.NEWEST).what is Settlement.SEND
    moved = not_set(replace(OPEN, moved="stalled", moved_at=NOON), "solved")
    assert settle(moved, "solved", "stalled", WORDS, Owner.NEWEST).why is Why.NOT_KEPT
    assert not_set(None, "on hold") == Base("on hold", None, is_refused=True)


def test_a_text_moves_what_their_rule_moves_and_once() -> None:
    rule = {"RESOLVED": "open"}
    assert text_begun(OPEN, rule, NOON) == OPEN
    solved = text_begun(Base("solved", "resolved"), rule, NOON)
    assert solved == Base("solved", "resolved", "open", NOON)
    assert settle(solved, "solved", "open", WORDS, Owner.NEWEST).what is Settlement.SEND
    again = carried(solved, "solved", "resolved")
    assert settle(again, "solved", "open", WORDS, Owner.NEWEST).what is Settlement.TAKE


def test_a_read_that_is_older_than_the_text_does_not_forget_what_it_moves() -> None:
    solved = text_begun(Base("solved", "resolved"), {"resolved": "open"}, NOON)
    assert agreed(solved, "solved", "resolved", NOON + 120 * SECOND) == solved
    assert agreed(solved, "solved", "resolved", NOON + 121 * SECOND) == Base("solved", "resolved")
    assert agreed(solved, "in progress", "open", NOON) == Base("in progress", "open")


def test_what_a_mail_told_leaves_their_own_word() -> None:
    assert carried(OPEN, "solved", None) == Base("solved", "Open")
    assert carried(None, "solved", None) == Base("solved", None)


@given(st.dictionaries(st.sampled_from(["state", "priority"]), A_BASE.filter(bool)))
def test_bases_come_back_as_they_were_stored(bases: dict[str, Base]) -> None:
    assert bases_of(as_stored(bases)) == bases
