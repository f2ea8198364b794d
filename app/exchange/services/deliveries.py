"""One step of a pair at a time: claimed before a call, recorded after it.

No transaction is open while a partner is called. The call is recorded first; ``Claim.begun`` is the
fence: an answer counts only if no other worker has continued with the pair meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import traceparent_of
from app.exchange.adapters.kinds import kind_named
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.entries import EntryKind, EntryState, Outgoing
from app.exchange.rules.facts import STORED, block_of, said_of, with_facts
from app.exchange.rules.failures import SHARE_OF_SLOW, Failure, Outcome, pause_after
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import Next, Pair, PairState, PairStep, Traits
from app.exchange.rules.partner import Created, Sent
from app.exchange.services.connections.connections import is_called, is_notified_by_mail
from app.exchange.services.entries import add_entry
from app.exchange.services.extras import extras_of
from app.exchange.services.planning import LANES, WAKE, is_read, profile_in_use
from app.exchange.services.questions import ask
from app.exchange.services.values import (
    Left,
    is_overtaken,
    note_text_begun,
    note_values_created,
    note_values_sent,
    set_once_more,
    values_to_send,
)
from app.jobs.services.queue import enqueue
from app.tickets.models.attachments import AttachmentContent
from app.tickets.rules.attachments import attachment_id
from app.tickets.rules.marks import Mark, marked, reference_of

NOT_LOGGED_IN: Final = 401
_NEWEST: Final = 1000
"""Pairs whose ids there are compared with a new one."""
_MOVING: Final = (EntryKind.COMMENT, EntryKind.ATTACHMENT)
"""Kinds of entries that are public texts on an existing ticket."""
FAILURES_TO_REST: Final = 3
"""Failed calls in a row after which the partner's system counts as unavailable."""


@dataclass(frozen=True)
class Claim:
    """The next step of a pair, with its data."""

    step: PairStep
    number: int
    their_id: str
    begun: datetime | None
    entry_id: int | None = None
    outgoing: Outgoing | None = None
    until: datetime | None = None
    left: Mapping[str, Left] = field(default_factory=dict)
    """Values of the entry that are not sent, and why."""
    trace: str = ""
    """``traceparent`` of the request that wrote the entry's change; "" = none is known."""

    @property
    def reference(self) -> str:
        """Our reference there."""
        return reference_of(self.number)


def claim(
    session: Session,
    pair_id: int,
    traits: Traits,
    now: datetime,
    portal: str = "",
    *,
    was_read: bool = False,
) -> Claim:
    """Claim the next step of a pair; a call that writes is recorded as started. Before values are
    sent, their ticket is read, unless ``was_read``: a change of theirs must not be overwritten
    unseen. ``portal``: our address, which a first text contains."""
    row = locked_pair(session, pair_id)
    connection = row.connection
    if not may_call(connection, now):
        return Claim(PairStep.REST, row.ticket_number, "", None)
    entry = _first_to_send(session, row, now)
    if row.state == PairState.CREATING and entry is None:
        return Claim(PairStep.REST, row.ticket_number, "", None)
    pair = as_rule(row)
    what = rules.next_step(pair, waiting=entry is not None, traits=traits, now=now)
    if what.step is PairStep.ASK:
        store(row, rules.stop(pair, what.reason))
        return Claim(PairStep.REST, row.ticket_number, "", None)
    has_values = entry is not None and entry.kind == EntryKind.FIELDS
    if what.step is PairStep.SEND and has_values and not was_read and is_read(connection):
        what = Next(PairStep.READ)
    if what.step in (PairStep.CREATE, PairStep.SEND):
        return _begun(session, row, entry, what, traits.moved_by_text, portal, now)
    return Claim(
        what.step,
        row.ticket_number,
        row.their_id or "",
        row.begun_at,
        until=what.until,
        entry_id=entry.id if entry is not None else None,
    )


def begin_create(session: Session, pair_id: int, now: datetime, portal: str = "") -> Claim:
    """After a look-up that found nothing: record that their ticket is being created."""
    row = locked_pair(session, pair_id)
    entry = first_waiting(session, pair_id)
    if row.state != PairState.CREATING or row.begun_at is not None or entry is None:
        return Claim(PairStep.REST, row.ticket_number, "", None)  # another worker continued
    return _begun(session, row, entry, Next(PairStep.CREATE), {}, portal, now)


