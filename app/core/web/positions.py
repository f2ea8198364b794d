"""A place in a long list, as a word for an address (keyset paging)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

_MAX_SIZE = 2**31 - 1


def write_position(after: tuple[Any, int]) -> str:
    """A keyset position as a word for an address."""
    value, number = after
    plain = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    text = json.dumps([plain, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_position(word: str, sort: str) -> tuple[Any, int]:
    """The position that such a word holds; ``ValueError`` and its like if it holds none."""
    if len(word) > 2000 or not word.isascii():
        raise ValueError
    text = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode()
    value, number = json.loads(text)
    name = sort.removeprefix("-")
    if type(number) is not int or not 0 <= number <= _MAX_SIZE:
        raise ValueError
    if name in ("created", "changed"):
        value = datetime.fromisoformat(value)
        if value.tzinfo is None:
            raise ValueError
        value = value.astimezone(UTC)
    elif name == "title":
        if not isinstance(value, str) or "\0" in value:
            raise ValueError
        value.encode()
    elif type(value) is not int or not 0 <= value <= _MAX_SIZE:
        raise ValueError
    return value, number
