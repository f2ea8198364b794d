"""A ServiceNow to speak with, written by hand from its published documentation, and nothing more.

Each behaviour names its page of https://www.servicenow.com/docs (in brackets): [Table API]
(c_TableAPI), [Attachment API] (c_AttachmentAPI), [Journal field type] (c_JournalFields), [Time
zones] (r_TimeZones), [Incident Management state model], [Required Fields] (Best Practice - Incident
Resolution Workflow).
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

LOGIN, PASSWORD = "lhcopn", "a secret of theirs"
GROUP: Final = "d625dccec0a8016700a222a0f7900d06"
OTHER_GROUP: Final = "8a5055c9c61122780043563ef53438e3"
_LENGTHS: Final = {"short_description": 160, "description": 4000}
_JOURNALS: Final = ("comments", "work_notes")
_WRITABLE: Final = (
    *("short_description", "description", "state", "close_code", "close_notes", "impact"),
    *("urgency", "correlation_id", "correlation_display", "assignment_group"),
)
_CHOICES: Final = {
    "state": ("1", "2", "3", "6", "7", "8"),  # [Incident Management state model], KB0564465
    "close_code": ("Solution provided", "No resolution provided", "Workaround provided"),
}
Record: TypeAlias = dict[str, str]


class _Refused(Exception):
    """An answer other than success, in the form of [Table API]'s errors."""

    def __init__(self, status: str, message: str, detail: str = "") -> None:
        self.status = status
        self.told = {"error": {"message": message, "detail": detail}, "status": "failure"}


