"""What a question of a report may be, in which order they stand, and what two forms differ in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.quarters import Quarter
from app.reports.rules.form import Form, QuestionKind, ReportQuestion
from app.reports.rules.questions import (
    checked_first_quarter,
    checked_question,
    differences,
    group_moved,
    key_for,
    moved,
    with_question,
)

A = ReportQuestion("a", QuestionKind.LINE, "First", group="Checks")
B = ReportQuestion("b", QuestionKind.CHOICE, "Second", group="Checks", choices=("x", "y"))
C = ReportQuestion("c", QuestionKind.TEXT, "Third", group="In words")
OLD = ReportQuestion("old", QuestionKind.TEXT, "Old", group="Checks", is_retired=True)
FORM = Form([A, B, C, OLD])


def keys(form: Form) -> str:
    """In their order."""
    return " ".join(one.key for one in form.questions)


def test_a_question_is_taken_without_blanks_around_its_texts() -> None:
    asked = ReportQuestion(
        "n", QuestionKind.CHOICE, " New ", " G ", " h\ni ", choices=(" x ", "", "y")
    )
    assert checked_question(FORM, asked, is_used=False) == ReportQuestion(
        "n", QuestionKind.CHOICE, "New", "G", "h\ni", choices=("x", "y")
    )
    again = replace(OLD, label="Older")
    assert checked_question(FORM, again, is_used=True) == again


@pytest.mark.parametrize(
    ("question", "part", "words"),
    [
        (replace(C, label=" "), "label", "Question is required"),
        (replace(C, label="FIRST"), "label", "this question already exists"),
        (replace(C, label="x" * 201), "label", "has 201 characters; at most 200"),
        (replace(C, label="a\nb"), "label", "use a single line"),
        (replace(C, label="a\x00"), "label", "cannot be passed on"),
        (replace(C, group="x" * 101), "group", "at most 100"),
        (replace(C, help="x" * 1001), "help", "at most 1000"),
        (replace(C, choices=("x", "y")), "choices", "only for the answer type “choice”"),
        (replace(B, choices=("x",)), "choices", "enter 2 to 30"),
        (replace(B, choices=tuple(str(n) for n in range(31))), "choices", "enter 2 to 30"),
        (replace(B, choices=("x", "X ")), "choices", "two are the same"),
        (replace(B, choices=("x", "y" * 101)), "choices", "at most 100"),
        (replace(B, choices=("x", "y\x00")), "choices", "cannot be passed on"),
        (replace(C, kind=QuestionKind.LINE), "kind", "must stay “text”"),
    ],
)
def test_a_question_is_refused_in_words(question: ReportQuestion, part: str, words: str) -> None:
    with pytest.raises(InvalidMany, match=words) as caught:
        checked_question(FORM, question, is_used=True)
    assert list(caught.value.problems) == [part]


def test_a_question_that_was_never_used_may_change_its_kind() -> None:
    changed = replace(C, kind=QuestionKind.DATE)
    assert checked_question(FORM, changed, is_used=False) == changed


def test_a_form_asks_at_most_forty_questions() -> None:
    full = Form([ReportQuestion(f"q{n}", QuestionKind.LINE, f"Q{n}") for n in range(40)])
    one_more = ReportQuestion("more", QuestionKind.LINE, "More")
    with pytest.raises(InvalidMany, match="at most 40 questions"):
        checked_question(full, one_more, is_used=False)
    checked_question(Form(full.questions[1:]), one_more, is_used=False)
    checked_question(full, replace(full.questions[3], label="Other"), is_used=False)


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Backup path tested", "backup_path_tested"),
        ("Débit", "debit"),
        ("a", "a_3"),
        ("中文", "question"),
        ("2nd line", "question_2nd_line"),
        ("x" * 200, "x" * 26),
        ("New!", "new_2"),  # /questions/new is where one is written
    ],
)
def test_a_key_is_made_of_the_words_and_is_new(label: str, key: str) -> None:
    assert key_for(label, {"a", "a_2", "b"}) == key


def test_questions_move_within_their_group_and_groups_as_a_whole() -> None:
    assert keys(moved(FORM, "b", -1)) == "b a c old"
    assert keys(moved(FORM, "a", 1)) == "b a c old"
    assert keys(moved(FORM, "a", -1)) == keys(moved(FORM, "b", 1)) == "a b c old"
    assert keys(moved(FORM, "old", -1)) == keys(moved(FORM, "none", 1)) == "a b c old"
    assert keys(group_moved(FORM, "c", -1)) == keys(group_moved(FORM, "a", 1)) == "c a b old"
    assert keys(group_moved(FORM, "a", -1)) == keys(group_moved(FORM, "c", 1)) == "a b c old"


def test_a_question_comes_behind_its_group() -> None:
    assert (
        keys(with_question(FORM, ReportQuestion("n", QuestionKind.LINE, "N", "Checks")))
        == "a b n c old"
    )
    assert (
        keys(with_question(FORM, ReportQuestion("n", QuestionKind.LINE, "N", "Else")))
        == "a b c n old"
    )
    assert keys(with_question(FORM, replace(A, group="In words"))) == "b c a old"
    assert keys(with_question(FORM, replace(A, label="Other"))) == "a b c old"
    assert keys(with_question(FORM, replace(A, is_retired=True))) == "b c old a"
    assert keys(with_question(FORM, replace(OLD, is_retired=False))) == "a b old c"


def test_the_difference_of_two_forms_is_told_in_words() -> None:
    after = Form(
        [
            C,
            replace(
                B,
                label="Second, anew",
                choices=("x", "z"),
                is_required=True,
                is_carried=True,
                help="Why",
                group="",
            ),
            ReportQuestion("n", QuestionKind.CHOICE, "New", choices=("p", "q"), is_carried=True),
            replace(OLD, is_retired=False),
            replace(A, is_retired=True),
        ]
    )
    assert [(one.label, one.mark, list(one.words)) for one in differences(FORM, after)] == [
        # "b" and "c" changed places; the one that is told as moved is the shorter way
        (
            "Second, anew",
            "changed",
            [
                "Question: “Second” becomes “Second, anew”",
                "Help: “Why” is added",
                "Group: “Checks” is removed",
                "Choices: “z” added; “y” removed",
                "Now required",
                "The previous answer is now offered",
                "now after “Third”",
            ],
        ),
        (
            "New",
            "new",
            ["Answer: p; q (optional, reusable)", "now after “Second, anew”"],
        ),
        ("Old", "restored", []),
        ("First", "retired", []),
    ]
    assert differences(FORM, FORM) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([A, B, C], [B, C, A], [("First", "moved", "now after “Third”")]),
        ([A, B, C], [C, A, B], [("Third", "moved", "now first")]),
        ([A, B], [A], [("Second", "removed", "")]),
        (
            [B],
            [replace(B, choices=("y", "x"))],
            [("Second", "changed", "Choices: order changed")],
        ),
    ],
)
def test_what_moved_is_told_once(
    before: list[ReportQuestion], after: list[ReportQuestion], told: list[tuple[str, str, str]]
) -> None:
    found = differences(Form(before), Form(after))
    assert [(one.label, one.mark, "; ".join(one.words)) for one in found] == told


def test_a_form_is_used_from_a_quarter_that_changes_nothing_signed() -> None:
    now, signed, newest = Quarter(2013, 3), Quarter(2013, 1), (2, Quarter(2013, 3))
    assert checked_first_quarter(" 2013-Q3 ", now, signed, newest) == Quarter(2013, 3)
    assert checked_first_quarter("2015-Q3", now, None, newest) == Quarter(2015, 3)
    for text, words in (
        ("2013-Q1", "Reports of 2013-Q1 are signed with another form; choose 2013-Q2 or later"),
        ("2013-Q2", "Form 2 is used from 2013-Q3"),
        ("2015-Q4", "Choose a quarter up to 2015-Q3"),
        ("2013", "Write a quarter as 2012-Q1"),
        ("", "Write a quarter as 2012-Q1"),
    ):
        with pytest.raises(Invalid, match=words) as caught:
            checked_first_quarter(text, now, signed, newest)
        assert caught.value.field == "first_quarter"
