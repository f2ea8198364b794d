"""Who will be notified of what is being written: next to the form of a new ticket, a comment and a
move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.tickets.models.tickets import Ticket
from app.tickets.pages.form_hooks import RECIPIENTS
from app.tickets.pages.forms import TicketForm
from app.tickets.services.concern.concerned import concern_of, concern_of_new


def will_notify_of_new(form: TicketForm) -> Mapping[str, Any]:
    """Of the ticket that the form would create."""
    moment = form.event_start.data or form.window_start.data or now()
    concern = concern_of_new(
        db.session(),
        acting(),
        (form.title.data or "", form.description.data or ""),
        form.links.data or (),
        form.sites.data or (),
        moment.date(),
        responsible=(form.responsible_site.data or "") if "responsible_site" in form else "",
        carbon_copy=form.carbon_copy.data or "",
    )
    return RECIPIENTS.one(db.session(), acting(), concern)


def will_notify_of(ticket: Ticket) -> Mapping[str, Any]:
    """Of a public comment or a move."""
    return RECIPIENTS.one(db.session(), acting(), concern_of(ticket))
