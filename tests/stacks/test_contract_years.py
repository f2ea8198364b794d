"""Clients compiled against the contract of 2012, 2013 or 2016 read every answer.

Compiled stubs read children in the order of their schema and refuse whatever they do not know. This
reader is as strict; the children of each year are written here by hand, none is taken from the
portal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from app.accounts.services.partners import create_partner_account
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.tickets.services.lifecycle import change_ticket
from tests.cast import enter
from tests.soap_service.wire import PASSWORD, Sent, Wire, in_order
from tests.stacks.table import recorded

YEARS = (2012, 2013, 2016)

# one child a line: ! always there, @ a dateTime, ? a dateTime that may be missing
GET_2012 = """
GHD_Description GHD_Experiment_Specific_Problem GHD_Internal_Diary GHD_Last_Modifier GHD_Priority!
GHD_Request_ID! GHD_Responsible_Unit GHD_Short_Description! GHD_Detailed_Solution GHD_Status!
GHD_Type_Of_Problem! GHD_Public_Diary GHD_Affected_Site GHD_Affected_VO GHD_Product_Name
GHD_Product_Version GHD_Date_Of_Change@ GHD_Date_Of_Creation@ GHD_E-Mail GHD_Loginname GHD_Name
GHD_Phone GHD_Ticket_Type! GHD_Origin_SG
"""
GET = {
    2012: GET_2012,
    2013: GET_2012 + "GHD_ETA?",
    2016: GET_2012 + "GHD_ETA? GHD_Related_Issue",
}
ROW_2012 = """
GHD_Request_ID! GHD_Name GHD_E-Mail GHD_Loginname GHD_Priority! GHD_Detailed_Solution
GHD_Short_Description! GHD_Type_Of_Problem! GHD_Status! GHD_Responsible_Unit GHD_VO_Specific
GHD_Description GHD_Last_Modifier! GHD_Affected_Site GHD_Public_Diary GHD_Affected_VO!
GHD_Ticket_Type GHD_Product_Name GHD_Product_Version GHD_Create_Date? GHD_Modified_Date?
GHD_Internal_Diary GHD_Origin_SG
"""
ROW = {
    2012: ROW_2012,
    2013: ROW_2012 + "GHD_ETA?",
    2016: ROW_2012 + "GHD_ETA? GHD_Related_Issue",
}
HISTORY = """
GHD_Creation_Date@ GHD_Responsible_Unit GHD_Status GHD_Last_Modifier! GHD_Priority
GHD_Detailed_Solution GHD_Assigned_To GHD_Diary_Of_Steps GHD_Description GHD_Internal_Diary
GHD_Involve GHD_Type_Of_Problem GHD_VO GHD_VO_Specific GHD_Related_Issue GHD_Remind_On?
GHD_Public_Diary GHD_Affected_Site GHD_Affected_VO
"""
ATTACHMENT_IDS = """
GAT_Attachment-ID! GAT_Create_Date? GAT_Last_Modifier GAT_Origin_SG GAT_Attachment_attachmentName
"""
ATTACHMENTS = """
GAT_Last_Modifier GAT_Attachment_ID GAT_Attachment_Orig_Size GAT_Attachment_Data GAT_Attachment_Name
"""
ATTACHMENT = """
GAT_Create_Date? GAT_Request-ID GAT_Origin_SG GAT_Attachment_attachmentName
GAT_Attachment_attachmentData GAT_Attachment_attachmentOrigSize
"""
ALLOWED = {
    "GHD_Priority": {"less urgent", "urgent", "very urgent", "top priority", "normal"},
    "GHD_Ticket_Type": {"USER", "LHCOPN", "TEAM", "ALARM", "OPS", "SAVANNAH", "SECURITY"},
    "GHD_VO_Specific": {"Yes", "No"},
    "GHD_Experiment_Specific_Problem": {"Yes", "No"},
}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class UnexpectedSubelement(Exception):
    """What a compiled parser raises."""


def read_strictly(parent: etree._Element, schema: str, namespace: str) -> Mapping[str, str]:
    """Read the children as a compiled parser does: in the schema's order, and nothing else."""
    rest: Sequence[etree._Element] = list(parent)
    found: dict[str, str] = {}
    for written in schema.split():
        name, mark = (written[:-1], written[-1]) if written[-1] in "!@?" else (written, "")
        if rest and rest[0].tag == f"{{{namespace}}}{name}":
            text = rest[0].text or ""
            assert not len(rest[0])
            assert mark not in ("@", "?") or _DATE.fullmatch(text), name
            assert name not in ALLOWED or text in ALLOWED[name], name
            found[name] = text
            rest = rest[1:]
        elif mark in ("!", "@"):
            raise UnexpectedSubelement(f"{name} is missing")
    if rest:
        raise UnexpectedSubelement(str(rest[0].tag))
    return found


