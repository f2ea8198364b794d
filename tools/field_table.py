"""Prints ``docs/fields.md``: every element of the GGUS services with its meaning here.

Names, places, occurrence and allowed values come from the field table that the services are made
of, limits from the mapping; only the meanings are written here. An element without a meaning, or a
meaning without an element, ends it with an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.core.rules.texts import SHORT_TEXT_LIMIT
from soap_service.fields import (
    AUTHENTICATION,
    CREDENTIALS,
    ENUMERATIONS,
    SERVICES,
    Element,
    Kind,
    Message,
)
from soap_service.mapping import CLEARABLE, LIMITS

HEAD = """\
# Fields of the GGUS services

This page is written by `make docs` from the table that the services are made of. How to use the
services is told in the [partner's guide](partners-guide.md).

A cell says where the element stands in the sequence of that message: its place, **R** if it is
required, *n* if it may be nil. Send the elements of a request in this order. In answers, what is
empty is left out.
"""

TICKET_MEANINGS: Mapping[str, str] = {
    "GHD_Request_ID": "The ticket's number. One sequence for the whole portal.",
    "GHD_Short_Description": "Title. Link ids in it become affected links; the whole, exact name of"
    " a site becomes the affected site if none is sent.",
    "GHD_Description": "What happened. Link ids in it become affected links. A longer one that was"
    " written in the portal is answered cut, with its address at the end.",
    "GHD_Status": "State. At creation new or assigned; in TicketModify a move that the state"
    " allows; see the guide.",
    "GHD_Priority": "Urgency. Default: less urgent.",
    "GHD_Responsible_Unit": "Support unit in charge, any text. Default: TPM. The portal never"
    " changes it by itself.",
    "GHD_Type_Of_Problem": "Type of issue, any text. Default: Other. At creation, a value of"
    " GHD_Ticket_Category also sets the ticket's category and layer.",
    "GHD_Ticket_Category": "Category of the ticket. Incident, Maintenance and Informational with L2"
    " or L3 also set its layer; Documentation is kept as informational, Spam as test.",
    "GHD_Public_Diary": "In a request: one comment that everybody reads; it is added. In an answer:"
    " all of them, oldest first, each with UTC time and author; if they are too long, the oldest"
    " are left out and the first line says how many.",
    "GHD_Internal_Diary": "Like GHD_Public_Diary, for operators, administrators and accounts with"
    " the right to internal entries; other accounts read only what their partner wrote.",
    "GHD_Detailed_Solution": "The solution. Needed for the move to solved, allowed in every state.",
    "GHD_Affected_Site": "The first affected site, under any of its names; an unknown one is kept"
    " as text. Answered in the spelling that your partner sent, else under its GOCDB name."
    " TicketModify replaces only this one.",
    "GHD_Affected_VO": "Experiment, any text. Answered as none where there is none.",
    "GHD_Date_Time_Of_Problem": "When the event began: YYYY-MM-DD, with hh:mm:ss, or ISO 8601;"
    " without zone it is UTC.",
    "GHD_ETA": "Estimated end of the event. Only answered, from contract year 2013 on.",
    "GHD_Related_Issue": "URL of a related page or mail: http, https or mailto. Answered from"
    " contract year 2016 on.",
    "GHD_Origin_ID": "The ticket's id in your system. With GHD_Origin_SG it is the key of a"
    " repeated creation; empty is no key.",
    "GHD_Origin_SG": "Name of your system. Answered as the code of the partner that created the"
    " ticket.",
    "GHD_Target_ID": "The ticket's id in the system that it was handed to; kept for your partner."
    " Not answered, but found by a query.",
    "GHD_Incident_ID": "Number of an incident elsewhere; like GHD_Target_ID.",
    "GHD_Assign_To": "The person in charge. In the history it is GHD_Assigned_To.",
    "GHD_Last_Modifier": "Who writes, as people shall read it; say (via SYSTEM) after the name.",
    "GHD_Last_Login": "Login of the writer. Recorded as a claim; rights come from the credentials.",
    "GHD_Name": "Name of the submitter.",
    "GHD_E-Mail": "Mail address of the submitter. Answered only to the partner that sent it.",
    "GHD_Submitter_Mail": "The same as GHD_E-Mail, under TicketCreate's name.",
    "GHD_Phone": "Telephone of the submitter. Answered only to the partner that sent it.",
    "GHD_Loginname": "Login or certificate name of the submitter.",
    "GHD_CarbonCopy": "Mail addresses, separated by semicolons.",
    "GHD_Experiment_Specific_Problem": "Whether the problem is the experiment's own. Default: No.",
    "GHD_VO_Specific": "GHD_Experiment_Specific_Problem under the list's name.",
    "GHD_Ticket_Type": "Always LHCOPN, also for tickets of LHCONE: the contract knows no other.",
    "GHD_Product_Name": "Never answered: the portal has no middleware products.",
    "GHD_Product_Version": "Never answered.",
    "GHD_Date_Of_Creation": "When the ticket was created; UTC.",
    "GHD_Create_Date": "GHD_Date_Of_Creation under the list's name.",
    "GHD_Date_Of_Change": "When the ticket was last changed; UTC, later with each change.",
    "GHD_Modified_Date": "GHD_Date_Of_Change under the list's name.",
    "GHD_Parent_ID": "Number of the ticket that the new one belongs to.",
    "GHD_Parent_Child_Relation": "What the new ticket is to GHD_Parent_ID: its Child, its Parent,"
    " or None: only related to it.",
}
READING_MEANINGS: Mapping[str, str] = {
    "Qualification": "Query; see the guide. Together with the next three all must hold.",
    "GHD_Responsible_Unit": "Only tickets of this unit.",
    "GHD_Meta_Status": "Only tickets that are Open or Closed.",
    "GHD_Status": "Only tickets in this state.",
    "startRecord": "How many rows to leave out; empty is 0.",
    "maxLimit": "How many rows at most; -1 is all of them, empty is the default.",
    "GHD_Request_ID": "The ticket's number.",
    "GAT_Request_ID": "The ticket's number.",
    "GAT_Attachment_ID": "The attachment's id.",
}
HISTORY_MEANINGS: Mapping[str, str] = {
    "GHD_Creation_Date": "When the change was made; UTC.",
    "GHD_Last_Modifier": "Who made it.",
    "GHD_Responsible_Unit": "The unit after it.",
    "GHD_Status": "The state after it.",
    "GHD_Priority": "The priority after it.",
    "GHD_Detailed_Solution": "The solution that it wrote.",
    "GHD_Assigned_To": "The person in charge that it set.",
    "GHD_Description": "The description that it wrote.",
    "GHD_Internal_Diary": "The internal entry that it added, for those who may read it.",
    "GHD_Public_Diary": "The public entry that it added.",
    "GHD_Type_Of_Problem": "The type that it set.",
    "GHD_VO_Specific": "Yes or No, where it changed that.",
    "GHD_Related_Issue": "The address that it set.",
    "GHD_Affected_Site": "The first affected site after it, where it changed the sites.",
    "GHD_Affected_VO": "The experiment that it set.",
    "GHD_Diary_Of_Steps": "Never answered.",
    "GHD_Involve": "Never answered.",
    "GHD_VO": "Never answered.",
    "GHD_Remind_On": "Never answered.",
}
ATTACHMENT_MEANINGS: Mapping[str, str] = {
    "GAT_Attachment_ID": "The attachment's id, ATT and a number.",
    "GAT_Attachment-ID": "The attachment's id, ATT and a number.",
    "GAT_Attachment_Name": "File name. Folders and characters that cannot be seen are taken out.",
    "GAT_Attachment_attachmentName": "File name.",
    "GAT_Attachment_Data": "Content, base64. At most 2 MiB before encoding, and not empty.",
    "GAT_Attachment_attachmentData": "Content, base64, encoded once.",
    "GAT_Attachment_Orig_Size": "Length of the content in bytes. It decides whether a content that"
    " was encoded twice is decoded twice; see the guide.",
    "GAT_Attachment_attachmentOrigSize": "Length of the content in bytes.",
    "GAT_Request_ID": "The ticket's number.",
    "GAT_Request-ID": "The ticket's number.",
    "GAT_Last_Modifier": "Who attached it, as people shall read it.",
    "GAT_Last_Login": "Login of the writer; a claim, as GHD_Last_Login is.",
    "GAT_Create_Date": "When it was attached; UTC.",
    "GAT_Origin_SG": "Code of the partner that sent it; left out for what people attached.",
}
CREDENTIAL_MEANINGS: Mapping[str, str] = {
    "userName": "The account's login.",
    "password": "One of its secrets.",
    "authentication": "Not used.",
    "locale": "Not used.",
    "timeZone": "Not used: times without zone are UTC.",
}
TICKET_MESSAGES = (
    ("OpCreate", "request"),
    ("TicketCreate", "request"),
    ("OpCreateChild", "request"),
    ("TicketModify", "request"),
    ("TicketGet", "response"),
    ("TicketGetList", "response"),
)
READING = (
    ("GGUS", "TicketGet"),
    ("GGUS", "TicketGetList"),
    ("GGUS_HISTORY", "OpGetTicketHist"),
    ("GGUS_ATTACH", "GetAttachIDs"),
    ("GGUS_ATTACH", "GetAttachments"),
    ("GGUS_ATTACH", "GetOneAttachment"),
)
ATTACHMENT_MESSAGES = (
    ("AddAttachment", "request"),
    ("AddAttachment", "response"),
    ("GetAttachIDs", "response"),
    ("GetAttachments", "response"),
    ("GetOneAttachment", "response"),
)


def message(service: str, operation: str, side: str) -> Message:
    found = SERVICES[service].operation(operation)
    assert found is not None, f"{service} has no {operation}"
    return found.request if side == "request" else found.response


def cell(message: Message, name: str) -> str:
    """Place and occurrence of an element in a message; empty if it has none of this name."""
    for place, element in enumerate(message.elements, 1):
        if element.name == name:
            mark = " **R**" if element.required else " *n*" if element.nillable else ""
            return f"{place}{mark}"
    return ""


def allowed(element: Element) -> str:
    """Type, limit and allowed values."""
    if element.kind in ENUMERATIONS:
        return ", ".join(ENUMERATIONS[element.kind])
    if element.kind is not Kind.STRING:
        return f"xsd:{element.kind.value}"
    if element.name.endswith(("Request_ID", "Request-ID")):
        return "a number"
    if element.name == "GHD_Status":
        return "a state"
    return f"at most {LIMITS.get(element.name, SHORT_TEXT_LIMIT)} characters"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def complete(meanings: Mapping[str, str], messages: Iterable[Message], what: str) -> list[Element]:
    """Each element of the messages once, in the order of the meanings."""
    elements = {element.name: element for one in messages for element in one.elements}
    if elements.keys() != meanings.keys():
        wrong = ", ".join(sorted(elements.keys() ^ meanings.keys()))
        raise SystemExit(f"{what}: without meaning, or a meaning without element: {wrong}")
    return [elements[name] for name in meanings]


def tickets() -> list[str]:
    messages = [message("GGUS", name, side) for name, side in TICKET_MESSAGES]
    rows = [
        [
            f"`{element.name}`",
            TICKET_MEANINGS[element.name]
            + (" Empty in TicketModify clears it." if element.name in CLEARABLE else ""),
            allowed(element),
            *(cell(one, element.name) for one in messages),
        ]
        for element in complete(TICKET_MEANINGS, messages, "GGUS")
    ]
    head = ["element", "meaning", "allowed", *(name for name, _side in TICKET_MESSAGES)]
    return [
        "## Tickets",
        "",
        "Service GGUS. The first four columns of places are requests, the last two answers: of",
        "TicketGet, and of each row of TicketGetList. OpModify, OpGet and OpGetList are other",
        "names of TicketModify, TicketGet and TicketGetList. Creations answer the number as",
        "`GHD_Request_ID`, but TicketCreate as `GHD_Request-ID`.",
        *table(head, rows),
    ]


def reading() -> list[str]:
    messages = [message(service, name, "request") for service, name in READING]
    rows = [
        [
            f"`{element.name}`",
            READING_MEANINGS[element.name],
            *(_with_default(one, element.name) for one in messages),
        ]
        for element in complete(READING_MEANINGS, messages, "reading")
    ]
    return [
        "## Requests that read",
        "",
        "A default stands in brackets.",
        *table(["element", "meaning", *(name for _service, name in READING)], rows),
    ]


def _with_default(one: Message, name: str) -> str:
    default = next((item.default for item in one.elements if item.name == name), None)
    return cell(one, name) + (f" ({default})" if default is not None else "")


def history() -> list[str]:
    rows = message("GGUS_HISTORY", "OpGetTicketHist", "response")
    elements = complete(HISTORY_MEANINGS, [rows], "GGUS_HISTORY")
    return [
        "## History",
        "",
        "Service GGUS_HISTORY: a row for each change, oldest first.",
        *table(
            ["element", "meaning", "row of OpGetTicketHist"],
            (
                [f"`{item.name}`", HISTORY_MEANINGS[item.name], cell(rows, item.name)]
                for item in elements
            ),
        ),
    ]


def attachments() -> list[str]:
    messages = [message("GGUS_ATTACH", name, side) for name, side in ATTACHMENT_MESSAGES]
    rows = [
        [
            f"`{element.name}`",
            ATTACHMENT_MEANINGS[element.name],
            allowed(element),
            *(cell(one, element.name) for one in messages),
        ]
        for element in complete(ATTACHMENT_MEANINGS, messages, "GGUS_ATTACH")
    ]
    columns = [
        name if side == "request" else f"{'row' if one.rows else 'answer'} of {name}"
        for (name, side), one in zip(ATTACHMENT_MESSAGES, messages, strict=True)
    ]
    return [
        "## Attachments",
        "",
        "Service GGUS_ATTACH. Mind the hyphens.",
        *table(["element", "meaning", "allowed", *columns], rows),
    ]


def credentials() -> list[str]:
    header = Message(AUTHENTICATION, CREDENTIALS)
    elements = complete(CREDENTIAL_MEANINGS, [header], AUTHENTICATION)
    return [
        "## Header",
        "",
        f"`{AUTHENTICATION}`, in the namespace of the service.",
        *table(
            ["element", "meaning", "place"],
            (
                [f"`{item.name}`", CREDENTIAL_MEANINGS[item.name], cell(header, item.name)]
                for item in elements
            ),
        ),
    ]


if __name__ == "__main__":
    parts = [tickets(), reading(), history(), attachments(), credentials()]
    print("\n".join([HEAD, *(line for part in parts for line in part)]).rstrip())
