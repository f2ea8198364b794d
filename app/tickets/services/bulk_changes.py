"""Several tickets changed at once: what would change, changing them, taking that back.

Each ticket is changed by the usual verb, so that each has its own change in the log with all that
follows from it. A bulk change is one transaction and keeps which tickets it changed to which
version, and why others were left out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Actor, Role, Writer
from app.core.rules.errors import Forbidden, Invalid, NotFound, PortalError, StaleVersion
from app.core.rules.language import _
from app.core.services.changes import TICKET, FieldChange, changes_of
from app.registry.services.registry import require_site
from app.tickets.models.desk import BulkChange, BulkChangeTicket
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import LABELS, check_values
from app.tickets.rules.tickets import ENDED_STATES, MOVES, State
from app.tickets.services.lifecycle import (
    COMMENTS,
    change_ticket,
    change_ticket_at,
    locked_ticket,
    planned_change,
)
from app.tickets.services.lists.query import readable
from app.tickets.services.search.index import words_at_the_end

MAX_SELECTED = 500
"""Tickets that are changed at once: others who write wait meanwhile, a second or two."""
FIELDS = (
    "state",
    "solution",
    "priority",
    "unit",
    "person_in_charge",
    "responsible_site",
    "public_comment",
)
"""What can be changed of several tickets at once."""
NO_CHANGE = _("No change needed")
MEANWHILE = _("Somebody changed it after the preview; it was skipped")


@dataclass(frozen=True)
class Planned:
    """What would happen to one ticket: its changes, none, or why it is refused."""

    number: int
    title: str
    version: int
    changes: Sequence[FieldChange]
    refusal: str = ""


def require_bulk(actor: Actor) -> None:
    """Raise ``Forbidden`` unless this person changes tickets at all."""
    if not (actor.is_operator or actor.role is Role.REPORTER):
        raise Forbidden(_("A reader may not change tickets; ask for the role reporter or operator"))


def checked_wishes(session: Session, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wishes with a site under its own name; ``Invalid`` for what no ticket takes."""
    if not set(wanted) <= set(FIELDS):
        raise Invalid(
            "state", _("Only these are changed at once: %(listed)s", listed=", ".join(FIELDS))
        )
    check_values(wanted)
    wishes = dict(wanted)
    if wishes.get("responsible_site"):
        site = require_site(session, wishes["responsible_site"], "responsible_site")
        wishes["responsible_site"] = site.key
    return wishes


def plan_bulk_change(
    session: Session, by: Writer, numbers: Collection[int], wanted: Mapping[str, Any]
) -> Sequence[Planned]:
    """What would happen to each ticket now, by number; writes nothing.

    Numbers of tickets that this person does not know are left out without a word.
    """
    require_bulk(by.actor)
    wishes = checked_wishes(session, wanted)
    tickets = session.scalars(
        select(Ticket)
        .where(Ticket.number.in_(_bounded(numbers)), readable(by.actor))
        .order_by(Ticket.number)
    ).unique()
    found = []
    for ticket in tickets:
        changes: Sequence[FieldChange] = ()
        refusal = ""
        try:
            changes = planned_change(session, by, ticket, wishes)
        except PortalError as error:
            refusal = error.message
        found.append(Planned(ticket.number, ticket.title, ticket.version, changes, refusal))
    return found


def _bounded(numbers: Collection[int]) -> Collection[int]:
    if len(numbers) > MAX_SELECTED:
        raise Invalid(
            "n",
            _(
                "%(count)s tickets are too many at once; at most %(max_selected)s are changed",
                count=len(numbers),
                max_selected=MAX_SELECTED,
            ),
        )
    return numbers


