"""The sequence by zeep, by keyword; its parser is strict, so an unknown child would break it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import zeep
from zeep.exceptions import Fault

URL, LOGIN = os.environ["PORTAL_URL"], os.environ["PORTAL_LOGIN"]
PASSWORD = os.environ["PORTAL_PASSWORD"]
STACK = "zeep"
UNIT, SITE, AUTHOR = f"stack-{STACK}", f"STACK-{STACK}", f"NOC (via {STACK})"
TITLE = 'Zürich – 北京: loss & "delay" <2 %'
QUOTED = TITLE.replace('"', '""')
TEXT = "Größe: 40 µs\n第二行\n😀 & <b>"
BYTES = bytes(range(256))


@cache
def connected(service: str) -> Any:
    return zeep.Client(f"{URL}/arsys/WSDL/public/ggus/{service}")  # type: ignore[no-untyped-call]


def call(service: str, operation: str, *, secret: str = PASSWORD, **values: Any) -> Any:
    header = {"AuthenticationInfo": {"userName": LOGIN, "password": secret}}
    return connected(service).service[operation](**values, _soapheaders=header)


def step(name: str, operation: str, work: Callable[[], object]) -> None:
    try:
        line = {"outcome": "ok", "seen": work()}
    except Fault as fault:
        line = {"outcome": "fault", "seen": fault.message}
    except Exception as error:  # noqa: BLE001  (whatever the stack stumbles over is the outcome)
        line = {"outcome": "error", "seen": repr(error)}
    print(json.dumps({"step": name, "operation": operation, **line}), flush=True)


def time_of(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rows_of(answer: Any, *names: str) -> dict[str, object]:
    shape = "list" if isinstance(answer, list) else "object"
    return {"shape": shape, "rows": [{name: row[name] for name in names} for row in answer]}


known: dict[str, str] = {}


def remember(key: str, answer: object) -> str:
    known[key] = str(answer)
    return known[key]


def create() -> Any:
    ticket: dict[str, Any] = {
        "GHD_Date_Time_Of_Problem": "2016-09-15 10:00:00",
        "GHD_Description": TEXT,
        "GHD_E-Mail": zeep.xsd.Nil,
        "GHD_Loginname": "noc-demo",
        "GHD_Name": "NOC",
        "GHD_Origin_ID": "1",
        "GHD_Priority": "urgent",
        "GHD_Responsible_Unit": UNIT,
        "GHD_Short_Description": TITLE,
        "GHD_Status": "new",
        "GHD_Type_Of_Problem": "Network",
        "GHD_Last_Modifier": AUTHOR,
        "GHD_Last_Login": LOGIN,
        "GHD_Origin_SG": STACK,
        "GHD_Affected_Site": SITE,
        "GHD_Affected_VO": "lhcb",
    }
    return call("GGUS", "OpCreate", **ticket)


def second() -> Any:
    return call(
        "GGUS",
        "TicketCreate",
        GHD_Submitter_Mail="noc-demo@example.org",
        GHD_Description="text",
        GHD_Responsible_Unit=UNIT,
        GHD_Short_Description="second",
        GHD_Last_Modifier=AUTHOR,
        GHD_Last_Login=LOGIN,
        GHD_Origin_ID="",
        GHD_Origin_SG=STACK,
    )


def get(number: str, secret: str = PASSWORD) -> dict[str, object]:
    got = call("GGUS", "TicketGet", secret=secret, GHD_Request_ID=number)
    names = (
        "GHD_Short_Description", "GHD_Description", "GHD_Status", "GHD_Priority",
        "GHD_Responsible_Unit", "GHD_Affected_Site", "GHD_Affected_VO", "GHD_Ticket_Type",
        "GHD_Origin_SG", "GHD_E-Mail", "GHD_Public_Diary",
    )  # fmt: skip
    return {
        **{name: got[name] for name in names},
        "GHD_Date_Of_Creation": time_of(got["GHD_Date_Of_Creation"]),
        "GHD_Date_Of_Change": time_of(got["GHD_Date_Of_Change"]),
    }


def modify(**values: Any) -> Any:
    return call(
        "GGUS",
        "TicketModify",
        GHD_Request_ID=known["first"],
        GHD_Last_Modifier=AUTHOR,
        GHD_Last_Login=LOGIN,
        **values,
    )


def listed(*names: str, **values: Any) -> object:
    return rows_of(call("GGUS", "TicketGetList", **values), *names)


def history() -> object:
    answer = call(
        "GGUS_HISTORY",
        "OpGetTicketHist",
        GHD_Request_ID=known["first"],
        startRecord="",
        maxLimit="",
    )
    found = rows_of(answer, "GHD_Last_Modifier", "GHD_Status", "GHD_Priority")
    return {**found, "dates": [time_of(row["GHD_Creation_Date"]) for row in answer]}


def add() -> object:
    answer = call(
        "GGUS_ATTACH",
        "AddAttachment",
        GAT_Attachment_Name="bytes-ü.bin",
        GAT_Attachment_Data=BYTES,
        GAT_Attachment_Orig_Size=len(BYTES),
        GAT_Request_ID=known["first"],
        GAT_Last_Modifier=AUTHOR,
        GAT_Last_Login=LOGIN,
    )
    return remember("attachment", answer)


def ids(number: str) -> object:
    answer = call("GGUS_ATTACH", "GetAttachIDs", GAT_Request_ID=number)
    return rows_of(answer, "GAT_Attachment-ID", "GAT_Attachment_attachmentName")


def whole() -> object:
    answer = call("GGUS_ATTACH", "GetAttachments", GAT_Request_ID=known["first"])
    rows = [
        {
            "GAT_Attachment_ID": row["GAT_Attachment_ID"],
            "GAT_Attachment_Orig_Size": str(row["GAT_Attachment_Orig_Size"]),
            "GAT_Attachment_Name": row["GAT_Attachment_Name"],
        }
        for row in answer
    ]
    return {
        "shape": "list",
        "rows": rows,
        "hex": _hex(row["GAT_Attachment_Data"] for row in answer),
    }


def _hex(contents: Iterable[bytes]) -> list[str]:
    return [content.hex() for content in contents]


def one() -> object:
    got = call("GGUS_ATTACH", "GetOneAttachment", GAT_Attachment_ID=known["attachment"])
    return {
        "GAT_Request-ID": got["GAT_Request-ID"],
        "name": got["GAT_Attachment_attachmentName"],
        "size": str(got["GAT_Attachment_attachmentOrigSize"]),
        "hex": got["GAT_Attachment_attachmentData"].hex(),
    }


def child() -> Any:
    return call(
        "GGUS",
        "OpCreateChild",
        GHD_Responsible_Unit=UNIT,
        GHD_Short_Description="child",
        GHD_Last_Modifier=AUTHOR,
        GHD_Last_Login=LOGIN,
        GHD_Parent_ID=known["first"],
        GHD_Parent_Child_Relation="Child",
    )


def pages() -> object:
    found: list[list[str]] = []
    while len(found) < 9:
        try:
            rows = call(
                "GGUS",
                "TicketGetList",
                Qualification=f"'GHD_Responsible Unit'=\"{UNIT}\"",
                startRecord=str(2 * len(found)),
                maxLimit="2",
            )
        except Fault as fault:
            return {"pages": found, "end": fault.message}
        found.append([row["GHD_Request_ID"] for row in rows])
    return {"pages": found, "end": None}


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
step("repeat", "OpCreate", create)
step("create 2", "TicketCreate", lambda: remember("second", second()))
step("get", "TicketGet", lambda: get(known["first"]))
step("get 2", "TicketGet", lambda: get(known["second"]))
step("list one", "TicketGetList", lambda: listed(*ROW, Qualification=one_site))
step(
    "list unit",
    "TicketGetList",
    lambda: listed("GHD_Request_ID", GHD_Responsible_Unit=UNIT, GHD_Meta_Status="Open"),
)
step("list title", "TicketGetList", lambda: listed(ROW[0], Qualification=by_title))
step("list all", "TicketGetList", lambda: listed(ROW[0], Qualification=of_units, maxLimit="-1"))
step(
    "list nothing",
    "TicketGetList",
    lambda: listed(Qualification=f"{one_site} AND 'GHD_Date Of Creation'<2012-01-01"),
)
step(
    "diary",
    "TicketModify",
    lambda: modify(
        GHD_Status="in progress", GHD_Public_Diary="first\nentry: ü & <", GHD_Target_ID="479"
    ),
)
step(
    "nil",
    "TicketModify",
    lambda: modify(GHD_Priority="very urgent", GHD_Public_Diary=zeep.xsd.Nil),
)
step("absent", "TicketModify", lambda: modify(GHD_Detailed_Solution="repaired"))
step("get 3", "TicketGet", lambda: get(known["first"]))
step("history", "OpGetTicketHist", history)
step("attach", "AddAttachment", add)
step("attachment ids", "GetAttachIDs", lambda: ids(known["first"]))
step("attachments", "GetAttachments", whole)
step("attachment", "GetOneAttachment", one)
step("child", "OpCreateChild", lambda: remember("child", child()))
step("pages", "TicketGetList", pages)
step("unknown", "TicketGet", lambda: get("999999999"))
step("none", "GetAttachIDs", lambda: ids(known["second"]))
step("bad query", "TicketGetList", lambda: listed(Qualification='GHD_Status\'="new"'))
step("wrong password", "TicketGet", lambda: get(known["first"], PASSWORD + "x"))
