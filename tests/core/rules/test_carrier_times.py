"""Times as carriers write them: one meaning or none."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.mails.carrier_times import UnclearTime, time_in, window_in


def utc(*parts: int) -> datetime:
    """A time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]  # five or six numbers


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12-May-2021 00:00 EET-DST (UTC +3h)", utc(2021, 5, 11, 21, 0)),
        ("20130309 05:00 UTC", utc(2013, 3, 9, 5, 0)),
        ("20130309 0500 UTC", utc(2013, 3, 9, 5, 0)),
        ("2013-03-09T05:00:10Z", utc(2013, 3, 9, 5, 0, 10)),
        ("Tue, 25 May 2021 16:00:00 UTC", utc(2021, 5, 25, 16, 0)),
        ("Tuesday, 11 Oct 2022 15:00:00 (UTC)", utc(2022, 10, 11, 15, 0)),
        ("Aug 14, 2022 21:00 UTC", utc(2022, 8, 14, 21, 0)),
        ("28th November 2024 at 16:00 GMT", utc(2024, 11, 28, 16, 0)),
        ("16:00 UTC/28th November 2024", utc(2024, 11, 28, 16, 0)),
        ("2023-12-05 20:55:00 +0000 UTC", utc(2023, 12, 5, 20, 55)),
        ("2021-12-07 10:00 -0800", utc(2021, 12, 7, 18, 0)),
        ("2021-12-07T10:00:00+02:00", utc(2021, 12, 7, 8, 0)),
        ("2021-12-07 10:00 UTC-5", utc(2021, 12, 7, 15, 0)),
        ("2021-12-07 10:00 (UTC+5:30)", utc(2021, 12, 7, 4, 30)),
        ("17.08.2021 00:00 GMT+3", utc(2021, 8, 16, 21, 0)),
        ("12/13/2021 2:00:00 am GMT", utc(2021, 12, 13, 2, 0)),
        ("12/12/2021 12:00 am UTC", utc(2021, 12, 12, 0, 0)),
        ("May 12, 2021 1:30 p.m. UTC+2", utc(2021, 5, 12, 11, 30)),
        ("03/04/2021 05:00 GMT (dd/mm/yyyy)", utc(2021, 4, 3, 5, 0)),
        ("03/04/2021 05:00 GMT (mm/dd/yyyy)", utc(2021, 3, 4, 5, 0)),
        ("2021-07-01 10:00 CEST", utc(2021, 7, 1, 8, 0)),
        ("2021-01-01 10:00 CET", utc(2021, 1, 1, 9, 0)),
        ("2021-01-01 10:00 EST (UTC-5)", utc(2021, 1, 1, 15, 0)),
        ("12 May 2021 10:00 IST (GMT+5:30)", utc(2021, 5, 12, 4, 30)),
        ("2021-03-28 03:30 Europe/Paris", utc(2021, 3, 28, 1, 30)),
        ("2021-05-20 07:00 GMT (Greenwich Mean Time)", utc(2021, 5, 20, 7, 0)),
    ],
)
def test_one_meaning(text: str, moment: datetime) -> None:
    """Values computed by hand."""
    assert time_in(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2021 05:00 GMT",
        "07.08.2021 00:00 GMT+3",
        "2021-01-01 10:00",
        "2021-01-01 10:00 FOO",
        "2021-01-01 10:00 CST",
        "2021-01-01 10:00 EST",
        "2021-07-01 10:00 CET",
        "2021-01-01 10:00 CEST",
        "12-May-2021 00:00 EET-DST (UTC +2h)",
        "2024-01-31 18:00:00+02:00 UTC",
        "2021-10-31 02:30 Europe/Paris",
        "2021-03-28 02:30 Europe/Paris",
        "Monday, 11 Oct 2022 15:00 UTC",
        "2021-05-12 13:00 PM UTC",
        "2021-13-12 13:00 UTC",
        "31 Feb 2021 13:00 UTC",
        "2021-05-12 24:00 UTC",
        "1899-12-31 00:00 UTC",
        "2021-12-07 10:00 GMT - 14:00 GMT",
        "2021-12-07 10:00 UTC -14:00",
        "2021-12-07 10:00 - 14:00",
        "2021-01-01 10:00 to 12:00 UTC",
        "2021-12-07 10:00 GMT-08/12/2021",
        "2021-12-07 10:00 UTC+15",
    ],
)
def test_two_meanings_or_none(text: str) -> None:
    with pytest.raises(UnclearTime):
        time_in(text)


