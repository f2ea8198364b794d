"""The questions of quarterly reports as data: kinds of questions, and a form of some of them.

A form's version is JSON in one row; people compose new versions of the same parts. What an answer
may be is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

MOST_QUESTIONS: Final = 40


class QuestionKind(StrEnum):
    """What an answer is."""

    CHOICE = "choice"
    """One of the question's choices."""
    YES_NO = "yes or no"
    DATE = "day"
    """``2013-03-31``."""
    LINE = "line"
    """A line of text."""
    TEXT = "text"
    """A text of several lines."""


@dataclass(frozen=True)
class Question:
    """One question. ``key`` names it in all versions: an answer is carried on by it."""

    key: str
    kind: QuestionKind
    label: str
    group: str = ""
    """The title under which it stands with its neighbours."""
    help: str = ""
    is_required: bool = False
    choices: tuple[str, ...] = ()
    """Of a choice."""
    is_carried: bool = False
    """The answer of the quarter before is offered: it often holds on."""
    is_retired: bool = False
    """Not asked any more; old reports show it with their own version."""


@dataclass(frozen=True)
class Form:
    """A version's questions, in their order."""

    questions: Sequence[Question]

    @property
    def asked(self) -> Sequence[Question]:
        """Those that are not retired."""
        return [one for one in self.questions if not one.is_retired]

    def as_text(self) -> str:
        """As it is stored."""
        return json.dumps([asdict(one) for one in self.questions], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Form:
        """What ``as_text`` made."""
        return cls([_question(one) for one in json.loads(text)])


def _question(values: Mapping[str, Any]) -> Question:
    return Question(
        **{
            **values,
            "kind": QuestionKind(values["kind"]),
            "choices": tuple(values.get("choices", ())),
        }
    )
