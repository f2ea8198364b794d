"""What a ticket's page shows of other tickets: parent, children, duplicates and related ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.rules import access
from app.core.rules.access import Actor
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.tickets.models.tickets import Ticket
from app.tickets.pages.forms import MergeForm, RelationForm
from app.tickets.rules.relations import RelationRole
from app.tickets.services.fields import current_value
from app.tickets.services.relations import Related, relations_of
from app.tickets.services.whole_ticket import WholeTicket

_HEADINGS = {
    RelationRole.PARENT: _("Parent"),
    RelationRole.CHILD: _("Children"),
    RelationRole.DUPLICATE_OF: _("Duplicate of"),
    RelationRole.DUPLICATE: _("Duplicates"),
    RelationRole.RELATED: _("Related"),
}
_WORDS = {
    RelationRole.PARENT: _("the parent"),
    RelationRole.CHILD: _("a child"),
    RelationRole.DUPLICATE_OF: _("the original"),
    RelationRole.DUPLICATE: _("a duplicate"),
    RelationRole.RELATED: "related",
}
_NUMBER = re.compile(r"[0-9]{1,9}")
_LENT = ("network", "category")
"""What a child takes over from its parent besides links and sites."""


@dataclass(frozen=True)
class RelatedGroup:
    """The tickets that have one role towards the ticket shown."""

    role: RelationRole
    tickets: Sequence[Related]

    @property
    def heading(self) -> str:
        """What they are, as a heading."""
        return _HEADINGS[self.role]

    @property
    def word(self) -> str:
        """What one of them is, within a sentence."""
        return _WORDS[self.role]

    @property
    def finished(self) -> int | None:
        """How many children are not open any more; None for every other role."""
        if self.role is not RelationRole.CHILD:
            return None
        return sum(not item.is_open for item in self.tickets)


def related_section(
    actor: Actor, whole: WholeTicket, form: RelationForm | None, merging: MergeForm | None
) -> Mapping[str, Any]:
    """What the section "Related tickets" needs; ``form`` and ``merging`` are ones that were
    refused."""
    found = relations_of(db.session(), actor, whole.ticket.number) if whole.has_relations else ()
    groups = [
        RelatedGroup(role, tickets)
        for role in RelationRole
        if (tickets := [item for item in found if item.role is role])
    ]
    return {
        "related_groups": groups,
        "relation_form": form or RelationForm(formdata=None),
        "merge_form": merging or MergeForm(formdata=None),
        "master": next((item for item in found if item.role is RelationRole.DUPLICATE_OF), None),
        "duplicates": [item.number for item in found if item.role is RelationRole.DUPLICATE],
        "may_open_child": access.refusal_to_create(actor) is None,
    }


def read_number(text: str | None) -> int | None:
    """The ticket number that was typed, or None if it is not a number."""
    typed = (text or "").strip().removeprefix("#")
    return int(typed) if _NUMBER.fullmatch(typed) else None


def parent_number(text: str) -> int:
    """The number in the address of a child's form; ``NotFound`` if it is not a number."""
    number = read_number(text)
    if number is None:
        raise NotFound
    return number


def lent_to_child(parent: Ticket) -> dict[str, Any]:
    """What the form of a child begins with: its parent's links, sites, network and category."""
    return {
        "links": list(current_value(parent, "links")),
        "sites": [item.site.key if item.site else item.name for item in parent.affected_sites],
        **{name: getattr(parent, name) for name in _LENT},
    }
