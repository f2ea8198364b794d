"""Which side owns a field, and how profiles map the values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import Invalid
from app.exchange.adapters.zammad.ggus import GGUS_PROFILE
from app.exchange.rules.fields import Owner, ValueMap
from app.exchange.rules.profiles import CHOICES, Choice, Guard, Profile, ValueRow, profile_of

OWNERS = st.sampled_from(tuple(Owner))
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=255)
"""Those that may be stored."""
ROWS = st.lists(
    st.builds(
        ValueRow,
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
        maps=ROWS.map(lambda session: {"state": session}),
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


def test_a_word_of_theirs_stands_for_all_that_are_sent_as_it_the_one_it_means_first() -> None:
    to_them = {"assigned": "Open", "in progress": "Open", "solved": "resolved"}
    found = ValueMap(to_them, {"open": "in progress", "stalled": "on hold"})
    assert found.all_of("open") == ("in progress", "assigned")
    assert found.all_of("Resolved") == ("solved",)
    assert found.all_of("stalled") == ("on hold",)
    assert found.all_of("frozen") == ()
