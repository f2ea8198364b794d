"""Names, contacts, circuits, days and periods of the registry: what sites and links are made of.

Days are dates without a zone; "until" is always the first day on which something is out of use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

from app.core.rules.errors import Invalid
from app.core.rules.language import _


def free_place(taken: Iterable[float]) -> float:
    """The position of a new site on the ring of the map: in the middle of the widest gap between
    the places that are taken, of equal ones the first from the top. Degrees, clockwise from the
    top."""
    places = sorted(taken)
    if not places:
        return 0.0
    gaps = [after - before for before, after in pairwise([*places, places[0] + 360])]
    widest = max(gaps)
    return (places[gaps.index(widest)] + widest / 2) % 360


class LinkRole(StrEnum):
    """What a link is for."""

    PRIMARY = "primary"
    BACKUP = "backup"


class NameSystem(StrEnum):
    """Where a site has a name; ``short`` is the form used in link ids."""

    LHCOPN = "LHCOPN"
    GOCDB = "GOCDB"
    CRIC = "CRIC"
    NETSITE = "NetSite"
    SHORT = "short"


class ContactRole(StrEnum):
    """What a contact answers for."""

    NETWORK = "network"
    SECURITY = "security"
    REPORTS = "reports"
    MANAGEMENT = "management"


@dataclass(frozen=True)
class SiteNameValue:
    """One name of a site in one system (see ``NameSystem``), with the days of its validity."""

    system: str
    name: str
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class ContactValue:
    """Who answers for a site in one role (see ``ContactRole``)."""

    role: str
    name: str
    mail: str = ""
    phone: str = ""


@dataclass(frozen=True)
class CircuitValue:
    """A provider's part of a link, with the provider's own id where it is known."""

    provider: str
    circuit_id: str = ""


MAX_ASN: Final = 4_294_967_295
_SHOWN = 60
"""Characters of a wrong value that an error repeats."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def quoted(value: object) -> str:
    """A wrong value as an error repeats it: in quotes, its beginning only if it is long."""
    text = str(value)
    return f'"{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"}"'


def read_day(field: str, text: str, *, label: str | None = None) -> date | None:
    """The day that ``text`` (YYYY-MM-DD) names, None where it is empty; else ``Invalid``."""
    stripped = text.strip()
    if not stripped:
        return None
    if _DAY.fullmatch(stripped):
        try:
            day = date.fromisoformat(stripped)
        except ValueError:
            day = None
        if day is not None and 1900 <= day.year <= 2999:
            return day
    name = label or field
    raise Invalid(
        field,
        _(
            "%(name)s %(text)s is not a date; use YYYY-MM-DD, 1900 to 2999",
            name=name,
            text=quoted(text),
        ),
    )


def read_asn(field: str, text: str) -> int:
    """The ASN that ``text`` says (``513`` or ``AS513``), else ``Invalid``."""
    digits = re.fullmatch(r"\s*(?:AS)?([0-9]{1,12})\s*", text, re.IGNORECASE)
    if digits is None:
        raise Invalid(
            field,
            _(
                "%(text)s is not an ASN; use a number from 1 to %(max_asn)s",
                text=quoted(text),
                max_asn=MAX_ASN,
            ),
        )
    return checked_asn(field, int(digits[1]))


def checked_asn(field: str, value: int) -> int:
    """``value`` if it can be an ASN, else ``Invalid``."""
    if not 1 <= value <= MAX_ASN:
        raise Invalid(
            field,
            _(
                "%(value)s is not an ASN; use a number from 1 to %(max_asn)s",
                value=quoted(value),
                max_asn=MAX_ASN,
            ),
        )
    return value


def check_order(
    field: str, start: date | None, end: date | None, what: str, until: str = _("its first day")
) -> None:
    """Raise ``Invalid`` on ``field`` unless ``end``, the first day after, is behind ``start``."""
    if start is not None and end is not None and end <= start:
        raise Invalid(
            field,
            _(
                "%(what)s ends on %(end)s, not after %(until)s, %(start)s; a later day is allowed",
                what=what,
                end=end,
                until=until,
                start=start,
            ),
        )


def overlap(
    first: tuple[date | None, date | None], second: tuple[date | None, date | None]
) -> bool:
    """Whether two periods (from, until; None = unbounded) share a day."""
    (start, end), (other_start, other_end) = first, second
    return (end is None or other_start is None or other_start < end) and (
        other_end is None or start is None or start < other_end
    )


def common(
    first: tuple[date | None, date | None], second: tuple[date | None, date | None]
) -> tuple[date | None, date | None]:
    """What two periods share; a period that ends before it begins if they share nothing."""
    starts = [day for day in (first[0], second[0]) if day is not None]
    ends = [day for day in (first[1], second[1]) if day is not None]
    return (max(starts, default=None), min(ends, default=None))


def covers(period: tuple[date | None, date | None], day: date) -> bool:
    """Whether ``day`` lies in the period (from, until; None = unbounded)."""
    start, end = period
    return (start is None or start <= day) and (end is None or day < end)


def bandwidth_text(value: float | None) -> str | None:
    """Gb/s without needless digits: ``100``, ``2.5``."""
    if value is None:
        return None
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def name_text(value: SiteNameValue) -> str:
    """``GOCDB FZK-LCG2``, followed by `` @from..until`` where it has days."""
    days = ""
    if value.valid_from is not None or value.valid_until is not None:
        days = f" @{value.valid_from or ''}..{value.valid_until or ''}"
    return f"{value.system} {value.name}{days}"


_NAME = re.compile(r"(\S+) (.*?)(?: @([0-9-]*)\.\.([0-9-]*))?")


def names_from_text(text: str) -> tuple[SiteNameValue, ...]:
    """The names that ``logged`` wrote, back from their text."""
    found = []
    for part in text.split("; "):
        match = _NAME.fullmatch(part)
        if match is not None:
            start, end = (date.fromisoformat(day) if day else None for day in match.group(3, 4))
            found.append(SiteNameValue(match[1], match[2], start, end))
    return tuple(found)


def contact_text(value: ContactValue) -> str:
    """``network: Sample NOC, noc@site.example, +00 0``."""
    return f"{value.role}: " + ", ".join(filter(None, (value.name, value.mail, value.phone)))


def circuit_text(value: CircuitValue) -> str:
    """``Provider: circuit id``, or the provider alone."""
    return f"{value.provider}: {value.circuit_id}" if value.circuit_id else value.provider
