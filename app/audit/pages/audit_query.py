"""The audit's filter in the address: reading it, and the addresses of its tabs, chips and pages.

The address is the state, as of the list of tickets: what cannot be used is named and left out.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from app.audit.services.audit import MAX_LENGTHS, AuditFilter, AuditPage, Position
from app.core.rules.access import Door, door_words
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.web.list_filters import Chip, Tab, read_day
from app.core.web.positions import read_position, write_position

CHANGES, REFUSALS, LOGINS = "changes", "refusals", "logins"
LISTS = {CHANGES: _("Changes"), REFUSALS: _("Refused rights"), LOGINS: _("Failed logins")}
"""The lists of the audit and what each is called."""
KINDS = (
    "site",
    "link",
    "lhc period",
    "duty rule",
    "matching rule",
    "person",
    "partner",
    "account",
    "secret",
    "token",
    "feed",
    "setting",
    "unit",
    "name",
    "mail",
    "mail stop",
    "event source",
    "report",
    "report form",
    "report quiet",
    "report reminder",
    "event",
    "ticket",
)
"""Kinds of things that may be selected although none was changed yet."""
LABELS = {
    "list": _("List"),
    "kind": _("Kind"),
    "thing": _("Thing"),
    "who": _("Who"),
    "door": _("Channel"),
    "field": _("Field"),
    "from": _("From"),
    "to": _("To"),
}
"""Every parameter, and what it is called."""
_USED = {
    CHANGES: ("kind", "thing", "who", "door", "field", "from", "to"),
    REFUSALS: ("who", "door", "from", "to"),
    LOGINS: ("who", "from", "to"),
}


class AuditQuery:
    """What an address asks of the audit. ``known_kinds``: those of which changes exist."""

    def __init__(self, arguments: MultiDict[str, str], known_kinds: Iterable[str]) -> None:
        self.problems: list[str] = []
        self.kinds = tuple(dict.fromkeys((*KINDS, *known_kinds)))
        chosen = arguments.get("list", "") or CHANGES
        if chosen not in LISTS:
            self.problems.append(_("List: use one of: %(listed)s", listed=", ".join(LISTS)))
            chosen = CHANGES
        self.list = chosen
        self.values: dict[str, list[str]] = {}
        self._days: dict[str, date] = {}
        for name in _USED[chosen]:
            for value in dict.fromkeys(arguments.getlist(name)):
                if value.strip():
                    self._take(name, value.strip())
        self.after = self._position(arguments, "after")
        self.before = self._position(arguments, "before") if self.after is None else None

    def _take(self, name: str, value: str) -> None:
        label = LABELS[name]
        try:
            if name == "kind":
                _check_choice(name, value, self.kinds)
            elif name == "door":
                _check_choice(name, value, [str(door) for door in Door])
            elif name in ("from", "to"):
                self._days[name] = read_day(name, value, label)
            else:
                value = checked_text(name, value, MAX_LENGTHS[name], label=label)
            if name != "kind" and name in self.values:
                raise Invalid(
                    name, _("%(label)s has several values; the first is used", label=label)
                )
        except Invalid as error:
            self.problems.append(error.message)
            return
        self.values.setdefault(name, []).append(value)

    def _position(self, arguments: MultiDict[str, str], name: str) -> Position | None:
        text = arguments.get(name, "")
        if not text:
            return None
        try:
            value, number = read_position(text, "-created")
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            self.problems.append(
                _("Invalid position in the list (%(name)s); the first page is shown", name=name)
            )
            return None
        return value, number

    def given(self, name: str) -> Sequence[str]:
        """The values of one parameter."""
        return self.values.get(name, [])

    def first(self, name: str) -> str:
        """Its value, or ""."""
        return self.given(name)[0] if self.given(name) else ""

    def uses(self, name: str) -> bool:
        """Whether this list can be filtered by it."""
        return name in _USED[self.list]

    def filter(self) -> AuditFilter:
        """The filter in the words of the service."""
        return AuditFilter(
            kinds=tuple(self.given("kind")),
            thing=self.first("thing"),
            who=self.first("who"),
            door=self.first("door"),
            field=self.first("field"),
            first_day=self._days.get("from") if "from" in self.values else None,
            last_day=self._days.get("to") if "to" in self.values else None,
        )

    def url(self, base: str, changed: Mapping[str, Sequence[str]] | None = None) -> str:
        """The address of this list with some parameters changed, at its first page."""
        named: Sequence[str] = () if self.list == CHANGES else (self.list,)
        values: dict[str, Sequence[str]] = {"list": named, **self.values, **(changed or {})}
        pairs = [(name, value) for name in LABELS for value in values.get(name, ())]
        return f"{base}?{urlencode(pairs)}" if pairs else base

    def page_url(self, base: str, name: str, place: Position | None) -> str:
        """The address of the page behind (``after``) or before a place; "" for None."""
        if place is None:
            return ""
        url = self.url(base)
        return f"{url}{'&' if '?' in url else '?'}{name}={write_position(place)}"


class AuditListing:
    """What the template shows in addition to the rows."""

    def __init__(self, query: AuditQuery, base: str, csv: str, page: AuditPage[Any]) -> None:
        self.query = query
        self.base = base
        self.problems = query.problems
        self.csv = query.url(csv)
        self.older = query.page_url(base, "after", page.older)
        self.newer = query.page_url(base, "before", page.newer)
        self.newest = query.url(base)
        self.searched_to = page.searched_to
        self.tabs = [
            Tab(
                word,
                query.url(
                    base,
                    {
                        "list": () if name == CHANGES else (name,),
                        **{key: () for key in _USED[CHANGES] if key not in _USED[name]},
                    },
                ),
                name == query.list,
            )
            for name, word in LISTS.items()
        ]
        self.chips = [
            Chip(
                LABELS[name],
                door_words(value) if name == "door" else value,
                query.url(base, {name: [other for other in query.given(name) if other != value]}),
            )
            for name in _USED[query.list]
            for value in query.given(name)
        ]
        self.clear = query.url(base, {name: () for name in LABELS if name != "list"})


def _check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise Invalid(
            name,
            _(
                "%(labels)s: unknown value. Use one of: %(listed)s",
                labels=LABELS[name],
                listed=", ".join(allowed),
            ),
        )
