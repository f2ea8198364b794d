"""The native service's WSDL as it was published, and what clients need of any WSDL of ours.

``LHCOPN.wsdl`` changes on purpose only: partners compiled clients from it. To publish a change:
``python -m tests.soap_service.native.test_contract``.
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from suds.client import Client

from app.core.folders import PROJECT
from soap_service.answer_xml import sendable
from soap_service.faults import SOAP_NS
from soap_service.native.kinds import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    TIME,
    WsdlType,
    field_name,
    wire_name,
)
from soap_service.native.models import (
    SITE,
)
from soap_service.native.protocol import NativeProtocol, element_of, write_answer
from soap_service.native.service import NativeService, native_service
from tests.soap_service.native.client import LINK, NAMESPACE, NEW, Native
from tests.soap_service.wire import PASSWORD

from spyne import Unicode  # isort: skip

GOLDEN = Path(__file__).with_name("LHCOPN.wsdl")
ADDRESS = "https://portal.example/soap/LHCOPN"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP = "{http://schemas.xmlsoap.org/wsdl/soap/}"
XSD = "{http://www.w3.org/2001/XMLSchema}"


@pytest.fixture(scope="module")
def service() -> NativeService:
    return native_service(600)


@pytest.fixture(scope="module")
def wsdl(service: NativeService) -> etree._Element:
    return etree.fromstring(service.wsdl(ADDRESS))


OPERATIONS = native_service(600).operations.values()
NUMBERS = ("int", "long", "Cursor", "PageLimit")
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    BOOLEAN.name: st.booleans(),
    BYTES.name: st.binary(max_size=20),
    DATE.name: st.dates(),
    DOUBLE.name: st.floats(allow_nan=False, allow_infinity=False),
    TIME.name: st.datetimes(timezones=st.just(UTC)),
    **dict.fromkeys(NUMBERS, st.integers(-(2**31), 2**31 - 1)),
}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ("", " ", "<a>&'\"]]>", "a\r\nb\tc", "\0\ufffe")
)


@st.composite
def content_of(draw: st.DrawFn, kind: WsdlType) -> dict[str, Any]:
    """Values of a message: some left out, empty lists, and texts of all sorts."""

    def one(inner: WsdlType) -> Any:
        if inner.members:
            return draw(content_of(inner))
        return draw(VALUES.get(inner.name, TEXTS))

    found: dict[str, Any] = {}
    for member in kind.members:
        if not draw(st.integers(0, 4)):
            found |= draw(st.sampled_from(({}, {member.name: None})))
        elif member.is_list:
            found[member.name] = [one(member.kind) for _ in range(draw(st.integers(0, 2)))]
        else:
            found[member.name] = one(member.kind)
    return found


def written_by_spyne(name: str, kind: WsdlType, values: Mapping[str, Any]) -> bytes:
    """The same envelope by Spyne's own objects and serialiser."""

    def filled(inner: WsdlType, content: Any) -> Any:
        if not inner.members:
            return (content,) if inner is BYTES else content
        instance = inner.model()
        for member in inner.members:
            value = content.get(member.name)
            if value is not None and not (value == "" and member.optional):
                many = [filled(member.kind, item) for item in value] if member.is_list else None
                setattr(instance, member.name, filled(member.kind, value) if many is None else many)
        return instance

    protocol = NativeProtocol()
    protocol._to_unicode_handlers[Unicode] = lambda _cls, text: sendable(text)
    envelope = etree.Element(f"{{{SOAP_NS}}}Envelope", nsmap={"soapenv": SOAP_NS, "ns0": NAMESPACE})
    body = etree.SubElement(envelope, f"{{{SOAP_NS}}}Body")
    protocol.to_parent(None, kind.model, filled(kind, values), body, NAMESPACE, name)
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
@settings(max_examples=20)
@given(data=st.data())
def test_an_answer_is_what_spyne_would_write(operation: Any, data: st.DataObject) -> None:
    name, kind = f"{operation.name}Response", operation.response
    values = data.draw(content_of(kind))
    assert write_answer(name, kind, values) == written_by_spyne(name, kind, values)


def test_the_wsdl_is_the_published_one(service: NativeService) -> None:
    assert service.wsdl(ADDRESS) == GOLDEN.read_bytes()


def test_parts_are_named_as_clients_need_them(wsdl: etree._Element) -> None:
    for message in wsdl.iterfind(f"{WSDL}message"):
        (part,) = message
        name = str(message.get("name"))
        if name == "AuthenticationInfo":
            assert part.get("name") == "AuthenticationInfo"
        else:
            assert part.get("name") == ("fault" if name.endswith("Fault") else "parameters")
        assert part.get("element") == f"tns:{name.removesuffix('Fault')}"


