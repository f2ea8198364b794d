"""The contract, typed by hand a second time, against the WSDL and against Spyne's types.

The tables below are written from the description of GGUS's interface of September 2016 (and the
union with 2013 where clients need both), not from ``soap_service.fields``: a slip there shows here.
"""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from soap_service.fields import GGUS, GGUS_HISTORY, SERVICES, Service
from soap_service.types import model_of, row_of
from soap_service.wsdl import write_wsdl

CREATE_HEAD = """
GHD_Date_Time_Of_Problem string
GHD_Description string nil
{mail} string nil
GHD_Internal_Diary string nil
GHD_Loginname string nil
GHD_Name string
GHD_Origin_ID string nil
GHD_Priority GHD_PriorityType default=less urgent
GHD_Responsible_Unit string
GHD_Short_Description string required
GHD_Status string
GHD_Type_Of_Problem string
GHD_Last_Modifier string required
GHD_Last_Login string required
GHD_Origin_SG string nil
GHD_CarbonCopy string nil
GHD_Affected_Site string nil
GHD_Affected_VO string
GHD_Phone string nil
GHD_Related_Issue string nil
GHD_Public_Diary string nil
GHD_Experiment_Specific_Problem GHD_Experiment_Specific_ProblemType default=No
"""
CHILD = """
GHD_Date_Time_Of_Problem string
GHD_Description string nil
GHD_E-Mail string nil
GHD_Internal_Diary string nil
GHD_Loginname string nil
GHD_Name string
GHD_Phone string nil
GHD_Priority GHD_PriorityType default=less urgent
GHD_Responsible_Unit string required
GHD_Short_Description string required
GHD_Status string
GHD_Type_Of_Problem string
GHD_Last_Modifier string required
GHD_Last_Login string required
GHD_Affected_Site string nil
GHD_Affected_VO string
GHD_Parent_ID string required
GHD_Parent_Child_Relation GHD_Parent_Child_RelationType required
"""
MODIFY = """
GHD_Assign_To string nil
GHD_Experiment_Specific_Problem GHD_Experiment_Specific_ProblemType
GHD_Internal_Diary string nil
GHD_Priority GHD_PriorityType
GHD_Responsible_Unit string
GHD_Detailed_Solution string nil
GHD_Status string
GHD_Type_Of_Problem string
GHD_Request_ID string required
GHD_Last_Modifier string required
GHD_Last_Login string required
GHD_Public_Diary string nil
GHD_Affected_Site string nil
GHD_Affected_VO string
GHD_Short_Description string
GHD_Ticket_Category GHD_Ticket_CategoryType
GHD_Target_ID string nil
GHD_Incident_ID string nil
GHD_Related_Issue string nil
"""
GET = """
GHD_Description string nil
GHD_Experiment_Specific_Problem GHD_Experiment_Specific_ProblemType
GHD_Internal_Diary string nil
GHD_Last_Modifier string nil
GHD_Priority GHD_PriorityType required
GHD_Request_ID string required
GHD_Responsible_Unit string nil
GHD_Short_Description string required
GHD_Detailed_Solution string nil
GHD_Status string required
GHD_Type_Of_Problem string required
GHD_Public_Diary string nil
GHD_Affected_Site string nil
GHD_Affected_VO string nil
GHD_Product_Name string nil
GHD_Product_Version string nil
GHD_Date_Of_Change dateTime nil
GHD_Date_Of_Creation dateTime nil
GHD_E-Mail string nil
GHD_Loginname string nil
GHD_Name string nil
GHD_Phone string nil
GHD_Ticket_Type GHD_Ticket_TypeType required
GHD_Origin_SG string nil
GHD_ETA dateTime
GHD_Related_Issue string
"""
LIST = """
GHD_Request_ID string required
GHD_Name string
GHD_E-Mail string
GHD_Loginname string
GHD_Priority GHD_PriorityType required
GHD_Detailed_Solution string
GHD_Short_Description string required
GHD_Type_Of_Problem string required
GHD_Status string required
GHD_Responsible_Unit string
GHD_VO_Specific GHD_Experiment_Specific_ProblemType
GHD_Description string
GHD_Last_Modifier string required
GHD_Affected_Site string
GHD_Public_Diary string
GHD_Affected_VO string required
GHD_Ticket_Type GHD_Ticket_TypeType
GHD_Product_Name string nil
GHD_Product_Version string nil
GHD_Create_Date dateTime nil
GHD_Modified_Date dateTime nil
GHD_Internal_Diary string
GHD_Origin_SG string
GHD_ETA dateTime
GHD_Related_Issue string
"""
HISTORY = """
GHD_Creation_Date dateTime
GHD_Responsible_Unit string
GHD_Status string
GHD_Last_Modifier string
GHD_Priority string
GHD_Detailed_Solution string
GHD_Assigned_To string
GHD_Diary_Of_Steps string
GHD_Description string
GHD_Internal_Diary string
GHD_Involve string
GHD_Type_Of_Problem string
GHD_VO string
GHD_VO_Specific GHD_VO_SpecificType
GHD_Related_Issue string
GHD_Remind_On dateTime
GHD_Public_Diary string
GHD_Affected_Site string
GHD_Affected_VO string
"""
ATTACH = """
GAT_Attachment_Name string required
GAT_Attachment_Data base64Binary required
GAT_Attachment_Orig_Size int required
GAT_Request_ID string required
GAT_Last_Modifier string required
GAT_Last_Login string required
"""
ATTACH_IDS = """
GAT_Attachment-ID string required
GAT_Create_Date dateTime
GAT_Last_Modifier string
GAT_Origin_SG string
GAT_Attachment_attachmentName string
"""
ATTACHMENTS = """
GAT_Last_Modifier string
GAT_Attachment_ID string
GAT_Attachment_Orig_Size int
GAT_Attachment_Data base64Binary
GAT_Attachment_Name string
"""
ONE_ATTACHMENT = """
GAT_Create_Date dateTime
GAT_Request-ID string
GAT_Origin_SG string
GAT_Attachment_attachmentName string
GAT_Attachment_attachmentData base64Binary
GAT_Attachment_attachmentOrigSize int
"""
ID = "GHD_Request_ID string required\n"
PAGING = "startRecord string default=0\nmaxLimit string default={}\n"
TYPES = {
    "GGUS": {
        "InputMapping4": CREATE_HEAD.format(mail="GHD_E-Mail"),
        "OutputMapping4": ID,
        "InputMapping7": CREATE_HEAD.format(mail="GHD_Submitter_Mail"),
        "OutputMapping7": "GHD_Request-ID string required",
        "CreateInputMap2": CHILD,
        "CreateOutputMap2": ID,
        "SetInputMap": MODIFY,
        "SetOutputMap": "GHD_Request_ID string",
        "GetInputMap": ID + PAGING.format(1),
        "GetOutputMap": GET,
        "InputMapping6": "Qualification string\n"
        + PAGING.format(500)
        + "GHD_Responsible_Unit string\nGHD_Meta_Status string\nGHD_Status string\n",
        "OutputMapping6": LIST,
        "AuthenticationInfo": "userName string required\npassword string required\n"
        "authentication string\nlocale string\ntimeZone string",
    },
    "GGUS_HISTORY": {
        "InputMapping3": ID + PAGING.format(1000),
        "OutputMapping3": HISTORY,
        "AuthenticationInfo": "userName string required\npassword string required\n"
        "authentication string\nlocale string\ntimeZone string",
    },
    "GGUS_ATTACH": {
        "CreateInputMap": ATTACH,
        "CreateOutputMap": "GAT_Attachment_ID string required",
        "InputMapping2": PAGING.format(50) + "GAT_Request_ID string required",
        "OutputMapping2": ATTACH_IDS,
        "GetListInputMap": "GAT_Request_ID string required\n" + PAGING.format(50),
        "GetListOutputMap": ATTACHMENTS,
        "InputMapping3": "GAT_Attachment_ID string required",
        "OutputMapping3": ONE_ATTACHMENT,
        "AuthenticationInfo": "userName string required\npassword string required\n"
        "authentication string\nlocale string\ntimeZone string",
    },
}
ROWS = {
    ("GGUS", "OutputMapping6"),
    ("GGUS_HISTORY", "OutputMapping3"),
    ("GGUS_ATTACH", "OutputMapping2"),
    ("GGUS_ATTACH", "GetListOutputMap"),
}
OPERATIONS = {
    "GGUS": {
        "OpCreate": ("InputMapping4", "OutputMapping4"),
        "TicketCreate": ("InputMapping7", "OutputMapping7"),
        "OpCreateChild": ("CreateInputMap2", "CreateOutputMap2"),
        "TicketModify": ("SetInputMap", "SetOutputMap"),
        "OpModify": ("SetInputMap", "SetOutputMap"),
        "TicketGet": ("GetInputMap", "GetOutputMap"),
        "OpGet": ("GetInputMap", "GetOutputMap"),
        "TicketGetList": ("InputMapping6", "OutputMapping6"),
        "OpGetList": ("InputMapping6", "OutputMapping6"),
    },
    "GGUS_HISTORY": {"OpGetTicketHist": ("InputMapping3", "OutputMapping3")},
    "GGUS_ATTACH": {
        "AddAttachment": ("CreateInputMap", "CreateOutputMap"),
        "GetAttachIDs": ("InputMapping2", "OutputMapping2"),
        "GetAttachments": ("GetListInputMap", "GetListOutputMap"),
        "GetOneAttachment": ("InputMapping3", "OutputMapping3"),
    },
}
ENUMERATIONS = {
    "GHD_PriorityType": "less urgent|urgent|very urgent|top priority|normal",
    "GHD_Experiment_Specific_ProblemType": "Yes|No",
    "GHD_Parent_Child_RelationType": "None|Parent|Child",
    "GHD_Ticket_TypeType": "USER|LHCOPN|TEAM|ALARM|OPS|SAVANNAH|SECURITY",
    "GHD_Ticket_CategoryType": "Incident|Incident L2|Incident L3|Change Request|Documentation|"
    "Maintenance|Maintenance L2|Maintenance L3|Informational|Test|Spam",
}
NS = {
    "w": "http://schemas.xmlsoap.org/wsdl/",
    "s": "http://schemas.xmlsoap.org/wsdl/soap/",
    "x": "http://www.w3.org/2001/XMLSchema",
}
Line = tuple[str, str, bool, bool, str | None]


