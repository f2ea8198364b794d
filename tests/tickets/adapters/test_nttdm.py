"""NTTDM documents: as they are written, as others write them, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.documents.cells import joined
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import BadFile
from app.tickets.adapters import nttdm
from app.tickets.adapters.nttdm import (
    FIELDS,
    HEAD,
    TAIL,
    history_of,
    is_xml,
    new_ticket,
    nttdm_ticket,
    read_nttdm,
    read_one,
)
from app.tickets.rules.content import Reference
from app.tickets.rules.file_reading import ReadTicket
from app.tickets.rules.tickets import Category, Impact, Priority, State

NOW = datetime(2013, 3, 6, 12, 0, tzinfo=UTC)
CELLS = {
    "number": "17",
    "title": "Fibre & cut <2>",
    "state": "waiting for reply",
    "network": "LHCONE",
    "category": "change",
    "layer": "L3",
    "priority": "urgent",
    "impact": "degraded",
    "links": "CERN-GRIDKA-LHCOPN-001;CERN-PIC-LHCOPN-001",
    "sites": "DE-KIT;a\\;b",
    "responsible_site": "DE-KIT",
    "unit": "TPM",
    "event_start": "2013-03-01T10:00:00Z",
    "event_detected": "2013-03-01T10:05:00Z",
    "event_end": "",
    "window_start": "2013-03-07T10:00:00Z",
    "window_end": "2013-03-07T12:00:00Z",
    "created": "2013-03-01T11:00:00Z",
    "changed": "2013-03-02T11:00:00Z",
    "solved": "",
    "submitter": "NOC",
    "origin_system": "GEANT",
    "origin_id": "TT-4",
    "description": " two\r\nlines\n\n  and a third ",
    "solution": "not yet:\nsee\n  below",
    "affected_vo": "atlas",
    "person_in_charge": "kit",
    "estimated_end": "2013-03-07T11:00:00Z",
    "references": "NREN-A: 12;NREN-B: https://nren.example/7",
    "relations": "3;4",
    "public_comment": "2013-03-01T12:00:00Z NOC: seen",
    "tt_source": "Other NOC",
    "end_a": "CH-CERN",
    "end_b": "DE-KIT",
    "closed_by": "",
}
WRITTEN = """\
  <Ticket>
    <PARTNER_ID>GEANT</PARTNER_ID>
    <ORIGINAL_ID>TT-4</ORIGINAL_ID>
    <TT_ID>17</TT_ID>
    <TT_TITLE>Fibre &amp; cut &lt;2&gt;</TT_TITLE>
    <TT_TYPE>Operational</TT_TYPE>
    <TT_PRIORITY>Medium</TT_PRIORITY>
    <TT_STATUS>Inactive</TT_STATUS>
    <TT_SOURCE>Other NOC</TT_SOURCE>
    <TT_OPEN_DATETIME>2013-03-01T11:00:00Z</TT_OPEN_DATETIME>
    <TT_CLOSE_DATETIME></TT_CLOSE_DATETIME>
    <TT_SHORT_DESCRIPTION>Fibre &amp; cut &lt;2&gt;</TT_SHORT_DESCRIPTION>
    <TT_LONG_DESCRIPTION> two&#13;
lines

  and a third </TT_LONG_DESCRIPTION>
    <TYPE>Scheduled</TYPE>
    <TT_IMPACT_ASSESSMENT>Severe performance impact</TT_IMPACT_ASSESSMENT>
    <START_DATETIME>2013-03-01T10:00:00Z</START_DATETIME>
    <DETECT_DATETIME>2013-03-01T10:05:00Z</DETECT_DATETIME>
    <END_DATETIME></END_DATETIME>
    <TT_LAST_UPDATE_TIME>2013-03-02T11:00:00Z</TT_LAST_UPDATE_TIME>
    <TIME_WINDOW_START>2013-03-07T10:00:00Z</TIME_WINDOW_START>
    <TIME_WINDOW_END>2013-03-07T12:00:00Z</TIME_WINDOW_END>
    <WORK_PLAN_END_DATETIME>2013-03-07T11:00:00Z</WORK_PLAN_END_DATETIME>
    <RELATED_EXTERNAL_TICKETS>NREN-A: 12;NREN-B: https://nren.example/7</RELATED_EXTERNAL_TICKETS>
    <RELATED_ACTIVITY>3;4</RELATED_ACTIVITY>
    <ADDITIONAL_DATA>state: waiting for reply
