"""The questions of quarterly reports as data: kinds of questions, and a form of some of them.

A form's version is JSON in one row; people compose new versions of the same parts. What an answer
may be is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.reports.rules.numbers import PERCENT, UNITS, ReportFigure, ReportNumbers

MAX_QUESTIONS: Final = 40
ANSWER_LIMIT: Final = 10_000
"""Characters of an answer of several lines, and of the words to an event or a number."""
YES, NO = "yes", "no"
ANSWER, EVENT, NUMBER, REASON = "answer.", "event.", "number.", "reason."
"""What the name of a report's field begins with; behind it the question's or the figure's key, or
the event's id."""


class QuestionKind(StrEnum):
    """What an answer is."""

    CHOICE = _("choice")
    """One of the question's choices."""
    YES_NO = _("yes or no")
    DATE = _("day")
    """``2013-03-31``, of something that was: it is never later than today."""
    PLANNED = _("planned day")
    """Any day, as of something that is to be."""
    LINE = _("line")
    """A line of text."""
    TEXT = _("text")
    """A text of several lines."""

    @property
    def input(self) -> Mapping[str, str]:
        """Attributes of its input, where it takes one line that is written."""
        return _INPUTS.get(self, {"class": "input"})


_DAY_INPUT: Final = {
    "class": "input day",
    "placeholder": "2013-03-31",
    "size": "12",
    "inputmode": "numeric",
}
_INPUTS: Final[Mapping[QuestionKind, Mapping[str, str]]] = {
    QuestionKind.DATE: _DAY_INPUT,
    QuestionKind.PLANNED: _DAY_INPUT,
}


@dataclass(frozen=True)
class ReportQuestion:
    """One question. ``key`` names it in all versions: an answer is carried on by it."""

    key: str
    kind: QuestionKind
    label: str
    group: str = ""
    """The title of the group that it belongs to."""
    help: str = ""
    is_required: bool = False
    choices: tuple[str, ...] = ()
    """Of a choice."""
    is_carried: bool = False
    """The answer of the quarter before is offered: it often holds on."""
    is_retired: bool = False
    """Retired; old reports show it with their own version."""


