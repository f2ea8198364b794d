"""A partner to try things with: a small Zammad in memory that misbehaves on demand.

``flask exchange stand-in`` serves it. It has only what the portal's ``zammad`` kind calls;
``POST /misbehave`` says how it errs from now on. Not for anything but demo and tests: anybody who
reaches its port may do everything.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from socketserver import ThreadingMixIn
from time import sleep
from typing import Any, Final
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

STATES: Final = (
    "assigned",
    "in progress",
    "waiting for reply",
    "on hold",
    "reopened",
    "solved",
    "unsolved",
    "closed",
    "verified",
    "merged",
    *("new", "open", "pending reminder", "pending close"),
)
PRIORITIES: Final = (
    *("2 normal", "less urgent", "urgent", "very urgent", "top priority"),
    *("1 low", "3 high"),
)
PORTAL, PERSON = 1, 2
"""Ids of the two accounts: the portal's, and that of everybody else there."""


@dataclass
class Misbehaviour:
    """How it errs. Counts are of calls to come."""

    refuse: int = 0
    """503 with Retry-After."""
    fail_after: int = 0
    """Carries out the request, and answers 500."""
    silence_after: int = 0
    """Carries out the request, and answers so late that nobody waits."""
    html: int = 0
    """Carries out the request, and answers a page."""
    wrong_id: int = 0
    """Answers another ticket's id."""
    search_lag: float = 0
    """Seconds after which its search finds what is new."""
    search_lies: bool = False
    """Its search is for words alone: a question for a field finds whatever holds the word."""
    broken_ticket: int = 0
    """A ticket that is answered with another one's id."""
    refused_word: str = ""
    """A ticket or a text that holds it is refused for good (422)."""
    failed_word: str = ""
    """At a ticket or a text that holds it everything fails (500), and nothing is done."""
    busy_word: str = ""
    """At a ticket or a text that holds it it is busy for ever (429)."""
    seconds: float = 0
    """Before each answer."""


@dataclass
class _Ticket:
    id: int
    number: str
    title: str
    group: str
    created: datetime
    state: str = "assigned"
    priority: str = "2 normal"
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    seen_from: datetime = field(default_factory=lambda: datetime.now(UTC))
    articles: list[dict[str, Any]] = field(default_factory=list)
    created_by: int = 0
    merged_into: int | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    own: dict[str, str | None] = field(default_factory=dict)


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.status, self.headers = status, list(headers)


