"""What messages about events say, text by text, and times as sources write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.rules.events import as_text, layer_of, read_event, read_moment
from app.events.rules.json import read_events

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013-03-06T10:05:00Z", datetime(2013, 3, 6, 10, 5, tzinfo=UTC)),
        (" 2013-03-06 10:05Z ", datetime(2013, 3, 6, 10, 5, tzinfo=UTC)),
        ("2013-03-06T10:05:00+01:00", datetime(2013, 3, 6, 9, 5, tzinfo=UTC)),
        ("2013-03-06T10:05:00-0530", datetime(2013, 3, 6, 15, 35, tzinfo=UTC)),
        ("2012-02-29T23:59:59.5Z", datetime(2012, 2, 29, 23, 59, 59, 500_000, UTC)),
        ("2026-03-02T09:52:26.739266876+01:00", datetime(2026, 3, 2, 8, 52, 26, 739_266, UTC)),
        ("2012-12-31T23:30:00-01:00", datetime(2013, 1, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_times_with_their_zone(text: str, moment: datetime) -> None:
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2013-02-29T10:00:00Z",
        "2013-03-06T24:00:00Z",
        "2013-03-06T24:30:00Z",
        "2013-W10-3T10:00:00Z",
        "20130306T100000Z",
        "2013-03-06T10:05:00 UTC",
        "06.03.2013 10:05",
        "1362564300",
        "0001-01-01T00:00:00Z",
        "2013-03-06T10:05:00\N{ARABIC-INDIC DIGIT ONE}Z",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        read_moment(text)


@given(st.datetimes(datetime(1990, 1, 2), datetime(9990, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # naive is how bounds are given
def test_a_time_comes_back_as_it_was_written(moment: datetime) -> None:
    assert read_moment(as_text(moment)) == moment


def test_what_is_left_out_says_nothing_and_null_says_none() -> None:
    silent = read_event(0, "event 0", {"source": "p", "source_id": "a"})
    assert (silent.link, silent.end, silent.is_open, silent.layer) == (None, None, False, None)
    none = read_event(0, "event 0", {"source": "p", "source_id": "a", "link": None, "end": None})
    assert (none.link, none.end, none.is_open) == ("", None, True)
    assert silent.problems == none.problems == ()


def test_words_are_taken_in_any_case_and_layers_as_people_write_them() -> None:
    read = read_event(
        0, "event 0", {"source": "p", "source_id": "a", "state": " DOWN ", "layer": "l2"}
    )
    assert (read.state, read.layer) == ("down", "L1/L2")
    assert [layer_of(word) for word in ("", "L1", "Performance", "moon")] == [
        "unknown",
        "L1/L2",
        "performance",
        "unknown",
    ]


def test_keys_of_a_source_may_be_numbers() -> None:
    (read,) = read_events(b'{"source": "p", "source_id": 4711}')
    assert (read.source_id, read.problems) == ("4711", ())
    (wrong,) = read_events(b'{"source": "p", "source_id": true}')
    assert [problem.column for problem in wrong.problems] == ["source_id"]
