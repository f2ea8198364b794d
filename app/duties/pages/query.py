"""The query of the list of due tickets in an address; invalid parts are named and ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.core.rules.errors import Invalid
from app.core.rules.language import _, joined
from app.core.rules.quarters import Quarter
from app.core.rules.texts import checked_text
from app.core.web.list_filters import Chip
from app.duties.rules.duties import DutyStatus
from app.duties.services.duties import ALL, OPEN, STATES, THERE, DutyFilter, JudgedRule, recent_from
from app.registry.models.registry import Link
from app.registry.services.registry import find_site

STATE_WORDS: Final[Mapping[str, str]] = {
    OPEN: _("Not created (missing or due)"),
    DutyStatus.MISSING: _("Missing"),
    DutyStatus.DUE: _("Due (deadline not yet passed)"),
    DutyStatus.LATE: _("Ticket late"),
    DutyStatus.MET: _("Ticket on time"),
    THERE: _("Ticket exists"),
    ALL: _("All"),
}
"""The label of each state; its name is in addresses."""
_LABELS: Final = {
    "site": _("Responsible"),
    "end": _("T1 end"),
    "link": _("Link"),
    "from": _("From quarter"),
    "to": _("To quarter"),
    "rule": _("Rule"),
    "losses": _("Cut off"),
}
_MAX_LENGTH: Final = 100
EVER: Final = "all"
"""As the first quarter: from the beginning on."""


class DutyQuery:
    """The filter in an address. Without a quarter it means the recent ones."""

    def __init__(
        self,
        session: Session,
        arguments: MultiDict[str, str],
        rules: Sequence[JudgedRule],
        now: datetime,
    ) -> None:
        self.problems: list[str] = []
        self.values: dict[str, list[str]] = {}
        self._rows = session
        self._version: int | None = None
        self._sites: list[int] = []
        self._end: int | None = None
        self._link: int | None = None
        self._quarters: dict[str, Quarter] = {}
        self.state = arguments.get("state", "").strip() or OPEN
        if self.state not in STATES:
            self.problems.append(_("State: choose one of: %(listed)s", listed=", ".join(STATES)))
            self.state = OPEN
        self._recent = recent_from(now)
        if not any(name in arguments for name in ("from", "to", "quarter")):
            self._take("from", str(self._recent), rules)
        if quarter := arguments.get("quarter", "").strip():
            self._take("from", quarter, rules)
            self._take("to", quarter, rules)
        for name in _LABELS:
            given = [one.strip() for one in arguments.getlist(name) if one.strip()]
            if name == "from":
                given = [one for one in given if one != EVER]
            for value in given[:_MAX_LENGTH] if name == "site" else given[:1]:
                self._take(name, value, rules)
        if len(self._quarters) == 2 and self._quarters["to"] < self._quarters["from"]:
            self.problems.append(_("“To quarter” is before “From quarter”; both are ignored"))
            self._quarters = {}
            self.values.pop("from")
            self.values.pop("to")
        self.after = self._place(arguments.get("after", ""))

    def _take(self, name: str, value: str, rules: Sequence[JudgedRule]) -> None:
        try:
            text = checked_text(name, value[:_MAX_LENGTH], _MAX_LENGTH, label=_LABELS[name])
            shown = self._read(name, text, rules)
        except Invalid as error:
            self.problems.append(error.message)
            return
        if name != "site":
            self.values[name] = [shown]
        elif shown not in self.values.setdefault(name, []):
            self.values[name].append(shown)

    def _read(self, name: str, value: str, rules: Sequence[JudgedRule]) -> str:
        if name in ("from", "to"):
            try:
                self._quarters[name] = Quarter.parse(value, name)
            except Invalid as error:
                raise Invalid(name, joined(": ", (_LABELS[name], error.message))) from None
            return value
        if name == "losses":
            if value != "yes":
                raise Invalid(name, _("Cut off: the only value is yes"))
            return value
        if name == "rule":
            found = next((one for one in rules if one.label == value), None)
            if found is None:
                raise Invalid(
                    name,
                    _(
                        "Rule: choose one of: %(listed)s",
                        listed=", ".join(one.label for one in rules),
                    ),
                )
            self._version = found.version_id
            return value
        if name == "link":
            self._link = self._rows.scalar(select(Link.id).where(Link.name == value))
            if self._link is None:
                raise Invalid(name, _("Link: unknown id"))
            return value
        site = find_site(self._rows, value)
        if site is None:
            raise Invalid(name, _("%(labels)s: unknown name", labels=_LABELS[name]))
        if name == "site":
            self._sites.append(site.id)
        else:
            self._end = site.id
        return site.key

    def _place(self, text: str) -> tuple[datetime, int] | None:
        if not text:
            return None
        moment, _tilde, number = text.partition("~")
        try:
            return datetime.fromisoformat(moment).astimezone(UTC), int(number[:10])
        except (ValueError, OverflowError):
            self.problems.append(_("Invalid position in the list; the first page is shown"))
            return None

    @property
    def filter(self) -> DutyFilter:
        """The filter for the service."""
        return DutyFilter(
            version_id=self._version,
            site_ids=self._sites,
            end_id=self._end,
            link_id=self._link,
            first=self._quarters.get("from"),
            last=self._quarters.get("to"),
            state=self.state,
            losses_only="losses" in self.values,
        )

    @property
    def is_recent(self) -> bool:
        """Whether it means the recent quarters, and so omits older ones."""
        return self.first("from") == str(self._recent) and not self.first("to")

    @property
    def older(self) -> DutyFilter:
        """The same for all quarters before the recent ones."""
        return replace(self.filter, first=None, last=self._recent.previous)

    @property
    def older_url(self) -> str:
        """The address of that list."""
        return self.url(**{"from": "", "to": str(self._recent.previous)})

    @property
    def rule(self) -> str:
        """The requested rule, or "" for the rules in force."""
        return self.first("rule")

    def first(self, name: str) -> str:
        """The first value of a parameter, or ""."""
        return (self.values.get(name) or [""])[0]

    def url(self, endpoint: str = "duty.listing", **other: str | Sequence[str]) -> str:
        """The address of this filter, with other values of some parameters ("" = without)."""
        return self._address(endpoint, other)

    @property
    def file_urls(self) -> Mapping[str, str]:
        """The addresses of this list as files, by kind."""
        query = self.url().partition("?")[2]
        bases = {
            "csv": url_for("duty.download"),
            "xlsx": url_for("duty.download_whole", kind="xlsx"),
            "pptx": url_for("duty.download_whole", kind="pptx"),
        }
        return {kind: f"{base}?{query}" if query else base for kind, base in bases.items()}

    def _address(self, endpoint: str, other: Mapping[str, str | Sequence[str]]) -> str:
        values: dict[str, str | Sequence[str]] = {**self.values, "state": self.state, **other}
        if values["state"] == OPEN:
            values.pop("state")
        if not values.get("to"):
            first = values.get("from") or [EVER]
            values["from"] = "" if first in ([str(self._recent)], str(self._recent)) else first
        given = urlencode({name: value for name, value in values.items() if value}, doseq=True)
        base = url_for(endpoint)
        return f"{base}?{given}" if given else base

    def chips(self) -> Sequence[Chip]:
        """The filters that are set, each with the list without it."""
        return [
            Chip(
                _LABELS[name],
                value,
                self._address("duty.listing", {name: [one for one in given if one != value]}),
            )
            for name, given in self.values.items()
            for value in given
        ]

    def next_url(self, more: tuple[datetime, int]) -> str:
        """The list from that row on."""
        return self.url(after=f"{more[0].astimezone(UTC).isoformat()}~{more[1]}")
