"""Sites' answers to a change: which sites have to accept, who answered what, who is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models.changes import Change, ChangedField
from app.core.rules import access
from app.core.rules.access import Actor, Writer
from app.core.rules.clock import strictly_after
from app.core.rules.errors import Forbidden, Invalid, MoveNotAllowed
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import TICKET, FieldChange
from app.registry.services.registry import require_site
from app.tickets.models.relations import Acknowledgement
from app.tickets.models.tickets import Ticket
from app.tickets.rules.acknowledgements import (
    ACKNOWLEDGEMENT,
    PLAN_FIELDS,
    checked_answer,
    logged_answer,
    refusal_to_answer,
)
from app.tickets.rules.tickets import is_open
from app.tickets.services.fields import facts_of
from app.tickets.services.lifecycle import locked_ticket, record_on_ticket


@dataclass(frozen=True)
class SiteAnswer:
    """One site that has to accept: its LHCOPN name, and its newest answer ("" while it is
    missing)."""

    site: str
    answer: str
    reason: str
    at: datetime | None
    author: str
    outdated: bool
    """Links, sites, window or event times were changed after this answer."""


def acknowledge_change(
    session: Session, by: Writer, number: int, site: str, answer: str, reason: str = ""
) -> Ticket:
    """Accept or refuse a change for a site that has to; a new answer replaces the old one.

    ``site`` is any name of the site; ``answer`` is accepted or refused, and a refusal needs a
    reason. The same answer again is no change, unless the plan changed since. Raises ``NotFound``,
    ``Invalid`` (fields site, answer, reason), ``Forbidden``, and ``MoveNotAllowed`` once the ticket
    is not open any more.
    """
    ticket = locked_ticket(session, number)
    access.require_read(by.actor, facts_of(ticket))
    given = checked_answer(answer, reason)
    row = _row_of(session, ticket, site)
    refusal = refusal_to_answer(by.actor, row.site_id)
    if refusal is not None:
        raise Forbidden(refusal)
    if not is_open(ticket.state):
        raise MoveNotAllowed(
            _(
                "Sites can respond only while the ticket is open; it is %(state)s",
                state=ticket.state,
            )
        )
    same = (row.answer, row.reason) == (given, reason)
    if same and not _is_outdated(row, _version_of_plan(session, number)):
        return ticket
    old = logged_answer(row.site.key, row.answer, row.reason)
    at = strictly_after(by.now, ticket.changed_at)
    row.answer, row.reason, row.author = given, reason, by.shown_author
    row.answered_at, row.answered_version = at, ticket.version + 1
    new = logged_answer(row.site.key, given, reason)
    return record_on_ticket(session, by, ticket, [FieldChange(ACKNOWLEDGEMENT, old, new)], at)


def answers_of(session: Session, ticket: Ticket) -> Sequence[SiteAnswer]:
    """The sites that have to accept this change, by name, with their answers."""
    return _answers(session, ticket.number, ticket.acknowledgements)


def answers_at(session: Session, number: int) -> Sequence[SiteAnswer]:
    """The same of the ticket of this number, which the caller may read."""
    rows = select(Acknowledgement).where(Acknowledgement.ticket_number == number)
    return _answers(session, number, session.scalars(rows).all())


def _answers(
    session: Session, number: int, rows: Sequence[Acknowledgement]
) -> Sequence[SiteAnswer]:
    if not rows:
        return []
    plan = _version_of_plan(session, number)
    found = [
        SiteAnswer(
            site=row.site.key,
            answer=row.answer,
            reason=row.reason,
            at=row.answered_at,
            author=row.author,
            outdated=_is_outdated(row, plan),
        )
        for row in rows
    ]
    return sorted(found, key=lambda item: item.site)


def missing_sites(ticket: Ticket) -> Sequence[str]:
    """The sites that have to accept and did not answer yet, by name."""
    return sorted(row.site.key for row in ticket.acknowledgements if not row.answer)


def answerable_sites(actor: Actor, ticket: Ticket) -> Sequence[str]:
    """The sites for which this actor may answer now, by name."""
    if not is_open(ticket.state):
        return []
    return sorted(
        row.site.key
        for row in ticket.acknowledgements
        if refusal_to_answer(actor, row.site_id) is None
    )


def _row_of(session: Session, ticket: Ticket, name: str) -> Acknowledgement:
    """The row of a site that is asked, under any of its names."""
    if not ticket.acknowledgements:
        raise Invalid("site", _("No site has to accept this ticket; only changes need acceptance"))
    site = require_site(session, checked_text("site", name, SHORT_TEXT_LIMIT, label=_("Site")))
    for row in ticket.acknowledgements:
        if row.site_id == site.id:
            return row
    raise Invalid("site", _("This site does not have to accept the change"))


def _version_of_plan(session: Session, number: int) -> int:
    """The ticket's version at the newest change of its plan; 1 or 0 = none since its creation."""
    newest = session.scalar(
        select(func.max(Change.version))
        .join(ChangedField, ChangedField.change_id == Change.id)
        .where(
            Change.kind == TICKET,
            Change.thing_id == number,
            ChangedField.field.in_(PLAN_FIELDS),
        )
    )
    return newest or 0


def _is_outdated(row: Acknowledgement, version_of_plan: int) -> bool:
    return row.answered_version is not None and row.answered_version < version_of_plan
