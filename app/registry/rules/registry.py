"""What a site and a link may hold: the values of the registry and the rules that need no database.

Days are dates without a zone; "until" is always the first day on which something no longer is.
Everything that is refused raises ``Invalid`` or, all at once, ``InvalidMany`` by field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from ipaddress import ip_network
from typing import Any, TypeVar
from zoneinfo import available_timezones

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.texts import checked_addresses, checked_choice, checked_text
from app.registry.rules.networks import Network

T = TypeVar("T")


class LinkRole(StrEnum):
    """What a link is for."""

    PRIMARY = "primary"
    BACKUP = "backup"


class NameSystem(StrEnum):
    """Where a site bears a name; ``short`` is the form used in link ids."""

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


SITE_FIELDS = (
    "key",
    "country",
    "time_zone",
    "tier",
    "tier_since",
    "tier_until",
    "valid_from",
    "valid_until",
    "bandwidth_gbps",
    "nrens",
    "vos",
    "asns",
    "prefixes",
    "names",
    "contacts",
)
"""The fields of a site that its verbs take, and under which the change log keeps them."""
LINK_FIELDS = (
    "name",
    "network",
    "end_a",
    "end_b",
    "role",
    "backs_up",
    "responsible_site",
    "bandwidth_gbps",
    "valid_from",
    "valid_until",
    "circuits",
)
"""The same of a link."""
LABELS: Mapping[str, str] = {
    "key": "LHCOPN name",
    "country": "Country",
    "time_zone": "Time zone",
    "tier": "Tier",
    "tier_since": "Tier since",
    "tier_until": "Tier until",
    "valid_from": "Valid from",
    "valid_until": "Valid until",
    "bandwidth_gbps": "Bandwidth",
    "nrens": "NRENs",
    "vos": "VOs",
    "asns": "ASNs",
    "prefixes": "Prefixes",
    "names": "Names",
    "contacts": "Contacts",
    "name": "Link id",
    "network": "Network",
    "end_a": "First end",
    "end_b": "Second end",
    "role": "Role",
    "backs_up": "Backs up",
    "responsible_site": "Responsible site",
    "circuits": "Circuits",
}
_FACTS: Mapping[str, str] = {
    "tier_since": "tier",
    "tier_until": "tier",
    "valid_from": "validity",
    "valid_until": "validity",
    "end_a": "ends",
    "end_b": "ends",
}


def fact_of(field: str) -> str:
    """The fact to which a field belongs: its parts share one source (tier, validity, ends)."""
    return _FACTS.get(field, field)


SITE_FACTS = tuple(dict.fromkeys(map(fact_of, SITE_FIELDS)))
LINK_FACTS = tuple(dict.fromkeys(map(fact_of, LINK_FIELDS)))

_KEY_LIMIT, _NAME_LIMIT, _LIST_LIMIT, _MAIL_LIMIT = 50, 100, 255, 254
_MOST_ROWS = 200
"""Rows of one list of a record, such as its prefixes."""
_LARGEST_ASN = 4_294_967_295
_MOST_GBPS = 1_000_000
_SHOWN = 60
"""Characters of a wrong value that an error repeats."""
_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR"
    " BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ"
    " EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW"
    " GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY"
    " KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV"
    " MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY"
    " QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG"
    " TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM"
    " ZW"
)
"""ISO 3166-1 alpha-2, the codes that are assigned."""
_RESERVED = ("new", ".", "..")
_TWO_CAPITALS = re.compile("[A-Z]{2}")
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
    name = label or LABELS.get(field, field)
    raise Invalid(field, f"{name} {quoted(text)} is no day; write YYYY-MM-DD, 1900 to 2999")


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _word(field: str, value: str, limit: int, label: str) -> str:
    """A text of one line that stands in lists separated by ``;``: trimmed, not empty."""
    text = checked_text(field, value.strip(), limit, label=label)
    if not text:
        raise Invalid(field, f"{label} is empty; say one")
    if any(sign in text for sign in "\n\r\t;"):
        raise Invalid(field, f"{label} {quoted(text)} holds a line break, tab or semicolon")
    return text


def _optional_word(field: str, value: str, limit: int, label: str) -> str:
    return _word(field, value, limit, label) if value.strip() else ""


def _key(field: str, value: str) -> str:
    """A name that stands in addresses: ``/sites/DE-KIT``."""
    name = _word(field, value, _KEY_LIMIT if field == "key" else _NAME_LIMIT, LABELS[field])
    if "/" in name or name in _RESERVED:
        raise Invalid(
            field,
            f"{LABELS[field]} {quoted(name)} stands in addresses;"
            f" none with a slash is allowed, nor {', '.join(_RESERVED)}",
        )
    return name


def _country(field: str, value: str) -> str:
    if not _TWO_CAPITALS.fullmatch(value) or value not in _COUNTRIES:
        raise Invalid(
            field,
            f"{quoted(value)} is no country; two capitals of ISO 3166 are allowed, such as CH",
        )
    return value


def _time_zone(field: str, value: str) -> str:
    if value not in _time_zones():
        raise Invalid(
            field,
            f"{quoted(value)} is no time zone; IANA names are allowed, such as Europe/Berlin",
        )
    return value


def _tier(field: str, value: int | None) -> int | None:
    if value is not None and value not in (0, 1):
        raise Invalid(field, "A site is T0, T1 or neither; 0, 1 and nothing are allowed")
    return value


def _day(field: str, value: date | None) -> date | None:
    return value


def _bandwidth(field: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value) or not 0 < value <= _MOST_GBPS:
        raise Invalid(
            field, f"Bandwidth {quoted(value)} is none; Gb/s above 0 and up to {_MOST_GBPS}"
        )
    return float(value)


def _words(field: str, values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(
        dict.fromkeys(_word(field, value, _NAME_LIMIT, LABELS[field]) for value in values)
    )
    if len("; ".join(found)) > _LIST_LIMIT:
        raise Invalid(field, f"{LABELS[field]} take at most {_LIST_LIMIT} characters together")
    return found


def _bounded(field: str, rows: Iterable[T]) -> tuple[T, ...]:
    found = tuple(rows)
    if len(found) > _MOST_ROWS:
        raise Invalid(
            field, f"{LABELS[field]} has {len(found)} rows; at most {_MOST_ROWS} are allowed"
        )
    return found


def _asns(field: str, values: Iterable[int]) -> tuple[int, ...]:
    found = _bounded(field, values)
    for value in found:
        if not 1 <= value <= _LARGEST_ASN:
            raise Invalid(
                field, f"{quoted(value)} is no ASN; numbers from 1 to {_LARGEST_ASN} are allowed"
            )
    return tuple(sorted(set(found)))


def read_asn(field: str, text: str) -> int:
    """The ASN that ``text`` says (``513`` or ``AS513``), else ``Invalid``."""
    digits = re.fullmatch(r"\s*(?:AS)?([0-9]{1,12})\s*", text, re.IGNORECASE)
    if digits is None:
        raise Invalid(
            field, f"{quoted(text)} is no ASN; numbers from 1 to {_LARGEST_ASN} are allowed"
        )
    return _asns(field, (int(digits[1]),))[0]


def _prefix(field: str, text: str) -> str:
    wrong = f"Prefix {quoted(text)} is none; write 192.0.2.0/24 or 2001:db8::/32"
    if "/" not in text:
        raise Invalid(field, wrong)
    stripped = text.strip()
    try:
        canonical = str(ip_network(stripped))
    except ValueError:
        try:
            meant = str(ip_network(stripped, strict=False))
        except ValueError:
            raise Invalid(field, wrong) from None
        raise Invalid(
            field, f"Prefix {quoted(text)} has bits behind its length; {meant} holds it"
        ) from None
    if canonical != stripped.lower() or "%" in canonical:
        raise Invalid(field, f"Prefix {quoted(text)} is not canonical; write {canonical}")
    return canonical


def _prefixes(field: str, rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        dict.fromkeys(
            (checked_choice(field, network, Network, "Network").value, _prefix(field, prefix))
            for network, prefix in _bounded(field, rows)
        )
    )


def _names(field: str, rows: Iterable[SiteNameValue]) -> tuple[SiteNameValue, ...]:
    found: dict[tuple[str, str], SiteNameValue] = {}
    for row in _bounded(field, rows):
        system = checked_choice(field, row.system, NameSystem, "System").value
        name = _word(field, row.name, _NAME_LIMIT, "Name")
        if " @" in name:
            raise Invalid(field, f'Name {quoted(name)} holds " @", which parts it from its days')
        check_order(field, row.valid_from, row.valid_until, f"Name {quoted(name)}")
        if (system, name) in found:
            raise Invalid(field, f"Name {quoted(name)} stands twice for {system}")
        found[system, name] = SiteNameValue(system, name, row.valid_from, row.valid_until)
    return tuple(found.values())


def _contacts(field: str, rows: Iterable[ContactValue]) -> tuple[ContactValue, ...]:
    return tuple(
        dict.fromkeys(
            ContactValue(
                checked_choice(field, row.role, ContactRole, "Role").value,
                _word(field, row.name, _LIST_LIMIT, "Contact"),
                checked_addresses(
                    field,
                    _optional_word(field, row.mail, _MAIL_LIMIT, "Mail address"),
                    label="A contact's mail",
                ),
                _optional_word(field, row.phone, _NAME_LIMIT, "Phone"),
            )
            for row in _bounded(field, rows)
        )
    )


def _circuits(field: str, rows: Iterable[CircuitValue]) -> tuple[CircuitValue, ...]:
    return tuple(
        dict.fromkeys(
            CircuitValue(
                _word(field, row.provider, _NAME_LIMIT, "Provider"),
                _optional_word(field, row.circuit_id, _NAME_LIMIT, "Circuit id"),
            )
            for row in _bounded(field, rows)
        )
    )


def _network(field: str, value: str) -> str:
    return checked_choice(field, value, Network, "Network").value


def _role(field: str, value: str) -> str:
    return checked_choice(field, value, LinkRole, "Role").value


def _reference(field: str, value: str) -> str:
    return checked_text(field, value, _LIST_LIMIT, label=LABELS[field]).strip()


_SITE_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "key": _key,
    "country": _country,
    "time_zone": _time_zone,
    "tier": _tier,
    "tier_since": _day,
    "tier_until": _day,
    "valid_from": _day,
    "valid_until": _day,
    "bandwidth_gbps": _bandwidth,
    "nrens": _words,
    "vos": _words,
    "asns": _asns,
    "prefixes": _prefixes,
    "names": _names,
    "contacts": _contacts,
}
_LINK_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "name": _key,
    "network": _network,
    "end_a": _reference,
    "end_b": _reference,
    "role": _role,
    "backs_up": _reference,
    "responsible_site": _reference,
    "bandwidth_gbps": _bandwidth,
    "valid_from": _day,
    "valid_until": _day,
    "circuits": _circuits,
}


def checked_site(stated: Mapping[str, Any]) -> dict[str, Any]:
    """The stated fields of a site in their stored form; ``InvalidMany`` names all that are wrong.

    Raises ``KeyError`` for a field that no site has.
    """
    return _checked(stated, _SITE_CHECKS)


def checked_link(stated: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a link. That its ends and what it backs up exist is for the service to see."""
    return _checked(stated, _LINK_CHECKS)


