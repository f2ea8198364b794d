"""Zammad over its REST interface, including GGUS (helpdesk.ggus.eu, a Zammad since 2025).

Written from Zammad's published documentation (docs.zammad.org/en/latest/api: intro, ticket,
ticket/articles, ticket/links, ticket/states, ticket/priorities, group) and the calls of public
clients of GGUS, without access to a live system. Pitfalls:

- The id in its interface is not the number that people see; pages are ``#ticket/zoom/<id>``.
- Search is Elasticsearch: it is delayed, ends after 10,000 hits, and is a plain search for words if
  that is not installed: a query for a field then finds everything that contains these words.
- We have no right to add a field: our reference is the last line of the first text.
- Everything is written by our account; the line that marks our texts names the author.
- A merged ticket has the state ``merged`` and a link of type parent to the other one, to which its
  texts moved.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

from app.core.rules.attached_files import SIZE_LIMIT, media_type
from app.core.rules.language import _
from app.core.rules.texts import storable_text
from app.exchange.adapters.access import Access
from app.exchange.adapters.apart import plain_text
from app.exchange.adapters.http import LONGEST_CALL, JsonCaller
from app.exchange.adapters.newest import AHEAD
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Ours, Sent
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirFile, TheirText, TheirTicket, our_sizes
from app.tickets.rules.marks import Mark, mark_of, marked, normalised, reference_of, references_in

FOLLOWS: Final = "6.4"
"""The version of the documentation from which this is written."""
_SEARCH: Final = _("Search behaves as expected")
SEARCH_LAG: Final = timedelta(minutes=2)
"""A new ticket is found after this time; Zammad indexes in the background, within seconds."""
OVERLAP: Final = timedelta(minutes=15)
PAGE: Final = 100
"""Hits of one search; Zammad returns at most 200."""
MOST_PAGES: Final = 5
"""Pages of hits that are searched for our reference."""
MOST_LOOKED_AT: Final = 30
"""Hits whose texts are read to check whether our reference is in its place."""
TEST: Final = 0
"""The number of our side of the test ticket: no such ticket exists."""
_FIRST: Final = 1
"""The sequence of the entry that creates a ticket."""
_MERGED: Final = "merged"
MOVED_BY_TEXT: Final = {
    "new": "open",
    "pending close": "open",
    "closed": "open",
}
"""How a text moves a ticket by Zammad's default rule for answers (a group's "follow-up possible", a
state's "default for follow-ups"). States that wait for an answer are omitted: an answer is meant
to end them."""
_MAPPED: Final = {"state": "ticket_states", "priority": "ticket_priorities"}
"""Fields that are set, and where their values are listed."""
_HIGHEST: Final = 2**63 - 1
_LONGEST_NUMBER: Final = 100
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""The range of usable times of changes; others are replaced by these."""


