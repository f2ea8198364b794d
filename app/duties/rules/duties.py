"""When a ticket is required: rules of clauses, with a deadline and a responsible site.

A rule is data: people compose new ones of the same parts. The figures
(``app/duties/figures/duties.py``) decide which detected events require a ticket.

Lengths are of the whole event, from its first start to its last end (decisions, section 9); for a
loss of service they are of the loss. Times are UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _, joined, said_word


class ClauseKind(StrEnum):
    """What has to happen."""

    ANY = "down or degraded"
    DOWN = "down"
    DEGRADED = "degraded"
    LOSS = "loss of service"
    """No LHCOPN link of a T1 and no recorded backup is up; degraded counts as up."""
    FLAPS = "flaps"
    """Many raw starts on one link within some minutes."""


class Scope(StrEnum):
    """Where it has to happen."""

    NETWORK = "the whole network"
    T0_T1 = "T0 or T1"
    T0 = "T0"
    T1 = "T1"


_AT: Final = {
    Scope.T0_T1: _("at the T0 or a T1"),
    Scope.T0: _("at the T0"),
    Scope.T1: _("at a T1"),
}
"""The place of a clause, as its text has it; a clause about the whole network names none."""


class Role(StrEnum):
    """On which links."""

    ANY = "any"
    PRIMARY = "primary"
    BACKUP = "backup"


class Lhc(StrEnum):
    """When."""

    ALWAYS = "always"
    RUNNING = "the detectors run"
    STOPPED = "the detectors do not run"


class DutyStatus(StrEnum):
    """The status of a duty."""

    MET = "met"
    LATE = "late"
    """Written after it was due."""
    MISSING = "missing"
    DUE = "due"
    """Not written yet, but not late either."""


MAX_CLAUSES: Final = 6
MAX_MINUTES: Final = 60 * 24 * 31
MAX_FLAPS: Final = 1000
MAX_HOURS: Final = 24 * 31
USUAL_HOURS: Final = 24
"""Deadline of a required ticket, from the event's start (decisions, section 9: assumed)."""


@dataclass(frozen=True)
class Clause:
    """One condition under which a rule requires a ticket. All of its parts must be true."""

    kind: str = ClauseKind.ANY
    scope: str = Scope.NETWORK
    minutes: int = 0
    """The shortest length; for flaps, the span in which they are counted."""
    strictly: bool = False
    """Longer than ``minutes``; otherwise at least that long."""
    flaps: int = 0
    """More than this many, for flaps."""
    role: str = Role.ANY
    lhc: str = Lhc.ALWAYS
    maintenance: bool = True
    """Whether an event within an announced maintenance counts."""

    def words(self) -> str:
        """The clause as people read it."""
        if self.kind == ClauseKind.FLAPS:
            what = _(
                "%(link)s flaps more than %(flaps)s times in any %(minutes)s minutes",
                link=self._link(),
                flaps=self.flaps,
                minutes=self.minutes,
            )
        else:
            what = self._what()
            if self.minutes == 0 and not self.strictly:
                length = _("for any length of time")
            else:
                bound = _("more than") if self.strictly else _("at least")
                length = _("for %(bound)s %(minutes)s minutes", bound=bound, minutes=self.minutes)
            what = joined(" ", (what, length))
        parts = [what]
        if self.lhc != Lhc.ALWAYS:
            parts.append(_("while %(lhc)s", lhc=said_word(self.lhc)))
        if not self.maintenance:
            parts.append(_("maintenance excluded"))
        return joined(", ", parts)

    def _what(self) -> str:
        """What happens, and where; for how long is not in it."""
        if self.kind == ClauseKind.LOSS:  # whatever its scope: only a T1 can lose its service
            return joined(" ", (said_word(self.kind), _AT[Scope.T1]))
        return _("%(link)s is %(state)s", link=self._link(), state=said_word(self.kind))

    def _link(self) -> str:
        """The links that the clause is about: ``a backup link at the T0 or a T1``."""
        link = (
            _("a link")
            if self.role == Role.ANY
            else _("a %(role)s link", role=said_word(self.role))
        )
        if self.scope == Scope.NETWORK:
            return link
        return joined(" ", (link, _AT[Scope(self.scope)]))


