"""The filter of the event list in the address: parsing, chips, and related addresses.

The address contains the whole state: every figure links here with its filter, and people can send
it to colleagues. An invalid value is named and ignored, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import url_for
from werkzeug.datastructures import MultiDict

from app.core.rules.errors import Invalid
from app.core.rules.language import _, said_word
from app.core.rules.quarters import HalfYear, Month, Quarter, Year
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.web.list_filters import Chip, read_day
from app.core.web.positions import read_position, write_position
from app.duties.pages.query import EVER, STATE_WORDS
from app.duties.services.duties import STATES as DUE
from app.duties.services.duties import recent_from
from app.duties.services.listed_events import EventFilter, Position
from app.events.rules.addresses import NO_T1
from app.events.rules.events import MAX_SOURCE_LENGTH, EventState
from app.matching.rules.matching import How
from app.registry.rules.networks import Network

DETECTED: Final = "detected"
REPORTED: Final = "reported"
LABELS: Final[Mapping[str, str]] = {
    "view": _("View"),
    "from": _("From"),
    "to": _("To"),
    "lasting": _("Include earlier starts"),
    "quarter": _("Quarter"),
    "t1": "T1",
    "site": _("Site"),
    "link": _("Link"),
    "network": _("Network"),
    "state": _("State"),
    "source": _("Source"),
    "counted": _("Counted"),
    "documented": _("Documented"),
    "how": _("Ticket matched"),
    "maintenance": _("Maintenance"),
    "due": _("Required ticket"),
    "ongoing": _("Ongoing"),
    "unresolved": _("Unresolved name"),
    "withdrawn": _("Withdrawn"),
    "import": _("Import"),
    "sort": _("Sort"),
}
"""Every parameter of the list with its label."""
_YES_NO: Final = ("yes", "no")
ALLOWED: Final[Mapping[str, Sequence[str]]] = {
    "view": (DETECTED, REPORTED),
    "network": tuple(Network),
    "state": tuple(EventState),
    "how": tuple(How),
    "due": tuple(DUE),
    "withdrawn": ("yes", "no", "all"),
    "sort": ("-start", "start"),
    **dict.fromkeys(
        ("counted", "documented", "maintenance", "ongoing", "unresolved", "lasting"), _YES_NO
    ),
}
_FREE: Final = {
    "t1": SHORT_TEXT_LIMIT,
    "site": SHORT_TEXT_LIMIT,
    "link": SHORT_TEXT_LIMIT,
    "source": MAX_SOURCE_LENGTH,
}
_MANY: Final = frozenset({"quarter", "t1", "site", "link", "network", "state", "source", "how"})
_MAX_VALUES: Final = 50
"""Most values of one parameter: each is a chip whose address contains all others."""
_LOOKS: Final = ("view", "sort")
"""Parameters that affect only the appearance."""
_OF_REPORTS: Final = ("unresolved", "withdrawn")
"""Parameters that only apply to reports."""
_PERIOD: Final = ("from", "to", "quarter")
_OF_DUTIES: Final = frozenset({*_LOOKS, *_PERIOD, "due", "link", "t1"})
"""Parameters that the list of due tickets shares."""
_KINDS: Final = (Quarter, HalfYear, Month, Year)
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class EventQuery:
    """The query of the event list in an address."""

    def __init__(self, arguments: MultiDict[str, str]) -> None:
        self.values: dict[str, list[str]] = {}
        self.problems: list[str] = []
        self.had_empty = False
        self._times: dict[str, datetime] = {}
        for name in LABELS:
            found = list(dict.fromkeys(arguments.getlist(name)))
            if len(found) > _MAX_VALUES:
                self.problems.append(
                    _(
                        "%(labels)s: at most %(max_values)s values; using the first %(max_values)s",
                        labels=LABELS[name],
                        max_values=_MAX_VALUES,
                    )
                )
            for value in found[:_MAX_VALUES]:
                self._take(name, value.strip())
        for name, values in self.values.items():
            if len(values) > 1 and name not in _MANY:
                self.problems.append(
                    _(
                        "%(labels)s: only one value is possible; using the first",
                        labels=LABELS[name],
                    )
                )
                del values[1:]
        begins, ends = self._times.get("from"), self._times.get("to")
        if begins is not None and ends is not None and ends <= begins:
            self.problems.append(_("“To” is before “From”; choose a later end"))
        self.after = self._position("after", arguments.get("after", ""))
        self.before = self._position("before", arguments.get("before", ""))

    def _take(self, name: str, value: str) -> None:
        if not value:
            self.had_empty = self.had_empty or name in LABELS
            return
        try:
            self._check(name, value)
        except Invalid as error:
            self.problems.append(error.message)
            return
        self.values.setdefault(name, []).append(value)

    def _check(self, name: str, value: str) -> None:
        label = LABELS[name]
        if name in ALLOWED:
            if value not in ALLOWED[name]:
                raise Invalid(
                    name,
                    _(
                        "%(label)s: choose one of: %(listed)s",
                        label=label,
                        listed=", ".join(ALLOWED[name]),
                    ),
                )
        elif name in ("from", "to"):
            if name not in self._times:
                self._times[name] = _edge(name, value)
        elif name == "quarter":
            _read_quarter(value)
        elif name == "import":
            if not _NUMBER.fullmatch(value):
                raise Invalid(name, _("%(label)s: enter the number of an import", label=label))
        else:
            checked_text(name, value, _FREE[name], label=label)

    def _position(self, name: str, text: str) -> Position | None:
        if not text:
            return None
        try:
            return read_position(text, "-created")
        except (ValueError, TypeError, OverflowError, RecursionError):
            self.problems.append(
                _(
                    "Invalid position in the list (%(name)s); the first page is shown",
                    name=name,
                )
            )
            return None

    def given(self, name: str) -> Sequence[str]:
        """The values of one parameter."""
        return self.values.get(name, [])

    def first(self, name: str) -> str:
        """Its first value, or ""."""
        return self.given(name)[0] if self.given(name) else ""

    @property
    def view(self) -> str:
        """Detected events, unless the address says otherwise or has a filter that only reports
        support."""
        if self.first("view"):
            return self.first("view")
        of_reports = any(self.given(name) for name in _OF_REPORTS)
        only_gaps = list(self.given("state")) == [EventState.UNMONITORED]
        return REPORTED if of_reports or only_gaps else DETECTED

    def filter(self) -> EventFilter:
        """The filter for the service."""

        def many(name: str) -> tuple[str, ...]:
            return tuple(self.given(name))

        def either(name: str) -> bool | None:
            return {"yes": True, "no": False}.get(self.first(name))

        return EventFilter(
            begins=self._times.get("from"),
            ends=self._times.get("to"),
            lasting=either("lasting"),
            quarters=many("quarter"),
            sites=many("site"),
            t1s=many("t1"),
            links=many("link"),
            networks=many("network"),
            states=many("state"),
            sources=many("source"),
            documented=either("documented"),
            counted=either("counted"),
            maintenance=either("maintenance"),
            how=many("how"),
            due=self.first("due"),
            ongoing=either("ongoing"),
            unresolved=either("unresolved"),
            withdrawn=either("withdrawn") if self.first("withdrawn") else False,
            import_id=int(self.first("import")) if self.first("import") else None,
            oldest_first=self.first("sort") == "start",
        )

    # ---- due tickets ----

    def recent(self, now: datetime) -> Mapping[str, Sequence[str]]:
        """The recent quarters, which are also the default of the list of due tickets; empty if the
        address states a time."""
        if any(self.given(name) for name in _PERIOD):
            return {}
        return {"from": (str(recent_from(now)),)}

    def is_recent(self, now: datetime) -> bool:
        """Whether the filter is due tickets of the recent quarters, as in its tab."""
        period = {name: list(self.given(name)) for name in _PERIOD if self.given(name)}
        return bool(self.given("due")) and period == {"from": [str(recent_from(now))]}

    def older(self, now: datetime) -> EventFilter:
        """The same for all quarters before the recent ones."""
        return replace(self.filter(), begins=None, ends=recent_from(now).begin)

    def older_url(self, now: datetime) -> str:
        """The address of that list."""
        return self.url({"from": (), "to": (str(recent_from(now).previous),)})

    @property
    def duty_url(self) -> str:
        """The same as a list of due tickets; "" if that list has no such filter."""
        given = {name: self.first(name) for name in LABELS if self.given(name)}
        several = any(len(values) > 1 for values in self.values.values())
        if not given.get("due") or several or not _OF_DUTIES.issuperset(given):
            return ""
        values: dict[str, str | None] = {
            "state": given["due"],
            "link": given.get("link"),
            "end": given.get("t1"),
        }
        period: dict[str, str] = {name: given[name] for name in _PERIOD if name in given}
        if values["end"] == NO_T1 or ("quarter" in period and len(period) > 1):
            return ""
        try:
            for text in period.values():
                _read_quarter(text)
        except Invalid:
            return ""
        values.update(period or {"from": EVER})
        return _with(
            url_for("duty.listing"),
            urlencode({name: text for name, text in values.items() if text}),
        )

    # ---- addresses ----

    def text(self, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        """The canonical query, with some parameters changed."""
        values: Mapping[str, Sequence[str]] = {**self.values, **(changed or {})}
        return urlencode([(name, value) for name in LABELS for value in values.get(name, ())])

    def url(self, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        """The address of the list, with some parameters changed."""
        return _with(url_for("events.listing"), self.text(changed))

    @property
    def csv(self) -> str:
        """The address of the file with exactly this list."""
        return _with(url_for("events.download"), self.text({"view": (self.view,)}))

    @property
    def clear(self) -> str:
        """The address of the list without any filter."""
        return self.url({name: () for name in LABELS if name not in _LOOKS})

    def at(self, name: str, place: Position | None) -> str:
        """The address of the page that starts at a position; "" for none."""
        if place is None:
            return ""
        text = self.text()
        word = write_position(place)
        return _with(url_for("events.listing"), f"{text}{'&' if text else ''}{name}={word}")

    @property
    def chips(self) -> Sequence[Chip]:
        """The filters that are set, each with the address without it."""
        return [
            Chip(
                LABELS[name],
                _in_words(name, value),
                self.url({name: [other for other in values if other != value]}),
            )
            for name, values in self.values.items()
            if name not in _LOOKS
            for value in values
        ]

    @property
    def kept(self) -> Sequence[tuple[str, str]]:
        """The parameters that the filter form submits unchanged."""
        return [
            (name, value)
            for name in (*_LOOKS, "import", "t1", "lasting")
            for value in self.given(name)
        ]

    @property
    def start_url(self) -> str:
        """The same list in the opposite order."""
        return self.url({"sort": () if self.first("sort") == "start" else ("start",)})


def _with(base: str, text: str) -> str:
    return f"{base}?{text}" if text else base


def _in_words(name: str, value: str) -> str:
    """A value as a chip shows it."""
    if (name, value) == ("t1", NO_T1):
        return _("no T1 end")
    if name == "how":
        return _("by %(value)s", value=said_word(value))
    return STATE_WORDS[value].lower() if name == "due" else value


def _edge(name: str, value: str) -> datetime:
    """The first moment of ``from``, or the first one after ``to``: a day, month, quarter, half-year
    or year, which ``to`` includes."""
    for kind in _KINDS:
        try:
            period = kind.parse(value)
        except Invalid:
            continue
        return period.begin if name == "from" else period.end
    try:
        day = read_day(name, value, LABELS[name])
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return begin if name == "from" else begin + timedelta(days=1)
    except (Invalid, OverflowError):
        raise Invalid(
            name,
            _(
                "%(labels)s: enter a day, month, quarter or year, such as 2012-01-31, 2012-01, "
                "2012-Q1 or 2012",
                labels=LABELS[name],
            ),
        ) from None


def _read_quarter(value: str) -> Quarter:
    try:
        return Quarter.parse(value)
    except Invalid:
        raise Invalid("quarter", _("Quarter: enter it as 2012-Q1")) from None
