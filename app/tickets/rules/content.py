"""What a writer may state of a ticket: at its creation, and field by field afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core.rules.errors import Invalid, InvalidMany, PortalError
from app.core.rules.texts import (
    ASSIGN_LIMIT,
    PORTAL_TEXT_LIMIT,
    RELATED_ISSUE_LIMIT,
    SHORT_TEXT_LIMIT,
    TITLE_LIMIT,
    UNIT_LIMIT,
    checked_choice,
    checked_link,
    checked_text,
)
from app.registry.rules.networks import Network
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
    """Link ids. Where empty, ids that stand in title or description are recognised."""
    sites: tuple[str, ...] = ()
    """Any names of sites. Where empty, a site named in the title is recognised."""
    asked_sites: tuple[str, ...] = ()
    """Any names of known sites that must accept this change; only a change has them. Where empty,
    the affected sites and the ends of the affected links are asked."""
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

TEXT_LIMITS: Mapping[str, int] = {
    "title": TITLE_LIMIT,
    "description": PORTAL_TEXT_LIMIT,
    "solution": PORTAL_TEXT_LIMIT,
    "public_comment": PORTAL_TEXT_LIMIT,
    "internal_comment": PORTAL_TEXT_LIMIT,
    "unit": UNIT_LIMIT,
    "type_of_problem": UNIT_LIMIT,
    "affected_vo": SHORT_TEXT_LIMIT,
    "related_issue": RELATED_ISSUE_LIMIT,
    "person_in_charge": ASSIGN_LIMIT,
    "submitter_name": SHORT_TEXT_LIMIT,
    "submitter_mail": SHORT_TEXT_LIMIT,
    "submitter_login": SHORT_TEXT_LIMIT,
    "submitter_phone": SHORT_TEXT_LIMIT,
    "carbon_copy": SHORT_TEXT_LIMIT,
    "origin_system": SHORT_TEXT_LIMIT,
    "origin_id": SHORT_TEXT_LIMIT,
}
"""Text fields of a ticket and the most characters that each may have."""

LABELS: Mapping[str, str] = {
    "title": "Title",
    "description": "Description",
    "solution": "Solution",
    "public_comment": "Comment",
    "internal_comment": "Internal note",
    "state": "State",
    "priority": "Priority",
    "network": "Network",
    "category": "Category",
    "layer": "Layer",
    "impact": "Impact",
    "links": "Affected links",
    "sites": "Affected sites",
    "asked_sites": "Sites that must accept",
    "responsible_site": "Responsible site",
    "unit": "Responsible unit",
    "type_of_problem": "Type of problem",
    "affected_vo": "Affected VO",
    "related_issue": "Related issue",
    "person_in_charge": "Person in charge",
    "experiment_specific": "Experiment specific",
    "event_start": "Event start",
    "event_detected": "Event detected",
    "event_end": "Event end",
    "window_start": "Window start",
    "window_end": "Window end",
    "estimated_end": "Estimated end",
    "submitter_name": "Submitter",
    "submitter_mail": "Submitter's mail",
    "submitter_login": "Submitter's login name",
    "submitter_phone": "Submitter's phone",
    "carbon_copy": "Carbon copy",
    "origin_system": "Origin system",
    "origin_id": "Origin id",
    "references": "External references",
    "handed_to": "Handed to partners",
    "attachment": "Attachment",
    "to_check": "To check",
    "acknowledgement": "Acknowledgement",
    "reminder": "Reminder",
    "parent": "Parent",
    "child": "Child",
    "duplicate_of": "Duplicate of",
    "duplicate": "Duplicate",
    "related": "Related",
    "repeated_mail": "Mail in a repeated creation",
    "repeated_phone": "Phone in a repeated creation",
    "repeated_carbon_copy": "Carbon copy in a repeated creation",
}
"""What each field of a ticket is called in pages, messages and history."""

CHOICES: Mapping[str, type[State | Priority | Network | Category | Layer | Impact]] = {
    "state": State,
    "priority": Priority,
    "network": Network,
    "category": Category,
    "layer": Layer,
    "impact": Impact,
}
TIMES = (
    "event_start",
    "event_detected",
    "event_end",
    "window_start",
    "window_end",
    "estimated_end",
)
REQUIRED_TEXTS = ("title", "unit", "type_of_problem")
_ORDERED = (
    ("event_start", "event_end", "The event ends before it starts"),
    ("event_start", "event_detected", "The event was detected before it started"),
    ("window_start", "window_end", "The window ends before it starts"),
)
FINAL_FIELDS = frozenset({"public_comment", "internal_comment", "references", "to_check"})
"""What may still be added to a verified or closed ticket."""


def check_values(values: Mapping[str, Any]) -> None:
    """Raise ``Invalid`` or ``InvalidMany`` if any of a ticket's fields has a value not allowed."""
    problems: dict[str, str] = {}

    def note(error: PortalError, name: str) -> None:
        problems.setdefault(name, error.message)

    for name, value in values.items():
        label = LABELS.get(name, name)
        try:
            if name in TEXT_LIMITS:
                checked_text(name, value, TEXT_LIMITS[name], label=label)
                if name in REQUIRED_TEXTS and not value.strip():
                    raise Invalid(name, f"{label} is required")
                if name == "related_issue":
                    checked_link(name, value, label=label)
            elif name in CHOICES and value is not None:
                checked_choice(name, value, CHOICES[name], label)
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
            name, f"{LABELS[name]} has {len(things)} entries; at most {MAX_THINGS} are allowed"
        )


def _check_names(name: str, names: Sequence[str], label: str) -> None:
    _check_count(name, names)
    for one in names:
        checked_text(name, one, SHORT_TEXT_LIMIT, label=label)
        if not one.strip():
            raise Invalid(name, "An empty name names nothing; leave it out")


def _check_references(name: str, references: Sequence[Reference], label: str) -> None:
    _check_count(name, references)
    for one in references:
        for text in (one.provider, one.reference, one.url):
            checked_text(name, text, SHORT_TEXT_LIMIT, label=label)
        if not (one.provider.strip() and (one.reference.strip() or one.url.strip())):
            raise Invalid(name, "A reference lacks its provider, or both number and address")


def check_times(values: Mapping[str, Any]) -> None:
    """Raise unless the times that are set are in a possible order."""
    problems: dict[str, str] = {}
    for first, second, message in _ORDERED:
        if values.get(first) and values.get(second) and values[second] < values[first]:
            problems.setdefault(second, message)
    _raise_for(problems)


def check_asked_sites(category: str, asked: Sequence[str]) -> None:
    """Raise ``Invalid`` if sites are asked to accept a ticket that is no change."""
    if asked and category != Category.CHANGE:
        raise Invalid("asked_sites", "Only a change is accepted by sites; leave this field empty")


def check_category_needs(category: str, values: Mapping[str, Any]) -> None:
    """Raise unless a ticket written in the portal states what its category needs.

    A maintenance needs its window, a change the sites concerned.
    """
    problems: dict[str, str] = {}
    if category == Category.MAINTENANCE:
        for name in ("window_start", "window_end"):
            if not values.get(name):
                problems[name] = f"{LABELS[name]} is required for a maintenance"
    if category == Category.CHANGE and not values.get("sites"):
        problems["sites"] = "A change needs the sites concerned; choose at least one"
    _raise_for(problems)


def _raise_for(problems: Mapping[str, str]) -> None:
    if len(problems) == 1:
        raise Invalid(*next(iter(problems.items())))
    if problems:
        raise InvalidMany(problems)