def typed(table: str) -> list[Line]:
    """The lines of a hand-typed table: name, type, required, nillable, default."""
    lines: list[Line] = []
    for line in table.strip().splitlines():
        plain, _, default = line.partition(" default=")
        name, kind, *flags = plain.split()
        lines.append((name, kind, "required" in flags, "nil" in flags, default or None))
    return lines


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


@pytest.fixture
def wsdl(service: Service) -> etree._Element:
    return etree.fromstring(write_wsdl(service, "https://portal.example/soap/X"))


def of_wsdl(sequence: etree._Element) -> list[Line]:
    return [
        (
            element.get("name", ""),
            element.get("type", "").partition(":")[2],
            element.get("minOccurs") == "1",
            element.get("nillable") == "true",
            element.get("default"),
        )
        for element in sequence
    ]


def test_the_wsdl_has_the_types_of_the_contract(service: Service, wsdl: etree._Element) -> None:
    found = {}
    for written in wsdl.iterfind("w:types/x:schema/x:complexType", NS):
        name = written.get("name", "")
        (sequence,) = written
        if (service.name, name) in ROWS:
            (row,) = sequence
            assert (row.get("name"), row.get("maxOccurs")) == ("getListValues", "unbounded")
            sequence = row[0][0]
        assert all(element.get("maxOccurs", "1") == "1" for element in sequence)
        found[name] = of_wsdl(sequence)
    assert found == {name: typed(table) for name, table in TYPES[service.name].items()}