priority: urgent
category: change
layer: L3
unit: TPM
responsible_site: DE-KIT
solution: not yet:
  see
    below</ADDITIONAL_DATA>
    <HISTORY>2013-03-01T12:00:00Z NOC: seen</HISTORY>
    <AFFECTED_COMMUNITY>atlas</AFFECTED_COMMUNITY>
    <AFFECTED_SERVICE>LHCONE</AFFECTED_SERVICE>
    <LOCATION>DE-KIT;a\\;b</LOCATION>
    <NETWORK_LINK_CIRCUIT>CERN-GRIDKA-LHCOPN-001;CERN-PIC-LHCOPN-001</NETWORK_LINK_CIRCUIT>
    <END_LINE_LOCATION_A>CH-CERN</END_LINE_LOCATION_A>
    <END_LINE_LOCATION_B>DE-KIT</END_LINE_LOCATION_B>
    <OPEN_ENGINEER>NOC</OPEN_ENGINEER>
    <CONTACT_ENGINEERS>kit</CONTACT_ENGINEERS>
  </Ticket>
"""
FOREIGN = """<?xml version='1.0' encoding='UTF-8'?>
<!-- as another system may write it -->
<n:nttdm_document xmlns:n="urn:x">
  <n:Ticket>
    <n:Partner_ID>GRNET</n:Partner_ID>
    <n:Original_ID> 5985 </n:Original_ID>
    <n:TT_ID>5985_01</n:TT_ID>
    <n:TT_Title>Link failure</n:TT_Title>
    <n:TT_Type>Operational</n:TT_Type>
    <n:TT_Status>Opened/Closed</n:TT_Status>
    <n:TT_Priority>high</n:TT_Priority>
    <n:TT_Open_DateTime>2008-12-16T10:01:15+02:00</n:TT_Open_DateTime>
    <n:TT_Close_DateTime>2008-12-16T11:05:00+02:00</n:TT_Close_DateTime>
    <n:TT_Short_Description>Link failure at Heraklion</n:TT_Short_Description>
    <n:Type>Unscheduled</n:Type>
    <n:TT_Impact_Assessment>On backup</n:TT_Impact_Assessment>
    <n:Start_DateTime>2008-12-16T09:55:00+02:00</n:Start_DateTime>
    <n:Related_External_Tickets>#77</n:Related_External_Tickets>
    <n:Additional_Data>Alarm: LOS on port 3</n:Additional_Data>
    <n:History>Opened<n:Step>, closed</n:Step></n:History>
    <n:Location>Heraklion</n:Location>
    <n:Location>Athens</n:Location>
    <n:Network_Node>FORTH-2</n:Network_Node>
    <n:Hash></n:Hash>
  </n:Ticket>
