"""Tickets as NTTDM, the XML of RFC 6137 (experimental, 2011): written, and read again.

The names of fields up to ``WORK_PLAN_START_DATETIME`` and which of them are needed are those of
GEANT's table of NTTDM (wiki.geant.org/x/Voo7Bw). **Recalled, and not confirmed against the RFC's
text**, are: the names of the document and of its tickets, the namespace, the later fields
(``is_recalled``), and all words of closed lists. So readers are lenient: names in any case and of
any namespace, the words of the portal in addition to those of NTTDM; and what a closed list cannot
tell apart is in ``ADDITIONAL_DATA``, too. docs/nttdm.md says what is lost.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape

from app.core.rules.errors import Invalid
from app.core.rules.file_problems import MAX_LINES, BadFile, Problem
from app.core.rules.guarded_xml import XmlBounds, XmlProblem, XmlRefused, scan_pieces
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT, PORTAL_TEXT_LIMIT, storable_text
from app.registry.rules.networks import Network
from app.tickets.rules.content import MAX_THINGS, NewTicket
from app.tickets.rules.file_reading import NEEDED, ReadTicket, read_cells
from app.tickets.rules.tickets import Category, Impact, Priority, State, is_open

MAX_BYTES: Final = 256 * 1024 * 1024
"""Of a document: a few times what ``MAX_LINES`` tickets usually are."""
OWN_CODE: Final = "LHCOPN"
"""PARTNER_ID of what was created here."""
_BOUNDS: Final = XmlBounds(depth=8, elements=64 * MAX_LINES)
_BOUNDS_OF_ONE: Final = XmlBounds(depth=8, elements=4 * MAX_THINGS)
_BOM: Final = b"\xef\xbb\xbf"
_UNREAD_NAMED: Final = 20
"""Unknown fields of a ticket that a note names."""


@dataclass(frozen=True)
class NttdmField:
    """One field of a ticket in NTTDM."""

    name: str
    column: str
    """What of the portal's ticket it holds: a column of files, or what is said below."""
    is_needed: bool = False
    """Whether it is there also where it is empty."""
    is_recalled: bool = False
    """Whether its name was recalled and not confirmed against the RFC's text."""
    is_read: bool = True
    """Whether a ticket takes it over as it is."""


def _recalled(name: str, column: str, **more: bool) -> NttdmField:
    return NttdmField(name, column, is_recalled=True, **more)


FIELDS: Final = (
    NttdmField("PARTNER_ID", "origin_system", is_needed=True),
    NttdmField("ORIGINAL_ID", "origin_id", is_needed=True),
    NttdmField("TT_ID", "number", is_needed=True),
    NttdmField("TT_TITLE", "title", is_needed=True),
    NttdmField("TT_TYPE", "tt_type", is_needed=True, is_read=False),
    NttdmField("TT_PRIORITY", "tt_priority", is_read=False),
    NttdmField("TT_STATUS", "tt_status", is_needed=True, is_read=False),
    NttdmField("TT_SOURCE", "tt_source", is_read=False),
    NttdmField("TT_OPEN_DATETIME", "created", is_needed=True),
    NttdmField("TT_CLOSE_DATETIME", "solved", is_needed=True),
    NttdmField("TT_SHORT_DESCRIPTION", "title", is_needed=True, is_read=False),
    NttdmField("TT_LONG_DESCRIPTION", "description"),
    NttdmField("TYPE", "type", is_needed=True, is_read=False),
    NttdmField("TT_IMPACT_ASSESSMENT", "tt_impact", is_needed=True, is_read=False),
    NttdmField("START_DATETIME", "event_start", is_needed=True),
    NttdmField("DETECT_DATETIME", "event_detected"),
    NttdmField("END_DATETIME", "event_end", is_needed=True),
    NttdmField("TT_LAST_UPDATE_TIME", "changed", is_needed=True),
    NttdmField("TIME_WINDOW_START", "window_start"),
    NttdmField("TIME_WINDOW_END", "window_end"),
    _recalled("WORK_PLAN_END_DATETIME", "estimated_end"),
    _recalled("RELATED_EXTERNAL_TICKETS", "references"),
    _recalled("RELATED_ACTIVITY", "relations", is_read=False),
    _recalled("ADDITIONAL_DATA", "additional", is_read=False),
    _recalled("HISTORY", "public_comment", is_needed=True),
    _recalled("AFFECTED_COMMUNITY", "affected_vo"),
    _recalled("AFFECTED_SERVICE", "network", is_read=False),
    _recalled("LOCATION", "sites", is_needed=True),
    _recalled("NETWORK_LINK_CIRCUIT", "links"),
    _recalled("END_LINE_LOCATION_A", "end_a", is_read=False),
    _recalled("END_LINE_LOCATION_B", "end_b", is_read=False),
    _recalled("OPEN_ENGINEER", "submitter"),
    _recalled("CONTACT_ENGINEERS", "person_in_charge"),
    _recalled("CLOSE_ENGINEER", "closed_by", is_read=False),
)
"""In the order in which they are written."""
_BY_NAME: Final = {one.name: one for one in FIELDS}
_LISTS: Final = frozenset({"links", "sites", "references", "relations"})
"""What holds several values, separated by ``;`` as in files, or in elements of the same name."""
_EXACT: Final = frozenset({"title", "description", "public_comment", "additional"})
"""Texts of people: blanks round them are theirs."""
_ADDITIONAL: Final = (
    *("state", "priority", "category", "layer", "unit", "responsible_site", "solution"),
)
"""Columns that NTTDM has no field for, or whose closed list has fewer words."""
_COLUMN_NAMES: Final[Mapping[str, str]] = {
    **{one.column: one.name for one in FIELDS if one.is_read},
    **dict.fromkeys(_ADDITIONAL, "ADDITIONAL_DATA"),
    "state": "TT_STATUS",
    "priority": "TT_PRIORITY",
    "category": "TT_TYPE",
    "impact": "TT_IMPACT_ASSESSMENT",
    "network": "AFFECTED_SERVICE",
}
"""Where a column of ours is in a document."""

