"""What any output of a quarterly report shows: of one site, and of the whole quarter.

Plain values, and the same as plain tables of words. A page, a print, a PDF, a workbook and TWiki
markup are made of these, so all of them say the same. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.core.rules.language import _, said_word
from app.core.rules.quarters import Quarter
from app.reports.rules.event_explanations import OtherWords
from app.reports.rules.form import ReportQuestion
from app.reports.rules.numbers import ChangedFigure, ReportFigure, ReportNumbers, UndocumentedEvent
from app.reports.rules.reports import ShownState, last_day_of

QUARTER_COLUMNS: Final[Mapping[str, str]] = {
    "incidents": _("Incidents"),
    "maintenances": _("Maintenance"),
    "changes": _("Changes"),
    "events": _("Events"),
    "documented": _("Documented"),
    "availability": _("Availability"),
    "median_response": _("Median response, working time"),
    "median_solution": _("Median solution, working time"),
    "duties_missed": _("Required tickets missing"),
}
"""The figures of the quarter's table, and how its head calls them."""
NO_ANSWER: Final = _("no answer")
SAMPLE: Final = _("Sample data: demo reports, tickets and events are fictitious.")
"""What files say where pages have their mark "sample"."""
_SIGNED: Final = (ShownState.SUBMITTED, ShownState.ACCEPTED)


@dataclass(frozen=True)
class FigureLine:
    """A figure as it is in the report."""

    figure: ReportFigure
    """As it was when the report was signed; of a draft as it is now."""
    now: ChangedFigure | None
    """What the portal counts today where that reads otherwise."""
    stated: str = ""
    """The number that the site states instead; "" = none."""
    reason: str = ""
    """Why it does."""

    @property
    def words(self) -> str:
        """The figure, and what changed since."""
        return self.figure.words if self.now is None else f"{self.figure.words} ({self.now.words})"


class Since(StrEnum):
    """What happened to an event that was without a ticket when its report was signed."""

    DOCUMENTED = "documented since"
    COUNTS_NO_MORE = "counts no more"
    """It was corrected, withdrawn or became part of another, or no longer is the site's."""

    @property
    def words(self) -> str:
        """As people read it; files for programs have the value."""
        return _("no longer counts") if self is Since.COUNTS_NO_MORE else said_word(self)


@dataclass(frozen=True)
class EventLine:
    """An event that no ticket documented, and the site's explanation."""

    event: UndocumentedEvent
    words: str
    since: Since | None = None
    """What happened to it after its report was signed; None = it still is without a ticket."""


@dataclass(frozen=True)
class AnswerLine:
    """A question and its answer; "" = none."""

    question: ReportQuestion
    text: str


@dataclass(frozen=True)
class ReportDocument:
    """One site's report."""

    site: str
    quarter: Quarter
    shown: ShownState
    is_late: bool
    due_at: datetime
    made_at: datetime
    """When this was read."""
    version: int | None
    """The signed version that it shows; None = a draft, or nothing at all."""
    signed_by: str
    signed_at: datetime | None
    accepted_by: str
    accepted_at: datetime | None
    counted_at: datetime
    """When its numbers were counted."""
    is_t0: bool
    figures: Sequence[FigureLine]
    events: Sequence[EventLine]
    answers: Sequence[AnswerLine]
    is_behind: bool = False
    """When its numbers were counted, so much had just changed that not all was included."""
    others: Sequence[OtherWords] = ()
    """Words about events that had their ticket then, or did not count."""
    is_sample: bool = False
    """Whether the portal holds the demonstration's data."""

    @property
    def title(self) -> str:
        """What it is."""
        return _("Quarterly report of %(site)s, %(quarter)s", site=self.site, quarter=self.quarter)

    @property
    def state(self) -> str:
        """What this is, in a few words: a draft is never taken for what was signed."""
        if self.version is not None:
            word = "accepted" if self.accepted_at is not None else "signed"
            which = _("%(word)s, version %(version)s", word=word, version=self.version)
            return (
                which
                if self.shown is not ShownState.REOPENED
                else _("%(which)s; reopened since", which=which)
            )
        if self.shown in (ShownState.DRAFT, ShownState.REOPENED):
            return _("%(shown)s, signed by nobody", shown=self.shown)
        return _("%(shown)s, not started", shown=self.shown)

    @property
    def notes_of_file(self) -> Sequence[str]:
        """The notes, and first of all that it is no real data: a file leaves the portal."""
        return [SAMPLE, *self.notes] if self.is_sample else self.notes

    @property
    def notes(self) -> Sequence[str]:
        """Its state, in sentences."""
        if self.version is None:
            what = (
                _("Draft")
                if self.shown in (ShownState.DRAFT, ShownState.REOPENED)
                else _("No report")
            )
            said = [_("%(what)s, not signed. Numbers are live.", what=what)]
        else:
            said = [
                _(
                    "Version %(version)s, signed by %(signed_by)s, %(signed_at)s.",
                    version=self.version,
                    signed_by=self.signed_by,
                    signed_at=_time(self.signed_at),
                )
            ]
            if self.accepted_at is not None:
                said.append(
                    _(
                        "Accepted by %(accepted_by)s, %(accepted_at)s.",
                        accepted_by=self.accepted_by,
                        accepted_at=_time(self.accepted_at),
                    )
                )
            if self.shown is ShownState.REOPENED:
                said.append(_("The report was reopened afterwards; this is the signed version."))
        if self.is_late:
            how = _("overdue") if self.version is None else _("submitted late")
            said.append(_("Due on %(due_at)s: %(how)s.", due_at=last_day_of(self.due_at), how=how))
        said.append(_("Counted %(counted_at)s.", counted_at=_time(self.counted_at)))
        if self.is_behind:
            said.append(_("The latest changes are not included yet."))
        return said


