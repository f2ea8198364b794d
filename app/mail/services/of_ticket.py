"""What a person sees about the mails of a ticket: own watch and reminder, what happened to the
newest notification, and failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.models.changes import Change
from app.core.rules.access import Actor, Door
from app.core.services.changes import TICKET
from app.core.services.cursors import cursor
from app.mail.models.mails import Mail
from app.mail.services.mails import (
    CURSOR,
    DIGESTED,
    FAILED,
    IN_DIGEST,
    SENT,
    WAITING,
)
from app.mail.services.recipients import NEVER
from app.registry.models.registry import Site, SiteContact
from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.tickets import Ticket, TicketSite
from app.tickets.models.watchers import TicketWatcher


@dataclass(frozen=True)
class TicketMails:
    """``choice``: None if the person does not watch the ticket; otherwise the chosen mails, "" if
    there is no address for them. ``reminder``: with ``due_at`` and ``note``, if the person set
    one. ``failed``: id, address and reason of the mails that a server refused permanently, the
    newest for each address; for operators."""

    choice: str | None
    gets_mails: bool
    reminder: Row[Any] | None
    failed: Sequence[Row[Any]]
    newest: Newest
    without_contact: Sequence[str]
    """Sites that the ticket concerns and that have no address: nobody is notified at these
    sites."""


@dataclass(frozen=True)
class Newest:
    """The mails about the newest change that has any: how many are in each state. For sent ones,
    only acceptance by the mail server is known."""

    sent: int = 0
    failed: int = 0
    to_send: int = 0
    """Waiting for the mail server, or being sent."""
    refused: int = 0
    """To be retried: the mail server has not accepted them yet."""
    in_digest: int = 0
    """Already in a daily digest, or waiting for one."""
    at: datetime | None = None
    """When these mails were created; None = no mails."""
    unplanned: bool = False
    """Whether there is a later change whose mails are not created yet."""


def mails_of_ticket(session: Session, actor: Actor, number: int) -> TicketMails:
    """Read it in one statement: few tickets are watched, few mails fail, and few belong to one
    change."""
    watching = exists().where(
        TicketWatcher.ticket_number == number, TicketWatcher.user_id == User.id
    )
    newest = select(func.max(Mail.change_id)).where(Mail.ticket_number == number).scalar_subquery()
    of_newest = Mail.change_id == newest
    is_read = or_(of_newest, Mail.state == FAILED) if actor.is_operator else of_newest
    planned = cursor(CURSOR)
    last_change = (
        select(func.max(Change.id))
        .where(Change.kind == TICKET, Change.thing_id == number, Change.door != Door.IMPORT)
        .scalar_subquery()
    )
    wanted: Select[*tuple[Any, ...]] = (
        select(
            *(User.mail, User.mail_choice, watching.label("watching")),
            *(TicketReminder.due_at, TicketReminder.note),
            *(Mail.id, Mail.address_key, Mail.address, Mail.reason, Mail.state, Mail.change_id),
            *(Mail.attempts, Mail.created_at, Mail.taker),
            *(newest.label("newest"), planned.label("planned")),
            *(last_change.label("last_change"), _sites_without_contact(number).label("lacking")),
        )
        .outerjoin(
            TicketReminder,
            and_(TicketReminder.ticket_number == number, TicketReminder.user_id == User.id),
        )
        .outerjoin(Mail, and_(Mail.ticket_number == number, is_read))
        .where(User.id == actor.account_id)
        .order_by(Mail.id.desc())
    )
    rows = session.execute(wanted).all()
    failures: dict[str, Row[Any]] = {}
    for row in rows:
        if row.state == FAILED and actor.is_operator:
            failures.setdefault(row.address_key, row)
    person = rows[0]
    choice = person.mail_choice if person.mail else ""
    return TicketMails(
        choice if person.watching else None,
        choice not in ("", NEVER),
        person if person.due_at is not None else None,
        list(failures.values()),
        _newest(rows),
        sorted(person.lacking.split("\n")) if person.lacking else (),
    )


def _newest(rows: Sequence[Row[Any]]) -> Newest:
    first = rows[0]
    unplanned = (first.last_change or 0) > int(first.planned or 0)
    mails = [row for row in rows if row.id is not None and row.change_id == first.newest]
    # a mail written to a file, before a server was configured, reached nobody
    states = Counter(row.state for row in mails if row.state != SENT or row.taker != "")
    to_send = [row.attempts > 0 for row in mails if row.state == WAITING]
    return Newest(
        *(states[SENT], states[FAILED], to_send.count(False), to_send.count(True)),
        states[IN_DIGEST] + states[DIGESTED],
        max((row.created_at for row in mails), default=None),
        unplanned,
    )


def _sites_without_contact(number: int) -> ScalarSelect[str | None]:
    """The names of the sites that the ticket concerns and that have no address, one per line."""
    affected = select(TicketSite.site_id).where(TicketSite.ticket_number == number)
    responsible = select(Ticket.responsible_site_id).where(Ticket.number == number)
    reached = exists().where(SiteContact.site_id == Site.id, SiteContact.mail != "")
    return (
        select(func.aggregate_strings(Site.key, "\n"))
        .where(or_(Site.id.in_(affected), Site.id.in_(responsible)), ~reached.correlate(Site))
        .correlate(None)
        .scalar_subquery()
    )
