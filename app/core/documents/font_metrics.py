"""The letters of documents: the shipped fonts, how wide a text is, and where it is cut to fit.

Both kinds of documents cut by the same widths, so that they show the same. A slide's reader may
have other fonts than these; most are narrower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

from fontTools.ttLib import TTFont

FONTS: Final = Path(__file__).parent / "fonts"
REGULAR: Final = FONTS / "NotoSans-Regular.ttf"
BOLD: Final = FONTS / "NotoSans-Bold.ttf"
CHINESE: Final = FONTS / "NotoSansSC-Regular.otf"
NO_GLYPH: Final = "\N{REPLACEMENT CHARACTER}"
"""Drawn for a sign that no font has; what is stored keeps it."""
CUT: Final = "…"
_MAX_CUT_LENGTH: Final = 600
"""Characters that are looked at to cut one line."""


@cache
def _advances(path: Path) -> Mapping[int, float]:
    """By code point, how wide a sign is as a part of the font's size."""
    with TTFont(path, lazy=True) as font:
        units, metrics = font["head"].unitsPerEm, font["hmtx"]
        return {code: metrics[name][0] / units for code, name in font.getBestCmap().items()}


def _advance(sign: str, *, bold: bool) -> float:
    code = ord(sign)
    found = _advances(BOLD if bold else REGULAR).get(code)
    return _advances(CHINESE).get(code, 1.0) if found is None else found


def drawable(text: str) -> str:
    """The text with ``NO_GLYPH`` for what no font has, line ends unchanged."""
    known = _advances(REGULAR)
    if all(ord(sign) in known for sign in text):
        return text
    return "".join(
        sign if sign == "\n" or ord(sign) in known or ord(sign) in _advances(CHINESE) else NO_GLYPH
        for sign in text
    )


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line is, in the unit of ``size``."""
    return size * sum(_advance(sign, bold=bold) for sign in text)


def one_line(text: str) -> str:
    """The text in one line: all white space is one blank."""
    return " ".join(text.split())


def cut_to(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """The text in one line that is at most so wide, cut with a visible mark where it is longer."""
    line = one_line(text[: 2 * _MAX_CUT_LENGTH])
    if len(line) <= _MAX_CUT_LENGTH and width_of(line, size, bold=bold) <= width:
        return line
    room = width - width_of(CUT, size, bold=bold)
    for at, sign in enumerate(line):
        room -= size * _advance(sign, bold=bold)
        if room < 0:
            return line[:at].rstrip() + CUT
    return line + CUT


def wrapped(text: str, width: float, size: float, *, bold: bool = False) -> Iterator[str]:
    """The whole text in lines that are at most so wide, broken between words where there are any.

    Its own line ends stay; nothing is left out.
    """
    for paragraph in text.splitlines() or [""]:
        rest = one_line(paragraph)
        if not rest:
            yield ""
        while rest:
            room, end = width, 0
            for sign in rest:
                room -= size * _advance(sign, bold=bold)
                if room < 0:
                    break
                end += 1
            if end < len(rest):
                blank = rest.rfind(" ", 0, end + 1)
                end = blank if blank > 0 else max(end, 1)
            yield rest[:end].rstrip()
            rest = rest[end:].lstrip()


def lines_of(text: str, width: float, size: float, most: int, *, bold: bool = False) -> list[str]:
    """The text without its line ends in up to ``most`` lines, cut with a visible mark beyond."""
    found = list(islice(wrapped(one_line(text), width, size, bold=bold), most + 1))
    if len(found) <= most:
        return found
    return [*found[: most - 1], cut_to(" ".join(found[most - 1 :]), width, size, bold=bold)]
