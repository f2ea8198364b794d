"""A partner's side of the native service: zeep over the real server, and raw envelopes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import zeep
from lxml import etree
from zeep.exceptions import Fault
from zeep.helpers import serialize_object

from app.accounts.services.partners import create_partner_account
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.reference.seed import seed_reference
from tests.cast import NOON
from tests.harness.server import LiveServer
from tests.soap_service.wire import PASSWORD, Answer, Wire, create_accounts, envelope, login

SERVICE = "LHCOPN"
NAMESPACE = "urn:LHCOPN:exchange:1"
LINK = "CERN-GRIDKA-LHCOPN-001"
NEW = {"title": "no light between two sites"}
"""The least that a creation states."""


@dataclass(frozen=True)
class Native:
    """A server with partners' accounts and the registry, and a client of its native service."""

    wire: Wire

    @cached_property
    def client(self) -> Any:
        """zeep's client (which is not typed) for all accounts: who asks is in the header."""
        url = f"{self.wire.server.url}/soap/{SERVICE}?wsdl"
        return zeep.Client(url)  # type: ignore[no-untyped-call]

    def call(self, operation: str, /, *, user: str = "opn", **values: Any) -> Any:
        """Call an operation and give its answer, in plain Python values."""
        header_of = self.client.get_element(f"{{{NAMESPACE}}}AuthenticationInfo")
        header = header_of(userName=user, password=PASSWORD)
        answer = getattr(self.client.service, operation)(_soapheaders=[header], **values)
        return serialize_object(answer, dict)  # type: ignore[no-untyped-call]

    def create(self, *, user: str = "opn", **content: Any) -> int:
        """Create a ticket and give its number."""
        number: int = self.call("CreateTicket", user=user, ticket={**NEW, **content})["number"]
        return number

    def get(self, number: int, *, user: str = "opn") -> dict[str, Any]:
        """Read a ticket."""
        found: dict[str, Any] = self.call("GetTicket", user=user, number=number)
        return found

    def raw(self, operation: str, inner: str, *, user: str = "opn") -> Answer:
        """Post an envelope whose operation holds ``inner``, with the prefix n."""
        text = envelope(operation, inner, header=login(user), service=SERVICE)
        return self.wire.post(text, service=SERVICE)


def refused(call: Any, /, *arguments: Any, **values: Any) -> Fault:
    """The fault of a call; fails if it is carried out."""
    try:
        answer = call(*arguments, **values)
    except Fault as fault:
        return fault
    raise AssertionError(f"carried out: {answer}")


def number_of(fault: Fault) -> int:
    """The number in ``ERROR (n)``."""
    return int(str(fault.message).partition("(")[2].partition(")")[0])


def detail_of(fault: Fault) -> etree._Element:
    """The child of a fault's detail."""
    assert isinstance(fault.detail, etree._Element)
    return fault.detail[0]


def create_native_account(server: LiveServer) -> Native:
    """The accounts, the registry, and ``kit``, which answers to changes in the name of DE-KIT."""
    create_accounts(server)
    by = Writer(SYSTEM, Door.COMMAND, NOON)
    with server.session() as session, transaction(session):
        seed_reference(session, by)
        create_partner_account(session, by, "KIT", "kit", PASSWORD, access="all", sites=("DE-KIT",))
    return Native(Wire(server))
