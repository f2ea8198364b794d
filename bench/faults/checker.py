"""Repeats every acknowledged call, and counts what is stored of each: once, or it is lost or
doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models.changes import ChangedField
from app.mail.rules.notifications import COMMENT_FIELD
from app.tickets.models.tickets import Ticket
from bench.faults.clients import Acknowledged, Clients, Kind, Refused, send
from tests.harness.databases import open_engine
from tests.harness.nginx import Proxy


@dataclass(frozen=True)
class Checked:
    """What is wrong, in words; the counts are calls."""

    repeated: int
    lost: Sequence[str]
    doubled: Sequence[str]
    otherwise: Sequence[str]
    """Repeats that were answered with another number, or not at all."""


def check(clients: Clients, url: str, *, modifications: bool) -> Checked:
    """Repeat all that these clients were acknowledged, and count what is in the database.

    ``modifications``: TicketModify is repeated, too. It is a repeat for ten minutes of the portal's
    clock only (decisions, section 4).
    """
    otherwise = []
    repeated = 0
    for one in clients.acknowledged:
        if one.call.kind is Kind.SOAP_MODIFY and not modifications:
            continue
        repeated += 1
        if problem := _repeat(clients.proxy, one):
            otherwise.append(problem)
    stored = _stored(url, clients.name)
    counts = {one.call.text: stored[one.call.text] for one in clients.acknowledged}
    return Checked(
        repeated,
        [text for text, count in counts.items() if count == 0],
        [f"{text}: {count} times" for text, count in stored.items() if count > 1],
        otherwise,
    )


def _repeat(proxy: Proxy, one: Acknowledged) -> str:
    """Why the repeat was not answered as the call was; "" if it was."""
    try:
        number = send(proxy, one.call, "127.0.0.1")
    except (OSError, HTTPException, Refused) as error:
        return f"{one.call.text}: {error}"
    if number != one.number:
        return f"{one.call.text}: ticket {number} instead of {one.number}"
    return ""


def _stored(url: str, name: str) -> Counter[str]:
    """How often each text of the clients is in the database, as a title or an entry."""
    engine = open_engine(url)
    found: Counter[str] = Counter()
    with Session(engine) as session:
        for texts in (
            select(Ticket.title).where(Ticket.title.startswith(f"{name} ")),
            select(ChangedField.new).where(
                ChangedField.field == COMMENT_FIELD, ChangedField.new.startswith(f"{name} ")
            ),
        ):
            found.update(session.scalars(texts))
    engine.dispose()
    return found
