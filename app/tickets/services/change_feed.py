"""The changes of all tickets that an account may read, in their order, page by page.

A cursor is a change's id. It moves over what the account may not read, and never past a change that
becomes visible later: ids are given out under a lock that is held until commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.services.changes import TICKET, of_kind
from app.tickets.models.tickets import Ticket
from app.tickets.services.lists.query import readable
from app.tickets.services.timeline import TimelineStep, steps_of

EXAMINED = 10_000
"""Most changes that one page looks at, whatever the account may read of them."""


@dataclass(frozen=True)
class FeedRow:
    """One change of one ticket. ``own`` = made by an account of the asking partner."""

    id: int
    number: int
    own: bool
    step: TimelineStep


@dataclass(frozen=True)
class FeedPage:
    """Rows in their order; ``cursor`` is where to read on; ``more`` = there is more by now."""

    rows: Sequence[FeedRow]
    cursor: int
    more: bool


def read_feed(session: Session, actor: Actor, cursor: int, limit: int) -> FeedPage:
    """Up to ``limit`` changes behind ``cursor`` (0 = from the beginning).

    A page may hold fewer rows, or none, though there is more: what the account may not read, and
    changes of which it may see nothing, are passed over. Raises ``Invalid`` for a cursor ahead of
    every change, which no page has given out: the portal's data were put back to an older state.
    """
    # first the newest id: what is behind it in the next query is visible by now
    newest = session.scalar(select(func.max(Change.id))) or 0
    if cursor > newest:
        raise Invalid(
            "cursor", _("The cursor is ahead of every change; begin again, with the cursor 0")
        )
    last = min(newest, cursor + EXAMINED)
    changes = session.scalars(
        select(Change)
        .join(Ticket, Ticket.number == Change.thing_id)
        .where(of_kind(TICKET), Change.id > cursor, Change.id <= last, readable(actor))
        .order_by(Change.id)
        .limit(limit)
    ).all()
    reached = changes[-1].id if len(changes) == limit else last
    rows = [
        FeedRow(change.id, change.thing_id, _is_own(actor, change), step)
        for change, step in zip(changes, steps_of(session, actor, changes), strict=True)
        if step is not None
    ]
    return FeedPage(rows, reached, more=reached < newest)


def _is_own(actor: Actor, change: Change) -> bool:
    return change.partner_id is not None and change.partner_id == actor.partner_id
