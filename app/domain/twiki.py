"""TWiki markup: headings, tables and links; any text of people stays text in it.

TWiki renders what it reads: variables (``%X%``), HTML, macros' ``$percnt``, bold and verbatim
marks, links in brackets, and every WikiWord by itself. So each letter with a meaning is written as
its number, and of a word with several capitals the first one: a reader sees the text, the wiki does
not. Text stands only inside of cells and headings, never at the begin of a line, where more letters
have a meaning. Source: TWiki's TextFormattingRules and the patterns of its renderer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

BREAK: Final = "<br />"
_MARKS: Final = re.compile(r"""[&<>|%=*_!\[\]~"'#$@(){}\\^`+]""")
_DASHES: Final = re.compile(r"(?<![^\W_])-|-(?![^\W_])")
"""Those that are not inside of a word or a date: lines and headings are made of them."""
_COLON: Final = re.compile(r"(?<!\d):|:(?!\d)")
"""All but those of a time: links to other wikis, addresses and smilies are made with them."""
_WORD: Final = re.compile(r"[^\W_]+")
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
    marked = {
        found.start() for marks in (_MARKS, _DASHES, _COLON) for found in marks.finditer(line)
    }
    for word in _WORD.finditer(line):
        capitals = [place for place in range(*word.span()) if line[place].isupper()]
        if len(capitals) > 1:  # a WikiWord, or the name of a page in capitals
            marked.add(capitals[0])
    return "".join(
        f"&#{ord(letter)};" if place in marked else letter for place, letter in enumerate(line)
    )


def heading(level: int, given: str) -> str:
    """A heading; 1 is the largest."""
    return f"---{'+' * level} {text(given)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a head in bold; each row is a line."""
    lines = [[f"*{text(word)}*" for word in head], *([text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def link(address: str, word: str) -> str:
    """A link to an address of the portal."""
    return f"[[{quote(address, safe=':/?&=.-_~')}][{text(word)}]]"
