r"""Files of sites and links, CSV or JSON: what their columns hold, and how two records differ.

A file holds sites or links. Its columns are the fields of the registry's verbs; those that a file
leaves out stay as they are. In CSV an empty cell empties the field, and several values in one cell
are separated by ``;`` (``\;`` is a semicolon that belongs to a value):

========== ==========================================================================
names      ``GOCDB:FZK-LCG2``, with days ``GOCDB:FZK-LCG2@2009-02-01..2024-01-01``
prefixes   ``LHCOPN:192.0.2.0/24``
contacts   ``network|Sample NOC|noc@site.example|+00 0``
circuits   ``Provider|circuit id``
========== ==========================================================================

Days are YYYY-MM-DD, bandwidths Gb/s. The rules of the values are those of ``registry``.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from app.core.rules.cells import joined, parted, plain_cell, safe_cell
from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.file_problems import MOST_PROBLEMS, SHOWN, BadFile, Problem
from app.registry.rules.registry import (
    LINK_FIELDS,
    SITE_FIELDS,
    CircuitValue,
    ContactValue,
    SiteNameValue,
    bandwidth_text,
    checked_link,
    checked_site,
    read_asn,
    read_day,
)

MOST_RECORDS: Final = 50_000
_LONGEST_CELL: Final = 100_000

Values = Mapping[str, Any]
"""Fields of one record and their values, as the registry's verbs take them."""


class Records(StrEnum):
    """What a file holds."""

    SITES = "sites"
    LINKS = "links"


