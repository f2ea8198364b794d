"""What people decide of maintenance notices: a ticket, nothing, or which link a circuit is."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.texts import SHORT_TEXT_LIMIT, checked_text
from app.core.services.changes import take_number
from app.notices.models.notices import MaintenanceNotice, ProviderMaintenance
from app.notices.rules.notices import WHY_LIMIT, Outcome, cut_line
from app.notices.services.notices import NOTICE, record_notice, require_take
from app.registry.models.registry import Link
from app.registry.rules.registry import CircuitValue
from app.registry.services.links import change_link, link_values
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import MAX_THINGS, NewTicket
from app.tickets.rules.tickets import FINAL_STATES
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, locked_ticket, open_ticket


def make_ticket(session: Session, by: Writer, number: int, new: NewTicket) -> Ticket:
    """Open the ticket that a person made of a notice that could not be read.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed`` (it is decided already), and what
    ``open_ticket`` raises.
    """
    row = _to_decide(session, by, number)
    ticket = open_ticket(session, by, new, check_needs=True)
    session.flush()
    row.ticket_number = ticket.number
    known = _maintenance_of(session, row)
    if known is not None:
        known.ticket_number, known.notice_id = ticket.number, row.id
    _decide(session, by, row, Outcome.MADE, f"Ticket {ticket.number} created by {by.shown_author}")
    return ticket


def dismiss(session: Session, by: Writer, number: int, reason: str) -> MaintenanceNotice:
    """Put a notice aside that asks for nothing. Without a reason ``Invalid``."""
    row = _to_decide(session, by, number)
    text = checked_text("reason", reason.strip(), SHORT_TEXT_LIMIT, label=_("Reason"))
    if not text:
        raise Invalid("reason", _("Reason is required"))
    _decide(session, by, row, Outcome.DISMISSED, f"{by.shown_author}: {text}")
    return row


def take_back(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    """Have a notice that was dismissed to be read again."""
    row = _locked(session, by, number)
    if row.state != Outcome.DISMISSED:
        raise MoveNotAllowed(_("Only a dismissed notice can be reviewed again"))
    _decide(session, by, row, Outcome.TO_READ, f"{by.shown_author} set it back to review")
    return row


def settle_circuit(
    session: Session, by: Writer, number: int, object_id: str, link: str, *, remember: bool = False
) -> MaintenanceNotice:
    """Say which link a provider's circuit id means; the notice's ticket affects it from now on.

    ``remember`` enters the id as a circuit of the link, which only admins may: later notices of
    other maintenances are then understood.
    """
    row = _locked(session, by, number)
    circuit = next((one for one in row.circuits if one.object_id == object_id), None)
    if circuit is None:
        raise NotFound(_("The notice names no such circuit"))
    found = session.scalars(select(Link).where(Link.name == link)).first()
    if found is None:
        raise Invalid("link", _("Link is unknown; choose one of the list"))
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
                        "Ticket %(number)s names %(max_things)s links, and takes no more",
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


def _locked(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    require_take(by.actor)
    take_number(session, NOTICE, 0)
    row = session.get(MaintenanceNotice, number, populate_existing=True)
    if row is None:
        raise NotFound(_("There is no notice with this number"))
    return row


def _to_decide(session: Session, by: Writer, number: int) -> MaintenanceNotice:
    row = _locked(session, by, number)
    if row.state != Outcome.TO_READ:
        raise MoveNotAllowed(_("This notice is decided already: %(state)s", state=row.state))
    return row


def _maintenance_of(session: Session, row: MaintenanceNotice) -> ProviderMaintenance | None:
    if not row.uid:
        return None
    return session.scalars(
        select(ProviderMaintenance).where(
            ProviderMaintenance.provider_key == row.provider_key,
            ProviderMaintenance.uid == row.uid,
        )
    ).first()


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
