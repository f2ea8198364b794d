"""The list's filter in the address: reading it, and the addresses of its tabs, chips and heads.

The address is the state: whatever is set can be sent to a colleague. A value that cannot be used
is named and left out, never guessed.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from flask import request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from app.core.rules.counted import Counted
from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined, said_word
from app.core.rules.texts import checked_text
from app.core.web.list_filters import Chip, Tab, read_day
from app.core.web.person import acting
from app.core.web.positions import read_position, write_position
from app.core.web.times import now
from app.tickets.pages.listing.columns import COLUMNS, shown_columns, width_class
from app.tickets.rules.content import DEFAULTS
from app.tickets.rules.desk import Desk
from app.tickets.rules.fields import Where, fields_at
from app.tickets.rules.tickets import CLOSED_STATES, OPEN_STATES, State
from app.tickets.rules.tokenizer import MAX_CHARACTERS, read_search
from app.tickets.services.lists.desk import on_desk
from app.tickets.services.lists.lists import SORTS, TicketFilter
from app.tickets.services.lists.statistics_conditions import CountedAt
from app.tickets.services.lists.visits import Unseen
from app.tickets.services.pages import MAX_COUNTED, Position

LAST_VISIT = "visit"
_FIELDS = {field.name: field for field in fields_at(Where.FILTER)}


def _heads(*names: str) -> dict[str, str]:
    return {name: _FIELDS[name].head or _FIELDS[name].label for name in names}


LABELS = {
    "q": _("Text"),
    "state": _("State"),
    **_heads("network", "category", "layer"),
    "site": _("Site"),
    "affected": _("Affected site"),
    "link": _("Link"),
    "responsible": _("Responsible site"),
    **_heads("unit", "priority", *_FIELDS),
    "from": _("Created from"),
    "to": _("Created to"),
    "check": _("Needs review"),
    "desk": _("Desk"),
    "figure": _("Figure"),
    "since": _("Updated since"),
    "sort": _("Sort"),
    "columns": _("Columns"),
}
"""Every parameter of the list, and what it is called."""

_ALLOWED: dict[str, list[str]] = {
    "state": ["open", "closed", *State],
    **{name: list(field.choices) for name, field in _FIELDS.items() if field.choices is not None},
    "check": ["yes"],
    "desk": list(Desk),
    "figure": list(Counted),
    "since": [LAST_VISIT],
    "sort": [*SORTS, *(f"-{name}" for name in SORTS)],
    "columns": list(COLUMNS),
}
_TICKS = tuple(name for name in LABELS if name in _FIELDS and name in _ALLOWED)
_TEXTS = tuple(name for name in LABELS if name in _FIELDS and name not in _ALLOWED)
_NAMES = ("site", "affected", "link", "responsible")
_FREE = {**dict.fromkeys(_NAMES, 255), **{n: _FIELDS[n].limit for n in _TEXTS}}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_DAYS = ("from", "to")
_ONE = ("q", "from", "to", "sort")
MAX_VALUES = 50
"""Values of one parameter: each is a chip with an address that holds all others, so a page of
thousands of them would have hundreds of megabytes."""
DEFAULT_SORT = "-changed"

_LOOKS = ("sort", "columns")
"""How the list looks, not what it shows."""
NO_FILTER = _("Saved filter not found, or it belongs to somebody else")
BACK_COOKIE = "list"
"""Holds the filter of the list that this browser showed last."""


def address_of_list(text: str) -> str:
    """The list with this query."""
    here = url_for("tickets.listing")
    return f"{here}?{text}" if text else here


def back_to_list() -> str:
    """The list as it was last shown to this browser."""
    return address_of_list(request.cookies.get(BACK_COOKIE, ""))


@dataclass(frozen=True)
class Column:
    """A head of the table; ``direction`` as in aria-sort, or ""."""

    key: str
    word: str
    url: str
    direction: str
    number: bool
    extra: bool
    """Whether it is not one of the usual ones."""


class ListQuery:
    """What an address asks of the list."""

    def __init__(self, arguments: MultiDict[str, str], *, sees_internal: bool = True) -> None:
        self.values: dict[str, list[str]] = {}
        self.notes: list[str] = []
        """What of the search was not used."""
        self.problems: list[str] = []
        self.had_empty = False
        days: dict[str, date] = {}
        if not sees_internal and arguments.getlist("check"):
            arguments = MultiDict(arguments)
            arguments.setlist("check", [])
            self.problems.append(_("Only operators see which tickets need review"))
        for name in LABELS:
            for value in self._not_too_many(name, arguments.getlist(name)):
                if name == "q":
                    value = self._search_text(value)
                if not value.strip():
                    self.had_empty = True
                    continue
                try:
                    days_or_text = _checked(name, value)
                except Invalid as error:
                    self.problems.append(error.message)
                    continue
                if isinstance(days_or_text, date):
                    days[name] = days_or_text
                self.values.setdefault(name, []).append(value)
        for name in _ONE:
            if len(self.values.get(name, ())) > 1:
                self.problems.append(
                    _("%(labels)s has several values; the first is used", labels=LABELS[name])
                )
                self.values[name] = self.values[name][:1]
        self.days = {
            name: date.fromisoformat(self.values[name][0]) for name in _DAYS if name in self.values
        }
        self.after_text = arguments.get("after", "")
        self.before_text = arguments.get("before", "")
        self.last = arguments.get("last") == "yes"
        self.saved = _read_key(arguments.get("filter", ""))
        """Key of the saved filter that the address names, 0 for none."""
        if not self.saved and arguments.get("filter"):
            self.problems.append(NO_FILTER)

    def _not_too_many(self, name: str, values: Sequence[str]) -> Sequence[str]:
        found = list(dict.fromkeys(values))
        if len(found) > MAX_VALUES:
            self.problems.append(
                _(
                    "%(labels)s has too many values; only the first %(max_values)s are used",
                    labels=LABELS[name],
                    max_values=MAX_VALUES,
                )
            )
        return found[:MAX_VALUES]

    def _search_text(self, value: str) -> str:
        """Any text is a search: what cannot be searched for is told, not refused."""
        text = _CONTROL.sub(" ", value)
        if len(text) > MAX_CHARACTERS:
            self.notes.append(
                _(
                    "Only the first %(max_characters)s characters were searched for",
                    max_characters=MAX_CHARACTERS,
                )
            )
            text = text[:MAX_CHARACTERS]
        self.notes += read_search(text).notes
        return text

    @property
    def sort(self) -> str:
        """The column and direction."""
        return self.first("sort") or DEFAULT_SORT

    def given(self, name: str) -> list[str]:
        """The values of one parameter."""
        return self.values.get(name, [])

    def first(self, name: str) -> str:
        """Its first value, or ""."""
        return self.given(name)[0] if self.given(name) else ""

    def filter(self, *, without_state: tuple[str, ...] = ("open",)) -> TicketFilter:
        """The filter in the words of the service.

        ``without_state`` is what an address means that names no state: a page the open ones, a file
        all (``()``).
        """

        def many(name: str) -> tuple[str, ...]:
            return tuple(self.given(name))

        return TicketFilter(
            text=self.first("q"),
            states=many("state") or without_state,
            values={name: many(name) for name in _FIELDS if name in self.values},
            sites=many("site"),
            affected=many("affected"),
            links=many("link"),
            responsible=many("responsible"),
            created_from=self.days.get("from"),
            created_to=self.days.get("to"),
            to_check=bool(self.given("check")),
            unseen=_unseen() if self.given("since") else None,
            desk=tuple(on_desk(Desk(word), now(), acting()) for word in self.given("desk")),
            counted=tuple(CountedAt(Counted(word), now()) for word in self.given("figure")),
            sort=self.sort,
        )

    def query_string(self, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        """The canonical query, with some parameters changed; ``filter`` names the saved one."""
        values: dict[str, Sequence[str]] = {**self.values, **(changed or {})}
        if self.saved:
            values.setdefault("filter", (str(self.saved),))
        pairs = [(name, value) for name in (*LABELS, "filter") for value in values.get(name, ())]
        return urlencode(pairs)

    def own_query(self) -> str:
        """The canonical query without the saved filter that it came from."""
        return self.query_string({"filter": ()})

    def after(self) -> Position | None:
        """The keyset position; one that cannot be read is a problem and the first page."""
        return self._position("after", self.after_text)

    def before(self) -> Position | None:
        """Likewise where the page is that before a position."""
        return self._position("before", self.before_text)

    def _position(self, name: str, text: str) -> Position | None:
        if not text:
            return None
        try:
            return read_position(text, self.sort)
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            self.problems.append(
                _("Invalid position in the list (%(name)s); the first page is shown", name=name)
            )
            return None


def _unseen() -> Unseen:
    """What the person who is logged in has not seen."""
    actor = acting()
    return Unseen(actor.account_id or 0, actor.account, current_user.seen_until or now())


def _read_key(text: str) -> int:
    usable = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if usable else 0


def _checked(name: str, value: str) -> str | date:
    label = LABELS[name]
    if name in _ALLOWED:
        if value not in _ALLOWED[name]:
            allowed = ", ".join(_ALLOWED[name])
            raise Invalid(
                name,
                _(
                    "%(label)s: unknown value. Use one of: %(allowed)s",
                    label=label,
                    allowed=allowed,
                ),
            )
        return value
    if name in _DAYS:
        return read_day(name, value, label)
    if name == "q":
        return value
    return checked_text(name, value, _FREE[name], label=label)


def _total(counts: Mapping[str, int] | None, states: Iterable[str]) -> str:
    """How many tickets of these states, in words; "" where it is not known."""
    if counts is None:
        return ""
    total = sum(counts.get(state, 0) for state in states)
    return f"{MAX_COUNTED:,}+" if total > MAX_COUNTED else str(total)


class Listing:
    """All that the list's template shows in addition to the rows."""

    def __init__(
        self,
        query: ListQuery,
        base: str,
        csv: str,
        workbook: str,
        nttdm: str,
        counts: Mapping[str, int] | None,
        *,
        found: Mapping[str, int] | None,
        to_check: int,
        anything: bool,
        remembered: str = "",
    ) -> None:
        self._query = query
        self._base = base
        self.problems = query.problems
        self.notes = query.notes
        self.given = query.given
        self.first = query.first
        self.counts = counts
        self.to_check = to_check
        self.nothing_at_all = not anything
        self.total = _total(found, query.filter().expanded_states())
        text = query.query_string()
        self.counts_url = ""
        if counts is None:
            self.counts_url = f"{base}?{text}{'&' if text else ''}counts=yes"
        self.url = self._to()
        shown_here = {} if self.given("state") else {"state": ("open",)}
        of_files = query.query_string(shown_here)
        self.csv = f"{csv}?{of_files}"
        self.workbook = f"{workbook}?{of_files}"
        self.nttdm = f"{nttdm}?{of_files}"
        emptied = [name for name in LABELS if name not in ("state", *_LOOKS)]
        self.clear = self._to(dict.fromkeys((*emptied, "filter"), ()))
        self.all_states = self._to({"state": ("open", "closed")})
        self.more = self.earlier = self.last = ""
        self.kept = [
            (name, value)
            for name in ("state", "check", "desk", "figure", "since", *_LOOKS)
            for value in self.given(name)
        ]
        if query.saved:
            self.kept.append(("filter", str(query.saved)))
        self.only_unseen = self._to({"since": (LAST_VISIT,)})
        self.own_query = query.own_query()
        self.whole_query = text
        shown = shown_columns(self.given("columns"), remembered)
        self.shown = [COLUMNS[key] for key in shown]
        self.not_shown = [column for column in COLUMNS.values() if column.key not in shown]
        self.width = width_class(shown)
        self.ticks = [(name, LABELS[name], _ALLOWED[name]) for name in _TICKS]
        self.texts = [(_FIELDS[name], DEFAULTS[name]) for name in _TEXTS]
        self.tabs = self._tabs()
        self.chips = list(self._chips())
        self.columns = list(self._columns())

    def shows(self, column: str) -> bool:
        """Whether this column is among those shown."""
        return any(one.key == column for one in self.shown)

    def set_pages(self, after: Position | None, before: Position | None) -> None:
        """There is a next page behind ``after``, and an earlier one before ``before``."""
        if after is not None:
            self.more = self._at("after", write_position(after))
            self.last = self._at("last", "yes")
        if before is not None:
            self.earlier = self._at("before", write_position(before))

    def _at(self, name: str, value: str) -> str:
        text = self._query.query_string()
        return f"{self._base}?{text}{'&' if text else ''}{name}={value}"

    def _to(self, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        text = self._query.query_string(changed)
        return f"{self._base}?{text}" if text else self._base

    def _tabs(self) -> list[Tab]:
        shown = set(self._query.filter().expanded_states())
        checking = bool(self._query.given("check"))

        def tab(word: str, states: Iterable[State], given: Sequence[str], gap: bool) -> Tab:
            states = tuple(states)
            current = shown == set(states) and not checking
            url = self._to({"state": given, "check": ()})
            return Tab(word, url, current, _total(self.counts, states), gap)

        known = self.counts or {}

        tabs = [tab(_("Open"), OPEN_STATES, (), gap=False)]
        tabs += [
            tab(said_word(state).capitalize(), (state,), (state,), gap=False)
            for state in OPEN_STATES
            if known.get(state) or shown == {state}
        ]
        tabs.append(tab(_("No longer open"), CLOSED_STATES, ("closed",), gap=True))
        tabs += [
            tab(said_word(state).capitalize(), (state,), (state,), gap=False)
            for state in (State.SOLVED, State.UNSOLVED, State.VERIFIED)
            if known.get(state) or shown == {state}
        ]
        if known.get(State.CLOSED):
            # no address: as a filter, "closed" means all states that are no longer open
            count = _total(self.counts, (State.CLOSED,))
            tabs.append(Tab(said_word(State.CLOSED).capitalize(), "", current=False, count=count))
        tabs.append(tab(_("All"), State, ("open", "closed"), gap=True))
        if self.to_check or checking:
            only: dict[str, Sequence[str]] = dict.fromkeys((*LABELS, "filter"), ())
            only["columns"] = self.given("columns")
            url = self._to({**only, "state": ("open", "closed"), "check": ("yes",)})
            tabs.append(Tab(_("Needs review"), url, checking, str(self.to_check), gap=True))
        return tabs

    def _chips(self) -> Iterable[Chip]:
        for name, label in LABELS.items():
            if name in ("state", "check", *_LOOKS):
                continue
            for value in self.given(name):
                rest = [other for other in self.given(name) if other != value]
                word = _("your last visit") if name == "since" else value
                yield Chip(label, word, self._to({name: rest}))
        shown = self._query.filter().expanded_states()
        if len(self.given("state")) > 1 and not any(tab.current for tab in self.tabs):
            yield Chip(_("State"), joined(", ", map(said_word, shown)), self._to({"state": ()}))

    def _columns(self) -> Iterable[Column]:
        sort = self._query.sort
        for column in self.shown:
            key, word, name, number = column.key, column.word, column.sort, column.number
            extra = not column.usual
            if name is None:
                yield Column(key, word, "", "", number, extra)
                continue
            down = sort == f"-{name}"
            here = sort.removeprefix("-") == name
            first = f"-{name}" if column.down_first else name
            other = name if down else f"-{name}"
            direction = ""
            if here:  # of a time as of a number: the newest first is descending
                direction = "descending" if down else "ascending"
            url = self._to({"sort": (other if here else first,)})
            yield Column(key, word, url, direction, number, extra)
