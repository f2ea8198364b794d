"""Quarters, and the other periods that figures are counted for: months, half-years and years.

All of them are of the calendar in UTC. A period begins with its first moment and ends before the
first moment of the next one: an event at the very end of a year is in no period twice. Years
before 1 and after 9998 do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Final, Self, TypeVar

from app.core.rules.errors import Invalid
from app.core.rules.language import _, said_word

MAX_PERIODS: Final = 400
"""Periods of one range: a century of quarters. More of them is a slip of the pen."""
_YEARS: Final = (1, 9998)


@dataclass(frozen=True, order=True)
class CalendarPeriod:
    """A part of a year, counted from 1. Two of one kind are ordered by time."""

    year: int
    number: int

    MONTHS: ClassVar[int]
    """Months in it."""
    MARK: ClassVar[str]
    """What is between the year and the number, as in ``2012-Q1``."""
    DIGITS: ClassVar[int] = 1
    WORD: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what no calendar has."""
        first, last = _YEARS
        if not (first <= self.year <= last and 1 <= self.number <= 12 // self.MONTHS):
            raise Invalid(self.WORD, self.shape())

    @classmethod
    def shape(cls) -> str:
        """How one is written, in words."""
        return _("Write a %(word)s as %(example)s", word=said_word(cls.WORD), example=cls.example())

    @classmethod
    def example(cls) -> str:
        """One, as it is written."""
        return f"2012{cls.MARK}{1:0{cls.DIGITS}}"

    @classmethod
    def parse(cls, text: str, field: str = "") -> Self:
        """The period that ``2012-Q1`` names; ``Invalid`` on ``field`` for anything else."""
        found = re.fullmatch(rf"(\d{{4}}){cls.MARK}(\d{{{cls.DIGITS}}})", text, re.ASCII)
        try:
            if found is not None:
                return cls(int(found[1]), int(found[2]))
        except Invalid:
            pass
        raise Invalid(field or cls.WORD, cls.shape())

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The one in which an aware moment lies, by its UTC time."""
        at = moment.astimezone(UTC)
        return cls(at.year, (at.month - 1) // cls.MONTHS + 1)

    @property
    def words(self) -> str:
        """As a sentence names it."""
        return str(self)

    @property
    def begin(self) -> datetime:
        """Its first moment, UTC."""
        return datetime(self.year, (self.number - 1) * self.MONTHS + 1, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment behind it, UTC."""
        return self.next.begin

    @property
    def next(self) -> Self:
        """The one behind it."""
        return self.after(1)

    @property
    def previous(self) -> Self:
        """The one before it."""
        return self.after(-1)

    def after(self, count: int) -> Self:
        """The one so many later (or, below zero, earlier)."""
        in_year = 12 // self.MONTHS
        place = self.year * in_year + self.number - 1 + count
        return type(self)(place // in_year, place % in_year + 1)

    def is_future(self, now: datetime) -> bool:
        """Whether it is wholly in the future."""
        return self.begin > now

    def is_partial(self, now: datetime) -> bool:
        """Whether it is running: it has started, and has not ended."""
        return self.begin <= now < self.end

    def __str__(self) -> str:
        return f"{self.year:04}{self.MARK}{self.number:0{self.DIGITS}}"


class Quarter(CalendarPeriod):
    """Three months: ``2012-Q1``."""

    MONTHS, MARK, WORD = 3, "-Q", "quarter"


class Month(CalendarPeriod):
    """A month: ``2012-01``."""

    MONTHS, MARK, WORD, DIGITS = 1, "-", "month", 2


class HalfYear(CalendarPeriod):
    """Six months: ``2012-H1``."""

    MONTHS, MARK, WORD = 6, "-H", "half-year"

    @property
    def words(self) -> str:
        """``the first half of 2013``."""
        if self.number == 1:
            return _("the first half of %(year)s", year=self.year)
        return _("the second half of %(year)s", year=self.year)


class Year(CalendarPeriod):
    """A year: ``2012``."""

    MONTHS, MARK, WORD = 12, "", "year"

    def __init__(self, year: int, number: int = 1) -> None:
        object.__setattr__(self, "year", year)
        object.__setattr__(self, "number", number)
        self.__post_init__()

    @classmethod
    def example(cls) -> str:
        """One, as it is written."""
        return "2012"

    @classmethod
    def parse(cls, text: str, field: str = "") -> Self:
        """The year that four digits name."""
        if re.fullmatch(r"\d{4}", text, re.ASCII) and _YEARS[0] <= int(text) <= _YEARS[1]:
            return cls(int(text))
        raise Invalid(field or cls.WORD, cls.shape())

    def __str__(self) -> str:
        return f"{self.year:04}"


P = TypeVar("P", bound=CalendarPeriod)


def period_range(first: P, last: P, field: str = "to") -> Sequence[P]:
    """All periods from ``first`` up to and with ``last``, both of one kind.

    Raises ``Invalid`` on ``field`` where the last one is before the first, or there are more than
    ``MAX_PERIODS``.
    """
    if last < first:
        raise Invalid(
            field,
            _(
                "%(last)s is before %(first)s; the range ends before it begins",
                last=last,
                first=first,
            ),
        )
    in_year = 12 // first.MONTHS
    count = (last.year - first.year) * in_year + last.number - first.number + 1
    if count > MAX_PERIODS:
        raise Invalid(
            field,
            _(
                "%(first)s to %(last)s is too long; at most %(max_periods)s at once",
                first=first,
                last=last,
                max_periods=MAX_PERIODS,
            ),
        )
    return [first.after(step) for step in range(count)]


def range_touching(kind: type[P], begin: datetime, end: datetime) -> Sequence[P]:
    """The periods of a kind that the time from ``begin`` until before ``end`` touches."""
    last = kind.of(end)
    if last.begin == end and end > begin:
        last = last.previous
    return period_range(kind.of(begin), last)


def headline_periods(quarter: Quarter) -> tuple[Year, HalfYear]:
    """The year and the half-year for which a headline has the number of tickets: the half-year of
    the quarter, and the newest year that is not after it. Of 2013-Q2 they are 2012 and 2013-H1, as
    in the group's slides of 2013."""
    half = HalfYear.of(quarter.begin)
    return Year(half.year - (half.number == 1)), half


def present(kind: type[P], now: datetime, before: int = 4) -> Sequence[P]:
    """The running period of a kind and the ``before`` last ones: what pages of figures show where
    nobody asks for other periods."""
    this = kind.of(now)
    return period_range(this.after(-before), this)


USUAL_DUE_DAYS: Final = 30
"""Days from a quarter's end to the day by which its reports are due (decisions, section 10)."""
