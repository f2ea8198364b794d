"""Bad input in every field of every operation, as the WSDL that the server gives out lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from lxml import etree
from sqlalchemy import func, select

from app.core.models.changes import Change
from app.tickets.models.attachments import Attachment
from app.tickets.models.tickets import Ticket
from tests.soap_service.native.client import Native

XSD = "{http://www.w3.org/2001/XMLSchema}"
MARK = "never-to-be-repeated"
LONG = MARK + "x" * 100_001
BAD = {
    "too long": LONG,
    "an element inside": f"<n:other>{MARK}</n:other>",
    "an element of answers inside": f"<n:readOnly>{MARK}</n:readOnly>",
    "an attribute": None,
    "a character that XML forbids": "&#1;",
    "half of a pair": "&#xD83D;",
    "an entity": "&never-to-be-repeated;",
    "twice": None,
    "nil with a value": None,
}
GOOD = {
    "xs:int": "1",
    "xs:boolean": "true",
    "xs:dateTime": "2026-03-01T07:41:00",
    "xs:date": "2026-03-01",
    "xs:base64Binary": "YQ==",
    "tns:Cursor": "0",
    "tns:PageLimit": "1",
    "tns:RelationRole": "related",
}


@dataclass(frozen=True)
class Field:
    """One field of a message type in the WSDL."""

    name: str
    kind: str
    required: bool
    is_list: bool


class Types:
    """The message types of a WSDL."""

    def __init__(self, wsdl: bytes) -> None:
        tree = etree.fromstring(wsdl)
        self.operations = [
            str(operation.get("name"))
            for operation in tree.iterfind("{http://schemas.xmlsoap.org/wsdl/}portType/*")
        ]
        self._types = {
            f"tns:{found.get('name')}": [
                Field(
                    str(item.get("name")),
                    str(item.get("type")),
                    item.get("minOccurs") != "0",
                    item.get("maxOccurs") == "unbounded",
                )
                for item in found.iter(f"{XSD}element")
            ]
            for found in tree.iter(f"{XSD}complexType")
        }

    def paths(self, kind: str) -> Iterator[tuple[Field, ...]]:
        """The way to each field within a type, those in messages within it included."""
        for field in self._types.get(kind, ()):
            yield (field,)
            for rest in self.paths(field.kind):
                yield (field, *rest)

    def good(self, kind: str) -> str:
        """The least that a type needs."""
        if kind not in self._types:
            return GOOD.get(kind, "a")
        return "".join(self.element(item) for item in self._types[kind] if item.required)

    def element(self, field: Field) -> str:
        return f"<n:{field.name}>{self.good(field.kind)}</n:{field.name}>"

    def with_bad(self, kind: str, path: tuple[Field, ...], bad: str) -> str:
        """A type with ``bad`` in the place of the field at the path's end."""
        parts = []
        for field in self._types[kind]:
            if field is path[0]:
                inner = self.with_bad(field.kind, path[1:], bad) if path[1:] else None
                parts.append(bad if inner is None else f"<n:{field.name}>{inner}</n:{field.name}>")
            elif field.required:
                parts.append(self.element(field))
        return "".join(parts)

    def bad_element(self, field: Field, what: str, text: str | None) -> str:
        good = self.element(field)
        opening = f"<n:{field.name}"
        if what == "twice":
            return good * 2
        if what == "an attribute":
            return good.replace(opening, f'{opening} href="#{MARK}"', 1)
        if what == "nil with a value":
            value = self.good(field.kind) or MARK
            return f'{opening} xsi:nil="true">{value}</n:{field.name}>'
        return f"<n:{field.name}>{text}</n:{field.name}>"


def stored(native: Native) -> list[int]:
    with native.wire.server.session() as session:
        return [
            session.scalar(select(func.count()).select_from(row)) or 0
            for row in (Ticket, Change, Attachment)
        ]


def types_of(native: Native) -> Types:
    answer = native.wire.post(
        "", path="/soap/LHCOPN?wsdl", method="GET", headers={"Content-Type": ""}
    )
    return Types(answer.body)


