"""What figures count, as conditions on tickets: a number and the rows behind it are the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, or_, select

from app.core.models.changes import Change, ChangedField
from app.core.rules.counted import DAYS_STANDING, SUBMITTED, Counted
from app.core.services.changes import TICKET
from app.tickets.models.tickets import Ticket, TicketLink, TicketSite
from app.tickets.rules.tickets import CREATION_STATES, OPEN_STATES, Category, State


@dataclass(frozen=True)
class CountedAt:
    """One of these words, at ``now`` (UTC)."""

    counted: Counted
    now: datetime


_NO_TEST: Final = Ticket.category != Category.TEST
_NO_LINK: Final = ~exists().where(TicketLink.ticket_number == Ticket.number)
_NO_AFFECTED: Final = ~exists().where(TicketSite.ticket_number == Ticket.number)
_PLAIN: Final[dict[Counted, ColumnElement[bool]]] = {
    Counted.NO_TEST: _NO_TEST,
    Counted.NO_LINK: _NO_LINK,
    Counted.NO_SITE: and_(_NO_AFFECTED, _NO_LINK, Ticket.responsible_site_id.is_(None)),
    Counted.NO_AFFECTED: _NO_AFFECTED,
    Counted.NO_RESPONSIBLE: Ticket.responsible_site_id.is_(None),
    Counted.FINAL: Ticket.state == State.CLOSED,
    Counted.ENDED: Ticket.ended_at.is_not(None),
}


def counted_condition(wanted: CountedAt) -> ColumnElement[bool]:
    """Which tickets a figure counts."""
    word = wanted.counted
    if word in _PLAIN:
        return _PLAIN[word]
    if word is Counted.LONG_STANDING:
        return and_(
            Ticket.state.in_(OPEN_STATES),
            _NO_TEST,
            Ticket.created_at < wanted.now - timedelta(days=DAYS_STANDING),
        )
    if word is Counted.WAITED:
        return _logged(
            Change.version > 1, ChangedField.field == "state", ChangedField.new == State.WAITING
        )
    if word is Counted.ANSWERED:
        came_open = _logged(
            Change.version == 1,
            ChangedField.field == "state",
            ChangedField.new.in_(CREATION_STATES),
        )
        answered = _logged(
            Change.version > 1,
            or_(
                ChangedField.field == "unit",
                and_(ChangedField.field == "state", ChangedField.new.not_in(CREATION_STATES)),
            ),
        )
        return and_(came_open, answered)
    return _logged(
        Change.version == 1,
        ChangedField.field == "priority",
        ChangedField.new == word.removeprefix(SUBMITTED),
    )


def _logged(*what: Any) -> ColumnElement[bool]:
    return exists(
        select(Change.id)
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(Change.kind == TICKET, Change.thing_id == Ticket.number, *what)
    )
