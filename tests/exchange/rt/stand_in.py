"""A Request Tracker to speak with where there is none: it answers what Debian's
``request-tracker5`` 5.0.7 answered. The same tests run against both, so that it keeps to it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

TOKENS: Final = {"lhcopn": f"1-35-{'a' * 32}", "beth": f"1-37-{'b' * 32}"}
_USERS: Final = {"RT_System": 1, "lhcopn": 35, "beth": 37}
_STATES: Final = ("new", "open", "stalled", "resolved", "rejected", "deleted")
_OPENED: Final = frozenset({"new", "resolved", "rejected"})
"""States that correspondence opens, by the rule that RT has as delivered."""


class _Refused(Exception):
    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class _Ticket:
    id: int
    queue: str
    subject: str
    creator: str
    status: str = "new"
    reference: str = ""
    into: int = 0
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class RequestTrackerStandIn:
    """A WSGI application: queues Network, which has the field, and Bare, which lacks it."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    keeps_fields: bool = True
    """The account may write custom fields."""
    tickets: dict[int, _Ticket] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    parts: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one call."""
        status, body = "200 OK", environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        try:
            token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("token ")
            by = next((name for name, known in TOKENS.items() if known == token), "")
            if not by:
                raise _Refused("401 Unauthorized", "Unauthorized")
            answer = self._answer(environ, json.loads(body) if body else {}, by)
        except _Refused as refused:
            status, answer = refused.status, {"message": str(refused)}
        start_response(status, [("Content-Type", "application/json; charset=utf-8")])
        return [json.dumps(answer).encode()]

    def _answer(self, environ: Mapping[str, Any], body: Mapping[str, Any], by: str) -> Any:
        call = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix('/REST/2.0/')}"
        query = {name: found[0] for name, found in parse_qs(environ["QUERY_STRING"]).items()}
        return self.ask(call, body, by, query)

    def ask(
        self,
        call: str,
        body: Mapping[str, Any],
        by: str = "beth",
        query: Mapping[str, str] = MappingProxyType({}),
    ) -> Any:
        """What one call of somebody is answered."""
        for pattern, verb in (
            (r"GET rt", lambda _: {"Version": "5.0.7"}),
            (r"GET user/(.+)", lambda found: self._user(found[1])),
            (r"GET queue/(.+)", lambda found: self._queue(found[1])),
            (r"GET tickets", lambda _: self._search(query, by)),
            (r"POST ticket", lambda _: self._create(body, by)),
            (r"GET ticket/(\d+)", lambda found: self._shown(self._find(found[1]))),
            (r"PUT ticket/(\d+)", lambda found: self._change(self._find(found[1]), body, by)),
            (
                r"POST ticket/(\d+)/(correspond|comment)",
                lambda found: self._write(self._find(found[1]), found[2], body, by),
            ),
            (r"GET ticket/(\d+)/history", lambda found: self._history(found[1], query)),
            (r"GET ticket/(\d+)/attachments", lambda found: self._attachments(found[1], query)),
            (r"GET attachment/(\d+)", lambda found: self._attachment(found[1])),
        ):
            if (found := re.fullmatch(pattern, call)) is not None:
                return verb(found)
        raise _Refused("404 Not Found", "Not Found")

    def _user(self, name: str) -> Any:
        for known, key in _USERS.items():
            if name in (known, str(key)):
                return {"Name": known, "id": key}
        raise _Refused("404 Not Found", "Not Found")

    def _queue(self, name: str) -> Any:
        if name not in ("Network", "Bare"):
            raise _Refused("403 Forbidden", "Forbidden")
        fields = [{"id": "2", "name": "LHCOPN", "type": "customfield"}]
        return {"id": 3, "Name": name, "TicketCustomFields": fields if name == "Network" else []}

    def _find(self, key: str) -> _Ticket:
        ticket = self.tickets.get(int(key))
        if ticket is None:
            raise _Refused("404 Not Found", "Not Found")
        return self._find(str(ticket.into)) if ticket.into else ticket

    def _shown(self, ticket: _Ticket) -> Any:
        values = [ticket.reference] if ticket.reference else []
        fields = [{"name": "LHCOPN", "values": values}] if ticket.queue == "Network" else []
        return {
            "id": ticket.id,
            "Subject": ticket.subject,
            "Status": ticket.status,
            "LastUpdated": f"{ticket.updated:%Y-%m-%dT%H:%M:%SZ}",
            "EffectiveId": str(ticket.into or ticket.id),
            "Creator": _creator(ticket.creator),
            "CustomFields": fields,
        }

    def _create(self, body: Mapping[str, Any], by: str) -> Any:
        name, status = body["Queue"], body.get("Status", "new")
        if name not in ("Network", "Bare"):
            refusal = f"No permission to create tickets in the queue '{name}'"
            raise _Refused("403 Forbidden", refusal)
        if status not in _STATES:
            refusal = f"Status '{status}' isn't a valid status for tickets in this queue."
            raise _Refused("400 Bad Request", refusal)
        key = len(self.tickets) + 1
        ticket = _Ticket(key, name, body["Subject"][:200], by, status, updated=self.now())
        if name == "Network" and self.keeps_fields:
            ticket.reference = body.get("CustomFields", {}).get("LHCOPN", "")
        self.tickets[key] = ticket
        self._say(ticket, "Create", body, by)
        return {"id": str(key), "type": "ticket", "_url": f"/REST/2.0/ticket/{key}"}

    def _change(self, ticket: _Ticket, body: Mapping[str, Any], by: str) -> Any:
        said = []
        if "MergeInto" in body:
            self.tickets[ticket.id].into = int(body["MergeInto"])
            self._find(body["MergeInto"]).updated = self.now()
            return ["Merge Successful"]
        if (status := body.get("Status", ticket.status)) not in _STATES:
            said.append(f"Status '{status}' isn't a valid status for this ticket.")
        elif status != ticket.status:
            said.append(f"Status changed from '{ticket.status}' to '{status}'")
            self._set_status(ticket, status, by)
        if (queue := body.get("Queue", ticket.queue)) != ticket.queue:
            said.append(f"Queue changed from {ticket.queue} to {queue}")
            ticket.queue = queue
        if (subject := body.get("Subject", ticket.subject)) != ticket.subject:
            said.append(f"Subject changed from '{ticket.subject}' to '{subject}'")
            ticket.subject = subject[:200]
        ticket.updated = self.now()
        return [f"Ticket {ticket.id}: {one}" for one in said]

    def _write(self, ticket: _Ticket, verb: str, body: Mapping[str, Any], by: str) -> Any:
        self._say(ticket, "Correspond" if verb == "correspond" else "Comment", body, by)
        if verb == "correspond" and ticket.status in _OPENED:
            self._set_status(ticket, "open", "RT_System")
        return ["Correspondence added" if verb == "correspond" else "Comments added"]

    def _set_status(self, ticket: _Ticket, status: str, by: str) -> None:
        self._note(ticket, "Status", by, Field="Status", OldValue=ticket.status, NewValue=status)
        ticket.status = status

    def _note(self, ticket: _Ticket, kind: str, by: str, **more: str) -> str:
        """Add a transaction; its id."""
        key, now = str(len(self.transactions) + 80), self.now()
        row = {"id": key, "Type": kind, "Creator": _creator(by), "ticket": ticket.id}
        self.transactions.append(row | {"Created": f"{now:%Y-%m-%dT%H:%M:%SZ}"} | more)
        return key

    def _say(self, ticket: _Ticket, kind: str, body: Mapping[str, Any], by: str) -> None:
        key = self._note(ticket, kind, by)
        contents = [("", "text/plain", body["Content"].encode())]
        for file in body.get("Attachments", ()):
            content = base64.b64decode(file["FileContent"])
            contents.append((file["FileName"], file["FileType"], content))
        for name, kind_of, content in contents:
            self.parts.append(
                {
                    "id": str(len(self.parts) + 1),
                    "TransactionId": key,
                    "Filename": name,
                    "ContentType": kind_of,
                    "ContentLength": str(len(content)),
                    "content": content,
                }
            )
        ticket.updated = self.now()

    def _history(self, key: str, query: Mapping[str, str]) -> Any:
        return _page(self._of(self._find(key)), query)

    def _of(self, ticket: _Ticket) -> list[dict[str, Any]]:
        """The transactions of a ticket and of those that were merged into it."""
        all_ = self.transactions
        return [one for one in all_ if self._find(str(one["ticket"])).id == ticket.id]

    def _attachments(self, key: str, query: Mapping[str, str]) -> Any:
        own = {one["id"] for one in self._of(self._find(key))}
        rows = [one for one in self.parts if one["TransactionId"] in own]
        for limit in json.loads(query.get("query", "[]")):
            if limit["field"] == "Filename":
                named = limit["operator"] == "IS NOT"
                rows = [one for one in rows if bool(one["Filename"]) is named]
            else:
                rows = [one for one in rows if one["ContentType"].startswith(limit["value"])]
        shown = [
            {name: value for name, value in one.items() if name != "content"}
            | ({"Content": one["content"].decode()} if "Content," in query["fields"] + "," else {})
            for one in rows
        ]
        return _page(shown, query) | {"total": None, "pages": None}

    def _attachment(self, key: str) -> Any:
        for one in self.parts:
            if one["id"] == key:
                return {"id": int(key), "Content": base64.encodebytes(one["content"]).decode()}
        raise _Refused("404 Not Found", "Not Found")

    def _search(self, query: Mapping[str, str], by: str) -> Any:
        words = query["query"]
        rows = [one for one in self.tickets.values() if _fits(words, one, by)]
        if "EffectiveId" not in words:
            rows = [one for one in rows if not one.into]
        if query.get("orderby") == "LastUpdated":
            rows.sort(key=lambda one: one.updated, reverse=query.get("order") == "DESC")
        elif query.get("order") == "DESC":
            rows.reverse()
        return _page([self._shown(one) | {"id": str(one.id)} for one in rows], query)


def _fits(words: str, ticket: _Ticket, by: str) -> bool:
    """TicketSQL, as far as it is asked here: conditions with AND, and OR in brackets."""
    return all(
        any(_is_so(one, ticket, by) for one in part.strip("()").split(" OR "))
        for part in words.split(" AND ")
    )


def _is_so(condition: str, ticket: _Ticket, by: str) -> bool:
    parsed = re.fullmatch(r"(\S+|'[^']+') (=|>|LIKE|NOT LIKE|IS) (.+)", condition)
    assert parsed is not None, condition
    name, operator, value = parsed[1], parsed[2], parsed[3].strip("'")
    found = {
        "Queue": ticket.queue,
        "Subject": ticket.subject,
        "Creator": ticket.creator,
        "'CF.{LHCOPN}'": ticket.reference,
        "EffectiveId": f"{ticket.into or ticket.id:020}",
        "Created": f"{ticket.updated:%Y-%m-%d %H:%M:%S}",
        "LastUpdated": f"{ticket.updated:%Y-%m-%d %H:%M:%S}",
    }[name]
    value = f"{int(value):020}" if name == "EffectiveId" else value
    return {
        "=": found == (by if value == "__CurrentUser__" else value),
        ">": found > value,
        "IS": not found,
        "LIKE": value.casefold() in found.casefold(),
        "NOT LIKE": value.casefold() not in found.casefold(),
    }[operator]


def _page(rows: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    size, number = min(int(query.get("per_page", 20)), 100), int(query.get("page", 1))
    shown = rows[(number - 1) * size : number * size]
    return {"count": len(shown), "page": number, "per_page": size, "items": shown}


def _creator(name: str) -> dict[str, Any]:
    return {"id": _USERS[name], "Name": name, "type": "user"}
