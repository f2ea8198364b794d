"""What differs between two states of a site's report in events without a ticket and in answers.

The numbers' part is ``changed_since`` in ``app.reports.rules.numbers``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

from app.core.rules.language import _
from app.reports.rules.form import ANSWER, EVENT, NUMBER, REASON, Form
from app.reports.rules.numbers import ReportNumbers, UndocumentedEvent

MAX_WORDS: Final = 2_000
"""Words of a text up to which single words are compared: the time grows with their square."""
_WORDS: Final = re.compile(r"\s+|\w+|[^\w\s]")


class Part(StrEnum):
    """Where a piece of a text is."""

    SAME = "same"
    OLD = "old"
    NEW = "new"


@dataclass(frozen=True)
class Piece:
    """A part of two texts."""

    text: str
    part: Part


@dataclass(frozen=True)
class ValueDifference:
    """A value that differs, in words. "" = none existed."""

    label: str
    old: str
    new: str

    @property
    def pieces(self) -> Sequence[Piece]:
        """Both in one, word by word."""
        return compared(self.old, self.new)


@dataclass(frozen=True)
class EventDifference:
    """An event that one of the two lists among those without a ticket, and the other does not."""

    event: UndocumentedEvent
    part: Part


def compared(old: str, new: str) -> Sequence[Piece]:
    """Two texts as pieces, in the order in which one reads them; long ones as a whole."""
    words = _WORDS.findall(old), _WORDS.findall(new)
    if max(map(len, words)) > MAX_WORDS:
        return [Piece(old, Part.OLD), Piece(new, Part.NEW)]
    pieces = []
    for what, i1, i2, j1, j2 in SequenceMatcher(
        a=words[0], b=words[1], autojunk=False
    ).get_opcodes():
        if what == "equal":
            pieces.append(Piece("".join(words[0][i1:i2]), Part.SAME))
            continue
        if i2 > i1:
            pieces.append(Piece("".join(words[0][i1:i2]), Part.OLD))
        if j2 > j1:
            pieces.append(Piece("".join(words[1][j1:j2]), Part.NEW))
    return pieces


def events_that_differ(old: ReportNumbers, new: ReportNumbers) -> Sequence[EventDifference]:
    """Events without a ticket that came or went, by their start."""
    before = {one.id: one for one in old.undocumented}
    after = {one.id: one for one in new.undocumented}
    differing = [EventDifference(before[key], Part.OLD) for key in before.keys() - after.keys()]
    differing += [EventDifference(after[key], Part.NEW) for key in after.keys() - before.keys()]
    return sorted(differing, key=lambda one: (one.event.start, one.event.id))


def answers_that_differ(
    old: Mapping[str, str], new: Mapping[str, str], labels: Mapping[str, str]
) -> Sequence[ValueDifference]:
    """Fields whose value differs. ``labels``: what each field is called, in the page's order; one
    without a label is last, by its name."""
    names = [*labels, *sorted((old.keys() | new.keys()) - labels.keys())]
    return [
        ValueDifference(labels.get(name) or _named(name), old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def _named(name: str) -> str:
    """An event that has its ticket in both states is in neither one's list."""
    return (
        _("Event %(removeprefix)s", removeprefix=name.removeprefix(EVENT))
        if name.startswith(EVENT)
        else name
    )


def labels_of(forms: Sequence[Form], numbers: Sequence[ReportNumbers]) -> Mapping[str, str]:
    """What each field of a report is called, by the forms and numbers that it was written with."""
    labels: dict[str, str] = {}
    for one in numbers:
        for figure in one.figures:
            labels[NUMBER + figure.key] = _("%(label)s, site's number", label=figure.label)
            labels[REASON + figure.key] = _("%(label)s, reason", label=figure.label)
    for one in numbers:
        for event in sorted(one.undocumented, key=lambda each: (each.start, each.id)):
            labels[f"{EVENT}{event.id}"] = _(
                "Event %(id)s on %(link)s", id=event.id, link=event.link
            )
    for form in forms:
        for question in form.questions:
            labels[ANSWER + question.key] = question.label
    return labels
