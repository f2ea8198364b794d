"""What one is reminded of: set and moved on a ticket; done, or removed, wherever it is shown."""

from __future__ import annotations

from flask import Response

from app.core.database.transactions import transaction
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import errors_in
from app.core.web.person import writer
from app.core.web.times import both_zones
from app.tickets.pages.forms import ReminderForm
from app.tickets.pages.page import NUMBER, shown_again, ticket_page
from app.tickets.pages.tickets import blueprint
from app.tickets.services.lifecycle import find_ticket
from app.tickets.services.personal_reminders import remove_reminder, set_reminder


@blueprint.post(f"/tickets/{NUMBER}/remind")
def remind(number: int) -> Response:
    """Be reminded of the ticket, or at another time."""
    session, by, form = db.session(), writer(), ReminderForm()
    find_ticket(session, by.actor, number)
    if form.validate():
        with errors_in(form), transaction(session):
            due_at = set_reminder(session, by, number, form.due_at.data, form.note.data or "")
    if form.errors:
        return ticket_page(number, remind_form=form, status=422)
    return shown_again(number, _("Reminder set: %(time)s.", time=both_zones(due_at)))


@blueprint.post(f"/tickets/{NUMBER}/remind/remove", endpoint="remove_reminder")
def remove(number: int) -> Response:
    """Remove a reminder, or mark it as done."""
    session, by = db.session(), writer()
    with transaction(session):
        remove_reminder(session, by, number)
    return shown_again(number, _("Reminder for ticket %(number)s removed.", number=number))