def test_a_text_without_a_time() -> None:
    for text in ("", "as soon as possible", "2021-05-12", "10:00 UTC", "1234567890"):
        assert time_in(text) is None


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        (
            "06-Jan-2022 05:01 to 06-Jan-2022 11:00 ( GMT )",
            utc(2022, 1, 6, 5, 1),
            utc(2022, 1, 6, 11, 0),
        ),
        (
            "24/10/2024 06:00:00 to 24/10/2024 10:00:00 GMT (dd/mm/yyyy)",
            utc(2024, 10, 24, 6, 0),
            utc(2024, 10, 24, 10, 0),
        ),
        (
            "16:00 UTC/28th November 2024 to 23:59 UTC/ 28th November 2024",
            utc(2024, 11, 28, 16, 0),
            utc(2024, 11, 28, 23, 59),
        ),
        (
            "12-Feb-2024 09:00 (GMT) - 12-Feb-2024 17:00 (GMT)",
            utc(2024, 2, 12, 9, 0),
            utc(2024, 2, 12, 17, 0),
        ),
    ],
)
def test_windows(text: str, start: datetime, end: datetime) -> None:
    assert window_in(text) == (start, end)


def test_unclear_windows() -> None:
    for text in (
        "06-Jan-2022 05:01 to 06-Jan-2022 11:00",
        "06-Jan-2022 11:00 to 06-Jan-2022 05:00 UTC",
        "12/13/2022 1:00 to 12/13/2022 5:00 am UTC",
        "1 Jan 2022 1:00 UTC, 2 Jan 2022 1:00 UTC, 3 Jan 2022 1:00 UTC",
    ):
        with pytest.raises(UnclearTime):
            window_in(text)
    assert window_in("2022-01-06 05:01 UTC") is None


_OFFSETS = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
_FORMS = (
    "{0:%d-%b-%Y %H:%M} UTC{1}",
    "{0:%Y-%m-%d %H:%M:%S} (GMT{1})",
    "{0:%B %d, %Y %I:%M:%S %p} UTC{1}",
    "{0:%A, %d %B %Y %H:%M} FOO (UTC{1})",
    "{0:%Y%m%d %H:%M} GMT{1}",
    "{0:%m/%d/%Y %I:%M %p} UTC{1} (mm/dd/yyyy)",
    "{0:%d.%m.%Y %H:%M} UTC{1} (dd.mm.yyyy)",
    "{0:%H:%M} UTC{1}, {0:%d %b %Y}",
    "{0:%Y-%m-%dT%H:%M:%S}{1}",
)


@given(
    st.datetimes(utc(1991, 1, 1).replace(tzinfo=None), utc(2098, 12, 31).replace(tzinfo=None)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    _OFFSETS,
    st.sampled_from(_FORMS),
)
def test_any_time_in_any_form(local: datetime, offset: timedelta, form: str) -> None:
    """Written with an offset, and read as the local time less the offset."""
    minutes = abs(offset) // timedelta(minutes=1)
    sign = "-" if offset < timedelta() else "+"
    text = form.format(local, f"{sign}{minutes // 60:02}:{minutes % 60:02}")
    assert time_in(text) == (local - offset).replace(tzinfo=UTC)


@given(st.integers(1, 12), st.integers(1, 12), st.sampled_from("/.-"))
def test_a_day_that_may_be_a_month_is_never_guessed(one: int, two: int, sign: str) -> None:
    text = f"{one:02}{sign}{two:02}{sign}2021 05:00 UTC"
    if one == two:
        assert time_in(text) == utc(2021, one, one, 5, 0)
    else:
        with pytest.raises(UnclearTime):
            time_in(text)


@given(st.text(alphabet="0123456789 :-/.,()+TZutcgmaphjnMayJ", max_size=60))
def test_whatever_is_written(text: str) -> None:
    """A time, none, or a reason; never another error."""
    for read in (time_in, window_in):
        with suppress(UnclearTime):
            read(text)


def test_long_texts_take_no_time() -> None:
    begun = thread_time()
    for text in ("1" * 100_000, "12 May " * 50_000, "2021-05-12 10:00 " * 20_000, " " * 100_000):
        with suppress(UnclearTime):
            window_in(text)
    assert thread_time() - begun < 1
