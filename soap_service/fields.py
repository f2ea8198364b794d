"""The GGUS contract as one table: every element, its messages and places, and how it is written.

The Spyne types and the WSDL are both made from here, and nothing else knows element names. The
positions, occurrence and nillability are those that GGUS's own WSDL had in September 2016;
``InputMapping6`` and the ticket categories are the union with the WSDL of 2013, so that clients of
either year are served. It must not know Spyne, XML or the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class WireType(Enum):
    """How a value is written on the wire; the value is the name of the XML Schema type."""

    STRING = "string"
    DATE_TIME = "dateTime"
    INT = "int"
    BASE64 = "base64Binary"
    YES_NO = "GHD_Experiment_Specific_ProblemType"
    PRIORITY = "GHD_PriorityType"
    TICKET_TYPE = "GHD_Ticket_TypeType"
    CATEGORY = "GHD_Ticket_CategoryType"
    VO_SPECIFIC = "GHD_VO_SpecificType"
    RELATION = "GHD_Parent_Child_RelationType"


ENUMERATIONS: Final[Mapping[WireType, tuple[str, ...]]] = MappingProxyType(
    {
        WireType.YES_NO: ("Yes", "No"),
        WireType.PRIORITY: ("less urgent", "urgent", "very urgent", "top priority", "normal"),
        WireType.TICKET_TYPE: ("USER", "LHCOPN", "TEAM", "ALARM", "OPS", "SAVANNAH", "SECURITY"),
        WireType.CATEGORY: (
            "Incident",
            "Incident L2",
            "Incident L3",
            "Change Request",
            "Documentation",
            "Maintenance",
            "Maintenance L2",
            "Maintenance L3",
            "Informational",
            "Test",
            "Spam",
        ),
        WireType.VO_SPECIFIC: ("No", "Yes"),
        WireType.RELATION: ("None", "Parent", "Child"),
    }
)


@dataclass(frozen=True, slots=True)
class Element:
    """One child element of a message or a row, at its place in the sequence."""

    name: str
    kind: WireType = WireType.STRING
    required: bool = False
    nillable: bool = False
    default: str | None = None
    since: int = 2012
    """The contract year in which this *response* element first existed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A named complex type: its children in order, or rows of them."""

    type_name: str
    elements: tuple[Element, ...]
    rows: bool = False
    """The elements are those of each ``getListValues`` instead of the message's own."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Names of elements on the wire are ``name`` and ``nameResponse``."""

    name: str
    request: Message
    response: Message


@dataclass(frozen=True, slots=True)
class Service:
    """One web service; its target namespace is ``urn:`` and its name."""

    name: str
    operations: tuple[Operation, ...]

    @property
    def namespace(self) -> str:
        """The target namespace of its WSDL and of all its elements."""
        return f"urn:{self.name}"

    def operation(self, name: str) -> Operation | None:
        """The operation of this name, or None."""
        return next((item for item in self.operations if item.name == name), None)

    def action(self, operation: Operation) -> str:
        """The SOAPAction of one of its operations."""
        return f"{self.namespace}/{operation.name}"


ROW: Final = "getListValues"

