"""Every cell of the permission table's SOAP parts, tried through the mounted door on both
databases."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app.accounts.services.partners import change_account, create_partner_account, find_account
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.web.extensions import db
from app.factory import create_app
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import comment_ticket, hand_to_partner, open_ticket
from app.tickets.services.relations import relate_tickets
from soap_service.application import mount
from soap_service.services import served
from tests.cast import PASSWORD, SYSTEM, Cast, enter, writer
from tests.harness.databases import open_engine
from tests.harness.server import test_settings
from tests.permissions import GGUS, NATIVE, Row
from tests.soap_service.native.test_nttdm import document
from tests.soap_service.wire import elements, envelope, in_order, login

SECRET_WORD = "only for operators, this"
LOGINS: Final = {
    "all": "ggus",
    "own": "nren_a",
    "handed": "nren_a",
    "other": "nren_a",
    "reads": "reads",
    "nobody": "ggus",
}
"""Who calls in a column."""
_CLAIMS: Final = {"GHD_Last_Modifier": "noc", "GHD_Last_Login": "noc"}
_CREATED: Final = {"GHD_Short_Description": "down", **_CLAIMS}
_FILE: Final = base64.b64encode(b"text").decode()
_QUERY: Final = {"Qualification": "'GHD_Request ID'={ticket}", "startRecord": "0", "maxLimit": "9"}
_AUTHOR: Final = "<n:author>noc</n:author>"
_NUMBER: Final = "<n:number>{ticket}</n:number>"
WRITES: Final = re.compile("Create|Modify|Update|Comment|Add|Relate|Unrelate|Acknowledge|Report")


def _modify(**values: str) -> str:
    return elements(in_order("TicketModify", {"GHD_Request_ID": "{ticket}", **_CLAIMS, **values}))


def _native_relation() -> str:
    return f"{_NUMBER}<n:role>related</n:role>"


INNER: Final = {
    "GGUS TicketCreate": elements(in_order("TicketCreate", _CREATED)),
    "GGUS OpCreate": elements(in_order("OpCreate", _CREATED)),
    "GGUS OpCreateChild": elements(
        {
            "GHD_Responsible_Unit": "TPM",
            **_CREATED,
            "GHD_Parent_ID": "{ticket}",
            "GHD_Parent_Child_Relation": "None",
        }
    ),
    "GGUS TicketModify": _modify(GHD_Short_Description="other"),
    "GGUS TicketModify move": _modify(GHD_Status="in progress"),
    "GGUS TicketModify comment": _modify(GHD_Public_Diary="x"),
    "GGUS TicketModify internal": _modify(GHD_Internal_Diary="x"),
    "GGUS OpModify": _modify(GHD_Short_Description="other"),
    "GGUS TicketGet": elements({"GHD_Request_ID": "{ticket}"}),
    "GGUS OpGet": elements({"GHD_Request_ID": "{ticket}"}),
    "GGUS TicketGetList": elements(_QUERY),
    "GGUS OpGetList": elements(_QUERY),
    "GGUS_HISTORY OpGetTicketHist": elements({"GHD_Request_ID": "{ticket}"}),
    "GGUS_ATTACH AddAttachment": elements(
        {
            "GAT_Attachment_Name": "a.txt",
            "GAT_Attachment_Data": _FILE,
            "GAT_Attachment_Orig_Size": "4",
            "GAT_Request_ID": "{ticket}",
            "GAT_Last_Modifier": "noc",
            "GAT_Last_Login": "noc",
        }
    ),
    "GGUS_ATTACH GetAttachIDs": elements({"GAT_Request_ID": "{ticket}"}),
    "GGUS_ATTACH GetAttachments": elements({"GAT_Request_ID": "{ticket}"}),
    "GGUS_ATTACH GetOneAttachment": elements({"GAT_Attachment_ID": "{attachment}"}),
    "LHCOPN CreateTicket": f"{_AUTHOR}<n:ticket><n:title>down</n:title></n:ticket>",
    "LHCOPN CreateTicketNttdm": f"{_AUTHOR}<n:nttdm>{escape(document(ORIGINAL_ID='of {ticket}'))}"
    "</n:nttdm>",
    "LHCOPN GetTicketNttdm": _NUMBER,
    "LHCOPN UpdateTicket": f"{_NUMBER}<n:version>{{version}}</n:version>{_AUTHOR}"
    "<n:change><n:title>other</n:title></n:change>",
    "LHCOPN CommentTicket": f"{_NUMBER}{_AUTHOR}<n:text>x</n:text>",
    "LHCOPN CommentTicket internal": f"{_NUMBER}{_AUTHOR}<n:text>x</n:text>"
    "<n:internal>true</n:internal>",
    "LHCOPN GetTicket": _NUMBER,
    "LHCOPN GetHistory": _NUMBER,
    "LHCOPN FindTickets": "<n:afterNumber>{before}</n:afterNumber><n:limit>1</n:limit>",
    "LHCOPN ListChanges": "<n:cursor>{cursor}</n:cursor>",
    "LHCOPN AddAttachment": f"{_NUMBER}{_AUTHOR}<n:name>a</n:name><n:content>{_FILE}</n:content>",
    "LHCOPN GetAttachment": "<n:id>{attachment}</n:id>",
    "LHCOPN RelateTickets": f"{_native_relation()}<n:other>{{other}}</n:other>{_AUTHOR}",
    "LHCOPN UnrelateTickets": f"{_native_relation()}<n:other>{{related}}</n:other>{_AUTHOR}",
    "LHCOPN AcknowledgeChange": f"{_NUMBER}{_AUTHOR}<n:site>DE-KIT</n:site>"
    "<n:accepted>true</n:accepted>",
    "LHCOPN AcknowledgeChange another": f"{_NUMBER}{_AUTHOR}<n:site>ES-PIC</n:site>"
    "<n:accepted>true</n:accepted>",
    "LHCOPN ListSites": "",
    "LHCOPN ListLinks": "",
    "LHCOPN GetAccount": "",
    "LHCOPN ReportEvents": "<n:events><n:source>of {ticket}</n:source><n:sourceId>a</n:sourceId>"
    "<n:site>DE-KIT</n:site><n:state>down</n:state><n:start>2013-03-06T10:00:00Z</n:start>"
    "</n:events>",
}
"""The body of each row; names in braces are what the cell works on."""


@dataclass
class World:
    """The mounted door with the cast's accounts, all of which answer for DE-KIT."""

    client: Client
    session: Session
    cast: Cast

    def changes(self) -> int:
        """The newest change's id, which is how many there are."""
        self.session.rollback()
        newest = self.session.scalar(select(func.max(Change.id))) or 0
        self.session.rollback()
        return newest

    def seed(self, column: str) -> dict[str, Any]:
        """A ticket of the column with an internal entry, and what else a row may name."""
        cursor = self.changes()
        own, other = self.cast.nren_a, self.cast.operator
        by = writer(own if column == "own" else other)
        with transaction(self.session):
            content = NewTicket(title="down", category="change", sites=("DE-KIT", "ES-PIC"))
            number, other_number, related = (
                open_ticket(self.session, by, content).number for _ in range(3)
            )
            operator = writer(self.cast.operator)
            for one in (number, other_number, related) if column == "handed" else ():
                hand_to_partner(self.session, operator, one, "NREN-A")
            relate_tickets(self.session, operator, number, RelationRole.RELATED, related)
            attachment = add_attachment(self.session, operator, number, "a.txt", b"text")
            ticket = comment_ticket(self.session, operator, number, SECRET_WORD, internal=True)
            return {
                "ticket": number,
                "other": other_number,
                "related": related,
                "attachment": f"ATT{attachment.id}",
                "version": ticket.version,
                "before": number - 1,
                "cursor": cursor,
            }


