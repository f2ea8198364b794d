"""Files of old tickets, as spreadsheets and other systems write them: what each line states.

The columns are those of an export; some may be left out. Any state and any time of the past may
are there. What is wrong is reported by line, column, value and what is allowed; a line that is
wrong says nothing of the others.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from app.core.rules.documents.cells import parted, plain_cell
from app.core.rules.documents.spreadsheets import rows_of
from app.core.rules.documents.table_heads import cells_below, columns_of
from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text, is_link, read_time
from app.tickets.rules.content import DEFAULTS, Reference, check_times, check_values
from app.tickets.rules.fields import BY_NAME
from app.tickets.rules.files import COLUMNS, FIELDS, PUBLISHED, TIME_COLUMNS
from app.tickets.rules.tickets import CLOSED_STATES, State

NEEDED: Final = ("number", "title", "state", "created")
MORE: Final = ("affected_vo", "person_in_charge", "estimated_end", "public_comment", "references")
"""What a format other than CSV may state about a ticket, in addition to its columns."""
_FIELDS: Final = {**FIELDS, **{name: BY_NAME[name] for name in MORE}}
_READ: Final = frozenset((*PUBLISHED, *_FIELDS))
"""Other columns of an export are derived, and an import ignores them."""
_TIMES: Final = (TIME_COLUMNS & _READ) | {"estimated_end"}
_DEFAULTS: Final[Mapping[str, Any]] = {
    column: DEFAULTS[field.name]
    for column, field in FIELDS.items()
    if column not in NEEDED and DEFAULTS[field.name]
}
"""What a column holds that is left out or empty, where that is something."""
_CHOICES: Final = {
    column: {str(item).casefold(): str(item) for item in field.choices}
    for column, field in FIELDS.items()
    if field.choices is not None
}
_LATER: Final = (*COLUMNS[len(PUBLISHED) :], *MORE)
_TIME: Final = _("an ISO 8601 time such as 2013-03-06T10:05:00Z (UTC if no zone is given)")
_AS_EXPORTED: Final = re.compile(r"(?:19|20)\d\d-\d\d-\d\dT(?!24)\d\d:\d\d:\d\dZ", re.ASCII)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""How far a time may lie ahead: the other system had a clock of its own."""


@dataclass(frozen=True)
class ReadTicket:
    """One line: the fields that it states, in the types of a ticket, or what is wrong with it."""

    line: int
    number: str
    """In the old system."""
    values: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    digest: str = ""
    """SHA-256 of what it says, in whatever order its columns are."""
    notes: tuple[str, ...] = ()
    """What has no place in a ticket."""


def read_tickets(text: str, now: datetime) -> Iterator[ReadTicket]:
    """The tickets of a file, line by line. ``now`` (UTC) is what lies in the past.

    Raises ``BadFile`` where the file as a whole cannot be used.
    """
    columns: tuple[str, ...] = ()
    seen: dict[str, int] = {}
    for place, row in rows_of(io.StringIO(text, newline="")):
        if not columns:
            columns = columns_of(place, row, COLUMNS, NEEDED)
            continue
        yield _ticket(place, columns, row, seen, now)
    if not columns:
        raise BadFile([Problem(_("the file"), "", "", _("it is empty"))])


def _ticket(
    line: int, columns: tuple[str, ...], row: list[str], seen: dict[str, int], now: datetime
) -> ReadTicket:
    try:
        cells = cells_below(columns, row)
    except ValueError as error:
        problem = Problem(_("line %(line)s", line=line), "", "", str(error))
        return ReadTicket(line, plain_cell(row[0]).strip()[:SHORT_TEXT_LIMIT], {}, (problem,))
    return read_cells(line, cells, seen, now)


