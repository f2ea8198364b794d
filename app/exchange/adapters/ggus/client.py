"""Partners with the SOAP contract of GGUS: systems that cloned it, and other portals of this kind.

The contract's strict lengths are observed: longer texts are cut, with a line that says where the
rest is. So are three rules that GGUS's operators imposed on every partner: a ticket is never
created "in progress", an open one never set back to it, and none solved that has already ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from threading import Lock
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from app.core.adapters.outbound import OutboundError
from app.core.rules.language import _
from app.exchange.adapters.access import Access
from app.exchange.adapters.http import LIMITS, LONGEST_CALL, JsonCaller, RecordedCall, waited
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Failure, Outcome, is_of_gateways
from app.exchange.rules.pairs import Traits
from app.exchange.rules.partner import CallFailed, Changed, Check, Created, Ours, Sent
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import TheirFile, TheirText, TheirTicket
from app.tickets.rules.marks import mark_of, reference_of

TITLE, TEXT = 255, 4000
"""Longest title and text of the contract, in characters."""
NO_SUCH_ENTRY: Final = "ERROR (302)"
NOT_LOGGED_IN: Final = "ERROR (623)"
MOVES_NEVER_MADE: Final[Mapping[str, frozenset[str]]] = {
    "in progress": frozenset(
        {"waiting for reply", "on hold", "reopened", "solved", "unsolved", "verified", "closed"}
    ),
    "solved": frozenset({"verified", "closed", "unsolved"}),
}
"""A state that must not replace one of those (GGUS's operators, in the contract's section 8)."""
_SERVER: Final = "ggus"
_SIGNATURE: Final = " (via LHCOPN)"
"""The end of every name under which the portal writes there."""
_OVERLAP: Final = timedelta(minutes=15)
_DOCUMENT_CACHED: Final = 3600.0
"""Seconds for which a partner's WSDL is cached."""
_documents: dict[str, tuple[float, Any]] = {}
_lock = Lock()


