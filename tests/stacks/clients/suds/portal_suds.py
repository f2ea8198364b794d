"""The sequence by suds-community, by position where GGUS's partners call by position."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from suds import WebFault, null
from suds.client import Client

URL, LOGIN = os.environ["PORTAL_URL"], os.environ["PORTAL_LOGIN"]
STACK = "suds"
UNIT, SITE, AUTHOR = f"stack-{STACK}", f"STACK-{STACK}", f"NOC (via {STACK})"
TITLE = 'Zürich – 北京: loss & "delay" <2 %'
QUOTED = TITLE.replace('"', '""')
TEXT = "Größe: 40 µs\n第二行\n😀 & <b>"
BYTES = bytes(range(256))


@cache
def connected(service: str, password: str) -> Any:
    client = Client(f"{URL}/arsys/WSDL/public/ggus/{service}", cache=None)
    header = client.factory.create("s0:AuthenticationInfo")
    header.userName, header.password = LOGIN, password
    client.set_options(soapheaders=header)
    return client.service


def step(name: str, operation: str, call: Callable[[], object]) -> None:
    try:
        line = {"outcome": "ok", "seen": call()}
    except WebFault as fault:
        line = {"outcome": "fault", "seen": str(fault.fault.faultstring)}
    except Exception as error:  # noqa: BLE001  (whatever the stack stumbles over is the outcome)
        line = {"outcome": "error", "seen": repr(error)}
    print(json.dumps({"step": name, "operation": operation, **line}), flush=True)


def time_of(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text_of(row: Any, name: str) -> str | None:
    """A child's text; None if the answer has no such child."""
    return str(row[name]) if name in row else None


def rows_of(answer: Any, *names: str) -> dict[str, object]:
    shape = "list" if isinstance(answer, list) else "object"
    return {
        "shape": shape,
        "rows": [{name: text_of(row, name) for name in names} for row in answer],
    }


password = os.environ["PORTAL_PASSWORD"]
ggus = connected("GGUS", password)
known: dict[str, str] = {}


def attach() -> Any:
    return connected("GGUS_ATTACH", password)


def remember(key: str, answer: object) -> str:
    known[key] = str(answer)
    return known[key]


def create() -> Any:
    return ggus.OpCreate(
        "2016-09-15 10:00:00", TEXT, null(), None, "noc-demo", "NOC", "1", "urgent", UNIT, TITLE,
        "new", "Network", AUTHOR, LOGIN, STACK, None, SITE, "lhcb",
    )  # fmt: skip


def second() -> Any:
    return ggus.TicketCreate(
        "2016-09-15", "text", "noc-demo@example.org", "", "noc-demo", "noc-demo", "",
        "less urgent", UNIT, "second", "new", "Other", AUTHOR, LOGIN,
        STACK, "a@example.org;b@example.org", "", "", "", "", "",
    )  # fmt: skip


def get(number: str) -> dict[str, object]:
    got = ggus.TicketGet(number)
    names = (
        "GHD_Short_Description", "GHD_Description", "GHD_Status", "GHD_Priority",
        "GHD_Responsible_Unit", "GHD_Affected_Site", "GHD_Affected_VO", "GHD_Ticket_Type",
        "GHD_Origin_SG", "GHD_E-Mail", "GHD_Public_Diary",
    )  # fmt: skip
    return {
        **{name: text_of(got, name) for name in names},
        "GHD_Date_Of_Creation": time_of(got["GHD_Date_Of_Creation"]),
        "GHD_Date_Of_Change": time_of(got["GHD_Date_Of_Change"]),
    }


def modify(**values: object) -> str | None:
    least = {"GHD_Request_ID": known["first"], "GHD_Last_Modifier": AUTHOR}
    return str(ggus.TicketModify(**least, GHD_Last_Login=LOGIN, **values))


def hist() -> object:
    answer = connected("GGUS_HISTORY", password).OpGetTicketHist(known["first"], "", "")
    found = rows_of(answer, "GHD_Last_Modifier", "GHD_Status", "GHD_Priority")
    return {**found, "dates": [time_of(row["GHD_Creation_Date"]) for row in answer]}


def add() -> object:
    data = base64.b64encode(BYTES).decode()
    return remember(
        "attachment",
        attach().AddAttachment("bytes-ü.bin", data, len(BYTES), known["first"], AUTHOR, LOGIN),
    )


