"""What Java's stacks need of a WSDL, for every service that is served.

JAX-WS makes one parameter of an element that is in request and answer of an operation, and refuses
the whole WSDL if it cannot: if the two have different types, or one is a primitive that may be
missing and the other one is not. It makes one getter of ``A_B`` and ``A-B``.
"""

from __future__ import annotations

import re

import pytest
from lxml import etree

from tests.soap_service.wire import Wire

SERVICES = ("GGUS", "GGUS_HISTORY", "GGUS_ATTACH", "LHCOPN")
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_OBJECTS = ("string", "dateTime", "base64Binary")

Children = dict[str, tuple[str, bool]]


def _java_type(schema: etree._Element, written: str) -> str:
    """The type that Java sees: a restriction without an enumeration is its base."""
    name = written.rpartition(":")[2]
    for restriction in schema.xpath(f"*[@name='{name}']/*[local-name()='restriction']"):
        if restriction.find(f"{_XSD}enumeration") is None:
            return _java_type(schema, restriction.get("base"))
    return name


def _children(schema: etree._Element, element: str) -> Children:
    """Child -> its type, and whether Java would box it, of a global element."""
    (found,) = schema.xpath(f"*[local-name()='element'][@name='{element}']")
    named = str(found.get("type")).rpartition(":")[2]
    (content,) = schema.xpath(f"*[local-name()='complexType'][@name='{named}']")
    children = {}
    for child in content.iterfind(f"{_XSD}sequence/{_XSD}element"):
        kind = _java_type(schema, child.get("type", ""))
        boxed = child.get("minOccurs") == "0" and kind not in _OBJECTS
        children[child.get("name", "")] = (kind, boxed)
    return children


@pytest.mark.parametrize("service", SERVICES)
def test_an_element_of_both_directions_is_one_parameter(sqlite_wire: Wire, service: str) -> None:
    answer = sqlite_wire.post(b"", path=f"/soap/{service}?wsdl", method="GET")
    (schema,) = answer.tree.iter(f"{_XSD}schema")
    operations = {
        str(item.get("name")) for item in answer.tree.iterfind(f"{_WSDL}portType/{_WSDL}operation")
    }
    assert operations
    for name in operations:
        request, response = _children(schema, name), _children(schema, f"{name}Response")
        for shared in request.keys() & response.keys():
            assert request[shared] == response[shared], (name, shared)


@pytest.mark.parametrize("service", SERVICES)
def test_no_two_elements_have_one_getter(sqlite_wire: Wire, service: str) -> None:
    answer = sqlite_wire.post(b"", path=f"/soap/{service}?wsdl", method="GET")
    sequences = list(answer.tree.iter(f"{_XSD}sequence"))
    assert sequences
    for sequence in sequences:
        names = [re.sub(r"[_-]", "", child.get("name", "")).lower() for child in sequence]
        assert len(names) == len(set(names)), names
