"""Between a ticket and the elements of the GGUS contract, both ways.

What comes in is turned into what the services take, with the contract's limits and in the words of
its elements; what goes out is cut to what the contract carries. It has no rules about tickets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.rules.access import Actor
from app.core.rules.texts import (
    LONG_TEXT_LIMIT,
    SHORT_TEXT_LIMIT,
    checked_text,
    cut_with_pointer,
    read_time,
)
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.fields import FIELDS, TicketField, ValueKind
from app.tickets.rules.tickets import DEFAULT_TYPE_OF_PROBLEM, GGUS_CATEGORIES, Category, Layer
from app.tickets.services.diaries import DiaryEntry
from app.tickets.services.ticket_rows import TicketRow
from soap_service.answer_xml import Value
from soap_service.fields import MODIFY, Element, Operation

_FIELDS: Final[Mapping[str, TicketField]] = {field.ggus: field for field in FIELDS if field.ggus}
"""The fields that an element holds as they are."""
LIMITS: Final[Mapping[str, int]] = {
    name: min(field.limit, LONG_TEXT_LIMIT) for name, field in _FIELDS.items()
}
"""Characters that elements may have where it is not 255."""

CLEARABLE: Final = frozenset(
    {
        *("GHD_Affected_Site", "GHD_Target_ID", "GHD_Incident_ID"),
        *(name for name, field in _FIELDS.items() if field.ggus_clears),
    }
)
"""Elements that an empty value clears in TicketModify; everywhere else empty is as absent."""

_CHANGES: Final = sorted(
    (field for element in MODIFY.request.elements if (field := _FIELDS.get(element.name))),
    key=lambda field: (field.ggus_clears, field.limit > LONG_TEXT_LIMIT, FIELDS.index(field)),
)
"""What TicketModify changes, in the order in which the change log has it."""
_ANSWERED: Final = tuple(
    (name, field.name)
    for name, field in _FIELDS.items()
    if field.kind in (ValueKind.TEXT, ValueKind.CHOICE) and not field.is_contact
)
_REFERENCES: Final = {"GHD_Target_ID": "target", "GHD_Incident_ID": "incident"}
_GAP: Final = "\n\n"


def check_lengths(sent: Mapping[str, str]) -> None:
    """Raise ``Invalid`` for a text longer than its element may be; nothing is ever cut."""
    for name, text in sent.items():
        checked_text(name, text, LIMITS.get(name, SHORT_TEXT_LIMIT))


def new_ticket(sent: Mapping[str, str]) -> NewTicket:
    """What OpCreate or TicketCreate asks for."""
    check_lengths(sent)
    given = {name: text for name, text in sent.items() if text}
    kind = given.get("GHD_Type_Of_Problem", DEFAULT_TYPE_OF_PROBLEM)
    category, layer = GGUS_CATEGORIES.get(kind, (Category.INCIDENT, None))
    site = given.get("GHD_Affected_Site", "").strip() and given["GHD_Affected_Site"]
    start = given.get("GHD_Date_Time_Of_Problem")
    stated: dict[str, Any] = {
        field.name: given[name] for name, field in _FIELDS.items() if name in given
    }
    stated["title"] = sent["GHD_Short_Description"]
    return NewTicket(
        **stated,
        category=category,
        layer=layer or Layer.UNKNOWN,
        sites=(site,) if site else (),
        experiment_specific=given.get("GHD_Experiment_Specific_Problem") == "Yes",
        event_start=read_time("GHD_Date_Time_Of_Problem", start) if start else None,
        submitter_mail=given.get("GHD_Submitter_Mail", given.get("GHD_E-Mail", "")),
        origin_system=given.get("GHD_Origin_SG", ""),
    )


def content_of(sent: Mapping[str, str]) -> Mapping[str, str]:
    """What decides whether a repeated creation is the same: all but the names of the sender.

    The two creating operations differ in the name of the mail element only, which is one here.
    """
    content = {
        name: text
        for name, text in sent.items()
        if name not in ("GHD_Last_Login", "GHD_Last_Modifier", "GHD_Submitter_Mail")
    }
    mail = sent.get("GHD_Submitter_Mail")
    return {**content, "GHD_E-Mail": mail} if mail else content


def wanted_changes(sent: Mapping[str, str], public_url: str, ticket: Ticket) -> Mapping[str, Any]:
    """What TicketModify asks for, as wishes of ``change_ticket``."""
    check_lengths(sent)
    given = {name: text for name, text in sent.items() if text or name in CLEARABLE}
    wanted: dict[str, Any] = {
        field.name: given[field.ggus] for field in _CHANGES if field.ggus in given
    }
    if "GHD_Experiment_Specific_Problem" in given:
        wanted["experiment_specific"] = given["GHD_Experiment_Specific_Problem"] == "Yes"
    if "GHD_Ticket_Category" in given:
        category, layer = GGUS_CATEGORIES[given["GHD_Ticket_Category"]]
        wanted["category"] = category
        if layer is not None:
            wanted["layer"] = layer
    if "GHD_Affected_Site" in given:
        wanted["first_site"] = given["GHD_Affected_Site"]
    own = {kind: given[name] for name, kind in _REFERENCES.items() if name in given}
    if own:
        wanted["own_references"] = own
    return {
        field: value
        for field, value in wanted.items()
        if not _only_given_back(field, value, ticket, public_url)
    }


def _only_given_back(field: str, value: object, ticket: Ticket, public_url: str) -> bool:
    """Whether a client sends back what it was answered where that is not what is stored."""
    if field == "affected_vo":
        return value == "none" and not ticket.affected_vo
    if field == "solution":
        cut = pointer(public_url).format(number=ticket.number)
        return value == cut_with_pointer(ticket.solution, LONG_TEXT_LIMIT, cut)
    return False


# --- out ------------------------------------------------------------------------------------------


def pointer(public_url: str) -> str:
    """How a cut text ends; ``{number}`` stands for the ticket's number."""
    return f"\n[... cut here; the whole text: {public_url}/tickets/{{number}}]"


