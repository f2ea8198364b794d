"""The fields of a report as its page shows them: what they ask, what is there, their state.

A page makes all of them at once from the report's rows; an autosave makes a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.reports.models.reports import ReportField
from app.reports.rules.event_explanations import OtherWords, joined
from app.reports.rules.form import (
    ANSWER,
    EVENT,
    NUMBER,
    REASON,
    Form,
    QuestionKind,
    ReportQuestion,
    day_outside,
)
from app.reports.rules.numbers import ReportFigure, ReportNumbers, UndocumentedEvent
from app.reports.services.forms import Carried


@dataclass(frozen=True)
class Theirs:
    """What somebody else wrote into a field since the page was made."""

    value: str
    version: int
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True)
class FieldView:
    """One field. ``version`` is the one that the page shows; 0 = nobody wrote in it yet."""

    name: str
    label: str
    kind: str
    """A ``QuestionKind``, or ``number``."""
    value: str = ""
    version: int = 0
    was: str = ""
    """Digest of what was there in this version: the form uses it to find what was touched."""
    changed_by: str = ""
    changed_at: datetime | None = None
    question: ReportQuestion | None = None
    """None = a figure's or an event's field."""
    error: str = ""
    notice: str = ""
    """What is to be looked at again, though it may be right."""
    theirs: Theirs | None = None
    carried: Carried | None = None
    is_first_open: bool = False
    """The page goes to it."""
    came_along: bool = False
    """Its words were written about an event that is a part of this one now; not saved here yet."""

    @property
    def id(self) -> str:
        """Of its element in the page."""
        return "f-" + self.name.replace(".", "-")

    @property
    def is_unsaved(self) -> bool:
        """Whether it holds what was typed and is not stored: it is lost if the page is left."""
        return digest(self.value) != self.was and not self.came_along

    @property
    def is_wrong(self) -> bool:
        """Whether a person has to do something about it."""
        return bool(self.error) or self.theirs is not None


@dataclass(frozen=True)
class FigureView:
    """A number of the portal, and what the site says to it."""

    figure: ReportFigure
    rows: str
    """Address of the rows that were counted, or ""."""
    number: FieldView
    reason: FieldView

    @property
    def is_stated(self) -> bool:
        """Whether the site counts otherwise, or something is wrong."""
        return any(one.value or one.is_wrong for one in (self.number, self.reason))


@dataclass(frozen=True)
class EventView:
    """An event without a ticket, and the site's words about it."""

    event: UndocumentedEvent
    words: FieldView


@dataclass(frozen=True)
class OtherView:
    """Words about an event that is not, or no longer, without a ticket."""

    other: OtherWords
    words: FieldView


@dataclass(frozen=True)
class Group:
    """Questions under one title."""

    title: str
    fields: Sequence[FieldView]


@dataclass(frozen=True)
class Fields:
    """All fields of a report, in the order of its page."""

    figures: Sequence[FigureView]
    events: Sequence[EventView]
    groups: Sequence[Group]
    others: Sequence[OtherView] = ()

    @property
    def figure_groups(self) -> Sequence[tuple[str, Sequence[FigureView]]]:
        """The figures under their titles, in their order."""
        return [
            (title, list(views))
            for title, views in groupby(self.figures, lambda one: one.figure.group)
        ]

    @property
    def needed(self) -> Sequence[FieldView]:
        """What has to be answered before the report can be submitted: required questions, and the
        events without a ticket."""
        asked = [field for group in self.groups for field in group.fields]
        return [
            *(one for one in asked if one.question is not None and one.question.is_required),
            *(event.words for event in self.events),
        ]

    @property
    def stated(self) -> int:
        """How many numbers the site counts otherwise."""
        return sum(bool(one.number.value) for one in self.figures)

    @property
    def has_wrong_figures(self) -> bool:
        """Whether something at the numbers is wrong, so that they are not folded."""
        return any(one.number.is_wrong or one.reason.is_wrong for one in self.figures)

    def __iter__(self) -> Iterator[FieldView]:
        for group in self.groups:
            yield from group.fields
        for event in self.events:
            yield event.words
        for other in self.others:
            yield other.words
        for figure in self.figures:
            yield figure.number
            yield figure.reason

    def changed(self, change: Callable[[FieldView], FieldView]) -> Fields:
        """Each field as ``change`` makes it."""
        return Fields(
            [
                replace(one, number=change(one.number), reason=change(one.reason))
                for one in self.figures
            ],
            [replace(one, words=change(one.words)) for one in self.events],
            [Group(one.title, [change(field) for field in one.fields]) for one in self.groups],
            [replace(one, words=change(one.words)) for one in self.others],
        )


