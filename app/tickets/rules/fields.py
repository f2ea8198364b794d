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
from functools import cached_property, partial
from typing import Final, TypeAlias

from app.core.rules.human_times import EXAMPLES, EXAMPLES_TO_COME, Tense
from app.core.rules.language import _
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
    """Where a field appears, in addition to the change log, the conflict of two edits and the
    services of partners."""

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
    """Lists find a ticket by its words."""


Choices: TypeAlias = type[State | Priority | Network | Category | Layer | Impact]


@dataclass(frozen=True)
class TicketField:
    """One field of a ticket; its default is that of ``NewTicket``."""

    name: str
    """As the table and the change log call it, and in camel case the native service."""
    label: str
    where: Where = Where.NOWHERE
    meaning: str = ""
    """What it means, for partners of the native service; "" = it is not part of that."""
    ggus: str = ""
    """The element of the GGUS contract that holds it as it is: a text, an entry or a choice."""
    kind: ValueKind = ValueKind.TEXT
    limit: int = SHORT_TEXT_LIMIT
    """Characters of a text."""
    choices: Choices | None = None
    tense: Tense = Tense.PAST
    """How a time is read that a person types, in each form and each check that asks for it."""
    is_needed: bool = False
    """Whether a text is never blank."""
    is_contact: bool = False
    """Shown to operators and to the partner that sent it only."""
    help: str = ""
    """Shown at its input."""
    rule: str = ""
    """What is to be observed in writing it, for the same."""
    ggus_clears: bool = False
    """Whether an empty element of TicketModify clears it; else empty is as absent."""
    key: str = ""
    """What lists and files call it, where that is not its name."""
    head: str = ""
    """The head of its column, and its filter, where that is not its label."""
    width: int = 140
    """Of its column, in pixels as in the style sheet."""

    @cached_property
    def is_text(self) -> bool:
        """Whether it is a text of any length."""
        return self.kind in (ValueKind.TEXT, ValueKind.LONG_TEXT, ValueKind.ENTRY)

    @cached_property
    def may_be_empty(self) -> bool:
        """Whether a ticket may have no value for it."""
        texts = (ValueKind.TEXT, ValueKind.LONG_TEXT)
        return self.kind is ValueKind.TIME or (self.kind in texts and not self.is_needed)


_TIME_HELP: Final = _("For example: %(examples)s", examples=EXAMPLES)
_TIME_HELP_TO_COME: Final = _("For example: %(examples)s", examples=EXAMPLES_TO_COME)
_FORM, _PAGE, _LIST, _FILTER, _FILE = Where.FORM, Where.PAGE, Where.LIST, Where.FILTER, Where.FILE
_COLUMN, _WORDS = _LIST | _FILE, _FILE | Where.SEARCH
_LONG: Final = partial(TicketField, kind=ValueKind.LONG_TEXT, limit=PORTAL_TEXT_LIMIT)
_ENTRY: Final = partial(TicketField, kind=ValueKind.ENTRY, limit=PORTAL_TEXT_LIMIT)
_CHOICE: Final = partial(TicketField, kind=ValueKind.CHOICE)
_TIME: Final = partial(TicketField, kind=ValueKind.TIME, width=148)
_OWN: Final = partial(TicketField, kind=ValueKind.OWN)

