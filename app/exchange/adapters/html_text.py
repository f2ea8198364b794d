"""Texts of foreign systems that write HTML, as plain text.

Whoever writes a mail chooses what is read here. So it is read by one pass over the text, whose time
grows with its length and with nothing else (ADR 62): libxml2 takes the square of a tag's
attributes, and ``html.parser`` of Python up to 3.13.5 that of several things that are not closed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 2 * 1024 * 1024
"""Characters of HTML that are read."""
MOST_TAGS: Final = 100_000
MOST_ATTRIBUTES: Final = 500
"""Of one tag."""
_BLOCKS: Final = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "blockquote", "pre"})
_SILENT: Final = frozenset({"script", "style", "title"})
"""What they hold is no text, and no tags either."""
_ATTRIBUTE: Final = r"""[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_TAG: Final = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)>")
"""Each character is looked at a fixed number of times: nothing in it is given back."""
_TAG_BEGINS: Final = re.compile(r"</?[a-zA-Z]")
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE)
_NUMBER: Final = re.compile(r"&#(?:[0-9]{8}|[xX][0-9a-fA-F]{8})[0-9a-fA-F]*+;?")
"""No character has such a number, and Python refuses to read those of more than 4,300 digits."""


class TooComplex(Exception):
    """HTML that is not read: nobody who writes a text needs so much of it."""


def plain_of(text: str) -> str:
    """The text of HTML, a line for each block. A tag that does not end is text, as all behind it.
    Raises ``TooComplex``."""
    if len(text) > LONGEST or text.count("<") > MOST_TAGS:
        raise TooComplex
    lines = [line.strip() for line in "".join(_texts(text)).splitlines()]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _texts(text: str) -> Iterator[str]:
    """The texts in their order, with line ends around blocks."""
    place = 0
    never_closed: set[str] = set()
    while (found := text.find("<", place)) >= 0:
        yield _unescaped(text[place:found])
        if text.startswith(("!", "?"), found + 1):
            mark = "-->" if text.startswith("<!--", found) else ">"
            end = text.find(mark, found + 2)
            if end < 0:
                yield _unescaped(text[found:])
                return
            place = end + len(mark)
            continue
        tag = _TAG.match(text, found)
        if tag is None:
            if _TAG_BEGINS.match(text, found):
                yield _unescaped(text[found:])
                return
            yield "<"
            place = found + 1
            continue
        _check_attributes(tag[3])
        place, name = tag.end(), tag[2].lower()
        if name in _BLOCKS:
            yield "\n"
        if name in _SILENT and not tag[1] and name not in never_closed:
            closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, place)
            end = text.find(">", closing.end()) if closing is not None else -1
            if end < 0:
                never_closed.add(name)
            else:
                place = end + 1
    yield _unescaped(text[place:])


def _check_attributes(attributes: str) -> None:
    if len(attributes) <= MOST_ATTRIBUTES:
        return
    for count, _one in enumerate(_ATTRIBUTES.finditer(attributes), 1):
        if count > MOST_ATTRIBUTES:
            raise TooComplex


def _unescaped(text: str) -> str:
    return html.unescape(_NUMBER.sub("\N{REPLACEMENT CHARACTER}", text)) if "&" in text else text