@dataclass
class Zammad:
    """One Zammad."""

    caller: JsonCaller
    profile: Profile
    now: datetime
    traits: Traits = field(
        default=Traits(
            can_look_up=True, settles=LONGEST_CALL + SEARCH_LAG, moved_by_text=MOVED_BY_TEXT
        )
    )
    _me: int | None = None
    _lists: dict[str, set[str]] = field(default_factory=dict)
    _test_ticket: str = ""
    _test_text: str = ""

    def __post_init__(self) -> None:
        self.caller = replace(self.caller, is_own_error=_is_own_error)

    def test(self, ticket: str = "") -> Iterator[Check]:
        """See ``PartnerSystem.test``."""
        self._test_ticket = ticket
        reachable, logged_in = _("Reachable"), _("Logged in")
        try:
            self._my_id()
        except CallFailed as error:
            if error.failure.is_away:
                yield Check(reachable, error.failure.reason)
                return
            yield Check(reachable)
            yield Check(logged_in, error.failure.reason)
            return
        yield Check(reachable)
        yield Check(logged_in)
        yield Check(self._version())
        steps: tuple[tuple[str, Callable[[], None], bool], ...] = (
            (_("May read"), self._check_words, False),
            (_("May write"), self._write_test, False),
            (_SEARCH, self._check_search, True),
            (_("Round trip on a test ticket"), self._check_round_trip, False),
        )
        for what, step, for_reading in steps:
            try:
                step()
            except CallFailed as error:
                again = self._test_ticket if what == _SEARCH else ""
                yield Check(what, error.failure.reason, for_reading, again)
                if not for_reading:
                    return
            else:
                yield Check(what, for_reading=for_reading)
        if self.profile.extras:
            yield from self._check_extras()

    def find(self, reference: str) -> Sequence[str]:
        """Tickets whose first text of ours ends with the reference. The search only looks for
        words, so it also finds tickets that quote it: hits are read, the oldest of ours first.
        It looks for the whole mark of the first text: without Elasticsearch it finds parts of
        words, and ``LHCOPN#4`` is a part of ``LHCOPN#400``. Raises ``CallFailed`` if there are more
        of ours than can be read: an incomplete result would be wrong."""
        number, mark = references_in(reference)[0], f"{reference}/{_FIRST}"
        hits = self._hits(f'"{mark}"')
        if not hits and not self._search("id:>0", sort="id", size=1):
            hits = self._hits(mark)  # no Elasticsearch: quotes are found, too
        if not hits:
            return []
        me = self._my_id()
        ours = [one for one in hits if one.get("created_by_id", me) == me]
        if len(ours) > MOST_LOOKED_AT:
            reason = f"{len(ours)} tickets of ours there mention {reference}; choose one"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        # a ticket of theirs contains our first text if ours was merged into it
        others = [one for one in hits if one not in ours]
        looked_at = [*ours, *others][:MOST_LOOKED_AT]
        return [_id(one) for one in looked_at if self._is_ours(_id(one), number)]

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """See ``PartnerSystem.ours``: the plain list, which comes from the database, from its last
        page back. New tickets are appended, and a deletion moves the others to a page that is
        still to be read."""
        page = int(cursor) if cursor else self._last_page()
        rows, me = self._listed_on(page), self._my_id()
        ids = [_id(one) for one in rows if one.get("created_by_id") == me]
        is_last = page == 1 or (bool(rows) and _time(rows[0], "created_at") < since)
        return Ours(ids[::-1], "" if is_last else str(page - 1))

    def _last_page(self) -> int:
        """The last non-empty page of the plain list, by bisection: it returns no total."""
        low, high = 1, 2
        while self._listed_on(high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._listed_on(middle) else (low, middle)
        return low

    def _listed_on(self, page: int) -> Sequence[Mapping[str, Any]]:
        query: dict[str, str | int] = {"per_page": PAGE, "page": page, "expand": "true"}
        return _objects(self.caller.call("GET", "/api/v1/tickets", query=query))

    def create(self, entry: Outgoing) -> Created:
        """See ``PartnerSystem.create``. The answer is checked: with the id of another ticket it is
        unknown what was created."""
        state = entry.values.get("state", "")
        created_as = self.profile.state_to_create(state)
        values = self._values({**entry.values, "state": created_as})
        left_out = ("state",) if created_as != state else ()
        body: dict[str, Any] = {
            "title": entry.values.get("title") or f"Ticket {entry.number}",
            "customer_id": self._my_id(),
            "article": {
                "subject": entry.values.get("title", ""),
                "body": entry.text,
                "content_type": "text/plain",
                "type": "note",
                "internal": False,
            },
            **values,
        }
        if self.profile.group:
            body["group"] = self.profile.group
        made, remark = self._made(body, entry.extras)
        key = _id(made)
        if not self._shows_ours(key, entry.number):
            reason = f"It responded with {key}, which does not contain our reference"
            raise CallFailed(Failure(Outcome.UNKNOWN, reason))
        return Created(
            key,
            _called(made),
            self._page(key),
            left_out=left_out,
            serial=int(key),
            remark=remark,
        )

    def _made(
        self, body: Mapping[str, Any], extras: Mapping[str, str]
    ) -> tuple[Mapping[str, Any], str]:
        """The answer to a create, and a remark about its own fields. A value that it refuses there
        (422: nothing is created) does not prevent the ticket."""
        refusal = ""
        try:
            made = self.caller.call("POST", "/api/v1/tickets", {**extras, **body})
        except CallFailed as error:
            if not extras or error.failure.status != 422:
                raise
            refusal = error.failure.reason
            made = self.caller.call("POST", "/api/v1/tickets", body)
        answer = _object(made)
        if refusal:
            return answer, f"Created without {', '.join(extras)}: {refusal}"
        lost = [name for name, value in extras.items() if _parts(answer.get(name)) != _parts(value)]
        return answer, f"It did not store {', '.join(lost)}" if lost else ""

    def read(self, their_id: str) -> TheirTicket:
        """See ``PartnerSystem.read``."""
        ticket = self._ticket(their_id)
        me = self._my_id()
        texts = [
            TheirText(
                key=str(_number(article, "id")),
                text=text_of_html(article),
                author=str(article.get("from") or article.get("created_by") or ""),
                by_us=_number(article, "created_by_id") == me,
                internal=bool(article.get("internal")),
                files=self._files(their_id, article),
                at=_written(article),
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
            number=_called(ticket),
            url=self._page(their_id),
            merged_into=merged,
            our_files=our_sizes(texts),
            is_whole=True,
        )

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """See ``PartnerSystem.times``: the newest row of the ticket's history for each field."""
        path = f"/api/v1/ticket_history/{int(their_id)}"
        rows = _object(self.caller.call("GET", path)).get("history")
        found: dict[str, datetime] = {}
        for row in _objects(rows if rows is not None else []):
            name = row.get("attribute")
            if row.get("object") == "Ticket" and isinstance(name, str) and name in _MAPPED:
                at = _time(row, "created_at")
                found[name] = max(at, found.get(name, at))
        return found

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """See ``PartnerSystem.send``."""
        if entry.kind is EntryKind.FIELDS:
            return self._set(their_id, entry.values)
        article: dict[str, Any] = {
            "ticket_id": int(their_id),
            "body": entry.text,
            "type": "note",
            "content_type": "text/plain",
            "internal": entry.kind is EntryKind.INTERNAL,
        }
        if entry.kind is EntryKind.ATTACHMENT:
            article["attachments"] = [
                {
                    "filename": entry.file,
                    "data": base64.b64encode(entry.content).decode(),
                    "mime-type": media_type(entry.content),
                }
            ]
        made = _object(self.caller.call("POST", "/api/v1/ticket_articles", article))
        return Sent(str(_number(made, "id")))

    def changed(self, cursor: str) -> Changed:
        """Tickets changed since the cursor, and during the quarter of an hour before it: search is
        delayed.

        Searches continue by time, never by page: a ticket that changes meanwhile moves to the end,
        and would push another one over the edge of a page. If more than a page changed within one
        second, these are read by id.

        Before the first read the search is tried on a known ticket: a search for words alone would
        never find anything. Raises ``CallFailed`` then.
        """
        if not cursor and not self._is_proven():
            return Changed((), "")
        place = _Place.of(cursor, self.now)
        if place.after is None:
            return self._changed_by_time(place, cursor)
        ends = place.since + timedelta(seconds=1)
        found = self._search(
            self._within(place.since, f"{ends:%Y-%m-%dT%H:%M:%SZ}", f" AND id:>{place.after}"),
            sort="id",
        )
        ids = [_id(ticket) for ticket in found]
        if len(found) < PAGE:
            on = _Place(ends, None, place.began)
        else:
            on = _Place(place.since, max(int(one) for one in ids), place.began)
        return Changed(ids, on.cursor, more=True, versions=_versions(found))

    def _changed_by_time(self, place: _Place, cursor: str) -> Changed:
        found = self._search(self._within(place.since), sort="updated_at")
        ids, times = [_id(ticket) for ticket in found], [_updated(ticket) for ticket in found]
        versions = _versions(found)
        if len(found) < PAGE:
            # a time far in the future would hide all changes until then
            newest = min(max([*times, _reached(cursor, self.now)]), self.now + AHEAD)
            return Changed(ids, newest.isoformat(), versions=versions)
        # hits are in the order of the index, with current content: those changed since they were
        # indexed are newer than their position
        reached = min(times[len(times) // 2 :]).replace(microsecond=0)
        is_further = reached > place.since
        on = (
            _Place(reached, None, place.began)
            if is_further
            else _Place(place.since, 0, place.began)
        )
        return Changed(ids, on.cursor, more=True, versions=versions)

    def _is_proven(self) -> bool:
        """Whether the search was tried; without any ticket there is nothing to try it on. Raises
        ``CallFailed`` if it works differently."""
        if (known := self._known_ticket()) is None:
            return False
        self._check_search_with(known)
        return True

    # the connection test

    def _check_extras(self) -> Iterator[Check]:
        """Which of the profile's own fields its tickets have. They are read and not tried: setting
        a site would notify it."""
        try:
            ticket = self._ticket(self._test_ticket)
        except CallFailed as error:
            yield Check(_("Fields that the profile fills"), error.failure.reason)
            return
        there = [name for name in self.profile.extras if name in ticket]
        missing = [name for name in self.profile.extras if name not in ticket]
        found = _("It has the fields that are filled: %(names)s", names=", ".join(there))
        lacks = _("It lacks fields, which are not sent: %(names)s", names=", ".join(missing))
        if there:
            yield Check(found, fields=there)
        if missing:
            yield Check(lacks, fields=there)

    def _version(self) -> str:
        """Its version, as far as our account can see it, and what is known about that."""
        try:
            found = _object(self.caller.call("GET", "/api/v1/version")).get("version")
        except CallFailed:
            found = None
        if not isinstance(found, str):
            return _(
                "It does not name its version; the portal follows the documentation of %(version)s",
                version=FOLLOWS,
            )
        return _(
            "Zammad %(found)s; the portal follows the documentation of %(version)s and was not"
            " tried with a real Zammad",
            found=storable_text(found, 40),
            version=FOLLOWS,
        )

    def _check_words(self) -> None:
        """Check that the values in the map exist, and the group."""
        for name, path in _MAPPED.items():
            there = self._names(path)
            wanted = {row.theirs for row in self.profile.maps.get(name, ())}
            if missing := sorted(wanted - there):
                raise CallFailed(
                    Failure(
                        Outcome.PERMANENT,
                        f"It has no {name} {', '.join(missing)}; it has {', '.join(sorted(there))}",
                    )
                )
        group = self.profile.group
        if group and group not in (groups := self._names("groups")):
            reason = f"It has no group {group} for us; it has {', '.join(sorted(groups))}"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        _objects(self.caller.call("GET", "/api/v1/tickets", query={"per_page": 1, "page": 1}))

    def _write_test(self) -> None:
        """Write to the test ticket of an earlier test, or create one. If an earlier run of this
        test wrote already, its search needs time to find the result."""
        if self._test_ticket:
            self._ticket(self._test_ticket)
            return
        found = self.find(reference_of(TEST))
        if found:
            self._test_ticket = found[0]
        else:
            text = marked("This ticket tests a connection; please leave it alone.", Mark(TEST, 1))
            title = {"title": "Test of the connection with the LHCOPN portal"}
            made = self.create(Outgoing(TEST, _FIRST, EntryKind.TICKET, text, values=title))
            self._test_ticket = made.id
        self._comment()

    def _comment(self) -> None:
        self._test_text = marked(f"Connection test {uuid4().hex}", Mark(TEST, 2))
        self.send(self._test_ticket, Outgoing(TEST, 2, EntryKind.COMMENT, self._test_text))

    def _check_search(self) -> None:
        """Check that a ticket known without a search is found by its id and its time, and not found
        with other values."""
        self._check_search_with(self._known_ticket() or self._ticket(self._test_ticket))

    def _check_search_with(self, known: Mapping[str, Any]) -> None:
        number, changed = _number(known, "id"), _updated(known)
        above = self._search(f"id:>{number - 1}", sort="id")
        beyond = self._search(f"id:>{number}", sort="id")
        by_id = [_number(one, "id") for one in above][:1] == [number]
        if not by_id or any(_number(one, "id") <= number for one in beyond):
            reason = f"Its search does not find ticket {number} as id:>{number - 1} alone does"
            raise CallFailed(Failure(Outcome.PERMANENT, f"{reason}: {_WORDS_ALONE}"))
        since, later = changed.replace(microsecond=0), changed + timedelta(seconds=1)
        found = [_id(one) for one in self._search(self._within(since), sort="updated_at")]
        newer = self._search(self._within(later), sort="updated_at")
        if str(number) not in found or any(_updated(one) < since for one in newer):
            reason = f"Its search does not find ticket {number} by the time of its last change"
            raise CallFailed(Failure(Outcome.PERMANENT, f"{reason}: {_WORDS_ALONE}"))

    def _known_ticket(self) -> Mapping[str, Any] | None:
        """The ticket of our group with the oldest change, so that the search knows it: from the
        plain list, which uses no index."""
        group = self.profile.group
        of_group = [one for one in self._listed_on(1) if not group or one.get("group") == group]
        return min(of_group, key=_updated, default=None)

    def _check_round_trip(self) -> None:
        if not self._test_text:
            self._comment()
        texts = [text_of_html(one) for one in self._articles(self._test_ticket)]
        if normalised(self._test_text) not in (normalised(text) for text in texts):
            reason = f"Ticket {self._test_ticket} does not hold what was just written there"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        if not any(mark_of(text) == mark_of(self._test_text) for text in texts):
            reason = f"The last line of a text in ticket {self._test_ticket} was changed on the way"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))

    # common parts of the calls

    def _search(
        self, query: str, *, sort: str, order: str = "asc", page: int = 1, size: int = 0
    ) -> Sequence[Mapping[str, Any]]:
        params: dict[str, str | int] = {
            "query": query,
            "sort_by": sort,
            "order_by": order,
            "limit": size or PAGE,
            "per_page": size or PAGE,
            "page": page,
            "expand": "true",
        }
        return _objects(self.caller.call("GET", "/api/v1/tickets/search", query=params))

    def _hits(self, query: str) -> Sequence[Mapping[str, Any]]:
        """All hits of a search for words, newest first."""
        hits: dict[str, Mapping[str, Any]] = {}
        for page in range(1, MOST_PAGES + 1):
            found = self._search(query, sort="id", order="desc", page=page)
            new = {_id(one): one for one in found if _id(one) not in hits}
            hits |= new
            if len(found) < PAGE or not new:
                return list(hits.values())
        reason = f"More than {PAGE * MOST_PAGES} tickets there match {query}; choose one"
        raise CallFailed(Failure(Outcome.PERMANENT, reason))

    def _within(self, since: datetime, until: str = "*", more: str = "") -> str:
        """The query for changes within a time, of our group only."""
        query = f"updated_at:[{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} TO {until}]{more}"
        if self.profile.group:
            name = self.profile.group.replace("\\", "\\\\").replace('"', '\\"')
            query += f' AND group.name:"{name}"'
        return query

    def _ticket(self, their_id: str) -> Mapping[str, Any]:
        path = f"/api/v1/tickets/{int(their_id)}"
        ticket = _object(self.caller.call("GET", path, query={"expand": "true"}))
        if _id(ticket) != their_id:
            reason = f"Ticket {their_id} was requested, but the response is {_id(ticket)}"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        return ticket

    def _articles(self, their_id: str) -> Sequence[Mapping[str, Any]]:
        path = f"/api/v1/ticket_articles/by_ticket/{int(their_id)}"
        return sorted(_objects(self.caller.call("GET", path)), key=lambda one: _number(one, "id"))

    def _files(self, their_id: str, article: Mapping[str, Any]) -> Sequence[TheirFile]:
        listed, key = article.get("attachments"), _number(article, "id")
        found = []
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict):
                file = _number(one, "id")
                path = f"/api/v1/ticket_attachment/{int(their_id)}/{key}/{file}"
                size = str(one.get("size", ""))
                found.append(
                    TheirFile(
                        f"{key}/{file}",
                        str(one.get("filename", "")),
                        int(size) if size.isascii() and size.isdecimal() and len(size) < 12 else 0,
                        partial(self.caller.fetch, path, SIZE_LIMIT),
                    )
                )
        return found

    def _is_ours(self, their_id: str, number: int) -> bool:
        """Whether a text of our account there is the first one of our ticket."""
        me = self._my_id()
        for article in self._articles(their_id):
            mark = mark_of(text_of_html(article))
            is_first = mark is not None and (mark.number, mark.sequence) == (number, _FIRST)
            if is_first and _number(article, "created_by_id") == me:
                return True
        return False

    def _shows_ours(self, their_id: str, number: int) -> bool:
        """The same after a create; a missing answer does not count against it."""
        try:
            return self._is_ours(their_id, number)
        except CallFailed as error:
            return error.failure.outcome is not Outcome.PERMANENT

    def _my_id(self) -> int:
        if self._me is None:
            self._me = _number(_object(self.caller.call("GET", "/api/v1/users/me")), "id")
        return self._me

    def _names(self, path: str) -> set[str]:
        listed = _objects(self.caller.call("GET", f"/api/v1/{path}"))
        return {str(one.get("name", "")) for one in listed if one.get("active", True)}

    def _merged_into(self, their_id: str) -> str:
        query: dict[str, str | int] = {"link_object": "Ticket", "link_object_value": int(their_id)}
        links = _object(self.caller.call("GET", "/api/v1/links", query=query)).get("links")
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("link_type") == "parent":
                return str(_number(link, "link_object_value"))
        return ""

    def _set(self, their_id: str, wanted: Mapping[str, str]) -> Sent:
        """Set fields, as far as their rules allow: these depend on the current state there."""
        values = self._values(wanted)
        if wanted.get("title"):
            values["title"] = wanted["title"]
        if "state" in values and self.profile.guards:
            state = str(self._ticket(their_id).get("state", ""))
            now = self.profile.map_of("state").ours_of(state.casefold()) or ""
            if self.profile.refused_state(now, wanted["state"]):
                del values["state"]
        if values:
            self.caller.call("PUT", f"/api/v1/tickets/{int(their_id)}", values)
        return Sent(left_out=[name for name in wanted if name not in values])

    def _values(self, values: Mapping[str, str]) -> dict[str, str]:
        """Mapped values in their words; values without a counterpart, or that do not exist there,
        are not sent."""
        found = {}
        for name, path in _MAPPED.items():
            theirs = self.profile.map_of(name).theirs_of(values[name]) if name in values else None
            if theirs is not None and theirs in self._listed(path):
                found[name] = theirs
        return found

    def _listed(self, path: str) -> set[str]:
        if path not in self._lists:
            self._lists[path] = self._names(path)
        return self._lists[path]

    def _page(self, their_id: str) -> str:
        return f"{self.caller.url.rstrip('/')}/#ticket/zoom/{their_id}"


def open_client(access: Access) -> Zammad:
    """The client of one connection."""
    return Zammad(access.caller, access.profile, access.now)


_WORDS_ALONE: Final = "it may not have it yet, or be one for words alone (no Elasticsearch)"


@dataclass(frozen=True)
class _Place:
    """How far changes were read. At rest the cursor is a time. While more is to be read it also
    contains the id after which to continue within this second (None = by time), and when it
    started: then there is no overlap, unless that is so long ago that the search has caught up
    since."""

    since: datetime
    after: int | None = None
    began: datetime | None = None

    @classmethod
    def of(cls, cursor: str, now: datetime) -> _Place:
        """Parse a cursor; "" = from now on."""
        upto, more = _reached(cursor, now), cursor.partition("|")[2]
        after, _sep, began = more.partition("|")
        if began and timedelta(0) <= now - datetime.fromisoformat(began) <= OVERLAP:
            return cls(upto, int(after) if after else None, datetime.fromisoformat(began))
        return cls((upto - OVERLAP).replace(microsecond=0), None, now)

    @property
    def cursor(self) -> str:
        """The cursor as a text."""
        began = self.began.isoformat() if self.began is not None else ""
        return f"{self.since.isoformat()}|{'' if self.after is None else self.after}|{began}"


def text_of_html(article: Mapping[str, Any]) -> str:
    """The text of an article of any content type."""
    body = str(article.get("body", ""))
    return plain_text(body) if article.get("content_type") == "text/html" else body


def _is_own_error(found: Mapping[str, Any]) -> bool:
    """Its errors are ``{"error": "..."}``."""
    return isinstance(found.get("error"), str)


def _reached(cursor: str, now: datetime) -> datetime:
    """Up to when changes were read, without the overlap."""
    return datetime.fromisoformat(cursor.partition("|")[0]) if cursor else now


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise CallFailed(Failure(Outcome.UNKNOWN, "The response is not an object"))
    return answer


def _objects(answer: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise CallFailed(Failure(Outcome.TRANSIENT, "The response is not a list"))
    return answer


def _number(of: Mapping[str, Any], name: str) -> int:
    value = of.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _HIGHEST:
        raise CallFailed(Failure(Outcome.UNKNOWN, f"The response has no {name}"))
    return value


def _parts(value: object) -> Sequence[str]:
    """The values of a field, which may have several: a list, or a text with commas."""
    values = value if isinstance(value, list) else str(value or "").split(",")
    return sorted(str(one).strip() for one in values)


def _id(ticket: Mapping[str, Any]) -> str:
    return str(_number(ticket, "id"))


def _called(ticket: Mapping[str, Any]) -> str:
    """The number that people there use for a ticket."""
    return storable_text(str(ticket.get("number", "")), _LONGEST_NUMBER)


def _updated(ticket: Mapping[str, Any]) -> datetime:
    return _time(ticket, "updated_at")


def _time(of: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(of.get(name, "")))
        found = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        raise CallFailed(Failure(Outcome.TRANSIENT, f"The response has no {name}")) from None
    return min(max(found, _EARLIEST), _LATEST)


def _written(article: Mapping[str, Any]) -> datetime | None:
    try:
        return _time(article, "created_at")
    except CallFailed:
        return None


def _versions(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What changes with each change of a ticket: its time, and its last text."""
    versions = {}
    for ticket in found:
        listed = ticket.get("article_ids")
        texts = [one for one in listed if isinstance(one, int)] if isinstance(listed, list) else []
        versions[_id(ticket)] = f"{ticket.get('updated_at', '')} {max(texts, default='')}"
    return versions
