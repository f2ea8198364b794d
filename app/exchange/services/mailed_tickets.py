"""Partners' tickets that arrive by mail, written by their ticket systems: each mail is one text of
their ticket, with values in their words, and is processed as if it had been read there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.pairs import PairState
from app.exchange.rules.profiles import Direction
from app.exchange.rules.reading import TheirFile, TheirText, TheirTicket
from app.exchange.rules.replies import Reply
from app.exchange.rules.structured_mail import StructuredMail, read_mail
from app.exchange.services.planning import profile_in_use
from app.exchange.services.reading import pair_of_their_id, take_in, take_new
from app.exchange.services.their_values import writer_of
from app.tickets.models.tickets import Ticket
from app.tickets.rules.marks import reference_of, references_in
from app.tickets.rules.tickets import FINAL_STATES
from app.tickets.services.lifecycle import change_ticket

NOT_EXCHANGED = _("The ticket is not exchanged with that partner")
_BY_A_PROGRAM = ("Auto-Submitted: auto-generated", "Precedence: ")
"""How ticket systems mark their own mails. An automatic reply ("auto-replied") is not one of
them."""


def structured(session: Session, connection: Connection, reply: Reply) -> StructuredMail | None:
    """A mail as the lines of this connection read it; None = not a mail of that system."""
    lines = profile_in_use(session, connection).mail
    return read_mail(reply.text, lines) if lines else None


def is_meant_to_come(session: Session, connections: Sequence[Connection], reply: Reply) -> bool:
    """Whether a mail that a program wrote comes from a partner's ticket system."""
    return reply.automatic.startswith(_BY_A_PROGRAM) and any(
        structured(session, one, reply) is not None for one in connections
    )


def pair_of_mail(
    session: Session, connection: Connection, read: StructuredMail, named: Sequence[int]
) -> TicketPair | None:
    """The pair that a mail is about: by their number, else by ours. ``named``: tickets of ours in
    its address or subject. Raises ``Invalid`` if the two name different tickets."""
    numbers = list(dict.fromkeys([*named, *references_in(read.ours)]))
    if len(numbers) > 1:
        raise Invalid("mail", _("It names several of our tickets"))
    pair = pair_of_their_id(session, connection.id, read.number)
    if pair is None and numbers:
        pair = session.scalars(
            select(TicketPair).where(
                TicketPair.connection_id == connection.id, TicketPair.ticket_number == numbers[0]
            )
        ).first()
    if pair is None:
        return None
    if pair.state == PairState.ENDED:
        raise Invalid("mail", NOT_EXCHANGED)
    is_theirs = pair.their_id in (None, reference_of(pair.ticket_number), read.number)
    if not is_theirs or (numbers and pair.ticket_number != numbers[0]):
        raise Invalid(
            "mail",
            _(
                "The email names their ticket %(theirs)s and our ticket %(number)s, which are not"
                " a pair",
                theirs=read.number,
                number=numbers[0] if numbers else pair.ticket_number,
            ),
        )
    return pair


def take_mailed(
    session: Session,
    connection: Connection,
    pair: TicketPair | None,
    read: StructuredMail,
    reply: Reply,
    key: str,
    now: datetime,
) -> int:
    """Process a mail; return the number of our ticket. ``key`` is the mail's own, so that it is one
    text however often it is processed. Without a pair a new ticket is created, if the connection
    accepts theirs. The window of a ticket that started there is that of their newest mail.
    Raises ``Invalid``."""
    files = tuple(
        TheirFile(f"{key}/{place}", file.name, len(file.content), content=file.content)
        for place, file in enumerate(reply.files, start=1)
    )
    theirs = TheirTicket(
        read.number,
        (TheirText(key, read.text, reply.sender, files=files),),
        read.values,
        title=read.title or reply.subject,
        number=read.number,
    )
    if pair is not None:
        if pair.their_id in (None, reference_of(pair.ticket_number)):
            pair.their_id = read.number  # until now our reference was stored as its number
        _take_whole(session, pair.id, theirs, now)
        if not pair.began_here:
            _set_window(session, connection, pair.ticket_number, read, now)
        return pair.ticket_number
    if not Direction(connection.direction).reads:
        raise Invalid(
            "mail", _("Tickets of this partner cannot be opened here: the connection only pushes")
        )
    made = take_new(session, connection.id, theirs, now)
    if made is None:
        raise Invalid("mail", _("It contains no text, or has passed through too many systems"))
    _take_whole(session, made, theirs, now)
    number = session.get_one(TicketPair, made).ticket_number
    _set_window(session, connection, number, read, now)
    return number


def _set_window(
    session: Session, connection: Connection, number: int, read: StructuredMail, now: datetime
) -> None:
    if read.window and session.get_one(Ticket, number).state not in FINAL_STATES:
        change_ticket(session, writer_of(connection, now), number, read.window)


def _take_whole(session: Session, pair_id: int, theirs: TheirTicket, now: datetime) -> None:
    """Process a mail with all of its files: it is not read a second time."""
    left = take_in(session, pair_id, theirs, now)
    while left is not None:
        left = take_in(session, pair_id, theirs, now, left)
