"""XML from outside, met by a streaming parser within limits before it is processed.

No document type declaration (and so no entities), UTF-8 only, limited depth, elements, attributes
and names. To read more, build a tree behind it, or use what the parser reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol
from xml.parsers import expat


class XmlProblem(Enum):
    """Why a document is refused."""

    DECLARATION = auto()
    """It is not XML 1.0 in UTF-8, as its declaration says."""
    DOCTYPE = auto()
    TOO_LARGE = auto()
    MALFORMED = auto()


class XmlRefused(Exception):
    """The document is beyond a bound, or none."""

    def __init__(self, problem: XmlProblem) -> None:
        super().__init__(problem.name)
        self.problem = problem


@dataclass(frozen=True)
class XmlBounds:
    """What a document may hold."""

    depth: int
    elements: int
    attributes: int = 64
    """Of one element, namespace declarations included."""
    name: int = 256
    """Characters of an element's or attribute's name."""
    attribute_value: int = 4096
    tag: int = 64 * 1024
    """Bytes of one tag or comment: the parser stores it whole before it reports it."""


class XmlListener(Protocol):
    """Receives the parts of the document, in order; names have their prefix."""

    def start(self, name: str, line: int) -> None:
        """An element begins in this line (from 1)."""

    def end(self) -> None:
        """The innermost element ends."""

    def text(self, text: str) -> None:
        """A piece of the innermost element's text."""


class _Guard:
    """Counts what the parser meets and stops it at the first thing beyond a bound."""

    def __init__(self, bounds: XmlBounds) -> None:
        self._bounds = bounds
        self._depth = 0
        self._elements = 0

    def declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() not in ("utf-8", "utf8"):
            raise XmlRefused(XmlProblem.DECLARATION)

    def doctype(self, *_: object) -> None:
        raise XmlRefused(XmlProblem.DOCTYPE)

    def start(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        self._elements += 1
        names, values, bounds = attributes[::2], attributes[1::2], self._bounds
        if (
            self._depth > bounds.depth
            or self._elements > bounds.elements
            or len(names) > bounds.attributes
            or any(len(item) > bounds.name for item in (name, *names))
            or any(len(item) > bounds.attribute_value for item in values)
        ):
            raise XmlRefused(XmlProblem.TOO_LARGE)

    def end(self, _name: str) -> None:
        self._depth -= 1


def scan_xml(content: bytes, bounds: XmlBounds) -> None:
    """Meet the whole document. Raises ``XmlRefused``."""
    for _piece in scan_pieces(content, bounds):
        pass


def scan_pieces(
    content: bytes, bounds: XmlBounds, listener: XmlListener | None = None
) -> Iterator[None]:
    """Meet the document piece by piece: ``listener`` was notified of one, so take what it gathered.

    Raises ``XmlRefused`` at the first piece that is beyond a bound.
    """
    guard = _Guard(bounds)
    parser = expat.ParserCreate("utf-8")  # the encoding is fixed, whatever the document says
    parser.ordered_attributes = True
    parser.XmlDeclHandler = guard.declaration
    parser.StartDoctypeDeclHandler = guard.doctype
    parser.StartElementHandler = guard.start
    parser.EndElementHandler = guard.end
    if listener is not None:
        _tell(parser, guard, listener)
    try:
        content.decode("utf-8")
        for fed in range(0, len(content), bounds.tag):
            parser.Parse(content[fed : fed + bounds.tag], False)  # noqa: FBT003  (takes no keyword)
            if fed - parser.CurrentByteIndex > bounds.tag:
                raise XmlRefused(XmlProblem.TOO_LARGE)
            yield
        parser.Parse(b"", True)  # noqa: FBT003
    except (expat.ExpatError, UnicodeDecodeError):
        raise XmlRefused(XmlProblem.MALFORMED) from None


def _tell(parser: expat.XMLParserType, guard: _Guard, listener: XmlListener) -> None:
    """Let the listener hear what the guard lets pass."""

    def start(name: str, attributes: list[str]) -> None:
        guard.start(name, attributes)
        listener.start(name, parser.CurrentLineNumber)

    def end(name: str) -> None:
        guard.end(name)
        listener.end()

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = listener.text
