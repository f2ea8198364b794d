"""A ticket's story as one account may read it: its changes, oldest first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Actor, ActorKind, Role, may_read_internal
from app.core.services.changes import TICKET, FieldChange, changes_of
from app.tickets.rules.fields import FIELDS
from app.tickets.rules.relations import RELATION_FIELDS
from app.tickets.services.creation import idempotency as origins
from app.tickets.services.diaries import INTERNAL, PUBLIC, may_see_entry
from app.tickets.services.relations import readable_numbers

_CONTACTS = frozenset(
    {*(field.name for field in FIELDS if field.is_contact), *origins.CONTACTS.values()}
)
"""Shown to operators and to the partner that sent them only; but see ``_may_see``."""
_READER = Actor(kind=ActorKind.PERSON, account="", role=Role.READER)


@dataclass(frozen=True)
class TimelineStep:
    """One change as shown: its entries (public and internal) and the fields that it changed."""

    version: int
    at: datetime
    author: str
    account: str
    actor_kind: str
    door: str
    public_comment: str
    internal_comment: str
    fields: Sequence[FieldChange]


def may_see_contacts(actor: Actor, partner_id: int | None) -> bool:
    """Whether mail and phone that ``partner_id`` (None = a person) sent are shown to the actor."""
    if actor.kind is ActorKind.SYSTEM or actor.is_operator:
        return True
    return actor.partner_id is not None and actor.partner_id == partner_id


def _may_see(actor: Actor, field: str, partner_id: int | None) -> bool:
    """Whether the actor may see this field of a change that an account of ``partner_id`` made."""
    if field == "carbon_copy" and actor.kind is ActorKind.PERSON:
        return True  # a fact on the ticket's page: every person who may write there sets it
    if field == "to_check":
        return may_read_internal(actor)
    return field not in _CONTACTS or may_see_contacts(actor, partner_id)


def is_hidden(field: str) -> bool:
    """Whether only operators (and the partner that sent it) see this field of a change."""
    return field == INTERNAL or not _may_see(_READER, field, None)


def timeline_of(session: Session, actor: Actor, number: int) -> Sequence[TimelineStep]:
    """The steps that this actor may see; a step of which nothing may be seen is left out.

    Other tickets are named only where the actor may read them.
    """
    steps = steps_of(session, actor, changes_of(session, TICKET, number))
    return [step for step in steps if step is not None]


def steps_of(
    session: Session, actor: Actor, changes: Sequence[Change]
) -> Sequence[TimelineStep | None]:
    """Each change of a ticket that the actor may read as a step, None if nothing may be seen."""
    named = {int(text) for change in changes for text in _numbers_in(change)}
    readable = {str(other) for other in readable_numbers(session, actor, named)}
    return [_step(actor, change, readable) for change in changes]


def _numbers_in(change: Change) -> Sequence[str]:
    """The other tickets that a change names."""
    return [
        text
        for item in change.fields
        if item.field in RELATION_FIELDS
        for text in (item.old, item.new)
        if text is not None
    ]


def _step(actor: Actor, change: Change, readable: Collection[str]) -> TimelineStep | None:
    """``readable``: the numbers of other tickets that may be named."""
    texts = {PUBLIC: "", INTERNAL: ""}
    fields = []
    for item in change.fields:
        if item.field in texts:
            internal = item.field == INTERNAL
            if may_see_entry(actor, internal=internal, partner_id=change.partner_id):
                texts[item.field] = item.new or ""
        elif item.field in RELATION_FIELDS:
            if (item.new or item.old) in readable:
                fields.append(FieldChange(item.field, item.old, item.new))
        elif _may_see(actor, item.field, change.partner_id):
            # what stood there before, somebody else may have sent
            old = item.old if _may_see(actor, item.field, None) else None
            fields.append(FieldChange(item.field, old, item.new))
    if not fields and not any(texts.values()):
        return None
    return TimelineStep(
        version=change.version,
        at=change.at,
        author=change.author,
        account=change.actor_account,
        actor_kind=change.actor_kind,
        door=change.door,
        public_comment=texts[PUBLIC],
        internal_comment=texts[INTERNAL],
        fields=fields,
    )