def test_every_field_refuses_what_it_cannot_take_and_nothing_is_stored(
    sqlite_native: Native,
) -> None:
    sqlite_native.create()
    before = stored(sqlite_native)
    types = types_of(sqlite_native)
    tried = 0
    for operation in types.operations:
        for path in types.paths(f"tns:{operation}"):
            for what, text in BAD.items():
                if what == "twice" and path[-1].is_list:
                    continue
                bad = types.bad_element(path[-1], what, text)
                answer = sqlite_native.raw(operation, types.with_bad(f"tns:{operation}", path, bad))
                case = (operation, [field.name for field in path], what)
                assert answer.status == 500, case
                assert answer.fault.startswith("ERROR (3"), (case, answer.fault)
                assert MARK not in answer.fault, case
                assert len(answer.fault) < 2_000, case
                tried += 1
    assert stored(sqlite_native) == before
    assert tried > 900


@pytest.mark.parametrize(
    ("inner", "fault"),
    [
        (
            "<n:number>abc</n:number>",
            "number has a value that is not allowed; it is of the type int",
        ),
        ("<n:number>2147483648</n:number>", "number has a value that is not allowed"),
        ("<n:number>1.0</n:number>", "number has a value"),
        ("<n:number>\u0661</n:number>", "number has a value"),
        ("<n:number>1_0</n:number>", "number has a value"),
        ("<n:number/>", "number has a value"),
        ("", "GetTicket lacks an element; expected there: number"),
        ("text<n:number>1</n:number>", "GetTicket holds loose text"),
        ('<n:number xsi:nil="1"/>text<n:number>1</n:number>', "GetTicket holds loose text"),
        ("text", "GetTicket has content of another kind"),
        ("<n:number>1</n:number><n:never/>", "An element is unknown, double or not in its place"),
        ("<x xmlns='urn:x'/>", "An element is unknown, double or not in its place"),
        ("<n:number>1</n:number><number>1</number>", "number is unknown, double"),
    ],
)
def test_a_request_out_of_form_is_refused_in_the_words_of_the_wsdl(
    sqlite_native: Native, inner: str, fault: str
) -> None:
    answer = sqlite_native.raw("GetTicket", inner)
    assert answer.fault.partition("): ")[2].startswith(fault)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("priority", "high", "allowed are less urgent, normal, urgent, very urgent, top priority"),
        ("state", "solved", "allowed are new, assigned"),
        ("state", " new", "allowed are new, assigned"),
        ("network", "GEANT", "allowed are LHCOPN, LHCONE"),
        ("impact", "bad' is not an element of the set {'x'}.", "allowed are none, reduced"),
        ("title", "x" * 256, "at most 255 characters are allowed"),
        ("title", " ", "Title is required"),
        ("title", "\N{GRINNING FACE}" * 256, "at most 255 characters are allowed"),
        ("unit", "x" * 51, "at most 50 characters are allowed"),
        ("experimentSpecific", "yes", "it is of the type boolean"),
        ("eventStart", "yesterday", "it is of the type dateTime"),
        ("eventStart", "2026-03-01", "it is of the type dateTime"),
        ("eventStart", "2026-02-30T00:00:00", "it is of the type dateTime"),
        ("eventStart", "0001-01-01T00:00:00Z", "is not a readable time"),
        ("eventStart", "-0044-03-15T00:00:00Z", "is not a readable time"),
        ("eventStart", "12026-03-15T00:00:00Z", "is not a readable time"),
        ("eventStart", "2026-03-01T24:00:00Z", "is not a readable time"),
        ("eventStart", "2026-03-01T00:00:00+14:00Z", "it is of the type dateTime"),
        ("links", "NO-SUCH-LINK", "No link has this id"),
        ("askedSites", "CH-CERN", "Only a change"),
        ("sites", "", "A name is empty"),
        ("sites", " ", "A name is empty"),
        ("references", "<n:provider/><n:reference>1</n:reference>", "needs a provider"),
        (
            "references",
            "<n:provider>a</n:provider><n:reference> </n:reference>",
            "needs a provider",
        ),
    ],
)
def test_a_nonsense_value_is_refused_in_the_words_of_its_field(
    sqlite_native: Native, field: str, value: str, allowed: str
) -> None:
    before = stored(sqlite_native)
    title = "" if field == "title" else "<n:title>a</n:title>"
    given = f"<n:{field}>{value}</n:{field}>"
    answer = sqlite_native.raw("CreateTicket", f"<n:ticket>{title}{given}</n:ticket>")
    assert answer.fault.startswith(f"ERROR (310): {field}")
    assert allowed in answer.fault
    assert stored(sqlite_native) == before