def note_found(session: Session, pair_id: int, ids: Sequence[str]) -> PairState:
    """After a look-up. Their ticket was found by our first entry, which is therefore there: both
    are recorded together."""
    row = locked_pair(session, pair_id)
    if row.state != PairState.CREATING:
        return PairState(row.state)
    taken = _taken(session, row, ids)
    if taken is not None:
        store(row, rules.stop(as_rule(row), f"{ids[0]} there is the pair of our #{taken}"))
        return PairState.STOPPED
    begun = row.begun_at
    store(row, rules.found(as_rule(row), tuple(ids)))
    if row.state == PairState.PAIRED and (entry := first_waiting(session, pair_id)) is not None:
        entry.state, entry.done_at = EntryState.SENT, begun
        content = json.loads(entry.content)
        profile = profile_in_use(session, row.connection)
        state = content.get("state", "")
        left = {"state": state} if profile.state_to_create(state) != state else {}
        said = (*said_of(kind_named(row.connection.kind), profile, content), STORED)
        values = _without(content, said)
        not_set = _without_field(session, row, values)
        note_values_created(session, row, _without(values, (*left, *not_set)), left)
        entry.reason = _not_set_there([one for one in not_set if one not in left])[:500]
    return PairState(row.state)


def note_created(
    session: Session, claimed: Claim, pair_id: int, created: Created, now: datetime
) -> None:
    """Record that their ticket was created. An id that is not above all ids known before the call
    means that they lost data: the connection is stopped."""
    row = locked_pair(session, pair_id)
    ended_meanwhile = row.state == PairState.ENDED and row.their_id is None
    if row.state == PairState.CREATING or ended_meanwhile:
        if created.serial is not None and claimed.begun is not None:
            highest = _highest_before(session, row, claimed.begun)
            if highest is not None and created.serial <= highest:
                reason = f"It created ticket {created.id}, and had {highest} before"
                stop_connection(row.connection, f"{reason}: it may have lost data", now)
        if (taken := _taken(session, row, (created.id,))) is not None:
            reason = f"It responded with {created.id}, which is the pair of our #{taken}"
            store(row, rules.stop(as_rule(row), reason))
            return
        store(row, rules.paired(as_rule(row), created.id))
        row.their_number, row.their_url = created.number, created.url
    entry = _note_entry(session, row, claimed.entry_id, "", now)
    if entry is not None and claimed.outgoing is not None:
        values = claimed.outgoing.values
        rest = {one: values[one] for one in created.left_out if values.get(one)}
        not_set = _without_field(session, row, values)
        note_values_created(session, row, _without(values, (*created.left_out, *not_set)), rest)
        reasons = (created.remark, _not_set_there([one for one in not_set if one not in rest]))
        entry.reason = "; ".join(filter(None, reasons))[:500]
        if rest:
            add_entry(
                session,
                row,
                Origin.OURS,
                EntryKind.FIELDS,
                rest,
                author=entry.author,
                at=now,
                state=EntryState.WAITING,
            )
    note_success(row.connection)
    row.connection.sent_at = now


def note_sent(session: Session, claimed: Claim, pair_id: int, sent: Sent, now: datetime) -> bool:
    """Record that an entry arrived; return whether it may have moved a value there, so that their
    ticket should be read. If their ticket was merged meanwhile, the read that followed the merge
    shows whether the entry is there; otherwise it is sent again."""
    row = locked_pair(session, pair_id)
    if row.begun_at == claimed.begun:
        store(row, rules.done(as_rule(row)))
    if row.their_id != claimed.their_id:
        return False
    entry = _note_entry(session, row, claimed.entry_id, sent.key, now)
    if entry is not None and claimed.outgoing is not None:
        values = claimed.outgoing.values
        left_out = sent.left_out
        if kind_named(row.connection.kind).is_notified:
            left_out = _without_field(session, row, values, EntryKind(entry.kind))
        not_set = {one: values[one] for one in left_out if one in values}
        note_values_sent(session, row, _without(values, not_set), not_set)
        _ask_what_crossed(session, row, _without(values, not_set), now)
        reasons = [_in_words(claimed.left)]
        reasons.append(_not_set_there(left_out))
        entry.reason = "; ".join(filter(None, reasons))[:500]
        is_values = entry.kind == EntryKind.FIELDS and entry.state == EntryState.SENT
        if is_values and set(values) <= set(left_out):  # the partner has no fields for them
            entry.state = EntryState.SKIPPED
    note_success(row.connection)
    row.connection.sent_at = now
    is_text = claimed.outgoing is not None and claimed.outgoing.kind in _MOVING
    return is_text and row.state != PairState.ENDED and set_once_more(session, row, now)


