"""Decisions by hand about an event and a ticket: link, unlink, undo.

A decision is one change of the raw event. It is stored separately from computed results and
outlives them; the link is recomputed in the same transaction, so that people see the effect at
once.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_match
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange, record_change
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.matching.models.matching import HandMade
from app.matching.rules.matching import REASON_LIMIT, Decision
from app.matching.services.evidence import sound_masters
from app.matching.services.recompute import recompute_by_hand
from app.matching.services.stale_links import lock
from app.registry.models.registry import Link
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import find_ticket


def link_by_hand(session: Session, by: Writer, event_id: int, number: int, reason: str) -> None:
    """Record that a ticket documents the event to which this raw event belongs.

    Also confirms a pair that does not overlap only because of a suspected time zone. For operators,
    and reporters of a site at the link's ends. Raises ``NotFound``, ``Forbidden``, and ``Invalid``
    on ``ticket`` or ``reason``.
    """
    _decide(session, by, event_id, number, Decision.LINKED, reason)


def unlink_by_hand(session: Session, by: Writer, event_id: int, number: int, reason: str) -> None:
    """Record that a ticket does not document it, whatever the rules say; else like
    ``link_by_hand``."""
    _decide(session, by, event_id, number, Decision.UNLINKED, reason)


def undo_decision(session: Session, by: Writer, event_id: int, number: int) -> None:
    """Undo a decision: the rules apply again. Without a decision, nothing changes."""
    event = _locked(session, by, event_id)
    row = session.get(HandMade, (event_id, number))
    if row is None:
        return
    old = in_words(row.decision, number)
    session.delete(row)
    _record(session, by, event, number, [FieldChange("match", old, None)])


def in_words(decision: str, number: int) -> str:
    """A decision as the history shows it."""
    did = _("linked to") if decision == Decision.LINKED else _("unlinked from")
    return _("%(did)s ticket %(number)s", did=did, number=number)


def sites_of_event(session: Session, event: Event) -> Collection[int]:
    """The sites whose reporters may decide about it: the link's ends and its responsible site, or
    the event's own site."""
    if event.link_id is None:
        return {event.site_id} - {None}  # type: ignore[return-value]  # None is taken off
    link = session.get_one(Link, event.link_id)
    sites = {link.end_a_id, link.end_b_id, link.responsible_site_id}
    return {site for site in sites if site is not None}


def _decide(
    session: Session, by: Writer, event_id: int, number: int, decision: Decision, reason: str
) -> None:
    event = _locked(session, by, event_id)
    if event.withdrawn_at is not None:
        raise Invalid("ticket", _("This event is withdrawn. Restore it before you link tickets"))
    if event.state not in ("down", "degraded"):
        raise Invalid("ticket", _("Tickets cannot be linked to unmonitored time"))
    if event.link_id is None and event.site_id is None:
        raise Invalid("ticket", _("Resolve the event's link or site first"))
    ticket = _ticket(session, by, number)
    reason = checked_text("reason", reason.strip(), REASON_LIMIT, label=_("Reason"))
    if not reason:
        raise Invalid("reason", _("Reason is required. It is shown with the event"))
    if decision is Decision.LINKED and number not in sound_masters(session, [number]):
        raise Invalid(
            "ticket",
            _(
                "Ticket %(number)s cannot document an event: "
                "it is a test ticket, a cancelled maintenance ticket, or a duplicate of one",
                number=ticket.number,
            ),
        )
    row = session.get(HandMade, (event_id, number))
    old = None if row is None else in_words(row.decision, number)
    if row is None:
        row = HandMade(event_id=event_id, ticket_number=number)
        session.add(row)
    elif (row.decision, row.reason) == (decision, reason):
        return
    row.decision, row.reason, row.actor, row.at = decision, reason, by.shown_author, by.now
    changed = [
        FieldChange("match", old, in_words(decision, number)),
        FieldChange("reason", None, reason),
    ]
    _record(session, by, event, number, changed)


def _locked(session: Session, by: Writer, event_id: int) -> Event:
    event = session.scalars(
        select(Event).where(Event.id == event_id).with_for_update(key_share=True)
    ).one_or_none()
    if event is None:
        raise NotFound(_("Event not found"))
    lock(session)  # after the event, which a file import may lock for long
    session.refresh(event)
    require_match(by.actor, sites_of_event(session, event))
    return event


def _ticket(session: Session, by: Writer, number: int) -> Ticket:
    try:
        return find_ticket(session, by.actor, number)
    except NotFound:
        raise Invalid("ticket", _("Ticket not found")) from None


def _record(
    session: Session, by: Writer, event: Event, number: int, fields: list[FieldChange]
) -> None:
    event.version += 1
    event.changed_at = by.now
    # before the log's lock: a transaction that waits for the log may have locked a matching ticket
    if event.link_id is not None:
        recompute_by_hand(session, ("link", event.link_id), by.now)
    elif event.site_id is not None:
        recompute_by_hand(session, ("site", event.site_id), by.now)
    record_change(session, by, kind=EVENT, thing_id=event.id, version=event.version, fields=fields)
