"""The known facts of an event for a ticket that documents it. Only reads; times are UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.errors import NotFound
from app.duties.services.duties import duties_of_event
from app.events.models.events import Event, EventSource
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket
from app.matching.services.matched_events import fulfils_condition
from app.registry.models.registry import Link, Site
from app.tickets.models.tickets import Ticket
from app.tickets.services.of_event import TicketOfEvent


def ticket_of_event(session: Session, event_id: int, now: datetime) -> TicketOfEvent:
    """Prepare a ticket for the detected event of a reported one, or for the reported one alone.

    Raises ``NotFound`` for an unknown event.
    """
    event = session.get(Event, event_id)
    if event is None:
        raise NotFound("Event not found")
    detected = session.get(
        DetectedEvent,
        session.scalar(
            select(EventOfDetected.detected_id).where(EventOfDetected.event_id == event_id)
        )
        or 0,
    )
    link = session.get(Link, event.link_id) if event.link_id is not None else None
    whole = detected or event
    where = link.name if link is not None else event.link_text
    site = session.get(Site, event.site_id) if event.site_id is not None else None
    if not where:
        where = site.key if site is not None else event.site_text
    sites = [site.key] if site is not None else []
    if link is not None:
        sites = [end.key for end in (link.end_a, link.end_b) if end.tier == 1] or sites
    return TicketOfEvent(
        event_id=whole.id,
        where=where,
        state=whole.state,
        title=f"{where} {whole.state}"[:255],
        description=_description(session, event, detected, now),
        links=[link.name] if link is not None else [],
        sites=sites,
        network=link.network if link is not None else "",
        layer=event.layer,
        start=whole.start,
        end=whole.end,
        tickets=_documenting(session, detected),
    )


def _documenting(session: Session, detected: DetectedEvent | None) -> Sequence[Ticket]:
    if detected is None:
        return []
    return session.scalars(
        select(Ticket)
        .join(EventTicket, EventTicket.ticket_number == Ticket.number)
        .join(DetectedEvent, DetectedEvent.id == EventTicket.detected_id)
        .where(EventTicket.detected_id == detected.id, fulfils_condition())
        .order_by(Ticket.number)
    ).all()


def _description(
    session: Session, event: Event, detected: DetectedEvent | None, now: datetime
) -> str:
    source = session.get_one(EventSource, event.source_id)
    whole = detected or event
    until = f"until {_moment(whole.end)}" if whole.end is not None else "and is ongoing"
    said = [f"{source.name} reported {whole.state} from {_moment(whole.start)} {until}."]
    if detected is not None and detected.beginnings > 1:
        said.append(f"{detected.beginnings} reports form one event.")
    if event.detail:
        said.append(event.detail)
    due = [one for one in duties_of_event(session, whole.id, now) if one.is_due]
    said += [f"Rule {one.rule} requires a ticket: {one.clause}." for one in due]
    return "\n".join(said)[:4000]


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
