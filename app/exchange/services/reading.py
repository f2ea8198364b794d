"""Stores the content of a partner's ticket: comments, values, and the arrival of our entries.

All reads use ``take_in``, which stores some texts in each transaction together with its record:
each text is stored once, however often and in whatever order it is read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, PortalError
from app.core.rules.texts import PORTAL_TEXT_LIMIT, SHORT_TEXT_LIMIT, storable_text
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.budget import FILES_AT_ONCE, MOST_TEXTS, TEXTS_AT_ONCE
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Profile
from app.exchange.rules.reading import (
    Held,
    Known,
    News,
    Part,
    PartDifference,
    TheirFile,
    TheirText,
    TheirTicket,
    left_behind,
    news_of,
    parts_that_differ,
    trace_of,
    why_lost,
)
from app.exchange.rules.settle import Base, as_stored
from app.exchange.services.deliveries import (
    as_rule,
    locked_pair,
    marked_text,
    stop_connection,
    store,
)
from app.exchange.services.entries import add_entry
from app.exchange.services.planning import enqueue_pair, profile_in_use
from app.exchange.services.standing import compared
from app.exchange.services.their_values import take_values, writer_of
from app.exchange.services.unpaired import note_unpaired
from app.exchange.services.values import note_answered
from app.tickets.models.attachments import Attachment
from app.tickets.rules.attachments import attachment_id
from app.tickets.rules.attachments import label as attachment_label
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.marks import MAX_HOPS, digest_of, hops_of
from app.tickets.rules.tickets import CREATION_STATES, State
from app.tickets.services.attachments import add_attachment
from app.tickets.services.lifecycle import comment_ticket, create_ticket, locked_ticket

_WITH_TEXT: Final = (EntryKind.TICKET, EntryKind.COMMENT, EntryKind.INTERNAL)
_WITH_MARK: Final = (*_WITH_TEXT, EntryKind.ATTACHMENT)
"""Kinds of our entries that appear there as a text with our mark."""
_MOST_NAMED: Final = 100
"""Texts and files of one ticket that are named as different."""
_AT_ONCE: Final = 500
"""Keys in one statement."""


@dataclass(frozen=True)
class Stored:
    """What is stored for the pair of a ticket that was read. ``newest``: the newest entry of theirs
    at that time, 0 = no such entry yet; ``known``: None = the ticket has too many texts."""

    pair_id: int
    newest: int
    known: Known | None
    held: Sequence[Held] = ()
    their_number: str = ""
    has_moved: bool = False


@dataclass(frozen=True)
class Looked:
    """What is new in a ticket that was read, and not stored yet. ``lost``: see ``why_lost``;
    ``newest``: see ``Stored``."""

    pair_id: int
    news: News
    lost: str
    newest: int
    differing: Sequence[PartDifference] = ()


def stored_for(session: Session, pair: TicketPair, read: TheirTicket) -> Stored:
    """Load what is stored for the pair of a ticket that was read, its entries in one statement."""
    if len(read.texts) > MOST_TEXTS:
        return Stored(pair.id, _newest(session, pair.id), None)
    entries = session.scalars(
        select(ExchangeEntry).where(ExchangeEntry.pair_id == pair.id).order_by(ExchangeEntry.id)
    ).all()
    return Stored(
        pair.id,
        max((entry.id for entry in entries if entry.origin == Origin.THEIRS), default=0),
        _known(session, pair, read, entries),
        _held(session, pair, read, entries),
        pair.their_number,
        bool(pair.moved_from),
    )


def look(stored: Stored, read: TheirTicket) -> Looked:
    """Find out what is new in their ticket: the slow part, which needs no session."""
    known = stored.known
    if known is None:
        return Looked(stored.pair_id, _NO_NEWS, "", stored.newest)
    lost = why_lost(read, known, their_number=stored.their_number, moved=stored.has_moved)
    differing = parts_that_differ(read, known.number, stored.held)
    return Looked(stored.pair_id, news_of(read, known), lost, stored.newest, differing)


def take_in(
    session: Session, pair_id: int, read: TheirTicket, now: datetime, looked: Looked | None = None
) -> Looked | None:
    """Record some of what is new in their ticket, in order, and add it to ours; return the rest for
    the next transaction, None = nothing. Only then do their values count, and the ticket as
    read. ``looked``: the result of ``look``, or of this function; if another worker has stored
    something since, it is computed again.

    If the ticket is no longer the same one, the connection is stopped, and nothing is stored; nor
    is anything of a ticket whose exchange has ended, or that has more texts than allowed.
    """
    pair = locked_pair(session, pair_id)
    if pair.state == PairState.ENDED:
        return None
    if looked is None or (looked.pair_id, looked.newest) != (pair_id, _newest(session, pair_id)):
        looked = look(stored_for(session, pair, read), read)
    if _is_elsewhere(session, pair, read, looked.lost, now) or _is_too_long(pair, read, now):
        return None
    ticket = locked_ticket(session, pair.ticket_number)
    news = looked.news
    pair.their_number = read.number or pair.their_number
    pair.their_url = read.url or pair.their_url
    _confirm(session, pair, news, now)
    _give_keys(session, pair, news.keyed)
    _note_copies(pair, news.copies)
    texts, files = news.texts[:TEXTS_AT_ONCE], news.files
    for text in texts:
        _take_text(session, pair, text, now, was_internal=text.key in news.published)
    if any(not text.internal for text in texts):
        note_answered(pair)
    if len(texts) == len(news.texts):
        for author, file in files[:FILES_AT_ONCE]:
            _take_file(session, pair, file, author, now)
        files = files[FILES_AT_ONCE:]
    rest = News({}, news.texts[len(texts) :], (), {}, files, news.published)
    if rest.texts or rest.files or read.is_cut:
        pair.unread_since = pair.unread_since or now
        is_left = bool(rest.texts or rest.files)
        newest = _newest(session, pair_id)
        return Looked(pair_id, rest, "", newest, looked.differing) if is_left else None
    began = read.asked_at or now  # the read may not contain what was written since
    pair.read_at = began if pair.read_at is None else max(began, pair.read_at)
    pair.unread_since = None
    pair.differing = json.dumps([asdict(one) for one in looked.differing[:_MOST_NAMED]])
    take_values(session, pair, ticket, read, now)
    is_known = pair.differs_at is not None or pair.left_differing
    if is_known and compared(session, [pair], now)[pair.id].agrees:
        pair.differs_at, pair.left_differing = None, ""
    return None


def confirm(
    session: Session, pair_id: int, read: TheirTicket, now: datetime, looked: Looked
) -> None:
    """Record which entries of ours are there. Nothing of theirs is stored: they push it."""
    pair = locked_pair(session, pair_id)
    if pair.state == PairState.ENDED:
        return
    if not _is_elsewhere(session, pair, read, looked.lost, now):
        _confirm(session, pair, looked.news, now)


def _held(
    session: Session, pair: TicketPair, read: TheirTicket, entries: Sequence[ExchangeEntry]
) -> Sequence[Held]:
    """What was exchanged before this read started, as it is stored here. Files of theirs that were
    not accepted have a reason of their own."""
    began, rows = read.asked_at, [entry for entry in entries if _has_crossed(entry)]
    files = {
        entry.sequence: attachment_id(json.loads(entry.content)["file"].partition(" ")[0])
        for entry in rows
        if entry.origin == Origin.OURS and entry.kind == EntryKind.ATTACHMENT
    }
    here = select(Attachment.id, Attachment.size).where(
        Attachment.ticket_number == pair.ticket_number, Attachment.removed_at.is_(None)
    )
    sizes = {row.id: row.size for row in session.execute(here)} if files else {}
    held = []
    for entry in rows:
        if began is not None and entry.done_at is not None and entry.done_at >= began:
            continue
        part = Part.FILE if entry.kind == EntryKind.ATTACHMENT else Part.TEXT
        text = _text_of(pair, entry) if part is Part.TEXT else ""
        size = sizes.get(files.get(entry.sequence, 0)) if entry.origin == Origin.OURS else None
        held.append(Held(part, entry.origin, entry.sequence, entry.their_key or "", text, size))
    return held


def _has_crossed(entry: ExchangeEntry) -> bool:
    """Whether an entry is on both sides: ours was sent, or theirs is stored here."""
    if entry.kind not in _WITH_MARK:
        return False
    if entry.origin == Origin.OURS:
        return entry.state == EntryState.SENT
    return entry.state == EntryState.APPLIED and entry.their_key is not None


_NO_NEWS: Final = News({}, (), (), {})


def _newest(session: Session, pair_id: int) -> int:
    """The id of the newest entry of theirs. A later one of ours is in no earlier read."""
    newest = select(func.max(ExchangeEntry.id)).where(
        ExchangeEntry.pair_id == pair_id, ExchangeEntry.origin == Origin.THEIRS
    )
    return session.scalar(newest) or 0


def _is_too_long(pair: TicketPair, read: TheirTicket, now: datetime) -> bool:
    """Whether a ticket has more texts than allowed: a person is asked, and nothing is stored."""
    if len(read.texts) <= MOST_TEXTS:
        return False
    pair.unread_since = pair.unread_since or now
    if pair.state != PairState.STOPPED:
        reason = (
            f"Their ticket has {len(read.texts)} texts, and at most {MOST_TEXTS} are taken: none"
            " was. Shorten or split it there, or end the exchange here"
        )
        store(pair, rules.stop(as_rule(pair), reason))
    return True


def _is_elsewhere(
    session: Session, pair: TicketPair, read: TheirTicket, lost: str, now: datetime
) -> bool:
    """Whether this is no longer their ticket: it was read before a merge was followed, its id was
    reused, or it is merged now."""
    if read.id != pair.their_id:
        return True
    if lost:
        if pair.state != PairState.STOPPED:
            stop_connection(pair.connection, f"{lost}: it may have restored an old copy", now)
            store(pair, rules.stop(as_rule(pair), lost))
        return True
    if read.merged_into and read.merged_into != pair.their_id:
        # its texts moved with it; nobody there reads what is written on the old one later
        pair.their_number = read.number or pair.their_number
        _follow(session, pair, read)
        return True
    if pair.moved_after is not None:  # the first look at the ticket into which it was merged
        _send_what_was_left(session, pair, read, pair.moved_after)
        pair.moved_after = None
    return False


def _confirm(session: Session, pair: TicketPair, news: News, now: datetime) -> None:
    for sequence, key in news.confirmed.items():
        entry = session.scalars(_ours(pair).where(ExchangeEntry.sequence == sequence)).one()
        entry.their_key = key
        if entry.state == EntryState.WAITING:
            entry.state, entry.done_at = EntryState.SENT, now


def take_new(session: Session, connection_id: int, read: TheirTicket, now: datetime) -> int | None:
    """Create a ticket for one of theirs that has no pair, with its first text; return the pair's
    id, from which ``take_in`` continues; None if it has one by now, is ours, or is not accepted."""
    connection = session.get_one(Connection, connection_id)
    first = next((text for text in read.texts if not text.internal), None)
    if pair_of_their_id(session, connection_id, read.id) is not None:
        return None
    if _has_moved(session, connection_id, read):  # and was read before that
        return None
    begins = read.texts[0] if read.texts else None
    if begins is None or begins.by_us or read.merged_into:
        note_unpaired(session, connection, read, now)
        return None
    if hops_of(begins.text) >= MAX_HOPS:
        return None
    if first is None or first.by_us:  # everything is internal: that is stored as internal comments
        first = TheirText("", "", begins.author)
    profile = profile_in_use(session, connection)
    description = storable_text(first.text)
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
    author = first.signed(now, connection.partner.code)
    by = writer_of(connection, now, storable_text(author, SHORT_TEXT_LIMIT))
    number = create_ticket(session, by, new)
    if rest := description[PORTAL_TEXT_LIMIT:]:  # longer texts are stored as a comment
        comment_ticket(session, by, number, rest[:PORTAL_TEXT_LIMIT])
    pair = TicketPair(
        ticket_number=number,
        connection_id=connection_id,
        state=PairState.PAIRED,
        their_id=read.id,
        their_number=read.number,
        their_url=read.url,
        began_here=False,
        bases=as_stored(_bases_of_new(read, new.state, state, values)),
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
        author=by.author,
        at=now,
        state=EntryState.APPLIED,
        their_key=first.key or None,
    )
    return pair.id


def _bases_of_new(
    read: TheirTicket, made: str, state: str, values: Mapping[str, str]
) -> Mapping[str, Base]:
    """The agreed values of a ticket created for one of theirs. If it could not be created in their
    state, their state counts as changed."""
    bases = {name: Base(value, read.values[name]) for name, value in values.items()}
    if "state" in read.values:
        bases["state"] = Base(made, read.values["state"] if made == state else "")
    return bases


def known_files(session: Session, connection_id: int, their_id: str) -> frozenset[str]:
    """Keys of the files of their ticket that are stored here, or were recorded as not accepted."""
    keys = session.scalars(
        select(ExchangeEntry.their_key)
        .join(TicketPair, TicketPair.id == ExchangeEntry.pair_id)
        .where(
            TicketPair.connection_id == connection_id,
            TicketPair.their_id == their_id,
            ExchangeEntry.origin == Origin.THEIRS,
            ExchangeEntry.kind == EntryKind.ATTACHMENT,
        )
    )
    return frozenset(key for key in keys if key is not None)


def pair_of_their_id(session: Session, connection_id: int, their_id: str) -> TicketPair | None:
    """The pair of their ticket."""
    return session.scalars(
        select(TicketPair).where(
            TicketPair.connection_id == connection_id, TicketPair.their_id == their_id
        )
    ).first()


def without_pair(session: Session, connection_id: int, ids: Sequence[str]) -> Sequence[str]:
    """Those of these tickets of theirs that have no pair, in order."""
    paired: set[str | None] = set()
    for begin in range(0, len(ids), _AT_ONCE):
        paired.update(
            session.scalars(
                select(TicketPair.their_id).where(
                    TicketPair.connection_id == connection_id,
                    TicketPair.their_id.in_(ids[begin : begin + _AT_ONCE]),
                )
            )
        )
    return [one for one in ids if one not in paired]


def _has_moved(session: Session, connection_id: int, read: TheirTicket) -> bool:
    """Whether this was the counterpart of one of ours, which followed its merge into another."""
    moved = select(TicketPair.id).where(
        TicketPair.connection_id == connection_id,
        TicketPair.moved_from.in_({read.number, read.id} - {""}),
    )
    return session.scalar(moved.limit(1)) is not None


def _meant(profile: Profile, values: Mapping[str, str]) -> dict[str, Any]:
    """Their values in our words, those that have a counterpart."""
    meant = {
        name: profile.map_of(name).ours_of(values[name].casefold())
        for name in profile.maps
        if name in values
    }
    return {name: value for name, value in meant.items() if value is not None}


def _ours(pair: TicketPair) -> Any:
    return select(ExchangeEntry).where(
        ExchangeEntry.pair_id == pair.id, ExchangeEntry.origin == Origin.OURS
    )


def _known(
    session: Session, pair: TicketPair, read: TheirTicket, entries: Sequence[ExchangeEntry]
) -> Known:
    """What is recorded for a pair. Texts that were merged into their ticket, from the counterpart
    of another ticket of ours, are already stored."""
    sent: dict[int, str] = {}
    arrived: set[str] = set(json.loads(pair.copies))
    pushed: Counter[str] = Counter()
    digests: dict[str, str] = {}
    placed: dict[int, str] = {}
    hidden: set[str] = set()
    for entry in entries:
        if entry.their_key is not None:
            arrived.add(entry.their_key)
            digests[entry.their_key] = trace_of(_text_of(pair, entry))
            if entry.origin == Origin.OURS:
                placed[entry.sequence] = entry.their_key
        if entry.origin == Origin.THEIRS:
            if entry.kind == EntryKind.INTERNAL and entry.their_key is not None:
                hidden.add(entry.their_key)
            if entry.their_key is None and entry.kind in _WITH_TEXT:
                pushed[digest_of(json.loads(entry.content).get("text", ""))] += 1
        elif entry.kind in _WITH_MARK:
            sent[entry.sequence] = marked_text(pair.ticket_number, entry)
    elsewhere: set[str] = set()
    if read.is_whole:
        keys = [text.key for text in read.texts if text.key not in arrived]
        keys += [file.key for text in read.texts for file in text.files if file.key not in arrived]
        for begin in range(0, len(keys), _AT_ONCE):
            found = session.scalars(
                select(ExchangeEntry.their_key)
                .join(TicketPair, TicketPair.id == ExchangeEntry.pair_id)
                .where(
                    TicketPair.connection_id == pair.connection_id,
                    TicketPair.id != pair.id,
                    ExchangeEntry.their_key.in_(keys[begin : begin + _AT_ONCE]),
                )
            )
            elsewhere.update(key for key in found if key is not None)
    return Known(
        pair.ticket_number,
        sent,
        frozenset(arrived),
        pushed,
        digests,
        frozenset(elsewhere),
        placed,
        frozenset(hidden),
    )


def _text_of(pair: TicketPair, entry: ExchangeEntry) -> str:
    """The text of an entry as it appears there."""
    if entry.origin == Origin.OURS:
        return marked_text(pair.ticket_number, entry)
    return str(json.loads(entry.content).get("text", ""))


def _give_keys(session: Session, pair: TicketPair, keyed: Mapping[str, str]) -> None:
    """Set the keys of texts that were pushed to us before they were read; ``keyed``: see ``News``.
    Another worker may have set them meanwhile."""
    if not keyed:
        return
    theirs = select(ExchangeEntry).where(
        ExchangeEntry.pair_id == pair.id, ExchangeEntry.origin == Origin.THEIRS
    )
    given = set(session.scalars(theirs.with_only_columns(ExchangeEntry.their_key)))
    without: dict[str, list[ExchangeEntry]] = {}
    plain = theirs.where(ExchangeEntry.their_key.is_(None), ExchangeEntry.kind.in_(_WITH_TEXT))
    for entry in session.scalars(plain.order_by(ExchangeEntry.sequence.desc())):
        digest = digest_of(json.loads(entry.content).get("text", ""))
        without.setdefault(digest, []).append(entry)
    for key, digest in keyed.items():
        if key not in given and without.get(digest):
            without[digest].pop().their_key = key


def _note_copies(pair: TicketPair, keys: Sequence[str]) -> None:
    """Record texts of theirs that are not entries as seen."""
    if keys:
        pair.copies = json.dumps(list(dict.fromkeys([*json.loads(pair.copies), *keys])))


def _take_text(
    session: Session, pair: TicketPair, text: TheirText, now: datetime, *, was_internal: bool
) -> None:
    """Their text becomes a comment; ``was_internal``: it arrived before as an internal one."""
    kind = EntryKind.INTERNAL if text.internal else EntryKind.COMMENT
    author = text.signed(now, pair.connection.partner.code)
    by = writer_of(pair.connection, now, storable_text(author, SHORT_TEXT_LIMIT))
    whole = storable_text(text.text)
    if was_internal:
        _skip_internal(session, pair, text.key)
    if not whole.strip():  # only a file
        _note_copies(pair, [text.key])
        return
    for begin in range(0, len(whole), PORTAL_TEXT_LIMIT):  # a longer one is stored in parts
        part = whole[begin : begin + PORTAL_TEXT_LIMIT]
        if part.strip():
            comment_ticket(session, by, pair.ticket_number, part, internal=text.internal)
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        kind,
        {"text": whole},
        author=by.author,
        at=now,
        state=EntryState.APPLIED,
        their_key=text.key,
    )


def _skip_internal(session: Session, pair: TicketPair, key: str) -> None:
    """A text of theirs that arrived as an internal one is public by now: that one is unchanged."""
    arrived = select(ExchangeEntry).where(
        ExchangeEntry.pair_id == pair.id,
        ExchangeEntry.origin == Origin.THEIRS,
        ExchangeEntry.kind == EntryKind.INTERNAL,
        ExchangeEntry.their_key == key,
    )
    for entry in session.scalars(arrived):
        entry.their_key, entry.state = f"{key} internal", EntryState.SKIPPED
        entry.reason = "It is public there now"
    session.flush()


def _take_file(
    session: Session, pair: TicketPair, file: TheirFile, author: str, now: datetime
) -> None:
    """Their file becomes an attachment; one that is too large, or cannot be fetched, is recorded
    with the reason."""
    by = writer_of(pair.connection, now, storable_text(author, SHORT_TEXT_LIMIT))
    name, state, reason = storable_text(file.name, SHORT_TEXT_LIMIT), EntryState.RECORDED, ""
    try:
        if file.problem:
            raise Invalid("attachment", file.problem)
        with session.begin_nested():
            added = add_attachment(session, by, pair.ticket_number, name, file.content)
            name, state = attachment_label(added.id, added.name), EntryState.APPLIED
    except PortalError as error:
        reason = error.message
    add_entry(
        session,
        pair,
        Origin.THEIRS,
        EntryKind.ATTACHMENT,
        {"file": name},
        author=by.author,
        at=now,
        state=state,
        reason=reason[:500],
        their_key=file.key,
    )


def _send_what_was_left(session: Session, pair: TicketPair, read: TheirTicket, last: int) -> None:
    """Send again what we wrote on their old ticket after it was merged."""
    entries = {
        entry.sequence: entry
        for entry in session.scalars(
            _ours(pair).where(
                ExchangeEntry.kind.in_(_WITH_MARK),
                ExchangeEntry.state == EntryState.SENT,
                ExchangeEntry.sequence <= last,
            )
        )
    }
    keys = {sequence: entry.their_key for sequence, entry in entries.items()}
    for sequence in left_behind(read, pair.ticket_number, keys):
        entry = entries[sequence]
        entry.state, entry.their_key, entry.done_at = EntryState.WAITING, None, None
    enqueue_pair(session, pair)


def _follow(session: Session, pair: TicketPair, read: TheirTicket) -> None:
    """Their ticket was merged into another one: the pair follows."""
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
    pair.their_number = pair.their_url = ""  # the next read returns those of the other one
    pair.moved_after = session.scalar(
        select(func.max(ExchangeEntry.sequence)).where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.SENT,
        )
    )
