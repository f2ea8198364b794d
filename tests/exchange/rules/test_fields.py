"""A field that both sides hold: which of two values counts, and what is sent of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid
from app.exchange.rules.fields import Decision, Owner, decide
from app.exchange.rules.ggus_profile import GGUS_PROFILE
from app.exchange.rules.profiles import CHOICES, Choice, Guard, Profile, Row, profile_of

VALUES = st.sampled_from(["new", "assigned", "solved"])
OWNERS = st.sampled_from(tuple(Owner))


@given(OWNERS, VALUES, VALUES, st.booleans())
def test_equal_values_are_agreed_whoever_owns_them(
    owner: Owner, base: str, value: str, newer: bool
) -> None:
    assert decide(owner, base, value, value, ours_is_newer=newer) is Decision.AGREED


@given(VALUES, VALUES, VALUES)
def test_only_where_both_changed_it_a_person_is_asked(base: str, ours: str, theirs: str) -> None:
    both = len({base, ours, theirs}) == 3
    assert (decide(Owner.ASK, base, ours, theirs) is Decision.ASK) is both


@given(st.sampled_from([Owner.NEWEST, Owner.ASK]), VALUES, VALUES)
def test_where_one_side_changed_it_its_value_counts(owner: Owner, base: str, value: str) -> None:
    if value != base:
        assert decide(owner, base, value, base) is Decision.SEND
        assert decide(owner, base, base, value) is Decision.TAKE


@given(VALUES, VALUES, VALUES, st.booleans())
def test_an_owner_counts_always(base: str, ours: str, theirs: str, newer: bool) -> None:
    if ours != theirs:
        assert decide(Owner.US, base, ours, theirs, ours_is_newer=newer) is Decision.SEND
        assert decide(Owner.THEM, base, ours, theirs, ours_is_newer=newer) is Decision.TAKE


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=255)
"""Those that may be stored."""
ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from(CHOICES["state"]).map(str),
        TEXTS.map(str.strip).filter(bool),
        st.sampled_from(["both", "out", "in"]),
    ),
    max_size=8,
).map(tuple)


@given(
    st.builds(
        Profile,
        tickets=st.sampled_from(tuple(Choice)),
        networks=st.lists(TEXTS, max_size=2).map(tuple),
        maps=ROWS.map(lambda rows: {"state": rows}),
        owners=OWNERS.map(lambda owner: {"state": owner}),
        group=TEXTS,
        guards=st.lists(st.sampled_from(tuple(Guard)), unique=True).map(tuple),
    )
)
def test_a_profile_comes_back_from_its_file(profile: Profile) -> None:
    assert profile_of(profile.as_json()) == profile


def test_the_profile_of_ggus_leaves_no_value_of_ours_without_a_counterpart() -> None:
    assert profile_of(GGUS_PROFILE.as_json()) == GGUS_PROFILE
    assert GGUS_PROFILE.missing_out() == {}
    for name in GGUS_PROFILE.maps:
        found = GGUS_PROFILE.map_of(name)
        for row in GGUS_PROFILE.maps[name]:
            meant = found.ours_of(row.theirs)
            assert meant is not None
            assert found.theirs_of(meant) == row.theirs


def test_an_unknown_guard_is_refused() -> None:
    with pytest.raises(Invalid, match="Unknown guards: never sleep"):
        profile_of('{"guards": ["never sleep"]}')
