"""Zammad over its REST interface, and GGUS, which is one (helpdesk.ggus.eu since 2025).

Written from Zammad's published documentation of its interface (tickets, articles, search) and from
what public clients of GGUS call; no live system was asked. Traps that it has:

- The id in its interface is not the number that people see; pages are ``#ticket/zoom/<id>``.
- Search is Elasticsearch: it lags, and is a plain search for words where that is not installed.
- We have no right to add a field: our reference is the last line of the first text.
- Everything appears as our account; the line that marks our texts says who wrote them.
- A ticket that was merged has the state ``merged`` and a link of type parent to the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final

from app.exchange.adapters.html_text import text_of_html
from app.exchange.adapters.http import LONGEST_CALL, JsonCaller
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Sent
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirText, TheirTicket

SEARCH_LAG: Final = timedelta(minutes=2)
"""After which a new ticket is found; Zammad indexes in the background, within seconds."""
OVERLAP: Final = timedelta(minutes=15)
PAGE: Final = 100
_MERGED: Final = "merged"


@dataclass
class Zammad:
    """One Zammad."""

    caller: JsonCaller
    profile: Profile
    now: datetime
    traits: Traits = field(default=Traits(can_look_up=True, settles=LONGEST_CALL + SEARCH_LAG))
    _me: int | None = None

    def test(self) -> Iterator[Check]:
        """See ``PartnerSystem.test``."""
        for what, step in (
            ("Reachable and logged in", self._my_id),
            ("Its states are known", self._check_states),
            ("Tickets can be read", lambda: self.changed("")),
        ):
            try:
                step()
            except CallFailed as error:
                yield Check(what, error.failure.reason)
                return
            yield Check(what)

    def find(self, reference: str) -> Sequence[str]:
        """Tickets whose first text ends with the reference; the search is for words alone, so each
        that it finds is read."""
        found = self._search(f'"{reference}"', sort="id", order="desc")
        ids = []
        for ticket in found:
            first = self._articles(_id(ticket))[:1]
            lines = text_of_html(first[0]).splitlines() if first else []
            if (
                lines
                and f"{reference}/" in lines[-1]
                and _number(first[0], "created_by_id") == (self._my_id())
            ):
                ids.append(_id(ticket))
        return ids

    def create(self, entry: Outgoing) -> Created:
        """See ``PartnerSystem.create``."""
        values = self._values(entry.values)
        body = {
            "title": entry.values.get("title") or f"Ticket {entry.number}",
            "group": self.profile.group,
            "article": {
                "subject": entry.values.get("title", ""),
                "body": entry.text,
                "type": "note",
                "internal": False,
            },
            **values,
        }
        made = _object(self.caller.call("POST", "/api/v1/tickets", body))
        return Created(_id(made), str(made.get("number", "")), self._page(_id(made)))

    def read(self, their_id: str) -> TheirTicket:
        """See ``PartnerSystem.read``."""
        path = f"/api/v1/tickets/{int(their_id)}"
        ticket = _object(self.caller.call("GET", path, query={"expand": "true"}))
        if _id(ticket) != their_id:
            reason = f"Asked for {their_id}, it answers {_id(ticket)}"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        me = self._my_id()
        texts = [
            TheirText(
                key=str(_number(article, "id")),
                text=text_of_html(article),
                author=str(article.get("from") or article.get("created_by") or ""),
                by_us=_number(article, "created_by_id") == me,
                internal=bool(article.get("internal")),
            )
            for article in self._articles(their_id)
        ]
        state = str(ticket.get("state", ""))
        values = {"state": state, "priority": str(ticket.get("priority", ""))}
        merged = self._merged_into(their_id) if state == _MERGED else ""
        return TheirTicket(
            their_id,
            texts,
            values,
            title=str(ticket.get("title", "")),
            number=str(ticket.get("number", "")),
            url=self._page(their_id),
            merged_into=merged,
            changed_at=_time(ticket.get("updated_at")),
        )

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """See ``PartnerSystem.send``."""
        if entry.kind is EntryKind.FIELDS:
            values = self._values(entry.values)
            if "title" in entry.values:
                values["title"] = entry.values["title"]
            left = [name for name in entry.values if name not in values]
            if values:
                self.caller.call("PUT", f"/api/v1/tickets/{int(their_id)}", values)
            return Sent(left_out=left)
        article = {
            "ticket_id": int(their_id),
            "body": entry.text,
            "type": "note",
            "content_type": "text/plain",
            "internal": entry.kind is EntryKind.INTERNAL,
        }
        made = _object(self.caller.call("POST", "/api/v1/ticket_articles", article))
        return Sent(str(_number(made, "id")))

    def changed(self, cursor: str) -> Changed:
        """Tickets that changed since the cursor, a time, and a quarter of an hour before: their
        search lags. Doubles are known again by the keys of their texts."""
        since = datetime.fromisoformat(cursor) - OVERLAP if cursor else self.now - OVERLAP
        query = f"updated_at:[{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} TO *]"
        if self.profile.group:
            query += f' AND group.name:"{self.profile.group}"'
        found = self._search(query, sort="updated_at", order="asc")
        ids = [_id(ticket) for ticket in found]
        last = max((str(ticket.get("updated_at", "")) for ticket in found), default="")
        return Changed(ids, last or cursor or self.now.isoformat(), more=len(found) == PAGE)

    # what the calls have in common

    def _search(self, query: str, *, sort: str, order: str) -> Sequence[Mapping[str, Any]]:
        asked = {
            "query": query,
            "sort_by": sort,
            "order_by": order,
            "limit": PAGE,
            "expand": "true",
        }
        return _objects(self.caller.call("GET", "/api/v1/tickets/search", query=asked))

    def _articles(self, their_id: str) -> Sequence[Mapping[str, Any]]:
        path = f"/api/v1/ticket_articles/by_ticket/{int(their_id)}"
        return sorted(_objects(self.caller.call("GET", path)), key=lambda one: _number(one, "id"))

    def _my_id(self) -> int:
        if self._me is None:
            self._me = _number(_object(self.caller.call("GET", "/api/v1/users/me")), "id")
        return self._me

    def _check_states(self) -> None:
        names = {
            str(one.get("name", ""))
            for one in _objects(self.caller.call("GET", "/api/v1/ticket_states"))
        }
        wanted = {row.theirs for row in self.profile.maps.get("state", ())}
        if missing := sorted(wanted - names):
            reason = f"It has no state {', '.join(missing)}; it has {', '.join(sorted(names))}"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))

    def _merged_into(self, their_id: str) -> str:
        query = {"link_object": "Ticket", "link_object_value": int(their_id)}
        answer = _object(self.caller.call("GET", "/api/v1/links", query=query))
        links = answer.get("links")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("link_type") == "parent":
                return str(link.get("link_object_value", ""))
        return ""

    def _values(self, values: Mapping[str, str]) -> dict[str, str]:
        """Mapped values in their words; what has no counterpart is not sent."""
        found = {}
        for name in ("state", "priority"):
            if name in values and (theirs := self.profile.map_of(name).theirs_of(values[name])):
                found[name] = theirs
        return found

    def _page(self, their_id: str) -> str:
        return f"{self.caller.url.rstrip('/')}/#ticket/zoom/{escape(their_id)}"


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise CallFailed(Failure(Outcome.UNKNOWN, "It answers something that is no object"))
    return answer


def _objects(answer: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise CallFailed(Failure(Outcome.TRANSIENT, "It answers something that is no list"))
    return answer


def _number(of: Mapping[str, Any], name: str) -> int:
    value = of.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise CallFailed(Failure(Outcome.UNKNOWN, f"Its answer lacks {name}"))
    return value


def _id(ticket: Mapping[str, Any]) -> str:
    return str(_number(ticket, "id"))


def _time(told: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(told)).astimezone(UTC)
    except ValueError:
        return None
