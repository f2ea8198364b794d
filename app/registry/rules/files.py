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

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.core.rules.documents.cells import plain_cell
from app.core.rules.documents.spreadsheets import csv_lines, decoded, rows_of
from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.file_problems import MAX_PROBLEMS, SHOWN, BadFile, Problem
from app.core.rules.language import _
from app.registry.rules.records import RecordKind, Records, cell_of

MAX_RECORDS: Final = 50_000
_MAX_CELL_LENGTH: Final = 100_000

Values = Mapping[str, Any]
"""Fields of one record and their values, as the registry's verbs take them."""


class FileFormat(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSON = "json"


class RegistryChanged(Invalid):
    """Somebody changed the registry since the difference was shown: nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "file",
            _(
                "Somebody changed the registry after this preview; nothing was imported."
                " Check the differences again"
            ),
        )


@dataclass(frozen=True)
class Read:
    """One record of a file: the fields that it states, and where."""

    place: str
    values: Values


# ---- writing ----


def written(kind: Records, form: FileFormat, records: Iterable[Values]) -> Iterator[str]:
    """A file of these records, in pieces; each record holds every field of its kind."""
    return (_csv_lines if form is FileFormat.CSV else _json_lines)(kind, records)


def _csv_lines(kind: Records, records: Iterable[Values]) -> Iterator[str]:
    fields = tuple(kind.kind.by_name)
    yield csv_lines([fields])
    for record in records:
        yield csv_lines([[cell_of(field, record[field]) for field in fields]])


def _json_lines(kind: Records, records: Iterable[Values]) -> Iterator[str]:
    yield f'{{"{kind}": ['
    before = "\n"
    for record in records:
        entry = {field.name: field.value.to_json(record[field.name]) for field in kind.kind.fields}
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
    text = decoded(content, has_choice=False)
    problems: list[Problem] = []
    reader = _from_csv if (form or format_of(content)) is FileFormat.CSV else _from_json
    records, places = [], dict[str, str]()
    for place, values in reader(kind, text, problems):
        key = values.get(kind.kind.key, "")
        if not key:
            problems.append(Problem(place, kind.kind.key, "", _("each record needs it")))
        elif key in places:
            wrong = _(
                "each record may occur once; %(places)s is about it already", places=places[key]
            )
            problems.append(Problem(place, kind.kind.key, key, wrong))
        else:
            places[key] = place
            records.append(Read(place, _checked(kind, place, values, problems)))
        if len(problems) >= MAX_PROBLEMS:
            break
    if not records and not problems:
        problems.append(Problem(_("the file"), "", "", _("it contains no %(kind)s", kind=kind)))
    if problems:
        raise BadFile(problems)
    return records


def _checked(kind: Records, place: str, values: Values, problems: list[Problem]) -> Values:
    """The values in their stored form, or as they are where one of them is wrong."""
    try:
        return kind.kind.checked(values)
    except InvalidMany as error:
        for field, words in error.problems.items():
            value = cell_of(field, values[field]) if field in values else ""
            problems.append(Problem(place, field, value, words))
    return values


def _from_csv(
    kind: Records, text: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    fields: tuple[str, ...] = ()
    count = 0
    try:
        for line, row in rows_of(io.StringIO(text, newline="")):
            place = _("line %(line)s", line=line)
            if not fields:
                fields = tuple(plain_cell(cell).strip() for cell in row)
                if _wrong_head(kind, place, fields, problems):
                    return
                continue
            count += 1
            if count > MAX_RECORDS:
                problems.append(_too_many(place))
                return
            if len(row) != len(fields):
                wrong = _(
                    "%(count)s cells; as many as the first line has, %(count2)s, are allowed",
                    count=len(row),
                    count2=len(fields),
                )
                problems.append(Problem(place, "", "", wrong))
                continue
            yield place, dict(_cells(kind.kind, place, zip(fields, row, strict=True), problems))
    except BadFile as error:
        problems += error.problems


def _too_many(place: str) -> Problem:
    return Problem(
        place, "", "", _("a file can have at most %(max_records)s records", max_records=MAX_RECORDS)
    )


def _wrong_head(
    kind: Records, place: str, fields: tuple[str, ...], problems: list[Problem]
) -> bool:
    allowed = _("the columns are %(listed)s", listed=", ".join(kind.kind.by_name))
    wrong = [
        *(field for field in fields if field not in kind.kind.by_name),
        *(field for field in dict.fromkeys(fields) if fields.count(field) > 1),
    ]
    problems += [Problem(place, "", field or "(empty)", allowed) for field in wrong]
    if not wrong and kind.kind.key not in fields:
        problems.append(Problem(place, kind.kind.key, "", _("this column is required")))
    return bool(problems)


def _cells(
    kind: RecordKind, place: str, cells: Iterable[tuple[str, str]], problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    for name, cell in cells:
        text, field = plain_cell(cell), kind.by_name[name]
        try:
            if len(text) > _MAX_CELL_LENGTH:
                raise ValueError
            yield name, field.value.from_cell(text)
        except Invalid as error:
            problems.append(Problem(place, name, text, error.message))
        except ValueError:
            problems.append(Problem(place, name, text, field.allowed or field.value.allowed))


def _no_number(text: str) -> float:
    raise ValueError(text)


def _from_json(
    kind: Records, text: str, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        problems.append(
            Problem(
                _("line %(lineno)s", lineno=error.lineno),
                "",
                "",
                _("this is not valid JSON: %(msg)s", msg=error.msg),
            )
        )
        return
    except (ValueError, RecursionError):
        wrong = _("this JSON has a number that is too large, or is nested too deeply")
        problems.append(Problem(_("the file"), "", "", wrong))
        return
    entries = content.get(kind) if isinstance(content, dict) else content
    if not isinstance(entries, list):
        allowed = _('an object with the list "%(kind)s" is allowed', kind=kind)
        problems.append(Problem(_("the file"), "", "", allowed))
        return
    for number, entry in enumerate(entries[: MAX_RECORDS + 1], 1):
        place = _("record %(number)s", number=number)
        if number > MAX_RECORDS:
            problems.append(_too_many(place))
        elif not isinstance(entry, dict):
            problems.append(Problem(place, "", str(entry), _("an object of fields is allowed")))
        elif unknown := [field for field in entry if field not in kind.kind.by_name]:
            allowed = _("the fields are %(listed)s", listed=", ".join(kind.kind.by_name))
            problems += [Problem(place, field[:SHOWN], "", allowed) for field in unknown]
        else:
            yield place, dict(_entries(kind.kind, place, entry, problems))


def _entries(
    kind: RecordKind, place: str, entry: Mapping[str, Any], problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        field = kind.by_name[name]
        try:
            yield name, field.value.from_json(value)
        except Invalid as error:
            problems.append(Problem(place, name, str(value), error.message))
        except (ValueError, OverflowError):
            text = json.dumps(value, ensure_ascii=False)[: 2 * SHOWN]
            problems.append(Problem(place, name, text, field.allowed or field.value.allowed))


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
    """One record of a file compared with the registry's."""

    place: str
    key: str
    what: What
    fields: tuple[FieldDifference, ...]
    stated: Values
    """The fields that differ, with the file's values; of a new record all that are stated."""


def comparable(value: Any) -> Any:
    """A value such that two that mean the same are equal: lists have no order."""
    return frozenset(value) if isinstance(value, tuple) else value


def compared(kind: Records, read: Read, current: Values | None) -> RecordDifference:
    """What a record of a file would change; ``current`` is the registry's, None if it has none."""
    differing = {
        field: value
        for field, value in read.values.items()
        if current is None or comparable(value) != comparable(current[field])
    }
    fields = tuple(
        FieldDifference(field, cell_of(field, current[field]) if current else "", new)
        for field in kind.kind.by_name
        if field in differing
        if (new := cell_of(field, differing[field])) or current is not None
    )
    what = What.NEW if current is None else What.CHANGED if fields else What.UNCHANGED
    return RecordDifference(read.place, read.values[kind.kind.key], what, fields, differing)