class Pinned:
    """A client of one year."""

    def __init__(self, wire: Wire, year: int) -> None:
        self.wire, self.year = wire, year
        self.user = f"pinned-{year}"

    def ask(self, operation: str, values: Sent, service: str = "GGUS") -> etree._Element:
        answer = self.wire.call(operation, values, user=self.user, service=service)
        content = answer.content
        assert content.tag == f"{{urn:{service}}}{operation}Response"
        assert not content.attrib
        return content

    def rows(
        self, operation: str, values: Sent, schema: str, service: str = "GGUS"
    ) -> list[Mapping[str, str]]:
        content = self.ask(operation, values, service)
        assert {row.tag for row in content} == {f"{{urn:{service}}}getListValues"}
        return [read_strictly(row, schema, f"urn:{service}") for row in content]


@pytest.fixture(scope="module")
def ticket(sqlite_wire: Wire) -> str:
    """A ticket with a value in every field that a year may lack, and an account of each year."""
    number = sqlite_wire.create(
        {
            "GHD_Description": "text",
            "GHD_E-Mail": "noc@example.org",
            "GHD_Loginname": "noc",
            "GHD_Name": "NOC",
            "GHD_Phone": "1",
            "GHD_Origin_ID": "4711",
            "GHD_Origin_SG": "OPN",
            "GHD_Affected_Site": "CERN-PROD",
            "GHD_Affected_VO": "lhcb",
            "GHD_Related_Issue": "https://example.org/1",
            "GHD_Public_Diary": "public",
            "GHD_Internal_Diary": "internal",
            "GHD_Experiment_Specific_Problem": "Yes",
        }
    )
    now = datetime.now(UTC)
    by = Writer(SYSTEM, Door.COMMAND, now)
    with sqlite_wire.server.session() as session:
        cast = enter(session)
        with transaction(session):
            operator = Writer(cast.operator, Door.PORTAL, now)
            eta = {"estimated_end": now + timedelta(days=1), "solution": "soon"}
            change_ticket(session, operator, int(number), eta)
            for year in YEARS:
                create_partner_account(
                    session,
                    by,
                    "OPN",
                    f"pinned-{year}",
                    PASSWORD,
                    access="all",
                    internal=True,
                    contract_year=year,
                )
    return number


@pytest.fixture(params=YEARS)
def pinned(request: pytest.FixtureRequest, sqlite_wire: Wire, ticket: str) -> Pinned:
    return Pinned(sqlite_wire, request.param)


def test_ticket(pinned: Pinned, ticket: str) -> None:
    with recorded(f"stubs {pinned.year}", "TicketGet"):
        content = pinned.ask("TicketGet", {"GHD_Request_ID": ticket})
        got = read_strictly(content, GET[pinned.year], "urn:GGUS")
        assert ("GHD_ETA" in got) == (pinned.year >= 2013)
        assert ("GHD_Related_Issue" in got) == (pinned.year >= 2016)
        everywhere = set(re.findall(r"[\w-]+", GET_2012))
        # middleware products are not ours, so they are never answered
        assert everywhere - {"GHD_Product_Name", "GHD_Product_Version"} <= got.keys()


def test_list(pinned: Pinned, ticket: str) -> None:
    with recorded(f"stubs {pinned.year}", "TicketGetList"):
        query = {"Qualification": f"'GHD_Request ID'=\"{ticket}\""}
        (row,) = pinned.rows("TicketGetList", query, ROW[pinned.year])
        assert row["GHD_Request_ID"] == ticket
        assert ("GHD_ETA" in row) == (pinned.year >= 2013)
        assert ("GHD_Related_Issue" in row) == (pinned.year >= 2016)


