"""Converts HTML of other systems to plain text.

The author of a mail controls the input. So it is read in one pass over the text, whose time depends
only on its length (ADR 62): libxml2 takes quadratic time for a tag's attributes, and Python's
``html.parser`` up to 3.13.5 for several unclosed constructs.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

LONGEST: Final = 2 * 1024 * 1024
"""Characters of HTML that are read."""
MOST_TAGS: Final = 100_000
MOST_ATTRIBUTES: Final = 500
"""Most attributes of one tag."""
LONGEST_NAME: Final = 100
"""Longest name of a picture, in characters."""
_BLOCKS: Final = frozenset({"p", "div", "br", "li", "table", "h1", "h2", "h3", "blockquote", "pre"})
_BREAK: Final = "\x1e"
"""A line end that a tag produces; one in the text is white space within a row of cells."""
_SHOWN: Final = re.compile(r"(?:https?|ftp|mailto|tel):|/", re.IGNORECASE)
"""Addresses that are useful to readers elsewhere."""
_SCHEME: Final = re.compile(r"(?:https?://|mailto:|tel:)?", re.IGNORECASE)
_SILENT: Final = frozenset({"script", "style", "title"})
"""Elements whose content is neither text nor tags."""
_ATTRIBUTE: Final = r"""[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>"'][^\s>]*+))?+"""
_TAG: Final = re.compile(rf"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|{_ATTRIBUTE})*+)>")
"""Each character is examined a fixed number of times: no backtracking."""
_TAG_BEGINS: Final = re.compile(r"</?[a-zA-Z]")
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE)
_NUMBER: Final = re.compile(r"&#(?:[0-9]{8}|[xX][0-9a-fA-F]{8})[0-9a-fA-F]*+;?")
"""No character has such a number, and Python refuses to read numbers of more than 4,300 digits."""


class TooComplex(Exception):
    """HTML that is not read: no text needs this much."""


def plain_of(text: str) -> str:
    """The text of HTML, a line for each block. A row of a table is a line with " | " between its
    cells if each of these is one line (a cell that ends with ":" names the next one); a link
    keeps its address, and a picture its name. An unclosed tag is text, and so is everything
    after it. Raises ``TooComplex``."""
    if len(text) > LONGEST or text.count("<") > MOST_TAGS:
        raise TooComplex
    written = Written()
    read_html(text, written)
    result: list[str] = []
    for line in (line.strip() for line in written.text().splitlines()):
        if line or (result and result[-1]):
            result.append(line)
    return "\n".join(result).strip().replace("\0", "\N{REPLACEMENT CHARACTER}")