@dataclass(frozen=True)
class SiteLine:
    """The state of one site in the quarter, and its numbers."""

    site: str
    shown: ShownState
    is_late: bool
    is_required: bool
    due_at: datetime
    is_over: bool
    """Whether the quarter has ended: before that no report is missing."""
    signed_by: str
    signed_at: datetime | None
    accepted_at: datetime | None
    numbers: ReportNumbers
    """Frozen ones of the newest signed version, else the current ones."""
    is_frozen: bool
    changed: Mapping[str, ChangedFigure]
    """Of frozen ones: what the portal counts today where that reads otherwise, by key."""
    is_t0: bool = False
    """Its events are those without a T1 end."""

    @property
    def is_missing(self) -> bool:
        """Whether the group waits for it: required, the quarter has ended, and not submitted."""
        return self.is_awaited and self.is_over

    @property
    def is_awaited(self) -> bool:
        """Whether it is requested and not submitted, also while its quarter is not over."""
        return self.is_required and self.shown not in _SIGNED

    @property
    def due(self) -> str:
        """By when, of what is awaited and not late; else ""."""
        return (
            _("due by %(due_at)s", due_at=last_day_of(self.due_at))
            if self.is_awaited and not self.is_late
            else ""
        )

    @property
    def standing(self) -> str:
        """In words."""
        if self.is_late:
            return _("%(shown)s, late", shown=self.shown)
        word = _("not yet due") if self.shown is ShownState.NOT_YET else str(self.shown)
        return f"{word} ({self.due})" if self.due else word

    def words(self, key: str) -> str:
        """A figure, and what changed since; "" where it was not counted."""
        figure = self.numbers.figure(key)
        if figure is None:
            return ""
        changed = self.changed.get(key)
        return figure.bare if changed is None else f"{figure.bare} ({changed.bare})"