# ---- the words of closed lists: all of them recalled, none confirmed against the RFC's text

_STATUSES: Final[Mapping[str, str]] = {
    State.NEW: "Opened",
    State.ASSIGNED: "Updated",
    State.IN_PROGRESS: "Updated",
    State.WAITING: "Inactive",
    State.ON_HOLD: "Inactive",
    State.REOPENED: "Reopened",
    State.SOLVED: "Solved",
    State.UNSOLVED: "Closed",
    State.VERIFIED: "Closed",
    State.CLOSED: "Closed",
}
_STATES: Final[Mapping[str, str]] = {
    "opened": State.NEW,
    "updated": State.IN_PROGRESS,
    "closed": State.CLOSED,
    "solved": State.SOLVED,
    "inactive": State.ON_HOLD,
    "cancelled": State.UNSOLVED,
    "reopened": State.REOPENED,
    "superseded": State.UNSOLVED,
    "opened/closed": State.CLOSED,
}
_TYPES: Final[Mapping[str, str]] = {
    Category.INFORMATIONAL: "Informational",
    Category.TEST: "Test",
}
"""TT_TYPE of a category; of the others Operational."""
_CATEGORIES: Final[Mapping[str, str]] = {
    "informational": Category.INFORMATIONAL,
    "administrative": Category.INFORMATIONAL,
    "test": Category.TEST,
}
_PLANNED: Final = (Category.MAINTENANCE, Category.CHANGE)
_PRIORITY_WORDS: Final[Mapping[str, str]] = {
    Priority.LESS_URGENT: "Low",
    Priority.NORMAL: "Medium",
    Priority.URGENT: "Medium",
    Priority.VERY_URGENT: "High",
    Priority.TOP: "High",
}
_PRIORITIES: Final[Mapping[str, str]] = {
    "low": Priority.LESS_URGENT,
    "medium": Priority.URGENT,
    "high": Priority.VERY_URGENT,
}
_IMPACT_WORDS: Final[Mapping[str, str]] = {
    Impact.NONE: "No impact",
    Impact.REDUCED: "Reduced redundancy",
    Impact.DEGRADED: "Severe performance impact",
    Impact.OUTAGE: "No connectivity",
    Impact.UNKNOWN: "Unknown",
}
_IMPACTS: Final[Mapping[str, str]] = {
    **{word.casefold(): impact for impact, word in _IMPACT_WORDS.items()},
    "minor performance impact": Impact.DEGRADED,
    "on backup": Impact.REDUCED,
    "at risk": Impact.REDUCED,
}
_NO_SOLUTION: Final = "NTTDM does not say how it was solved."
"""The solution of a ticket that is solved elsewhere: the portal requires one."""