class StandIn:
    """The partner, as a WSGI application. Its verbs are also there for tests, in the same words."""

    def __init__(self, token: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.token, self._now = token, now
        self.tickets: dict[int, _Ticket] = {}
        self.errs = Misbehaviour()
        self._lock = threading.RLock()
        self._articles = self._last = 0
        self._files: dict[int, bytes] = {}
        self.calls: list[str] = []
        self.groups = ["Users", "Network"]
        self.states: tuple[str, ...] = STATES
        self.follow_ups: Mapping[str, str] = {}
        """To which state a text moves a ticket: from, to."""
        self.own_fields: Mapping[str, tuple[str, ...]] = {}
        """Fields that were added to its tickets, and the values that they take; () = any."""
        self.shows_history = True
        """The account may read histories."""
        self.window = 10_000
        """Hits of a search behind which it answers none, as Elasticsearch does."""

    # what people do there

    def open(self, title: str, text: str, by: int = PERSON, group: str = "Users") -> int:
        """Open a ticket; its id."""
        with self._lock:
            self._last += 1
            key = 1000 + self._last
            now = self._now()
            ticket = _Ticket(key, f"29{key}", title, group, now, updated=now, created_by=by)
            ticket.seen_from = now + timedelta(seconds=self.errs.search_lag)
            self.tickets[key] = ticket
            self.comment(key, text, by)
            return key

    def comment(self, key: int, text: str, by: int = PERSON, *, internal: bool = False) -> int:
        """Add a text; its id."""
        with self._lock:
            self._articles += 1
            name = "LHCOPN portal" if by == PORTAL else "Staff there"
            self.tickets[key].articles.append(
                {
                    "id": self._articles,
                    "ticket_id": key,
                    "body": text,
                    "content_type": "text/plain",
                    "internal": internal,
                    "from": name,
                    "created_by_id": by,
                    "attachments": [],
                    "created_at": self._now().isoformat().replace("+00:00", "Z"),
                }
            )
            state = self.tickets[key].state
            self._set(self.tickets[key], {"state": self.follow_ups.get(state, state)}, by)
            self._touch(key)
            return self._articles

    def attach(self, key: int, name: str, content: bytes, text: str = "", by: int = PERSON) -> int:
        """Add a text with a file; the file's id."""
        with self._lock:
            self.comment(key, text, by)
            file = 5000 + len(self._files) + 1
            self._files[file] = content
            found = {"id": file, "filename": name, "size": str(len(content)), "preferences": {}}
            self.tickets[key].articles[-1]["attachments"].append(found)
            return file

    def move(self, key: int, state: str) -> None:
        """Set the state."""
        self.change(key, state=state)

    def change(self, key: int, **values: str) -> None:
        """Set values."""
        with self._lock:
            self._set(self.tickets[key], values, PERSON)
            self._touch(key)

    def merge(self, key: int, into: int) -> None:
        """Merge a ticket into another one, to which its texts move."""
        with self._lock:
            self.tickets[key].merged_into = into
            moved = self.tickets[key].articles
            self.tickets[into].articles += [{**one, "ticket_id": into} for one in moved]
            self.tickets[key].articles = []
            self.move(key, "merged")
            self._touch(into)

    def backup(self) -> object:
        """A copy of all that it holds."""
        with self._lock:
            return copy.deepcopy((self.tickets, self._articles, self._last, self._files))

    def restore(self, kept: object) -> None:
        """Hold what it held when the copy was made: ids are given a second time from now on."""
        with self._lock:
            self.tickets, self._articles, self._last, self._files = copy.deepcopy(kept)  # type: ignore[misc]

    def _touch(self, key: int) -> None:
        now = self._now()
        self.tickets[key].updated = now

    # the interface

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one call."""
        try:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            with self._lock:
                self.calls.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
                errs = self._erring(environ["PATH_INFO"])
                answer = self._answer(environ, json.loads(body) if body else {})
            if isinstance(answer, bytes):
                head = [("Content-Type", "application/octet-stream")]
                start_response("200 OK", [*head, ("Content-Length", str(len(answer)))])
                return [answer]
        except Refused as refused:
            start_response(refused.status, [("Content-Type", "application/json"), *refused.headers])
            return [json.dumps({"error": refused.status.partition(" ")[2]}).encode()]
        sleep(self.errs.seconds)
        status, kind, content = "200 OK", "application/json", json.dumps(answer).encode()
        if errs == "fail_after":
            status = "500 Internal Server Error"
        elif errs == "silence_after":
            sleep(60)
        elif errs == "html":
            kind, content = "text/html", b"<html><h1>Please log in</h1></html>"
        elif errs == "wrong_id" and isinstance(answer, dict):
            content = json.dumps(answer | {"id": 999_999}).encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(content)))])
        return [content]

    def _erring(self, path: str) -> str:
        if path == "/misbehave":
            return ""
        if self.errs.refuse > 0:
            self.errs.refuse -= 1
            raise Refused("503 Service Unavailable", [("Retry-After", "1")])
        for name in ("fail_after", "silence_after", "html", "wrong_id"):
            left = getattr(self.errs, name)
            if left > 0:
                setattr(self.errs, name, left - 1)
                return name
        return ""

    def _answer(self, environ: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if (method, path) == ("POST", "/misbehave"):
            known = {one.name for one in fields(Misbehaviour)}
            self.errs = Misbehaviour(**{k: v for k, v in body.items() if k in known})
            return {}
        if environ.get("HTTP_AUTHORIZATION") != f"Token token={self.token}":
            raise Refused("401 Unauthorized")
        if self.errs.refused_word and self.errs.refused_word in json.dumps(body):
            raise Refused("422 Unprocessable Entity")
        if self.errs.failed_word and self.errs.failed_word in json.dumps(body):
            raise Refused("500 Internal Server Error")
        if self.errs.busy_word and self.errs.busy_word in json.dumps(body):
            raise Refused("429 Too Many Requests")
        query = {name: found[0] for name, found in parse_qs(environ["QUERY_STRING"]).items()}
        for pattern, verb in self._routes():
            if (found := re.fullmatch(pattern, f"{method} {path}")) is not None:
                return verb(found, query, body)
        raise Refused("404 Not Found")

    def _routes(self) -> Iterable[tuple[str, Callable[..., Any]]]:
        return (
            (r"GET /api/v1/version", lambda *_: {"version": "0 (a stand-in)"}),
            (r"GET /api/v1/users/me", lambda *_: {"id": PORTAL, "login": "portal"}),
            (
                r"GET /api/v1/ticket_states",
                lambda *_: [{"id": key, "name": name} for key, name in enumerate(self.states, 1)],
            ),
            (
                r"GET /api/v1/ticket_priorities",
                lambda *_: [{"id": key, "name": name} for key, name in enumerate(PRIORITIES, 1)],
            ),
            (
                r"GET /api/v1/groups",
                lambda *_: [{"id": key, "name": name} for key, name in enumerate(self.groups, 1)],
            ),
            (r"GET /api/v1/tickets", lambda _f, query, _b: self._list(query)),
            (r"GET /api/v1/tickets/search", lambda _f, query, _b: self._search(query)),
            (r"POST /api/v1/tickets", lambda _f, _q, body: self._create(body)),
            (r"GET /api/v1/tickets/(\d+)", lambda found, *_: self._told(self._find(found[1]))),
            (r"PUT /api/v1/tickets/(\d+)", self._change),
            (
                r"GET /api/v1/ticket_articles/by_ticket/(\d+)",
                lambda found, *_: self._find(found[1]).articles,
            ),
            (r"POST /api/v1/ticket_articles", lambda _f, _q, body: self._article(body)),
            (
                r"GET /api/v1/ticket_attachment/(\d+)/(\d+)/(\d+)",
                lambda found, *_: self._files[int(found[3])],
            ),
            (r"GET /api/v1/ticket_history/(\d+)", lambda found, *_: self._history(found[1])),
            (r"GET /api/v1/links", lambda _f, query, _b: self._links(query)),
        )

    def _find(self, key: str) -> _Ticket:
        if (ticket := self.tickets.get(int(key))) is None:
            raise Refused("404 Not Found")
        return ticket

    def _history(self, key: str) -> Any:
        if not self.shows_history:
            raise Refused("403 Forbidden")
        return {"history": self._find(key).history}

    def _told(self, ticket: _Ticket) -> dict[str, Any]:
        shown = self._shown(ticket)
        return shown | {"id": 999_999} if ticket.id == self.errs.broken_ticket else shown

    def _shown(self, ticket: _Ticket) -> dict[str, Any]:
        return {
            "id": ticket.id,
            "number": ticket.number,
            "title": ticket.title,
            "group": ticket.group,
            "state": ticket.state,
            "priority": ticket.priority,
            "created_by_id": ticket.created_by,
            "article_ids": [one["id"] for one in ticket.articles],
            "created_at": ticket.created.isoformat().replace("+00:00", "Z"),
            "updated_at": ticket.updated.isoformat().replace("+00:00", "Z"),
            **{name: ticket.own.get(name) for name in self.own_fields},
        }

    def _create(self, body: Mapping[str, Any]) -> Any:
        article = body["article"]
        own = {name: body[name] for name in self.own_fields if name in body}
        if any(self.own_fields[name] and own[name] not in self.own_fields[name] for name in own):
            raise Refused("422 Unprocessable Entity")
        key = self.open(body["title"], article["body"], PORTAL, body.get("group", self.groups[0]))
        self._set(self.tickets[key], body)
        self.tickets[key].own = own
        return self._shown(self.tickets[key])

    def _change(self, found: re.Match[str], _query: Any, body: Mapping[str, Any]) -> Any:
        ticket = self._find(found[1])
        self._set(ticket, body)
        self._touch(ticket.id)
        return self._shown(ticket)

    def _set(self, ticket: _Ticket, body: Mapping[str, Any], by: int = PORTAL) -> None:
        for name, known in (("state", self.states), ("priority", PRIORITIES)):
            before = getattr(ticket, name)
            if (value := body.get(name, before)) not in known:
                raise Refused("422 Unprocessable Entity")
            if value != before:
                setattr(ticket, name, value)
                row = {"object": "Ticket", "type": "updated", "attribute": name}
                told = {"value_from": before, "value_to": value, "created_by_id": by}
                at = self._now().isoformat().replace("+00:00", "Z")
                ticket.history.append(row | told | {"created_at": at})
        ticket.title = body.get("title", ticket.title)

    def _article(self, body: Mapping[str, Any]) -> Any:
        key = self._find(str(body["ticket_id"])).id
        made = self.comment(key, body["body"], PORTAL, internal=bool(body.get("internal")))
        for one in body.get("attachments", ()):
            file = 5000 + len(self._files) + 1
            self._files[file] = base64.b64decode(one["data"])
            found = {"id": file, "filename": one["filename"], "size": str(len(self._files[file]))}
            self.tickets[key].articles[-1]["attachments"].append(found)
        return {"id": made, "ticket_id": key}

    def _list(self, query: Mapping[str, str]) -> Any:
        return [self._shown(one) for one in _page(list(self.tickets.values()), query)]

    def _links(self, query: Mapping[str, str]) -> Any:
        into = self._find(query["link_object_value"]).merged_into
        links = [] if into is None else [{"link_type": "parent", "link_object_value": into}]
        return {"links": links}

    def _search(self, query: Mapping[str, str]) -> Any:
        now, words = self._now(), query["query"]
        found = [one for one in self.tickets.values() if one.seen_from <= now]
        since = re.fullmatch(
            r'updated_at:\[(\S+) TO (\S+)\](?: AND id:>(\d+))?(?: AND group.name:"(.*)")?', words
        )
        above = re.fullmatch(r"id:>(\d+)", words)
        if since is not None and not self.errs.search_lies:
            begin = datetime.fromisoformat(since[1])
            end = datetime.max.replace(tzinfo=UTC)
            end = end if since[2] == "*" else datetime.fromisoformat(since[2])
            found = [one for one in found if begin <= one.updated <= end]
            found = [one for one in found if one.id > int(since[3] or 0)]
            found = [one for one in found if since[4] in (None, one.group)]
        elif above is not None and not self.errs.search_lies:
            found = [one for one in found if one.id > int(above[1])]
        else:
            word = (words if self.errs.search_lies else words.strip('"')).casefold()
            found = [
                one
                for one in found
                if word in one.title.casefold()
                or any(word in text["body"].casefold() for text in one.articles)
            ]
        key = {"id": lambda one: one.id, "updated_at": lambda one: one.updated}[
            query.get("sort_by", "id")
        ]
        found.sort(key=key, reverse=query.get("order_by") == "desc")
        return [self._shown(one) for one in _page(found[: self.window], query)]


def _page(found: list[_Ticket], query: Mapping[str, str]) -> list[_Ticket]:
    size = int(query.get("per_page", query.get("limit", 50)))
    begins = (int(query.get("page", 1)) - 1) * size
    return found[begins : begins + size]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing is written for each call."""


def server_of(partner: StandIn, port: int = 0) -> WSGIServer:
    """A server of the stand-in on this machine alone; port 0 = any that is free."""
    return make_server("127.0.0.1", port, partner, _Server, _Quiet)
