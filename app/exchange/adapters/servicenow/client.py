"""ServiceNow's incidents over its Table API, and files over its Attachment API.

Written from ServiceNow's published documentation ("Table API", "Attachment API", "Incident
Management state model", "Journal field type"), without access to a live system. Pitfalls:

- A part of a query that it does not understand is ignored, so that everything matches: search
  results
  are checked again here.
- A create is not idempotent: it is looked up by ``correlation_id``, our reference, before.
- Fields that the account may not write are silently ignored: its answer is read.
- Comments and work notes are written as fields of the incident, and read from a table of journals.
- Times are UTC if actual values are requested; it interprets times in the account's time zone.
- A resolved incident needs a resolution code, whose values differ for each instance: a row of the
  map of states is ``6``, or ``6:Solution provided`` with its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from app.core.rules.attached_files import SIZE_LIMIT, media_type
from app.exchange.adapters.access import Access
from app.exchange.adapters.http import LONGEST_CALL, JsonCaller
from app.exchange.adapters.newest import MOST_PAGES, PAGE, SPARE, ChangedTicket, changed_since
from app.exchange.adapters.trial import Trial, checks, refuse
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Ours, Sent
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirFile, TheirText, TheirTicket
from app.tickets.rules.marks import reference_of

SYSTEM: Final = "LHCOPN"
"""The value of ``correlation_display`` for the creator of an incident."""
MAX_TITLE: Final = 160
MAX_DESCRIPTION: Final = 4000
"""Longest ``short_description`` and ``description``, in characters; longer ones are cut there."""
MAX_FILES: Final = 1000
_SLACK: Final = timedelta(minutes=1)
"""It may continue with a request after its client has stopped waiting."""
_MAPPED: Final = {"state": "state", "priority": "urgency", "impact": "impact"}
"""Mapped fields, and their names there; its priority follows from the other two."""
_CODED: Final = frozenset({"6", "7", "8"})
"""States that have a resolution code."""
_FIELDS: Final = (
    "sys_id,number,short_description,description,state,close_code,impact,urgency,correlation_id,"
    "sys_created_by,sys_updated_on"
)
_TABLE: Final = "/api/now/table"
_INCIDENT: Final = f"{_TABLE}/incident"
_FILES: Final = "/api/now/attachment"


@dataclass
class ServiceNow:
    """One ServiceNow. ``login`` is our account there."""

    caller: JsonCaller
    profile: Profile
    now: datetime
    login: str
    traits: Traits = field(default=Traits(can_look_up=True, settles=LONGEST_CALL + _SLACK))
    _group: str = ""

    def __post_init__(self) -> None:
        self.caller = replace(self.caller, is_own_error=_is_own_error)

    def test(self, _ticket: str = "") -> Iterator[Check]:
        """See ``PartnerSystem.test``."""
        return checks(
            self._check_login, self._check_names, Trial(self, self.now), self._check_nonsense
        )

    def find(self, reference: str) -> Sequence[str]:
        """Incidents whose ``correlation_id`` is our reference."""
        found = self._search("incident", f"correlation_id={reference}", "sys_id,correlation_id")
        return [_id(one) for one in found if one.get("correlation_id") == reference]

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """See ``PartnerSystem.ours``."""
        begin = int(cursor or 0)
        query = (
            f"sys_created_by={self.login}^sys_created_on>={since - SPARE:%Y-%m-%d} 00:00:00"
            "^ORDERBYDESCsys_created_on"
        )
        rows = self._search("incident", query, "sys_id,sys_created_by", offset=begin)
        ids = [_id(one) for one in rows if self._is_us(_text(one, "sys_created_by"))]
        is_last = len(rows) < PAGE or begin >= PAGE * MOST_PAGES
        return Ours(ids, "" if is_last else str(begin + PAGE))

    def create(self, entry: Outgoing) -> Created:
        """See ``PartnerSystem.create``."""
        reference = reference_of(entry.number)
        body = self._values(entry)[0] | {
            "short_description": (entry.values.get("title") or reference)[:MAX_TITLE],
            "description": _description(entry.text),
            "correlation_id": reference,
            "correlation_display": SYSTEM,
        }
        if len(entry.text) > MAX_DESCRIPTION:
            body["comments"] = entry.text
        if group := self._group_id():
            body["assignment_group"] = group
        query = {"sysparm_fields": _FIELDS, "sysparm_exclude_reference_link": "true"}
        made = _record(self.caller.call("POST", _INCIDENT, body, query=query))
        remark = ""
        if made.get("correlation_id") != reference:
            remark = (
                "It did not store our reference in correlation_id: let our account write this"
                " field, or our tickets cannot be found there"
            )
        return Created(_id(made), _called(made), self._page(_id(made)), remark=remark)

    def read(self, their_id: str) -> TheirTicket:
        """See ``PartnerSystem.read``."""
        path = f"{_INCIDENT}/{_checked(their_id)}"
        query = {"sysparm_fields": _FIELDS, "sysparm_exclude_reference_link": "true"}
        ticket = _record(self.caller.call("GET", path, query=query))
        if _id(ticket) != their_id:
            raise refuse(f"Ticket {their_id} was requested, but the response is {_id(ticket)}")
        by, title = _text(ticket, "sys_created_by"), _text(ticket, "short_description")
        first = TheirText(
            "description", _text(ticket, "description") or title, by, by_us=self._is_us(by)
        )
        files = self._attachments(their_id)
        return TheirTicket(
            their_id,
            [first, *self._journal(their_id), *self._files(files)],
            {ours: self._value(ticket, ours) for ours in _MAPPED},
            title=title,
            number=_called(ticket),
            url=self._page(their_id),
            our_files=[_size(one) for one in files if self._is_us(_text(one, "sys_created_by"))],
        )

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """See ``PartnerSystem.times``: its audit is not accessible to accounts like ours."""
        return {}

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """See ``PartnerSystem.send``."""
        path = f"{_INCIDENT}/{_checked(their_id)}"
        if entry.kind is EntryKind.FIELDS:
            values, left = self._values(entry)
            if values:
                answer = _record(self.caller.call("PATCH", path, values))
                left += [
                    ours
                    for ours, theirs in _MAPPED.items()
                    if theirs in values and _text(answer, theirs) != values[theirs]
                ]
            return Sent(left_out=left)
        if entry.kind is EntryKind.ATTACHMENT:
            self._attach(their_id, entry)
        name = "work_notes" if entry.kind is EntryKind.INTERNAL else "comments"
        text = f"{entry.file}\n\n{entry.text}" if entry.file else entry.text
        _record(self.caller.call("PATCH", path, {name: text}))
        return Sent()

    def changed(self, cursor: str) -> Changed:
        """Incidents of our group that changed. A new file alone does not change its incident: it is
        found with the next change, or by the nightly read."""
        group = self._group_id()
        if not group:
            raise refuse("Set an assignment group; otherwise all of their incidents would be read")

        def page(number: int, after: datetime | None) -> Sequence[ChangedTicket]:
            query = f"assignment_group={group}"
            if after is not None:
                query += f"^sys_updated_on>={after:%Y-%m-%d} 00:00:00"
            found = self._search(
                "incident",
                f"{query}^ORDERBYDESCsys_updated_on",
                "sys_id,sys_updated_on,sys_mod_count,assignment_group",
                offset=number * PAGE,
            )
            if any(_text(one, "assignment_group") != group for one in found):
                raise refuse("The incidents of one group were requested, others were sent")
            return [
                ChangedTicket(_id(one), _time(one, "sys_updated_on"), _text(one, "sys_mod_count"))
                for one in found
            ]

        return changed_since(cursor, self.now, page)

    # common parts of the calls

    def _search(
        self, table: str, query: str, fields: str, *, offset: int = 0
    ) -> Sequence[Mapping[str, Any]]:
        params: dict[str, str | int] = {
            "sysparm_query": query,
            "sysparm_fields": fields,
            "sysparm_limit": PAGE,
            "sysparm_offset": offset,
            "sysparm_exclude_reference_link": "true",
        }
        return _records(self.caller.call("GET", f"{_TABLE}/{table}", query=params))

    def _journal(self, their_id: str) -> Sequence[TheirText]:
        """Comments and work notes in order."""
        found: list[Mapping[str, Any]] = []
        query = f"element_id={their_id}^elementINcomments,work_notes^ORDERBYsys_created_on"
        fields = "sys_id,element,element_id,value,sys_created_by,sys_created_on"
        while len(found) % PAGE == 0:
            rows = self._search("sys_journal_field", query, fields, offset=len(found))
            if any(one.get("element_id") != their_id for one in rows):
                raise refuse("The comments of one incident were requested, others were sent")
            if not rows or len(found) >= PAGE * MOST_PAGES or rows[0] in found:
                break  # it returns the same ones again: it does not page
            found.extend(rows)
        found.sort(key=lambda one: _text(one, "sys_created_on"))
        return [
            TheirText(
                key=_id(one),
                text=_text(one, "value"),
                author=(by := _text(one, "sys_created_by")),
                by_us=self._is_us(by),
                internal=one.get("element") == "work_notes",
                at=_written(one),
            )
            for one in found
        ]

    def _files(self, attached: Sequence[Mapping[str, Any]]) -> Sequence[TheirText]:
        """Files of others, each as a text without content."""
        return [
            TheirText(
                key=f"file of {_id(one)}",
                text="",
                author=_text(one, "sys_created_by"),
                files=(
                    TheirFile(
                        f"file {_id(one)}",
                        _text(one, "file_name"),
                        _size(one),
                        partial(self._file, _id(one)),
                    ),
                ),
            )
            for one in attached
            if not self._is_us(_text(one, "sys_created_by"))
        ]

    def _attachments(self, their_id: str) -> Sequence[Mapping[str, Any]]:
        query: dict[str, str | int] = {
            "sysparm_query": f"table_name=incident^table_sys_id={their_id}^ORDERBYsys_created_on",
            "sysparm_limit": MAX_FILES,
        }
        found = _records(self.caller.call("GET", _FILES, query=query))
        if any(one.get("table_sys_id") != their_id for one in found):
            raise refuse("The files of one incident were requested, others were sent")
        return found

    def _file(self, key: str) -> bytes:
        return self.caller.fetch(f"{_FILES}/{key}/file", SIZE_LIMIT)

    def _attach(self, their_id: str, entry: Outgoing) -> None:
        """Send a file, unless it is there: the comment about it follows."""
        for one in self._attachments(their_id):
            is_alike = one.get("file_name") == entry.file and _size(one) == len(entry.content)
            is_ours = self._is_us(_text(one, "sys_created_by"))
            if is_alike and is_ours and self._file(_id(one)) == entry.content:
                return
        place = {"table_name": "incident", "table_sys_id": their_id, "file_name": entry.file}
        kind = media_type(entry.content)
        _record(self.caller.upload(f"{_FILES}/file", entry.content, kind, place))

    def _values(self, entry: Outgoing) -> tuple[dict[str, str], list[str]]:
        """Values in their words, and the names of fields without one there."""
        found: dict[str, str] = {}
        left: list[str] = []
        for name, value in entry.values.items():
            if name in _MAPPED:
                theirs = self.profile.map_of(name).theirs_of(value)
                if theirs is None:
                    left.append(name)
                    continue
                found[_MAPPED[name]], _, code = theirs.partition(":")
                if code and name == "state":
                    found["close_code"] = code
            elif name == "title":
                found["short_description"] = value[:MAX_TITLE]
            elif name == "solution":
                found["close_notes"] = value
            elif name != "description" or entry.kind is not EntryKind.TICKET:
                left.append(name)
        if found.get("state") in _CODED:  # it refuses a resolution without notes
            found["close_notes"] = found.get("close_notes") or f"See {reference_of(entry.number)}"
        return found, left

    def _value(self, ticket: Mapping[str, Any], name: str) -> str:
        """A value as in a row of the map: a state with its code if there is a row with one."""
        value = _text(ticket, _MAPPED[name])
        coded = f"{value}:{_text(ticket, 'close_code')}"
        is_known = self.profile.map_of(name).ours_of(coded.casefold()) is not None
        return coded if name == "state" and is_known else value

    def _group_id(self) -> str:
        """The id of the profile's assignment group, "" if none is set."""
        name = self.profile.group
        if not name or self._group:
            return self._group
        if re.fullmatch(r"[0-9a-f]{32}", name):
            self._group = name
            return name
        found = self._search("sys_user_group", f"name={name}", "sys_id,name")
        ids = [_id(one) for one in found if one.get("name") == name]
        if len(ids) != 1:
            raise refuse(f"It has {len(ids) or 'no'} assignment group called {name}")
        self._group = ids[0]
        return self._group

    def _check_login(self) -> None:
        found = self._search("sys_user", f"user_name={self.login}", "sys_id,user_name")
        if not any(self._is_us(_text(one, "user_name")) for one in found):
            raise refuse(f"It does not know our login {self.login!r}, or does not show it to us")

    def _check_names(self) -> None:
        """Check that the group exists, and the states and resolution codes in the map."""
        self._group_id()
        states: set[str] = set()
        codes: set[str] = set()
        for row in self.profile.maps.get("state", ()):
            state, _, code = row.theirs.partition(":")
            states.add(state)
            codes |= {code} if code else set()
        for element, wanted in (("state", states), ("close_code", codes)):
            query = f"name=incident^element={element}^inactive=false"
            has = {
                _text(one, "value")
                for one in self._search("sys_choice", query, "name,element,value")
                if one.get("name") == "incident" and one.get("element") == element
            }
            if missing := sorted(wanted - has):
                available = ", ".join(sorted(has)) or "none that our account can see"
                raise refuse(f"{element}: it has no {', '.join(missing)}; it has {available}")

    def _check_nonsense(self) -> None:
        if self._search("incident", "correlation_id=LHCOPN#0 of nowhere", "sys_id"):
            raise refuse("A search for an unknown correlation_id finds incidents")

    def _is_us(self, name: str) -> bool:
        return name.casefold() == self.login.casefold()

    def _page(self, their_id: str) -> str:
        target = quote(f"incident.do?sys_id={their_id}", safe="")
        return f"{self.caller.url.rstrip('/')}/nav_to.do?uri={target}"


