"""People's decisions on maintenance notices: create a ticket, dismiss, or assign a link."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.notices.models.notices import MaintenanceNotice, ProviderMaintenance
from app.notices.rules.notices import WHY_LIMIT, Outcome, cut_line
from app.notices.services.notices import (
    locked_notice,
    maintenance_of,
    record_notice,
    span,
)
from app.registry.models.registry import Link
from app.registry.rules.registry import CircuitValue
from app.registry.services.links import change_link, link_values
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import MAX_THINGS, NewTicket
from app.tickets.rules.tickets import FINAL_STATES, State
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, locked_ticket, open_ticket


def make_ticket(session: Session, by: Writer, number: int, new: NewTicket) -> Ticket:
    """Create the ticket that a person wrote from a notice that could not be read.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed`` (already decided), and the errors of
    ``open_ticket``.
    """
    row = _to_decide(session, by, number)
    ticket = open_ticket(session, by, new, check_needs=True)
    session.flush()
    row.ticket_number = ticket.number
    known = maintenance_of(session, row)
    if known is not None:
        known.ticket_number, known.notice_id = ticket.number, row.id
    elif row.uid:
        known = ProviderMaintenance(provider_key=row.provider_key, uid=row.uid)
        known.ticket_number, known.notice_id = ticket.number, row.id
        session.add(known)
    _decide(session, by, row, Outcome.MADE, f"Ticket {ticket.number} created by {by.shown_author}")
    return ticket


def ticket_to_update(session: Session, row: MaintenanceNotice) -> Ticket | None:
    """The ticket that an unread notice may update: that of its maintenance, unless it is final."""
    known = maintenance_of(session, row)
    number = row.ticket_number or (known.ticket_number if known else None)
    ticket = None if number is None else session.get(Ticket, number)
    return None if ticket is None or ticket.state in FINAL_STATES else ticket


def update_ticket(
    session: Session,
    by: Writer,
    number: int,
    start: datetime,
    end: datetime,
    state: str = "",
) -> Ticket:
    """Set the window of the ticket of a notice's maintenance, and add a comment with the content of
    the notice; ``state``: solved or unsolved, "" = unchanged.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed``, ``Invalid``.
    """
    row = _to_decide(session, by, number)
    found = ticket_to_update(session, row)
    if found is None:
        raise MoveNotAllowed(_("This notice has no ticket to update; create one"))
    ticket = locked_ticket(session, found.number)
    provider = row.provider or row.file.sender or "The provider"
    comment = f"{provider} sent another notice of this maintenance (notice {row.id})"
    if row.status:
        comment += f": status {row.status}"
    if (ticket.window_start, ticket.window_end) != (start, end):
        was = span(ticket.window_start, ticket.window_end)
        comment += f"; the window is now {span(start, end)}, it was {was}"
    wanted: dict[str, Any] = {
        "window_start": start,
        "window_end": end,
        "public_comment": f"{comment}.",
    }
    if state and state != ticket.state:
        wanted["state"] = state
        if state == State.SOLVED:
            wanted["solution"] = f"{provider} reports this maintenance as ended (notice {row.id})."
    change_ticket(session, by, ticket.number, wanted)
    row.ticket_number = ticket.number
    why = f"Ticket {ticket.number} updated by {by.shown_author}"
    _decide(session, by, row, Outcome.UPDATED, why)
    return ticket


def dismiss(session: Session, by: Writer, number: int, reason: str) -> MaintenanceNotice:
    """Dismiss a notice that needs no action. Raises ``Invalid`` without a reason."""
    row = _to_decide(session, by, number)
    text = checked_text("reason", reason.strip(), SHORT_TEXT_LIMIT, label=_("Reason"))
    if not text:
        raise Invalid("reason", _("Reason is required"))
    _decide(session, by, row, Outcome.DISMISSED, f"{by.shown_author}: {text}")
    return row


def take_back(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    """Restore a dismissed notice, to be read again."""
    row = locked_notice(session, by, number)
    if row.state != Outcome.DISMISSED:
        raise MoveNotAllowed(_("Only a dismissed notice can be reviewed again"))
    _decide(session, by, row, Outcome.TO_READ, f"{by.shown_author} set it back to review")
    return row


def settle_circuit(
    session: Session, by: Writer, number: int, object_id: str, link: str, *, remember: bool = False
) -> MaintenanceNotice:
    """Assign a link to a provider's circuit id; the notice's ticket affects it from now on.

    ``remember`` records the id as a circuit of the link, which only admins may: it is then
    recognized in later notices of other maintenances.
    """
    row = locked_notice(session, by, number)
    circuit = next((one for one in row.circuits if one.object_id == object_id), None)
    if circuit is None:
        raise NotFound(_("The notice names no such circuit"))
    found = session.scalars(select(Link).where(Link.name == link)).first()
    if found is None:
        raise Invalid("link", _("Unknown link; choose one from the list"))
    if remember:
        circuits = link_values(found)["circuits"]
        # a name that is too long is refused there, not cut
        values = {"circuits": (*circuits, CircuitValue(row.provider, object_id))}
        change_link(session, by, link, values, why=f"Maintenance notice {row.id}")
    before = circuit.link
    circuit.link, circuit.link_id, circuit.by_hand = found, found.id, True
    if row.ticket_number is not None:
        ticket = locked_ticket(session, row.ticket_number)
        if ticket.state not in FINAL_STATES:
            links = current_value(ticket, "links")
            wanted = tuple(dict.fromkeys((*links, found.name)))
            if len(wanted) > MAX_THINGS:
                raise Invalid(
                    "link",
                    _(
                        "Ticket %(number)s already has %(max_things)s links, the maximum",
                        number=ticket.number,
                        max_things=MAX_THINGS,
                    ),
                )
            change_ticket(session, by, row.ticket_number, {"links": wanted})
    old = None if before is None else before.name
    record_notice(
        session,
        by,
        row,
        [("circuit", f"{object_id}: {old}" if old else None, f"{object_id}: {link}")],
    )
    return row


def _to_decide(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    row = locked_notice(session, by, number)
    if row.state != Outcome.TO_READ:
        raise MoveNotAllowed(_("This notice has already been handled: %(state)s", state=row.state))
    return row


def _decide(
    session: Session, by: Writer, row: MaintenanceNotice, outcome: Outcome, why: str
) -> None:
    before = row.state
    row.state, row.why = outcome, cut_line(why, WHY_LIMIT)
    ticket = None if row.ticket_number is None else str(row.ticket_number)
    record_notice(
        session,
        by,
        row,
        [("state", before, outcome), ("ticket", None, ticket), ("why", None, row.why)],
    )
