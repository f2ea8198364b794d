"""What an address asks of a page of statistics, and the addresses of the rows behind its numbers.

The filters are those of the list of tickets, under the same names; periods are whole ones of the
calendar in UTC. What cannot be used is named and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from app.core.rules.counted import SLIDES_RANGE, Counted
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.rules.quarters import CalendarPeriod, HalfYear, Month, Quarter, Year, period_range
from app.core.web.list_filters import read_day
from app.core.web.times import now
from app.statistics.services.rows import FILTERS, rows_behind
from app.tickets.pages.listing.list import ListQuery
from app.tickets.services.lists.lists import TicketFilter

PER: Final[Mapping[str, type[CalendarPeriod]]] = {
    "quarter": Quarter,
    "half-year": HalfYear,
    "year": Year,
    "month": Month,
}
"""The kinds of periods; the first is the usual one."""
BEFORE: Final = 4
"""Periods before the running one (or the last one) that are shown where the address does not say
from when: the present."""
MAX_PERIODS: Final = 60
"""Periods shown at all."""
_SHAPES: Final = _("a year (2012), half-year (2012-H1), quarter (2012-Q1), month (2012-03) or day")
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2099, 12, 31, tzinfo=UTC)


class StatisticsQuery:
    """The periods, the property and the filters that an address asks for."""

    def __init__(
        self,
        arguments: MultiDict[str, str],
        *,
        by: Sequence[str] = (),
        per: Sequence[str] = tuple(PER),
    ) -> None:
        given = MultiDict(
            [(name, value) for name in FILTERS for value in arguments.getlist(name) if value]
        )
        self._list = ListQuery(given)
        self.problems = self._list.problems
        self.by = self._choice(arguments, "by", ("", *by), _("By"))
        self.per = self._choice(arguments, "per", per, _("Per"))
        self.kind = PER[self.per]
        self.typed = {name: arguments.get(name, "").strip() for name in ("from", "to")}
        self._from = self._read(self.typed["from"], _("From"))
        self._to = self._read(self.typed["to"], _("To"))
        if self._from and self._to and self._to[1] <= self._from[0]:
            self.problems.append(_("“To” is before “From”"))
            self._to = None
        self.left_out = 0
        """Older periods that are not shown because there are too many."""

    @property
    def filter(self) -> TicketFilter:
        """The filter in the words of the service; without a state all states."""
        wanted = self._list.filter()
        if self.given("state"):
            return wanted
        return TicketFilter(
            values=wanted.values,
            states=("open", "closed"),
            sites=wanted.sites,
            affected=wanted.affected,
            links=wanted.links,
            responsible=wanted.responsible,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether not all tickets are requested."""
        return any(self.given(name) for name in FILTERS)

    def given(self, name: str) -> list[str]:
        """The values of one filter."""
        return self._list.given(name)

    @property
    def filter_words(self) -> str:
        """What of all tickets is requested, behind a title; "" = all."""
        given = [f"{name} {' or '.join(self.given(name))}" for name in FILTERS if self.given(name)]
        return f"; {', '.join(given)}" if given else ""

    def periods(self) -> Sequence[CalendarPeriod]:
        """The periods to show: the running one and the last four, unless the address says
        otherwise."""
        last_moment = self._to[1] - timedelta(microseconds=1) if self._to else now()
        last = self.kind.of(last_moment)
        if not self._from:
            return period_range(last.after(-BEFORE), last)
        start = self.kind.of(min(self._from[0], last_moment))
        # only as many as are shown are made, however far apart the ends are
        per_year = 12 // start.MONTHS
        count = (last.year - start.year) * per_year + last.number - start.number + 1
        self.left_out = max(0, count - MAX_PERIODS)
        if self.left_out:
            start = last.after(1 - MAX_PERIODS)
        return period_range(start, last)

    @property
    def slides_url(self) -> str:
        """The same of the quarters of the slides of 2013; "" where they are shown."""
        first, last = map(str, SLIDES_RANGE)
        if (self.per, self.typed["from"], self.typed["to"]) == ("quarter", first, last):
            return ""
        return self.url(per="quarter", from_=first, to=last)

    def require_whole(self) -> None:
        """Raise ``Invalid`` where a part of the address was left out: a file does not say so."""
        if self.problems:
            raise Invalid("filter", joined("; ", self.problems))

    def files(self, endpoint: str = "") -> Mapping[str, str]:
        """The addresses of the same figures as files, by their kind."""
        query = self.url().partition("?")[2]
        found = {}
        for kind in ("csv", "xlsx", "pptx"):
            base = url_for(endpoint or request.endpoint or "", kind=kind)
            found[kind] = f"{base}?{query}" if query else base
        return found

    def url(self, endpoint: str = "", **changed: str | Sequence[str]) -> str:
        """The address of this page, or of another one, with some parameters changed."""
        values: dict[str, Sequence[str]] = {
            "by": (self.by,),
            "per": (self.per,),
            **{name: (text,) for name, text in self.typed.items()},
            **{name: self.given(name) for name in FILTERS},
        }
        values["from"] = (self.typed["from"] if self._from else "",)
        values["to"] = (self.typed["to"] if self._to else "",)
        for name, value in changed.items():
            values[name.rstrip("_")] = (value,) if isinstance(value, str) else value
        pairs = [(name, one) for name, many in values.items() for one in many if one]
        pairs = [pair for pair in pairs if pair != ("per", next(iter(PER)))]
        base = url_for(endpoint or request.endpoint or "statistics.page")
        return f"{base}?{urlencode(pairs)}" if pairs else base

    def rows_url(
        self,
        periods: Sequence[CalendarPeriod],
        value: str | None = None,
        *,
        by: str | None = None,
        figures: Iterable[Counted] = (),
    ) -> str:
        """The list of exactly the tickets of these periods, of one value of what it is by."""
        given = {name: self.given(name) for name in FILTERS}
        pairs = rows_behind(given, periods, self.by if by is None else by, value, figures)
        return f"{url_for('tickets.listing')}?{urlencode(pairs)}"

    def _choice(
        self, arguments: MultiDict[str, str], name: str, allowed: Sequence[str], label: str
    ) -> str:
        value = arguments.get(name, "").strip()
        if value in allowed:
            return value
        if value:
            words = ", ".join(word for word in allowed if word)
            self.problems.append(_("%(label)s: choose one of %(words)s", label=label, words=words))
        return allowed[0]

    def _read(self, text: str, label: str) -> tuple[datetime, datetime] | None:
        if not text:
            return None
        try:
            span = read_span(text)
            if span[0] >= _EARLIEST and span[1] <= _LATEST + timedelta(days=1):
                return span
        except Invalid:
            pass
        self.problems.append(
            _(
                "%(label)s: enter %(shapes)s, from %(earliest)s to %(latest)s",
                label=label,
                shapes=_SHAPES,
                earliest=format(_EARLIEST, "%Y"),
                latest=format(_LATEST, "%Y"),
            )
        )
        return None


def read_span(text: str) -> tuple[datetime, datetime]:
    """The first moment, and the first one behind it, of the period or day that a text names."""
    for kind in PER.values():
        try:
            period = kind.parse(text)
        except Invalid:
            continue
        return period.begin, period.end
    day = datetime.combine(read_day("from", text, _("Day")), time(), UTC)
    if day.date() == date.max:
        raise Invalid("from", _("Enter %(shapes)s", shapes=_SHAPES))
    return day, day + timedelta(days=1)