@dataclass
class Written:
    """What was read so far. A row and a link are processed once more when they end; a row that
    contains a table is not, so that no part is processed a third time."""

    parts: list[str] = field(default_factory=list)
    row: list[int] | None = None
    """Where the row, and each of its cells, starts in ``parts``."""
    link: tuple[int, str] | None = None
    """Where the text of a link starts, and its address."""
    is_between: bool = False
    """After a row: white space there is not text."""
    is_pre: bool = False

    def text(self) -> str:
        """The whole text."""
        self.end_row()
        return "".join(self.parts)

    def add(self, text: str) -> None:
        """A text between two tags."""
        if not text or (self.is_between and text.isspace()):
            return
        self.is_between = False
        self.parts.append(_unescaped(text.replace("\n", _BREAK) if self.is_pre else text))

    def tag(self, name: str, attributes: str, *, closes: bool) -> None:
        """A tag starts or ends an element."""
        if name in ("tr", "table"):
            self.end_row()
        if name == "a":
            self.end_link()
            address = "" if closes else " ".join(_attribute(attributes, "href").split())
            if _SHOWN.match(address):
                self.link = (len(self.parts), address)
        elif name == "img" and not closes:
            self.parts.append(_picture(attributes))
        elif name in ("td", "th") and not closes:
            self.end_link()
            self.row = self.row or [len(self.parts)]
            self._break_once()
            self.row.append(len(self.parts))
        elif name == "pre":
            self.is_pre = not closes
        if name == "tr":
            self.row = None if closes else [len(self.parts)]
            self.is_between = closes
        if name in _BLOCKS or (name == "tr" and closes):
            self.parts.append(_BREAK)

    def end_link(self) -> None:
        """Add the link's address after its text, unless the text contains it."""
        if self.link is not None:
            begin, address = self.link
            text = " ".join("".join(self.parts[begin:]).split())
            if text and _plain_address(text) != _plain_address(address):
                self.parts.append(f" ({address})")
        self.link = None

    def end_row(self) -> None:
        """Join its cells into one line, if each of them is one line."""
        self.end_link()
        row, self.row = self.row, None
        if row is None or len(row) < 3:
            return
        edges = [*row[1:], len(self.parts)]
        cells = ["".join(self.parts[begin:end]) for begin, end in pairwise(edges)]
        lines = [[" ".join(one.split()) for one in cell.strip().split(_BREAK)] for cell in cells]
        lines = [[one for one in cell if one] for cell in lines]
        begins = "".join(self.parts[row[0] : row[1]]).strip()
        if begins or sum(map(bool, lines)) < 2 or max(map(len, lines)) > 1:
            return
        del self.parts[row[0] :]
        self._break_once()
        *all_but_one, last = ("".join(cell) for cell in lines)
        edged = (f"{one} " if one.endswith(":") else f"{one} | " for one in all_but_one)
        self.parts.append("".join([*edged, last]))

    def _break_once(self) -> None:
        if self.parts and self.parts[-1] != _BREAK:
            self.parts.append(_BREAK)


def read_html(text: str, written: Written) -> None:
    """Read the whole text, in order."""
    place = 0
    never_closed: set[str] = set()
    while (found := text.find("<", place)) >= 0:
        written.add(text[place:found])
        if text.startswith(("!", "?"), found + 1):
            mark = "-->" if text.startswith("<!--", found) else ">"
            end = text.find(mark, found + 2)
            if end < 0:
                written.add(text[found:])
                return
            place = end + len(mark)
            continue
        tag = _TAG.match(text, found)
        if tag is None:
            if _TAG_BEGINS.match(text, found):
                written.add(text[found:])
                return
            written.add("<")
            place = found + 1
            continue
        _check_attributes(tag[3])
        place, name = tag.end(), tag[2].lower()
        written.tag(name, tag[3], closes=bool(tag[1]))
        if name in _SILENT and not tag[1] and name not in never_closed:
            closing = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(text, place)
            end = text.find(">", closing.end()) if closing is not None else -1
            if end < 0:
                never_closed.add(name)
            else:
                place = end + 1
    written.add(text[place:])


def _attribute(attributes: str, name: str) -> str:
    """The value of the first attribute with that name, "" = missing."""
    for one in _ATTRIBUTES.finditer(attributes):
        label, _sign, value = one[0].partition("=")
        if label.rstrip().lower() == name:
            value = value.lstrip()
            return _unescaped(value[1:-1] if value[:1] in ("'", '"') else value)
    return ""


def _picture(attributes: str) -> str:
    """The text for a picture: its description, else the name of its file."""
    name = " ".join(_attribute(attributes, "alt").split())
    if not name and not (source := _attribute(attributes, "src")).startswith("data:"):
        file = source.partition("?")[0].rpartition("/")[2]
        name = file.removeprefix("cid:").partition("@")[0] if "." in file else ""
    return f"[picture: {name[:LONGEST_NAME]}]" if name else "[picture]"


def _plain_address(address: str) -> str:
    """An address as people write it."""
    return _SCHEME.sub("", address).rstrip("/").casefold()


def _check_attributes(attributes: str) -> None:
    if len(attributes) <= MOST_ATTRIBUTES:
        return
    for count, _one in enumerate(_ATTRIBUTES.finditer(attributes), 1):
        if count > MOST_ATTRIBUTES:
            raise TooComplex


def _unescaped(text: str) -> str:
    return html.unescape(_NUMBER.sub("\N{REPLACEMENT CHARACTER}", text)) if "&" in text else text
