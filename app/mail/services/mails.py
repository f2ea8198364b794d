"""Plans mails from the change log, with a cursor stored next to them.

The change log is the outbox: a ticket's transaction writes nothing for its mails. Planning reads
from the cursor on and moves it in the transaction that writes the mails, so a change notifies each
address once, however many workers plan at the same time and whenever one is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from app.core.database.upsert import upsert
from app.core.models.changes import Change
from app.core.rules.access import ActorKind, Door
from app.core.rules.hooks import Hook
from app.core.services.changes import TICKET, newest_change, of_kind, read_on
from app.core.services.cursors import move_cursor, place_of, put_cursor
from app.mail.models.mails import Mail, MailNotification
from app.mail.rules.notifications import (
    COMMENT_FIELD,
    SOLUTION_FIELD,
    Happened,
    Notification,
    shortened,
    what_happened,
)
from app.mail.services.recipients import (
    DIGEST,
    NEVER,
    Recipient,
    people_around,
    recipients_of,
    stopped,
)
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import LABELS
from app.tickets.rules.reminders import REMINDER

CURSOR = "mails_planned_up_to"
"""The row of ``portal_facts`` with the newest change whose mails are planned."""
AT_ONCE = 200
"""Most changes planned in one transaction."""
OLDEST = timedelta(days=7)
"""A change that is older than this when it is planned notifies nobody: no worker ran for so
long."""
WAITING, SENT, FAILED = "waiting", "sent", "failed"
IN_DIGEST, DIGESTED, DROPPED = "digest", "digested", "dropped"
STATES: Final = (WAITING, FAILED, SENT, IN_DIGEST, DIGESTED, DROPPED)


Also = Callable[[Session], object]
"""Writes something in the transaction that writes a plan."""


MAIL_FACTS: Final[Hook[[Session, Ticket, datetime], Sequence[tuple[str, str]]]] = Hook("MAIL_FACTS")
"""Label and value of what rooms above add to a mail of a ticket, at a time (UTC)."""
MAILS_TO_OTHERS: Final[Hook[[Session, Change, Collection[str], datetime], Sequence[Also]]] = Hook(
    "MAILS_TO_OTHERS"
)
"""What a change means for people of other tickets, except those who are notified anyway."""
MAIL_CALENDAR: Final[Hook[[Session, Ticket, str, str], str]] = Hook("MAIL_CALENDAR")
"""An iCalendar object for programs, without a METHOD, of a ticket as it is now; "" = none."""


@dataclass(frozen=True)
class Plan:
    """The notifications and mails of the changes between two positions of the log."""

    begins: int
    ends: int
    notifications: Sequence[Mapping[str, Any]] = ()
    mails: Sequence[Mapping[str, Any]] = ()
    also: Sequence[Also] = ()
    too_old: int = 0
    """Changes that notified nobody because they were too old."""


def draft_mails(session: Session, now: datetime, public_url: str, address: str = "") -> Plan | None:
    """Draft the mails of the next changes; None if there is no newer change. Writes nothing.

    ``address`` is the sender's.
    """
    begins = place_of(session, CURSOR) or 0
    found = read_on(session, begins, AT_ONCE, of_kind(TICKET), Change.door != Door.IMPORT)
    if found is None:
        return None
    changes, ends = found
    newsworthy = _news(session, changes)
    fresh = [change for change in newsworthy if change.at > now - OLDEST]
    notifications, mails = _drafts(session, fresh, now, public_url, address)
    also: list[Also] = []
    for change in fresh:
        notified = {mail["address_key"] for mail in mails if mail["change_id"] == change.id}
        also += MAILS_TO_OTHERS.one(session, change, notified, now)
    return Plan(begins, ends, notifications, mails, also, len(newsworthy) - len(fresh))


def put_mails(session: Session, plan: Plan) -> bool:
    """Write a plan and move the cursor; return False, and write nothing, if another worker did so
    meanwhile."""
    if not move_cursor(session, CURSOR, plan.begins, plan.ends):
        return False
    for kind, rows in ((MailNotification, plan.notifications), (Mail, plan.mails)):
        if rows:
            table = cast(Table, kind.__table__)
            session.connection().execute(upsert(table).on_conflict_do_nothing(), list(rows))
    for write in plan.also:
        write(session)
    return True


def skip_notifications(session: Session) -> None:
    """Skip all changes up to now, including those of this transaction: they notify nobody."""
    session.flush()
    put_cursor(session, CURSOR, newest_change(session))


def unplanned(session: Session) -> int:
    """The number of changes of any kind after the cursor: they wait for a worker."""
    return max(0, newest_change(session) - (place_of(session, CURSOR) or 0))


def _news(session: Session, changes: Sequence[Change]) -> list[Change]:
    """The changes without history: what the portal itself does to a ticket that nobody changed
    since its import, such as closing tickets solved years ago."""
    by_portal = {change.thing_id for change in changes if change.actor_kind == ActorKind.SYSTEM}
    if not by_portal:
        return [*changes]
    ours = (Change.kind == TICKET, Change.thing_id.in_(by_portal))
    history = set(
        session.scalars(
            select(Change.thing_id).where(*ours, Change.version == 1, Change.door == Door.IMPORT)
        )
    )
    history -= set(
        session.scalars(
            select(Change.thing_id).where(
                *ours, Change.door != Door.IMPORT, Change.actor_kind != ActorKind.SYSTEM
            )
        )
    )
    return [
        change
        for change in changes
        if change.thing_id not in history or change.actor_kind != ActorKind.SYSTEM
    ]


def _drafts(
    session: Session, changes: Sequence[Change], now: datetime, public_url: str, address: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    happened = [(change, kind) for change in changes if (kind := _happened(change)) is not None]
    numbers = {change.thing_id for change, _kind in happened}
    tickets = {
        ticket.number: ticket
        for ticket in session.scalars(select(Ticket).where(Ticket.number.in_(numbers)))
    }
    people = people_around(session, tickets.values())
    with_recipients: list[tuple[Change, Happened, Ticket, Sequence[Recipient]]] = []
    for change, kind in happened:
        ticket = tickets[change.thing_id]
        with_recipients.append((change, kind, ticket, recipients_of(people, ticket, change, kind)))
    out = stopped(
        session, {one.key for *_rest, recipients in with_recipients for one in recipients}
    )
    notifications, mails = [], []
    for change, kind, ticket, recipients in with_recipients:
        # a person with an account chooses there: an earlier choice of the address does not count
        due = [
            one
            for one in recipients
            if one.choice != NEVER and (one.user is not None or one.key not in out)
        ]
        if not due:
            continue
        more = MAIL_FACTS.one(session, ticket, now)
        notification = replace(
            notification_of(change, kind, ticket, public_url, more),
            calendar=MAIL_CALENDAR.one(session, ticket, public_url, address),
        )
        notifications.append({"change_id": change.id, "content": notification.as_text()})
        mails += [_row(change, one, now) for one in due]
    return notifications, mails


def _happened(change: Change) -> Happened | None:
    return what_happened(change.version, {item.field: item.new for item in change.fields})


def _row(change: Change, one: Recipient, now: datetime) -> dict[str, Any]:
    in_digest = one.choice == DIGEST
    return {
        "change_id": change.id,
        "ticket_number": change.thing_id,
        "address": one.address,
        "address_key": one.key,
        "user_id": one.user.id if one.user is not None else None,
        "why": one.why,
        "state": IN_DIGEST if in_digest else WAITING,
        "due_at": None if in_digest else now,
        "attempts": 0,
        "reason": "",
        "created_at": now,
    }


def notification_of(
    change: Change,
    happened: Happened,
    ticket: Ticket,
    public_url: str,
    more: Sequence[tuple[str, str]] = (),
) -> Notification:
    """Describe a change, with the current ticket and ``more`` facts; nothing internal."""
    changed = {item.field: item for item in change.fields}
    url = f"{public_url}/tickets/{ticket.number}"

    def new(name: str) -> str:
        return shortened((changed[name].new or "") if name in changed else "", url)

    whole = happened in (Happened.CREATED, Happened.CONCERNED)
    solution = shortened(ticket.solution, url) if happened is Happened.SOLVED else ""
    return Notification(
        number=ticket.number,
        title=ticket.title,
        happened=happened,
        author=change.author,
        at=change.at.astimezone(UTC).isoformat(timespec="seconds"),
        comment=new(COMMENT_FIELD),
        solution=new(SOLUTION_FIELD) or solution,
        before=(changed["state"].old or "") if "state" in changed else "",
        state=new("state"),
        reminder=new(REMINDER),
        description=shortened(ticket.description, url) if whole else "",
        facts=(*_facts(ticket), *more),
    )


def _facts(ticket: Ticket) -> Iterable[tuple[str, str]]:
    sites = [
        item.site.key if item.site is not None else item.name for item in ticket.affected_sites
    ]
    values = {
        "state": ticket.state,
        "priority": ticket.priority,
        "category": ticket.category,
        "network": ticket.network,
        "links": ", ".join(item.link.name for item in ticket.affected_links),
        "sites": ", ".join(sites),
        "responsible_site": ticket.responsible_site.key if ticket.responsible_site else "",
        "unit": ticket.unit,
    }
    for name in ("event_start", "event_end", "window_start", "window_end", "estimated_end"):
        moment = getattr(ticket, name)
        values[name] = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""
    return [(LABELS[name], value) for name, value in values.items() if value]


def count_by_state(session: Session, states: Collection[str] = STATES) -> dict[str, int]:
    """The number of mails in each of these states."""
    rows = session.execute(
        select(Mail.state, func.count()).where(Mail.state.in_(states)).group_by(Mail.state)
    )
    return {row[0]: row[1] for row in rows}
