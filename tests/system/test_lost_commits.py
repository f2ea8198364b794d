"""What each door says when the answer to a COMMIT is lost, what is stored then, and what the same
request does when it is sent again.

PostgreSQL behind a proxy that loses that answer, cuts the connection before COMMIT reaches the
server, or goes away right after it; all doors in one process.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.soap_service.wire import CREATED, elements
from tests.system.doors import Doors, Told, portal_behind_proxy

LOG = base64.b64encode(b"loss of light at 03:10").decode()
OUTCOME = "he outcome is unknown"


@pytest.fixture(scope="module")
def portal() -> Iterator[Doors]:
    with portal_behind_proxy() as doors:
        yield doors


@pytest.fixture
def doors(portal: Doors) -> Doors:
    portal.begin()
    return portal


def _op_create(doors: Doors) -> Told:
    return doors.ggus("OpCreate", CREATED)


def _op_create_with_origin(doors: Doors) -> Told:
    return doors.ggus("OpCreate", {**CREATED, "GHD_Origin_ID": f"t{doors.ticket}"})


def _modify(doors: Doors) -> Told:
    values = {
        "GHD_Request_ID": str(doors.ticket),
        "GHD_Public_Diary": "the fibre was cut",
        "GHD_Last_Modifier": "noc-demo (via test)",
        "GHD_Last_Login": "noc-demo",
    }
    return doors.ggus("TicketModify", values)


def _attach(doors: Doors) -> Told:
    values = {
        "GAT_Attachment_Name": "line.log",
        "GAT_Attachment_Data": LOG,
        "GAT_Attachment_Orig_Size": "22",
        "GAT_Request_ID": str(doors.ticket),
        "GAT_Last_Modifier": "noc-demo (via test)",
        "GAT_Last_Login": "noc-demo",
    }
    return doors.soap("GGUS_ATTACH", "AddAttachment", elements(values))


def _native(operation: str, inner: str) -> Callable[[Doors], Told]:
    """``TICKET`` in ``inner`` stands for the test's ticket."""
    return lambda doors: doors.soap("LHCOPN", operation, inner.replace("TICKET", str(doors.ticket)))


_TITLE = "<n:ticket><n:title>no light</n:title></n:ticket>"
_native_create = _native("CreateTicket", _TITLE)
_native_create_with_key = _native("CreateTicket", f"<n:requestKey>kTICKET</n:requestKey>{_TITLE}")
_native_comment = _native(
    "CommentTicket", "<n:number>TICKET</n:number><n:author>noc</n:author><n:text>cut</n:text>"
)
_native_attach = _native(
    "AddAttachment",
    f"<n:number>TICKET</n:number><n:name>a.log</n:name><n:content>{LOG}</n:content>",
)


def _comment(doors: Doors) -> Told:
    fields = {"kind": "public", "text": "the fibre was cut"}
    return doors.page(doors.operator.send(f"/tickets/{doors.ticket}/comment", fields))


def _upload(doors: Doors) -> Told:
    place = f"/tickets/{doors.ticket}/attachments"
    return doors.page(doors.operator.upload(place, {}, "line.log", b"loss of light"))


def _report_field(doors: Doors) -> Told:
    quarter = 4 * 2013 + doors.turn  # a report of this test alone
    fields = {"answer.issues": "one long outage", "seen.answer.issues": "0"}
    place = f"/reports/DE-KIT/{quarter // 4}-Q{quarter % 4 + 1}/fields/answer.issues"
    return doors.page(doors.reporter.send(place, fields, {"HX-Request": "true"}))


def _report_event(doors: Doors) -> Told:
    event = {
        "source": "nagios",
        "source_id": str(doors.ticket),
        "link": "CERN-GRIDKA-LHCOPN-001",
        "state": "down",
        "start": "2026-11-02T03:10:00Z",
    }
    return doors.page(doors.client.post("/api/v1/events", json=event, headers=doors.bearer))


_TICKETS = "SELECT count(*) FROM tickets"
_ENTRIES = "SELECT count(*) FROM changed_fields WHERE field = 'public_comment'"
_FILES = "SELECT count(*) FROM attachments"


@dataclass(frozen=True)
class Kind:
    """One kind of write: how it is sent, what counts what it stores, how often it is stored when
    it was sent twice, and words that tell the caller how to go on."""

    send: Callable[[Doors], Told]
    stored: str
    twice: int
    hint: str


KINDS = {
    "OpCreate with origin id": Kind(_op_create_with_origin, _TICKETS, 1, "origin id answers"),
    "OpCreate without origin id": Kind(_op_create, _TICKETS, 2, "(TicketGetList)"),
    "TicketModify": Kind(_modify, _ENTRIES, 1, "look"),
    "AddAttachment": Kind(_attach, _FILES, 1, "look"),
    "CreateTicket with key": Kind(_native_create_with_key, _TICKETS, 1, "request key answers"),
    "CreateTicket without key": Kind(_native_create, _TICKETS, 2, "(FindTickets)"),
    "CommentTicket": Kind(_native_comment, _ENTRIES, 1, "look"),
    "native AddAttachment": Kind(_native_attach, _FILES, 1, "look"),
    "comment on the page": Kind(_comment, _ENTRIES, 1, "Check"),
    "attachment on the page": Kind(_upload, _FILES, 1, "Check"),
    "report field": Kind(
        _report_field, "SELECT count(*) FROM report_fields WHERE name = 'answer.issues'", 1, "Check"
    ),
    "event by REST": Kind(_report_event, "SELECT count(*) FROM events", 1, "look"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def _is_unknown(told: Told, kind: Kind) -> None:
    assert told.status == 500, told.text
    assert OUTCOME in told.text
    assert kind.hint in told.text
    assert "othing was stored" not in told.text
    assert "tored nothing" not in told.text
    if told.answer.mimetype != "text/html":
        assert told.fault == "902"


def test_an_answer_to_commit_that_is_lost_is_told_as_unknown(doors: Doors, kind: Kind) -> None:
    """It is stored, and nobody can know: the caller is told so, and what a repeat does."""
    before = doors.count(kind.stored)
    doors.proxy.swallow()
    told = kind.send(doors)
    _is_unknown(told, kind)
    assert doors.count(kind.stored) == before + 1
    again = kind.send(doors)
    assert again.status in (200, 303), again.text
    assert doors.count(kind.stored) == before + kind.twice


def test_a_commit_that_did_not_arrive_is_told_as_unknown(doors: Doors, kind: Kind) -> None:
    """Nothing is stored; from here it looks the same."""
    before = doors.count(kind.stored)
    doors.proxy.cut()
    told = kind.send(doors)
    _is_unknown(told, kind)
    assert doors.count(kind.stored) == before
    assert kind.send(doors).status in (200, 303)
    assert doors.count(kind.stored) == before + 1


def test_a_database_that_goes_after_the_commit_costs_no_answer(doors: Doors, kind: Kind) -> None:
    """Nothing is read after it: who was confirmed is told so."""
    before = doors.count(kind.stored)
    doors.proxy.last()
    told = kind.send(doors)
    assert told.status in (200, 303), told.text
    assert not told.fault
    assert doors.count(kind.stored) == before + 1
