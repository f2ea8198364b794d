"""Request Tracker 5 over its REST interface, version 2.

Written from RT's published documentation (docs.bestpractical.com: RT::REST2, "Query Builder" for
TicketSQL) and tried with Debian's ``request-tracker5``: ``make test-rt``. Pitfalls:

- A create silently ignores a custom field that the queue does not have. Our reference is in the
  field ``LHCOPN`` if it exists, else in the subject, which is found without full text.
- A merged ticket answers as the ticket into which it was merged, and is only found by searches with
  ``EffectiveId``; its time of change stays the same.
- Correspondence is public and mailed to the requestors, comments are internal. By a default rule,
  correspondence opens a ticket that is new or resolved.
- A refused change is answered with 200 and a sentence: what was sent is read back.
- Times are UTC in answers, and in the account's time zone in queries.
- Everything is written by our account; the line that marks our texts names the author.
- ``X-RT-Loop-Prevention`` is a header of its mails; this interface ignores it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as BinasciiError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from app.core.rules.attached_files import media_type
from app.core.rules.language import _
from app.core.rules.texts import storable_text
from app.exchange.adapters.access import Access
from app.exchange.adapters.apart import plain_text
from app.exchange.adapters.http import LONGEST_CALL, JsonCaller
from app.exchange.adapters.newest import (
    AHEAD,
    MOST_PAGES,
    PAGE,
    SPARE,
    ChangedTicket,
    changed_since,
)
from app.exchange.adapters.trial import Trial, checks, refuse
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Ours, Sent
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirFile, TheirText, TheirTicket, our_sizes
from app.tickets.rules.marks import reference_of

TRIED: Final = "5.0.7"
"""The version with which the portal was tried (``make test-rt``)."""
_SWITCHED_OFF: Final = "its REST interface, version 2, may be off: on RT 6 set $EnableREST2"
FIELD: Final = "LHCOPN"
"""The custom field of tickets that contains our reference."""
MAX_SUBJECT: Final = 200
"""Longest subject that it stores, in characters."""
MOVED_BY_TEXT: Final = {"new": "open", "resolved": "open", "rejected": "open"}
"""How correspondence moves a ticket by the default rule."""
_SLACK: Final = timedelta(minutes=1)
"""It may continue with a request after its client has stopped waiting."""
_SECONDS: Final = timedelta(seconds=2)
_WRITTEN: Final = frozenset({"Create", "Correspond", "Comment"})
_REST: Final = "/REST/2.0"
_NAMED: Final = '{"field": "Filename", "operator": "%s", "value": "NULL"}'
_TEXTS: Final = (
    '[{"field": "ContentType", "operator": "STARTSWITH", "value": "text/"}, ' + _NAMED % "IS" + "]"
)
_FILES: Final = f"[{_NAMED % 'IS NOT'}]"


@dataclass
class RequestTracker:
    """One RT. ``login`` is the name or the id of our account there."""

    caller: JsonCaller
    profile: Profile
    now: datetime
    login: str
    traits: Traits = field(
        default=Traits(can_look_up=True, settles=LONGEST_CALL + _SLACK, moved_by_text=MOVED_BY_TEXT)
    )
    _known_queue: Mapping[str, Any] | None = None
    _version: str = ""

    def __post_init__(self) -> None:
        self.caller = replace(self.caller, is_own_error=_is_own_error)

    def test(self, _ticket: str = "") -> Iterator[Check]:
        """See ``PartnerSystem.test``."""
        for check in checks(self._check_login, self._has_field, Trial(self, self.now)):
            yield check
            if check.what == _("Logged in") and not check.problem:
                yield Check(self._version)
            if check.what == _("May read") and not check.problem:
                yield Check(self._place_of_reference())

    def find(self, reference: str) -> Sequence[str]:
        """Tickets of our account with our reference in the field or in the subject, including
        merged ones, and those moved to a queue without the field. Cloning a ticket clones its
        fields."""
        query = f"Subject LIKE '{reference}'"
        if self._has_field():
            query += f" OR 'CF.{{{FIELD}}}' = '{reference}'"
        params = {"fields": "Subject,CustomFields,Creator", "fields[Creator]": "id,Name"}
        found = self._all("tickets", {"query": f"({query}) AND EffectiveId > 0", **params})
        return [_id(one) for one in found if self._is_us(one) and _may_hold(one, reference)]

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """See ``PartnerSystem.ours``, whatever their fields contain: a field may not have been
        stored, and the worker that would have checked it was killed."""
        page = int(cursor or 0)
        query = (
            f"Creator = '__CurrentUser__' AND Created > '{since - SPARE:%Y-%m-%d}' AND "
            "EffectiveId > 0"
        )
        params = {"query": query, "fields": "EffectiveId", "orderby": "id", "order": "DESC"}
        rows = self._page("tickets", params, page)
        is_last = len(rows) < PAGE or page >= MOST_PAGES
        ids = [_id(one) for one in rows if _text(one, "EffectiveId") in ("", _id(one))]
        return Ours(ids, "" if is_last else str(page + 1))

    def create(self, entry: Outgoing) -> Created:
        """See ``PartnerSystem.create``. The ticket is read back: fields are silently ignored, and
        with the id of another ticket it is unknown what was created."""
        reference, has_field = reference_of(entry.number), self._has_field()
        title = entry.values.get("title") or f"Ticket {entry.number}"
        body: dict[str, Any] = {
            "Queue": self.profile.group,
            "Subject": _subject(title, "" if has_field else reference),
            "Content": entry.text,
            "ContentType": "text/plain",
        }
        if has_field:
            body["CustomFields"] = {FIELD: reference}
        if status := self._status(entry):
            body["Status"] = status
        key = _id(_object(self.caller.call("POST", f"{_REST}/ticket", body)))
        try:
            remark = self._see_to_reference(key, title, reference, has_field=has_field)
        except CallFailed as error:  # it exists, whatever went wrong afterwards
            raise CallFailed(replace(error.failure, outcome=Outcome.UNKNOWN)) from None
        return Created(key, key, self._url(key), serial=int(key), remark=remark)

    def _see_to_reference(self, key: str, title: str, reference: str, *, has_field: bool) -> str:
        """Put our reference into its place, or into the subject; return a remark."""
        if not _holds(self._ticket(key), reference):
            subject = {"Subject": _subject(title, reference)}
            self.caller.call("PUT", f"{_REST}/ticket/{key}", subject)
            if not _holds(self._ticket(key), reference):
                raise refuse(f"It responded with {key}, which does not contain our reference")
            return f"It did not store the custom field {FIELD}: our reference is in the subject"
        if has_field:
            return ""
        return f"Its queue has no custom field {FIELD}: our reference is in the subject"

    def read(self, their_id: str) -> TheirTicket:
        """See ``PartnerSystem.read``. A merged ticket is returned without its texts, which belong
        to the other ticket by now."""
        ticket = self._ticket(their_id)
        if (key := _id(ticket)) != their_id:
            if _id(self._ticket(key)) != key:
                raise refuse(f"Ticket {their_id} was requested, but the response is {key}")
            return TheirTicket(their_id, (), merged_into=key)
        return TheirTicket(
            their_id,
            texts := self._texts(their_id),
            {"state": _text(ticket, "Status")},
            title=_text(ticket, "Subject"),
            number=their_id,
            url=self._url(their_id),
            our_files=our_sizes(texts),
            is_whole=True,
        )

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """See ``PartnerSystem.times``: its newest transaction that set the status."""
        place = f"ticket/{_checked(their_id)}/history"
        params = {"orderby": "id", "fields": "Type,Field,Created"}
        set_ = [
            _time(one, "Created")
            for one in self._all(place, params)
            if "Status" in (_text(one, "Type"), _text(one, "Field"))
        ]
        return {"state": max(set_)} if set_ else {}

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """See ``PartnerSystem.send``."""
        path = f"{_REST}/ticket/{_checked(their_id)}"
        if entry.kind is EntryKind.FIELDS:
            return self._set(path, their_id, entry)
        body: dict[str, Any] = {"Content": entry.text, "ContentType": "text/plain"}
        if entry.kind is EntryKind.ATTACHMENT:
            body["Attachments"] = [
                {
                    "FileName": entry.file,
                    "FileType": media_type(entry.content),
                    "FileContent": b64encode(entry.content).decode(),
                }
            ]
        verb = "comment" if entry.kind is EntryKind.INTERNAL else "correspond"
        self.caller.call("POST", f"{path}/{verb}", body)
        return Sent()

    def changed(self, cursor: str) -> Changed:
        """Tickets of our queue that changed, preceded by those that were merged into them: a pair
        follows before the other ticket is taken for a new one."""
        if not self.profile.group:
            raise refuse("Set a queue; otherwise all of their tickets would be read")
        newest: list[datetime] = []

        def page(number: int, after: datetime | None) -> Sequence[ChangedTicket]:
            query = f"Queue = {_quoted(self.profile.group)}"
            if after is not None:
                query += f" AND LastUpdated > '{after:%Y-%m-%d}'"
            params = {"query": query, "fields": "LastUpdated", "order": "DESC"}
            rows = self._page("tickets", params | {"orderby": "LastUpdated"}, number)
            times = [_time(one, "LastUpdated") for one in rows]
            newest.extend(at if at <= self.now + AHEAD else self.now for at in times[:1])
            # what changed within the newest seconds may change again within them
            return [
                ChangedTicket(_id(one), at, at.isoformat() if at < newest[0] - _SECONDS else "")
                for one, at in zip(rows, times, strict=True)
            ]

        found = changed_since(cursor, self.now, page)
        return replace(found, ids=[*self._merged_into(found.ids), *found.ids])

    # common parts of the calls

    def _page(
        self, what: str, params: Mapping[str, str | int], number: int
    ) -> Sequence[Mapping[str, Any]]:
        paging = {"page": number + 1, "per_page": PAGE}
        answer = _object(self.caller.call("GET", f"{_REST}/{what}", query={**params, **paging}))
        rows = answer.get("items")
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise CallFailed(Failure(Outcome.TRANSIENT, "The response is not a list"))
        return rows

    def _all(self, what: str, params: Mapping[str, str | int]) -> Sequence[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for number in range(MOST_PAGES):
            more = self._page(what, params, number)
            rows.extend(more)
            if len(more) < PAGE:
                break
        return rows

    def _ticket(self, their_id: str) -> Mapping[str, Any]:
        return _object(self.caller.call("GET", f"{_REST}/ticket/{_checked(their_id)}"))

    def _merged_into(self, ids: Sequence[str]) -> Sequence[str]:
        """The tickets that were merged into one of these."""
        merged: list[str] = []
        for begin in range(0, len(ids), PAGE):
            query = " OR ".join(f"EffectiveId = {one}" for one in ids[begin : begin + PAGE])
            rows = self._all("tickets", {"query": query, "fields": "EffectiveId"})
            merged += [_id(one) for one in rows if _text(one, "EffectiveId") != _id(one)]
        return merged

    def _texts(self, their_id: str) -> Sequence[TheirText]:
        """The texts of a ticket, in order, with their files."""
        place, by_id = f"ticket/{their_id}", {"orderby": "id"}
        history = self._all(
            f"{place}/history",
            by_id | {"fields": "Type,Creator,Created", "fields[Creator]": "id,Name"},
        )
        bodies: dict[str, str] = {}
        params = {"query": _TEXTS, "fields": "TransactionId,ContentType,Content"}
        for part in self._all(f"{place}/attachments", by_id | params):
            text = _text(part, "Content")
            is_html = _text(part, "ContentType") == "text/html"
            bodies.setdefault(_text(part, "TransactionId"), plain_text(text) if is_html else text)
        files: dict[str, list[TheirFile]] = {}
        params = {"query": _FILES, "fields": "TransactionId,Filename,ContentLength"}
        for part in self._all(f"{place}/attachments", by_id | params):
            key, length = _id(part), _text(part, "ContentLength")
            size = int(length) if length.isascii() and length.isdecimal() else 0
            load = partial(self._file, key)
            file = TheirFile(f"file {key}", _text(part, "Filename"), size, load)
            files.setdefault(_text(part, "TransactionId"), []).append(file)
        return [
            TheirText(
                key=(key := _id(one)),
                text=bodies.get(key, ""),
                author=_text(_object(one.get("Creator")), "Name"),
                by_us=self._is_us(one),
                internal=_text(one, "Type") == "Comment",
                at=_written(one),
                files=() if _text(one, "Type") == "Comment" else tuple(files.get(key, ())),
            )
            for one in history
            if _text(one, "Type") in _WRITTEN
        ]

    def _file(self, key: str) -> bytes:
        found = _object(self.caller.call("GET", f"{_REST}/attachment/{_checked(key)}"))
        try:
            return b64decode(_text(found, "Content"), validate=False)
        except (BinasciiError, ValueError):
            raise CallFailed(
                Failure(Outcome.PERMANENT, "The response is a file that cannot be read")
            ) from None

    def _set(self, path: str, their_id: str, entry: Outgoing) -> Sent:
        """Set fields, and check which of them were accepted."""
        wanted: dict[str, str] = {}
        if "title" in entry.values:
            has_field = self._has_field()
            reference = "" if has_field else reference_of(entry.number)
            wanted["Subject"] = _subject(entry.values["title"], reference)
        if status := self._status(entry):
            wanted["Status"] = status
        taken: Mapping[str, Any] = {}
        if wanted:
            self.caller.call("PUT", path, wanted)
            taken = self._ticket(their_id)
        names = {"title": "Subject", "state": "Status"}
        left = [
            name
            for name in entry.values
            if (theirs := names.get(name)) is None
            or theirs not in wanted
            or _text(taken, theirs) != wanted[theirs]
        ]
        return Sent(left_out=left)

    def _status(self, entry: Outgoing) -> str:
        """The status for our state; "" if it stays."""
        value = entry.values.get("state")
        return self.profile.map_of("state").theirs_of(value) or "" if value is not None else ""

    def _has_field(self) -> bool:
        """Whether the queue has the field for our reference."""
        found = self._queue().get("TicketCustomFields")
        return any(one.get("name") == FIELD for one in _fields({"CustomFields": found}))

    def _queue(self) -> Mapping[str, Any]:
        if self._known_queue is None:
            if not self.profile.group:
                raise refuse("Set the queue in which tickets are created")
            name = quote(self.profile.group, safe="")
            queue = _object(self.caller.call("GET", f"{_REST}/queue/{name}"))
            if self.profile.group not in (_text(queue, "Name"), str(queue.get("id"))):
                raise refuse(f"Queue {self.profile.group} was requested, another one was sent")
            self._known_queue = queue
        return self._known_queue

    def _place_of_reference(self) -> str:
        if self._has_field():
            return _("Our reference is in its custom field %(field)s", field=FIELD)
        return _(
            "Our reference is in the subject because the queue has no custom field %(field)s",
            field=FIELD,
        )

    def _check_login(self) -> None:
        self._version = self._named_version()
        account = _object(self.caller.call("GET", f"{_REST}/user/{quote(self.login, safe='')}"))
        if self.login not in (_text(account, "Name"), str(account.get("id"))):
            raise refuse(f"It does not know our login {self.login!r}")

    def _named_version(self) -> str:
        """Its version, and whether the portal was tried with it."""
        try:
            found = _text(_object(self.caller.call("GET", f"{_REST}/rt")), "Version")
        except CallFailed as error:
            status = error.failure.status
            if status in (404, 405) or 200 <= status < 400:  # another page, or none
                reason = f"{error.failure.reason}; {_SWITCHED_OFF}"
                raise CallFailed(replace(error.failure, reason=reason)) from None
            if status != 403:
                raise
            found = ""
        if not found:
            return _(
                "It does not report its version; the portal was tested with RT %(tried)s",
                tried=TRIED,
            )
        found = storable_text(found, 40)
        if found.startswith(TRIED):
            return _("RT %(found)s, with which the portal was tested", found=found)
        return _(
            "RT %(found)s; the portal was only tested with RT %(tried)s", found=found, tried=TRIED
        )

    def _is_us(self, of: Mapping[str, Any]) -> bool:
        creator = _object(of.get("Creator"))
        return self.login in (_text(creator, "Name"), str(creator.get("id")))

    def _url(self, their_id: str) -> str:
        return f"{self.caller.url.rstrip('/')}/Ticket/Display.html?id={their_id}"


def open_client(access: Access) -> RequestTracker:
    """The client of one connection."""
    login = access.login or _account_of(access.secret)
    return RequestTracker(access.caller, access.profile, access.now, login)


def _account_of(token: str) -> str:
    """The id of the account to which a token belongs: 1-<id>-<32 digits>."""
    return token.partition("-")[2].partition("-")[0]


def _is_own_error(found: Mapping[str, Any]) -> bool:
    """Its errors are ``{"message": "..."}``."""
    return isinstance(found.get("message"), str)


def _subject(title: str, reference: str) -> str:
    """A subject of one line that fits, with our reference, if given, at its end."""
    end = f" [{reference}]" if reference else ""
    return " ".join(title.split())[: MAX_SUBJECT - len(end)].rstrip() + end


def _may_hold(row: Mapping[str, Any], reference: str) -> bool:
    """Whether a found row may contain our reference, as far as it shows: a queue without the field
    does not show its content."""
    shows_field = any(one.get("name") == FIELD for one in _fields(row))
    return _holds(row, reference) or not (shows_field or reference in _text(row, "Subject"))


def _holds(ticket: Mapping[str, Any], reference: str) -> bool:
    """Whether our reference is in its place."""
    if _text(ticket, "Subject").endswith(f"[{reference}]"):
        return True
    return any(
        one.get("name") == FIELD and one.get("values") == [reference] for one in _fields(ticket)
    )


def _fields(ticket: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found = ticket.get("CustomFields")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _object(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        raise CallFailed(Failure(Outcome.UNKNOWN, "The response is not an object"))
    return answer


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""


def _id(of: Mapping[str, Any]) -> str:
    return _checked(str(of.get("id")))


def _checked(key: str) -> str:
    if not (key.isascii() and key.isdecimal() and key[0] != "0" and len(key) < 19):
        raise CallFailed(Failure(Outcome.UNKNOWN, "The response has no id"))
    return key


def _time(of: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(_text(of, name))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CallFailed(Failure(Outcome.TRANSIENT, f"The response has no {name}"))
    return at.astimezone(UTC)


def _written(of: Mapping[str, Any]) -> datetime | None:
    try:
        return _time(of, "Created")
    except CallFailed:
        return None