def read_cells(
    line: int,
    cells: dict[str, str],
    seen: dict[str, int],
    now: datetime,
    names: Mapping[str, str] = MappingProxyType({}),
) -> ReadTicket:
    """The ticket that begins in this line, of what it states by column (``COLUMNS``, ``MORE``).

    ``seen`` holds the numbers of the tickets before it, with their lines; ``names`` what the file
    calls a column, where that is not its name. ``cells`` has at least ``NEEDED``.
    """
    cells = {column: cell for column, cell in cells.items() if column in _READ}
    problems: list[Problem] = []

    def wrong(column: str, value: str, allowed: str) -> None:
        place = _("line %(line)s", line=line)
        problems.append(Problem(place, names.get(column, column), value, allowed))

    number = cells.pop("number").strip()
    if not number:
        wrong("number", "", _("each ticket needs its number in the old system"))
    elif number in seen:
        wrong("number", number, _("line %(seen)s already has this number", seen=seen[number]))
    seen.setdefault(number, line)
    try:
        checked_text("number", number, SHORT_TEXT_LIMIT, label=_("Number"))
    except Invalid as error:
        wrong("number", number, error.message)
    values: dict[str, Any] = dict(_DEFAULTS) | dict.fromkeys(TIME_COLUMNS & _READ)
    values |= {"links": (), "sites": ()}
    for column, cell in cells.items():
        _read(column, cell, values, wrong)
    if not problems:
        _check(values, cells, wrong, now)
    # a later column of which a line says nothing does not make it another one
    later = (f"{name}={cells[name]}" for name in _LATER if cells.get(name))
    said = "\x1f".join([number, *(cells.get(name, "") for name in PUBLISHED), *later])
    digest = hashlib.sha256(said.encode(errors="replace")).hexdigest()
    return ReadTicket(line, number, values, tuple(problems), digest)


_Wrong = Callable[[str, str, str], None]


def _read(column: str, cell: str, values: dict[str, Any], wrong: _Wrong) -> None:
    """One cell as the value of its field; an empty one leaves what is usual."""
    if column in _TIMES:
        if cell.strip():
            try:
                values[column] = _time(cell)
            except Invalid:
                wrong(column, cell, _TIME)
    elif column in _CHOICES:
        if cell.strip():
            known = _CHOICES[column]
            value = known.get(cell.strip().casefold())
            if value is None:
                wrong(column, cell, _("one of %(listed)s", listed=", ".join(known.values())))
            values[column] = value
        elif column == "state":
            wrong(column, "", _("one of %(listed)s", listed=", ".join(_CHOICES[column].values())))
    elif column in ("links", "sites", "references"):
        try:
            items = tuple(dict.fromkeys(item for item in parted(cell) if item))
            values[column] = tuple(map(_reference, items)) if column == "references" else items
        except ValueError:
            wrong(column, cell, _("names separated by ; (write \\; for a ; in a name)"))
    elif column == "responsible_site":
        values[column] = cell.strip()
    elif cell.strip() or column not in _DEFAULTS:
        values[_FIELDS[column].name] = cell


def _reference(text: str) -> Reference:
    """``provider: number`` or ``provider: address``; what names none is of nobody known."""
    provider, colon, reference = text.partition(": ")
    if not colon:
        provider, reference = "?", text
    reference = reference.strip()
    is_url = is_link(reference)
    return Reference(provider.strip(), "" if is_url else reference, reference if is_url else "")


def _time(cell: str) -> datetime:
    if _AS_EXPORTED.fullmatch(cell):  # read_time takes ten times as long
        try:
            return datetime.fromisoformat(cell)
        except ValueError:
            pass
    return read_time("time", cell)


def _check(values: dict[str, Any], cells: Mapping[str, str], wrong: _Wrong, now: datetime) -> None:
    """What cells say together, and what texts may hold."""
    try:
        check_values(values)
        check_times(values)
    except Invalid as error:
        many = error.problems if isinstance(error, InvalidMany) else {error.field: error.message}
        for field, message in many.items():
            column = (BY_NAME[field].key if field in BY_NAME else "") or field
            wrong(column, cells.get(column, ""), message)
    created, changed, solved = (values[name] for name in ("created", "changed", "solved"))
    ended = values["state"] in CLOSED_STATES
    if created is None:
        wrong("created", "", _("when the ticket was opened: %(time)s", time=_TIME))
        return
    if solved is not None and not ended:
        allowed = _(
            "no time in state %(values)s; only %(listed)s have one",
            values=values["state"],
            listed=", ".join(CLOSED_STATES),
        )
        wrong("solved", cells["solved"], allowed)
    if values["state"] == State.SOLVED and not str(values.get("solution", "")).strip():
        wrong("solution", "", _("a solved ticket needs its solution"))
    for name in ("changed", "solved"):
        if values[name] is not None and values[name] < created:
            wrong(name, cells[name], _("no time before the ticket was created"))
    for name in ("created", "changed", "solved"):
        if values[name] is not None and values[name] > now + _CLOCKS_DIFFER:
            wrong(name, cells[name], _("a time in the past; this one is in the future"))
    values["changed"] = changed or max(created, solved or created)
    if ended:
        values["solved"] = solved or values["changed"]
