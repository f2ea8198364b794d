"""What the pages of sites and of links share: facts with their sources, "as of", history, lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from urllib.parse import urlencode

from flask import request
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.errors import EditConflict, Invalid
from app.core.rules.language import _, said_word
from app.core.rules.quarters import Month
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.web.edit_conflicts import Clash
from app.core.web.times import now
from app.registry.models.registry import Link, Site
from app.registry.pages.forms import RecordForm, take_over
from app.registry.rules.records import LABELS, fact_of, logged
from app.registry.rules.registry import read_day
from app.registry.services.record_history import RecordedFacts, facts_now, facts_on, verbs_of
from app.registry.services.record_lists import EVERY, IN_USE, RETIRED
from app.registry.services.registry import SOURCE_OF, source_of, sources_of

SHOWN = (IN_USE, RETIRED, EVERY)
_FIRST_MONTH: Final = Month(1900, 1)
"""As of days that are typed."""


@dataclass(frozen=True)
class Fact:
    """One fact of a record: its parts as texts, where it comes from, whether anybody confirmed."""

    name: str
    label: str
    parts: Sequence[str]
    source: str
    sample: bool
    changed_later: bool
    """On a past day: somebody changed it since, so today's source says nothing about it."""


def today() -> date:
    """The day of this request, UTC."""
    return now().date()


def asked_day() -> tuple[date | None, str]:
    """The day of ``?on=`` (None = today), and what is wrong with it."""
    text = request.args.get("on", "")
    try:
        day = read_day("on", text, label=_("As of"))
    except Invalid as error:
        return None, error.message
    if day is not None and day > today():
        return None, _("As of %(day)s: choose today or an earlier day", day=day)
    return (None if day == today() else day), ""


def asked_month(day: date) -> tuple[Month | None, str]:
    """The month of ``?month=`` as the page of a day takes it, and what is wrong with it."""
    text = request.args.get("month", "").strip()
    if not text:
        return None, ""
    try:
        month = Month.parse(text)
    except Invalid as error:
        return None, error.message
    if not _FIRST_MONTH <= month <= Month.of(datetime.combine(day, time(), UTC)):
        return None, _(
            "No data for %(month)s on %(day)s; choose a month from %(first_month)s up to that day",
            month=month,
            day=day,
            first_month=_FIRST_MONTH,
        )
    return month, ""


class RecordView:
    """A record's facts on a day, as its page shows them."""

    def __init__(self, session: Session, row: Site | Link, day: date | None) -> None:
        self.day = day
        self.recorded = (
            RecordedFacts(facts_now(row), frozenset())
            if day is None
            else facts_on(session, row, day)
        )
        self.texts = self.recorded.texts
        self._own = sources_of(session, verbs_of(row).kind.name, row)
        self._row = row
        self.samples = [
            fact
            for fact in dict.fromkeys(map(fact_of, self.texts))
            if source_of(row, fact, self._own)[1]
        ]

    def fact(self, name: str, *fields: str, label: str = "") -> Fact:
        """One fact; ``fields`` are its parts where it has several."""
        fields = fields or (name,)
        source, sample = source_of(self._row, name, self._own)
        parts = [part for field in fields if (part := self.texts[field]) is not None]
        return Fact(
            name,
            label or LABELS.get(name, said_word(name).capitalize()),
            parts,
            source,
            sample,
            not self.recorded.later.isdisjoint(fields),
        )

    def listed(self, name: str) -> Fact:
        """A fact that is a list: each entry is a part."""
        fact = self.fact(name)
        parts = [entry for part in fact.parts for entry in part.split("; ")]
        return Fact(name, fact.label, parts, fact.source, fact.sample, fact.changed_later)


@dataclass(frozen=True)
class RecordChange:
    """One change of a record: what became what, and why."""

    change: Change
    changes: Sequence[tuple[str, str | None, str | None]]
    why: str


def steps(changes: Sequence[Change]) -> list[RecordChange]:
    """The history in words, in the order given."""
    found = []
    for change in changes:
        why = next((item.new or "" for item in change.fields if item.field == "why"), "")
        words = [
            (_word(item.field), item.old, item.new) for item in change.fields if item.field != "why"
        ]
        found.append(RecordChange(change, words, why))
    return found


def _word(field: str) -> str:
    if field.startswith(SOURCE_OF):
        return _("source of %(word)s", word=_word(field.removeprefix(SOURCE_OF)).lower())
    return LABELS.get(field, said_word(field).capitalize())


class ListAddress:
    """The filter of a list in its address; what cannot be used is named and left out."""

    def __init__(self, base: str, allowed: Mapping[str, Sequence[str]]) -> None:
        self.base = base
        self.problems: list[str] = []
        self.values: dict[str, str] = {}
        for name, choices in {"q": (), **allowed}.items():
            value = request.args.get(name, "").strip()
            if not value:
                continue
            if choices and value not in choices:
                words = ", ".join(choices)
                self.problems.append(
                    _(
                        "%(name)s: choose one of: %(words)s",
                        name=said_word(name).capitalize(),
                        words=words,
                    )
                )
                continue
            try:
                self.values[name] = checked_text(name, value, SHORT_TEXT_LIMIT, label=_("Search"))
            except Invalid as error:
                self.problems.append(error.message)
        self.after = request.args.get("after", "")
        if len(self.after) > SHORT_TEXT_LIMIT or "\0" in self.after:
            self.problems.append(_("Invalid position in the list (after); the first page is shown"))
            self.after = ""

    def given(self, name: str, otherwise: str = "") -> str:
        """The value of one parameter."""
        return self.values.get(name, otherwise)

    def more(self, last: str) -> str:
        """The address of the page behind this record."""
        return f"{self.base}?{urlencode({**self.values, 'after': last})}"


def clashes_of(
    form: RecordForm,
    error: EditConflict,
    stored: Mapping[str, Any],
    seen: int,
    changes: Sequence[Change],
) -> list[Clash]:
    """Make the form ready to be sent again: what only somebody else changed is taken over.

    ``stored`` are the record's values. What both changed stays as it was typed, and is reported.
    """
    both = {item.field for item in error.differences}
    theirs = {
        item.field
        for change in changes
        if change.version > seen
        for item in change.fields
        if item.field in stored
    }
    take_over(form, form.shown(stored), sorted(theirs - both))
    form.version.data = str(error.current_version)
    form.version.raw_data = None
    return [
        Clash(
            LABELS[item.field],
            logged(item.field, stored[item.field]) or _("not set"),
            str(item.mine or _("not set")),
        )
        for item in error.differences
    ]
