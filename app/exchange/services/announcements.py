"""Mails that notify pull-only partners of changes: short, and nothing internal.

One mail covers everything that waits at that moment: a partner that fetches the ticket sees all of
it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core.rules.language import _, mailed, said_word
from app.core.rules.mails.mail_addresses import MAILTO
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules import pairs as rules
from app.exchange.rules.entries import EntryKind, EntryState
from app.exchange.rules.facts import STORED, with_facts
from app.exchange.rules.failures import Failure, Outcome
from app.exchange.rules.ledger import Origin
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.structured_mail import MAPPED, NUMBER, OURS, TIMES, TITLE, write_mail
from app.exchange.services.deliveries import as_rule, locked_pair, store
from app.exchange.services.planning import profile_in_use
from app.mail.models.mails import MailMessage
from app.mail.rules.notifications import ticket_subject
from app.mail.services.messages import PARTNER, MessageRecipient, queue_message
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import LABELS
from app.tickets.rules.marks import reference_of
from app.tickets.services.fields import as_logged, current_value

_MOST_OF_A_TEXT: Final = 2000
_MOST_ENTRIES: Final = 20


def announce(
    session: Session, connection_id: int, number: int, sequence: int, now: datetime
) -> None:
    """Queue the mail about our entry with that sequence, and about everything that waits behind it,
    unless an earlier mail covered it. Raises ``CallFailed`` if a person skipped it meanwhile."""
    pair = session.scalars(
        select(TicketPair)
        .where(TicketPair.connection_id == connection_id, TicketPair.ticket_number == number)
        .with_for_update(of=TicketPair)
    ).one()
    waiting = session.scalars(
        select(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.state == EntryState.WAITING,
            ExchangeEntry.their_key.is_(None),
            ExchangeEntry.sequence >= sequence,
        )
        .order_by(ExchangeEntry.sequence)
    ).all()
    if not waiting or waiting[0].sequence != sequence:
        if _is_left_out(session, pair, sequence):
            raise CallFailed(Failure(Outcome.TRANSIENT, "It was skipped in the meantime"))
        return
    if profile_in_use(session, pair.connection).mail:  # nobody fetches the rest: it is next
        waiting = waiting[:_MOST_ENTRIES]
    first, ticket = waiting[0], session.get_one(Ticket, number)
    partner = pair.connection.partner.code
    address = pair.connection.url.removeprefix(MAILTO)
    why = _("because tickets are exchanged with %(partner)s", partner=partner)
    queue_message(
        session,
        key=_new_key(session, connection_id, first.id),
        recipients=[MessageRecipient(address, None, why)],
        subject=ticket_subject(number, ticket.title),
        text=_text(session, pair, ticket, waiting),
        url=f"/tickets/{number}",
        now=now,
        ticket=number,
    )
    for entry in waiting:
        entry.their_key = f"mail {first.id}/{entry.sequence}"
    session.flush()


def note_refused(session: Session, key: str, reason: str) -> None:
    """A partner's mail server refused a mail permanently: its entries wait again, and a person
    decides; if the exchange has ended, they were skipped by that. ``key`` is the message's, and
    ``reason`` contains the server's words."""
    first = session.get(ExchangeEntry, int(key.removeprefix(PARTNER).split()[1]))
    if first is None:
        return
    pair = locked_pair(session, first.pair_id)
    announced = session.scalars(
        select(ExchangeEntry)
        .where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            or_(
                ExchangeEntry.state.in_((EntryState.SENT, EntryState.WAITING)),
                ExchangeEntry.done_at == pair.ended_at,
            ),
            ExchangeEntry.their_key.startswith(f"mail {first.id}/"),
        )
        .execution_options(populate_existing=True)
    )
    for entry in announced:
        entry.state, entry.their_key, entry.done_at = EntryState.WAITING, None, None
        if pair.state == PairState.ENDED:
            entry.state, entry.reason = EntryState.SKIPPED, pair.reason
            entry.done_at = pair.ended_at
    # the call may not have been recorded yet: its answer no longer counts
    stopped = rules.stop(as_rule(pair), f"Their mail server refused the mail: {reason}")
    store(pair, replace(stopped, begun=None))