FIELDS: Final = (
    TicketField(
        "title",
        _("Title"),
        _FORM | _WORDS,
        "what is wrong, in one line",
        "GHD_Short_Description",
        limit=TITLE_LIMIT,
        is_needed=True,
        help=_("At most 255 characters."),
        rule="not blank",
    ),
    _LONG("description", _("Description"), _FORM | _WORDS, "full description", "GHD_Description"),
    _LONG(
        "solution",
        _("Solution"),
        _WORDS,
        "solution",
        "GHD_Detailed_Solution",
        rule="required for solved",
    ),
    _ENTRY(
        "public_comment",
        _("Comment"),
        meaning="one entry for the public diary",
        ggus="GHD_Public_Diary",
    ),
    _ENTRY(
        "internal_comment",
        _("Internal note"),
        meaning="one entry for the internal diary",
        ggus="GHD_Internal_Diary",
    ),
    _CHOICE("state", _("State"), _FILE, "the state", "GHD_Status", choices=State),
    _CHOICE(
        "priority",
        _("Priority"),
        _FORM | _FILTER | _FILE,
        "priority, as in GGUS",
        "GHD_Priority",
        choices=Priority,
    ),
    _CHOICE(
        "network", _("Network"), _FORM | _COLUMN | _FILTER, "the network", choices=Network, width=92
    ),
    _CHOICE(
        "category",
        _("Category"),
        _FORM | _COLUMN | _FILTER,
        "what is reported",
        choices=Category,
        width=116,
        rule="a maintenance needs its window, a change its sites",
    ),
    _CHOICE(
        "layer",
        _("Layer"),
        _FORM | _COLUMN | _FILTER,
        "network layer of the cause",
        choices=Layer,
        width=104,
    ),
    _CHOICE("impact", _("Impact"), _FORM | _COLUMN, "impact on users", choices=Impact, width=168),
    _OWN("links", _("Affected links")),
    _OWN("sites", _("Affected sites")),
    _OWN("asked_sites", _("Sites that must accept")),
    _OWN("responsible_site", _("Responsible site")),
    TicketField(
        "unit",
        _("Responsible unit"),
        _FORM | _COLUMN | _FILTER,
        "support unit in charge",
        "GHD_Responsible_Unit",
        limit=UNIT_LIMIT,
        is_needed=True,
        head=_("Unit"),
        help=_("TPM: first-line support at GGUS"),
    ),
    TicketField(
        "type_of_problem",
        _("Type of problem"),
        _PAGE,
        "GGUS's type of problem",
        "GHD_Type_Of_Problem",
        limit=UNIT_LIMIT,
        is_needed=True,
    ),
    TicketField(
        "affected_vo",
        _("Affected VO"),
        _PAGE,
        "the affected experiment",
        "GHD_Affected_VO",
        ggus_clears=True,
    ),
    TicketField(
        "related_issue",
        _("Related issue"),
        _FORM | _PAGE,
        "an http, https or mailto URL",
        "GHD_Related_Issue",
        limit=RELATED_ISSUE_LIMIT,
        help=_("A URL starting with https://, http:// or mailto:"),
        ggus_clears=True,
    ),
    TicketField(
        "person_in_charge",
        _("Assignee"),
        _FORM | _LIST,
        "who works on it",
        "GHD_Assign_To",
        limit=ASSIGN_LIMIT,
        key="person",
        head=_("Assignee"),
        ggus_clears=True,
    ),
    TicketField(
        "experiment_specific",
        _("Experiment specific"),
        meaning="whether only one experiment is affected",
        kind=ValueKind.FLAG,
    ),
    _TIME("event_start", _("Event start"), _FORM | _COLUMN, "start of the event", help=_TIME_HELP),
    _TIME(
        "event_detected",
        _("Event detected"),
        _FORM | _FILE,
        "when the problem was noticed",
        rule="not before the start",
    ),
    _TIME(
        "event_end",
        _("Event end"),
        _FORM | _COLUMN,
        "end of the event",
        rule="not before the start",
    ),
    _TIME(
        "window_start",
        _("Window start"),
        _FORM | _COLUMN,
        "start of the planned window",
        tense=Tense.COMING,
        help=_TIME_HELP_TO_COME,
    ),
    _TIME(
        "window_end",
        _("Window end"),
        _FORM | _COLUMN,
        "end of the planned window",
        rule="not before its start",
        tense=Tense.COMING,
    ),
    _TIME(
        "estimated_end",
        _("Estimated end"),
        _FORM,
        "expected end",
        tense=Tense.COMING,
    ),
    TicketField("submitter_name", _("Submitter"), _LIST | _WORDS, ggus="GHD_Name", key="submitter"),
    TicketField("submitter_mail", _("Submitter's email"), is_contact=True),
    TicketField("submitter_login", _("Submitter's login name"), ggus="GHD_Loginname"),
    TicketField("submitter_phone", _("Submitter's phone"), ggus="GHD_Phone", is_contact=True),
    TicketField(
        "carbon_copy",
        _("Carbon copy"),
        _FORM,
        "mail addresses that get the ticket's mails, separated by semicolons",
        "GHD_CarbonCopy",
        is_contact=True,
        help=_("Additional recipients of emails about this ticket, separated by semicolons"),
    ),
    TicketField("origin_system", _("Origin system"), _FILE),
    TicketField("origin_id", _("Origin id"), _WORDS, ggus="GHD_Origin_ID"),
    _OWN("references", _("External references")),
)
BY_NAME: Final[Mapping[str, TicketField]] = {field.name: field for field in FIELDS}
ENTRIES: Final = tuple(field.name for field in FIELDS if field.kind is ValueKind.ENTRY)
ROW_FIELDS: Final = tuple(
    field.name for field in FIELDS if field.kind not in (ValueKind.ENTRY, ValueKind.OWN)
)
"""The fields that are columns of the ticket's row, as they are stated."""


def fields_at(where: Where, *first: str) -> tuple[TicketField, ...]:
    """The fields that appear there: those named first, then the others as they are declared."""
    found = {field.name: field for field in FIELDS if where in field.where}
    return tuple(found[name] for name in dict.fromkeys((*first, *found)))
