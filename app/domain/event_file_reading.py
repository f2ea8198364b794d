"""Files of network events, as monitoring and spreadsheets write them: what each line states.

CSV with the columns of an export, or JSON with their names as keys. What is wrong is told by line,
column, value and what is allowed; a line that is wrong says nothing of the others. A file is read
as it goes: only what tells two lines of one id apart is kept of each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from app.domain.cells import plain_cell
from app.domain.errors import Invalid
from app.domain.event_files import COLUMNS, TEXT_COLUMNS, TIME_COLUMNS
from app.domain.json_records import records_of
from app.domain.registry_files import BadFile, Problem
from app.domain.spreadsheets import opened, rows_of, wrong_line
from app.domain.texts import LONG_TEXT_LIMIT, SHORT_TEXT_LIMIT, checked_text, read_time
from app.domain.tickets import Layer

KEY: Final = "events"
"""Under which a JSON file may hold its list."""
NEEDED: Final = ("source_id", "state", "start")
STATES: Final = ("down", "degraded", "unmonitored")
SOURCE_LIMIT: Final = 50
_LIMITS: Final[Mapping[str, int]] = {
    "source": SOURCE_LIMIT,
    "source_id": SHORT_TEXT_LIMIT,
    "link": SHORT_TEXT_LIMIT,
    "site": SHORT_TEXT_LIMIT,
    "detail": LONG_TEXT_LIMIT,
}
_CHOICES: Final = {"state": STATES, "layer": tuple(map(str, Layer))}
_WORDS: Final = {
    name: {word.casefold(): word for word in words} for name, words in _CHOICES.items()
}
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far a time may lie ahead: the source has a clock of its own."""
_TIME: Final = "an ISO 8601 time with its zone, such as 2012-03-06T10:05:00Z or …+01:00"
_AS_EXPORTED: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.ASCII)
_ZONE_WORD: Final = re.compile(r"(?:[A-Z]{2,5}|[A-Z][a-z]+/\w+)$", re.ASCII)
_COMMA: Final = re.compile(r"\d,\d", re.ASCII)
_OTHER_ORDER: Final = re.compile(r"\d{1,2}[./]\d{1,2}[./]\d{2,4}", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)


