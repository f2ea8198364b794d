"""The picture of a network: clear labels, links side by side, and a site more moves nobody."""

from __future__ import annotations

import pytest

from app.registry.rules.registry import free_place
from app.topology.rules.topology import (
    NARROW,
    PAGE,
    SMALL,
    Edge,
    Frame,
    Layout,
    lay_out,
    overlaps,
    ring_places,
)

SIXTEEN = [
    *("CA-TRIUMF", "CN-IHEP", "DE-KIT", "ES-PIC", "FR-CCIN2P3", "IT-INFN-CNAF"),
    *("KR-KISTI-GSDC", "NDGF", "NL-T1", "NRC-KI-T1", "PL-T1-NCBJ", "RU-JINR-T1"),
    *("TW-ASGC", "UK-T1-RAL", "US-FNAL-CMS", "US-T1-BNL"),
]
CHORDS = [
    ("DE-KIT", "IT-INFN-CNAF"),
    ("DE-KIT", "FR-CCIN2P3"),
    ("DE-KIT", "NL-T1"),
    ("NDGF", "NL-T1"),
    ("US-T1-BNL", "CA-TRIUMF"),
    ("TW-ASGC", "NL-T1"),
    ("US-T1-BNL", "US-FNAL-CMS"),
]


def star(keys: list[str], chords: list[tuple[str, str]]) -> list[Edge]:
    spokes = [Edge(f"{key}-1", "CH-CERN", key) for key in keys]
    return spokes + [Edge(f"chord-{number}", *ends) for number, ends in enumerate(chords)]


def spot(layout: Layout, key: str) -> tuple[float, float]:
    return next((one.x, one.y) for one in layout.spots if one.key == key)


def mark(layout: Layout, name: str) -> tuple[float, float]:
    return next((one.mark_x, one.mark_y) for one in layout.lines if one.name == name)


def test_a_site_more_moves_nobody() -> None:
    places = {key: number * 22.5 for number, key in enumerate(SIXTEEN)}
    edges = star(SIXTEEN, CHORDS)
    before = lay_out([*SIXTEEN, "CH-CERN"], edges, "CH-CERN", places=places)
    after = lay_out(
        [*SIXTEEN, "CH-CERN", "AA-NEW"],
        [*edges, Edge("new", "CH-CERN", "AA-NEW")],
        "CH-CERN",
        places={**places, "AA-NEW": free_place(places.values())},
    )
    assert {key: spot(after, key) for key in SIXTEEN} == {key: spot(before, key) for key in SIXTEEN}
    # the first gap from the top, between CA-TRIUMF at 0 and CN-IHEP at 22.5 degrees
    assert [one.key for one in after.spots][:3] == ["CA-TRIUMF", "AA-NEW", "CN-IHEP"]


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], 0),
        ([0], 180),
        ([90], 270),
        ([0, 180], 90),
        ([0, 90, 180], 270),
        ([10, 350], 180),
        ([0, 90, 180, 270], 45),
        ([270, 0, 100], 185),
    ],
)
def test_a_new_place_is_in_the_middle_of_the_widest_gap(
    taken: list[float], expected: float
) -> None:
    assert free_place(taken) == expected


def test_who_has_no_place_comes_between_those_who_have_one() -> None:
    found = ring_places({"B": None, "A": None, "X": 0.0, "Y": 120.0})
    assert found == {"X": 0.0, "B": 60.0, "Y": 120.0, "A": 240.0}
    assert list(found) == ["X", "B", "Y", "A"]


def test_without_links_between_them_sites_stand_by_name_from_the_top_clockwise() -> None:
    layout = lay_out(["D", "B", "C", "A"], [], frame=PAGE)
    assert [one.key for one in layout.spots] == ["A", "B", "C", "D"]
    assert spot(layout, "A") == (0.0, -PAGE.down)
    assert spot(layout, "B") == (PAGE.across, 0.0)
    assert spot(layout, "C") == (0.0, PAGE.down)


def test_the_same_network_gives_the_same_picture_whatever_the_order_it_comes_in() -> None:
    edges = star(SIXTEEN, CHORDS)
    first = lay_out([*SIXTEEN, "CH-CERN"], edges, "CH-CERN")
    again = lay_out(["CH-CERN", *reversed(SIXTEEN)], edges, "CH-CERN")
    assert first == again
    assert spot(first, "CH-CERN") == (0.0, 0.0)
    assert next(one for one in first.spots if one.central).key == "CH-CERN"