def field_of(form: Form, name: str) -> FieldView | None:
    """One field, empty; None where a report of this form has none of this name."""
    key = name.removeprefix(ANSWER)
    if name.startswith(ANSWER):
        found = form.question(key)
        return None if found is None or found.is_retired else _answer(found)
    if name.startswith(NUMBER):
        return FieldView(name, _("The site's number"), "number")
    if name.startswith(REASON):
        return FieldView(name, _("Reason"), str(QuestionKind.LINE))
    if name.startswith(EVENT):
        return FieldView(name, _("Why there is no ticket"), str(QuestionKind.TEXT))
    return None


def fields_of(
    form: Form,
    numbers: ReportNumbers,
    rows_behind: Mapping[str, str] | None = None,
    carried: Mapping[str, Carried] | None = None,
    others: Sequence[OtherWords] = (),
) -> Fields:
    """All fields that these questions and numbers ask for, empty. ``rows_behind``: addresses by the
    figures' keys; ``carried``: earlier answers by the questions' keys; ``others``: words about
    events that the numbers do not list."""

    def made(name: str) -> FieldView:
        found = field_of(form, name)
        assert found is not None, name
        return found

    return Fields(
        [
            FigureView(
                one,
                (rows_behind or {}).get(one.key, ""),
                made(NUMBER + one.key),
                made(REASON + one.key),
            )
            for one in numbers.figures
        ],
        [EventView(one, made(f"{EVENT}{one.id}")) for one in numbers.undocumented],
        [
            Group(
                title,
                [replace(_answer(one), carried=(carried or {}).get(one.key)) for one in questions],
            )
            for title, questions in form.groups
        ],
        [OtherView(one, replace(made(one.field), label="Explanation")) for one in others],
    )


def _answer(question: ReportQuestion) -> FieldView:
    return FieldView(ANSWER + question.key, question.label, str(question.kind), question=question)


def with_rows(fields: Fields, rows: Mapping[str, ReportField]) -> Fields:
    """With what is in the report; an earlier answer is offered only where nothing is."""

    return fields.changed(lambda one: with_row(one, rows.get(one.name)))


def with_carried_words(fields: Fields, along: Mapping[int, Sequence[OtherWords]]) -> Fields:
    """Words are in the field of the event that covers theirs now (``carried_words``); with the
    next save they are stored there."""

    def carry(view: EventView) -> EventView:
        came = along.get(view.event.id)
        if not came:
            return view
        text = joined([one.words for one in came])
        return replace(view, words=replace(view.words, value=text, came_along=True))

    went = {one.id for came in along.values() for one in came}
    return replace(
        fields,
        events=[carry(one) for one in fields.events],
        others=[one for one in fields.others if one.other.id not in went],
    )


def with_row(field: FieldView, row: ReportField | None) -> FieldView:
    """The field with what is in it."""
    if row is None:
        return field
    return replace(
        field,
        value=row.value,
        version=row.version,
        was=digest(row.value),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        carried=None if row.value else field.carried,
    )


def with_notice(field: FieldView, quarter: Quarter) -> FieldView:
    """With what is said to its value in a report of this quarter."""
    if field.question is None:
        return field
    return replace(field, notice=day_outside(field.question, field.value, quarter))


def with_values(fields: Fields, values: Mapping[str, str]) -> Fields:
    """With the values of a signed version."""
    return fields.changed(lambda field: replace(field, value=values.get(field.name, "")))


def digest(value: str) -> str:
    """By which a form knows what it showed; "" of nothing."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16] if value else ""