# Each line: element, kind, then for each message its position and flags (R required, n nillable).
_MESSAGES: Final = (
    "InputMapping4",
    "InputMapping7",
    "SetInputMap",
    "GetOutputMap",
    "OutputMapping6",
    "CreateInputMap2",
)
_S = WireType.STRING
_TABLE: Final[tuple[tuple[str, WireType, str, str, str, str, str, str], ...]] = (
    # element              kind              OpCreate TicketCr Modify   Get    list row  child
    ("GHD_Description", _S, "2n", "2n", "", "1n", "12", "2n"),
    ("GHD_Experiment_Specific_Problem", WireType.YES_NO, "22", "22", "2", "2", "", ""),
    ("GHD_Internal_Diary", _S, "4n", "4n", "3n", "3n", "22", "4n"),
    ("GHD_Last_Modifier", _S, "13R", "13R", "10R", "4n", "13R", "13R"),
    ("GHD_Priority", WireType.PRIORITY, "8", "8", "4", "5R", "5R", "8"),
    ("GHD_Request_ID", _S, "", "", "9R", "6R", "1R", ""),
    ("GHD_Responsible_Unit", _S, "9", "9", "5", "7n", "10", "9R"),
    ("GHD_Short_Description", _S, "10R", "10R", "15", "8R", "7R", "10R"),
    ("GHD_Detailed_Solution", _S, "", "", "6n", "9n", "6", ""),
    ("GHD_Status", _S, "11", "11", "7", "10R", "9R", "11"),
    ("GHD_Type_Of_Problem", _S, "12", "12", "8", "11R", "8R", "12"),
    ("GHD_Public_Diary", _S, "21n", "21n", "12n", "12n", "15", ""),
    ("GHD_Affected_Site", _S, "17n", "17n", "13n", "13n", "14", "15n"),
    ("GHD_Affected_VO", _S, "18", "18", "14", "14n", "16R", "16"),
    ("GHD_Product_Name", _S, "", "", "", "15n", "18n", ""),
    ("GHD_Product_Version", _S, "", "", "", "16n", "19n", ""),
    ("GHD_Date_Of_Change", WireType.DATE_TIME, "", "", "", "17n", "", ""),
    ("GHD_Date_Of_Creation", WireType.DATE_TIME, "", "", "", "18n", "", ""),
    ("GHD_E-Mail", _S, "3n", "", "", "19n", "3", "3n"),
    ("GHD_Loginname", _S, "5n", "5n", "", "20n", "4", "5n"),
    ("GHD_Name", _S, "6", "6", "", "21n", "2", "6"),
    ("GHD_Phone", _S, "19n", "19n", "", "22n", "", "7n"),
    ("GHD_Ticket_Type", WireType.TICKET_TYPE, "", "", "", "23R", "17", ""),
    ("GHD_Origin_SG", _S, "15n", "15n", "", "24n", "23", ""),
    ("GHD_ETA", WireType.DATE_TIME, "", "", "", "25", "24", ""),
    ("GHD_Related_Issue", _S, "20n", "20n", "19n", "26", "25", ""),
    ("GHD_VO_Specific", WireType.YES_NO, "", "", "", "", "11", ""),
    ("GHD_Create_Date", WireType.DATE_TIME, "", "", "", "", "20n", ""),
    ("GHD_Modified_Date", WireType.DATE_TIME, "", "", "", "", "21n", ""),
    ("GHD_Date_Time_Of_Problem", _S, "1", "1", "", "", "", "1"),
    ("GHD_Origin_ID", _S, "7n", "7n", "", "", "", ""),
    ("GHD_Last_Login", _S, "14R", "14R", "11R", "", "", "14R"),
    ("GHD_CarbonCopy", _S, "16n", "16n", "", "", "", ""),
    ("GHD_Submitter_Mail", _S, "", "3n", "", "", "", ""),
    ("GHD_Assign_To", _S, "", "", "1n", "", "", ""),
    ("GHD_Ticket_Category", WireType.CATEGORY, "", "", "16", "", "", ""),
    ("GHD_Target_ID", _S, "", "", "17n", "", "", ""),
    ("GHD_Incident_ID", _S, "", "", "18n", "", "", ""),
    ("GHD_Parent_ID", _S, "", "", "", "", "", "17R"),
    ("GHD_Parent_Child_Relation", WireType.RELATION, "", "", "", "", "", "18R"),
)

_DEFAULTS: Final = {
    "GHD_Priority": "less urgent",
    "GHD_Experiment_Specific_Problem": "No",
    "GHD_VO_Specific": "No",
    "GHD_Ticket_Type": "USER",
}
"""Defaults that GGUS's field glossary names. They are in creation requests and in no other
message: in TicketModify a default would look like a wish to change."""

_SINCE: Final = {"GHD_ETA": 2013, "GHD_Related_Issue": 2016}


def _message(type_name: str, *, rows: bool = False) -> Message:
    column = _MESSAGES.index(type_name)
    placed: dict[int, Element] = {}
    for name, kind, *cells in _TABLE:
        cell = cells[column]
        if not cell:
            continue
        creation = type_name in ("InputMapping4", "InputMapping7", "CreateInputMap2")
        placed[int(cell.rstrip("Rn"))] = Element(
            name,
            kind,
            required=cell.endswith("R"),
            nillable=cell.endswith("n"),
            default=_DEFAULTS.get(name) if creation else None,
            since=_SINCE.get(name, 2012)
            if type_name in ("GetOutputMap", "OutputMapping6")
            else 2012,
        )
    return Message(type_name, tuple(placed[position] for position in sorted(placed)), rows=rows)


def _paging(limit: str) -> tuple[Element, Element]:
    return Element("startRecord", default="0"), Element("maxLimit", default=limit)


_REQUEST_ID: Final = Element("GHD_Request_ID", required=True)

_CREATE: Final = Operation(
    "OpCreate", _message("InputMapping4"), Message("OutputMapping4", (_REQUEST_ID,))
)
_TICKET_CREATE: Final = Operation(
    "TicketCreate",
    _message("InputMapping7"),
    Message("OutputMapping7", (Element("GHD_Request-ID", required=True),)),
)
_CREATE_CHILD: Final = Operation(
    "OpCreateChild", _message("CreateInputMap2"), Message("CreateOutputMap2", (_REQUEST_ID,))
)
MODIFY: Final = Operation(
    "TicketModify",
    _message("SetInputMap"),
    Message("SetOutputMap", (Element("GHD_Request_ID"),)),
)
_GET: Final = Operation(
    "TicketGet",
    Message("GetInputMap", (_REQUEST_ID, *_paging("1"))),
    _message("GetOutputMap"),
)
_GET_LIST: Final = Operation(
    "TicketGetList",
    Message(
        "InputMapping6",
        (
            # First, so that clients which pass the query by position are understood.
            Element("Qualification"),
            *_paging("500"),
            Element("GHD_Responsible_Unit"),
            Element("GHD_Meta_Status"),
            Element("GHD_Status"),
        ),
    ),
    _message("OutputMapping6", rows=True),
)

