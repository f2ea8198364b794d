"""The last visit as pages know it: noted when the list is read, and when a ticket is opened."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request
from flask_login import current_user

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import read_time
from app.core.web.extensions import db
from app.core.web.htmx import go_to
from app.core.web.person import acting
from app.core.web.times import now
from app.tickets.models.tickets import Ticket
from app.tickets.pages.listing.filter_forms import read_query
from app.tickets.pages.listing.list import address_of_list
from app.tickets.services.lists import visits

blueprint = Blueprint("visits", __name__)


def begin_reading() -> datetime | None:
    """The list is being read: since when what changed is marked. Call before anything is read."""
    if visits.needs_note(current_user.visited_at, now()):
        session = db.session()
        with transaction(session, beside=True):
            since = visits.note_visit(session, acting(), now())
        current_user.seen_until = since
        current_user.visited_at = now()
    since_when: datetime | None = current_user.seen_until
    return since_when


def note_opened(ticket: Ticket) -> None:
    """The ticket was shown; written only if a list would have marked it."""
    session, actor = db.session(), acting()
    if visits.is_marked(session, actor, ticket, current_user.seen_until):
        number, version = ticket.number, ticket.version
        with transaction(session, beside=True):
            visits.note_opened(session, actor, number, version)


@blueprint.post("/tickets/seen")
def seen() -> Response:
    """Nothing that the list showed is marked any more; what changed after it was read still is."""
    until = read_time("until", request.form.get("until", ""), label=_("Seen until"))
    if until > now():
        raise Invalid("until", _("Seen until: the time must not be in the future"))
    query = read_query(request.form.get("query", ""))
    session = db.session()
    with transaction(session):
        visits.mark_all_seen(session, acting(), until)
    return go_to(address_of_list(query.query_string({"since": ()})))
