"""Verbs that merge a ticket into another one and separate them again, and the duplicates' stories.

Nothing is copied: a duplicate keeps all that it has, and the page of its master reads it there. So
nobody sees more than before, and separating the two restores both as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from app.core.database.upsert import upsert
from app.core.models.changes import Change, ChangedField
from app.core.rules import access
from app.core.rules.access import Actor, Writer
from app.core.services.changes import TICKET, FieldChange
from app.tickets.models.attachments import Attachment
from app.tickets.models.relations import TicketRelation
from app.tickets.models.tickets import Ticket
from app.tickets.models.watchers import TicketWatcher
from app.tickets.rules.merging import MERGED_COMMENT, check_merge
from app.tickets.rules.relations import RelationRole, bond_of, check_bond
from app.tickets.rules.tickets import State, is_open
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import record_on_ticket
from app.tickets.services.relations import (
    bonds_of,
    later_than_both,
    locked_pair,
    row_of,
    unrelate_tickets,
)
from app.tickets.services.timeline import TimelineStep, steps_of


def merge_tickets(session: Session, by: Writer, number: int, master: int) -> Ticket:
    """Close the ticket ``number`` as unsolved and a duplicate of ``master``; return the master.

    Needs the right to write on both. Who watches the duplicate, and the person who opened it,
    watches the master from now on. One that is not open any more keeps its state; what is merged
    already is no change. Raises ``NotFound`` (either ticket), ``Forbidden``, and ``Invalid`` on the
    field ``other`` where a rule of ``rules.merging`` or ``rules.relations`` forbids it.
    """
    ticket, other = locked_pair(session, by, number, master)
    access.require_write(by.actor, facts_of(other))
    check_merge(number, ticket.category, master, other.category, other.state)
    wanted = bond_of(number, RelationRole.DUPLICATE_OF, master)
    bound = row_of(session, wanted) is not None
    if not bound:
        check_bond(wanted, bonds_of(session, number, master), ())
    elif not is_open(ticket.state):
        return other
    at = later_than_both(by, ticket, other)
    changed = []
    if is_open(ticket.state):
        changed.append(FieldChange("state", ticket.state, State.UNSOLVED))
        changed.append(FieldChange("public_comment", None, MERGED_COMMENT))
        ticket.state, ticket.ended_at = State.UNSOLVED, at
    # told also where the two are linked already: by this change separating finds what it undoes
    before = str(master) if bound else None
    changed.append(FieldChange(RelationRole.DUPLICATE_OF, before, str(master)))
    if not bound:
        session.add(TicketRelation(kind=wanted.kind, ticket_number=number, other_number=master))
    record_on_ticket(session, by, ticket, changed, at)
    if not bound:
        link_change = FieldChange(RelationRole.DUPLICATE, None, str(number))
        record_on_ticket(session, by, other, [link_change], at)
    _bring_watchers(session, ticket, master, at)
    return other


def separate_tickets(
    session: Session, by: Writer, number: int, role: RelationRole, other: int
) -> Ticket:
    """Take off that ``other`` is ``role`` (master or duplicate) to ``number``; return that ticket.

    What a merge did is undone: its watchers leave the master, and the duplicate is in the state of
    before if nobody moved it since. That needs the right to write on both; else the rights are
    those of ``unrelate_tickets``.
    """
    ticket, partner = locked_pair(session, by, number, other)
    duplicate, master = (
        (ticket, partner) if role is RelationRole.DUPLICATE_OF else (partner, ticket)
    )
    row = row_of(session, bond_of(number, role, other))
    merge = _merge_of(session, duplicate.number, master.number) if row is not None else None
    if row is None or merge is None:
        return unrelate_tickets(session, by, number, role, other)
    session.execute(
        delete(TicketWatcher).where(
            TicketWatcher.ticket_number == master.number, TicketWatcher.since == merge.at
        )
    )
    if merge.state is None:
        return unrelate_tickets(session, by, number, role, other)
    access.require_write(by.actor, facts_of(partner))
    session.delete(row)
    at = later_than_both(by, ticket, partner)
    back = [
        FieldChange("state", duplicate.state, merge.state),
        FieldChange(RelationRole.DUPLICATE_OF, str(master.number), None),
    ]
    duplicate.state, duplicate.ended_at = merge.state, None
    record_on_ticket(session, by, duplicate, back, at)
    link_change = FieldChange(RelationRole.DUPLICATE, str(duplicate.number), None)
    record_on_ticket(session, by, master, [link_change], at)
    return ticket


@dataclass(frozen=True)
class _Merge:
    """When two tickets were merged, and from which state; None where that stays as it is."""

    at: datetime
    state: str | None


def _merge_of(session: Session, number: int, master: int) -> _Merge | None:
    """The newest merge of a locked ticket into ``master``, if that is its newest bond to it."""
    bond = session.execute(
        select(Change.id, Change.at, Change.version)
        .join(ChangedField)
        .where(
            Change.kind == TICKET,
            Change.thing_id == number,
            ChangedField.field == RelationRole.DUPLICATE_OF,
            ChangedField.new == str(master),
        )
        .order_by(Change.version.desc())
        .limit(1)
    ).one_or_none()
    if bond is None:
        return None
    moves = session.execute(
        select(Change.id, ChangedField.old)
        .join(ChangedField)
        .where(
            Change.kind == TICKET,
            Change.thing_id == number,
            Change.version >= bond.version,
            ChangedField.field == "state",
        )
        .order_by(Change.version)
    ).all()
    merged = bool(moves) and moves[0].id == bond.id
    return _Merge(bond.at, moves[0].old if merged and len(moves) == 1 else None)


def _bring_watchers(session: Session, ticket: Ticket, master: int, at: datetime) -> None:
    """Let who watches or opened a ticket watch its master, since the merge: by that time they
    leave it when the two are separated."""
    watching = select(TicketWatcher.user_id).where(TicketWatcher.ticket_number == ticket.number)
    people = {*session.scalars(watching), ticket.created_by_user_id} - {None}
    rows = [{"ticket_number": master, "user_id": user, "since": at} for user in people]
    if rows:
        new = upsert(TicketWatcher)
        session.execute(new.values(rows).on_conflict_do_nothing())


@dataclass(frozen=True)
class MergedStory:
    """A duplicate as the page of its master shows it: what this actor may see."""

    number: int
    description: str
    steps: Sequence[TimelineStep]
    attachments: Collection[int]
    """The ids of its files that were not removed."""


def stories_of(session: Session, actor: Actor, numbers: Collection[int]) -> Sequence[MergedStory]:
    """The stories of these tickets, which the actor may read, by number."""
    if not numbers:
        return ()
    changes = (
        session.scalars(
            select(Change)
            .where(Change.kind == TICKET, Change.thing_id.in_(numbers))
            .order_by(Change.thing_id, Change.version)
            .options(joinedload(Change.fields))
        )
        .unique()
        .all()
    )
    steps: dict[int, list[TimelineStep]] = {number: [] for number in sorted(numbers)}
    for change, step in zip(changes, steps_of(session, actor, changes), strict=True):
        if step is not None:
            steps[change.thing_id].append(step)
    texts = select(Ticket.number, Ticket.description).where(Ticket.number.in_(numbers))
    descriptions = {row.number: row.description for row in session.execute(texts)}
    files: dict[int, set[int]] = {number: set() for number in numbers}
    for number, file in session.execute(
        select(Attachment.ticket_number, Attachment.id).where(
            Attachment.ticket_number.in_(numbers), Attachment.removed_at.is_(None)
        )
    ):
        files[number].add(file)
    return [
        MergedStory(number, descriptions[number], found, files[number])
        for number, found in steps.items()
    ]
