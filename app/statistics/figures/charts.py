"""The geometry of charts: where bars, words and marks are. Templates draw them as SVG.

Small and exact: bars are on a zero baseline, words are at the bar instead of in a legend, charts
next to each other have one scale. A chart is as wide as its place: across it is measured in
percent, so that nothing is scaled and its words stay readable; it scrolls where its words need
more. Heights are in CSS pixels. No colour says anything by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.rules.language import joined

_LETTER: Final = 6.4
"""Width of a digit or letter at 11 px, rather more than less."""
_TOP: Final = 18
"""Room for the value above the highest bar."""
_BOTTOM: Final = 18
"""Room for the words under the baseline."""
_NARROWEST_BAND: Final = 14
_FEW: Final = 8
"""So many bars leave more room between them."""
_WIDTHS: Final = (0, 320, 480, 640, 960, 1440, 1920, 2880, 4320)
"""The widths that a chart may need; each is a class of the stylesheet."""


@dataclass(frozen=True)
class Value:
    """One thing to draw: its name under the bar, its value, and that in words.

    ``value`` None = there is no data, which is not zero; ``marked``: the period is not over, or is
    otherwise not whole. ``also``: a second value that is drawn as a line across the bar.
    """

    name: str
    value: float | None
    words: str
    marked: bool = False
    also: float | None = None


@dataclass(frozen=True)
class Bar:
    """A bar from the baseline upwards, with its words; ``x``, ``width`` and ``middle`` in percent
    of the chart's width."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    words: str
    """The value, "" where it is left to the table."""
    name: str
    """The name under it, "" where there is no room."""
    marked: bool
    nothing: bool
    line: float | None
    """Height of the second value's line."""
    words_y: float
    """Where the words are: above the bar and the line."""


@dataclass(frozen=True)
class ColumnChart:
    """Bars side by side. ``title`` says what one sees, ``about`` has all values in words."""

    key: str
    """Unique on the page."""
    title: str
    about: str
    needs: int
    """The least width at which its words do not meet: one of some steps, in pixels."""
    height: float
    baseline: float
    bars: Sequence[Bar]


def highest(values: Iterable[Value]) -> float:
    """The value to which a scale has to reach, above 0."""
    found = [number for one in values for number in (one.value, one.also) if number is not None]
    return max([*found, 0.0]) or 1.0


def column_chart(
    key: str,
    title: str,
    values: Sequence[Value],
    *,
    top: float | None = None,
    plot: int = 110,
    small: bool = False,
) -> ColumnChart:
    """Bars for these values, in their order.

    ``top``: the value at the top of the scale, else the highest; ``plot``: height of the bars'
    field; ``small``: narrow bars of which only the highest and the last have their value next to
    them, and only the first and the last their name.
    """
    top = top or highest(values)
    names = max((len(one.name) for one in values), default=1) * _LETTER + 8
    words = max((len(one.words) for one in values), default=1) * _LETTER + 4
    count = max(len(values), 1)
    needed = count * (_NARROWEST_BAND if small else max(names, words, 28))
    band = 100 / count
    width = band * (0.5 if count <= _FEW else 0.72)
    baseline = _TOP + plot
    labelled = _labelled(values) if small else set(range(len(values)))
    bars = []
    for at, one in enumerate(values):
        height = plot * (one.value or 0) / top
        line = None if one.also is None else round(baseline - plot * one.also / top, 1)
        named = not small or at in (0, len(values) - 1)
        bars.append(
            Bar(
                x=round(at * band + (band - width) / 2, 2),
                y=round(baseline - height, 1),
                width=round(width, 2),
                height=round(height, 1),
                middle=round(at * band + band / 2, 2),
                words=one.words if at in labelled else "",
                name=one.name if named else "",
                marked=one.marked,
                nothing=one.value is None,
                line=line,
                words_y=round(min(baseline - height, line or baseline), 1) - 4,
            )
        )
    about = joined("; ", (f"{one.name}: " + one.words for one in values))
    needs = next((one for one in _WIDTHS if one >= needed), _WIDTHS[-1])
    return ColumnChart(key, title, about, needs, baseline + _BOTTOM, baseline, bars)


def _labelled(values: Sequence[Value]) -> set[int]:
    """The places whose value is written in a small chart: the highest, and the last one unless it
    stands too near."""
    known = [at for at, one in enumerate(values) if one.value is not None]
    if not known:
        return {len(values) - 1} if values else set()
    best = max(known, key=lambda at: (values[at].value or 0, at))
    last = len(values) - 1
    return {best, last} if last - best > 1 or last == best else {best}


@dataclass(frozen=True)
class Part:
    """A part of a strip, with the name of its pattern."""

    kind: str
    x: float
    width: float


def strip(shares: Sequence[tuple[str, float]], width: int = 160) -> Sequence[Part]:
    """Shares of a whole (0 to 1) side by side; what is there at all is at least one pixel wide."""
    parts: list[Part] = []
    x = 0.0
    for kind, share in shares:
        if share <= 0:
            continue
        wide = max(share * width, 1.0)
        parts.append(Part(kind, round(x, 2), round(wide, 2)))
        x += wide
    if not parts or x <= width:
        return parts
    # what was widened is taken off the widest
    widest = max(range(len(parts)), key=lambda at: parts[at].width)
    over = x - width
    return [
        Part(
            part.kind,
            round(part.x - (over if at > widest else 0), 2),
            round(part.width - (over if at == widest else 0), 2),
        )
        for at, part in enumerate(parts)
    ]
