"""A15: tokens of WS-Security are no credentials here, whatever their age.

``AuthenticationInfo`` is the one way in. A request that brings a UsernameToken instead is refused
like one without credentials, one that insists on it with MustUnderstand; neither answer says
anything about account, password or time.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.soap_service.wire import PASSWORD, Wire, elements, envelope, login

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_NONCE = b"sixteen bytes ok"
REQUESTS = {
    "GGUS": ("TicketGet", "GHD_Request_ID"),
    "GGUS_HISTORY": ("OpGetTicketHist", "GHD_Request_ID"),
    "GGUS_ATTACH": ("GetAttachIDs", "GAT_Request_ID"),
    "LHCOPN": ("GetTicket", "number"),
}
AGES = {
    "fresh": timedelta(),
    "stale": -timedelta(hours=1),
    "future": timedelta(hours=1),
}
REFUSED = "ERROR (623): Authentication failed; see {}/guide/faults"


def _digest(created: str) -> str:
    whole = _NONCE + created.encode() + PASSWORD.encode()
    return base64.b64encode(hashlib.sha1(whole).digest()).decode()


def _plain(_created: str) -> str:
    return PASSWORD


KINDS: dict[str, Callable[[str], str]] = {"Digest": _digest, "Text": _plain}


def token(kind: str, age: timedelta, must_understand: str = "") -> str:
    """A complete security header of a genuine account with its right password."""
    created = f"{datetime.now(UTC) + age:%Y-%m-%dT%H:%M:%SZ}"
    profile = f"{_WSS}username-token-profile-1.0#Password{kind}"
    return (
        f'<w:Security xmlns:w="{_WSS}wssecurity-secext-1.0.xsd"'
        f' xmlns:u="{_WSS}wssecurity-utility-1.0.xsd" {must_understand}>'
        f'<u:Timestamp><u:Created>{created}</u:Created></u:Timestamp><w:UsernameToken u:Id="t">'
        f'<w:Username>opn</w:Username><w:Password Type="{profile}">{KINDS[kind](created)}'
        f"</w:Password><w:Nonce>{base64.b64encode(_NONCE).decode()}</w:Nonce>"
        f"<u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("service", REQUESTS)
def test_a_token_alone_is_no_login(sqlite_wire: Wire, service: str, age: str, kind: str) -> None:
    operation, element = REQUESTS[service]
    request = elements({element: sqlite_wire.create()})
    text = envelope(operation, request, header=token(kind, AGES[age]), service=service)
    replayed = [sqlite_wire.post(text, service=service) for _ in range(2)]
    assert [answer.fault for answer in replayed] == [REFUSED.format(sqlite_wire.server.url)] * 2
    assert replayed[0].body == replayed[1].body


@pytest.mark.parametrize("service", REQUESTS)
def test_a_token_that_must_be_understood_is_refused(sqlite_wire: Wire, service: str) -> None:
    """Also beside right credentials: the sender relies on what nobody checks."""
    operation, element = REQUESTS[service]
    request = elements({element: sqlite_wire.create()})
    header = token("Digest", timedelta(), 'e:mustUnderstand="1"')
    for whole in (header, login() + header):
        answer = sqlite_wire.post(
            envelope(operation, request, header=whole, service=service), service=service
        )
        assert answer.fault_code == "MustUnderstand"
        assert answer.fault.startswith("ERROR (353)")
        assert b"opn" not in answer.body


def test_a_token_does_not_lend_its_name_to_other_credentials(sqlite_wire: Wire) -> None:
    """Beside an AuthenticationInfo with a wrong password a right token changes nothing."""
    request = elements({"GHD_Request_ID": sqlite_wire.create()})
    header = login(password=PASSWORD + "x") + token("Text", timedelta())
    fault = sqlite_wire.post(envelope("TicketGet", request, header=header)).fault
    assert fault == REFUSED.format(sqlite_wire.server.url)