def _checked(
    stated: Mapping[str, Any], checks: Mapping[str, Callable[[str, Any], Any]]
) -> dict[str, Any]:
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for field, value in stated.items():
        try:
            found[field] = checks[field](field, value)
        except Invalid as error:
            problems[error.field] = error.message
    if problems:
        raise InvalidMany(problems)
    return found


def check_order(
    field: str, start: date | None, end: date | None, what: str, until: str = "its first day"
) -> None:
    """Raise ``Invalid`` on ``field`` unless ``end``, the first day after, is behind ``start``."""
    if start is not None and end is not None and end <= start:
        raise Invalid(
            field, f"{what} ends on {end}, not after {until}, {start}; a later day is allowed"
        )


def check_site_days(values: Mapping[str, Any]) -> None:
    """Raise ``InvalidMany`` unless a site's days fit each other; ``values`` holds all of them."""
    problems: dict[str, str] = {}

    def note(field: str, text: str) -> None:
        problems.setdefault(field, text)

    try:
        check_order("valid_until", values["valid_from"], values["valid_until"], "The site")
    except Invalid as error:
        note(error.field, error.message)
    try:
        check_order("tier_until", values["tier_since"], values["tier_until"], "The tier")
    except Invalid as error:
        note(error.field, error.message)
    if values["tier"] is not None and values["tier_since"] is None:
        note("tier_since", f"Since when is it T{values['tier']}? Before that day it owes nothing")
    if values["tier"] is None:
        for field in ("tier_since", "tier_until"):
            if values[field] is not None:
                note(field, "A day needs a tier; choose T0 or T1, or leave the day empty")
    for field in ("tier_since", "tier_until"):
        day, first = values[field], values["valid_from"]
        if day is not None and first is not None and day < first:
            note(field, f"{LABELS[field]} {day} is before the site's first day, {first}")
    last = values["valid_until"]
    if last is not None and values["tier_since"] is not None and values["tier_since"] >= last:
        note("tier_since", f"Tier since {values['tier_since']}: the site ends on {last}")
    if problems:
        raise InvalidMany(problems)


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


_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "names": name_text,
    "contacts": contact_text,
    "circuits": circuit_text,
    "prefixes": " ".join,
}


def logged(field: str, value: Any) -> str | None:
    """A stored value as the change log keeps it; None where nothing is set.

    Lists are separated by ``; ``. Days are ISO 8601, bandwidth is in Gb/s.
    """
    if isinstance(value, tuple):
        return "; ".join(map(_TEXTS.get(field, str), value)) or None
    if field == "bandwidth_gbps":
        return bandwidth_text(value)
    return None if value in (None, "") else str(value)