@pytest.fixture(scope="module")
def world(module_database: str) -> Iterator[World]:
    app = create_app(replace(test_settings(module_database), same_calls_per_minute=0))
    app.config["TESTING"] = True
    engine = open_engine(module_database)
    with Session(engine) as session:
        cast = enter(session)
        with transaction(session):
            create_partner_account(
                session, SYSTEM, "READS", "reads", PASSWORD, access="all", read_only=True
            )
            for name in ("ggus", "nren_a", "reads"):
                account = find_account(session, name)
                change_account(
                    session,
                    SYSTEM,
                    account,
                    access=account.access,
                    read_only=account.read_only,
                    internal=account.internal,
                    contract_year=account.contract_year,
                    sites=("DE-KIT",),
                )
        mounted = mount(app)
        yield World(Client(mounted), session, cast)
        mounted.close()
    engine.dispose()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _told(world: World, row: Row, column: str) -> str:
    service, operation, *word = row.how.split(" ")
    things = world.seed(column)
    template = INNER.get(row.how) or INNER[f"{service} {operation}"]
    # a name of its own for each row: too many wrong ones of one name are another fault
    name = f"nobody {row.how}" if column == "nobody" else LOGINS[column]
    header = login(name, "wrong" if column == "nobody" else PASSWORD)
    before = world.changes()
    answer = world.client.post(
        f"/soap/{service}",
        data=envelope(operation, template.format_map(things), header=header, service=service),
        content_type="text/xml; charset=utf-8",
    )
    text = answer.get_data(as_text=True)
    written = world.changes() - before
    fault = re.search(r"<faultstring>ERROR \((\d+)\)", text)
    if fault is not None:
        assert answer.status_code == 500
        assert written == 0, "refused, and written all the same"
        return fault[1]
    assert answer.status_code == 200, text
    if word == ["internal"] and not WRITES.match(
        operation.removeprefix("Op").removeprefix("Ticket")
    ):
        return "yes" if SECRET_WORD in text else "no"
    if operation in ("FindTickets", "ListChanges"):
        return "yes" if f"number>{things['ticket']}</" in text else "no"
    assert (written > 0) is bool(WRITES.search(operation)), written
    return "yes"


@pytest.mark.parametrize("row", [*GGUS.rows, *NATIVE.rows], ids=lambda row: row.how)
def test_every_cell_of_the_services(world: World, row: Row) -> None:
    assert {column: _told(world, row, column) for column in row.cells} == row.cells


def test_every_operation_is_in_a_row(app: Flask) -> None:
    known = {
        f"{name} {operation}"
        for name, service in served(0).items()
        for operation in re.findall(
            r'operation name="(\w+)"', service.wsdl("https://portal.example/x").decode()
        )
    }
    assert known == {" ".join(row.how.split(" ")[:2]) for row in [*GGUS.rows, *NATIVE.rows]}