@dataclass(frozen=True)
class Rule:
    """Clauses, of which one is enough, and the hours within which the ticket must be written."""

    clauses: tuple[Clause, ...]
    hours: int = USUAL_HOURS

    def as_text(self) -> str:
        """As it is stored."""
        return json.dumps({"hours": self.hours, "clauses": [asdict(one) for one in self.clauses]})


def rule_of_text(text: str) -> Rule:
    """Read a stored rule."""
    known = json.loads(text)
    return Rule(tuple(Clause(**one) for one in known["clauses"]), known["hours"])


R2009: Final = Rule(
    (
        Clause(ClauseKind.ANY, minutes=60, strictly=True),
        Clause(ClauseKind.FLAPS, minutes=60, flaps=5),
    )
)
"""In force from 2009-02-01 (decisions, section 9)."""


def duty_status(due_at: datetime, there_at: datetime | None, now: datetime) -> DutyStatus:
    """The status of a duty; a ticket at exactly the deadline is in time."""
    if there_at is not None:
        return DutyStatus.MET if there_at <= due_at else DutyStatus.LATE
    return DutyStatus.DUE if now <= due_at else DutyStatus.MISSING


# ---------- rules composed by people

_KINDS: Final[Mapping[str, type[StrEnum]]] = {
    "kind": ClauseKind,
    "scope": Scope,
    "role": Role,
    "lhc": Lhc,
}
LABELS: Final[Mapping[str, str]] = {
    "kind": _("Event"),
    "scope": _("Where"),
    "minutes": _("Minutes"),
    "strictly": _("Length"),
    "flaps": _("Flaps"),
    "role": _("Links"),
    "lhc": "LHC",
    "maintenance": _("Maintenance"),
    "hours": _("Hours to create the ticket"),
}


def checked_rule(clauses: Sequence[Mapping[str, Any]], hours: object) -> Rule:
    """Check a rule that a person entered; raises ``InvalidMany`` with fields as ``kind-0``."""
    problems: dict[str, str] = {}
    if not 1 <= len(clauses) <= MAX_CLAUSES:
        raise Invalid("clauses", _("Enter 1 to %(max_clauses)s clauses", max_clauses=MAX_CLAUSES))
    checked_hours = _number(problems, "hours", LABELS["hours"], hours, 1, MAX_HOURS)
    made = [_checked_clause(problems, number, one) for number, one in enumerate(clauses)]
    if problems:
        raise InvalidMany(problems)
    if len(set(made)) < len(made):
        raise Invalid("clauses", _("Two clauses are the same"))
    return Rule(tuple(made), checked_hours)


def _checked_clause(problems: dict[str, str], number: int, stated: Mapping[str, Any]) -> Clause:
    values: dict[str, Any] = {}
    for name, choices in _KINDS.items():
        value = str(stated.get(name, ""))
        if value not in list(choices):
            problems[f"{name}-{number}"] = _(
                "%(labels)s: choose one of: %(listed)s",
                labels=LABELS[name],
                listed=", ".join(choices),
            )
        values[name] = value
    is_flaps = values["kind"] == ClauseKind.FLAPS
    values["minutes"] = _number(
        problems,
        f"minutes-{number}",
        LABELS["minutes"],
        stated.get("minutes") or "0",
        1 if is_flaps else 0,
        MAX_MINUTES,
    )
    values["strictly"] = bool(stated.get("strictly")) and not is_flaps
    values["flaps"] = 0
    if is_flaps:
        values["flaps"] = _number(
            problems, f"flaps-{number}", LABELS["flaps"], stated.get("flaps"), 1, MAX_FLAPS
        )
    values["maintenance"] = bool(stated.get("maintenance", True))
    if values["kind"] == ClauseKind.LOSS and values["role"] != Role.ANY:
        problems[f"role-{number}"] = _("A loss of service concerns all links of a T1: choose “any”")
    if values["kind"] == ClauseKind.LOSS and values["scope"] == Scope.T0:
        problems[f"scope-{number}"] = _("A loss of service is always at a T1: choose “T0 or T1”")
    return Clause(**values)


def _number(
    problems: dict[str, str], field_name: str, label: str, value: object, least: int, most: int
) -> int:
    text = str(value if value is not None else "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8 and least <= int(text) <= most:
        return int(text)
    problems[field_name] = _(
        "%(label)s: enter a whole number from %(least)s to %(most)s",
        label=label,
        least=least,
        most=most,
    )
    return least
