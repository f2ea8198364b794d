"""What collides with one window of planned work, and when nothing does: for forms, tickets, mails.

The rule is the calendar's own (``app.calendar.rules.calendar``). Two statements, four or five
where links are given by their ids. It only reads, except for the mails that it hands to the code
that plans mails; times are UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calendar.rules.calendar import Conflict, Window, conflicts_of, free_spans
from app.calendar.services.calendar import (
    CATEGORIES,
    planned_links,
    windows_between,
    windows_without_end,
)
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Actor
from app.core.rules.language import _, joined
from app.mail.rules.notifications import Happened, ticket_subject
from app.mail.services.mails import Also
from app.mail.services.messages import MessageRecipient, queue_message
from app.mail.services.recipients import people_around, recipients_of
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES, State

AHEAD: Final = timedelta(days=60)
"""So far behind a window a free one is looked for ..."""
BACK: Final = timedelta(days=30)
"""... and so far before it, never in the past."""
MAX_LENGTH: Final = timedelta(days=31)
"""A longer plan is compared, and gets no free window proposed."""
_PLANNING: Final = frozenset({"window_start", "window_end", "links", "category"})
"""Fields of a ticket by which its window comes to be somewhere else."""
_STEP: Final = timedelta(minutes=15)
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class WindowConflicts:
    """What collides with a window; empty where nothing does."""

    window: Window
    conflicts: Sequence[Conflict] = ()
    titles: Mapping[int, str] | None = None
    """The titles of the other tickets."""
    before: Span | None = None
    """The nearest free windows of the same length; None = none exists, or not needed."""
    after: Span | None = None
    unchecked: str = ""
    """Why the window was not compared, or not on each of its links: a sentence; "" = it was. Only
    then may "no conflict" be said."""

    @property
    def others(self) -> Collection[int]:
        """The tickets that collide with it; its own where it does so with itself (0 = not yet
        created)."""
        return {one.tickets[one.tickets[0] == self.window.ticket] for one in self.conflicts}


def conflicts_of_plan(
    session: Session,
    actor: Actor,
    links: Collection[str],
    start: datetime,
    end: datetime,
    now: datetime,
    ticket: int = 0,
) -> WindowConflicts:
    """What collides with work on these links (ids) in this window, and the nearest free windows.

    ``ticket`` is the one that is edited: its stored window does not count. 0 = a new one.
    """
    plan = Window(ticket, start, end, ())
    if end <= start:
        return WindowConflicts(
            plan, unchecked=_("Not checked for conflicts: the window must end after it starts.")
        )
    plan = replace(plan, links=planned_links(session, links, start.astimezone(UTC).date()))
    missing = len({*links}) - len(plan.links)
    unchecked = (
        _("Not checked for conflicts: choose the affected links.")
        if not links
        else _("Not checked for conflicts on %(count)s of the links.", count=missing)
        if missing
        else ""
    )
    if not plan.links:
        return WindowConflicts(plan, unchecked=unchecked)
    first, last = max(_rounded_up(now), start - BACK), end + AHEAD
    found = windows_between(session, actor, min(first, start), last)
    others = [one for one in found if one.ticket != ticket]
    clashes = conflicts_of(plan, others)
    endless = [one for one in windows_without_end(session, actor, last) if one.ticket != ticket]
    met = sorted(
        {number for one in conflicts_of(plan, endless) for number in one.tickets} - {ticket}
    )
    if met and not unchecked:
        unchecked = _(
            "Not checked for conflicts with %(tickets)s: the end of the window is not known.",
            tickets=joined(", ", (f"#{number}" for number in met)),
        )
    beside = {number for one in clashes for number in one.tickets}
    titles = {one.ticket: title for one, title in found.items() if one.ticket in beside}
    before = after = None
    length = end - start
    if beside - {ticket} and length <= MAX_LENGTH:
        free = free_spans(plan, [*others, *endless], first, last)
        earlier = [min(until - length, start) for since, until in free if since <= start]
        later = [max(since, start) for since, until in free if until - length >= start]
        before = (earlier[-1], earlier[-1] + length) if earlier else None
        after = (later[0], later[0] + length) if later else None
    return WindowConflicts(plan, clashes, titles, before, after, unchecked)


def conflicts_of_ticket(session: Session, actor: Actor, ticket: Ticket) -> WindowConflicts | None:
    """What collides with the window of an open ticket; None where it has none to compare."""
    start, end = ticket.window_start, ticket.window_end
    plans = ticket.category in CATEGORIES and ticket.state in OPEN_STATES
    if not plans or start is None or end is None or not ticket.affected_links:
        return None
    found = windows_between(session, actor, start, end)
    own = next((one for one in found if one.ticket == ticket.number), None)
    if own is None:
        return None
    clashes = conflicts_of(own, [one for one in found if one is not own])
    return WindowConflicts(own, clashes, {one.ticket: title for one, title in found.items()})


def facts_of_mail(session: Session, ticket: Ticket, now: datetime) -> Sequence[tuple[str, str]]:
    """What the mails about a ticket say of conflicts that are not over: label and value."""
    if ticket.window_end is None or ticket.window_end <= now:
        return ()
    found = conflicts_of_ticket(session, SYSTEM, ticket)
    return (
        [(_("Conflict"), in_words(one, ticket.number)) for one in found.conflicts] if found else ()
    )


def mails_to_others(
    session: Session, change: Change, notified: Collection[str], now: datetime
) -> Sequence[Also]:
    """The mails to the people of tickets with whose windows a change brought its ticket's window
    into conflict; addresses of ``notified`` are notified anyway.

    A message is keyed by both tickets and the day: two that are in conflict stay so in silence,
    however often either is edited.
    """
    fields = {item.field: item.new for item in change.fields}
    planned = change.version == 1 or _PLANNING & fields.keys()
    if not planned and fields.get("state") != State.REOPENED:
        return []
    ticket = session.get(Ticket, change.thing_id)
    found = conflicts_of_ticket(session, SYSTEM, ticket) if ticket is not None else None
    if ticket is None or found is None:
        return []
    ahead = [one for one in found.conflicts if one.end > now]
    numbers = {number for one in ahead for number in one.tickets} - {ticket.number}
    if not numbers:
        return []
    in_the_way = select(Ticket).where(Ticket.number.in_(numbers), Ticket.state.in_(OPEN_STATES))
    others = session.scalars(in_the_way.order_by(Ticket.number)).all()
    people = people_around(session, others)
    mails: list[Also] = []
    for other in others:
        mine = [one for one in ahead if other.number in one.tickets]
        pair = f"{min(mine[0].tickets)} {max(mine[0].tickets)}"
        moved = (
            _("New planned work conflicts with the window of this ticket.")
            if change.version == 1
            else _("Changed planned work conflicts with the window of this ticket.")
        )
        mails.append(
            partial(
                queue_message,
                key=f"window conflict {pair} {mine[0].start.astimezone(UTC):%Y-%m-%d}",
                recipients=[
                    MessageRecipient(one.address, one.user.id if one.user else None, one.why)
                    for one in recipients_of(people, other, change, Happened.MOVED, ticket)
                    if one.key not in notified
                ],
                subject=ticket_subject(other.number, _("Conflict: %(title)s", title=other.title)),
                text=joined(
                    "\n\n",
                    (
                        moved,
                        joined(
                            "\n",
                            [
                                _("Conflict %(words)s", words=in_words(one, other.number))
                                for one in mine
                            ],
                        ),
                        _(
                            "No window was changed. Please coordinate with ticket #%(number)s.",
                            number=ticket.number,
                        ),
                    ),
                ),
                url=f"/tickets/{other.number}",
                now=now,
                ticket=other.number,
            )
        )
    return mails


def in_words(conflict: Conflict, ticket: int) -> str:
    """A conflict of this ticket in one line, with the other ticket and the time."""
    others = [number for number in conflict.tickets if number != ticket]
    start, end = conflict.start.astimezone(UTC), conflict.end.astimezone(UTC)
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    whose = _("with ticket %(others)s", others=others[0]) if others else _("within this ticket")
    return _(
        "%(whose)s, %(start)s to %(until)s UTC: %(words)s",
        whose=whose,
        start=format(start, "%Y-%m-%d %H:%M"),
        until=until,
        words=conflict.words,
    )


def free_windows(
    session: Session,
    actor: Actor,
    links: Collection[str],
    length: timedelta,
    first: datetime,
    last: datetime,
) -> tuple[Sequence[Conflict], Sequence[Span]]:
    """When work of this length on all of these links fits between two moments without a conflict;
    and what collides among the links themselves, whenever it is."""
    first = _rounded_up(first)
    plan = Window(0, first, first + length, planned_links(session, links, first.date()))
    others = [
        *windows_between(session, actor, first, last),
        *windows_without_end(session, actor, last),
    ]
    return conflicts_of(plan, ()), free_spans(plan, others, first, last)


def _rounded_up(moment: datetime) -> datetime:
    """The next full quarter of an hour."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + -(-(moment - day) // _STEP) * _STEP
