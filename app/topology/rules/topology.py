"""The geometry of a network map: positions of sites, and curves of links.

One site may be in the middle; all others are on a ring around it, or on two rings if one would be
too tight, each at a fixed place: an additional site moves no other. The same sites and links always
give the same map. This rule does not use dates, states or drawing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, floor, hypot, pi, sin
from typing import Final

from app.registry.rules.registry import free_place

_TIGHT: Final = 28
"""From this number of sites on there are two rings."""
_APART: Final = 11.0
"""Distance between links of the same two sites."""
_MIN_SCALE: Final = 0.55
"""Below this scale, links of the same two sites stay apart."""
_CLEAR: Final = 80.0
"""Links between two sites of the ring keep at least this distance from the middle, in a full
frame."""
_CUT: Final = "…"

Point = tuple[float, float]


@dataclass(frozen=True)
class Edge:
    """A link between two different sites."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Frame:
    """The size of the map, in its own units."""

    across: float = 330
    """Half the width of the ring."""
    down: float = 232
    """Half its height."""
    font: float = 14
    longest: int = 18
    """Characters of a label; longer ones are cut."""


PAGE: Final = Frame()
NARROW: Final = Frame(across=112, down=196, font=11)
"""For a phone held upright."""
BESIDE: Final = Frame(across=124, down=96, font=11, longest=13)
"""Next to a list."""
SMALL: Final = Frame(across=108, down=66, font=11, longest=14)