def _status_of(cells: Mapping[str, str]) -> str:
    state = cells.get("state", "")
    if state == State.UNSOLVED and cells.get("category") in _PLANNED:
        return "Cancelled"
    return _STATUSES.get(state, "")


def _type_of(cells: Mapping[str, str]) -> tuple[str, str]:
    """TT_TYPE and TYPE."""
    category = cells.get("category", "")
    planned = "Scheduled" if category in _PLANNED else "Unscheduled"
    return _TYPES.get(category, "Operational"), planned


# ---- writing

HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<NTTDM-Document xmlns="urn:ietf:params:xml:ns:nttdm-1.0" version="1.00" lang="en">\n'
)
"""The beginning of a document, recalled as the names in it are."""
TAIL: Final = "</NTTDM-Document>\n"


def nttdm_ticket(cells: Mapping[str, str]) -> str:
    """One ticket of a document, of its cells as a file has them (times ISO 8601 in UTC).

    In addition to the columns of files: ``affected_vo``, ``person_in_charge``, ``estimated_end``,
    ``references`` and ``relations`` (separated by ``;``), ``public_comment`` (its history),
    ``tt_source``, ``end_a``, ``end_b``, ``closed_by``.
    """
    tt_type, planned = _type_of(cells)
    coded = {
        "tt_type": tt_type,
        "type": planned,
        "tt_status": _status_of(cells),
        "tt_priority": _PRIORITY_WORDS.get(cells.get("priority", ""), ""),
        "tt_impact": _IMPACT_WORDS.get(cells.get("impact", ""), ""),
        "additional": "\n".join(
            f"{name}: {_indented(cells[name])}" for name in _ADDITIONAL if cells.get(name)
        ),
    }
    if not (cells.get("origin_system") or cells.get("origin_id")):
        coded |= {"origin_system": OWN_CODE, "origin_id": cells["number"]}
    elif not cells.get("origin_system"):
        coded["origin_system"] = OWN_CODE
    values = {**cells, **coded}
    lines = [
        f"    <{one.name}>{_escaped(values.get(one.column, ''))}</{one.name}>\n"
        for one in FIELDS
        if one.is_needed or values.get(one.column)
    ]
    return f"  <Ticket>\n{''.join(lines)}  </Ticket>\n"


def _escaped(text: str) -> str:
    """As it is between tags; a parser would take a bare carriage return for a line feed."""
    return escape(storable_text(text, len(text)), {"\r": "&#13;"})


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


# ---- reading


def is_xml(content: bytes) -> bool:
    """Whether a file is XML and not a table."""
    return content[:1024].removeprefix(_BOM).lstrip().startswith(b"<")


def read_nttdm(content: bytes, now: datetime) -> Iterator[ReadTicket]:
    """The tickets of a document, each with the line in which it begins. ``now`` (UTC) is what lies
    in the past. Raises ``BadFile`` where the document as a whole cannot be used."""
    seen: dict[str, int] = {}
    for line, sent in _documents_tickets(content, _BOUNDS):
        yield _read(line, sent, seen, now)


def read_one(content: bytes, now: datetime) -> tuple[ReadTicket, Mapping[str, str]]:
    """The only ticket of a document, and what each of its fields says: of long texts the beginning
    and a digest. Raises ``Invalid`` where it is not one, or is wrong."""
    try:
        found = list(_documents_tickets(content, _BOUNDS_OF_ONE))
    except BadFile as error:
        raise Invalid("nttdm", error.problems[0].allowed) from None
    if len(found) != 1:
        raise Invalid(
            "nttdm", _("The document holds %(count)s tickets; send one", count=len(found))
        )
    ((line, sent),) = found
    read = _read(line, sent, {}, now)
    if read.problems:
        problem = read.problems[0]
        raise Invalid("nttdm", f"{problem.column}: {problem.allowed}")
    return read, {name: _in_short(text) for name, text in _texts_of(sent).items()}


def _in_short(text: str) -> str:
    if len(text) <= LONG_TEXT_LIMIT:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[:LONG_TEXT_LIMIT]}… [{len(text)} characters, SHA-256 {digest}]"