def _ask_what_crossed(
    session: Session, row: TicketPair, values: Mapping[str, str], now: datetime
) -> None:
    """During a call that carried ours, the partner set another value here: each side may have the
    other's value now, and only reading their ticket can tell."""
    profile = profile_in_use(session, row.connection)
    for name, value in values.items():
        if profile.maps.get(name) and is_overtaken(session, row, name, value):
            ask(session, row, name, value, now)


def note_not_carried(session: Session, claimed: Claim, pair_id: int, now: datetime) -> None:
    """Record that no value of an entry needs to be sent: nothing was called."""
    row = locked_pair(session, pair_id)
    if row.begun_at == claimed.begun:
        store(row, rules.done(as_rule(row)))
    entry = session.get(ExchangeEntry, claimed.entry_id) if claimed.entry_id is not None else None
    if entry is not None and entry.state == EntryState.WAITING:
        gave_way = Left.GAVE_WAY in claimed.left.values()
        entry.state = EntryState.GAVE_WAY if gave_way else EntryState.SKIPPED
        entry.done_at, entry.reason = now, _in_words(claimed.left)[:500]


def _in_words(left: Mapping[str, Left]) -> str:
    """Which values of an entry were not sent, and why; "" = none."""
    return "; ".join(
        f"{why}: {', '.join(name for name in left if left[name] is why)}"
        for why in Left
        if why in left.values()
    )


def _not_set_there(names: Collection[str]) -> str:
    return f"Not set there: {', '.join(names)}" if names else ""


def _without_field(
    session: Session,
    row: TicketPair,
    values: Mapping[str, str],
    kind: EntryKind = EntryKind.TICKET,
) -> Sequence[str]:
    """Names of values for which the partner's system has no field. The description of a new ticket
    is its text, and values that a new ticket does not have are not missing there."""
    profile, is_new = profile_in_use(session, row.connection), kind is EntryKind.TICKET
    there = kind_named(row.connection.kind)
    return [
        name
        for name, value in values.items()
        if not (is_new and (not value or name == "description"))
        and not there.has_field(profile, name, value)
    ]


def _without(values: Mapping[str, str], names: Collection[str]) -> Mapping[str, str]:
    return {name: value for name, value in values.items() if name not in names}


def note_failed(
    session: Session, claimed: Claim, pair_id: int, failure: Failure, now: datetime, chance: float
) -> datetime | None:
    """Record a failed call; return when to retry, None = a person decides."""
    row = locked_pair(session, pair_id)
    if row.begun_at == claimed.begun:
        wrote = claimed.step in (PairStep.CREATE, PairStep.SEND)
        store(row, rules.failed(as_rule(row), failure, now, chance, wrote=wrote))
    note_failure(session, row.connection, failure, now, chance)
    return row.due_at if row.state != PairState.STOPPED else None


def _first_to_send(session: Session, row: TicketPair, now: datetime) -> ExchangeEntry | None:
    """The next entry; internal notes that were planned before internal text was excluded are
    skipped now."""
    while (entry := first_waiting(session, row.id)) is not None:
        if entry.kind != EntryKind.INTERNAL or row.connection.internal:
            break
        entry.state, entry.done_at = EntryState.SKIPPED, now
        entry.reason = "Internal notes are not sent to this partner"
        session.flush()
    return entry


def may_call(connection: Connection, now: datetime) -> bool:
    """Whether the partner's system may be called at all now."""
    return is_called(connection) and (
        connection.resting_until is None or connection.resting_until <= now
    )


def note_success(connection: Connection) -> None:
    """Record that a call succeeded: the partner's system answers."""
    connection.failures, connection.resting_until = 0, None
    if connection.stopped_at is None:
        connection.reason = ""


def note_failure(
    session: Session, connection: Connection, failure: Failure, now: datetime, chance: float
) -> None:
    """Record a failed call. After several in a row, whatever their purpose, or one of the longest
    allowed duration, calls are suspended for a while: an unavailable partner costs one call for
    each pause, not one for each ticket."""
    if connection.stopped_at is None:
        connection.reason = failure.reason[:500]
    if failure.outcome is Outcome.PERMANENT:
        return
    connection.failures += 1
    if connection.failures >= FAILURES_TO_REST or failure.waited:
        attempts = max(connection.failures - FAILURES_TO_REST + 1, 1)
        pause = pause_after(attempts, chance, failure.retry_after)
        connection.resting_until = now + max(pause, SHARE_OF_SLOW * failure.waited)
        wake_at(session, connection.id, connection.resting_until)


def wake_at(session: Session, connection_id: int, due: datetime) -> None:
    """Check at that time whether a partner's system answers again. Each time has a key of its own,
    so that a late one does not block an earlier one."""
    key = f"connection {connection_id} at {due:%Y%m%d%H%M%S%f}"
    enqueue(session, WAKE, {"connection": connection_id}, key=key, due=due)


