"""Quarterly reports as PDF: all that was written stands there, on as many pages as it takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2

from app.core.rules.quarters import Quarter
from app.reports.documents.pdf import quarter_as_pdf, report_as_pdf
from app.reports.rules.documents import (
    AnswerLine,
    EventLine,
    FigureLine,
    QuarterDocument,
    ReportDocument,
)
from app.reports.rules.form import QuestionKind, ReportQuestion
from app.reports.rules.numbers import ReportFigure, UndocumentedEvent
from app.reports.rules.reports import ShownState

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
ADDRESS = "http://127.0.0.1:8000/reports/DE-KIT/2013-Q1"


def report(*answers: str) -> ReportDocument:
    event = UndocumentedEvent(7, "CERN-GRIDKA-LHCOPN-001", NOW, None, "down")
    return ReportDocument(
        site="DE-KIT",
        quarter=Quarter(2013, 1),
        shown=ShownState.SUBMITTED,
        is_late=False,
        due_at=NOW,
        made_at=NOW,
        version=1,
        signed_by="kit",
        signed_at=NOW,
        accepted_by="",
        accepted_at=None,
        counted_at=NOW,
        is_t0=False,
        figures=[
            FigureLine(ReportFigure("incidents", "Incidents", 17), None, "18", "One by phone")
        ],
        events=[EventLine(event, "The fibre was cut")],
        answers=[
            AnswerLine(ReportQuestion(str(at), QuestionKind.TEXT, f"Question {at}"), text)
            for at, text in enumerate(answers)
        ],
    )


def pages(content: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content)]


def whole(content: bytes) -> str:
    return " ".join("\n".join(pages(content)).split())


def test_everything_stands_there() -> None:
    found = whole(report_as_pdf(report("Tested", ""), ADDRESS))
    for text in (
        "Quarterly report of DE-KIT, 2013-Q1",
        "Version 1, signed by kit, 2026-11-26 09:00 UTC.",
        "Incidents 17 18 One by phone",
        "The fibre was cut",
        "ongoing",
        "Question 0 Tested",
        "Question 1 no answer",
        ADDRESS,
    ):
        assert text in found


def test_a_long_answer_goes_on_and_is_never_cut() -> None:
    words = [f"word{number}" for number in range(1500)]
    content = report_as_pdf(report(" ".join(words), "last"), ADDRESS)
    found = whole(content)
    assert "…" not in found
    assert all(f"{word} " in found for word in words)
    assert len(pages(content)) >= 3
    assert all("Question" in page for page in pages(content)[1:]), "the head stands on each"


def test_any_text_stays_text() -> None:
    hostile = "=1+1\n<script>alert(1)</script>\n| a | %TOC% |\n{nb} **bold**\n网络中断"
    found = whole(report_as_pdf(report(hostile, "x" * 4000), ADDRESS))
    for text in ("=1+1", "<script>alert(1)</script>", "| a | %TOC% |", "{nb} **bold**"):
        assert text in found
    assert "网络中断" in found.replace(" ", "")
    assert found.count("x") >= 4000


def test_the_quarter_has_the_signed_reports_behind_it() -> None:
    document = QuarterDocument(Quarter(2013, 1), NOW, NOW, [], 5, 2, [report("Tested")])
    found = pages(quarter_as_pdf(document, ADDRESS))
    assert len(found) == 2
    assert "LHCOPN quarterly reports, 2013-Q1" in found[0]
    assert "5 events of at least one hour" in " ".join(found[0].split())
    assert "Quarterly report of DE-KIT, 2013-Q1" in found[1]


def test_no_data_is_not_said_to_be_documented() -> None:
    told = report("Tested")
    nothing = replace(
        told, events=[], figures=[FigureLine(ReportFigure("events", "Events", None), None)]
    )
    found = whole(report_as_pdf(nothing, ADDRESS))
    assert "No monitoring data for the site's links." in found
    assert "is documented" not in found
    none = replace(told, events=[], figures=[FigureLine(ReportFigure("events", "Events", 0), None)])
    assert "Every event of at least one hour is documented." in whole(report_as_pdf(none, ADDRESS))


def ends_of(content: bytes, *words: str) -> list[float]:
    """How far to the right each of these texts reaches on the first page, in points."""
    text = pypdfium2.PdfDocument(content)[0].get_textpage()
    ends = []
    for word in words:
        found = text.search(word, match_whole_word=True).get_next()
        assert found is not None, word
        at, count = found
        ends.append(text.get_charbox(at + count - 1)[2])
    return ends


def test_numbers_stand_right_one_below_the_other() -> None:
    figures = [
        FigureLine(ReportFigure("incidents", "Incidents", 17), None, "18", "One by phone"),
        FigureLine(
            ReportFigure("availability", "Availability", 98.765, unit="%"), None, "99.1", "Ours"
        ),
        FigureLine(ReportFigure("changes", "Changes", 123456), None),
    ]
    content = report_as_pdf(replace(report(), figures=figures), ADDRESS)
    head, *numbers = ends_of(content, "Number", "17", "98.77 %", "123456")
    assert max(numbers) - min(numbers) < 2.5
    assert abs(head - max(numbers)) < 2.5
    own, *stated = ends_of(content, "Site's number", "18", "99.1")
    assert max(own, *stated) - min(own, *stated) < 2.5


def test_each_page_of_sample_data_says_so() -> None:
    sample = replace(report("word " * 3000), is_sample=True)
    for page in pages(report_as_pdf(sample, ADDRESS)):
        assert f"Sample data. {ADDRESS}" in " ".join(page.split())
    assert "are fictitious" in whole(report_as_pdf(sample, ADDRESS))
    quarter = QuarterDocument(Quarter(2013, 1), NOW, NOW, [], 5, 2, [sample], is_sample=True)
    for page in pages(quarter_as_pdf(quarter, ADDRESS)):
        assert "Sample data." in page
    assert "ample" not in whole(report_as_pdf(report(), ADDRESS))