@dataclass
class ServiceNowStandIn:
    """A WSGI application. What people there do are its verbs."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    read_only: frozenset[str] = frozenset()
    """Fields that the account may not write: dropped without a word."""
    ignored: frozenset[str] = frozenset()
    """Fields that a query may not name: the part is ignored, unless ..."""
    no_rows_for_nonsense: bool = False
    """... ``glide.invalid_query.returns_no_rows`` of [Table API] says no rows then; false as
    delivered."""
    repeats_headers: bool = False
    """A proxy before it that answers an error with what it was asked."""
    zone: timedelta = timedelta()
    """The zone in which it reads a time in a query: the account's [Time zones]."""
    tables: dict[str, list[Record]] = field(init=False)
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _call: None
    after: Callable[[str], None] = lambda _call: None
    _made: int = 0

    def __post_init__(self) -> None:
        self.tables = {
            "incident": [],
            "sys_journal_field": [],
            "sys_attachment": [],
            "sys_user": [{"sys_id": self._key(), "user_name": name} for name in (LOGIN, "beth")],
            "sys_user_group": [
                {"sys_id": GROUP, "name": "Network"},
                {"sys_id": OTHER_GROUP, "name": "Hardware"},
            ],
            "sys_choice": [
                {"sys_id": self._key(), "name": "incident", "element": element, "value": value}
                for element, values in _CHOICES.items()
                for value in values
            ],
        }

    # what people there do

    def open(self, title: str, text: str, by: str = "beth", group: str = GROUP) -> str:
        """Open an incident; its sys_id."""
        return self._open(
            {"short_description": title, "description": text, "assignment_group": group}, by
        )["sys_id"]

    def write(self, key: str, by: str = "beth", **fields: str) -> None:
        """Set fields of an incident; comments and work notes alike."""
        self._write(self.incident(key), fields, by)

    def attach(self, key: str, name: str, content: bytes, by: str = "beth") -> None:
        """Add a file to an incident, which changes nothing of it."""
        self._attach(key, name, content, "application/octet-stream", by)

    def incident(self, key: str) -> Record:
        """An incident by its sys_id."""
        return next(one for one in self.tables["incident"] if one["sys_id"] == key)

    def said(self, key: str, element: str) -> list[str]:
        """Its comments or work notes, in their order."""
        return [
            one["value"]
            for one in self.tables["sys_journal_field"]
            if one["element_id"] == key and one["element"] == element
        ]

    # the interface

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one call."""
        call = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.calls.append(call)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.before(call)
        status, answer = "200 OK", b""
        try:
            made, found = self._answer(environ, body)
            status = "201 Created" if made else status
            answer = found if isinstance(found, bytes) else json.dumps({"result": found}).encode()
        except _Refused as refused:
            status, answer = refused.status, json.dumps(refused.told).encode()
        self.after(call)
        start_response(status, [("Content-Type", "application/json;charset=UTF-8")])
        return [answer]

    def _answer(self, environ: Mapping[str, Any], body: bytes) -> tuple[bool, Any]:
        given = b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
        if environ.get("HTTP_AUTHORIZATION") != f"Basic {given}":
            raise _Refused(
                "401 Unauthorized",
                "User Not Authenticated",
                "Required to provide Auth information",
            )
        if self.repeats_headers:
            raise _Refused("502 Bad Gateway", f"Authorization: Basic {given}", PASSWORD)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = {name: found[0] for name, found in parse_qs(environ["QUERY_STRING"]).items()}
        if path.startswith("/api/now/attachment"):
            return self._attachments(method, path, query, environ, body)
        found = re.fullmatch(r"/api/now/table/(\w+)(?:/(\w+))?", path)
        if found is None or found[1] not in self.tables:
            raise _Refused("400 Bad Request", f"Invalid table {path}")
        rows, key = self.tables[found[1]], found[2]
        if key is None and method == "GET":
            return False, self._search(rows, query)
        if key is None and method == "POST":
            return True, _shown(self._open(json.loads(body), LOGIN), query)
        row = next((one for one in rows if one["sys_id"] == key), None)
        if row is None:
            detail = "Record doesn't exist or ACL restricts the record retrieval"
            raise _Refused("404 Not Found", "No Record found", detail)
        if method == "PATCH":
            self._write(row, json.loads(body), LOGIN)
        return False, _shown(row, query)

    def _search(self, rows: list[Record], query: Mapping[str, str]) -> list[Record]:
        """[Table API]: an encoded query; a part that is not valid is ignored."""
        found, order = list(rows), []
        for part in query.get("sysparm_query", "").split("^"):
            if part.startswith("ORDERBY"):
                name = part.removeprefix("ORDERBYDESC").removeprefix("ORDERBY")
                order.append((name, part.startswith("ORDERBYDESC")))
                continue
            test = self._condition(part, rows)
            if test is None and part and self.no_rows_for_nonsense:
                return []
            found = [one for one in found if test is None or test(one)]
        for name, descending in reversed(order):
            found.sort(key=lambda one: one.get(name, ""), reverse=descending)
        begin, count = int(query.get("sysparm_offset", 0)), int(query.get("sysparm_limit", 10_000))
        return [_shown(one, query) for one in found[begin : begin + count]]

    def _condition(self, part: str, rows: list[Record]) -> Callable[[Record], bool] | None:
        parsed = re.fullmatch(r"(\w+?)(>=|<=|=|IN)(.*)", part, re.DOTALL)
        if parsed is None or parsed[1] in self.ignored:
            return None
        if not any(parsed[1] in one for one in rows):
            return None
        name, operator, value = parsed.groups()
        if operator == "IN":
            return lambda one: one.get(name) in value.split(",")
        if operator == "=":
            return lambda one: one.get(name) == value
        limit = datetime.fromisoformat(value) - self.zone
        least = f"{limit:%Y-%m-%d %H:%M:%S}"
        return lambda one: (one[name] >= least) == (operator == ">=")

    def _open(self, fields: Mapping[str, str], by: str) -> Record:
        at = self._time()
        row: Record = dict.fromkeys(_WRITABLE, "") | {
            "sys_id": self._key(),
            "number": f"INC00{10_000 + len(self.tables['incident'])}",
            "state": "1",
            "impact": "3",
            "urgency": "3",
            "sys_created_by": by,
            "sys_created_on": at,
            "sys_updated_on": at,
            "sys_mod_count": "0",
        }
        self._write(row, fields, by)
        self.tables["incident"].append(row)
        return row

    def _write(self, row: Record, fields: Mapping[str, str], by: str) -> None:
        wanted = {
            name: value[: _LENGTHS.get(name)]
            for name, value in fields.items()
            if name in _WRITABLE and (by != LOGIN or name not in self.read_only)
        }
        new = row | wanted
        if new["state"] in ("6", "7") and not (new["close_code"] and new["close_notes"]):
            detail = "Data Policy Exception: mandatory: Resolution code, Resolution notes"
            raise _Refused("403 Forbidden", "Operation Failed", detail)  # [Required Fields]
        row.update(wanted)
        for element in _JOURNALS:  # [Journal field type]: entries of a table of their own
            if fields.get(element):
                self.tables["sys_journal_field"].append(
                    {
                        "sys_id": self._key(),
                        "name": "incident",
                        "element": element,
                        "element_id": row["sys_id"],
                        "value": fields[element],
                        "sys_created_by": by,
                        "sys_created_on": self._time(),
                    }
                )
        row["sys_updated_on"] = self._time()
        row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)

    def _attachments(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        environ: Mapping[str, Any],
        body: bytes,
    ) -> tuple[bool, Any]:
        """[Attachment API]: POST /now/attachment/file, GET /now/attachment, GET .../{id}/file."""
        if (method, path) == ("POST", "/api/now/attachment/file"):
            if not {"table_name", "table_sys_id", "file_name"} <= set(query):
                raise _Refused("400 Bad Request", "Missing parameters")
            kind = environ["CONTENT_TYPE"]
            return True, self._attach(query["table_sys_id"], query["file_name"], body, kind, LOGIN)
        if (method, path) == ("GET", "/api/now/attachment"):
            return False, self._search(self.tables["sys_attachment"], query)
        found = re.fullmatch(r"/api/now/attachment/(\w+)/file", path)
        if method != "GET" or found is None or found[1] not in self.files:
            raise _Refused("404 Not Found", "No Record found")
        return False, self.files[found[1]]

    def _attach(self, key: str, name: str, content: bytes, kind: str, by: str) -> Record:
        made = self._key()
        self.files[made] = content
        row = {
            "sys_id": made,
            "table_name": "incident",
            "table_sys_id": key,
            "file_name": name,
            "size_bytes": str(len(content)),
            "content_type": kind,
            "sys_created_by": by,
            "sys_created_on": self._time(),
        }
        self.tables["sys_attachment"].append(row)
        return row

    def _time(self) -> str:
        """[Time zones]: stored in UTC; [Table API]: actual values unless display ones are asked."""
        return f"{self.now():%Y-%m-%d %H:%M:%S}"

    def _key(self) -> str:
        self._made += 1
        return hashlib.md5(str(self._made).encode(), usedforsecurity=False).hexdigest()


def _shown(row: Record, query: Mapping[str, str]) -> Record:
    """[Table API]: the fields of ``sysparm_fields``, all where none is named."""
    names = query.get("sysparm_fields", "")
    return {name: row.get(name, "") for name in names.split(",")} if names else dict(row)