GGUS: Final = Service(
    "GGUS",
    (
        _CREATE,
        _TICKET_CREATE,
        _CREATE_CHILD,
        MODIFY,
        _GET,
        _GET_LIST,
        Operation("OpModify", MODIFY.request, MODIFY.response),
        Operation("OpGet", _GET.request, _GET.response),
        Operation("OpGetList", _GET_LIST.request, _GET_LIST.response),
    ),
)

GGUS_HISTORY: Final = Service(
    "GGUS_HISTORY",
    (
        Operation(
            "OpGetTicketHist",
            Message("InputMapping3", (_REQUEST_ID, *_paging("1000"))),
            Message(
                "OutputMapping3",
                (
                    Element("GHD_Creation_Date", WireType.DATE_TIME),
                    Element("GHD_Responsible_Unit"),
                    Element("GHD_Status"),
                    Element("GHD_Last_Modifier"),
                    Element("GHD_Priority"),
                    Element("GHD_Detailed_Solution"),
                    Element("GHD_Assigned_To"),
                    Element("GHD_Diary_Of_Steps"),
                    Element("GHD_Description"),
                    Element("GHD_Internal_Diary"),
                    Element("GHD_Involve"),
                    Element("GHD_Type_Of_Problem"),
                    Element("GHD_VO"),
                    Element("GHD_VO_Specific", WireType.VO_SPECIFIC),
                    Element("GHD_Related_Issue"),
                    Element("GHD_Remind_On", WireType.DATE_TIME),
                    Element("GHD_Public_Diary"),
                    Element("GHD_Affected_Site"),
                    Element("GHD_Affected_VO"),
                ),
                rows=True,
            ),
        ),
    ),
)

_TICKET_OF_ATTACHMENT: Final = Element("GAT_Request_ID", required=True)
_ATTACHMENT_ID: Final = Element("GAT_Attachment_ID", required=True)

GGUS_ATTACH: Final = Service(
    "GGUS_ATTACH",
    (
        Operation(
            "AddAttachment",
            Message(
                "CreateInputMap",
                (
                    Element("GAT_Attachment_Name", required=True),
                    Element("GAT_Attachment_Data", WireType.BASE64, required=True),
                    Element("GAT_Attachment_Orig_Size", WireType.INT, required=True),
                    _TICKET_OF_ATTACHMENT,
                    Element("GAT_Last_Modifier", required=True),
                    Element("GAT_Last_Login", required=True),
                ),
            ),
            Message("CreateOutputMap", (_ATTACHMENT_ID,)),
        ),
        Operation(
            "GetAttachIDs",
            Message("InputMapping2", (*_paging("50"), _TICKET_OF_ATTACHMENT)),
            Message(
                "OutputMapping2",
                (
                    Element("GAT_Attachment-ID", required=True),
                    Element("GAT_Create_Date", WireType.DATE_TIME),
                    Element("GAT_Last_Modifier"),
                    Element("GAT_Origin_SG"),
                    Element("GAT_Attachment_attachmentName"),
                ),
                rows=True,
            ),
        ),
        Operation(
            "GetAttachments",
            Message("GetListInputMap", (_TICKET_OF_ATTACHMENT, *_paging("50"))),
            Message(
                "GetListOutputMap",
                (
                    Element("GAT_Last_Modifier"),
                    Element("GAT_Attachment_ID"),
                    Element("GAT_Attachment_Orig_Size", WireType.INT),
                    Element("GAT_Attachment_Data", WireType.BASE64),
                    Element("GAT_Attachment_Name"),
                ),
                rows=True,
            ),
        ),
        Operation(
            "GetOneAttachment",
            Message("InputMapping3", (_ATTACHMENT_ID,)),
            Message(
                "OutputMapping3",
                (
                    Element("GAT_Create_Date", WireType.DATE_TIME),
                    Element("GAT_Request-ID"),
                    Element("GAT_Origin_SG"),
                    Element("GAT_Attachment_attachmentName"),
                    Element("GAT_Attachment_attachmentData", WireType.BASE64),
                    Element("GAT_Attachment_attachmentOrigSize", WireType.INT),
                ),
            ),
        ),
    ),
)

SERVICES: Final[Mapping[str, Service]] = MappingProxyType(
    {service.name: service for service in (GGUS, GGUS_HISTORY, GGUS_ATTACH)}
)

AUTHENTICATION: Final = "AuthenticationInfo"
CREDENTIALS: Final = (
    Element("userName", required=True),
    Element("password", required=True),
    Element("authentication"),
    Element("locale"),
    Element("timeZone"),
)
"""The children of the header element that carries the credentials."""