def _new_key(session: Session, connection_id: int, first: int) -> str:
    """The key of a mail about our entry ``first`` and those behind it. The caller holds the pair's
    lock, so no other mail is under way: a refused one has its own key."""
    key = f"{PARTNER}{connection_id} {first}"
    earlier = session.scalar(
        select(func.count())
        .select_from(MailMessage)
        .where(or_(MailMessage.key == key, MailMessage.key.startswith(f"{key} ")))
    )
    return f"{key} {earlier}" if earlier else key


def _is_left_out(session: Session, pair: TicketPair, sequence: int) -> bool:
    """Whether our entry with that sequence is no longer to be announced."""
    state = session.scalar(
        select(ExchangeEntry.state).where(
            ExchangeEntry.pair_id == pair.id,
            ExchangeEntry.origin == Origin.OURS,
            ExchangeEntry.sequence == sequence,
        )
    )
    return state == EntryState.SKIPPED


def _text(
    session: Session, pair: TicketPair, ticket: Ticket, entries: Sequence[ExchangeEntry]
) -> str:
    """The text in the partner's own lines, if its connection has some; else in words."""
    profile = profile_in_use(session, pair.connection)
    if not profile.mail:
        return "\n\n".join(_structured_lines(ticket, entries))
    values = {
        NUMBER: "" if pair.their_id == reference_of(ticket.number) else pair.their_id or "",
        OURS: reference_of(ticket.number),
        TITLE: ticket.title,
        "links": ", ".join(current_value(ticket, "links")),
        "sites": ", ".join(current_value(ticket, "sites")),
    }
    for name in (*MAPPED, *TIMES):
        value = as_logged(current_value(ticket, name)) or ""
        if name in profile.maps:
            value = profile.map_of(name).theirs_of(value) or ""
        values[name] = value
    said = [text for entry in entries[:_MOST_ENTRIES] if (text := _said(entry))]
    return write_mail(values, "\n\n".join(said), profile.mail)


def _said(entry: ExchangeEntry) -> str:
    """The text of an entry in a structured mail, whose lines contain the values; with its mark."""
    content = json.loads(entry.content)
    if entry.kind == EntryKind.TICKET:
        return with_facts(str(content.get("description", "")), content.get(STORED, ""))
    if entry.kind == EntryKind.COMMENT:
        said = mailed(_("%(author)s commented:", author=entry.author or "portal"))
        return f"{said}\n{content['text']}"
    return _in_words(entry) if entry.kind == EntryKind.ATTACHMENT else ""


def _structured_lines(ticket: Ticket, entries: Sequence[ExchangeEntry]) -> Iterator[str]:
    number = ticket.number
    if entries[0].kind == EntryKind.TICKET:
        yield mailed(_("Ticket %(number)s is exchanged with you.", number=number))
        entries = entries[:1]
    else:
        yield mailed(_("Ticket %(number)s has changed.", number=number))
    for entry in entries[:_MOST_ENTRIES]:
        yield _in_words(entry)
    fetch = _(
        "Fetch it with TicketGet (GHD_Request_ID %(number)s), and answer with TicketModify; say"
        " your own number as GHD_Target_ID.",
        number=number,
    )
    yield mailed(fetch)


def _in_words(entry: ExchangeEntry) -> str:
    content = json.loads(entry.content)
    author = entry.author or "portal"
    if entry.kind == EntryKind.COMMENT:
        said = mailed(_("%(author)s commented:", author=author))
        return f"{said}\n{content['text'][:_MOST_OF_A_TEXT]}"
    if entry.kind == EntryKind.INTERNAL:
        return mailed(_("%(author)s wrote an internal note.", author=author))
    if entry.kind == EntryKind.ATTACHMENT:
        name = content["file"].partition(" ")[2]
        return mailed(_("%(author)s attached %(name)s.", author=author, name=name))
    if entry.kind == EntryKind.FIELDS:
        content = {name: value or mailed(_("not set")) for name, value in content.items()}
    lines = [
        f"{mailed(LABELS[name])}: {mailed(said_word(value[:_MOST_OF_A_TEXT]))}"
        for name, value in content.items()
        if value and name in LABELS
    ]
    return "\n".join(lines)
