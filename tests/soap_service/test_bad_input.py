"""Bad input in every field of every operation, as the WSDL that the server gives out lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from lxml import etree
from sqlalchemy import func, select

from app.core.models.changes import Change
from app.tickets.models.tickets import Ticket
from tests.harness.server import LiveServer
from tests.soap_service.wire import Wire, envelope

XSD = "{http://www.w3.org/2001/XMLSchema}"
MARK = "never-to-be-repeated"
LONG = MARK + "x" * 5000
VALID = {
    "GHD_Request_ID": "1",
    "GHD_Parent_ID": "1",
    "GHD_Parent_Child_Relation": "Child",
    "GHD_Priority": "urgent",
    "GAT_Request_ID": "1",
    "GAT_Attachment_ID": "ATT1",
    "GAT_Attachment_Data": "dGVzdA==",
    "GAT_Attachment_Orig_Size": "4",
    "startRecord": "0",
    "maxLimit": "1",
}
BAD = {
    "too long": LONG,
    "an element inside": f"<n:other>{MARK}</n:other>",
    "a character that XML forbids": "&#1;",
    "half of a pair": "&#xD83D;",
    "twice": None,
}


def inputs(wire: Wire, service: str) -> Iterator[tuple[str, Mapping[str, bool]]]:
    """Each operation of a WSDL with its input elements: name -> required."""
    wsdl = wire.post("", path=f"/soap/{service}?wsdl", method="GET", headers={"Content-Type": ""})
    tree = etree.fromstring(wsdl.body)
    types = {found.get("name"): found for found in tree.iter(f"{XSD}complexType")}
    for operation in tree.iter("{http://schemas.xmlsoap.org/wsdl/}portType"):
        for named in operation:
            name = str(named.get("name"))
            (element,) = (
                found
                for found in tree.iterfind(f".//{XSD}schema/{XSD}element")
                if found.get("name") == name
            )
            kind = types[str(element.get("type")).partition(":")[2]]
            yield (
                name,
                {
                    str(field.get("name")): field.get("minOccurs") != "0"
                    for field in kind.iter(f"{XSD}element")
                },
            )


def stored(server: LiveServer) -> tuple[int, int]:
    with server.session() as session:
        tickets = session.scalar(select(func.count()).select_from(Ticket))
        return tickets or 0, session.scalar(select(func.count()).select_from(Change)) or 0


def content(fields: Mapping[str, bool], bad: str, text: str | None) -> str:
    """What is required and the bad one, in the WSDL's order."""
    parts = []
    for name, required in fields.items():
        good = f"<n:{name}>{VALID.get(name, 'a')}</n:{name}>"
        if name == bad:
            parts.append(good * 2 if text is None else f"<n:{name}>{text}</n:{name}>")
        elif required:
            parts.append(good)
    return "".join(parts)


@pytest.mark.parametrize(
    ("service", "fields_in_all"), [("GGUS", 90), ("GGUS_HISTORY", 3), ("GGUS_ATTACH", 13)]
)
def test_every_field_refuses_what_it_cannot_take_and_nothing_is_stored(
    sqlite_wire: Wire, service: str, fields_in_all: int
) -> None:
    sqlite_wire.create()
    before = stored(sqlite_wire.server)
    tried = 0
    for operation, fields in inputs(sqlite_wire, service):
        for field in fields:
            for what, text in BAD.items():
                inner = content(fields, field, text)
                answer = sqlite_wire.post(
                    envelope(operation, inner, service=service), service=service
                )
                case = (operation, field, what)
                assert answer.status == 500, case
                assert answer.fault.startswith("ERROR ("), case
                assert "ERROR (900)" not in answer.fault, case
                assert MARK not in answer.fault, case
                tried += 1
    assert stored(sqlite_wire.server) == before
    assert tried >= 5 * fields_in_all


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("GHD_Priority", "high"),
        ("GHD_Status", "broken"),
        ("GHD_Status", "solved"),
        ("GHD_Experiment_Specific_Problem", "maybe"),
        ("GHD_Date_Time_Of_Problem", "yesterday"),
        ("GHD_Short_Description", " "),
    ],
)
def test_a_nonsense_value_is_refused_in_the_words_of_its_field(
    sqlite_wire: Wire, field: str, value: str
) -> None:
    before = stored(sqlite_wire.server)
    fields = dict(inputs(sqlite_wire, "GGUS"))["OpCreate"]
    answer = sqlite_wire.post(envelope("OpCreate", content(fields, field, value)))
    assert answer.status == 500
    assert field in answer.fault or field.removeprefix("GHD_") in answer.fault
    assert stored(sqlite_wire.server) == before
