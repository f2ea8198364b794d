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
    Message,
    WireType,
)
from soap_service.mapping import CLEARABLE, LIMITS

HEAD = """\
# Fields of the GGUS services

`make docs` generates this page from the table on which the services are based. The [partner's
guide](partners-guide.md) explains how to use the services.

In the tables, the number in a message's column is the position of the element in that message;
**R** means that the element is required, *n* that it may be nil. Send the elements of a request in
this order. In answers, empty elements are omitted.
"""

TICKET_MEANINGS: Mapping[str, str] = {
    "GHD_Request_ID": "The ticket's number. One sequence for the whole portal.",
    "GHD_Short_Description": "Title. Link ids in it become affected links; the whole, exact name of"
    " a site becomes the affected site if none is sent.",
    "GHD_Description": "What happened. Link ids in it become affected links. In an answer, a longer"
    " description (written in the portal) is cut, and ends with the ticket's address.",
    "GHD_Status": "State. When a ticket is created: new or assigned. In TicketModify: a state to"
    " which the ticket can move; see the guide.",
    "GHD_Priority": "Urgency. Default: less urgent.",
    "GHD_Responsible_Unit": "Support unit in charge, any text. Default: TPM. The portal never"
    " changes it by itself.",
    "GHD_Type_Of_Problem": "Type of issue, any text. Default: Other. When a ticket is created, a"
    " value of GHD_Ticket_Category also sets the ticket's category and layer.",
    "GHD_Ticket_Category": "Category of the ticket. Incident, Maintenance and Informational with L2"
    " or L3 also set the ticket's layer; Documentation is stored as informational, Spam as test.",
    "GHD_Public_Diary": "In a request: one public comment, which is added to the diary. In an"
    " answer: all public comments, oldest first, each with UTC time and author; if they are too"
    " long, the oldest are omitted and the first line says how many.",
    "GHD_Internal_Diary": "Like GHD_Public_Diary, for operators, administrators and accounts with"
    " the right to read internal entries; other accounts read only the entries of their own"
    " partner.",
    "GHD_Detailed_Solution": "The solution. Required to move a ticket to solved, allowed in every"
    " state.",
    "GHD_Affected_Site": "The first affected site, under any of its names; an unknown name is"
    " stored as text. In answers, the name is the one that your partner sent, else the site's GOCDB"
    " name. TicketModify replaces only the first affected site.",
    "GHD_Affected_VO": "Experiment, any text. In answers, the value is none if there is no"
    " experiment.",
    "GHD_Date_Time_Of_Problem": "When the event started: YYYY-MM-DD, with or without hh:mm:ss, or"
    " ISO 8601; a time without a zone is in UTC.",
    "GHD_ETA": "Estimated end of the event. Only in answers, from contract year 2013 on.",
    "GHD_Related_Issue": "URL of a related page or email address: http, https or mailto. In answers"
    " from contract year 2016 on.",
    "GHD_Origin_ID": "The ticket's id in your system. Together with GHD_Origin_SG it identifies a"
    " repeated request to create a ticket; an empty value does not identify anything.",
    "GHD_Origin_SG": "Name of your system. In answers, the code of the partner that created the"
    " ticket.",
    "GHD_Target_ID": "The ticket's id in the system to which it was handed; stored for your"
    " partner. Not in answers, but queries find it.",
    "GHD_Incident_ID": "Number of an incident in another system; treated like GHD_Target_ID.",
    "GHD_Assign_To": "The assignee. The history calls it GHD_Assigned_To.",
    "GHD_Last_Modifier": "Who made the change, as shown to people; add (via SYSTEM) after the"
    " name.",
    "GHD_Last_Login": "Login of the person who made the change. It is recorded but not verified;"
    " rights come from the credentials.",
    "GHD_Name": "Name of the submitter.",
    "GHD_E-Mail": "Email address of the submitter. In answers only to the partner that sent it.",
    "GHD_Submitter_Mail": "The same as GHD_E-Mail; this is its name in TicketCreate.",
    "GHD_Phone": "Telephone number of the submitter. In answers only to the partner that sent it.",
    "GHD_Loginname": "Login or certificate name of the submitter.",
    "GHD_CarbonCopy": "Email addresses, separated by semicolons.",
    "GHD_Experiment_Specific_Problem": "Whether the problem affects only one experiment. Default:"
    " No.",
    "GHD_VO_Specific": "The same as GHD_Experiment_Specific_Problem; this is its name in"
    " TicketGetList.",
    "GHD_Ticket_Type": "Always LHCOPN, also for tickets of LHCONE, because the GGUS contract has no"
    " value for LHCONE.",
    "GHD_Product_Name": "Never in answers: the portal has no middleware products.",
    "GHD_Product_Version": "Never in answers.",
    "GHD_Date_Of_Creation": "When the ticket was created; UTC.",
    "GHD_Create_Date": "The same as GHD_Date_Of_Creation; this is its name in TicketGetList.",
    "GHD_Date_Of_Change": "When the ticket was last changed; UTC. The time increases with each"
    " change.",
    "GHD_Modified_Date": "The same as GHD_Date_Of_Change; this is its name in TicketGetList.",
    "GHD_Parent_ID": "Number of the ticket to which the new ticket is linked.",
    "GHD_Parent_Child_Relation": "Role of the new ticket: Child or Parent of GHD_Parent_ID, or None"
    " if the two are only related.",
}
READING_MEANINGS: Mapping[str, str] = {
    "Qualification": "Query; see the guide. A ticket must match the query and the next three"
    " elements.",
    "GHD_Responsible_Unit": "Only tickets of this unit.",
    "GHD_Meta_Status": "Only tickets that are Open or Closed.",
    "GHD_Status": "Only tickets in this state.",
    "startRecord": "Number of rows to skip; if empty, 0.",
    "maxLimit": "Maximum number of rows; -1 means all rows; if empty, the default.",
    "GHD_Request_ID": "The ticket's number.",
    "GAT_Request_ID": "The ticket's number.",
    "GAT_Attachment_ID": "The attachment's id.",
}
HISTORY_MEANINGS: Mapping[str, str] = {
    "GHD_Creation_Date": "When the change was made; UTC.",
    "GHD_Last_Modifier": "Who made the change.",
    "GHD_Responsible_Unit": "The unit after the change.",
    "GHD_Status": "The state after the change.",
    "GHD_Priority": "The priority after the change.",
    "GHD_Detailed_Solution": "The new solution, if the change set it.",
    "GHD_Assigned_To": "The new assignee, if the change set one.",
    "GHD_Description": "The new description, if the change set it.",
    "GHD_Internal_Diary": "The new internal entry, for accounts that may read it.",
    "GHD_Public_Diary": "The new public entry.",
    "GHD_Type_Of_Problem": "The new type of issue, if the change set it.",
    "GHD_VO_Specific": "Yes or No, if the change set it.",
    "GHD_Related_Issue": "The new address, if the change set it.",
    "GHD_Affected_Site": "The first affected site after the change, if the change set the sites.",
    "GHD_Affected_VO": "The new experiment, if the change set it.",
    "GHD_Diary_Of_Steps": "Never in answers.",
    "GHD_Involve": "Never in answers.",
    "GHD_VO": "Never in answers.",
    "GHD_Remind_On": "Never in answers.",
}
ATTACHMENT_MEANINGS: Mapping[str, str] = {
    "GAT_Attachment_ID": "The attachment's id, ATT and a number.",
    "GAT_Attachment-ID": "The attachment's id, ATT and a number.",
    "GAT_Attachment_Name": "File name. Folders and invisible characters are removed.",
    "GAT_Attachment_attachmentName": "File name.",
    "GAT_Attachment_Data": "Content, base64. At most 2 MiB before encoding, and not empty.",
    "GAT_Attachment_attachmentData": "Content, base64, encoded once.",
    "GAT_Attachment_Orig_Size": "Length of the content in bytes. It decides whether content that"
    " was encoded twice is decoded twice; see the guide.",
    "GAT_Attachment_attachmentOrigSize": "Length of the content in bytes.",
    "GAT_Request_ID": "The ticket's number.",
    "GAT_Request-ID": "The ticket's number.",
    "GAT_Last_Modifier": "Who attached the file, as shown to people.",
    "GAT_Last_Login": "Login of the person who attached the file; recorded but not verified, like"
    " GHD_Last_Login.",
    "GAT_Create_Date": "When the file was attached; UTC.",
    "GAT_Origin_SG": "Code of the partner that sent the file; omitted for files that people"
    " attached.",
}
CREDENTIAL_MEANINGS: Mapping[str, str] = {
    "userName": "The account's login.",
    "password": "One of its secrets.",
    "authentication": "Not used.",
    "locale": "Not used.",
    "timeZone": "Not used: times without a zone are in UTC.",
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
    if element.kind is not WireType.STRING:
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
            + (" In TicketModify, an empty value clears it." if element.name in CLEARABLE else ""),
            allowed(element),
            *(cell(one, element.name) for one in messages),
        ]
        for element in complete(TICKET_MEANINGS, messages, "GGUS")
    ]
    head = ["element", "meaning", "allowed", *(name for name, _side in TICKET_MESSAGES)]
    return [
        "## Tickets",
        "",
        "Service GGUS. The first four columns with positions are requests, the last two answers:",
        "of TicketGet, and of each row of TicketGetList. OpModify, OpGet and OpGetList are other",
        "names of TicketModify, TicketGet and TicketGetList. OpCreate and OpCreateChild return the",
        "number of the new ticket as `GHD_Request_ID`, TicketCreate as `GHD_Request-ID`.",
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
        "Defaults are in brackets.",
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
        "Service GGUS_ATTACH. Some of these names have a hyphen instead of an underscore.",
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