def do_bulk_change(
    session: Session,
    by: Writer,
    key: str,
    versions: Mapping[int, int],
    wanted: Mapping[str, Any],
) -> BulkChange:
    """Change these tickets if each still has its version. The same ``key`` again changes nothing
    and gives what the first did."""
    require_bulk(by.actor)
    wishes = checked_wishes(session, wanted)
    known = _locked(session, by.actor, _bounded(versions))
    done = _begun(session, by, key, wishes)
    if done is not None:
        return done
    bulk = _begin(session, by, key, wishes)
    done_of = []
    with words_at_the_end(session):
        for number in known:
            changed, note = None, ""
            try:
                ticket = change_ticket_at(session, by, number, wishes, versions[number])
                changed = ticket.version if ticket.version != versions[number] else None
                note = "" if changed else NO_CHANGE
            except StaleVersion:
                note = MEANWHILE
            except PortalError as error:
                note = error.message
            done_of.append(BulkChangeTicket(ticket_number=number, version=changed, note=note))
    bulk.tickets = done_of
    session.flush()
    return bulk


def _locked(session: Session, actor: Actor, numbers: Collection[int]) -> Sequence[int]:
    """Those of these tickets that there are, all locked before the first change: the change
    counter's lock always comes last, else two writers could wait for each other."""
    return session.scalars(
        select(Ticket.number)
        .where(Ticket.number.in_(numbers), readable(actor))
        .order_by(Ticket.number)
        .with_for_update(of=Ticket, key_share=True)
    ).all()


def _begun(session: Session, by: Writer, key: str, wishes: Mapping[str, Any]) -> BulkChange | None:
    done = session.scalars(
        select(BulkChange).where(BulkChange.user_id == by.actor.account_id, BulkChange.key == key)
    ).first()
    if done is not None and done.wanted != json.dumps(dict(wishes), ensure_ascii=False):
        raise Invalid(
            "key", _("This form was already sent with other values; start again from the list")
        )
    return done


def _begin(session: Session, by: Writer, key: str, wishes: Mapping[str, Any]) -> BulkChange:
    if by.actor.account_id is None:
        raise Forbidden(_("Only a person may change several tickets at once"))
    bulk = BulkChange(
        user_id=by.actor.account_id,
        key=key,
        at=by.now,
        wanted=json.dumps(dict(wishes), ensure_ascii=False),
    )
    session.add(bulk)
    session.flush()
    return bulk


def find_bulk_change(session: Session, actor: Actor, key: int) -> BulkChange:
    """One's own, or to operators any; ``NotFound`` otherwise, as for an unknown one."""
    bulk = session.get(BulkChange, key)
    if bulk is None or not (bulk.user_id == actor.account_id or actor.is_operator):
        raise NotFound(_("Bulk edit not found"))
    return bulk


def newest_bulk_changes(
    session: Session, actor: Actor, most: int
) -> Sequence[tuple[BulkChange, int]]:
    """One's own newest ones, each with how many tickets it changed."""
    count = (
        select(func.count())
        .where(
            BulkChangeTicket.bulk_change_id == BulkChange.id, BulkChangeTicket.version.is_not(None)
        )
        .scalar_subquery()
    )
    rows = session.execute(
        select(BulkChange, count)
        .where(BulkChange.user_id == actor.account_id)
        .order_by(BulkChange.id.desc())
        .limit(most)
    )
    return [(row[0], row[1]) for row in rows]


def undone_by(session: Session, bulk: BulkChange) -> BulkChange | None:
    """The bulk change that took this one back, or None."""
    return session.scalars(select(BulkChange).where(BulkChange.undoes_id == bulk.id)).first()


def changes_in(session: Session, bulk: BulkChange) -> Mapping[int, Change]:
    """The change that a bulk change made of each ticket, by number."""
    pairs = [
        (item.ticket_number, item.version) for item in bulk.tickets if item.version is not None
    ]
    if not pairs:
        return {}
    rows = session.scalars(
        select(Change).where(
            Change.kind == TICKET, tuple_(Change.thing_id, Change.version).in_(pairs)
        )
    )
    return {row.thing_id: row for row in rows}


