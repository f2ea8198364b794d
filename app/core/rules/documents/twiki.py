"""TWiki markup: headings, tables and links; any text of people stays text in it.

TWiki renders what it reads: variables (``%X%``), HTML, macros' ``$percnt``, bold and verbatim
marks, links in brackets, and every WikiWord by itself. A page is written between ``<noautolink>``
marks, so words with several capitals stay words, and no text can close them: ``<`` is written as
its name. A letter is written as its number only where it has a meaning, so that the raw page can
be read and edited. Text is only inside cells and headings, never at the start of a line,
where more letters have a meaning. Source: TWiki's TextFormattingRules, the patterns of its
renderer and those of its SmiliesPlugin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

BREAK: Final = "<br />"
_MARKS: Final = re.compile(
    r"""
      [<>|*\[\]@^\\]       # tags, cells, bold, links, addresses, spans of rows, continued lines
    | &(?=[\w\#])          # what would be read as a letter's name or number
    | %(?=[^\s.,;)])       # variables
    | \$(?=\w)             # macros' letters
    | !(?=\S)              # the mark that takes a meaning away
    | (?<![^\W_])[_=](?=\S)      # italic and fixed: where no word is in front
    | -(?=[-()]) | (?<=-)-         # lines, headings, smilies
    | (?<!\d):(?=\S) | :(?=[^\s\d])   # addresses, other wikis, smilies; not times
    | (?<=;)\)              # a smiley
    """,
    re.VERBOSE,
)
_NAMES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_TURNING: Final = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs without a picture that turn the order of what follows, the rest of the line included."""
_BLANK: Final = re.compile(r"[^\S\n]+")


def text(given: str) -> str:
    """The text as it is to be read, in one line: line ends are breaks. Of signs that would turn the
    order of the letters behind them their names are read."""
    shown = _TURNING.sub(lambda found: f"<U+{ord(found[0]):04X}>", given)
    lines = [_escaped(_BLANK.sub(" ", line).strip()) for line in shown.strip().splitlines()]
    return BREAK.join(lines)


def _escaped(line: str) -> str:
    return _MARKS.sub(lambda found: _NAMES.get(found[0], f"&#{ord(found[0])};"), line)


def heading(level: int, given: str) -> str:
    """A heading; 1 is the largest."""
    return f"---{'+' * level} {text(given)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a head in bold; each row is a line."""
    lines = [[f"*{text(word)}*" for word in head], *([text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def page(parts: Sequence[str]) -> str:
    """A page of such parts, in which no word becomes a link by itself."""
    return "\n\n".join(("<noautolink>", *parts, "</noautolink>")) + "\n"


def link(address: str, word: str) -> str:
    """A link to an address of the portal."""
    return f"[[{quote(address, safe=':/?&=.-_~')}][{text(word)}]]"