@dataclass(frozen=True)
class Form:
    """A version's questions, in their order."""

    questions: Sequence[ReportQuestion]

    @property
    def asked(self) -> Sequence[ReportQuestion]:
        """Those that are not retired."""
        return [one for one in self.questions if not one.is_retired]

    def question(self, key: str) -> ReportQuestion | None:
        """The one of this key, retired or not."""
        return next((one for one in self.questions if one.key == key), None)

    @property
    def groups(self) -> Sequence[tuple[str, Sequence[ReportQuestion]]]:
        """The questions under their titles: neighbours of one group are together."""
        found: list[tuple[str, list[ReportQuestion]]] = []
        for one in self.asked:
            if not found or found[-1][0] != one.group:
                found.append((one.group, []))
            found[-1][1].append(one)
        return found

    def as_text(self) -> str:
        """As it is stored."""
        return json.dumps([asdict(one) for one in self.questions], ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Form:
        """What ``as_text`` made."""
        return cls([_question(one) for one in json.loads(text)])


def _question(values: Mapping[str, Any]) -> ReportQuestion:
    return ReportQuestion(
        **{
            **values,
            "kind": QuestionKind(values["kind"]),
            "choices": tuple(values.get("choices", ())),
        }
    )


# ---- what an answer may be ----

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_COUNT: Final = re.compile(r"\d{1,9}(\.\d{1,4})?", re.ASCII)
_EVENT: Final = re.compile(r"event\.[1-9]\d{0,17}", re.ASCII)
_FIGURE: Final = re.compile(r"(number|reason)\.[a-z][a-z0-9_]{0,59}", re.ASCII)


def checked_answer(question: ReportQuestion, value: str) -> str:
    """The answer as it is stored, "" = none; raises ``Invalid`` on ``answer.KEY``.

    That a required one is there is requested when a report is submitted, not while it is written.
    """
    field = ANSWER + question.key
    if question.kind is QuestionKind.TEXT:
        text = checked_text(field, _as_lines(value), ANSWER_LIMIT, label=question.label)
        return text if text.strip() else ""
    value = value.strip()
    if not value:
        return ""
    match question.kind:
        case QuestionKind.LINE:
            if len(value.splitlines()) > 1:
                raise Invalid(field, _("%(label)s: use a single line", label=question.label))
            return checked_text(field, value, SHORT_TEXT_LIMIT, label=question.label)
        case QuestionKind.DATE | QuestionKind.PLANNED:
            if _DAY.fullmatch(value):
                try:
                    return date.fromisoformat(value).isoformat()
                except ValueError:
                    pass
            raise Invalid(
                field,
                _("“%(label)s” must be a date such as 2013-03-31", label=question.label),
            )
        case QuestionKind.YES_NO:
            allowed: Sequence[str] = (YES, NO)
        case _:
            allowed = question.choices
    if value not in allowed:
        raise Invalid(
            field,
            _(
                "%(label)s: choose one of: %(listed)s",
                label=question.label,
                listed=", ".join(allowed),
            ),
        )
    return value


def checked_field(form: Form, name: str, value: str) -> str:
    """What may be in a report's field, as it is stored; ``Invalid`` on ``name`` otherwise.

    Whether an event or a figure of this name exists is not known here.
    """
    if name.startswith(ANSWER):
        question = form.question(name.removeprefix(ANSWER))
        if question is None or question.is_retired:
            raise Invalid(name, _("Question not found in the form of this report"))
        return checked_answer(question, value)
    if _EVENT.fullmatch(name):
        return _checked_words(name, value, _("Explanation"))
    if not _FIGURE.fullmatch(name):
        raise Invalid(name, _("Unknown field"))
    if name.startswith(REASON):
        return _checked_words(name, value, _("Reason"))
    value = value.strip()
    if value and not _COUNT.fullmatch(value):
        raise Invalid(
            name, _("Enter a number of 0 or more, with a decimal point, such as 12 or 99.5")
        )
    return value


def _checked_words(name: str, value: str, label: str) -> str:
    text = checked_text(name, _as_lines(value), ANSWER_LIMIT, label=label)
    return text if text.strip() else ""


def _as_lines(value: str) -> str:
    """With the line ends that are stored: browsers send CR LF for each."""
    return value.replace("\r\n", "\n").replace("\r", "\n")


# ---- what cannot be, and what is hardly so ----


def why_it_cannot_be(form: Form, name: str, value: str, today: date) -> str:
    """Why a field's value, though it is well written, can be true of no site; "" = it may be.

    No reason makes such a value right, so it is refused. ``today`` is UTC.
    """
    if name.startswith(NUMBER) and _COUNT.fullmatch(value):
        unit, number = UNITS.get(name.removeprefix(NUMBER), ""), float(value)
        if unit == PERCENT and number > 100:
            return _(
                "%(value)s %% is not possible: enter an availability from 0 to 100", value=value
            )
        if not unit and not number.is_integer():
            return _("%(value)s is not possible: enter a whole number, such as 12", value=value)
    if name.startswith(ANSWER):
        question = form.question(name.removeprefix(ANSWER))
        if question is not None and question.kind is QuestionKind.DATE:
            day = _day_of(value)
            if day is not None and day > today:
                return _(
                    "%(label)s: %(day)s is in the future; today is %(today)s (UTC)",
                    label=question.label,
                    day=day,
                    today=today,
                )
    return ""


def day_outside(question: ReportQuestion, value: str, quarter: Quarter) -> str:
    """What is said to a day on which something was that does not lie in the report's quarter; ""
    where nothing is to be said. It may be right."""
    day = _day_of(value) if question.kind is QuestionKind.DATE else None
    if day is None or quarter.begin.date() <= day < quarter.end.date():
        return ""
    return _("%(day)s is outside %(quarter)s. Please check.", day=day, quarter=quarter)


def _day_of(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        return None


# ---- numbers that contradict what the portal counts ----


@dataclass(frozen=True)
class Contradiction:
    """A number that the site states, and that is not the portal's."""

    key: str
    """The figure's."""
    label: str
    stated: str
    counted: str
    """The portal's, in words; ``no data`` where it has none."""
    reason: str
    """Why the site counts another one; "" = it does not say yet."""

    @property
    def is_open(self) -> bool:
        """Whether the reason is wanting, without which no report is submitted."""
        return not self.reason

    @property
    def field(self) -> str:
        """The name of the field in which the reason belongs."""
        return REASON + self.key


def contradictions(fields: Mapping[str, str], numbers: ReportNumbers) -> Sequence[Contradiction]:
    """Where the site's numbers are not the portal's, in the order of the figures.

    Two numbers are the same if they are read alike: with two decimals where there is a unit. A
    number of a figure for which the portal has no data is one as well: nothing confirms it. So is
    100 % where the portal counts a little less.
    """
    found = []
    for figure in numbers.figures:
        stated = fields.get(NUMBER + figure.key, "").strip()
        if not stated or not _COUNT.fullmatch(stated) or _reads_alike(figure, stated):
            continue
        reason = fields.get(REASON + figure.key, "").strip()
        found.append(Contradiction(figure.key, figure.label, stated, figure.words, reason))
    return found


def _reads_alike(figure: ReportFigure, stated: str) -> bool:
    if figure.value is None:
        return False
    number = float(stated)
    never_down = figure.unit != PERCENT or (number >= 100) == (figure.value >= 100)
    return never_down and round(number, 2) == round(figure.value, 2)