def titles_of(session: Session, bulk: BulkChange) -> Mapping[int, str]:
    """The titles of its tickets by number, as they are now."""
    numbers = [item.ticket_number for item in bulk.tickets]
    rows = session.execute(select(Ticket.number, Ticket.title).where(Ticket.number.in_(numbers)))
    return {row[0]: row[1] for row in rows}


def undo_bulk_change(session: Session, by: Writer, key: int, reason: str) -> BulkChange:
    """Put back what a bulk change changed, where nobody changed it since; a bulk change itself.

    By the usual verbs: what the table of moves does not allow stays, and is reported; a solved or
    unsolved ticket is reopened. ``reason`` is a public comment of each ticket.
    """
    require_bulk(by.actor)
    bulk = find_bulk_change(session, by.actor, key)
    if bulk.undoes_id is not None:
        raise Invalid(
            "reason", _("This reverted another change; to change the tickets again, use the list")
        )
    if not reason.strip():
        raise Invalid("reason", _("Reason is required; it is added to each ticket"))
    check_values({"public_comment": reason})
    _locked(session, by.actor, [item.ticket_number for item in bulk.tickets])
    if undone_by(session, bulk) is not None:
        raise Invalid("reason", _("This was already reverted"))
    undo = _begin(session, by, f"undo-{bulk.id}", {"public_comment": reason})
    undo.undoes_id = bulk.id
    with words_at_the_end(session):
        undo.tickets = [
            _put_back(session, by, number, change, reason)
            for number, change in sorted(changes_in(session, bulk).items())
        ]
    session.flush()
    return undo


def _put_back(
    session: Session, by: Writer, number: int, change: Change, reason: str
) -> BulkChangeTicket:
    """Put one ticket's fields back as far as that is possible."""
    changed: int | None = None
    notes: list[str] = []
    try:
        ticket = locked_ticket(session, number)
        before = ticket.version
        wanted, notes = _what_to_put_back(session, ticket, change)
        if wanted:
            ticket = change_ticket(session, by, number, {**wanted, "public_comment": reason})
            changed = ticket.version if ticket.version != before else None
    except PortalError as error:
        notes = [*notes, error.message]
    if changed is None and not notes:
        notes = [NO_CHANGE]
    return BulkChangeTicket(ticket_number=number, version=changed, note="; ".join(notes))


def _what_to_put_back(
    session: Session, ticket: Ticket, change: Change
) -> tuple[dict[str, Any], list[str]]:
    """The old values that can be put back, and words about those that cannot."""
    later = (
        changes_of(session, TICKET, ticket.number, after=change.version)
        if ticket.version > change.version
        else ()
    )
    since = {item.field for one in later for item in one.fields} - set(COMMENTS)
    state = ticket.state
    wanted: dict[str, Any] = {}
    notes: list[str] = []
    for item in change.fields:
        label = LABELS.get(item.field, item.field)
        if item.field in COMMENTS:
            notes.append(_("The comment remains"))
        elif item.field in since:
            notes.append(_("%(label)s was changed since and was not reverted", label=label))
        elif item.field == "state":
            _put_state_back(State(state), State(item.old or State.NEW), wanted, notes)
        elif item.field in FIELDS:
            wanted[item.field] = item.old or ""
    if state == State.SOLVED and "state" not in wanted:
        wanted.pop("solution", None)  # a solved ticket keeps its solution
    return wanted, notes


def _put_state_back(state: State, old: State, wanted: dict[str, Any], notes: list[str]) -> None:
    if old in MOVES[state]:
        wanted["state"] = old
    elif state in ENDED_STATES:
        wanted["state"] = State.REOPENED
        notes.append(
            _(
                "The state was %(old)s; a ticket that was %(state)s can only be reopened",
                old=old,
                state=state,
            )
        )
    else:
        notes.append(
            _(
                "The state remains %(state)s, because a ticket cannot return to %(old)s",
                state=state,
                old=old,
            )
        )