def stop_connection(connection: Connection, reason: str, now: datetime) -> None:
    """Stop all calls until a person resumes the connection; the first reason is preserved."""
    if connection.stopped_at is None:
        connection.stopped_at, connection.reason = now, reason[:500]


def note_looked(session: Session, claimed: Claim, pair_id: int) -> None:
    """The ticket was read after an unknown outcome: what was not found there may be sent again."""
    row = locked_pair(session, pair_id)
    if row.begun_at == claimed.begun and row.state != PairState.ENDED:
        attempts = row.attempts
        store(row, rules.done(as_rule(row)))
        entry = (
            session.get(ExchangeEntry, claimed.entry_id) if claimed.entry_id is not None else None
        )
        if entry is not None and entry.state == EntryState.WAITING:
            # it is not there: repeated failures end with a person; values may have arrived
            row.attempts = max(attempts, 1)


def locked_pair(session: Session, pair_id: int) -> TicketPair:
    """A pair's current row, locked until the end of the transaction. Raises ``NotFound``."""
    found = session.scalars(
        select(TicketPair)
        .where(TicketPair.id == pair_id)
        .with_for_update(of=TicketPair)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def require_exchanged(row: TicketPair) -> None:
    """Raise ``Invalid`` if a person ended the exchange of this ticket."""
    if row.state == PairState.ENDED:
        raise Invalid("ticket", _("Its exchange with this partner has ended"))


def pairs_that_wait(
    session: Session, connection_id: int, lane: int, after: int, count: int
) -> Sequence[int]:
    """Ids of the pairs of one lane that have something to send and are not stopped, in order."""
    waiting = exists().where(
        ExchangeEntry.pair_id == TicketPair.id, ExchangeEntry.state == EntryState.WAITING
    )
    return session.scalars(
        select(TicketPair.id)
        .where(
            TicketPair.connection_id == connection_id,
            TicketPair.id % LANES == lane,
            TicketPair.id > after,
            TicketPair.state.in_((PairState.CREATING, PairState.PAIRED)),
            or_(TicketPair.begun_at.is_not(None), waiting),
        )
        .order_by(TicketPair.id)
        .limit(count)
    ).all()


def first_waiting(session: Session, pair_id: int) -> ExchangeEntry | None:
    """The next entry of ours to be sent."""
    return session.scalars(
        select(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair_id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.WAITING,
        )
        .order_by(ExchangeEntry.sequence)
        .limit(1)
    ).first()


def outgoing_of(session: Session, number: int, entry: ExchangeEntry) -> Outgoing:
    """An entry as it is sent to the partner."""
    content = json.loads(entry.content)
    values = {name: content[name] for name in content if name not in ("text", "file", STORED)}
    kind, text, data, file = EntryKind(entry.kind), marked_text(number, entry), b"", ""
    if kind is EntryKind.ATTACHMENT:
        key, _, file = content["file"].partition(" ")
        found = session.scalars(
            select(AttachmentContent.content).where(
                AttachmentContent.attachment_id == attachment_id(key)
            )
        ).first()
        if found is None:
            kind = EntryKind.COMMENT
            gone = f"The file {file} was removed before it was sent."
            text = marked(gone, Mark(number, entry.sequence, entry.author))
        data = found or b""
    facts = content.get(STORED, "")
    return Outgoing(number, entry.sequence, kind, text, entry.author, values, file, data, facts)


def marked_text(number: int, entry: ExchangeEntry) -> str:
    """The text of an entry of ours as it is sent."""
    content = json.loads(entry.content)
    name = "description" if entry.kind == EntryKind.TICKET else "text"
    text = with_facts(content.get(name, ""), content.get(STORED, ""))
    return marked(text, Mark(number, entry.sequence, entry.author))


def add_facts(session: Session, row: TicketPair, entry: ExchangeEntry, portal: str) -> None:
    """Store with the first entry of a ticket which facts its text contains, once: that text
    identifies the ticket later. A mail contains the address of the ticket's page anyway, and a
    webhook has no text."""
    content = json.loads(entry.content)
    if STORED not in content:
        kind, profile = kind_named(row.connection.kind), profile_in_use(session, row.connection)
        said = said_of(kind, profile, content)
        is_named = portal and not kind.is_notified
        address = f"{portal}/tickets/{row.ticket_number}" if is_named else ""
        content[STORED] = block_of(profile, content, said, address)
        entry.content = json.dumps(content, ensure_ascii=False)


def _begun(
    session: Session,
    row: TicketPair,
    entry: ExchangeEntry | None,
    what: Next,
    moved_by_text: Mapping[str, str],
    portal: str,
    now: datetime,
) -> Claim:
    assert entry is not None, "there is something to send"
    was_tried = row.begun_at is not None or row.attempts > 0
    store(row, rules.begin(as_rule(row), now))
    if entry.kind == EntryKind.TICKET:
        add_facts(session, row, entry, portal)
    outgoing = outgoing_of(session, row.ticket_number, entry)
    left: Mapping[str, Left] = {}
    if outgoing.kind is EntryKind.TICKET:
        profile = profile_in_use(session, row.connection)
        said = said_of(kind_named(row.connection.kind), profile, outgoing.values)
        extras = extras_of(session, row.connection, profile, row.ticket_number)
        outgoing = replace(outgoing, values=_without(outgoing.values, said), extras=extras)
    elif outgoing.kind is EntryKind.FIELDS:
        wanted = values_to_send(session, row, entry, was_tried=was_tried)
        for name in wanted.left:
            if wanted.left[name] is Left.CROSSED:
                ask(session, row, name, outgoing.values[name], now)
        outgoing, left = replace(outgoing, values=wanted.values), wanted.left
    elif outgoing.kind in _MOVING:  # before the call: it may move values
        note_text_begun(session, row, moved_by_text, now)
    return Claim(
        what.step,
        row.ticket_number,
        row.their_id or "",
        now,
        entry.id,
        outgoing,
        left=left,
        trace=traceparent_of(session, entry.change_id),
    )


def _note_entry(
    session: Session, row: TicketPair, entry_id: int | None, key: str, now: datetime
) -> ExchangeEntry | None:
    """Record that it arrived; also if a person ended the pair during the call. A mail that was
    refused meanwhile announced nothing."""
    entry = session.get(ExchangeEntry, entry_id) if entry_id is not None else None
    is_refused = row.state == PairState.STOPPED and is_notified_by_mail(row.connection)
    if entry is not None and is_refused and entry.their_key is None:
        return None
    was_ended = row.state == PairState.ENDED and entry is not None
    if entry is not None and (entry.state == EntryState.WAITING or was_ended):
        entry.state, entry.done_at = EntryState.SENT, now
        entry.their_key = entry.their_key or key or None
    return entry


def _highest_before(session: Session, row: TicketPair, begun: datetime) -> int | None:
    """The highest of their ids that was known when a call started, among the newest pairs: ids
    grow, and so do those of pairs."""
    newest = (
        select(TicketPair.id, TicketPair.their_id, TicketPair.began_here, TicketPair.created_at)
        .where(TicketPair.connection_id == row.connection_id, TicketPair.their_id.is_not(None))
        .order_by(TicketPair.id.desc())
        .limit(_NEWEST)
        .subquery()
    )
    begins = and_(
        ExchangeEntry.pair_id == newest.c.id,
        ExchangeEntry.origin == Origin.OURS,
        ExchangeEntry.kind == EntryKind.TICKET,
    )
    was_theirs = and_(newest.c.began_here.is_(False), newest.c.created_at < begun)
    return session.scalar(
        select(func.max(cast(newest.c.their_id, BigInteger)))
        .outerjoin(ExchangeEntry, begins)
        .where(or_(ExchangeEntry.done_at < begun, was_theirs))
    )


def _taken(session: Session, row: TicketPair, ids: Sequence[str]) -> int | None:
    """Our other ticket that is paired with their ticket, if any."""
    return session.scalars(
        select(TicketPair.ticket_number).where(
            TicketPair.connection_id == row.connection_id,
            TicketPair.their_id.in_(ids),
            TicketPair.id != row.id,
        )
    ).first()


def as_rule(row: TicketPair) -> Pair:
    """A pair's row in the form used by the rules."""
    return Pair(
        row.ticket_number,
        PairState(row.state),
        row.their_id or "",
        row.begun_at,
        row.attempts,
        row.due_at,
        row.reason,
    )


def store(row: TicketPair, pair: Pair) -> None:
    """Write the result of the rules into a pair's row. One with an unplanned change stays stopped,
    with that reason, whatever call succeeds meanwhile."""
    row.their_id, row.begun_at, row.attempts = pair.their_id or None, pair.begun, pair.attempts
    row.due_at = pair.due
    if row.unplanned_from is None or pair.state is PairState.ENDED:
        row.state, row.reason = pair.state, pair.reason[:500]
    else:
        row.state = PairState.STOPPED
