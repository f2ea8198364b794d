"""What differs between two states of a report: words, events, which field is called what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.reports.rules.differences import (
    MAX_WORDS,
    Part,
    Piece,
    answers_that_differ,
    compared,
    events_that_differ,
    labels_of,
)
from app.reports.rules.form import Form, QuestionKind, ReportQuestion
from app.reports.rules.numbers import ReportFigure, ReportNumbers, UndocumentedEvent

NOON = datetime(2013, 3, 6, 12, tzinfo=UTC)


def numbers(*events: int) -> ReportNumbers:
    return ReportNumbers(
        "DE-KIT",
        "2013-Q1",
        NOON,
        [ReportFigure("incidents", "Incidents", 3)],
        [
            UndocumentedEvent(key, "CERN-GRIDKA-LHCOPN-001", NOON.replace(day=key), None, "down")
            for key in events
        ],
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("same", "same", "same"),
        ("", "new", "+new+"),
        ("old", "", "-old-"),
        ("the old link", "the new link", "the -old-+new+ link"),
        ("the link", "the link; it flaps", "the link+; it flaps+"),
        ("two\nlines", "two lines", "two-\n-+ +lines"),
        ("链路 断", "链路 好", "链路 -断-+好+"),
    ],
)
def test_texts_word_by_word(old: str, new: str, said: str) -> None:
    marks = {Part.SAME: "", Part.OLD: "-", Part.NEW: "+"}
    pieces = compared(old, new)
    assert "".join(f"{marks[one.part]}{one.text}{marks[one.part]}" for one in pieces) == said
    assert "".join(one.text for one in pieces if one.part is not Part.NEW) == old
    assert "".join(one.text for one in pieces if one.part is not Part.OLD) == new


def test_a_very_long_text_as_a_whole() -> None:
    long = "word " * MAX_WORDS
    assert compared(long, "short") == [Piece(long, Part.OLD), Piece("short", Part.NEW)]


def test_events_that_came_and_went_by_their_start() -> None:
    found = events_that_differ(numbers(3, 9), numbers(9, 1, 12))
    assert [(one.event.id, one.part) for one in found] == [
        (1, Part.NEW),
        (3, Part.OLD),
        (12, Part.NEW),
    ]


def test_answers_in_the_order_of_the_page_with_their_labels() -> None:
    form = Form(
        [
            ReportQuestion("plans", QuestionKind.TEXT, "Plans"),
            ReportQuestion("a", QuestionKind.LINE, "A"),
        ]
    )
    labels = labels_of([form], [numbers(4)])
    old = {
        "answer.plans": "x",
        "number.incidents": "4",
        "gone.field": "z",
        "event.7": "w",
        "answer.a": "same",
    }
    new = {"answer.plans": "y", "event.4": "Power", "answer.a": "same"}
    found = [(one.label, one.old, one.new) for one in answers_that_differ(old, new, labels)]
    assert found == [
        ("Incidents, site's number", "4", ""),
        ("Event 4 on CERN-GRIDKA-LHCOPN-001", "", "Power"),
        ("Plans", "x", "y"),
        ("Event 7", "w", ""),
        ("gone.field", "z", ""),
    ]