@dataclass(frozen=True)
class ReadEvent:
    """One line: the event that it states, or what is wrong with it. Times are UTC."""

    line: int
    source: str
    source_id: str
    link: str = ""
    site: str = ""
    state: str = ""
    start: datetime | None = None
    """Set unless there are problems."""
    end: datetime | None = None
    """None = it goes on."""
    layer: str = str(Layer.UNKNOWN)
    detail: str = ""
    problems: tuple[Problem, ...] = ()
    repeats: int = 0
    """The line that says the same already; 0 = none."""


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: what a person says of it."""

    source: str = ""
    """Who reported its events where no column says so."""
    encoding: str = ""
    zone: str = ""
    """The IANA zone of times without one; "" = such times are wrong. Never guessed: an hour off,
    events are matched to the wrong tickets."""


def read_events(stream: IO[bytes], now: datetime, how: Reading) -> Iterator[ReadEvent]:
    """The events of a file, line by line. ``now`` (UTC): events lie in the past.

    ``stream`` can be gone through twice. Raises ``BadFile`` where the file as a whole cannot be
    used, at once or further on.
    """
    text = opened(stream, how.encoding)
    try:
        beginning = ""
        while not beginning.strip() and (piece := text.read(100)):
            beginning = piece
        text.seek(0)
        reader = _Reader(how, now)
        if beginning.lstrip().startswith(("[", "{")):
            yield from reader.json(text)
        else:
            yield from reader.csv(text)
    except UnicodeDecodeError:
        raise wrong_line(stream, how.encoding) from None
    finally:
        text.detach()  # whoever opened the file closes it


class _Reader:
    """What is known while a file is read."""

    def __init__(self, how: Reading, now: datetime) -> None:
        self._how = how
        self._zone = ZoneInfo(how.zone) if how.zone and how.zone != "UTC" else None
        self._latest = now + _CLOCKS_DIFFER
        self._seen: dict[int, tuple[int, int]] = {}
        """Line and content of each id, both ids and contents as numbers: of a million lines their
        texts would be hundreds of megabytes."""

    def csv(self, text: IO[str]) -> Iterator[ReadEvent]:
        """The events of a table."""
        columns: tuple[str, ...] = ()
        for line, row in rows_of(text):
            if not columns:
                columns = self._head(line, row)
                continue
            yield self._of_row(line, columns, row)
        if not columns:
            raise BadFile([Problem("the file", "", "", "it is empty")])

    def json(self, text: IO[str]) -> Iterator[ReadEvent]:
        """The events of a list of objects."""
        for line, value in records_of(text, KEY):
            yield self._of_object(line, value)

    def _head(self, line: int, row: Sequence[str]) -> tuple[str, ...]:
        """The columns; ``BadFile`` where they are not those of events."""
        names = [plain_cell(cell.strip()).casefold().removesuffix(" (utc)") for cell in row]
        while names and not names[-1]:
            names.pop()  # spreadsheets keep columns that were emptied
        place = f"line {line}"
        allowed = f"the columns are {', '.join(COLUMNS)}"
        problems = [
            Problem(place, "", name or "(empty)", allowed)
            for name in dict.fromkeys(names)
            if name not in COLUMNS
        ]
        problems += [
            Problem(place, name, "", "this column stands there twice")
            for name in COLUMNS
            if names.count(name) > 1
        ]
        needed = NEEDED if self._how.source else ("source", *NEEDED)
        problems += [
            Problem(place, name, "", "this column is needed")
            for name in needed
            if name not in names
        ]
        if not {"link", "site"} & set(names):
            problems.append(Problem(place, "link", "", "a column link or site is needed"))
        if problems:
            raise BadFile(problems)
        return tuple(names)

    def _of_row(self, line: int, columns: Sequence[str], row: Sequence[str]) -> ReadEvent:
        row = list(row)
        while len(row) > len(columns) and not row[-1].strip():
            row.pop()
        if len(row) != len(columns):
            why = f"it has {len(row)} cells, and the first line {len(columns)}"
            if len(row) > len(columns):
                why += "; a cell that holds what stands between cells needs quotes around it"
            return ReadEvent(line, "", "", problems=(Problem(f"line {line}", "", "", why),))
        cells = {
            name: plain_cell(cell).strip() if name != "detail" else plain_cell(cell)
            for name, cell in zip(columns, row, strict=True)
        }
        return self._event(line, cells, [])

    def _of_object(self, line: int, value: Any) -> ReadEvent:
        place = f"line {line}"
        if not isinstance(value, dict):
            why = "an event is an object, its keys are " + ", ".join(COLUMNS)
            return ReadEvent(line, "", "", problems=(Problem(place, "", str(value), why),))
        problems = [
            Problem(place, "", str(name), f"the keys are {', '.join(COLUMNS)}")
            for name in value
            if name not in COLUMNS
        ]
        cells = {}
        for name in COLUMNS:
            item = value.get(name)
            if item is not None and not isinstance(item, str):
                problems.append(Problem(place, name, str(item), "a text in quotes, or null"))
                item = None
            cells[name] = (item or "").strip() if name != "detail" else item or ""
        return self._event(line, cells, problems)

    def _event(self, line: int, cells: Mapping[str, str], problems: list[Problem]) -> ReadEvent:
        def wrong(column: str, value: str, allowed: str) -> None:
            problems.append(Problem(f"line {line}", column, value, allowed))

        texts = {name: cells.get(name, "") for name in TEXT_COLUMNS}
        texts["source"] = texts["source"] or self._how.source
        self._check_texts(texts, wrong)
        words = {name: self._word(name, cells.get(name, ""), wrong) for name in _CHOICES}
        start = self._time("start", cells.get("start", ""), wrong)
        end = self._time("end", cells.get("end", ""), wrong)
        if not cells.get("start"):
            wrong("start", "", f"when it began: {_TIME}")
        if start is not None and start > self._latest:
            wrong("start", cells["start"], "a time that has been; this one is still to come")
        elif end is not None and end > self._latest:
            wrong("end", cells["end"], "a time that has been, or nothing while it goes on")
        if start is not None and end is not None and end < start:
            wrong("end", cells["end"], f"no time before the start, {cells['start']}")
        found = ReadEvent(
            line,
            texts["source"],
            texts["source_id"],
            texts["link"],
            texts["site"],
            words["state"],
            start,
            end,
            words["layer"],
            texts["detail"],
        )
        repeats = self._repeats(found, wrong)
        if not problems and not repeats:
            return found
        return replace(found, problems=tuple(problems), repeats=repeats)

    def _check_texts(self, texts: Mapping[str, str], wrong: _Wrong) -> None:
        for name in ("source", "source_id"):
            if not texts[name]:
                wrong(name, "", "each event needs its source, and the id that it has there")
        if not texts["link"] and not texts["site"]:
            wrong("link", "", "an event names its link, or else its site")
        for name, text in texts.items():
            try:
                checked_text(name, text, _LIMITS[name], label="It")
            except Invalid as error:
                wrong(name, text, error.message)

    def _word(self, column: str, cell: str, wrong: _Wrong) -> str:
        if not cell and column == "layer":
            return str(Layer.UNKNOWN)
        word = _WORDS[column].get(cell.casefold())
        if word is None:
            wrong(column, cell, f"one of {', '.join(_CHOICES[column])}")
        return word or ""

    def _time(self, column: str, cell: str, wrong: _Wrong) -> datetime | None:
        """The time in UTC; None where there is none, or it cannot be used, which is told."""
        if not cell:
            return None
        if _AS_EXPORTED.fullmatch(cell):  # read_time takes ten times as long
            try:
                return datetime.fromisoformat(cell)
            except ValueError:
                wrong(column, cell, f"{_TIME}; there is no such day or time of day")
                return None
        try:
            moment = read_time(column, cell)
        except Invalid:
            wrong(column, cell, f"{_TIME}{_what_it_looks_like(cell)}")
            return None
        if ":" not in cell:
            wrong(column, cell, f"{_TIME}; a day alone does not say when")
            return None
        if _ZONE.search(cell) or self._how.zone == "UTC":
            return moment
        if self._zone is None:
            why = "its zone is missing. Write Z or +01:00 behind it, or say which zone is meant"
            wrong(column, cell, why)
            return None
        return self._local(column, cell, moment.replace(tzinfo=self._zone), wrong)

    def _local(self, column: str, cell: str, local: datetime, wrong: _Wrong) -> datetime | None:
        """A time of the zone that a person said; two hours of a year are not what they seem."""
        moment = local.astimezone(UTC)
        if local.utcoffset() == local.replace(fold=1).utcoffset():
            return moment
        was = moment.astimezone(self._zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        what = "was twice" if was else "never was"
        wrong(column, cell, f"{_TIME}; in {self._how.zone} this hour {what}")
        return None

    def _repeats(self, event: ReadEvent, wrong: _Wrong) -> int:
        """The line with the same id and content; another content is told."""
        if not event.source_id:
            return 0
        key = _as_number(event.source, event.source_id)
        content = _as_number(
            *(event.link, event.site, event.state, str(event.start), str(event.end)),
            *(event.layer, event.detail),
        )
        first, before = self._seen.setdefault(key, (event.line, content))
        if first == event.line:
            return 0
        if before == content:
            return first
        wrong("source_id", event.source_id, f"line {first} says something else of this one")
        return 0


_Wrong = Callable[[str, str, str], None]


def _as_number(*texts: str) -> int:
    said = "\x1f".join(texts).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest())


def _what_it_looks_like(cell: str) -> str:
    """What a cell is that is no such time, where one can tell."""
    if _NUMBER.fullmatch(cell):
        return "; this is a number, as spreadsheets keep days: give the column a format of times"
    if _OTHER_ORDER.match(cell):
        return "; day and month are told apart only if the year comes first"
    if _COMMA.search(cell):
        return "; a decimal comma is none here, write a point"
    if _ZONE_WORD.search(cell):
        return "; a zone is written as a difference, for its name means several"
    return ""


assert set(TIME_COLUMNS) | set(TEXT_COLUMNS) | set(_CHOICES) == set(COLUMNS)
