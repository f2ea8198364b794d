"""What is wrong in a file that somebody sent, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _

MAX_LINES: Final = 50_000
"""Lines, or records, of a file that is imported: it is one transaction."""
_MAX_COUNTED: Final = 20 * MAX_LINES
"""Lines up to which those of a larger file are counted."""
MAX_PROBLEMS: Final = 100
"""Wrong places of a file that are reported at once."""

SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """A wrong place of a file: where it is, what is there, what is allowed."""

    place: str
    """``line 7`` of a CSV file, ``record 7`` of a JSON file."""
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        column = _(", column %(column)s", column=self.column) if self.column else ""
        value = f", {shown(self.value)}" if self.value else ""
        return f"{self.place}{column}{value}: {self.allowed}"


def shown(value: object) -> str:
    """A value in quotes, its beginning only if it is long."""
    text = str(value)
    return f'"{text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"}"'


class BadFile(Invalid):
    """A file that cannot be used: nothing was written. ``problems`` are the first hundred."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems[:MAX_PROBLEMS])
        many = len(problems)
        count = _("1 wrong place") if many == 1 else _("%(many)s wrong places", many=many)
        if many >= MAX_PROBLEMS:
            count = _("at least %(max_problems)s wrong places", max_problems=MAX_PROBLEMS)
        self.summary = _("The file has %(count)s; nothing was written", count=count)
        super().__init__("file", self.summary + f". {problems[0]}")


class TooManyLines(BadFile):
    """A file of more than ``MAX_LINES`` lines, of which nothing was read."""

    def __init__(self, lines: int) -> None:
        count = f"{lines:,}"
        many = (
            _("%(count)s lines or more", count=count)
            if lines >= _MAX_COUNTED
            else _("%(count)s lines", count=count)
        )
        self.problems = ()
        self.summary = _(
            "The file has %(many)s; an import takes at most %(max_lines)s. Split it",
            many=many,
            max_lines=format(MAX_LINES, ","),
        )
        Invalid.__init__(self, "file", self.summary)


def check_lines(lines: Iterable[object], *, heads: int = 0) -> None:
    """Raise ``TooManyLines`` for more than ``MAX_LINES``, not counting the ``heads`` that name
    columns.

    A file that is broken further on is counted up to there; its reader says so.
    """
    count = -heads
    try:
        for _ in islice(lines, _MAX_COUNTED + heads):
            count += 1
    except BadFile:
        pass
    if count > MAX_LINES:
        raise TooManyLines(count)