@pytest.mark.parametrize(
    "inner",
    [
        "<n:state>{}</n:state>",
        "<n:experimentSpecific>{}</n:experimentSpecific>",
        "<n:eventStart>{}</n:eventStart>",
        '<x xmlns="urn:{}"/>',
        '<n:title xmlns:n="{}">a</n:title>',
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "is not an element of the set {{'{}'}}.",
        "x' is not a valid value of the atomic type '{}'.",
        "This element is not expected. Expected is ( {} ).",
        "}}state': Missing child element(s). Expected is ( {} ).",
        "this exceeds the allowed maximum length of '{}'.",
    ],
)
def test_values_that_read_like_the_parser_s_words_are_not_repeated(
    sqlite_native: Native, inner: str, value: str
) -> None:
    bad = inner.format(value.format(MARK).replace("'", "&apos;"))
    answer = sqlite_native.raw("CreateTicket", f"<n:ticket><n:title>a</n:title>{bad}</n:ticket>")
    assert answer.status == 500
    assert MARK not in answer.fault


@pytest.mark.parametrize("day", ["2026-03-01Z", "2026-03-01+02:00", "-0044-03-15", "12026-03-15"])
def test_a_day_has_no_zone_and_is_of_the_calendar(sqlite_native: Native, day: str) -> None:
    inner = f"<n:filter><n:createdTo>{day}</n:createdTo></n:filter>"
    fault = sqlite_native.raw("FindTickets", inner).fault
    assert fault == "ERROR (310): createdTo is not a date; use YYYY-MM-DD"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("2026-03-01T07:41:00", "2026-03-01T07:41:00.000Z"),
        ("2026-03-01T07:41:00.1239", "2026-03-01T07:41:00.123Z"),
        ("2026-03-01T07:41:00+02:00", "2026-03-01T05:41:00.000Z"),
    ],
)
def test_times_without_a_zone_are_utc_and_all_are_answered_in_utc(
    sqlite_native: Native, sent: str, told: str
) -> None:
    inner = f"<n:ticket><n:title>a</n:title><n:eventStart>{sent}</n:eventStart></n:ticket>"
    number = sqlite_native.raw("CreateTicket", inner).values["number"]
    answer = sqlite_native.raw("GetTicket", f"<n:number>{number}</n:number>")
    (start,) = answer.content.iter("{urn:LHCOPN:exchange:1}eventStart")
    assert start.text == told


def test_what_client_stacks_put_on_elements_changes_nothing(sqlite_native: Native) -> None:
    number = sqlite_native.create()
    inner = (
        f'<n:number xsi:type="xsd:string" xmlns:xsd="{XSD[1:-1]}"> {number} </n:number>'
        '<n:author xsi:nil="1"/>'
        '<n:text xsi:nil="0" xml:lang="en" xsi:type="n:Text255">hello</n:text>'
        "<n:internal> true\n</n:internal>"
    )
    assert sqlite_native.raw("CommentTicket", inner).values["version"] == "2"
    (entry,) = sqlite_native.get(number)["diary"]
    assert (entry["text"], entry["internal"], entry["author"]) == ("hello", True, "opn")


def test_texts_come_back_as_they_were_sent(sqlite_native: Native) -> None:
    text = "  a\r\n\tb&<>\"'\u202e \N{GRINNING FACE}\u2028 ]]> "
    number = sqlite_native.create(description=text, title=" t ")
    ticket = sqlite_native.get(number)
    assert (ticket["description"], ticket["title"]) == (text, " t ")