def answered(
    operation: Operation,
    ticket: TicketRow,
    entries: Sequence[DiaryEntry],
    actor: Actor,
    public_url: str,
) -> Mapping[str, Value]:
    """The elements that answer a ticket to this account, without what is empty for it."""
    values = _all_values(ticket, entries, actor, public_url)
    return {
        element.name: value
        for element in operation.response.elements
        if _existed(element, actor) and (value := values.get(element.name))
    }


def _existed(element: Element, actor: Actor) -> bool:
    """Clients compiled against an older contract break on elements that they do not know."""
    return element.since <= actor.contract_year


def _all_values(
    ticket: TicketRow, entries: Sequence[DiaryEntry], actor: Actor, public_url: str
) -> Mapping[str, Value | None]:
    sent_by_asker = actor.partner_id is not None and (
        actor.partner_id == ticket.created_by_partner_id
    )
    cut = pointer(public_url).format(number=ticket.number)
    yes_or_no = "Yes" if ticket.experiment_specific else "No"
    values: dict[str, Value | None] = {
        **{element: getattr(ticket, name) for element, name in _ANSWERED},
        "GHD_Request_ID": str(ticket.number),
        "GHD_Description": cut_with_pointer(ticket.description, LONG_TEXT_LIMIT, cut),
        "GHD_Experiment_Specific_Problem": yes_or_no,
        "GHD_VO_Specific": yes_or_no,
        "GHD_Internal_Diary": diary([e for e in entries if e.internal], cut),
        "GHD_Public_Diary": diary([e for e in entries if not e.internal], cut),
        "GHD_Last_Modifier": ticket.last_author,
        "GHD_Detailed_Solution": cut_with_pointer(ticket.solution, LONG_TEXT_LIMIT, cut),
        "GHD_Affected_Site": ticket.affected_site,
        "GHD_Affected_VO": ticket.affected_vo or "none",
        "GHD_Date_Of_Change": ticket.changed_at,
        "GHD_Modified_Date": ticket.changed_at,
        "GHD_Date_Of_Creation": ticket.created_at,
        "GHD_Create_Date": ticket.created_at,
        "GHD_Ticket_Type": "LHCOPN",
        "GHD_Origin_SG": ticket.partner_code if ticket.origin_system else None,
        "GHD_ETA": ticket.estimated_end,
    }
    if sent_by_asker:
        values["GHD_E-Mail"] = ticket.submitter_mail
        values["GHD_Phone"] = ticket.submitter_phone
    return values


def diary(entries: Sequence[DiaryEntry], cut: str) -> str:
    """The entries, oldest first, each with time (UTC) and author; ``cut`` ends a cut one.

    Where they are too long together, the oldest are left out and the first line says how many.
    """
    texts = [
        f"[{entry.at:%Y-%m-%d %H:%M:%S} UTC] {entry.author}\n{entry.text}" for entry in entries
    ]
    if len(texts) < 2:
        return cut_with_pointer("".join(texts), LONG_TEXT_LIMIT, cut)
    whole = _GAP.join(texts)
    where = cut.rpartition(": ")[2].rstrip("]")
    if len(whole) <= LONG_TEXT_LIMIT:
        return whole
    left_out = len(texts) - 1
    length = len(texts[-1])
    while left_out > 1:
        length += len(_GAP) + len(texts[left_out - 1])
        if length > LONG_TEXT_LIMIT - len(_left_out(left_out - 1, where)):
            break
        left_out -= 1
    head = _left_out(left_out, where)
    kept = _GAP.join(texts[left_out:])
    return head + cut_with_pointer(kept, LONG_TEXT_LIMIT - len(head), cut)


def _left_out(count: int, where: str) -> str:
    return f"[{count} older entries are left out here; read them at {where}]{_GAP}"
