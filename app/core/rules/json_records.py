"""The records of a JSON file one after another, of a file too large to hold.

A file is a list of objects, or an object whose only key holds that list. It must not know what a
record says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final

from app.core.rules.file_problems import BadFile, Problem

MAX_LENGTH: Final = 1_000_000
"""Characters of one record: what ends later has a bracket open."""
_STEP: Final = 64 * 1024
_NO_BLANK: Final = re.compile(r"[^ \t\r\n]")
_NO_LIST: Final = 'a JSON file is a list of objects, or {"events": [...]}'


class KeyTwice(ValueError):
    """A key is twice in one object; its name."""


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values; ``KeyTwice`` where one of them would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise KeyTwice(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(word: str) -> float:
    raise ValueError(word)  # NaN and Infinity are no JSON


_DECODER: Final = json.JSONDecoder(object_pairs_hook=object_of, parse_constant=_no_number)


class _Text:
    """What of the file is read and not yet used, and at which line that begins."""

    def __init__(self, source: IO[str]) -> None:
        self._source = source
        self.text = ""
        self.at = 0
        """So many characters of it are used."""
        self.line = 1
        self.ended = False

    def more(self) -> bool:
        """Read some more; whether there was any."""
        piece = self._source.read(_STEP)
        self.ended = not piece
        self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def use(self, end: int) -> None:
        """What lies before ``end`` is done."""
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def next_sign(self) -> str:
        """The next character that is no blank, which stays; "" at the end."""
        while True:
            found = _NO_BLANK.search(self.text, self.at)
            self.use(found.start() if found else len(self.text))
            if found or not self.more():
                return self.text[self.at : self.at + 1]

    def wrong(self, why: str) -> BadFile:
        """What is wrong here."""
        return BadFile([Problem(f"line {self.line}", "", "", why)])


def records_of(source: IO[str], key: str) -> Iterator[tuple[int, Any]]:
    """The line on which each record begins, and its value; the list may lie under ``key``.

    Raises ``BadFile`` where it is no JSON, or no such list.
    """
    text = _Text(source)
    wrapped = text.next_sign() == "{"
    if wrapped:
        text.use(text.at + 1)
        if text.next_sign() != '"' or _value(text) != key or text.next_sign() != ":":
            raise text.wrong(_NO_LIST)
        text.use(text.at + 1)
    if text.next_sign() != "[":
        raise text.wrong(_NO_LIST)
    text.use(text.at + 1)
    if text.next_sign() != "]":
        while True:
            text.next_sign()
            line = text.line
            yield line, _value(text)
            if (sign := text.next_sign()) not in ("]", ","):
                raise text.wrong("this is not valid JSON: , or ] is missing here")
            if sign == "]":
                break
            text.use(text.at + 1)
    text.use(text.at + 1)
    if wrapped:
        if text.next_sign() != "}":
            raise text.wrong(_NO_LIST)
        text.use(text.at + 1)
    if text.next_sign():
        raise text.wrong("there is more text after the end of the list")


def _value(text: _Text) -> Any:
    tried = 0
    while True:
        try:
            value, end = _DECODER.raw_decode(text.text, text.at)
            if end < len(text.text) or text.ended:  # a number may go on
                text.use(end)
                return value
        except KeyTwice as error:
            raise text.wrong(f"the key {str(error)[:60]!r} is there twice") from None
        except RecursionError:
            raise text.wrong("this JSON is not accepted: too many brackets") from None
        except ValueError as error:
            if text.ended or len(text.text) - text.at > MAX_LENGTH:
                raise text.wrong(f"this is not valid JSON: {error}") from None
        # twice as much each time: else a long record is read as often as it has pieces
        tried = max(2 * tried, 1)
        for _ in range(tried):
            if not text.more():
                break