def test_creation_change_and_history(pinned: Pinned) -> None:
    """With the elements that each year's requests had."""
    with recorded(f"stubs {pinned.year}", "OpCreate"):
        values = {
            "GHD_Description": "text",
            "GHD_Short_Description": f"compiled in {pinned.year}",
            "GHD_Responsible_Unit": "TPM",
            "GHD_Last_Modifier": "NOC (via stubs)",
            "GHD_Last_Login": "stubs",
        }
        if pinned.year >= 2013:
            values["GHD_Public_Diary"] = "public"
        content = pinned.ask("OpCreate", in_order("OpCreate", values))
        number = read_strictly(content, "GHD_Request_ID!", "urn:GGUS")["GHD_Request_ID"]
    with recorded(f"stubs {pinned.year}", "TicketModify"):
        change = {
            "GHD_Priority": "urgent",
            "GHD_Status": "in progress",
            "GHD_Request_ID": number,
            "GHD_Last_Modifier": "NOC (via stubs)",
            "GHD_Last_Login": "stubs",
            "GHD_Public_Diary": "seen",
            "GHD_Affected_Site": "CERN-PROD",
        }
        content = pinned.ask("TicketModify", change)
        assert read_strictly(content, "GHD_Request_ID", "urn:GGUS")["GHD_Request_ID"] == number
    with recorded(f"stubs {pinned.year}", "OpGetTicketHist"):
        paging = {"GHD_Request_ID": number, "startRecord": "", "maxLimit": ""}
        rows = pinned.rows("OpGetTicketHist", paging, HISTORY, "GGUS_HISTORY")
        assert [row["GHD_Status"] for row in rows] == ["new", "in progress"]
    if pinned.year >= 2016:
        with recorded(f"stubs {pinned.year}", "TicketCreate"):
            content = pinned.ask("TicketCreate", in_order("OpCreate", values))
            assert read_strictly(content, "GHD_Request-ID!", "urn:GGUS")


def test_child(pinned: Pinned, ticket: str) -> None:
    with recorded(f"stubs {pinned.year}", "OpCreateChild"):
        values = {
            "GHD_Responsible_Unit": "TPM",
            "GHD_Short_Description": "child",
            "GHD_Last_Modifier": "NOC (via stubs)",
            "GHD_Last_Login": "stubs",
            "GHD_Parent_ID": ticket,
            "GHD_Parent_Child_Relation": "Child",
        }
        content = pinned.ask("OpCreateChild", values)
        assert read_strictly(content, "GHD_Request_ID!", "urn:GGUS")["GHD_Request_ID"] != ticket


def test_attachments(pinned: Pinned, ticket: str) -> None:
    service, wanted = "GGUS_ATTACH", {"GAT_Request_ID": ticket}
    with recorded(f"stubs {pinned.year}", "AddAttachment"):
        file = {
            "GAT_Attachment_Name": f"{pinned.year}.txt",
            "GAT_Attachment_Data": "dGVzdA==",
            "GAT_Attachment_Orig_Size": "4",
            **wanted,
            "GAT_Last_Modifier": "NOC (via stubs)",
            "GAT_Last_Login": "stubs",
        }
        content = pinned.ask("AddAttachment", file, service)
        added = read_strictly(content, "GAT_Attachment_ID!", "urn:GGUS_ATTACH")
        found = added["GAT_Attachment_ID"]
    with recorded(f"stubs {pinned.year}", "GetAttachIDs"):
        rows = pinned.rows("GetAttachIDs", wanted, ATTACHMENT_IDS, service)
        assert found in [row["GAT_Attachment-ID"] for row in rows]
    with recorded(f"stubs {pinned.year}", "GetAttachments"):
        rows = pinned.rows("GetAttachments", wanted, ATTACHMENTS, service)
        assert {row["GAT_Attachment_Data"] for row in rows} == {"dGVzdA=="}
    with recorded(f"stubs {pinned.year}", "GetOneAttachment"):
        content = pinned.ask("GetOneAttachment", {"GAT_Attachment_ID": found}, service)
        one = read_strictly(content, ATTACHMENT, "urn:GGUS_ATTACH")
        assert one["GAT_Request-ID"] == ticket


def test_the_reader_notices_a_later_field(sqlite_wire: Wire, ticket: str) -> None:
    newest = Pinned(sqlite_wire, 2016)
    content = newest.ask("TicketGet", {"GHD_Request_ID": ticket})
    for year in (2012, 2013):
        with pytest.raises(UnexpectedSubelement):
            read_strictly(content, GET[year], "urn:GGUS")
    content[0], content[1] = content[1], content[0]
    with pytest.raises(UnexpectedSubelement):
        read_strictly(content, GET[2016], "urn:GGUS")
