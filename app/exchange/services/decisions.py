"""People's decisions about exchanged tickets: share, send again, choose a value, skip.

Each operation locks the pair first, and repeating it has no effect. A choice is recorded with the
name of the person.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Writer, require_admin, require_operator
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_reason, checked_text
from app.core.services.changes import TICKET, FieldChange, record_change
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Direction
from app.exchange.rules.settle import Base, as_stored, bases_of
from app.exchange.services.connections.connections import require_live, wake
from app.exchange.services.deliveries import (
    as_rule,
    first_waiting,
    locked_pair,
    require_exchanged,
    store,
)
from app.exchange.services.endings import exchange_again
from app.exchange.services.planning import (
    begin_pair,
    enqueue_pair,
    hold_planning,
    is_read,
    pair_with,
    plan_missed,
    profile_in_use,
)
from app.exchange.services.questions import end_questions
from app.exchange.services.their_values import set_theirs, writer_of
from app.exchange.services.trouble import PAIR
from app.exchange.services.unpaired import forget_unpaired
from app.exchange.services.values import send_value, their_value, value_here
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import hand_to_partner, locked_ticket

AGAIN_AT_ONCE: Final = 200
"""Most tickets that are sent again in one step."""
_SHARE: Final = _("share a ticket with a partner")
_AGAIN: Final = _("send a ticket to a partner again")
_CHOOSE: Final = _("choose between our value and a partner's")
_LEAVE_OUT: Final = _("skip what a partner did not accept")


def share(session: Session, by: Writer, number: int, connection: Connection) -> int:
    """Exchange a ticket with a partner from now on, the whole ticket first; return the pair's id. A
    ticket that is already exchanged is unchanged; an ended exchange continues where it ended."""
    require_operator(by.actor, _SHARE)
    require_live(connection)
    if not Direction(connection.direction).pushes:
        raise Invalid("connection", _("This connection only reads; nothing can be sent"))
    ticket = session.get(Ticket, number)
    if ticket is None:
        raise NotFound
    found = pair_with(session, connection, ticket)  # locked before its ticket
    if found is not None:
        exchange_again(session, by, found.id)
        return found.id
    ticket = locked_ticket(session, number)
    hand_to_partner(session, by, number, connection.partner.code)
    return begin_pair(session, connection, ticket, by.now).id


def retry(session: Session, by: Writer, pair_id: int) -> None:
    """Retry at once. What may have been written there is looked for first, so that a second click,
    or a second person, has no effect of its own. Raises ``Invalid`` if a change still cannot be
    planned."""
    require_operator(by.actor, _AGAIN)
    row = locked_pair(session, pair_id)
    require_exchanged(row)
    before = row.state
    if row.unplanned_from is not None:
        plan_missed(session, row, by.now)
    if before == PairState.STOPPED or row.due_at is not None or row.reason:
        store(row, rules.resume(as_rule(row)))
        record_change(
            session,
            by,
            kind=PAIR,
            thing_id=row.id,
            fields=[FieldChange("state", before, row.state)],
        )
    enqueue_pair(session, row)


def leave_out(session: Session, by: Writer, pair_id: int, reason: str) -> None:
    """Skip the first waiting entry of ours, with a reason; later entries continue."""
    require_admin(by.actor, _LEAVE_OUT)
    reason = checked_reason(reason, _("Enter a reason for skipping it"))
    row = locked_pair(session, pair_id)
    entry = first_waiting(session, pair_id)
    if entry is None:
        raise Invalid("ticket", _("Nothing is queued for this partner"))
    if row.state == PairState.CREATING or not row.their_id:
        raise Invalid("ticket", _("Their ticket does not exist yet; create or choose it first"))
    entry.state, entry.reason, entry.done_at = EntryState.SKIPPED, reason, by.now
    store(row, rules.done(rules.resume(as_rule(row))))
    left_out = FieldChange(f"entry {entry.sequence}", EntryState.WAITING, EntryState.SKIPPED)
    record_change(
        session,
        by,
        kind=PAIR,
        thing_id=row.id,
        fields=[left_out, FieldChange("reason", None, reason)],
    )
    enqueue_pair(session, row)


def send_again(session: Session, by: Writer, pair_id: int) -> TicketPair:
    """Retry a ticket's exchange at once, even if calls to its partner were suspended."""
    pair = session.get(TicketPair, pair_id)
    if pair is None:
        raise NotFound
    retry(session, by, pair_id)
    _wake(session, pair.connection)
    return pair