class FileFormat(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSON = "json"


class RegistryChanged(Invalid):
    """Somebody changed the registry since the difference was shown: nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "file",
            "Somebody changed the registry since this difference was shown; nothing was written."
            " Look at the difference again",
        )


@dataclass(frozen=True)
class Read:
    """One record of a file: the fields that it states, and where."""

    place: str
    values: Values


# ---- one column each: text of a cell and value of JSON, both ways ----


@dataclass(frozen=True)
class _Column:
    allowed: str
    from_cell: Callable[[str], Any]
    to_cell: Callable[[Any], str]
    from_json: Callable[[Any], Any]
    to_json: Callable[[Any], Any]


def _text_from_json(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError
    return value


def _same(value: Any) -> Any:
    return value


def _text(allowed: str) -> _Column:
    return _Column(allowed, str.strip, str, _text_from_json, _same)


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
    return value.isoformat() if value is not None else None


def _days(allowed: str = "a day, YYYY-MM-DD from 1900 to 2999, or nothing") -> _Column:
    return _Column(allowed, _day, _day_text, _day_from_json, _day_to_json)


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


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError
    return value


def _words(cell: str) -> tuple[str, ...]:
    return tuple(item for item in parted(cell) if item)


def _words_from_json(value: Any) -> tuple[str, ...]:
    return tuple(map(_text_from_json, _listed(value)))


_WORDS = _Column(
    "words separated by ;", _words, lambda value: joined(list(value)), _words_from_json, list
)


def _asns(cell: str) -> tuple[int, ...]:
    return tuple(read_asn("asns", item) for item in _words(cell))


def _asns_from_json(value: Any) -> tuple[int, ...]:
    if any(type(item) is not int for item in _listed(value)):
        raise ValueError
    return tuple(value)


def _prefixes(cell: str) -> tuple[tuple[str, str], ...]:
    found = []
    for item in _words(cell):
        network, colon, prefix = item.partition(":")
        if not colon:
            raise ValueError(cell)
        found.append((network.strip(), prefix.strip()))
    return tuple(found)


def _prefixes_text(value: Iterable[tuple[str, str]]) -> str:
    return joined([f"{network}:{prefix}" for network, prefix in value])


def _objects(value: Any, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    items = _listed(value)
    if any(not isinstance(item, dict) or not item.keys() <= set(keys) for item in items):
        raise ValueError
    return items


_PREFIX_KEYS = ("network", "prefix")


def _prefixes_from_json(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_text_from_json(item.get("network")), _text_from_json(item.get("prefix")))
        for item in _objects(value, _PREFIX_KEYS)
    )


def _prefixes_to_json(value: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"network": network, "prefix": prefix} for network, prefix in value]


_PERIOD = re.compile(r"(.*)@([^@]*)\.\.([^@.]*)", re.DOTALL)


def _names(cell: str) -> tuple[SiteNameValue, ...]:
    found = []
    for item in _words(cell):
        system, colon, name = item.partition(":")
        if not colon:
            raise ValueError(cell)
        period = _PERIOD.fullmatch(name)
        start = end = None
        if period is not None:
            name, start, end = period[1], _day(period[2]), _day(period[3])
        found.append(SiteNameValue(system.strip(), name.strip(), start, end))
    return tuple(found)


def name_cell(value: SiteNameValue) -> str:
    """``SYSTEM:name``, with ``@from..until`` where it has days (or looks as if it had)."""
    text = f"{value.system}:{value.name}"
    if value.valid_from or value.valid_until or _PERIOD.fullmatch(value.name):
        text += f"@{_day_text(value.valid_from)}..{_day_text(value.valid_until)}"
    return text


def _names_text(value: Iterable[SiteNameValue]) -> str:
    return joined([name_cell(item) for item in value])


_NAME_KEYS = ("system", "name", "valid_from", "valid_until")


def _names_from_json(value: Any) -> tuple[SiteNameValue, ...]:
    return tuple(
        SiteNameValue(
            _text_from_json(item.get("system")),
            _text_from_json(item.get("name")),
            _day_from_json(item.get("valid_from")),
            _day_from_json(item.get("valid_until")),
        )
        for item in _objects(value, _NAME_KEYS)
    )


def _names_to_json(value: Iterable[SiteNameValue]) -> list[dict[str, Any]]:
    return [
        {
            "system": item.system,
            "name": item.name,
            "valid_from": _day_to_json(item.valid_from),
            "valid_until": _day_to_json(item.valid_until),
        }
        for item in value
    ]


def _tuples(kind: Callable[..., Any], keys: tuple[str, ...], needed: int, allowed: str) -> _Column:
    """Values whose parts are texts, separated by ``|`` in a cell; the last ones may be left out."""

    def from_cell(cell: str) -> tuple[Any, ...]:
        found = []
        # what a backslash keeps from being a border of parts is not used up by the border of items
        for item in _words(cell.replace("\\|", "\\\\|")):
            parts = parted(item, "|")
            if not needed <= len(parts) <= len(keys):
                raise ValueError(cell)
            found.append(kind(*parts))
        return tuple(found)

    def to_cell(value: Iterable[Any]) -> str:
        items = []
        for item in value:
            parts = [getattr(item, key) for key in keys]
            while len(parts) > needed and not parts[-1]:
                parts.pop()
            items.append(joined(parts, "|"))
        return joined(items)

    def from_json(value: Any) -> tuple[Any, ...]:
        return tuple(
            kind(*(_text_from_json(item.get(key)) for key in keys))
            for item in _objects(value, keys)
        )

    def to_json(value: Iterable[Any]) -> list[dict[str, str]]:
        return [{key: getattr(item, key) for key in keys} for item in value]

    return _Column(allowed, from_cell, to_cell, from_json, to_json)


_COLUMNS: Final[Mapping[str, _Column]] = {
    "key": _text("the site's LHCOPN name"),
    "country": _text("two capitals of ISO 3166"),
    "time_zone": _text("an IANA name such as Europe/Berlin"),
    "tier": _Column(
        "0, 1 or nothing", _tier, lambda v: "" if v is None else str(v), _tier_from_json, _same
    ),
    "tier_since": _days(),
    "tier_until": _days(),
    "valid_from": _days(),
    "valid_until": _days(),
    "bandwidth_gbps": _Column(
        "Gb/s as a number such as 100 or 2.5, or nothing",
        _bandwidth,
        lambda value: bandwidth_text(value) or "",
        _bandwidth_from_json,
        _bandwidth_to_json,
    ),
    "nrens": _WORDS,
    "vos": _WORDS,
    "asns": _Column(
        "whole numbers from 1 to 4294967295, separated by ;",
        _asns,
        lambda value: ";".join(map(str, value)),
        _asns_from_json,
        list,
    ),
    "prefixes": _Column(
        "NETWORK:prefix such as LHCOPN:192.0.2.0/24, separated by ;",
        _prefixes,
        _prefixes_text,
        _prefixes_from_json,
        _prefixes_to_json,
    ),
    "names": _Column(
        "SYSTEM:name or SYSTEM:name@from..until with days YYYY-MM-DD, separated by ;",
        _names,
        _names_text,
        _names_from_json,
        _names_to_json,
    ),
    "contacts": _tuples(
        ContactValue,
        ("role", "name", "mail", "phone"),
        2,
        "role|name|mail|phone, separated by ; (mail and phone may be left out)",
    ),
    "name": _text("the link's id"),
    "network": _text("LHCOPN or LHCONE"),
    "end_a": _text("any name of a site"),
    "end_b": _text("any name of a site"),
    "role": _text("primary or backup"),
    "backs_up": _text("the id of the link that it backs up, or nothing"),
    "responsible_site": _text("any name of a site, or nothing"),
    "circuits": _tuples(
        CircuitValue,
        ("provider", "circuit_id"),
        1,
        "provider|circuit id, separated by ; (the id may be left out)",
    ),
}
FIELDS: Final[Mapping[Records, tuple[str, ...]]] = {
    Records.SITES: SITE_FIELDS,
    Records.LINKS: LINK_FIELDS,
}
KEYS: Final[Mapping[Records, str]] = {Records.SITES: "key", Records.LINKS: "name"}
"""The column that says which record a line is about."""
NEEDED: Final[Mapping[Records, tuple[str, ...]]] = {
    Records.SITES: ("key", "country", "time_zone"),
    Records.LINKS: ("name", "network", "end_a", "end_b"),
}
"""What a record that is new must state."""
_CHECKS = {Records.SITES: checked_site, Records.LINKS: checked_link}
_LISTS = frozenset({"nrens", "vos", "asns", "prefixes", "names", "contacts", "circuits"})


def cell_of(field: str, value: Any) -> str:
    """A value as its cell says it; "" where nothing is set."""
    return _COLUMNS[field].to_cell(value) if value is not None else ""


def value_of(field: str, cell: str) -> Any:
    """The value that ``cell_of`` wrote. Raises ``ValueError`` or ``Invalid``."""
    return _COLUMNS[field].from_cell(cell)


# ---- writing ----


def written(kind: Records, form: FileFormat, records: Iterable[Values]) -> Iterator[str]:
    """A file of these records, in pieces; each record holds every field of its kind."""
    return (_csv_lines if form is FileFormat.CSV else _json_lines)(kind, records)


def _csv_lines(kind: Records, records: Iterable[Values]) -> Iterator[str]:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(FIELDS[kind])
    for record in records:
        rows.writerow([safe_cell(cell_of(field, record[field])) for field in FIELDS[kind]])
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _json_lines(kind: Records, records: Iterable[Values]) -> Iterator[str]:
    yield f'{{"{kind}": ['
    before = "\n"
    for record in records:
        entry = {field: _COLUMNS[field].to_json(record[field]) for field in FIELDS[kind]}
        yield before + json.dumps(entry, ensure_ascii=False)
        before = ",\n"
    yield "\n]}\n"


# ---- reading ----


def format_of(content: bytes) -> FileFormat:
    """JSON begins with a bracket; everything else is CSV."""
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return FileFormat.JSON if start in (b"{", b"[") else FileFormat.CSV


def read_file(kind: Records, content: bytes, form: FileFormat | None = None) -> list[Read]:
    """The records of a file in their stored form; ``BadFile`` names all that is wrong in it."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile([Problem(f"line {line}", "", "", "only text in UTF-8 can be read")]) from None
    problems: list[Problem] = []
    reader = _from_csv if (form or format_of(content)) is FileFormat.CSV else _from_json
    records, places = [], dict[str, str]()
    for place, values in reader(kind, text, problems):
        key = values.get(KEYS[kind], "")
        if not key:
            problems.append(Problem(place, KEYS[kind], "", "each record needs it"))
        elif key in places:
            wrong = f"each record stands once; {places[key]} is about it already"
            problems.append(Problem(place, KEYS[kind], key, wrong))
        else:
            places[key] = place
            records.append(Read(place, _checked(kind, place, values, problems)))
        if len(problems) >= MOST_PROBLEMS:
            break
    if not records and not problems:
        problems.append(Problem("the file", "", "", f"it holds no {kind}"))
    if problems:
        raise BadFile(problems)
    return records


def _checked(kind: Records, place: str, values: Values, problems: list[Problem]) -> Values:
    """The values in their stored form, or as they are where one of them is wrong."""
    try:
        return _CHECKS[kind](values)
    except InvalidMany as error:
        for field, words in error.problems.items():
            value = cell_of(field, values[field]) if field in values else ""
            problems.append(Problem(place, field, value, words))
    return values


def _from_csv(
    kind: Records, text: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    fields: tuple[str, ...] = ()
    line, count = 1, 0
    try:
        for row in rows:
            place, line = f"line {line}", rows.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if not fields:
                fields = tuple(plain_cell(cell).strip() for cell in row)
                if _wrong_head(kind, place, fields, problems):
                    return
                continue
            count += 1
            if count > MOST_RECORDS:
                problems.append(_too_many(place))
                return
            if len(row) != len(fields):
                wrong = (
                    f"{len(row)} cells; as many as the first line has, {len(fields)}, are allowed"
                )
                problems.append(Problem(place, "", "", wrong))
                continue
            yield place, dict(_cells(place, zip(fields, row, strict=True), problems))
    except csv.Error as error:
        problems.append(Problem(f"line {rows.line_num}", "", "", f"this is no CSV: {error}"))


def _too_many(place: str) -> Problem:
    return Problem(place, "", "", f"a file holds at most {MOST_RECORDS} records")


def _wrong_head(
    kind: Records, place: str, fields: tuple[str, ...], problems: list[Problem]
) -> bool:
    allowed = f"the columns are {', '.join(FIELDS[kind])}, with commas between"
    wrong = [
        *(field for field in fields if field not in FIELDS[kind]),
        *(field for field in dict.fromkeys(fields) if fields.count(field) > 1),
    ]
    problems += [Problem(place, "", field or "(empty)", allowed) for field in wrong]
    if not wrong and KEYS[kind] not in fields:
        problems.append(Problem(place, KEYS[kind], "", "this column is needed"))
    return bool(problems)


def _cells(
    place: str, cells: Iterable[tuple[str, str]], problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    for field, cell in cells:
        text = plain_cell(cell)
        try:
            if len(text) > _LONGEST_CELL:
                raise ValueError
            yield field, _COLUMNS[field].from_cell(text)
        except Invalid as error:
            problems.append(Problem(place, field, text, error.message))
        except ValueError:
            problems.append(Problem(place, field, text, _COLUMNS[field].allowed))


def _no_number(text: str) -> float:
    raise ValueError(text)


def _from_json(
    kind: Records, text: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        problems.append(Problem(f"line {error.lineno}", "", "", f"this is no JSON: {error.msg}"))
        return
    except (ValueError, RecursionError):
        wrong = "this JSON holds a number or a nesting that nothing here needs"
        problems.append(Problem("the file", "", "", wrong))
        return
    entries = content.get(kind) if isinstance(content, dict) else content
    if not isinstance(entries, list):
        allowed = f'an object with the list "{kind}" is allowed'
        problems.append(Problem("the file", "", "", allowed))
        return
    for number, entry in enumerate(entries[: MOST_RECORDS + 1], 1):
        place = f"record {number}"
        if number > MOST_RECORDS:
            problems.append(_too_many(place))
        elif not isinstance(entry, dict):
            problems.append(Problem(place, "", str(entry), "an object of fields is allowed"))
        elif unknown := [field for field in entry if field not in FIELDS[kind]]:
            allowed = f"the fields are {', '.join(FIELDS[kind])}"
            problems += [Problem(place, field[:SHOWN], "", allowed) for field in unknown]
        else:
            yield place, dict(_entries(place, entry, problems))


def _entries(
    place: str, entry: Mapping[str, Any], problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    for field, value in entry.items():
        try:
            yield field, _COLUMNS[field].from_json(value)
        except Invalid as error:
            problems.append(Problem(place, field, str(value), error.message))
        except (ValueError, OverflowError):
            text = json.dumps(value, ensure_ascii=False)[: 2 * SHOWN]
            problems.append(Problem(place, field, text, _COLUMNS[field].allowed))


# ---- differences ----


class What(StrEnum):
    """What an import does with a record."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class FieldDifference:
    """One field: its value here and in the file, each as a cell says it."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class RecordDifference:
    """One record of a file beside that of the registry."""

    place: str
    key: str
    what: What
    fields: tuple[FieldDifference, ...]
    stated: Values
    """The fields that differ, with the file's values; of a new record all that are stated."""


def comparable(field: str, value: Any) -> Any:
    """A value such that two that mean the same are equal: lists have no order."""
    if field in _LISTS:
        return frozenset(value)
    return value


def compared(kind: Records, read: Read, current: Values | None) -> RecordDifference:
    """What a record of a file would change; ``current`` is the registry's, None if it has none."""
    differing = {
        field: value
        for field, value in read.values.items()
        if current is None or comparable(field, value) != comparable(field, current[field])
    }
    fields = tuple(
        FieldDifference(field, cell_of(field, current[field]) if current else "", new)
        for field in FIELDS[kind]
        if field in differing
        if (new := cell_of(field, differing[field])) or current is not None
    )
    what = What.NEW if current is None else What.CHANGED if fields else What.UNCHANGED
    return RecordDifference(read.place, read.values[KEYS[kind]], what, fields, differing)
