"""Lines of a name and a value: columns, and times in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.mails.mail_lines import columns_of, utc_time

NAMES = frozenset({"ticket number", "ticket status", "problem start", "status"})


def cut(*rows: str) -> list[list[str]]:
    """The columns of each row, without the blanks behind them."""
    return [[one.strip() for one in row] for row in columns_of(rows, NAMES)]


def test_two_columns_are_cut_where_a_name_begins() -> None:
    assert cut(
        "Ticket Number: N/20130304-8     Ticket Status: OPEN",
        "Ticket Type:   scheduled        Resolver:      Carrier A",
        "Ticket Update:                  Problem Start: 20130309 23:59 UTC",
        "Ticket Status: a\tProblem Start : b",
    ) == [
        ["Ticket Number: N/20130304-8", "Ticket Status: OPEN"],
        ["Ticket Type:   scheduled", "Resolver:      Carrier A"],
        ["Ticket Update:", "Problem Start: 20130309 23:59 UTC"],
        ["Ticket Status: a", "Problem Start : b"],
    ]


@pytest.mark.parametrize(
    "row",
    [
        "Status: Open. Status: closed",  # one blank: a sentence
        "Status: Open.  Status: closed",  # two: a sentence of some people
        "Title: a    Resolver: Carrier A",  # a name that nobody knows, at no edge
        "It is up    Status: Open",  # no name in front
        "20130304 16:00 NN    Status: Open",
        "Title: see    Status://host",
        "",
    ],
)
def test_other_lines_stay_as_they_are(row: str) -> None:
    assert columns_of([row], NAMES) == [[row]]


@given(st.lists(st.text(alphabet="ab:Status \t>\N{NO-BREAK SPACE}é")))
def test_the_columns_of_a_row_are_the_row(rows: list[str]) -> None:
    found = columns_of(rows, NAMES)
    assert ["".join(columns) for columns in found] == rows


@given(
    st.lists(
        st.tuples(st.sampled_from([*NAMES, "resolver"]), st.lists(st.text("ab:.1é", min_size=1)))
    )
)
def test_one_column_is_read_as_one(lines: list[tuple[str, list[str]]]) -> None:
    """Whatever their names and values, with single blanks between words."""
    rows = [f"{name.title()}: {' '.join(words)}" for name, words in lines]
    assert columns_of(rows, NAMES) == [[row] for row in rows]


def test_a_long_line_of_blanks_is_soon_read() -> None:
    rows = ["Status: " + " " * 100_000 + "Status:"] * 100 + ["Status:   " + "a " * 50_000]
    assert columns_of(rows, NAMES) == [[row] for row in rows]


def test_times_that_say_utc() -> None:
    assert utc_time("20130309 23:59 UTC") == datetime(2013, 3, 9, 23, 59, tzinfo=UTC)
    assert utc_time("2013-03-09T05:00:10Z") == datetime(2013, 3, 9, 5, 0, 10, tzinfo=UTC)
    for wrong in ("20130309 23:59", "20130309 23:59 CET", "20131309 23:59 UTC", "18991231 00:00 Z"):
        assert utc_time(wrong) is None