def new_ticket(read: ReadTicket) -> NewTicket:
    """What it states of a ticket that is opened now. Raises ``Invalid`` for one that has ended.

    Any state but new is one in which somebody has it: assigned. Its origin is the partner and the
    id that it has there, by which the same ticket is known again. The responsible site is left out:
    it follows the links and sites, and only operators say otherwise.
    """
    values, state = read.values, str(read.values["state"])
    if not is_open(state):
        raise Invalid("nttdm", _("A ticket that has ended is not opened; it is imported as a file"))
    names = {one.name for one in fields(NewTicket)} - {"solution", "responsible_site"}
    stated = {name: value for name, value in values.items() if name in names}
    stated |= {
        "state": State.NEW if state == State.NEW else State.ASSIGNED,
        "origin_system": values.get("origin_system") or OWN_CODE,
        "origin_id": values.get("origin_id") or read.number,
    }
    return NewTicket(**stated)


_Sent = dict[str, list[str]]


@dataclass
class _Tickets:
    """Gathers the fields of each ticket, by name."""

    whole: list[tuple[int, _Sent]] = field(default_factory=list)
    """Those that were read to their end, with the line in which they begin."""
    _line: int = 0
    _path: list[str] = field(default_factory=list)
    _sent: _Sent | None = None
    _level: int = 0
    """How deep the fields of the present ticket lie."""
    _text: list[str] = field(default_factory=list)

    def start(self, name: str, line: int) -> None:
        plain = name.rpartition(":")[2].upper().replace("-", "_")
        self._path.append(plain)
        if self._sent is None:
            if plain == "TICKET":
                self._sent, self._level, self._line = {}, len(self._path) + 1, line
        elif len(self._path) == self._level:
            self._text = []

    def end(self) -> None:
        name, level = self._path.pop(), len(self._path) + 1
        if self._sent is None:
            return
        if level < self._level:
            self.whole.append((self._line, self._sent))
            self._sent = None
        elif level == self._level and (
            name in self._sent or name in _BY_NAME or len(self._sent) < len(FIELDS) + _UNREAD_NAMED
        ):
            self._sent.setdefault(name, []).append("".join(self._text))

    def text(self, text: str) -> None:
        if self._sent is not None:
            self._text.append(text)


_REFUSALS: Final = {
    XmlProblem.DECLARATION: _("write it as XML 1.0 in UTF-8"),
    XmlProblem.DOCTYPE: _("a document type declaration is not accepted"),
    XmlProblem.TOO_LARGE: _("it is deeper or larger than any list of tickets"),
    XmlProblem.MALFORMED: _("it is not well-formed XML in UTF-8"),
}


