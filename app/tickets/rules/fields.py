"""What a ticket's fields are: each is declared here, once.

Forms, pages, lists, files, the change log and both SOAP services read these declarations. The order
is that of the native service and of an import's change. A view whose order is another one says it
itself; what it does not name follows there. How a field of a kind of its own is read and written
(links, sites, references) is said where that is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from functools import partial
from typing import Final, TypeAlias

from app.core.rules.texts import (
    ASSIGN_LIMIT,
    PORTAL_TEXT_LIMIT,
    RELATED_ISSUE_LIMIT,
    SHORT_TEXT_LIMIT,
    TITLE_LIMIT,
    UNIT_LIMIT,
)
from app.registry.rules.networks import Network
from app.tickets.rules.tickets import Category, Impact, Layer, Priority, State


class ValueKind(Enum):
    """What a field holds."""

    TEXT = auto()
    """One line."""
    LONG_TEXT = auto()
    ENTRY = auto()
    """A text that is appended to a diary; it lives in the change log only."""
    CHOICE = auto()
    """One of ``choices``."""
    FLAG = auto()
    TIME = auto()
    OWN = auto()
    """What no other field is; only its label is declared."""


class Where(Flag):
    """Where a field stands, beside the change log, the conflict of two edits, and what partners
    are told of it."""

    NOWHERE = 0
    FORM = auto()
    """The form of a new ticket and of an edit."""
    PAGE = auto()
    """The facts of the ticket's page, where it differs from what is usual; times always do."""
    LIST = auto()
    """A column that a person may choose."""
    FILTER = auto()
    """A parameter of the list's address: one of the values given."""
    FILE = auto()
    """A column of exported and imported files."""
    SEARCH = auto()
    """Found by its words."""


Choices: TypeAlias = type[State | Priority | Network | Category | Layer | Impact]


@dataclass(frozen=True)
class TicketField:
    """One field of a ticket; its default is that of ``NewTicket``."""

    name: str
    """As the table and the change log call it, and in camel case the native service."""
    label: str
    kind: ValueKind = ValueKind.TEXT
    where: Where = Where.NOWHERE
    limit: int = SHORT_TEXT_LIMIT
    """Characters of a text."""
    choices: Choices | None = None
    is_needed: bool = False
    """Whether a text is never blank."""
    is_contact: bool = False
    """Shown to operators and to the partner that sent it only."""
    help: str = ""
    """Stands at its input."""
    key: str = ""
    """What lists and files call it, where that is not its name."""
    head: str = ""
    """What stands over its column and its filter, where that is not its label."""
    width: int = 140
    """Of its column, in pixels as in the style sheet."""
    meaning: str = ""
    """What partners of the native service are told of it; "" = they do not get it."""
    rule: str = ""
    """What they are told besides when they write it."""
    ggus: str = ""
    """The element of the GGUS contract that holds it just as it is."""
    ggus_clears: bool = False
    """Whether an empty element of TicketModify clears it; else empty is as absent."""

    @property
    def is_text(self) -> bool:
        """Whether it is a text of any length."""
        return self.kind in (ValueKind.TEXT, ValueKind.LONG_TEXT, ValueKind.ENTRY)

    @property
    def may_be_empty(self) -> bool:
        """Whether a ticket may have no value of it."""
        return self.kind is ValueKind.TIME or (self.is_text and not self.is_needed)


_TIME_HELP: Final = "UTC, as 2026-01-31 09:05; a zone may follow: 2026-01-31 10:05+01:00"
_FORM, _PAGE, _LIST, _FILTER, _FILE, _SEARCH = (
    *(Where.FORM, Where.PAGE, Where.LIST),
    *(Where.FILTER, Where.FILE, Where.SEARCH),
)


_LONG: Final = partial(TicketField, kind=ValueKind.LONG_TEXT, limit=PORTAL_TEXT_LIMIT)
_ENTRY: Final = partial(TicketField, kind=ValueKind.ENTRY, limit=PORTAL_TEXT_LIMIT)
_CHOICE: Final = partial(TicketField, kind=ValueKind.CHOICE)
_TIME: Final = partial(TicketField, kind=ValueKind.TIME, width=148)