def test_the_wsdl_has_the_enumerations(wsdl: etree._Element, service: Service) -> None:
    found = {
        written.get("name"): "|".join(item.get("value", "") for item in written[0])
        for written in wsdl.iterfind("w:types/x:schema/x:simpleType", NS)
    }
    of_history = {"GHD_VO_SpecificType": "No|Yes"}
    assert found == {"GGUS": ENUMERATIONS, "GGUS_HISTORY": of_history}.get(service.name, {})


def test_the_wsdl_binds_what_client_stacks_need(service: Service, wsdl: etree._Element) -> None:
    namespace = f"urn:{service.name}"
    assert wsdl.get("targetNamespace") == namespace
    assert wsdl.nsmap["s0"] == namespace
    schema = wsdl.find("w:types/x:schema", NS)
    assert schema is not None
    assert schema.get("elementFormDefault") == "qualified"
    elements = {
        element.get("name"): element.get("type") for element in schema.iterfind("x:element", NS)
    }
    expected = {"AuthenticationInfo": "s0:AuthenticationInfo"}
    for name, (request, response) in OPERATIONS[service.name].items():
        expected[name] = f"s0:{request}"
        expected[f"{name}Response"] = f"s0:{response}"
    assert elements == expected
    parts = {
        message.get("name"): (message[0].get("name"), message[0].get("element"))
        for message in wsdl.iterfind("w:message", NS)
    }
    binding = wsdl.find("w:binding/s:binding", NS)
    assert binding is not None
    assert binding.get("style", "") == "document"
    operations = wsdl.findall("w:binding/w:operation", NS)
    assert {item.get("name") for item in operations} == set(OPERATIONS[service.name])
    for operation in operations:
        soap = operation.find("s:operation", NS)
        header = operation.find("w:input/s:header", NS)
        body = operation.find("w:input/s:body", NS)
        assert soap is not None
        assert header is not None
        assert body is not None
        assert soap.get("soapAction") == f"{namespace}/{operation.get('name')}"
        message = header.get("message", "").partition(":")[2]
        assert header.get("part") == "AuthenticationInfo"
        assert parts[message] == ("AuthenticationInfo", "s0:AuthenticationInfo")
        assert header.get("use") == body.get("use") == "literal"
    for item in wsdl.findall("w:portType/w:operation/*", NS):
        part, _ = parts[item.get("message", "").partition(":")[2]]
        assert part == "parameters"
    assert wsdl.findall("w:service", NS)[0].get("name") == f"{service.name}Service"


def of_spyne(model: Any) -> list[Line]:
    lines: list[Line] = []
    for name, member in model._type_info.items():
        attributes = member.Attributes
        kind = member.get_type_name()
        assert attributes.max_occurs == 1
        lines.append((name, kind, attributes.min_occurs == 1, attributes.nillable, None))
    return lines


def test_spynes_types_are_those_of_the_contract(service: Service) -> None:
    for operation in service.operations:
        for message in (operation.request, operation.response):
            make = row_of if message.rows else model_of
            table = typed(TYPES[service.name][message.type_name])
            expected = [(*line[:4], None) for line in table]
            assert of_spyne(make(message, service.namespace)) == expected
            assert model_of(message, service.namespace).get_type_name() == message.type_name


def test_response_elements_know_their_contract_year() -> None:
    for name in ("TicketGet", "TicketGetList"):
        operation = GGUS.operation(name)
        assert operation is not None
        later = {item.name: item.since for item in operation.response.elements if item.since > 2012}
        assert later == {"GHD_ETA": 2013, "GHD_Related_Issue": 2016}
    (history,) = GGUS_HISTORY.operations
    assert all(item.since == 2012 for item in history.response.elements)