def send_all_again(session: Session, by: Writer, connection: Connection) -> int:
    """Retry all failed tickets of this partner, oldest first; return how many (at most
    ``AGAIN_AT_ONCE``)."""
    require_operator(by.actor, _AGAIN)
    hold_planning(session)
    pairs = session.scalars(  # all are locked before the first change is written
        select(TicketPair.id)
        .where(TicketPair.connection_id == connection.id, TicketPair.state == PairState.STOPPED)
        .order_by(TicketPair.id)
        .limit(AGAIN_AT_ONCE)
        .with_for_update(of=TicketPair)
    ).all()
    count = 0
    for pair_id in pairs:
        with suppress(Invalid), session.begin_nested():  # it stays stopped, with its reason
            retry(session, by, pair_id)
            count += 1
    _wake(session, connection)
    return count


def name_theirs(session: Session, by: Writer, pair_id: int, their_id: str) -> None:
    """Set which of their tickets is the counterpart, or ("") that none exists and it is to be
    created: if that is unknown, or there are several."""
    require_admin(by.actor, _AGAIN)
    pair = locked_pair(session, pair_id)
    require_exchanged(pair)
    if pair.state == PairState.PAIRED:
        raise Invalid("their_id", _("The counterpart is already known"))
    checked_text("their_id", their_id, 255, label=_("Their id"))
    taken = session.scalars(
        select(TicketPair.ticket_number).where(
            TicketPair.connection_id == pair.connection_id,
            TicketPair.their_id == their_id,
            TicketPair.id != pair.id,
        )
    ).first()
    if their_id and taken is not None:
        raise Invalid(
            "their_id", _("This is the counterpart of our ticket %(number)s", number=taken)
        )
    if their_id and pair.their_id and their_id != pair.their_id:
        pair.moved_from = pair.their_number or pair.their_id
        pair.their_number = pair.their_url = ""
    pair.their_id = their_id or pair.their_id
    pair.begun_at = None
    if their_id:
        forget_unpaired(session, pair.connection_id, their_id)
    if their_id and (first := _beginning(session, pair)) is not None:
        first.state, first.done_at = EntryState.SKIPPED, by.now
        first.reason = f"{by.shown_author} said that it is {their_id} there"[:500]
    store(pair, rules.resume(as_rule(pair)))
    _note(session, by, pair, "counterpart", their_id or "to be created")
    _wake(session, pair.connection)
    enqueue_pair(session, pair)


def skip(session: Session, by: Writer, entry_id: int, reason: str) -> None:
    """Skip the first waiting entry of ours, with a reason; later entries continue. If it has been
    exchanged by now, neither it nor the next one is skipped."""
    require_admin(by.actor, _LEAVE_OUT)
    pair, entry = _entry(session, entry_id)
    if entry.state == EntryState.SKIPPED:
        return
    if first_waiting(session, pair.id) is not entry:
        raise Invalid("reason", _("This entry is no longer the first one waiting"))
    leave_out(session, by, pair.id, reason)


def replay(session: Session, by: Writer, entry_id: int) -> None:
    """Send a skipped entry after all, or retry applying a partner's change."""
    require_admin(by.actor, _LEAVE_OUT)
    pair, entry = _entry(session, entry_id)
    require_exchanged(pair)
    if entry.origin == Origin.OURS and entry.state == EntryState.SKIPPED:
        entry.state, entry.reason, entry.done_at = EntryState.WAITING, "", None
        if entry.kind == EntryKind.FIELDS:  # they may not have set it before
            bases = bases_of(pair.bases)
            for name in bases.keys() & json.loads(entry.content).keys():
                bases[name] = replace(bases[name], ours=None)
            pair.bases = as_stored(bases)
        enqueue_pair(session, pair)
    elif _is_applicable(entry):
        for name, value in json.loads(entry.content).items():
            _change(session, writer_of(pair.connection, by.now), pair, name, (value,))
        entry.state, entry.reason, entry.done_at = EntryState.APPLIED, "", by.now
    else:
        return
    _note(session, by, pair, "replayed entry", f"{entry.origin} {entry.sequence}")


