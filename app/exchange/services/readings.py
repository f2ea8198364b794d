"""What a partner's ticket brought: comments, values, and the news that our entries arrived.

Whatever reads comes through ``take_in``, in one transaction with what it records: a text is here
once, however often and in whatever order it is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Door, Kind, TicketAccess, Writer
from app.core.rules.errors import PortalError
from app.core.rules.texts import PORTAL_TEXT_LIMIT, SHORT_TEXT_LIMIT, storable_text
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import Entry, TicketPair
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.fields import Decision, decide
from app.exchange.rules.ledger import Origin
from app.exchange.rules.marks import MAX_HOPS, digest_of, hops_of, without_marks
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import Known, News, TheirText, TheirTicket, news_of
from app.exchange.services.deliveries import locked_pair, outgoing_of
from app.exchange.services.planning import add_entry, profile_in_use
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.tickets import CREATION_STATES, ENDED_STATES, State
from app.tickets.services.fields import as_logged, current_value
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    create_ticket,
    locked_ticket,
)

_WITH_TEXT: Final = (EntryKind.TICKET, EntryKind.COMMENT, EntryKind.INTERNAL)


def writer_of(connection: Connection, now: datetime, author: str = "") -> Writer:
    """The partner, as it acts here through what was read."""
    actor = Actor(
        kind=Kind.PARTNER,
        account=connection.partner.code,
        partner_id=connection.partner_id,
        partner_code=connection.partner.code,
        access=TicketAccess.ALL,
        internal=True,
    )
    return Writer(actor=actor, door=Door.EXCHANGE, now=now, author=author)


def take_in(session: Session, pair_id: int, read: TheirTicket, now: datetime) -> News:
    """Record what is new in their ticket, and bring it into ours."""
    pair = locked_pair(session, pair_id)
    ticket = locked_ticket(session, pair.ticket_number)
    news = news_of(read, _known(session, pair))
    for sequence, key in news.confirmed.items():
        entry = session.scalars(_ours(pair).where(Entry.sequence == sequence)).one()
        entry.their_key = key
        if entry.state == EntryState.WAITING:
            entry.state, entry.done_at = EntryState.SENT, now
    for key, digest in news.keyed.items():
        _give_key(session, pair, key, digest)
    if news.copies:
        pair.copies = json.dumps([*json.loads(pair.copies), *news.copies])
    for text in news.texts:
        _take_text(session, pair, text, now)
    _take_values(session, pair, ticket, read.values, now)
    if read.merged_into and read.merged_into != pair.their_id:
        _follow(session, pair, read)
    pair.their_number = read.number or pair.their_number
    pair.their_url = read.url or pair.their_url
    pair.read_at = now
    return news


def take_new(session: Session, connection_id: int, read: TheirTicket, now: datetime) -> int | None:
    """Open a ticket for one of theirs that has no pair; the pair's id, None where it has one by
    now, is ours, or is not to be taken."""
    connection = session.get_one(Connection, connection_id)
    first = read.texts[0] if read.texts else None
    if pair_of_their_id(session, connection_id, read.id) is not None:
        return None
    if first is None or first.by_us or read.merged_into or hops_of(first.text) >= MAX_HOPS:
        return None
    profile = profile_in_use(session, connection)
    description = storable_text(without_marks(first.text))
    values: dict[str, Any] = _meant(profile, read.values)
    state = values.pop("state", State.NEW)
    new = NewTicket(
        title=storable_text(read.title.strip(), SHORT_TEXT_LIMIT)
        or f"Ticket {read.number or read.id}",
        description=description[:PORTAL_TEXT_LIMIT],
        state=state if state in CREATION_STATES else State.NEW,
        origin_system=connection.partner.code,
        origin_id=read.number or read.id,
        references=(
            Reference(connection.partner.code, read.number or read.id, read.url, "target"),
        ),
        **values,
    )
    by = writer_of(connection, now, first.author)
    number = create_ticket(session, by, new)
    if rest := description[PORTAL_TEXT_LIMIT:]:  # what is longer comes as a comment
        comment_ticket(session, by, number, rest[:PORTAL_TEXT_LIMIT])
    pair = TicketPair(
        ticket_number=number,
        connection_id=connection_id,
        state=PairState.PAIRED,
        their_id=read.id,
        their_number=read.number,
        their_url=read.url,
        began_here=False,
        values=json.dumps({"state": new.state, **values}),
        created_at=now,
    )
    session.add(pair)
    session.flush()
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.TICKET,
        {"title": new.title, "text": description},
        author=first.author,
        at=now,
        state=EntryState.APPLIED,
        their_key=first.key,
    )
    take_in(session, pair.id, read, now)
    return pair.id


def pair_of_their_id(session: Session, connection_id: int, their_id: str) -> TicketPair | None:
    """The pair of their ticket."""
    return session.scalars(
        select(TicketPair).where(
            TicketPair.connection_id == connection_id, TicketPair.their_id == their_id
        )
    ).first()


def _meant(profile: Profile, values: Mapping[str, str]) -> dict[str, Any]:
    """Their values in our words, those that have a counterpart."""
    meant = {
        name: profile.map_of(name).ours_of(values[name].casefold())
        for name in profile.maps
        if name in values
    }
    return {name: value for name, value in meant.items() if value is not None}


def _ours(pair: TicketPair) -> Any:
    return select(Entry).where(Entry.pair_id == pair.id, Entry.origin == Origin.OURS)


def _known(session: Session, pair: TicketPair) -> Known:
    sent: dict[int, str] = {}
    arrived: set[str] = set(json.loads(pair.copies))
    pushed: Counter[str] = Counter()
    for entry in session.scalars(select(Entry).where(Entry.pair_id == pair.id)):
        if entry.their_key is not None:
            arrived.add(entry.their_key)
        if entry.origin == Origin.THEIRS:
            if entry.their_key is None and entry.kind in _WITH_TEXT:
                pushed[digest_of(json.loads(entry.content).get("text", ""))] += 1
        elif entry.kind in _WITH_TEXT:
            sent[entry.sequence] = outgoing_of(session, pair.ticket_number, entry).text
    return Known(pair.ticket_number, sent, frozenset(arrived), pushed)


def _give_key(session: Session, pair: TicketPair, key: str, digest: str) -> None:
    """A text that was pushed to us before it was read has its key now."""
    without = session.scalars(
        select(Entry)
        .where(
            Entry.pair_id == pair.id,
            Entry.origin == Origin.THEIRS,
            Entry.their_key.is_(None),
            Entry.kind.in_(_WITH_TEXT),
        )
        .order_by(Entry.sequence)
    )
    for entry in without:
        if digest_of(json.loads(entry.content).get("text", "")) == digest:
            entry.their_key = key
            return


def _take_text(session: Session, pair: TicketPair, text: TheirText, now: datetime) -> None:
    kind = EntryKind.INTERNAL if text.internal else EntryKind.COMMENT
    by = writer_of(pair.connection, now, text.author)
    whole = storable_text(text.text)
    for begin in range(0, len(whole), PORTAL_TEXT_LIMIT):  # a longer one comes in parts
        part = whole[begin : begin + PORTAL_TEXT_LIMIT]
        if part.strip():
            comment_ticket(session, by, pair.ticket_number, part, internal=text.internal)
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        kind,
        {"text": whole},
        author=text.author,
        at=now,
        state=EntryState.APPLIED,
        their_key=text.key,
    )


def _take_values(
    session: Session, pair: TicketPair, ticket: Ticket, read: Mapping[str, str], now: datetime
) -> None:
    """Bring mapped values together, each by its owner. A value without a counterpart stays what it
    is on both sides, and is named."""
    profile = profile_in_use(session, pair.connection)
    agreed = json.loads(pair.values)
    for name, rows in profile.maps.items():
        if not rows or name not in read:
            continue
        theirs = profile.map_of(name).ours_of(read[name].casefold())
        if theirs is None:
            pair.reason = f"{name}: nobody said what {read[name]!r} means here"
            continue
        ours = as_logged(current_value(ticket, name)) or ""
        what = decide(profile.owner_of(name), agreed.get(name, theirs), ours, theirs)
        if what is Decision.AGREED:
            agreed[name] = ours
        elif what is Decision.TAKE:
            agreed[name] = theirs
            _take_value(session, pair, name, theirs, now)
        elif what is Decision.ASK:
            _ask(session, pair, name, theirs, now)
    pair.values = json.dumps(agreed, ensure_ascii=False)


def _take_value(session: Session, pair: TicketPair, name: str, theirs: str, now: datetime) -> None:
    """Their value becomes ours; a move that is not allowed here is recorded as told, not forced."""
    by, state, reason = writer_of(pair.connection, now), EntryState.APPLIED, ""
    wanted = {name: theirs}
    if name == "state" and theirs in ENDED_STATES:
        wanted["solution"] = _solution(session, pair)
    try:
        with session.begin_nested():
            change_ticket(session, by, pair.ticket_number, wanted)
    except PortalError as error:
        state, reason = EntryState.RECORDED, error.message
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.FIELDS,
        {name: theirs},
        author=by.shown_author,
        at=now,
        state=state,
        reason=reason[:500],
    )


def _solution(session: Session, pair: TicketPair) -> str:
    """How a partner solved a ticket: its last word, for few systems have a field for it."""
    ticket = session.get_one(Ticket, pair.ticket_number)
    if ticket.solution:
        return ticket.solution
    last = session.scalars(
        select(Entry.content)
        .where(
            Entry.pair_id == pair.id,
            Entry.origin == Origin.THEIRS,
            Entry.kind == EntryKind.COMMENT,
        )
        .order_by(Entry.sequence.desc())
        .limit(1)
    ).first()
    where = pair.connection.partner.code
    return str(json.loads(last)["text"]) if last else f"Solved at {where}, without a word on how"


def _ask(session: Session, pair: TicketPair, name: str, theirs: str, now: datetime) -> None:
    """Both values stay, and a person chooses. Asked once for each value of theirs."""
    content = {name: theirs}
    open_ = session.scalars(
        select(Entry.content).where(Entry.pair_id == pair.id, Entry.state == EntryState.ASKED)
    ).all()
    if json.dumps(content, ensure_ascii=False) in open_:
        return
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.FIELDS,
        content,
        author=pair.connection.partner.code,
        at=now,
        state=EntryState.ASKED,
    )


def _follow(session: Session, pair: TicketPair, read: TheirTicket) -> None:
    """Their ticket was merged into another one: the pair goes with it."""
    taken = session.scalars(
        select(TicketPair.ticket_number).where(
            TicketPair.connection_id == pair.connection_id,
            TicketPair.their_id == read.merged_into,
        )
    ).first()
    if taken is not None:
        pair.state = PairState.STOPPED
        pair.reason = f"Merged there into {read.merged_into}, which is the pair of our #{taken}"
        return
    pair.moved_from, pair.their_id = pair.their_number or pair.their_id or "", read.merged_into
