"""Quarterly reports as files: tables for CSV and workbooks, with numbers as numbers."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.figures.tables import Cell, FigureTable
from app.core.rules.documents.slides import Column, Slide, SlideRow, Table
from app.core.rules.language import _
from app.reports.rules.documents import (
    QUARTER_COLUMNS,
    SAMPLE,
    QuarterDocument,
    ReportDocument,
    SiteLine,
)
from app.reports.rules.numbers import ChangedFigure, ReportFigure
from app.reports.rules.reports import last_day_of

_COLUMNS = (
    *("site", "quarter", "part", "key", "label", "value", "of", "unit", "start", "end"),
    *("now", "said", "why"),
)


def table_of_report(document: ReportDocument) -> FigureTable:
    """All of one report in one table: its state, its numbers, its events, its answers.

    The rows of the part "report" say whether it was signed, and its author, time and version;
    ``now`` is what the portal counts today where that is another number; ``said`` the number that
    the site states, its words to an event, or its answer.
    """
    where: list[Cell] = [document.site, str(document.quarter)]
    rows: list[list[Cell]] = [
        [*(*where, "report", key, label, value), *([None] * 5), *(said, None)]
        for key, label, value, said in _standing(document)
    ]
    for line in document.figures:
        one = line.figure
        rows.append(
            [
                *(*where, "number", one.key, one.label, one.value, one.of, one.unit),
                *(None, None, _now(line.now), line.stated or None, line.reason or None),
            ]
        )
    for line_of in document.events:
        event = line_of.event
        rows.append(
            [
                *(*where, "event", str(event.id), f"{event.link} {event.state}"),
                *(None, None, None, event.start, event.end),
                *(line_of.since, line_of.words or None, None),
            ]
        )
    for other in document.others:
        rows.append(
            [
                *(*where, "event", str(other.id), f"{other.link} {other.state}".strip()),
                *(None, None, None, other.start, other.end),
                *(str(other.fate), other.words, None),
            ]
        )
    for answer in document.answers:
        rows.append(
            [
                *(*where, "answer", answer.question.key, answer.question.label),
                *([None] * 6),
                *(answer.text or None, None),
            ]
        )
    return FigureTable("Report", _COLUMNS, rows)


def _standing(document: ReportDocument) -> Sequence[tuple[str, str, int | None, Cell]]:
    """Key, label, number and words of its state; the same keys for every report, and
    one more where its data is a sample."""
    sample: Sequence[tuple[str, str, int | None, Cell]] = (
        [("data", _("Data"), None, SAMPLE)] if document.is_sample else ()
    )
    return [
        *sample,
        ("state", _("Report status"), None, document.state),
        ("late", _("Late"), None, "yes" if document.is_late else "no"),
        ("due_by", _("Due by"), None, last_day_of(document.due_at).isoformat()),
        ("version", _("Signed version"), document.version, None),
        ("signed_by", _("Signed by"), None, document.signed_by or None),
        ("signed_at", _("Signed"), None, document.signed_at),
        ("accepted_by", _("Accepted by"), None, document.accepted_by or None),
        ("accepted_at", _("Accepted"), None, document.accepted_at),
        ("counted_at", _("Numbers counted"), None, document.counted_at),
        ("read_at", _("Read"), None, document.made_at),
    ]


def table_of_quarter(document: QuarterDocument) -> FigureTable:
    """The state of each site, and its figures, a line for each site."""
    known = {one.key: one for line in document.sites for one in line.numbers.figures}
    head = (
        *("site", "quarter", "report", "late", "asked", "due_by"),
        *("signed_by", "signed_at", "numbers", "data"),
    )
    rows: list[list[Cell]] = [
        [
            *(line.site, str(document.quarter), str(line.shown)),
            *("yes" if flag else "no" for flag in (line.is_late, line.is_required)),
            last_day_of(line.due_at).isoformat(),
            *(line.signed_by or None, line.signed_at, "signed" if line.is_frozen else "now"),
            "sample" if document.is_sample else None,
            *(_value(line.numbers.figure(key)) for key in known),
        ]
        for line in document.sites
    ]
    return FigureTable("Sites", (*head, *known), rows)


def slides_of_quarter(document: QuarterDocument) -> Sequence[Slide]:
    """The sites with their numbers, under how many reports are submitted."""
    words = list(QUARTER_COLUMNS.values())
    columns = [Column(_("Site"), 1.6), Column(_("Report"), 1.8)]
    columns += [Column(word.partition(",")[0], 1.2, is_number=True) for word in words]
    rows = [
        SlideRow([one.site, one.standing, *(one.words(key) or None for key in QUARTER_COLUMNS)])
        for one in document.sites
    ]
    return [
        Slide(
            document.finding,
            f"Quarterly reports of {document.quarter}, due {last_day_of(document.due_at)}",
            "",
            table=Table(columns, rows) if rows else None,
            words=[
                _(
                    "Times are medians in working time, "
                    "of tickets for which the site is responsible."
                )
            ]
            if rows
            else document.notes,
        )
    ]


def sheets_of_quarter(document: QuarterDocument) -> Sequence[FigureTable]:
    """The sites, who is missing, what changed since it was signed, and every signed report."""
    missing: list[list[Cell]] = [[one.site, one.standing] for one in document.missing]
    if not missing:
        missing = [[None, document.none_missing]]
    changed = [row for line in document.sites for row in _changes(line)]
    reports = [row for one in document.reports for row in table_of_report(one).rows]
    return [
        table_of_quarter(document),
        FigureTable("Missing", ("site", "report"), missing),
        FigureTable("Changed since", ("site", "key", "label", "signed", "now"), changed),
        FigureTable("Reports", _COLUMNS, reports),
    ]


def _changes(line: SiteLine) -> list[list[Cell]]:
    return [
        [line.site, one.key, one.label, _value(one.frozen), _now(one)]
        for one in line.changed.values()
    ]


def _value(figure: ReportFigure | None) -> float | None:
    return None if figure is None else figure.value


def _now(changed: ChangedFigure | None) -> float | None:
    return None if changed is None else _value(changed.now)