@dataclass(frozen=True)
class QuarterDocument:
    """All sites' reports of one quarter."""

    quarter: Quarter
    due_at: datetime
    made_at: datetime
    sites: Sequence[SiteLine]
    """Those that are requested a report, and those that wrote one, by name."""
    detected: int | None
    """Events of all of them, each once, as counted now; None = no data."""
    documented: int | None
    reports: Sequence[ReportDocument]
    """What was signed, each in its newest version."""
    is_sample: bool = False
    """Whether the portal holds the demonstration's data."""

    @property
    def notes_of_file(self) -> Sequence[str]:
        """The notes, and first of all that it is no real data: a file leaves the portal."""
        return [SAMPLE, *self.notes] if self.is_sample else self.notes

    @property
    def title(self) -> str:
        """What it is."""
        return _("LHCOPN quarterly reports, %(quarter)s", quarter=self.quarter)

    @property
    def missing(self) -> Sequence[SiteLine]:
        """The sites that have to report and have not submitted."""
        return [one for one in self.sites if one.is_missing]

    @property
    def is_over(self) -> bool:
        """Whether the quarter has ended: before that no report is missing."""
        return self.made_at >= self.quarter.end

    @property
    def none_missing(self) -> str:
        """What is said where none is."""
        if not any(one.is_required for one in self.sites):
            return _("No report was due.")
        if self.is_over:
            return _("No report is missing.")
        due = last_day_of(self.due_at)
        return _(
            "None is due yet: %(quarter)s is ongoing, and its reports are due by %(due)s.",
            quarter=self.quarter,
            due=due,
        )

    @property
    def submitted(self) -> int:
        """How many of the sites that have to report have submitted."""
        return sum(one.is_required and not one.is_awaited for one in self.sites)

    @property
    def finding(self) -> str:
        """How many are submitted, in words."""
        asked = sum(one.is_required for one in self.sites)
        missing = _(", %(count)s missing", count=len(self.missing)) if self.missing else ""
        return _(
            "%(submitted)s of %(asked)s reports submitted%(missing)s",
            submitted=self.submitted,
            asked=asked,
            missing=missing,
        )

    @property
    def notes(self) -> Sequence[str]:
        """Its state, in sentences."""
        asked = sum(one.is_required for one in self.sites)
        said = [
            _(
                "%(submitted)s of %(asked)s reports submitted; due %(due_at)s.",
                submitted=self.submitted,
                asked=asked,
                due_at=last_day_of(self.due_at),
            )
        ]
        if not self.is_over:
            said.append(_("%(quarter)s is ongoing; numbers are up to now.", quarter=self.quarter))
        if self.missing:
            said.append(
                _("Missing: %(listed)s.", listed=", ".join(one.site for one in self.missing))
            )
        if self.detected is not None:
            said.append(
                _(
                    "%(detected)s events of at least one hour on the LHCOPN, "
                    "%(documented)s of them documented by a ticket (current count).",
                    detected=self.detected,
                    documented=self.documented,
                )
            )
        said.append(_("As of %(made_at)s.", made_at=_time(self.made_at)))
        return said


@dataclass(frozen=True)
class DocumentTable:
    """A table in words, as every output can show it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "None."
    """What is said where it has no rows."""
    numbers: Collection[int] = ()
    """The places of the columns that hold numbers, from 0: these are right-aligned, as on the
    pages."""


def tables_of_report(document: ReportDocument) -> Sequence[DocumentTable]:
    """Its numbers, its events and its answers."""
    stated = any(one.stated for one in document.figures)
    head = [_("Figure"), _("Number"), *([_("Site's number"), _("Reason")] if stated else [])]
    numbers = [
        [one.figure.label, one.words, *([one.stated, one.reason] if stated else [])]
        for one in document.figures
    ]
    events = [
        [
            one.event.link,
            one.event.state,
            _time(one.event.start),
            _time(one.event.end) if one.event.end is not None else "ongoing",
            one.words or _("no explanation"),
            one.since.words if one.since else "no",
        ]
        for one in document.events
    ]
    answers = [[one.question.label, one.text or NO_ANSWER] for one in document.answers]
    others = [
        [
            one.link,
            one.state,
            _time(one.start),
            _time(one.end) if one.end is not None or one.start is None else "ongoing",
            one.words,
            one.fate.words,
        ]
        for one in document.others
    ]
    return [
        DocumentTable(_("Numbers"), head, numbers, numbers=(1, 2) if stated else (1,)),
        DocumentTable(
            _("Events without a ticket"),
            [_("Link"), _("State"), _("From"), _("To"), _("Explanation"), _("Ticket")],
            events,
            _("No monitoring data for the site's links.")
            if any(
                one.figure.key == "events" and one.figure.value is None for one in document.figures
            )
            else _("Every event of at least one hour is documented."),
        ),
        *(
            [
                DocumentTable(
                    _("Explanations of other events"),
                    [_("Link"), _("State"), _("From"), _("To"), _("Explanation"), _("Change")],
                    others,
                )
            ]
            if others
            else []
        ),
        DocumentTable(_("Answers"), [_("Question"), _("Answer")], answers, _("No questions.")),
    ]


def tables_of_quarter(document: QuarterDocument) -> Sequence[DocumentTable]:
    """The state of each site, the numbers, and who is missing."""
    return [
        DocumentTable(
            _("Sites"),
            [_("Site"), _("Report"), _("Signed"), *QUARTER_COLUMNS.values()],
            [
                [
                    one.site,
                    one.standing,
                    f"{one.signed_by}, {_time(one.signed_at)}" if one.signed_at else "",
                    *(one.words(key) for key in QUARTER_COLUMNS),
                ]
                for one in document.sites
            ],
            _("No site was a T1 in this quarter."),
            range(3, 3 + len(QUARTER_COLUMNS)),
        ),
        DocumentTable(
            _("Missing reports"),
            [_("Site"), _("Report")],
            [[one.site, one.standing] for one in document.missing],
            document.none_missing,
        ),
    ]


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
