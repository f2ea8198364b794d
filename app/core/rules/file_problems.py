"""What is wrong in a file that somebody sent, place by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.core.rules.errors import Invalid

MOST_PROBLEMS: Final = 100
"""Wrong places of a file that are told at once."""

SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """A wrong place of a file: where it is, what stands there, what is allowed."""

    place: str
    """``line 7`` of a CSV file, ``record 7`` of a JSON file."""
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        value = f", {shown(self.value)}" if self.value else ""
        return f"{self.place}{column}{value}: {self.allowed}"


def shown(value: object) -> str:
    """A value in quotes, its beginning only if it is long."""
    text = str(value)
    return f'"{text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"}"'


class BadFile(Invalid):
    """A file that cannot be used: nothing was written. ``problems`` are the first hundred."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        many = len(problems)
        count = "1 wrong place" if many == 1 else f"{many} wrong places"
        if many >= MOST_PROBLEMS:
            count = f"at least {MOST_PROBLEMS} wrong places"
        self.summary = f"The file has {count}; nothing was written"
        super().__init__("file", f"{self.summary}. {problems[0]}")
