"""The kinds of values that fields of sites and links hold: how each is checked, logged and written.

In a cell of CSV several values are separated by ``;`` (``\\;`` is a semicolon that belongs to one).
Everything that is refused raises ``Invalid`` on the field; a cell or a value of JSON that cannot be
read raises ``ValueError``, and ``RecordField.allowed`` says what can.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from ipaddress import ip_network
from typing import Any, Final, TypeVar
from zoneinfo import available_timezones

from app.core.rules.documents.cells import joined, parted
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_addresses, checked_choice, checked_text
from app.registry.rules.networks import Network
from app.registry.rules.registry import (
    CircuitValue,
    ContactRole,
    ContactValue,
    LinkRole,
    NameSystem,
    SiteNameValue,
    bandwidth_text,
    check_order,
    checked_asn,
    circuit_text,
    contact_text,
    name_text,
    quoted,
    read_asn,
    read_day,
)

T = TypeVar("T")


def _same(value: Any) -> Any:
    return value


def _text_from_json(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError
    return value


@dataclass(frozen=True, eq=False)
class ValueKind:
    """What a field holds. The defaults are those of a text of one line."""

    check: Callable[[RecordField, Any], Any]
    """The value in its stored form, else ``Invalid``."""
    allowed: str = ""
    """What a cell may hold, where the field does not say it."""
    from_cell: Callable[[str], Any] = str.strip
    to_cell: Callable[[Any], str] = str
    from_json: Callable[[Any], Any] = _text_from_json
    to_json: Callable[[Any], Any] = _same
    text: Callable[[Any], str | None] = str
    """The value as the change log keeps it; of a list, one entry."""
    empty: Any = ""
    choices: type[StrEnum] | None = None


@dataclass(frozen=True)
class RecordField:
    """One field of a site or link: all that files, forms, pages and the change log need."""

    name: str
    label: str
    value: ValueKind
    help: str = ""
    """Shown at its input."""
    allowed: str = ""
    """What a cell may hold, where its kind of value does not say it."""
    limit: int = 255
    """Characters of a text."""
    fact: str = ""
    """What shares one source with other fields (tier, validity, ends); else its own name."""
    is_needed: bool = False
    is_searched: bool = False
    """Whether lists find a record by a part of the value."""
    default: Any = None
    """The value of a record that does not state it, if its kind has no empty value."""

    @property
    def empty(self) -> Any:
        """What it holds in a record that does not state it."""
        return self.value.empty if self.default is None else self.default


_NAME_LIMIT, _LIST_LIMIT, _MAIL_LIMIT = 100, 255, 254
_MAX_ROWS = 200
"""Rows of one list of a record, such as its prefixes."""
_MAX_GBPS = 1_000_000
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


# ---- what may be stored ----


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _word(field: str, value: str, limit: int, label: str) -> str:
    """A text of one line that is in lists separated by ``;``: trimmed, not empty."""
    text = checked_text(field, value.strip(), limit, label=label)
    if not text:
        raise Invalid(field, _("%(label)s is empty; enter one", label=label))
    if any(sign in text for sign in "\n\r\t;"):
        raise Invalid(
            field,
            _(
                "%(label)s %(text)s contains a line break, tab or semicolon; remove it",
                label=label,
                text=quoted(text),
            ),
        )
    return text


def _optional_word(field: str, value: str, limit: int, label: str) -> str:
    return _word(field, value, limit, label) if value.strip() else ""


def _checked_text(field: RecordField, value: str) -> str:
    return checked_text(field.name, value, field.limit, label=field.label).strip()


def _checked_key(field: RecordField, value: str) -> str:
    name = _word(field.name, value, field.limit, field.label)
    if "/" in name or name in _RESERVED:
        raise Invalid(
            field.name,
            _(
                "%(label)s %(name)s is used in addresses; it must not contain a slash or be"
                " one of %(listed)s",
                label=field.label,
                name=quoted(name),
                listed=", ".join(_RESERVED),
            ),
        )
    return name


def _checked_country(field: RecordField, value: str) -> str:
    if not _TWO_CAPITALS.fullmatch(value) or value not in _COUNTRIES:
        raise Invalid(
            field.name,
            _(
                "%(value)s is not a country code; use ISO 3166, such as CH",
                value=quoted(value),
            ),
        )
    return value


def _checked_time_zone(field: RecordField, value: str) -> str:
    if value not in _time_zones():
        raise Invalid(
            field.name,
            _(
                "%(value)s is not a time zone; use an IANA name, such as Europe/Berlin",
                value=quoted(value),
            ),
        )
    return value


def _checked_tier(field: RecordField, value: int | None) -> int | None:
    if value is not None and value not in (0, 1):
        raise Invalid(field.name, _("A site is T0, T1 or neither; 0, 1 and nothing are allowed"))
    return value


def _checked_day(_field: RecordField, value: date | None) -> date | None:
    return value


def _checked_bandwidth(field: RecordField, value: float | None) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value) or not 0 < value <= _MAX_GBPS:
        raise Invalid(
            field.name,
            _(
                "%(value)s is not a bandwidth; use Gb/s above 0, at most %(max_gbps)s",
                value=quoted(value),
                max_gbps=_MAX_GBPS,
            ),
        )
    return float(value)


def _checked_words(field: RecordField, values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(
        dict.fromkeys(_word(field.name, value, _NAME_LIMIT, field.label) for value in values)
    )
    if len("; ".join(found)) > field.limit:
        raise Invalid(
            field.name,
            _(
                "%(label)s take at most %(limit)s characters together",
                label=field.label,
                limit=field.limit,
            ),
        )
    return found


def _bounded(field: RecordField, rows: Iterable[T]) -> tuple[T, ...]:
    found = tuple(rows)
    if len(found) > _MAX_ROWS:
        raise Invalid(
            field.name,
            _(
                "%(label)s has %(count)s rows; at most %(max_rows)s are allowed",
                label=field.label,
                count=len(found),
                max_rows=_MAX_ROWS,
            ),
        )
    return found


def _checked_asns(field: RecordField, values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted({checked_asn(field.name, value) for value in _bounded(field, values)}))


def _checked_prefix(field: str, text: str) -> str:
    wrong = _(
        "%(text)s is not a valid prefix; use 192.0.2.0/24 or 2001:db8::/32", text=quoted(text)
    )
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
            field,
            _(
                "Prefix %(text)s has host bits set; use %(meant)s",
                text=quoted(text),
                meant=meant,
            ),
        ) from None
    if canonical != stripped.lower() or "%" in canonical:
        raise Invalid(
            field,
            _(
                "Prefix %(text)s is not canonical; use %(canonical)s",
                text=quoted(text),
                canonical=canonical,
            ),
        )
    return canonical


def _checked_prefixes(
    field: RecordField, rows: Iterable[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    return tuple(
        dict.fromkeys(
            (
                checked_choice(field.name, network, Network, _("Network")).value,
                _checked_prefix(field.name, prefix),
            )
            for network, prefix in _bounded(field, rows)
        )
    )


def _checked_names(field: RecordField, rows: Iterable[SiteNameValue]) -> tuple[SiteNameValue, ...]:
    found: dict[tuple[str, str], SiteNameValue] = {}
    for row in _bounded(field, rows):
        system = checked_choice(field.name, row.system, NameSystem, _("System")).value
        name = _word(field.name, row.name, _NAME_LIMIT, _("Name"))
        if " @" in name:
            raise Invalid(
                field.name,
                _(
                    'Name %(name)s contains " @", which separates a name from its dates; remove it',
                    name=quoted(name),
                ),
            )
        check_order(
            field.name, row.valid_from, row.valid_until, _("Name %(name)s", name=quoted(name))
        )
        if (system, name) in found:
            raise Invalid(
                field.name,
                _("Name %(name)s occurs twice for %(system)s", name=quoted(name), system=system),
            )
        found[system, name] = SiteNameValue(system, name, row.valid_from, row.valid_until)
    return tuple(found.values())


def _checked_contacts(field: RecordField, rows: Iterable[ContactValue]) -> tuple[ContactValue, ...]:
    return tuple(
        dict.fromkeys(
            ContactValue(
                checked_choice(field.name, row.role, ContactRole, _("Role")).value,
                _word(field.name, row.name, _LIST_LIMIT, _("Contact")),
                checked_addresses(
                    field.name,
                    _optional_word(field.name, row.mail, _MAIL_LIMIT, _("Mail address")),
                    label=_("A contact's email address"),
                ),
                _optional_word(field.name, row.phone, _NAME_LIMIT, _("Phone")),
            )
            for row in _bounded(field, rows)
        )
    )


def _checked_circuits(field: RecordField, rows: Iterable[CircuitValue]) -> tuple[CircuitValue, ...]:
    return tuple(
        dict.fromkeys(
            CircuitValue(
                _word(field.name, row.provider, _NAME_LIMIT, _("Provider")),
                _optional_word(field.name, row.circuit_id, _NAME_LIMIT, _("Circuit id")),
            )
            for row in _bounded(field, rows)
        )
    )


# ---- cells of CSV and values of JSON, both ways ----


def _day(text: str) -> date | None:
    try:
        return read_day("day", text)
    except Invalid:
        raise ValueError(text) from None


def _day_text(value: date | None) -> str:
    return value.isoformat() if value is not None else ""


def _day_from_json(value: Any) -> date | None:
    return _day(_text_from_json(value))


def _day_to_json(value: date | None) -> str | None:
    return _day_text(value) or None


_TIERS = {"": None, "0": 0, "1": 1}


def _tier(cell: str) -> int | None:
    try:
        return _TIERS[cell.strip()]
    except KeyError:
        raise ValueError(cell) from None


def _tier_from_json(value: Any) -> int | None:
    if value is None or (type(value) is int and value in (0, 1)):
        return value
    raise ValueError


def _bandwidth(cell: str) -> float | None:
    text = cell.strip()
    if not text:
        return None
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _bandwidth_from_json(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or abs(value) > 1e9 or not math.isfinite(value):
        raise ValueError
    return float(value)


def _bandwidth_to_json(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def _words(cell: str) -> list[str]:
    return [item for item in parted(cell) if item]


def _entries(
    check: Callable[[RecordField, Any], Any],
    allowed: str,
    from_text: Callable[[str], Any] = str,
    to_text: Callable[[Any], str] = str,
    from_json: Callable[[Any], Any] = _text_from_json,
    to_json: Callable[[Any], Any] = _same,
    text: Callable[[Any], str] = str,
    escaped: Callable[[str], str] = str,
) -> ValueKind:
    """A list of such entries, separated by ``;`` in a cell; ``escaped`` is the cell to part."""

    def entries_from_json(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError
        return tuple(map(from_json, value))

    return ValueKind(
        check,
        allowed,
        lambda cell: tuple(map(from_text, _words(escaped(cell)))),
        lambda value: joined(list(map(to_text, value))),
        entries_from_json,
        lambda value: list(map(to_json, value)),
        text,
        (),
    )


def _parts_of(entry: Any, keys: tuple[str, ...]) -> list[Any]:
    return list(entry) if isinstance(entry, tuple) else [getattr(entry, key) for key in keys]


def _from_object(kind: Callable[..., Any], keys: tuple[str, ...]) -> Callable[[Any], Any]:
    """An entry from an object of JSON; what is called valid is a day."""

    def from_json(value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() <= set(keys):
            raise ValueError
        return kind(
            *(
                (_day_from_json if key.startswith("valid") else _text_from_json)(value.get(key))
                for key in keys
            )
        )

    return from_json


def _to_object(keys: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    return lambda entry: {
        key: _day_to_json(part) if isinstance(part, date) else part
        for key, part in zip(keys, _parts_of(entry, keys), strict=True)
    }


def _in_parts(
    kind: Callable[..., Any],
    keys: tuple[str, ...],
    needed: int,
    allowed: str,
    check: Callable[[RecordField, Any], Any],
    text: Callable[[Any], str],
) -> ValueKind:
    """Entries whose parts are texts, separated by ``|`` in a cell; the last may be left out."""

    def from_text(item: str) -> Any:
        parts = parted(item, "|")
        if not needed <= len(parts) <= len(keys):
            raise ValueError(item)
        return kind(*parts)

    def to_text(entry: Any) -> str:
        parts = _parts_of(entry, keys)
        while len(parts) > needed and not parts[-1]:
            parts.pop()
        return joined(parts, "|")

    return _entries(
        check,
        allowed,
        from_text,
        to_text,
        _from_object(kind, keys),
        _to_object(keys),
        text,
        # what a backslash keeps from being a border of parts is not used up by that of entries
        lambda cell: cell.replace("\\|", "\\\\|"),
    )


def _asn_from_json(value: Any) -> int:
    if type(value) is not int:
        raise ValueError
    return value


def _prefix(item: str) -> tuple[str, str]:
    network, colon, prefix = item.partition(":")
    if not colon:
        raise ValueError(item)
    return network.strip(), prefix.strip()


_PREFIX_KEYS = ("network", "prefix")
_PERIOD = re.compile(r"(.*)@([^@]*)\.\.([^@.]*)", re.DOTALL)


def _name(item: str) -> SiteNameValue:
    system, colon, name = item.partition(":")
    if not colon:
        raise ValueError(item)
    period = _PERIOD.fullmatch(name)
    start = end = None
    if period is not None:
        name, start, end = period[1], _day(period[2]), _day(period[3])
    return SiteNameValue(system.strip(), name.strip(), start, end)


def _name_cell(value: SiteNameValue) -> str:
    """``SYSTEM:name``, with ``@from..until`` where it has days (or looks as if it had)."""
    text = f"{value.system}:{value.name}"
    if value.valid_from or value.valid_until or _PERIOD.fullmatch(value.name):
        text += f"@{_day_text(value.valid_from)}..{_day_text(value.valid_until)}"
    return text


_NAME_KEYS = ("system", "name", "valid_from", "valid_until")


# ---- the kinds ----


def _choice(kind: type[StrEnum], allowed: str) -> ValueKind:
    def check(field: RecordField, value: str) -> str:
        return checked_choice(field.name, value, kind, field.label).value

    return ValueKind(check, allowed, choices=kind)


TEXT: Final = ValueKind(_checked_text, _("a text, or nothing"))
KEY: Final = ValueKind(_checked_key)
"""A name that is in addresses: ``/sites/DE-KIT``."""
COUNTRY: Final = ValueKind(_checked_country, _("a country code of ISO 3166, such as CH"))
TIME_ZONE: Final = ValueKind(_checked_time_zone, _("an IANA name such as Europe/Berlin"))
NETWORK: Final = _choice(Network, _("LHCOPN or LHCONE"))
ROLE: Final = _choice(LinkRole, _("primary or backup"))
TIER: Final = ValueKind(
    _checked_tier, _("0, 1 or nothing"), _tier, str, _tier_from_json, empty=None
)
DAY: Final = ValueKind(
    _checked_day,
    _("a day, YYYY-MM-DD from 1900 to 2999, or nothing"),
    _day,
    _day_text,
    _day_from_json,
    _day_to_json,
    empty=None,
)
GBPS: Final = ValueKind(
    _checked_bandwidth,
    _("Gb/s as a number such as 100 or 2.5, or nothing"),
    _bandwidth,
    lambda value: bandwidth_text(value) or "",
    _bandwidth_from_json,
    _bandwidth_to_json,
    bandwidth_text,
    None,
)
WORDS: Final = _entries(_checked_words, _("words separated by ;"))
ASNS: Final = _entries(
    _checked_asns,
    _("whole numbers from 1 to 4294967295, separated by ;"),
    lambda item: read_asn("asns", item),
    from_json=_asn_from_json,
)
PREFIXES: Final = _entries(
    _checked_prefixes,
    _("NETWORK:prefix such as LHCOPN:192.0.2.0/24, separated by ;"),
    _prefix,
    ":".join,
    _from_object(lambda *parts: parts, _PREFIX_KEYS),
    _to_object(_PREFIX_KEYS),
    " ".join,
)
NAMES: Final = _entries(
    _checked_names,
    _("SYSTEM:name or SYSTEM:name@from..until with days YYYY-MM-DD, separated by ;"),
    _name,
    _name_cell,
    _from_object(SiteNameValue, _NAME_KEYS),
    _to_object(_NAME_KEYS),
    name_text,
)
CONTACTS: Final = _in_parts(
    ContactValue,
    ("role", "name", "mail", "phone"),
    2,
    _("role|name|mail|phone, separated by ; (mail and phone may be left out)"),
    _checked_contacts,
    contact_text,
)
CIRCUITS: Final = _in_parts(
    CircuitValue,
    ("provider", "circuit_id"),
    1,
    _("provider|circuit id, separated by ; (the id may be left out)"),
    _checked_circuits,
    circuit_text,
)