FIELDS: Final = (
    TicketField(
        "title",
        "Title",
        where=_FORM | _FILE | _SEARCH,
        limit=TITLE_LIMIT,
        is_needed=True,
        help="At most 255 characters.",
        meaning="what is wrong, in a line",
        rule="not blank",
        ggus="GHD_Short_Description",
    ),
    _LONG(
        "description",
        "Description",
        where=_FORM | _FILE | _SEARCH,
        meaning="the whole story",
        ggus="GHD_Description",
    ),
    _LONG(
        "solution",
        "Solution",
        where=_FILE | _SEARCH,
        meaning="how it was solved",
        rule="required for solved",
        ggus="GHD_Detailed_Solution",
    ),
    _ENTRY(
        "public_comment",
        "Comment",
        meaning="one entry for the public diary",
        ggus="GHD_Public_Diary",
    ),
    _ENTRY(
        "internal_comment",
        "Internal note",
        meaning="one entry for the internal diary",
        ggus="GHD_Internal_Diary",
    ),
    _CHOICE("state", "State", choices=State, where=_FILE, meaning="its state", ggus="GHD_Status"),
    _CHOICE(
        "priority",
        "Priority",
        choices=Priority,
        where=_FORM | _FILTER | _FILE,
        meaning="GGUS's",
        ggus="GHD_Priority",
    ),
    _CHOICE(
        "network",
        "Network",
        choices=Network,
        where=_FORM | _LIST | _FILTER | _FILE,
        width=92,
        meaning="the network",
    ),
    _CHOICE(
        "category",
        "Category",
        choices=Category,
        where=_FORM | _LIST | _FILTER | _FILE,
        width=116,
        meaning="what is reported",
        rule="a maintenance needs its window, a change its sites",
    ),
    _CHOICE(
        "layer",
        "Layer",
        choices=Layer,
        where=_FORM | _LIST | _FILTER | _FILE,
        width=104,
        meaning="where in the network the cause lies",
    ),
    _CHOICE(
        "impact",
        "Impact",
        choices=Impact,
        where=_FORM | _LIST | _FILE,
        width=168,
        meaning="what users notice",
    ),
    TicketField("links", "Affected links", ValueKind.OWN),
    TicketField("sites", "Affected sites", ValueKind.OWN),
    TicketField("asked_sites", "Sites that must accept", ValueKind.OWN),
    TicketField("responsible_site", "Responsible site", ValueKind.OWN),
    TicketField(
        "unit",
        "Responsible unit",
        where=_FORM | _LIST | _FILTER | _FILE,
        limit=UNIT_LIMIT,
        is_needed=True,
        head="Unit",
        meaning="support unit in charge",
        ggus="GHD_Responsible_Unit",
    ),
    TicketField(
        "type_of_problem",
        "Type of problem",
        where=_PAGE,
        limit=UNIT_LIMIT,
        is_needed=True,
        meaning="GGUS's type of problem",
        ggus="GHD_Type_Of_Problem",
    ),
    TicketField(
        "affected_vo",
        "Affected VO",
        where=_PAGE,
        meaning="the affected experiment",
        ggus="GHD_Affected_VO",
        ggus_clears=True,
    ),
    TicketField(
        "related_issue",
        "Related issue",
        where=_FORM | _PAGE,
        limit=RELATED_ISSUE_LIMIT,
        help="A URL that begins with https://, http:// or mailto:",
        meaning="an http, https or mailto URL",
        ggus="GHD_Related_Issue",
        ggus_clears=True,
    ),
    TicketField(
        "person_in_charge",
        "Person in charge",
        where=_FORM | _LIST,
        limit=ASSIGN_LIMIT,
        key="person",
        head="In charge",
        meaning="who works on it",
        ggus="GHD_Assign_To",
        ggus_clears=True,
    ),
    TicketField(
        "experiment_specific",
        "Experiment specific",
        ValueKind.FLAG,
        meaning="a problem of one experiment only",
    ),
    _TIME(
        "event_start",
        "Event start",
        where=_FORM | _LIST | _FILE,
        help=_TIME_HELP,
        meaning="when the event began",
    ),
    _TIME(
        "event_detected",
        "Event detected",
        where=_FORM | _FILE,
        meaning="when it was noticed",
        rule="not before the start",
    ),
    _TIME(
        "event_end",
        "Event end",
        where=_FORM | _LIST | _FILE,
        meaning="when it was over",
        rule="not before the start",
    ),
    _TIME(
        "window_start",
        "Window start",
        where=_FORM | _LIST | _FILE,
        help=_TIME_HELP,
        meaning="begin of the planned window",
    ),
    _TIME(
        "window_end",
        "Window end",
        where=_FORM | _LIST | _FILE,
        meaning="end of the planned window",
        rule="not before its start",
    ),
    _TIME(
        "estimated_end",
        "Estimated end",
        where=_FORM,
        meaning="when it is expected to be over",
    ),
    TicketField(
        "submitter_name",
        "Submitter",
        where=_LIST | _FILE | _SEARCH,
        key="submitter",
        ggus="GHD_Name",
    ),
    TicketField("submitter_mail", "Submitter's mail", is_contact=True),
    TicketField("submitter_login", "Submitter's login name", ggus="GHD_Loginname"),
    TicketField("submitter_phone", "Submitter's phone", is_contact=True, ggus="GHD_Phone"),
    TicketField(
        "carbon_copy",
        "Carbon copy",
        where=_FORM,
        is_contact=True,
        help="Mail addresses that get this ticket's mails, separated by ;",
        meaning="mail addresses between semicolons that get the ticket's mails",
        ggus="GHD_CarbonCopy",
    ),
    TicketField("origin_system", "Origin system", where=_FILE),
    TicketField("origin_id", "Origin id", where=_FILE | _SEARCH, ggus="GHD_Origin_ID"),
    TicketField("references", "External references", ValueKind.OWN),
)
BY_NAME: Final[Mapping[str, TicketField]] = {field.name: field for field in FIELDS}
ENTRIES: Final = tuple(field.name for field in FIELDS if field.kind is ValueKind.ENTRY)
ROW_FIELDS: Final = tuple(
    field.name for field in FIELDS if field.kind not in (ValueKind.ENTRY, ValueKind.OWN)
)
"""The fields that are columns of the ticket's row, as they are stated."""


def fields_at(where: Where, *first: str) -> tuple[TicketField, ...]:
    """The fields that stand there: those named first, then the others as they are declared."""
    found = {field.name: field for field in FIELDS if where in field.where}
    return tuple(found[name] for name in dict.fromkeys((*first, *found)))