@dataclass
class Ggus:
    """One partner; ``login`` and ``password`` are the portal's account there."""

    caller: JsonCaller
    profile: Profile
    login: str
    password: str
    now: datetime
    traits: Traits = field(default=Traits(can_look_up=True, settles=LONGEST_CALL, lists_ours=False))
    _clients: dict[str, Any] = field(default_factory=dict)

    def test(self, _ticket: str = "") -> Iterator[Check]:
        """See ``PartnerSystem.test``."""
        for what, step in (
            (_("Reachable"), lambda: self._client("GGUS")),
            (_("Logged in"), lambda: self._find("'GHD_Request ID'=\"0\"")),
            (_("May read"), lambda: self._find("'GHD_Meta Status'=\"Open\"", "1")),
            (
                _("May read the history"),
                lambda: [self._client(one) for one in ("GGUS_HISTORY", "GGUS_ATTACH")],
            ),
        ):
            try:
                step()
            except CallFailed as error:
                yield Check(what, error.failure.reason)
                return
            yield Check(what)

    def find(self, reference: str) -> Sequence[str]:
        """Tickets that we created with this origin id."""
        return self._find(f"'GHD_Origin ID'=\"{reference}\"")

    def ours(self, since: datetime, cursor: str = "") -> Ours:
        """See ``PartnerSystem.ours``. The contract cannot filter by creator: returns everything
        changed since then, which includes the created tickets."""
        found = self._find(f"'GHD_Last Update' >= \"{int(since.timestamp())}\"")
        return Ours(found[::-1])

    def create(self, entry: Outgoing) -> Created:
        """See ``PartnerSystem.create``. It is created as new, whatever its state here."""
        values = entry.values
        made = self._call(
            "GGUS",
            "OpCreate",
            GHD_Short_Description=values.get("title", "")[:TITLE] or f"Ticket {entry.number}",
            GHD_Description=_cut(entry.text, entry.facts),
            GHD_Origin_ID=reference_of(entry.number),
            GHD_Status="new",
            **self._sent(values, ("priority",)),
            **self._author(entry),
        )
        number = str(made or "")
        if not number.isdecimal():
            raise CallFailed(Failure(Outcome.UNKNOWN, "The response has no ticket number"))
        left_out = ("state",) if values.get("state", "new") != "new" else ()
        return Created(number, number, self._page(number), left_out=left_out)

    def read(self, their_id: str) -> TheirTicket:
        """See ``PartnerSystem.read``: the ticket, and the texts of its history."""
        ticket = self._call("GGUS", "TicketGet", GHD_Request_ID=their_id)
        if str(ticket["GHD_Request_ID"]) != their_id:
            found = str(ticket["GHD_Request_ID"])[:40]
            reason = f"Ticket {their_id} was requested, but the response is {found}"
            raise CallFailed(Failure(Outcome.PERMANENT, reason))
        rows = self._call("GGUS_HISTORY", "OpGetTicketHist", GHD_Request_ID=their_id, maxLimit="-1")
        texts = [TheirText("description", ticket["GHD_Description"] or "", by_us=True)]
        for number, row in enumerate(rows):
            author = row["GHD_Last_Modifier"] or ""
            for name, internal in (("GHD_Public_Diary", False), ("GHD_Internal_Diary", True)):
                if text := row[name]:
                    by_us = mark_of(text) is not None
                    key = f"{number} {name}"
                    at = _utc(row["GHD_Creation_Date"])
                    texts.append(
                        TheirText(key, text, author, by_us=by_us, internal=internal, at=at)
                    )
        if mark_of(texts[0].text) is None:
            texts[0] = TheirText(texts[0].key, texts[0].text, ticket["GHD_Name"] or "")
        texts += self._files(their_id)
        values = {"state": ticket["GHD_Status"] or "", "priority": ticket["GHD_Priority"] or ""}
        return TheirTicket(
            their_id,
            texts,
            values,
            title=ticket["GHD_Short_Description"] or "",
            number=their_id,
            url=self._page(their_id),
        )

    def times(self, their_id: str) -> Mapping[str, datetime]:
        """See ``PartnerSystem.times``: from the rows of its history in which a value first
        appears."""
        rows = self._call("GGUS_HISTORY", "OpGetTicketHist", GHD_Request_ID=their_id, maxLimit="-1")
        found: dict[str, datetime] = {}
        values: dict[str, str] = {}
        for row in rows:
            at = _utc(row["GHD_Creation_Date"])
            for name, element in (("state", "GHD_Status"), ("priority", "GHD_Priority")):
                value = row[element]
                if value and at is not None and values.get(name) != value:
                    values[name], found[name] = value, at
        return found

    def send(self, their_id: str, entry: Outgoing) -> Sent:
        """See ``PartnerSystem.send``."""
        if entry.kind is EntryKind.ATTACHMENT:
            if self._has_file(their_id, entry):
                return Sent()
            key = self._call(
                "GGUS_ATTACH",
                "AddAttachment",
                GAT_Attachment_Name=entry.file[:TITLE],
                GAT_Attachment_Data=entry.content,
                GAT_Attachment_Orig_Size=len(entry.content),
                GAT_Request_ID=their_id,
                GAT_Last_Modifier=_signed(entry.author),
                GAT_Last_Login=self.login,
            )
            return Sent(str(key))
        left: list[str] = []
        if entry.kind is EntryKind.FIELDS:
            sent = self._sent(entry.values, ("title", "state", "priority", "solution"))
            if "GHD_Status" in sent and not self._may_move(their_id, sent["GHD_Status"]):
                del sent["GHD_Status"]
                left.append("state")
            left += [name for name in entry.values if name not in _ELEMENTS]
            if not sent:
                return Sent(left_out=left)
        else:
            is_internal = entry.kind is EntryKind.INTERNAL
            name = "GHD_Internal_Diary" if is_internal else "GHD_Public_Diary"
            sent = {name: _cut(entry.text)}
        self._call(
            "GGUS",
            "TicketModify",
            GHD_Request_ID=their_id,
            GHD_Last_Modifier=_signed(entry.author),
            GHD_Last_Login=self.login,
            **sent,
        )
        return Sent(left_out=left)

    def changed(self, cursor: str) -> Changed:
        """Tickets changed since the cursor, a time, and during the quarter of an hour before it."""
        since = datetime.fromisoformat(cursor) if cursor else self.now
        begin = int((since - _OVERLAP).timestamp())
        found = self._find(f"'GHD_Last Update' >= \"{begin}\"")
        return Changed(found, self.now.astimezone(UTC).isoformat())

    # common parts of the calls

    def _find(self, qualification: str, most: str = "-1") -> Sequence[str]:
        try:
            rows = self._call("GGUS", "TicketGetList", Qualification=qualification, maxLimit=most)
        except CallFailed as error:
            if NO_SUCH_ENTRY in error.failure.reason:  # an empty list is a fault there
                return ()
            raise
        return [str(row["GHD_Request_ID"]) for row in rows]

    def _attachments(self, their_id: str) -> Sequence[Any]:
        place = {"GAT_Request_ID": their_id, "maxLimit": "-1"}
        try:
            rows: Sequence[Any] = self._call("GGUS_ATTACH", "GetAttachIDs", **place)
        except CallFailed as error:
            if NO_SUCH_ENTRY in error.failure.reason:  # as with lists of tickets
                return ()
            raise
        return rows

    def _file(self, key: str) -> bytes:
        one = self._call("GGUS_ATTACH", "GetOneAttachment", GAT_Attachment_ID=key)
        return bytes(one["GAT_Attachment_attachmentData"])

    def _has_file(self, their_id: str, entry: Outgoing) -> bool:
        """Whether a file of ours is there: the result of an earlier call may be unknown, and a file
        has no mark."""
        wanted = (entry.file[:TITLE], _signed(entry.author))
        return any(
            (row["GAT_Attachment_attachmentName"], row["GAT_Last_Modifier"]) == wanted
            and self._file(row["GAT_Attachment-ID"]) == entry.content
            for row in self._attachments(their_id)
        )

    def _files(self, their_id: str) -> Sequence[TheirText]:
        """Files of others, each as a text without content."""
        return [
            TheirText(
                key=f"file of {(key := row['GAT_Attachment-ID'])}",
                text="",
                author=row["GAT_Last_Modifier"] or "",
                files=(
                    TheirFile(
                        f"file {key}",
                        row["GAT_Attachment_attachmentName"] or "",
                        load=partial(self._file, key),
                    ),
                ),
            )
            for row in self._attachments(their_id)
            if not (row["GAT_Last_Modifier"] or "").endswith(_SIGNATURE)
        ]

    def _sent(self, values: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
        """Values by the contract's elements; those of closed lists through the map, if there is
        one."""
        found = {}
        for name in names:
            if not (value := values.get(name, "")):
                continue
            if name in self.profile.maps:
                value = self.profile.map_of(name).theirs_of(value) or ""
            limit = TITLE if name == "title" else TEXT
            if value:
                found[_ELEMENTS[name]] = _cut(value) if name == "solution" else value[:limit]
        return found

    def _may_move(self, their_id: str, state: str) -> bool:
        never = MOVES_NEVER_MADE.get(state)
        if never is None:
            return True
        ticket = self._call("GGUS", "TicketGet", GHD_Request_ID=their_id)
        return ticket["GHD_Status"] not in never

    def _author(self, entry: Outgoing) -> dict[str, str]:
        return {
            "GHD_Name": entry.author[:TITLE] or "The portal",
            "GHD_Last_Modifier": _signed(entry.author),
            "GHD_Last_Login": self.login,
        }

    def _page(self, number: str) -> str:
        parts = urlsplit(self.caller.url)
        return f"{parts.scheme}://{parts.netloc}/tickets/{number}"

    def _client(self, service: str) -> Any:
        """The client of one of their services; its WSDL is read once an hour."""
        from zeep import Client, Settings
        from zeep.exceptions import Error

        if service not in self._clients:
            address = f"{_base(self.caller.url)}/{service}"
            settings = Settings(forbid_external=True, xsd_ignore_sequence_order=True)
            transport = _transport(self.caller)
            cached_at, document = _documents.get(address, (-inf, None))
            try:
                client = Client(  # type: ignore[no-untyped-call]
                    address if monotonic() - cached_at > _DOCUMENT_CACHED else document,
                    transport=transport,
                    settings=settings,
                )
                binding = next(iter(client.wsdl.bindings))
                port = next(iter(next(iter(client.wsdl.services.values())).ports.values()))
                endpoint = urlsplit(port.binding_options["address"])
            except (Error, StopIteration, KeyError, ValueError, SyntaxError) as error:
                reason = f"Its description of {service} cannot be read: {error}"
                raise CallFailed(Failure(Outcome.TRANSIENT, reason[:300])) from None
            with _lock:
                if client.wsdl is not document:
                    _documents[address] = monotonic(), client.wsdl
            parts = urlsplit(self.caller.url)  # of its own address only the host is ignored
            path = f"{endpoint.path}?{endpoint.query}" if endpoint.query else endpoint.path
            there = f"{parts.scheme}://{parts.netloc}{path}"
            self._clients[service] = client.create_service(  # type: ignore[no-untyped-call]
                binding, there
            )
        return self._clients[service]

    def _call(self, service: str, operation: str, **values: Any) -> Any:
        from zeep.exceptions import Error, Fault

        client = self._client(service)
        header = {"AuthenticationInfo": {"userName": self.login, "password": self.password}}
        writes = operation in ("OpCreate", "TicketModify", "AddAttachment")
        open_end = Outcome.UNKNOWN if writes else Outcome.TRANSIENT
        try:
            return getattr(client, operation)(_soapheaders=header, **values)
        except Fault as error:
            raise CallFailed(_failure(error, open_end)) from None
        except (Error, SyntaxError, ValueError, TypeError, KeyError) as error:
            reason = f"{operation}: its response cannot be read: {error}"
            raise CallFailed(Failure(open_end, reason[:300])) from None


def open_client(access: Access) -> Ggus:
    """The client of one connection."""
    return Ggus(access.caller, access.profile, access.login, access.secret, access.now)


_ELEMENTS: Final[Mapping[str, str]] = {
    "title": "GHD_Short_Description",
    "state": "GHD_Status",
    "priority": "GHD_Priority",
    "solution": "GHD_Detailed_Solution",
}


def _failure(fault: Any, open_end: Outcome) -> Failure:
    reason = str(fault.message or "The response is a fault without a text")[:300]
    if NOT_LOGGED_IN in reason:
        return Failure(Outcome.TRANSIENT, reason)
    if NO_SUCH_ENTRY in reason:  # the server reports it as an error
        return Failure(Outcome.PERMANENT, reason)
    is_server = str(fault.code or "").rpartition(":")[2].startswith("Server")
    return Failure(open_end if is_server else Outcome.PERMANENT, reason)


def _transport(caller: JsonCaller) -> Any:
    """What zeep calls with: the portal's outbound client, with its guards."""
    from requests import Response
    from zeep.transports import Transport

    class Guarded(Transport):
        def load(self, url: str) -> bytes:
            content: bytes = _answer_of(caller, "GET", url, {}, None, "WSDL").content
            return content

        def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> Response:
            action = headers.get("SOAPAction", "").strip('"').rpartition("/")[2]
            answer = _answer_of(caller, "POST", address, headers, message, action)
            found = Response()
            found.status_code = answer.status
            found._content = answer.content  # as from a socket
            found.headers.update(answer.headers)
            found.encoding = "utf-8"
            if answer.status not in (200, 500):
                raise CallFailed(_refused(answer.status))
            return found

    return Guarded()  # type: ignore[no-untyped-call]


def _refused(status: int) -> Failure:
    """Its own errors are faults, with status 500."""
    is_transient = status in (408, 429, 503) or is_of_gateways(status)
    outcome = Outcome.TRANSIENT if is_transient else Outcome.UNKNOWN
    return Failure(outcome, f"It responded with {status}", status=status)


def _answer_of(
    caller: JsonCaller,
    method: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes | None,
    what: str,
) -> Any:
    began = monotonic()

    def tell(answered: str, failure: str) -> None:
        request = (body or b"").decode(errors="replace")
        took = round((monotonic() - began) * 1000)
        caller.tell(
            RecordedCall(
                f"{what} {urlsplit(address).path}", request[:4000], answered, took, failure
            )
        )

    try:
        answer = caller.transport(
            method, address, LIMITS, caller.private_hosts, dict(headers), body
        )
    except OutboundError as error:
        outcome = Outcome.UNKNOWN if body is not None and error.is_sent else Outcome.TRANSIENT
        tell("", str(error))
        failure = Failure(outcome, str(error), waited=waited(began, LIMITS))
        raise CallFailed(failure) from None
    shown = answer.content[:16000].decode(errors="replace")[:4000]
    tell(
        f"{answer.status} {shown}",
        "" if answer.status == 200 else f"It responded with {answer.status}",
    )
    return answer


def _base(url: str) -> str:
    """Where the WSDLs are: the address of a WSDL without its last part, or a host's usual path."""
    if "/arsys/WSDL/" in url:
        return url.rsplit("/", 1)[0]
    return f"{url.rstrip('/')}/arsys/WSDL/public/{_SERVER}"


def _cut(text: str, facts: str = "") -> str:
    """A text within the contract's limit: one that is too long loses its end, but not its facts
    (unless these are long themselves) and its mark."""
    if len(text) <= TEXT:
        return text
    if mark_of(text) is None:  # a value, not a text of ours
        return text[: TEXT - 3] + "..."
    body, _, mark = text.rpartition("\n\n")
    end = f"{facts}\n\n{mark}" if facts and len(facts) < TEXT // 2 else mark
    pointer = f"...\n[The rest is in {mark.split(' via ')[-1].rstrip(')')}]\n\n{end}"
    return body[: TEXT - len(pointer)] + pointer


def _signed(author: str) -> str:
    return (author or "The portal")[: TITLE - len(_SIGNATURE)] + _SIGNATURE


def _utc(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