def pages() -> object:
    found: list[list[str]] = []
    while len(found) < 9:
        try:
            rows = ggus.TicketGetList(f"'GHD_Responsible Unit'=\"{UNIT}\"", 2 * len(found), 2)
        except WebFault as fault:
            return {"pages": found, "end": str(fault.fault.faultstring)}
        found.append([str(row["GHD_Request_ID"]) for row in rows])
    return {"pages": found, "end": None}


def whole() -> object:
    answer = attach().GetAttachments(known["first"])
    rows = rows_of(answer, "GAT_Attachment_ID", "GAT_Attachment_Orig_Size", "GAT_Attachment_Name")
    data = [base64.b64decode(row["GAT_Attachment_Data"]).hex() for row in answer]
    return {**rows, "hex": data}


def one() -> object:
    got = attach().GetOneAttachment(known["attachment"])
    return {
        "GAT_Request-ID": got["GAT_Request-ID"],
        "name": got["GAT_Attachment_attachmentName"],
        "size": str(got["GAT_Attachment_attachmentOrigSize"]),
        "hex": base64.b64decode(got["GAT_Attachment_attachmentData"]).hex(),
    }


def child() -> object:
    return ggus.OpCreateChild(
        GHD_Responsible_Unit=UNIT,
        GHD_Short_Description="child",
        GHD_Last_Modifier=AUTHOR,
        GHD_Last_Login=LOGIN,
        GHD_Parent_ID=known["first"],
        GHD_Parent_Child_Relation="Child",
    )


ROW = ("GHD_Request_ID", "GHD_Status", "GHD_Short_Description", "GHD_Affected_Site")
one_site = f"'GHD_Affected Site'=\"{SITE}\" AND 'GHD_Affected VO'=\"lhcb\""
by_title = (
    f"'GHD_Affected Site'=\"{SITE}\" AND      'GHD_Short Description'=\"{QUOTED}\""
    " AND 'GHD_Meta Status'=\"Open\""
)
of_units = (
    f"'GHD_Meta Status'!=\"Closed\" and ('GHD_Responsible Unit' = \"{UNIT}\""
    " or 'GHD_Responsible Unit' = \"B\" )"
)
step("create", "OpCreate", lambda: remember("first", create()))
step("repeat", "OpCreate", lambda: str(create()))
step("create 2", "TicketCreate", lambda: remember("second", second()))
step("get", "TicketGet", lambda: get(known["first"]))
step("get 2", "TicketGet", lambda: get(known["second"]))
step("list one", "TicketGetList", lambda: rows_of(ggus.TicketGetList(one_site), *ROW))
step(
    "list unit",
    "TicketGetList",
    lambda: rows_of(
        ggus.TicketGetList(GHD_Responsible_Unit=UNIT, GHD_Meta_Status="Open"), "GHD_Request_ID"
    ),
)
step("list title", "TicketGetList", lambda: rows_of(ggus.TicketGetList(by_title), ROW[0]))
step(
    "list all",
    "TicketGetList",
    lambda: rows_of(ggus.TicketGetList(Qualification=of_units, maxLimit="-1"), ROW[0]),
)
step(
    "list nothing",
    "TicketGetList",
    lambda: ggus.TicketGetList(f"{one_site} AND 'GHD_Date Of Creation'<2012-01-01"),
)
step(
    "diary",
    "TicketModify",
    lambda: modify(
        GHD_Status="in progress", GHD_Public_Diary="first\nentry: ü & <", GHD_Target_ID="479"
    ),
)
step("nil", "TicketModify", lambda: modify(GHD_Priority="very urgent", GHD_Public_Diary=null()))
step("absent", "TicketModify", lambda: modify(GHD_Detailed_Solution="repaired"))
step("get 3", "TicketGet", lambda: get(known["first"]))
step("history", "OpGetTicketHist", hist)
step("attach", "AddAttachment", add)
step(
    "attachment ids",
    "GetAttachIDs",
    lambda: rows_of(
        attach().GetAttachIDs(GAT_Request_ID=known["first"]),
        "GAT_Attachment-ID",
        "GAT_Attachment_attachmentName",
    ),
)
step("attachments", "GetAttachments", whole)
step("attachment", "GetOneAttachment", one)
step("child", "OpCreateChild", lambda: remember("child", child()))
step("pages", "TicketGetList", pages)
step("unknown", "TicketGet", lambda: get("999999999"))
step("none", "GetAttachIDs", lambda: attach().GetAttachIDs(GAT_Request_ID=known["second"]))
step("bad query", "TicketGetList", lambda: ggus.TicketGetList('GHD_Status\'="new"'))
ggus = connected("GGUS", password + "x")
step("wrong password", "TicketGet", lambda: get(known["first"]))