def _is_applicable(entry: ExchangeEntry) -> bool:
    """Whether a partner's change can be retried: values, but not a rejected file."""
    is_refused = entry.origin == Origin.THEIRS and entry.state == EntryState.RECORDED
    return is_refused and entry.kind == EntryKind.FIELDS


def choose(session: Session, by: Writer, entry_id: int, *, ours: bool) -> bool:
    """End a conflict: our value is sent to the partner, or theirs becomes ours; return whether it
    was still open. Older questions about the same field end with it."""
    require_operator(by.actor, _CHOOSE)
    pair, conflict = _entry(session, entry_id)
    if conflict.state != EntryState.ASKED:
        return False
    ticket = locked_ticket(session, pair.ticket_number)
    profile, bases = profile_in_use(session, pair.connection), bases_of(pair.bases)
    for name, value in json.loads(conflict.content).items():
        words = profile.map_of(name)
        theirs = their_value(pair, name) or words.theirs_of(value) or value
        if ours:  # ours counts as changed, and theirs as seen
            bases[name] = Base(None, theirs)
            send_value(session, pair, name, value_here(ticket, name), by.now, by.shown_author)
            continue
        if value_here(ticket, name) != value:
            _change(session, by, pair, name, tuple(dict.fromkeys((value, *words.all_of(theirs)))))
            if is_read(pair.connection):  # it is the partner's own value: already exchanged
                conflict.change_id = _change_of(session, pair.ticket_number)
        bases[name] = Base(value_here(ticket, name), theirs)
    whose = "ours" if ours else "theirs"
    reason = f"{by.shown_author} chose {whose}"
    conflict.state = EntryState.SKIPPED if ours else EntryState.APPLIED
    conflict.reason, conflict.done_at = reason[:500], by.now
    names = json.loads(conflict.content)
    session.flush()
    for name in names:
        end_questions(session, pair, name, by.now, reason)
    _note(session, by, pair, f"{', '.join(names)} chosen", whose)
    pair.bases = as_stored(bases)
    return True


def _change(
    session: Session, by: Writer, pair: TicketPair, name: str, meant: Sequence[str]
) -> None:
    """Set a value of the partner on our ticket; a move that is not allowed is reported in words."""
    try:
        set_theirs(session, by, pair, name, meant)
    except (MoveNotAllowed, Forbidden) as error:
        raise Invalid("value", error.message) from None


def _beginning(session: Session, pair: TicketPair) -> ExchangeEntry | None:
    """The entry of ours that creates their ticket, if it waits."""
    return session.scalars(
        select(ExchangeEntry).where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.kind == EntryKind.TICKET,
            ExchangeEntry.state == EntryState.WAITING,
        )
    ).first()


def _entry(session: Session, entry_id: int) -> tuple[TicketPair, ExchangeEntry]:
    found = session.get(ExchangeEntry, entry_id)
    if found is None:
        raise NotFound
    pair = locked_pair(session, found.pair_id)
    session.refresh(found)
    return pair, found


def _change_of(session: Session, number: int) -> int | None:
    """The newest change of a locked ticket."""
    return session.scalar(
        select(Change.id)
        .where(Change.kind == TICKET, Change.thing_id == number)
        .order_by(Change.version.desc())
        .limit(1)
    )


def _wake(session: Session, connection: Connection) -> None:
    """Call a partner now although calls were suspended because it did not answer."""
    if connection.resting_until is not None:
        wake(session, connection)


def _note(session: Session, by: Writer, pair: TicketPair, what: str, value: str) -> None:
    session.flush()
    record_change(session, by, kind=PAIR, thing_id=pair.id, fields=[FieldChange(what, None, value)])