def test_each_operation_has_its_action_and_the_header(wsdl: etree._Element) -> None:
    (binding,) = wsdl.iterfind(f"{WSDL}binding")
    operations = binding.findall(f"{WSDL}operation")
    assert len(operations) == 18
    for operation in operations:
        (action,) = operation.iterfind(f"{SOAP}operation")
        assert action.get("soapAction") == f"{NAMESPACE}/{operation.get('name')}"
        (header,) = operation.iter(f"{SOAP}header")
        assert header.get("part") == "AuthenticationInfo"
        assert [body.get("parts") for body in operation.iter(f"{SOAP}body")] == ["parameters"] * 2
    faults = [item.getparent() for item in binding.iter(f"{SOAP}fault")]
    assert [str(item.get("name")) for item in faults if item is not None] == [
        "StaleTicketFault",
        "EventProblemsFault",
    ]


def test_one_service_with_one_port(wsdl: etree._Element) -> None:
    assert [etree.QName(child).localname for child in wsdl if child.tag != f"{WSDL}message"] == [
        "types", "portType", "binding", "service",
    ]  # fmt: skip
    (address,) = wsdl.iter(f"{SOAP}address")
    assert address.get("location") == ADDRESS


def test_every_field_has_a_meaning(wsdl: etree._Element) -> None:
    for kind in wsdl.iter(f"{XSD}complexType"):
        for element in kind.iter(f"{XSD}element"):
            assert element.find(f"{XSD}annotation/{XSD}documentation") is not None, element.attrib


def test_an_answer_leaves_no_classes_behind() -> None:
    """Spyne makes a class for each occurrence of a type: once, not once for each answer."""
    values = {"key": "X", "names": [{"system": "GOCDB", "name": "Y"}]}

    def classes() -> int:
        return sum(isinstance(item, type) for item in gc.get_objects())

    element_of(SITE, values)
    before = classes()
    for _ in range(3):
        element_of(SITE, values)
    assert classes() == before


def test_names_on_the_wire_and_in_the_portal_are_each_other_s_inverse() -> None:
    for field in ("title", "affected_vo", "event_start", "asked_sites", "duplicate_of"):
        assert field_name(wire_name(field)) == field


def test_the_reference_is_that_of_the_models() -> None:
    """``make docs`` writes it."""
    written = subprocess.run(
        [sys.executable, str(PROJECT / "tools" / "native_reference.py")],
        capture_output=True,
        check=True,
    )
    assert written.stdout.decode() == (PROJECT / "docs" / "native-service.md").read_text("utf-8")


def test_the_example_of_the_reference_runs_and_can_be_repeated(native: Native) -> None:
    text = (PROJECT / "docs" / "native-service.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    environment = {
        **os.environ,
        "PORTAL_URL": native.wire.server.url,
        "PORTAL_LOGIN": "opn",
        "PORTAL_PASSWORD": PASSWORD,
    }
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", example],
            env=environment,
            capture_output=True,
            check=True,
            text=True,
        )
        said.append(done.stdout.splitlines())
    created, updated = said[0]
    number, rest = created.split(" ", 1)
    assert rest.startswith("1 native ours title ")
    assert updated == f"{number} 2 native ours state publicComment"
    # the second time the ticket is there already, version 1 is stale, and the comment is a repeat
    assert said[1] == []


@pytest.mark.parametrize("path", ["/soap/LHCOPN?wsdl", "/arsys/WSDL/public/ggus/LHCOPN"])
def test_suds_creates_updates_and_reads(native: Native, path: str) -> None:
    client = Client(f"{native.wire.server.url}{path}", cache=None)
    header = client.factory.create("AuthenticationInfo")
    header.userName, header.password = "opn", PASSWORD
    client.set_options(soapheaders=header)
    ticket = client.factory.create("NewTicket")
    ticket.title = NEW["title"]
    ticket.links = [LINK]
    made = client.service.CreateTicket(requestKey=f"suds {path}", ticket=ticket)
    change = client.factory.create("TicketChange")
    change.impact = "degraded"
    client.service.UpdateTicket(made.number, made.version, None, change)
    got = client.service.GetTicket(made.number)
    assert (got.title, got.impact, got.links[0].name) == (NEW["title"], "degraded", LINK)
    assert got.version == 2
    (link,) = [item for item in client.service.ListLinks() if item.name == LINK]
    assert link.endB == "DE-KIT"
    assert client.service.GetAccount().login == "opn"
    page = client.service.ListChanges(0, 500)
    assert page.cursor >= page.changes[-1].id


if __name__ == "__main__":
    GOLDEN.write_bytes(native_service(600).wsdl(ADDRESS))