@pytest.mark.parametrize("count", [1, 2, 3, 11, 16, 28, 29, 60, 121])
def test_labels_lie_clear_of_each_other_and_within_the_picture(count: int) -> None:
    keys = (SIXTEEN + [f"XX-SITE-NO-{number:03d}" for number in range(200)])[:count]
    layout = lay_out(
        [*keys, "CH-CERN"], star(keys, CHORDS if count >= 16 else []), centre="CH-CERN"
    )
    assert overlaps([one for one in layout.spots if not one.central], PAGE.font) == []
    for one in layout.spots:
        left, top, right, bottom = one.label_box(PAGE.font)
        assert layout.left <= left
        assert right <= layout.left + layout.width
        assert layout.top <= top
        assert bottom <= layout.top + layout.height


def test_labels_that_lie_on_each_other_are_found() -> None:
    apart = lay_out(["AAAA", "BBBB"], [])
    assert overlaps(apart.spots, PAGE.font) == []
    assert overlaps([apart.spots[0], apart.spots[0]], PAGE.font) == [("AAAA", "AAAA")]


def test_parallel_links_lie_side_by_side_and_their_marks_apart() -> None:
    keys = ["A", "B", "C", "T"]
    edges = [
        Edge("one", "T", "B"),
        Edge("two", "B", "T"),  # stated the other way round
        Edge("only", "T", "A"),
        Edge("arc-1", "B", "C"),
        Edge("arc-2", "B", "C"),
    ]
    layout = lay_out(keys, edges, "T")
    paths = {line.name: line.path for line in layout.lines}
    assert list(paths) == [edge.name for edge in edges]
    x, y = spot(layout, "A")
    assert paths["only"] == f"M0.0 0.0L{x:.1f} {y:.1f}"
    starts = [
        [float(number) for number in paths[name][1:].split("L")[0].split()]
        for name in ("one", "two")
    ]
    gap = sum((a - b) ** 2 for a, b in zip(*starts, strict=True)) ** 0.5
    assert gap == pytest.approx(11, abs=0.2)
    for first, second in (("one", "two"), ("arc-1", "arc-2")):
        (x1, y1), (x2, y2) = mark(layout, first), mark(layout, second)
        assert ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 > 18


@pytest.mark.parametrize("frame", [PAGE, NARROW])
def test_no_mark_lies_on_another(frame: Frame) -> None:
    edges = [*star(SIXTEEN, CHORDS), Edge("second", "CH-CERN", "DE-KIT")]
    marks = [
        (one.mark_x, one.mark_y)
        for one in lay_out([*SIXTEEN, "CH-CERN"], edges, "CH-CERN", frame).lines
    ]
    assert len(set(marks)) == len(edges)
    for position, (x1, y1) in enumerate(marks):
        for x2, y2 in marks[position + 1 :]:
            assert ((x1 - x2) ** 2 + (y1 - y2) ** 2) ** 0.5 >= frame.font * 1.2


def test_an_arc_keeps_clear_of_the_site_in_the_middle() -> None:
    keys = ["A", "B", "C", "D", "T"]  # A at the top, C at the bottom: opposite, as B and D are
    layout = lay_out(keys, [Edge("across", "A", "C"), Edge("over", "B", "D")], "T")
    for line in layout.lines:
        assert (line.mark_x**2 + line.mark_y**2) ** 0.5 >= 75


def test_a_long_label_is_cut_and_a_small_picture_is_small() -> None:
    layout = lay_out(["X" * 50, "B"], [], frame=SMALL)
    label = next(one.label for one in layout.spots if one.key == "X" * 50)
    assert len(label) == SMALL.longest
    assert label.endswith("…")
    assert lay_out(SIXTEEN, [], frame=SMALL).width < lay_out(SIXTEEN, [], frame=PAGE).width


def test_nothing_at_all_is_a_picture_too() -> None:
    layout = lay_out([], [])
    assert (layout.spots, layout.lines) == ((), ())
    assert layout.width > 0
    assert layout.height > 0


def test_an_end_that_is_no_site_of_the_picture_is_an_error() -> None:
    with pytest.raises(KeyError):
        lay_out(["A"], [Edge("x", "A", "B")])