def _documents_tickets(content: bytes, bounds: XmlBounds) -> Iterator[tuple[int, _Sent]]:
    tickets, count = _Tickets(), 0
    if len(content) > MAX_BYTES:
        raise _bad_file(_("NTTDM has at most %(limit)s MiB", limit=MAX_BYTES // 1024 // 1024))
    try:
        for _piece in scan_pieces(content.removeprefix(_BOM), bounds, tickets):
            whole, tickets.whole = tickets.whole, []
            count += len(whole)
            if count > MAX_LINES:
                most = format(MAX_LINES, ",")
                raise _bad_file(_("it holds more than %(most)s tickets; split it", most=most))
            yield from whole
    except XmlRefused as refused:
        raise _bad_file(_REFUSALS[refused.problem]) from None
    if not count:
        raise _bad_file(_("it holds no ticket; NTTDM is an NTTDM-Document of Ticket elements"))


def _bad_file(allowed: str) -> BadFile:
    return BadFile([Problem(_("the file"), "", "", allowed)])


def _read(line: int, sent: _Sent, seen: dict[str, int], now: datetime) -> ReadTicket:
    found = read_cells(line, _cells_of(_texts_of(sent)), seen, now, _COLUMN_NAMES)
    unread = [name for name, values in sent.items() if name not in _BY_NAME and any(values)]
    if not unread:
        return found
    note = _("not read: %(names)s", names=", ".join(unread[:_UNREAD_NAMED]))
    return replace(found, notes=(note,))


def _texts_of(sent: _Sent) -> dict[str, str]:
    """What the fields of a ticket say, those that are empty left out."""
    texts = {}
    for one in FIELDS:
        text = (";" if one.column in _LISTS else "\n").join(sent.get(one.name, ()))
        if text.strip():
            texts[one.name] = text if one.column in _EXACT else text.strip()
    return texts


def _cells_of(texts: Mapping[str, str]) -> dict[str, str]:
    """What a ticket's fields say, by the columns of files."""
    cells = {one.column: texts[one.name] for one in FIELDS if one.is_read and one.name in texts}
    ours, rest = _additional_in(texts.get("ADDITIONAL_DATA", ""))
    cells |= {name: text for name, text in ours.items() if name not in _CODED}
    cells |= _decoded(texts, ours)
    title, short = cells.get("title", ""), texts.get("TT_SHORT_DESCRIPTION", "")
    cells["title"] = title or short
    if short != cells["title"]:
        cells.setdefault("description", short)
    if rest:
        cells["public_comment"] = "\n\n".join(filter(None, (cells.get("public_comment"), rest)))
    if texts.get("AFFECTED_SERVICE", "") in set(Network):
        cells["network"] = texts["AFFECTED_SERVICE"]
    original = texts.get("ORIGINAL_ID", "")
    cells["number"] = texts.get("TT_ID", "") or original
    if cells.get("origin_system") == OWN_CODE:
        cells["origin_system"] = ""
        if original == cells["number"]:
            cells["origin_id"] = ""
    if is_open(cells["state"]):
        cells.pop("solved", None)  # it was reopened since
    if cells["state"] == State.SOLVED:
        cells.setdefault("solution", _NO_SOLUTION)
    return {**dict.fromkeys(NEEDED, ""), **cells}


_CODED: Final = ("state", "category", "priority")


def _decoded(texts: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """The portal's words for those of closed lists: its own that stand beside them, unless somebody
    changed the field since."""
    said = {
        name: texts.get(name, "").casefold()
        for name in ("TT_STATUS", "TT_TYPE", "TYPE", "TT_PRIORITY", "TT_IMPACT_ASSESSMENT")
    }
    types = (said["TT_TYPE"], said["TYPE"])
    if "category" in ours and types == tuple(map(str.casefold, _type_of(ours))):
        category = ours["category"]
    elif said["TT_TYPE"] in ("", "operational"):
        category = Category.MAINTENANCE if said["TYPE"] == "scheduled" else Category.INCIDENT
    else:
        category = _CATEGORIES.get(said["TT_TYPE"], texts["TT_TYPE"])
    if "state" in ours and said["TT_STATUS"] == _status_of(ours).casefold():
        state = ours["state"]
    else:
        state = _STATES.get(said["TT_STATUS"], texts.get("TT_STATUS", ""))
    priority = ours.get("priority", "")
    if said["TT_PRIORITY"] != _PRIORITY_WORDS.get(priority, "").casefold():
        priority = _PRIORITIES.get(said["TT_PRIORITY"], texts.get("TT_PRIORITY", ""))
    impact = _IMPACTS.get(said["TT_IMPACT_ASSESSMENT"], texts.get("TT_IMPACT_ASSESSMENT", ""))
    return {
        name: value
        for name, value in (
            ("state", state),
            ("category", category),
            ("priority", priority),
            ("impact", impact),
        )
        if value or name == "state"
    }


_NEXT: Final = re.compile(r"\n(?!  )")


def _additional_in(text: str) -> tuple[dict[str, str], str]:
    """What of the portal's columns is in ADDITIONAL_DATA, and what else does."""
    found: dict[str, str] = {}
    rest: list[str] = []
    for part in _NEXT.split(text):
        name, colon, value = part.partition(": ")
        if colon and name in _ADDITIONAL:
            found[name] = value.replace("\n  ", "\n")
        else:
            rest.append(part)
    return found, "\n".join(rest).strip()


def history_of(entries: list[str]) -> str:
    """Entries of a ticket's log as HISTORY; of too long a log the oldest are left out."""
    kept: list[str] = []
    length = 0
    for entry in reversed(entries):
        length += len(entry) + 1
        if length > PORTAL_TEXT_LIMIT - 100:
            kept.append(f"[{len(entries) - len(kept)} older entries are left out.]")
            break
        kept.append(entry)
    return "\n".join(reversed(kept))