@dataclass(frozen=True)
class Spot:
    """The position of a site and its label: a text anchored with ``anchor`` at ``label_at``."""

    key: str
    x: float
    y: float
    label: str
    label_x: float
    label_y: float
    anchor: str
    """start, middle or end, as in SVG."""
    central: bool = False

    def label_box(self, font: float) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the label, from the average width of characters."""
        width = _width(self.label, font)
        left = self.label_x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return (left, self.label_y - font * 0.8, left + width, self.label_y + font * 0.25)


@dataclass(frozen=True)
class Line:
    """The curve of a link: path data as in SVG, and the position of its mark."""

    name: str
    path: str
    mark_x: float
    mark_y: float


@dataclass(frozen=True)
class Layout:
    """The whole map with its bounds; the middle is at 0, 0."""

    left: int
    top: int
    width: int
    height: int
    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]


def lay_out(
    keys: Iterable[str],
    edges: Sequence[Edge],
    centre: str | None = None,
    frame: Frame = PAGE,
    places: Mapping[str, float | None] | None = None,
) -> Layout:
    """Lay out these sites and links; ``centre`` is the site in the middle, if there is one.

    ``places`` are degrees on the ring, clockwise from the top. Sites without a place fill the
    widest gaps, by name; if none has a place, all are spread evenly by name. Both ends of every
    link must be in ``keys``, else ``KeyError``.
    """
    given = {key: (places or {}).get(key) for key in keys}
    return _laid_out(frozenset(given.items()), tuple(edges), centre, frame)


@lru_cache(maxsize=256)  # networks change rarely
def _laid_out(
    given: frozenset[tuple[str, float | None]],
    edges: tuple[Edge, ...],
    centre: str | None,
    frame: Frame,
) -> Layout:
    ring = ring_places({key: place for key, place in given if key != centre})
    places, growth = _places(ring, frame)
    if centre is not None:
        places[centre] = (0.0, 0.0)
    spots = [_spot(key, places[key], frame, central=False) for key in ring]
    if centre is not None:
        spots.append(_spot(centre, places[centre], frame, central=True))
    lines = _lines(edges, places, centre, frame.across / PAGE.across * growth, frame.font)
    return _framed(spots, lines, frame)


def ring_places(places: Mapping[str, float | None]) -> Mapping[str, float]:
    """The position of each site on the ring, in degrees, clockwise from the top."""
    found = {key: place for key, place in places.items() if place is not None}
    others = sorted(places.keys() - found.keys())
    if not found:
        return {key: 360 * number / len(others) for number, key in enumerate(others)}
    for key in others:
        found[key] = free_place(found.values())
    return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


# ---------- places


def _places(ring: Mapping[str, float], frame: Frame) -> tuple[dict[str, Point], float]:
    """The positions of the sites on the ring, the middle at 0, 0; enlarged until labels are
    clear."""
    growth = 1.0
    while True:
        places = _on_rings(ring, frame, growth)
        spots = [_spot(key, places[key], frame, central=False) for key in ring]
        if growth > 8 or not overlaps(spots, frame.font):
            return places, growth
        growth *= 1.12


def _on_rings(ring: Mapping[str, float], frame: Frame, growth: float) -> dict[str, Point]:
    places = {}
    for position, (key, degrees) in enumerate(ring.items()):
        angle = pi * degrees / 180 - pi / 2
        inner = 0.66 if len(ring) > _TIGHT and position % 2 else 1.0
        places[key] = (
            round(cos(angle) * frame.across * growth * inner, 1),
            round(sin(angle) * frame.down * growth * inner, 1),
        )
    return places


def _spot(key: str, place: Point, frame: Frame, *, central: bool) -> Spot:
    label = key if len(key) <= frame.longest else key[: frame.longest - 1] + _CUT
    x, y = place
    if central:
        return Spot(key, x, y, label, x, y + frame.font * 0.35, "middle", central=True)
    gap = frame.font * 1.0
    if abs(x) < frame.across * 0.06:  # at the top and at the bottom
        label_y = y - gap if y < 0 else y + gap + frame.font * 0.7
        return Spot(key, x, y, label, x, label_y, "middle")
    side = 1 if x > 0 else -1
    lifted = frame.font * 0.5 * (y / max(abs(y), frame.down))
    anchor = "start" if x > 0 else "end"
    return Spot(key, x, y, label, x + side * gap, y + frame.font * 0.35 + lifted, anchor)


def overlaps(spots: Sequence[Spot], font: float) -> list[tuple[str, str]]:
    """The pairs of sites whose labels overlap."""
    boxes = sorted((spot.label_box(font), spot.key) for spot in spots)
    found = []
    for position, (box, key) in enumerate(boxes):
        for other, name in boxes[position + 1 :]:
            if other[0] >= box[2]:
                break
            if other[1] < box[3] and box[1] < other[3]:
                found.append((key, name))
    return found


def _width(text: str, font: float) -> float:
    return len(text) * font * 0.62


# ---------- links


def _lines(
    edges: Sequence[Edge],
    places: Mapping[str, Point],
    centre: str | None,
    scale: float,
    font: float,
) -> list[Line]:
    """The curve of each link; those between the same two sites run in parallel, and no marks
    overlap."""
    together: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        together[min(edge.a, edge.b), max(edge.a, edge.b)].append(edge)
    clear = max(_CLEAR * scale, font * 4) if centre is not None else 0.0
    apart = _APART * min(max(scale, _MIN_SCALE), 1.0)
    curves: dict[str, _Curve] = {}
    for (a, b), group in together.items():
        if b == centre:  # away from the middle
            a, b = b, a
        for position, edge in enumerate(group):
            aside = (position - (len(group) - 1) / 2) * apart
            make = _spoke if a == centre else _arc
            curves[edge.name] = make(places[a], places[b], aside, clear)
    lines = {}
    marks: list[Point] = []
    for name in sorted(curves, key=lambda name: (not curves[name].straight, name)):
        curve = curves[name]
        mark = curve.clear_place(marks, font * 1.5)
        marks.append(mark)
        lines[name] = Line(name, curve.path, *mark)
    return [lines[edge.name] for edge in edges]


@dataclass(frozen=True)
class _Curve:
    """A quadratic curve; straight if its control point is between its ends."""

    start: Point
    control: Point
    end: Point
    straight: bool

    @property
    def path(self) -> str:
        (x1, y1), (x2, y2), (x3, y3) = self.start, self.control, self.end
        if self.straight:
            return f"M{x1:.1f} {y1:.1f}L{x3:.1f} {y3:.1f}"
        return f"M{x1:.1f} {y1:.1f}Q{x2:.1f} {y2:.1f} {x3:.1f} {y3:.1f}"

    def at(self, along: float) -> Point:
        rest = 1 - along
        x, y = (
            rest * rest * self.start[i]
            + 2 * rest * along * self.control[i]
            + along * along * self.end[i]
            for i in (0, 1)
        )
        return (round(x, 1), round(y, 1))

    def clear_place(self, taken: Sequence[Point], apart: float) -> Point:
        """The place on the curve nearest to the usual one that is far enough from others; otherwise
        the farthest from them."""
        usual = 0.62 if self.straight else 0.5
        best, room = self.at(usual), -1.0
        for step in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5):
            place = self.at(usual + step * 0.06)
            nearest = min((hypot(place[0] - x, place[1] - y) for x, y in taken), default=apart)
            if nearest >= apart:
                return place
            if nearest > room:
                best, room = place, nearest
        return best


def _spoke(start: Point, end: Point, aside: float, _clear: float) -> _Curve:
    """A straight line, shifted sideways by ``aside``."""
    way = (end[0] - start[0], end[1] - start[1])
    far = hypot(*way) or 1.0
    shift = (-way[1] / far * aside, way[0] / far * aside)
    begin = (start[0] + shift[0], start[1] + shift[1])
    stop = (end[0] + shift[0], end[1] + shift[1])
    return _Curve(begin, ((begin[0] + stop[0]) / 2, (begin[1] + stop[1]) / 2), stop, straight=True)


def _arc(start: Point, end: Point, aside: float, clear: float) -> _Curve:
    """A curve bent towards the middle, but never closer to it than ``clear``."""
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    far = hypot(*middle)
    if far > 1:
        outwards = (middle[0] / far, middle[1] / far)
    else:  # opposite each other: to the side
        length = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
        outwards = ((start[1] - end[1]) / length, (end[0] - start[0]) / length)
    distance = max(0.84 * far, clear) + aside
    top = (outwards[0] * distance, outwards[1] * distance)
    control = (2 * top[0] - middle[0], 2 * top[1] - middle[1])
    return _Curve(start, control, end, straight=False)


# ---------- the frame


def _framed(spots: Sequence[Spot], lines: Sequence[Line], frame: Frame) -> Layout:
    """The bounds of everything, with a margin; the middle stays in the middle."""
    boxes = [spot.label_box(frame.font) for spot in spots]
    reach = frame.font * 1.3
    across = max(
        [-box[0] for box in boxes]
        + [box[2] for box in boxes]
        + [abs(spot.x) + reach for spot in spots],
        default=1,
    )
    top = min([box[1] for box in boxes] + [spot.y - reach for spot in spots], default=0)
    bottom = max([box[3] for box in boxes] + [spot.y + reach for spot in spots], default=1)
    return Layout(
        left=floor(-across) - 2,
        top=floor(top) - 2,
        width=2 * ceil(across) + 4,
        height=ceil(bottom - top) + 5,
        spots=tuple(spots),
        lines=tuple(lines),
    )