def open_client(access: Access) -> ServiceNow:
    """The client of one connection."""
    return ServiceNow(access.caller, access.profile, access.now, access.login)


def _is_own_error(found: Mapping[str, Any]) -> bool:
    """Its errors are ``{"error": {...}}``."""
    return isinstance(found.get("error"), dict)


def _description(text: str) -> str:
    """A text that fits; a longer one keeps its last line, which names the author."""
    if len(text) <= MAX_DESCRIPTION:
        return text
    last = "\n\n[... whole in the first comment]\n\n" + text.rstrip().rpartition("\n")[2]
    return text[: MAX_DESCRIPTION - len(last)].rstrip() + last


def _records(answer: Any) -> Sequence[Mapping[str, Any]]:
    found = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise CallFailed(Failure(Outcome.TRANSIENT, "The response is not a list"))
    return found


def _record(answer: Any) -> Mapping[str, Any]:
    found = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise CallFailed(Failure(Outcome.UNKNOWN, "The response is not a record"))
    return found


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""


def _called(of: Mapping[str, Any]) -> str:
    """The name that people there use, as far as it can be stored."""
    return _text(of, "number")[:100]


def _id(of: Mapping[str, Any]) -> str:
    return _checked(of.get("sys_id"))


def _checked(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{32}", value):
        raise CallFailed(Failure(Outcome.UNKNOWN, "The response has no sys_id"))
    return value


def _size(of: Mapping[str, Any]) -> int:
    value = _text(of, "size_bytes")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def _time(of: Mapping[str, Any], name: str) -> datetime:
    try:
        return datetime.strptime(_text(of, name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise CallFailed(Failure(Outcome.TRANSIENT, f"The response has no {name}")) from None


def _written(of: Mapping[str, Any]) -> datetime | None:
    try:
        return _time(of, "sys_created_on")
    except CallFailed:
        return None
