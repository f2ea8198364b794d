"""A partner's side of the wire: raw HTTP over a socket and envelopes written by hand."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from lxml import etree

from app.accounts.services.partners import create_partner_account
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from tests.harness.server import LiveServer

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PASSWORD = "a password of sixteen or more"
ENDPOINT = "/arsys/services/ARService?server=ggus&webService={}"
CREATED = {
    "GHD_Short_Description": "no traffic between two sites",
    "GHD_Last_Modifier": "noc-demo (via test)",
    "GHD_Last_Login": "noc-demo",
}
"""The least that a creation needs."""

Sent = Mapping[str, str | None]


def namespace(service: str) -> str:
    """The namespace of a service's elements."""
    return "urn:LHCOPN:exchange:1" if service == "LHCOPN" else f"urn:{service}"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> etree._Element:
        return etree.fromstring(self.body)

    @property
    def fault(self) -> str:
        """The fault text; fails if this is none."""
        assert self.status >= 400, self.body
        assert self.headers["content-type"] == "text/xml; charset=utf-8"
        (text,) = self.tree.iter("faultstring")
        return text.text or ""

    @property
    def fault_code(self) -> str:
        (code,) = self.tree.iter("faultcode")
        return (code.text or "").removeprefix("soapenv:")

    @property
    def content(self) -> etree._Element:
        """The body's child."""
        assert self.status == 200, self.body
        return self.tree[-1][0]

    @property
    def values(self) -> dict[str, str]:
        """The child elements of the answer by name, in their order."""
        return {etree.QName(child).localname: child.text or "" for child in self.content}

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of a list."""
        return [
            {etree.QName(child).localname: child.text or "" for child in row}
            for row in self.content
        ]


def read_answers(raw: bytes, count: int = 1) -> list[Answer]:
    """The first ``count`` answers in what a server sent."""
    found = []
    for _ in range(count):
        head, _, rest = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        found.append(Answer(int(first.split(" ")[1]), headers, rest[:length]))
        raw = rest[length:]
    return found


def elements(values: Sent) -> str:
    """Child elements; None is nil."""
    return "".join(
        f'<n:{name} xsi:nil="1"/>'
        if text is None
        else f"<n:{name}>{escape(text)}</n:{name}>".replace("\r", "&#13;")
        for name, text in values.items()
    )


def login(user: str = "opn", password: str = PASSWORD) -> str:
    """The header element with the credentials."""
    return (
        f"<n:AuthenticationInfo><n:userName>{escape(user)}</n:userName>"
        f"<n:password>{escape(password)}</n:password></n:AuthenticationInfo>"
    )


def envelope(
    operation: str, inner: str, *, header: str | None = None, service: str = "GGUS"
) -> str:
    """One envelope; ``inner`` and ``header`` are XML with the prefixes e, n and xsi."""
    head = login() if header is None else header
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{SOAP}" xmlns:xsi="{XSI}"'
        f' xmlns:n="{namespace(service)}"><e:Header>{head}</e:Header>'
        f"<e:Body><n:{operation}>{inner}</n:{operation}></e:Body></e:Envelope>"
    )


@dataclass(frozen=True)
class Wire:
    """A server with partner accounts, and raw requests to it."""

    server: LiveServer

    def raw(self, request: bytes, *, seconds: float = 60) -> bytes:
        """Send bytes, and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=seconds) as peer:
            # refused before all was sent; the answer may be there all the same
            with suppress(BrokenPipeError, ConnectionResetError):
                peer.sendall(request)
            parts = []
            with suppress(ConnectionResetError):
                while part := peer.recv(65536):
                    parts.append(part)
            return b"".join(parts)

    def post(
        self,
        body: str | bytes,
        *,
        service: str = "GGUS",
        path: str | None = None,
        action: str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Answer:
        """One whole request. ``headers`` replace the usual ones; an empty value leaves one out."""
        content = body.encode() if isinstance(body, str) else body
        given = {
            "Host": "127.0.0.1",
            "Content-Type": "text/xml; charset=utf-8",
            "Content-Length": str(len(content)),
            "Connection": "close",
            **({"SOAPAction": action} if action is not None else {}),
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        target = path or ENDPOINT.format(service)
        head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n"
        return read_answers(self.raw(head.encode("latin-1") + content))[0]

    def call(
        self,
        operation: str,
        values: Sent,
        *,
        user: str = "opn",
        password: str = PASSWORD,
        service: str = "GGUS",
    ) -> Answer:
        """Call one operation as a well-behaved client."""
        return self.post(
            envelope(operation, elements(values), header=login(user, password), service=service),
            service=service,
            action=f'"{namespace(service)}/{operation}"',
        )

    def create(self, values: Sent | None = None, *, user: str = "opn") -> str:
        """Create a ticket and give its number; ``values`` add to the least that is needed."""
        answer = self.call(
            "OpCreate", in_order("OpCreate", {**CREATED, **(values or {})}), user=user
        )
        return answer.values["GHD_Request_ID"]

    def get(self, number: str, *, user: str = "opn") -> dict[str, str]:
        """Read a ticket."""
        return self.call("TicketGet", {"GHD_Request_ID": number}, user=user).values

    def count(self) -> int:
        """How many tickets there are."""
        from sqlalchemy import func, select

        from app.tickets.models.tickets import Ticket

        with self.server.session() as session:
            return session.scalar(select(func.count()).select_from(Ticket)) or 0


_CREATE_ORDER = (
    "GHD_Date_Time_Of_Problem",
    "GHD_Description",
    "GHD_E-Mail",
    "GHD_Submitter_Mail",
    "GHD_Internal_Diary",
    "GHD_Loginname",
    "GHD_Name",
    "GHD_Origin_ID",
    "GHD_Priority",
    "GHD_Responsible_Unit",
    "GHD_Short_Description",
    "GHD_Status",
    "GHD_Type_Of_Problem",
    "GHD_Last_Modifier",
    "GHD_Last_Login",
    "GHD_Origin_SG",
    "GHD_CarbonCopy",
    "GHD_Affected_Site",
    "GHD_Affected_VO",
    "GHD_Phone",
    "GHD_Related_Issue",
    "GHD_Public_Diary",
    "GHD_Experiment_Specific_Problem",
)
_MODIFY_ORDER = (
    "GHD_Assign_To",
    "GHD_Experiment_Specific_Problem",
    "GHD_Internal_Diary",
    "GHD_Priority",
    "GHD_Responsible_Unit",
    "GHD_Detailed_Solution",
    "GHD_Status",
    "GHD_Type_Of_Problem",
    "GHD_Request_ID",
    "GHD_Last_Modifier",
    "GHD_Last_Login",
    "GHD_Public_Diary",
    "GHD_Affected_Site",
    "GHD_Affected_VO",
    "GHD_Short_Description",
    "GHD_Ticket_Category",
    "GHD_Target_ID",
    "GHD_Incident_ID",
    "GHD_Related_Issue",
)


def in_order(operation: str, values: Sent) -> Sent:
    """The values in the order of the contract."""
    order: Sequence[str] = _MODIFY_ORDER if "Modify" in operation else _CREATE_ORDER
    return {name: values[name] for name in order if name in values}


def modify(wire: Wire, number: str, values: Sent, *, user: str = "opn") -> Answer:
    """TicketModify with what it needs besides ``values``."""
    least = {
        "GHD_Request_ID": number,
        "GHD_Last_Modifier": "noc-demo (via test)",
        "GHD_Last_Login": "noc-demo",
    }
    return wire.call("TicketModify", in_order("TicketModify", {**least, **values}), user=user)


ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "opn": {"code": "OPN", "access": "all"},
    "opn-internal": {"code": "OPN", "access": "all", "internal": True},
    "other": {"code": "OTHER", "access": "own"},
    "reader": {"code": "OTHER", "access": "all", "read_only": True},
    "old": {"code": "OLD", "access": "all", "contract_year": 2012},
}
"""The cast: login -> its partner and switches; all with the same password."""


def create_accounts(server: LiveServer) -> None:
    """Create the cast."""
    by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
    with server.session() as session, transaction(session):
        for user, switches in ACCOUNTS.items():
            rest = {name: value for name, value in switches.items() if name != "code"}
            create_partner_account(session, by, switches["code"], user, PASSWORD, **rest)


@contextmanager
def half_sent(wire: Wire, count: int) -> Iterator[None]:
    """Meanwhile ``count`` senders have sent half of a request each and go on waiting."""
    peers = []
    try:
        for _ in range(count):
            peer = socket.create_connection(("127.0.0.1", wire.server.port), timeout=60)
            peer.sendall(
                b"POST /soap/GGUS HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
                b"Content-Length: 900\r\n\r\n<half"
            )
            peers.append(peer)
        yield
    finally:
        for peer in peers:
            peer.close()
