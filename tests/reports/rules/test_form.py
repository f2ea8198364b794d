"""What an answer of a quarterly report may be, and which numbers ask for a reason."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.core.rules.errors import Invalid
from app.core.rules.quarters import Quarter
from app.reports.rules.form import (
    Form,
    QuestionKind,
    ReportQuestion,
    checked_answer,
    checked_field,
    contradictions,
    day_outside,
    why_it_cannot_be,
)
from app.reports.rules.numbers import ReportFigure, ReportNumbers

CHOICE = ReportQuestion("backup", QuestionKind.CHOICE, "Backup", choices=("Tested", "Not tested"))
REVIEWED = ReportQuestion("reviewed", QuestionKind.YES_NO, "Reviewed")
DAY = ReportQuestion("day", QuestionKind.DATE, "Day of the test")
PLANNED = ReportQuestion("planned", QuestionKind.PLANNED, "Day of the next test")
LINE = ReportQuestion("line", QuestionKind.LINE, "In one line")
TEXT = ReportQuestion("plans", QuestionKind.TEXT, "Plans")
GONE = ReportQuestion("gone", QuestionKind.LINE, "Gone", is_retired=True)
FORM = Form([CHOICE, REVIEWED, DAY, PLANNED, LINE, TEXT, GONE])
TODAY = date(2013, 4, 2)


@pytest.mark.parametrize(
    ("question", "value", "stored"),
    [
        (CHOICE, "Tested", "Tested"),
        (CHOICE, " Not tested ", "Not tested"),
        (CHOICE, "", ""),
        (REVIEWED, "yes", "yes"),
        (REVIEWED, "no", "no"),
        (DAY, "2012-02-29", "2012-02-29"),
        (DAY, "  ", ""),
        (LINE, " | %ok% = 中文 ", "| %ok% = 中文"),
        (LINE, "x" * 255, "x" * 255),
        (TEXT, "a\r\nb\rc\n", "a\nb\nc\n"),
        (TEXT, "\n \n", ""),
        (TEXT, "  indented", "  indented"),
        (TEXT, "x" * 10_000, "x" * 10_000),
    ],
)
def test_an_answer_is_stored(question: ReportQuestion, value: str, stored: str) -> None:
    assert checked_answer(question, value) == stored


@pytest.mark.parametrize(
    ("question", "value", "words"),
    [
        (CHOICE, "tested", "choose one of: Tested, Not tested"),
        (REVIEWED, "true", "choose one of: yes, no"),
        (PLANNED, "2013-02-29", "must be a date"),
        (DAY, "2013-02-29", "must be a date such as 2013-03-31"),
        (DAY, "20130331", "must be a date"),
        (DAY, "2013-W13-7", "must be a date"),
        (DAY, "٢٠١٣-٠٣-٣١", "must be a date"),
        (LINE, "a\nb", "use a single line"),
        (LINE, "x" * 256, "has 256 characters; at most 255"),
        (LINE, "a\x00b", "cannot be passed on"),
        (TEXT, "x" * 10_001, "has 10001 characters; at most 10000"),
        (TEXT, "a\x00b", "cannot be passed on"),
    ],
)
def test_an_answer_is_refused_in_words(question: ReportQuestion, value: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        checked_answer(question, value)
    assert caught.value.field == f"answer.{question.key}"
    assert caught.value.message.startswith((question.label, f"“{question.label}”"))


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("answer.backup", "Tested", "Tested"),
        ("event.17", "a\r\nb", "a\nb"),
        ("event.17", " ", ""),
        ("number.incidents", " 12 ", "12"),
        ("number.availability", "99.87", "99.87"),
        ("number.incidents", "", ""),
        ("reason.incidents", "Two are of another network", "Two are of another network"),
    ],
)
def test_a_field_is_stored(name: str, value: str, stored: str) -> None:
    assert checked_field(FORM, name, value) == stored


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("answer.unknown", "x"),
        ("answer.gone", "x"),
        ("answer.backup", "x"),
        ("event.0", "x"),
        ("event.x", "x"),
        ("event.17", "a\x00b"),
        ("event.17", "x" * 10_001),
        ("number.incidents", "-1"),
        ("number.incidents", "1e3"),
        ("number.incidents", "99,5"),
        ("number.incidents", "nan"),
        ("number.incidents", "1234567890"),
        ("number.In cidents", "1"),
        ("reason.", "x"),
        ("reason.incidents", "a\x00b"),
        ("", "x"),
        ("version", "1"),
    ],
)
def test_a_field_is_refused(name: str, value: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_field(FORM, name, value)
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "number.availability",
            "100.01",
            "100.01 % is not possible: enter an availability from 0 to 100",
        ),
        ("number.availability", "250", "250 % is not possible"),
        ("number.incidents", "2.5", "2.5 is not possible: enter a whole number"),
        ("answer.day", "2013-04-03", "2013-04-03 is in the future; today is 2013-04-02 (UTC)"),
    ],
)
def test_what_cannot_be_is_told(name: str, value: str, words: str) -> None:
    assert words in why_it_cannot_be(FORM, name, value, TODAY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number.availability", "100"),
        ("number.availability", "0"),
        ("number.availability", ""),
        ("number.median_response", "1000.25"),
        ("number.incidents", "999999999"),
        ("number.incidents", "3.0"),
        ("reason.availability", "250"),
        ("answer.day", "2013-04-02"),
        ("answer.day", "1999-01-01"),
        ("answer.day", ""),
        ("answer.planned", "2013-09-30"),
        ("answer.line", "2099-01-01"),
        ("answer.unknown", "2099-01-01"),
    ],
)
def test_what_may_be_is_left(name: str, value: str) -> None:
    assert why_it_cannot_be(FORM, name, value, TODAY) == ""


@pytest.mark.parametrize(
    ("question", "value", "is_told"),
    [
        (DAY, "2012-12-31", True),
        (DAY, "2013-01-01", False),
        (DAY, "2013-03-31", False),
        (DAY, "2013-04-01", True),
        (DAY, "", False),
        (DAY, "soon", False),
        (PLANNED, "2013-04-01", False),
        (LINE, "2012-12-31", False),
    ],
)
def test_a_day_outside_of_the_quarter_is_told(
    question: ReportQuestion, value: str, is_told: bool
) -> None:
    words = day_outside(question, value, Quarter(2013, 1))
    assert words == (f"{value} is outside 2013-Q1. Please check." if is_told else "")


def numbers() -> ReportNumbers:
    """15 incidents, 99.8712 % available, and no data on response times."""
    return ReportNumbers(
        site="DE-KIT",
        quarter="2013-Q1",
        counted_at=datetime(2013, 4, 2, tzinfo=UTC),
        figures=[
            ReportFigure("incidents", "Incidents", 15.0),
            ReportFigure("documented", "Documented", 4.0, of=6.0),
            ReportFigure("availability", "Availability", 99.8712, unit="%"),
            ReportFigure("nearly_all", "Nearly all", 99.9991, unit="%"),
            ReportFigure("median_response", "Median response", None, unit="h"),
        ],
        undocumented=[],
    )


@pytest.mark.parametrize(
    ("key", "stated", "counted"),
    [
        ("incidents", "15", None),
        ("incidents", "15.0", None),
        ("incidents", "", None),
        ("incidents", "14", "15"),
        ("incidents", "15.5", "15"),
        ("documented", "4", None),
        ("documented", "6", "4 of 6"),
        ("availability", "99.87", None),
        ("availability", "99.8712", None),
        ("availability", "99.88", "99.87 %"),
        ("nearly_all", "100", "> 99.99 %"),
        ("nearly_all", "99.9991", None),
        ("median_response", "0", "no data"),
        ("no_figure", "1", None),
    ],
)
def test_a_number_that_is_not_the_portals_asks_for_a_reason(
    key: str, stated: str, counted: str | None
) -> None:
    found = contradictions({f"number.{key}": stated}, numbers())
    assert [(one.field, one.stated, one.counted, one.is_open) for one in found] == (
        [] if counted is None else [(f"reason.{key}", stated, counted, True)]
    )


def test_a_contradiction_with_its_reason_is_no_more_open() -> None:
    (found,) = contradictions(
        {"number.incidents": "14", "reason.incidents": " One is a test \n"}, numbers()
    )
    assert (found.label, found.reason, found.is_open) == ("Incidents", "One is a test", False)
    (blank,) = contradictions({"number.incidents": "14", "reason.incidents": " "}, numbers())
    assert blank.is_open


def test_a_reason_without_another_number_is_no_contradiction() -> None:
    assert contradictions({"reason.incidents": "Why"}, numbers()) == []


def test_a_form_goes_to_text_and_back_and_stands_in_groups() -> None:
    form = Form(
        [
            ReportQuestion("a", QuestionKind.LINE, "A", group="Checks", is_required=True),
            ReportQuestion("b", QuestionKind.CHOICE, "B", group="Checks", choices=("x", "y")),
            GONE,
            ReportQuestion("c", QuestionKind.TEXT, "Ü 中", group="In words", is_carried=True),
        ]
    )
    assert Form.from_text(form.as_text()) == form
    assert [(title, [one.key for one in asked]) for title, asked in form.groups] == [
        ("Checks", ["a", "b"]),
        ("In words", ["c"]),
    ]