</n:nttdm_document>
"""


def document(*tickets: str) -> bytes:
    return f"{HEAD}{''.join(tickets)}{TAIL}".encode()


def minimal(**fields: str) -> bytes:
    """A ticket of these fields beside those that it needs; "" leaves one out."""
    usual = {"TT_ID": "1", "TT_TITLE": "x", "TT_STATUS": "Opened", "TT_OPEN_DATETIME": "2013-01-02"}
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in (usual | fields).items() if text)
    return document(f"<Ticket>{inner}</Ticket>")


def read(content: bytes) -> ReadTicket:
    (ticket,) = read_nttdm(content, NOW)
    return ticket


def test_a_ticket_is_written_field_by_field() -> None:
    assert nttdm_ticket(CELLS) == WRITTEN


def test_what_was_written_is_read_as_it_was() -> None:
    ticket = read(document(nttdm_ticket(CELLS)))
    assert not ticket.problems
    assert not ticket.notes
    assert (ticket.line, ticket.number) == (3, "17")

    def at(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2013, 3, day, hour, minute, tzinfo=UTC)

    assert dict(ticket.values) == {
        "title": "Fibre & cut <2>",
        "state": "waiting for reply",
        "network": "LHCONE",
        "category": "change",
        "layer": "L3",
        "priority": "urgent",
        "impact": "degraded",
        "links": ("CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"),
        "sites": ("DE-KIT", "a;b"),
        "responsible_site": "DE-KIT",
        "unit": "TPM",
        "event_start": at(1, 10),
        "event_detected": at(1, 10, 5),
        "event_end": None,
        "window_start": at(7, 10),
        "window_end": at(7, 12),
        "created": at(1, 11),
        "changed": at(2, 11),
        "solved": None,
        "submitter_name": "NOC",
        "origin_system": "GEANT",
        "origin_id": "TT-4",
        "description": " two\r\nlines\n\n  and a third ",
        "solution": "not yet:\nsee\n  below",
        "affected_vo": "atlas",
        "person_in_charge": "kit",
        "estimated_end": at(7, 11),
        "references": (
            Reference("NREN-A", "12"),
            Reference("NREN-B", "", "https://nren.example/7"),
        ),
        "public_comment": "2013-03-01T12:00:00Z NOC: seen",
    }


def test_a_document_of_another_system_is_read_as_far_as_it_goes() -> None:
    ticket = read(FOREIGN.encode())
    assert not ticket.problems
    assert ticket.notes == ("not read: NETWORK_NODE",)
    assert (ticket.line, ticket.number) == (4, "5985_01")
    wanted = {
        "title": "Link failure",
        "description": "Link failure at Heraklion",
        "state": "closed",
        "category": "incident",
        "priority": "very urgent",
        "impact": "reduced redundancy",
        "created": datetime(2008, 12, 16, 8, 1, 15, tzinfo=UTC),
        "solved": datetime(2008, 12, 16, 9, 5, tzinfo=UTC),
        "event_start": datetime(2008, 12, 16, 7, 55, tzinfo=UTC),
        "sites": ("Heraklion", "Athens"),
        "origin_system": "GRNET",
        "origin_id": "5985",
        "references": (Reference("?", "#77"),),
        "public_comment": "Opened, closed\n\nAlarm: LOS on port 3",
    }
    assert {name: ticket.values[name] for name in wanted} == wanted


@pytest.mark.parametrize(("category", "state"), [*product(Category, State)])
def test_every_state_of_every_category_comes_back(category: str, state: str) -> None:
    cells = CELLS | {"category": category, "state": state, "solved": ""}
    ticket = read(document(nttdm_ticket(cells)))
    assert not ticket.problems
    assert (ticket.values["category"], ticket.values["state"]) == (category, state)


@pytest.mark.parametrize(("priority", "impact"), [*product(Priority, Impact)])
def test_every_priority_and_impact_comes_back(priority: str, impact: str) -> None:
    ticket = read(document(nttdm_ticket(CELLS | {"priority": priority, "impact": impact})))
    assert (ticket.values["priority"], ticket.values["impact"]) == (priority, impact)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"TT_STATUS": "Updated"}, {"state": "in progress"}),
        ({"TT_STATUS": "INACTIVE"}, {"state": "on hold"}),
        ({"TT_STATUS": "Superseded"}, {"state": "unsolved"}),
        ({"TT_STATUS": "Cancelled"}, {"state": "unsolved"}),
        ({"TT_STATUS": "waiting for reply"}, {"state": "waiting for reply"}),
        (
            {"TT_STATUS": "Solved"},
            {"state": "solved", "solution": "NTTDM does not say how it was solved."},
        ),
        # what somebody changed since it left the portal goes before what stands beside it
        (
            {"TT_STATUS": "Updated", "ADDITIONAL_DATA": "state: on hold"},
            {"state": "in progress"},
        ),
        ({"TT_STATUS": "Updated", "ADDITIONAL_DATA": "state: assigned"}, {"state": "assigned"}),
        ({"TT_TYPE": "Operational", "TYPE": "Scheduled"}, {"category": "maintenance"}),
        ({"TYPE": "scheduled"}, {"category": "maintenance"}),
        ({"TT_TYPE": "Administrative"}, {"category": "informational"}),
        ({"TT_TYPE": "Test", "TYPE": "Scheduled"}, {"category": "test"}),
        ({"TT_PRIORITY": "Medium"}, {"priority": "urgent"}),
        ({"TT_PRIORITY": ""}, {"priority": "less urgent"}),
        ({"TT_IMPACT_ASSESSMENT": "At risk"}, {"impact": "reduced redundancy"}),
        ({"TT_IMPACT_ASSESSMENT": "Minor performance impact"}, {"impact": "degraded"}),
        ({"TT_TITLE": "", "TT_SHORT_DESCRIPTION": "short"}, {"title": "short"}),
        ({"TT_ID": "", "ORIGINAL_ID": "9"}, {"origin_id": "9"}),
        ({"AFFECTED_SERVICE": "video"}, {"links": ()}),
        # a ticket that is open again has no end
        ({"TT_STATUS": "Reopened", "TT_CLOSE_DATETIME": "2013-01-03"}, {"solved": None}),
        # what was created here and has no origin comes back without one
        ({"PARTNER_ID": "LHCOPN", "ORIGINAL_ID": "1"}, {"origin_system": "", "origin_id": ""}),
        ({"PARTNER_ID": "LHCOPN", "ORIGINAL_ID": "2"}, {"origin_system": "", "origin_id": "2"}),
    ],
)
def test_words_of_closed_lists(fields: dict[str, str], wanted: dict[str, object]) -> None:
    ticket = read(minimal(**fields))
    assert not ticket.problems
    assert {name: ticket.values[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"TT_STATUS": "Frozen"}, 'column TT_STATUS, "Frozen": one of new, assigned'),
        ({"TT_STATUS": ""}, "column TT_STATUS: one of new"),
        ({"TT_TYPE": "Odd"}, 'column TT_TYPE, "Odd": one of incident'),
        ({"TT_PRIORITY": "9"}, 'column TT_PRIORITY, "9": one of less urgent'),
        ({"TT_IMPACT_ASSESSMENT": "big"}, 'column TT_IMPACT_ASSESSMENT, "big": one of none'),
        ({"TT_OPEN_DATETIME": "yesterday"}, 'column TT_OPEN_DATETIME, "yesterday": an ISO 8601'),
        ({"TT_OPEN_DATETIME": ""}, "column TT_OPEN_DATETIME: when the ticket was opened"),
        ({"TT_OPEN_DATETIME": "2014-01-01"}, "column TT_OPEN_DATETIME"),
        ({"TT_ID": "", "TT_TITLE": "x"}, "column TT_ID: each ticket needs its number"),
        ({"TT_TITLE": ""}, "column TT_TITLE"),
        ({"TT_TITLE": "x" * 256}, "column TT_TITLE"),
        ({"LOCATION": "a\\"}, "column LOCATION"),
        ({"RELATED_EXTERNAL_TICKETS": f"a: {'x' * 256}"}, "column RELATED_EXTERNAL_TICKETS"),
        ({"START_DATETIME": "2013-01-02", "END_DATETIME": "2013-01-01"}, "column END_DATETIME"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(fields: dict[str, str], told: str) -> None:
    (problem, *_) = map(str, read(minimal(**fields)).problems)
    assert problem.startswith(f"line 3, {told}")


def test_the_same_number_twice_is_told() -> None:
    ticket = nttdm_ticket(CELLS)
    first, second = read_nttdm(document(ticket, ticket), NOW)
    assert not first.problems
    assert "line 3 already has this number" in str(second.problems[0])


BOMB = '<!DOCTYPE a [<!ENTITY b "xx"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (BOMB.encode() + minimal(TT_TITLE="&c;"), "a document type declaration is not accepted"),
        (
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + minimal(),
            "a document type declaration is not accepted",
        ),
        (minimal().replace(b"UTF-8", b"UTF-7", 1), "write it as XML 1.0 in UTF-8"),
        (minimal().replace(b'"1.0"', b'"1.1"', 1), "write it as XML 1.0 in UTF-8"),
        (minimal(TT_TITLE="&unknown;"), "it is not well-formed XML in UTF-8"),
        (minimal(TT_TITLE="\x01"), "it is not well-formed XML in UTF-8"),
        (minimal(TT_TITLE="\N{LATIN SMALL LETTER E WITH ACUTE}").decode().encode("latin-1"), "not"),
        (minimal()[:-9], "it is not well-formed XML in UTF-8"),
        (document("<a>" * 9, "</a>" * 9), "it is deeper or larger than any list of tickets"),
        (b"<" + b"a" * 70_000 + b"/>", "it is deeper or larger than any list of tickets"),
        (document(f'<Ticket a="{"x" * 5000}"/>'), "it is deeper or larger"),
        (document(), "it holds no ticket"),
        (b"<html><body>Not found</body></html>", "it holds no ticket"),
        (document("<Ticket/>" * 50_001), "it holds more than 50,000 tickets; split it"),
    ],
)
def test_what_is_no_document_of_tickets_is_refused(content: bytes, told: str) -> None:
    if content.startswith(b"<!DOCTYPE"):  # it stands behind the declaration
        doctype, head, rest = content.partition(b"<?xml")
        declaration, end, body = (head + rest).partition(b"?>")
        content = declaration + end + doctype + body
    assert is_xml(content)
    with pytest.raises(BadFile) as caught:
        list(read_nttdm(content, NOW))
    assert told in str(caught.value.problems[0])


def test_a_document_beyond_any_size_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nttdm, "MAX_BYTES", len(minimal()) - 1)
    with pytest.raises(BadFile, match="NTTDM has at most"):
        list(read_nttdm(minimal(), NOW))


def test_many_elements_and_fields_cost_no_more_than_their_size() -> None:
    many = "".join(f"<F{number}>x</F{number}>" for number in range(100_000))
    ticket = read(document(f"<Ticket><TT_ID>1</TT_ID>{many}{'<HISTORY/>' * 100_000}</Ticket>"))
    assert len(ticket.notes[0].split(", ")) == 20
    assert ticket.problems


def test_tables_are_no_xml() -> None:
    assert not is_xml(b"number,title\n1,<x>")
    assert is_xml(b"\xef\xbb\xbf\n <a/>")


def test_one_ticket_of_a_document_is_one_that_can_be_opened() -> None:
    found, content = read_one(minimal(PARTNER_ID="GRNET", TT_STATUS="Updated", LOCATION="x"), NOW)
    new = new_ticket(found)
    assert (new.state, new.origin_system, new.origin_id) == ("assigned", "GRNET", "1")
    assert (new.title, new.sites, new.network) == ("x", ("x",), None)
    assert content["PARTNER_ID"] == "GRNET"
    opened, _ = read_one(minimal(PARTNER_ID="LHCOPN", ORIGINAL_ID="1"), NOW)
    # the number of another installation is a key as any other
    new = new_ticket(opened)
    assert (new.state, new.origin_system, new.origin_id) == ("new", "LHCOPN", "1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (document(), "it holds no ticket"),
        (document(*[nttdm_ticket(CELLS)] * 2), "The document holds 2 tickets; send one"),
        (minimal(TT_STATUS="Frozen"), "TT_STATUS: one of new"),
        (minimal(TT_STATUS="Closed"), "A ticket that has ended is not opened"),
        (
            document("<Ticket>", "<LOCATION/>" * 2000, "</Ticket>"),
            "it is deeper or larger than any",
        ),
    ],
)
def test_a_document_that_opens_no_ticket_says_why(content: bytes, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        new_ticket(read_one(content, NOW)[0])
    assert told in caught.value.message
    assert "Frozen" not in caught.value.message  # what was sent is never put into a fault


def test_long_texts_are_compared_by_their_digest() -> None:
    _, content = read_one(minimal(TT_LONG_DESCRIPTION="x" * 5000), NOW)
    assert content["TT_LONG_DESCRIPTION"].startswith("x" * 4000 + "… [5000 characters, SHA-256 ")
    _, other = read_one(minimal(TT_LONG_DESCRIPTION="x" * 4999 + "y"), NOW)
    assert content != other


def test_too_long_a_history_loses_its_oldest() -> None:
    assert history_of(["one", "two"]) == "one\ntwo"
    entries = [f"{number} {'x' * 30_000}" for number in range(5)]
    first, *rest = history_of(entries).split("\n")
    assert first == "[2 older entries are left out.]"
    assert rest == entries[2:]


def test_what_was_recalled_is_marked() -> None:
    confirmed = [one.name for one in FIELDS if not one.is_recalled]
    assert confirmed[-1] == "TIME_WINDOW_END"
    assert {"HISTORY", "LOCATION", "ADDITIONAL_DATA"}.isdisjoint(confirmed)


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\r\t ;\\:"),
    max_size=40,
)


@given(text=_TEXT, name=_TEXT.filter(str.strip), title=_TEXT.filter(str.strip))
def test_any_text_comes_back(text: str, name: str, title: str) -> None:
    cells = CELLS | {
        "title": title,
        "description": text,
        "solution": text,
        "public_comment": text,
        "sites": joined([name]),
    }
    ticket = read(document(nttdm_ticket(cells)))
    assert not ticket.problems
    assert ticket.values["title"] == title
    assert ticket.values["sites"] == (name.strip(),)
    kept = text if text.strip() else ""
    for column in ("description", "solution", "public_comment"):
        assert ticket.values.get(column, "") == kept
