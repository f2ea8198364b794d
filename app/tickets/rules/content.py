"""What a writer may state of a ticket: at its creation, and field by field afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any

from app.core.rules.errors import Invalid, InvalidMany, PortalError
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_choice, checked_link, checked_text
from app.tickets.rules.fields import BY_NAME, FIELDS, ValueKind
from app.tickets.rules.tickets import (
    DEFAULT_TYPE_OF_PROBLEM,
    DEFAULT_UNIT,
    Category,
    Impact,
    Layer,
    Priority,
    State,
)


@dataclass(frozen=True)
class NewTicket:
    """What is stated of a ticket when it is opened. Times are aware UTC; "" and None = not set."""

    title: str
    description: str = ""
    state: str = State.NEW
    priority: str = Priority.LESS_URGENT
    network: str | None = None
    """None: that of the affected links, else LHCONE if the title says so, else LHCOPN."""
    category: str = Category.INCIDENT
    layer: str = Layer.UNKNOWN
    impact: str = Impact.UNKNOWN
    links: tuple[str, ...] = ()
    """Link ids. Where empty, ids that are in title or description are recognised."""
    sites: tuple[str, ...] = ()
    """Any names of sites. Where empty, a site named in the title is recognised."""
    asked_sites: tuple[str, ...] = ()
    """Any names of known sites that must accept this change; only a change has them. Where empty,
    the affected sites and the ends of the affected links have to accept."""
    responsible_site: str = ""
    """Any name of a site; "" = follows the affected links and sites."""
    unit: str = DEFAULT_UNIT
    type_of_problem: str = DEFAULT_TYPE_OF_PROBLEM
    affected_vo: str = ""
    related_issue: str = ""
    person_in_charge: str = ""
    experiment_specific: bool = False
    event_start: datetime | None = None
    event_detected: datetime | None = None
    event_end: datetime | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None
    estimated_end: datetime | None = None
    submitter_name: str = ""
    submitter_mail: str = ""
    submitter_login: str = ""
    submitter_phone: str = ""
    carbon_copy: str = ""
    origin_system: str = ""
    origin_id: str = ""
    solution: str = ""
    public_comment: str = ""
    internal_comment: str = ""
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True)
class Reference:
    """A ticket's number in another system. ``kind``: target, incident or other."""

    provider: str
    reference: str
    url: str = ""
    kind: str = "other"


MAX_THINGS = 500
"""Links, sites or references that one ticket may name: each is looked up while others wait."""

DEFAULTS: Mapping[str, Any] = {
    item.name: item.default for item in fields(NewTicket) if item.default is not MISSING
}
"""What is stored of a field that nobody states."""
TIMES = tuple(field.name for field in FIELDS if field.kind is ValueKind.TIME)
LABELS: Mapping[str, str] = {
    **{field.name: field.label for field in FIELDS},
    "handed_to": _("Shared with partners"),
    "attachment": _("Attachment"),
    "to_check": _("Needs review"),
    "acknowledgement": _("Acceptance"),
    "reminder": _("Reminder"),
    "parent": _("Parent"),
    "child": _("Child"),
    "duplicate_of": _("Duplicate of"),
    "duplicate": _("Duplicate"),
    "related": _("Related"),
    "repeated_mail": _("Email address from a repeated creation request"),
    "repeated_phone": _("Phone number from a repeated creation request"),
    "repeated_carbon_copy": _("Carbon copy from a repeated creation request"),
}
"""What each field of a ticket, and what else the change log holds of one, is called."""
_ORDERED = (
    ("event_start", "event_end", _("The event ends before it starts")),
    ("event_start", "event_detected", _("The event was detected before it started")),
    ("window_start", "window_end", _("The window ends before it starts")),
)
FINAL_FIELDS = frozenset({"public_comment", "internal_comment", "references", "to_check"})
"""What may still be added to a verified or closed ticket."""


def check_values(values: Mapping[str, Any]) -> None:
    """Raise ``Invalid`` or ``InvalidMany`` if any of a ticket's fields has a value not allowed."""
    problems: dict[str, str] = {}

    def note(error: PortalError, name: str) -> None:
        problems.setdefault(name, error.message)

    for name, value in values.items():
        if (field := BY_NAME.get(name)) is None:
            continue
        label = field.label
        try:
            if field.is_text:
                checked_text(name, value, field.limit, label=label)
                if field.is_needed and not value.strip():
                    raise Invalid(name, _("%(label)s is required", label=label))
                if name == "related_issue":
                    checked_link(name, value, label=label)
            elif field.choices is not None and value is not None:
                checked_choice(name, value, field.choices, label)
            elif name in ("links", "sites", "asked_sites"):
                _check_names(name, value, label)
            elif name == "references":
                _check_references(name, value, label)
        except Invalid as error:
            note(error, name)
    _raise_for(problems)


def _check_count(name: str, things: Sequence[object]) -> None:
    if len(things) > MAX_THINGS:
        raise Invalid(
            name,
            _(
                "%(labels)s has %(count)s entries; at most %(max_things)s are allowed",
                labels=LABELS[name],
                count=len(things),
                max_things=MAX_THINGS,
            ),
        )


def _check_names(name: str, names: Sequence[str], label: str) -> None:
    _check_count(name, names)
    for one in names:
        checked_text(name, one, SHORT_TEXT_LIMIT, label=label)
        if not one.strip():
            raise Invalid(name, _("A name is empty; fill it in or leave it out"))


def _check_references(name: str, references: Sequence[Reference], label: str) -> None:
    _check_count(name, references)
    for one in references:
        for text in (one.provider, one.reference, one.url):
            checked_text(name, text, SHORT_TEXT_LIMIT, label=label)
        if not (one.provider.strip() and (one.reference.strip() or one.url.strip())):
            raise Invalid(name, _("A reference needs a provider, and a number or an address"))


def check_times(values: Mapping[str, Any]) -> None:
    """Raise unless the times that are set are in a possible order."""
    problems: dict[str, str] = {}
    for first, second, message in _ORDERED:
        if values.get(first) and values.get(second) and values[second] < values[first]:
            problems.setdefault(second, message)
    _raise_for(problems)


def check_asked_sites(category: str, asked: Sequence[str]) -> None:
    """Raise ``Invalid`` if sites have to accept a ticket that is not a change."""
    if asked and category != Category.CHANGE:
        raise Invalid(
            "asked_sites", _("Only a change is accepted by sites; leave this field empty")
        )


def check_category_needs(category: str, values: Mapping[str, Any]) -> None:
    """Raise unless a ticket written in the portal states what its category needs.

    A maintenance needs its window, a change the sites concerned.
    """
    problems: dict[str, str] = {}
    if category == Category.MAINTENANCE:
        for name in ("window_start", "window_end"):
            if not values.get(name):
                problems[name] = _("%(labels)s is required for a maintenance", labels=LABELS[name])
    if category == Category.CHANGE and not values.get("sites"):
        problems["sites"] = _("A change needs the sites concerned; choose at least one")
    _raise_for(problems)


def _raise_for(problems: Mapping[str, str]) -> None:
    if len(problems) == 1:
        raise Invalid(*next(iter(problems.items())))
    if problems:
        raise InvalidMany(problems)
