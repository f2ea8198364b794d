"""Who will be notified of what is being written: beside the form of a new ticket, a comment and a
move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.tickets.models.tickets import Ticket
from app.tickets.pages.forms import TicketForm
from app.tickets.rules.concern import Concern
from app.tickets.services.concerned import concern_of, concern_of_new


class Recipients:
    """Who knows who is notified: a room above, which ``app.browser`` names."""

    read: Callable[[Session, Actor, Concern], Mapping[str, Any]]
    """For the template, by whom the ticket concerns."""


RECIPIENTS: Final = Recipients()


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
    return RECIPIENTS.read(db.session(), acting(), concern)


def will_notify_of(ticket: Ticket) -> Mapping[str, Any]:
    """Of a public comment or a move."""
    return RECIPIENTS.read(db.session(), acting(), concern_of(ticket))
