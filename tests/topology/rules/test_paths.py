"""Which sites have a path to the T0: by hand, and against a search of every way."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.topology.rules.link_states import LinkState, LinkStatus
from app.topology.rules.paths import Joint, Path, path_over, paths_to

N, U, W = Path.NONE, Path.UNKNOWN, Path.WORKS


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (LinkState.DOWN, N),
        (LinkState.MAINTENANCE_DOWN, N),
        (LinkState.DEGRADED, W),
        (LinkState.MAINTENANCE_DEGRADED, W),
        (LinkState.MAINTENANCE, U),
        (LinkState.PLANNED, W),
        (LinkState.UNMONITORED, U),
        (LinkState.OK, W),
    ],
)
def test_what_a_state_says_of_a_path(state: LinkState, path: Path) -> None:
    assert path_over(LinkStatus(state, "")) is path


@pytest.mark.parametrize(
    ("joints", "expected"),
    [
        ([], {"0": W}),
        ([("0", "A", N)], {"0": W}),
        ([("0", "A", U)], {"0": W, "A": U}),
        ([("0", "A", N), ("A", "0", U), ("0", "A", W)], {"0": W, "A": W}),
        # through another site, which is as good as its worst part
        ([("0", "A", N), ("A", "B", W), ("B", "0", W)], {"0": W, "A": W, "B": W}),
        ([("0", "A", N), ("A", "B", W), ("B", "0", U)], {"0": W, "A": U, "B": U}),
        ([("0", "A", N), ("A", "B", W), ("B", "0", N)], {"0": W}),
    ],
)
def test_paths_by_hand(joints: list[tuple[str, str, Path]], expected: dict[str, Path]) -> None:
    assert paths_to({"0"}, [Joint(*one) for one in joints]) == expected


SITES = "0ABC"


@given(
    st.lists(
        st.tuples(st.sampled_from(SITES), st.sampled_from(SITES), st.sampled_from(list(Path))),
        max_size=8,
    )
)
def test_the_best_of_all_ways(joints: list[tuple[str, str, Path]]) -> None:
    def between(a: str, b: str) -> Path:
        return max((path for one, two, path in joints if {one, two} == {a, b}), default=N)

    found = paths_to({"0"}, [Joint(*one) for one in joints])
    for site in "ABC":
        others = [one for one in "ABC" if one != site]
        ways = [
            (site, *middle, "0") for count in range(3) for middle in permutations(others, count)
        ]
        best = max(min(between(a, b) for a, b in pairwise(way)) for way in ways)
        assert found.get(site, N) is best, site
