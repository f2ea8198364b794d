"""Reads files of network events, as monitoring and spreadsheets write them.

CSV with the columns of an export, or JSON with their names as keys. Errors are reported with line,
column, value and what is allowed; a wrong line does not affect the others.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.core.rules.documents.spreadsheets import decoded, rows_of
from app.core.rules.documents.table_heads import cells_below, columns_of
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import BadFile, Problem, check_lines
from app.core.rules.json_records import records_of
from app.core.rules.language import _
from app.events.rules.events import A_TIME, COLUMNS, EventMessage, read_event
from app.events.rules.files import TIME_COLUMNS

KEY: Final = "events"
"""The key under which a JSON file may have its list."""
_PACKED: Final = b"\x1f\x8b"
"""The first bytes of gzip."""
_MIB: Final = 1024 * 1024
NEEDED: Final = ("source_id",)
"""Other columns may be missing in a file that only closes or corrects events."""
_WITHOUT_ZONE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]((?!24)\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)", re.ASCII
)
_ZONE_WORD: Final = re.compile(r"(?:[A-Z]{2,5}|[A-Z][a-z]+/\w+)$", re.ASCII)
_OTHER_ORDER: Final = re.compile(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """One line: its message (with errors), and the earlier line with the same content."""

    message: EventMessage
    repeats: int = 0
    """0 = not a repetition."""


@dataclass(frozen=True)
class EventFileOptions:
    """How to read a file, as the person chose."""

    source: str = ""
    """The source of its events if no column states it."""
    encoding: str = ""
    zone: str = ""
    """The IANA zone of times without one; "" = such times are errors. Never guessed: an hour off,
    events would be matched to the wrong tickets."""


def unpacked(content: bytes, limit: int) -> bytes:
    """Return a file, decompressed if it is a gzip file.

    Raises ``Invalid`` if it is a broken gzip file, or larger than ``limit`` bytes decompressed.
    """
    if content.startswith(_PACKED):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(limit + 1)
        except (EOFError, OSError, zlib.error):
            wrong = _("The gzip file is damaged; compress it again")
            raise Invalid("file", wrong) from None
    if len(content) > limit:
        raise Invalid(
            "file",
            _("The file is larger than %(limit)s MiB uncompressed; split it", limit=limit // _MIB),
        )
    return content


def check_events(content: bytes, how: EventFileOptions) -> None:
    """Raise ``TooManyLines`` if a file has more events than one import allows.

    Files that cannot be used are left to ``read_events``, which reports the error.
    """
    try:
        text = decoded(content, how.encoding)
    except BadFile:
        return
    if _is_json(text):
        check_lines(records_of(io.StringIO(text), KEY))
    else:
        check_lines(rows_of(io.StringIO(text, newline="")), heads=1)


def read_events(content: bytes, how: EventFileOptions) -> Iterator[ReadEvent]:
    """Read the events of a file, line by line.

    Raises ``BadFile`` if the file as a whole cannot be used, at once or further on.
    """
    text, reader = decoded(content, how.encoding), _Reader(how)
    return reader.json(text) if _is_json(text) else reader.csv(text)


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in ("[", "{")


class _Reader:
    """State while a file is read."""

    def __init__(self, how: EventFileOptions) -> None:
        self._how = how
        self._zone = ZoneInfo(how.zone) if how.zone else None
        self._seen: dict[tuple[str, str], tuple[int, tuple[object, ...]]] = {}
        """Source and id, to the first line about them and its content."""

    def csv(self, text: str) -> Iterator[ReadEvent]:
        """The events of a table."""
        columns: tuple[str, ...] = ()
        for line, row in rows_of(io.StringIO(text, newline="")):
            if not columns:
                needed = NEEDED if self._how.source else ("source", *NEEDED)
                columns = columns_of(line, row, COLUMNS, needed)
                continue
            yield self._of_row(line, columns, row)
        if not columns:
            raise BadFile([Problem(_("the file"), "", "", _("it is empty"))])

    def json(self, text: str) -> Iterator[ReadEvent]:
        """The events of a list of objects."""
        for line, value in records_of(io.StringIO(text), KEY):
            yield self._of_object(line, value)

    def _of_row(self, line: int, columns: Sequence[str], row: Sequence[str]) -> ReadEvent:
        try:
            cells: dict[str, str | None] = {**cells_below(columns, row)}
        except ValueError as error:
            return _unread(line, "", str(error))
        return self._event(line, cells, [])

    def _of_object(self, line: int, value: Any) -> ReadEvent:
        if not isinstance(value, dict):
            why = _("an event is an object with the keys %(listed)s", listed=", ".join(COLUMNS))
            return _unread(line, str(value), why)
        problems = []
        cells: dict[str, str | None] = {}
        for name, item in value.items():
            if name not in COLUMNS:
                allowed = _("the keys are %(listed)s", listed=", ".join(COLUMNS))
                problems.append(Problem(_("line %(line)s", line=line), "", name, allowed))
            elif item is None or isinstance(item, str):
                cells[name] = item
            else:
                allowed = _("a text in quotes, or null")
                problems.append(Problem(_("line %(line)s", line=line), name, str(item), allowed))
        return self._event(line, cells, problems)

    def _event(self, line: int, cells: dict[str, str | None], problems: list[Problem]) -> ReadEvent:
        where = _("line %(line)s", line=line)
        if not (cells.get("source") or "").strip():
            cells["source"] = self._how.source
        reported = {problem.column for problem in problems}
        for column in TIME_COLUMNS:
            if self._zone is not None and (cell := cells.get(column)):
                cells[column] = self._zoned(cell, where, column, problems)
        message = read_event(line, where, cells)
        found = problems + [
            _with_hint(problem) for problem in message.problems if problem.column not in reported
        ]
        repeats = 0
        if message.source_id:
            repeats = self._repeats(message, found)
        if found:
            message = replace(message, problems=tuple(found))
        return ReadEvent(message, 0 if found else repeats)

    def _zoned(self, cell: str, where: str, column: str, problems: list[Problem]) -> str:
        """The time in a cell without a zone, with the zone that the person chose; "" = reported as
        wrong."""
        parts = _WITHOUT_ZONE.fullmatch(cell.strip())
        if parts is None or self._zone is None:
            return cell
        try:
            local = datetime.fromisoformat(f"{parts[1]}T{parts[2]}").replace(tzinfo=self._zone)
            moment = local.astimezone(UTC)
        except (ValueError, OverflowError):
            return cell
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            # two hours of a year are ambiguous or do not exist
            is_there = moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(
                tzinfo=None
            )
            what = _("was twice") if is_there else _("never was")
            allowed = _(
                "%(a_time)s; in %(zone)s this hour %(what)s",
                a_time=A_TIME,
                zone=self._how.zone,
                what=what,
            )
            problems.append(Problem(where, column, cell, allowed))
        return moment.isoformat()

    def _repeats(self, message: EventMessage, problems: list[Problem]) -> int:
        """The line with the same id and content, 0 if there is no such line; different content is
        reported."""
        said = (
            *(message.link, message.site, message.state, message.layer, message.detail),
            *(message.start, message.end, message.is_open),
        )
        key = (message.source, message.source_id)
        line, before = self._seen.setdefault(key, (message.place, said))
        if before is said:
            return 0
        if before == said:
            return line
        allowed = _("an id only once; line %(line)s has different values for it", line=line)
        problems.append(Problem(message.where, "source_id", message.source_id, allowed))
        return 0


def _unread(line: int, value: str, why: str) -> ReadEvent:
    where = _("line %(line)s", line=line)
    return ReadEvent(EventMessage(line, where, "", "", problems=(Problem(where, "", value, why),)))


def _with_hint(problem: Problem) -> Problem:
    """Add a hint about the format of a time that cannot be read."""
    cell = problem.value.strip()
    if problem.column not in TIME_COLUMNS:
        return problem
    if _NUMBER.fullmatch(cell):
        hint = _(
            "this is a number, as spreadsheets store dates: format the column as date and time"
        )
    elif _OTHER_ORDER.match(cell):
        hint = _("write the year first, because day and month can be confused otherwise")
    elif _ZONE_WORD.search(cell) and not cell.endswith("Z"):
        hint = _("write the zone as an offset, because zone names are ambiguous")
    else:
        return problem
    return replace(problem, allowed=f"{A_TIME}; {hint}")
