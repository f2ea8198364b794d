"""Merging a ticket into another one, and separating them again.

The story of a duplicate on the page of its master is ``pages.timeline``'s.
"""

from __future__ import annotations

from flask import Response

from app.core.rules import access
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _, joined, said_word
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import writer
from app.tickets.models.tickets import Ticket
from app.tickets.pages.forms import MergeForm, SeparateForm
from app.tickets.pages.page import NUMBER, address_of, after_writing, ticket_page
from app.tickets.pages.relations import read_number
from app.tickets.pages.tickets import blueprint
from app.tickets.rules.relations import RelationRole
from app.tickets.services import lifecycle as verbs
from app.tickets.services.fields import current_value, facts_of
from app.tickets.services.merging import merge_tickets, separate_tickets


@blueprint.post(f"/tickets/{NUMBER}/merge")
def merge(number: int) -> Response:
    """Close the ticket as a duplicate of another one, and go there."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    form = MergeForm()
    if form.validate():
        with errors_in(form, {"other": "master"}):
            into = _chosen_master(by.actor, form.master.data)
            with writing_once(session):
                master = merge_tickets(session, by, number, into)
                address = address_of(into, master.version)
                said = _merged_words(ticket, master)
                leads_to(address)
    if form.errors:
        return ticket_page(number, merge_form=form, status=422)
    return go_to(address, said)


def _chosen_master(actor: Actor, typed: str | None) -> int:
    """The number that was typed, if this person may read and write that ticket."""
    number = read_number(typed)
    if number is None:
        raise Invalid("other", _("Merge into ticket: enter digits only, such as 1042"))
    try:
        master = verbs.find_ticket(db.session(), actor, number)
    except NotFound:
        raise Invalid("other", _("No ticket has this number")) from None
    refusal = access.refusal_to_write(actor, facts_of(master))
    if refusal is not None:
        raise Invalid(
            "other",
            _("You may not change ticket %(number)s: %(refusal)s", number=number, refusal=refusal),
        )
    return number


def _merged_words(ticket: Ticket, master: Ticket) -> str:
    """What was done, and what the map no longer knows by an open ticket."""
    affected = current_value(master, "links")
    missing = [name for name in current_value(ticket, "links") if name not in affected]
    said = _("Ticket %(number)s merged into this one.", number=ticket.number)
    if not missing:
        return said
    more = _(
        "The merged ticket also affects %(links)s; add them to this ticket if needed.",
        links=", ".join(missing),
    )
    return joined(" ", (said, more))


@blueprint.post(f"/tickets/{NUMBER}/separate")
def separate(number: int) -> Response:
    """Take a duplicate and its master apart, as they were before the merge."""
    session, by, form = db.session(), writer(), SeparateForm()
    verbs.find_ticket(session, by.actor, number)
    other = read_number(form.other.data)
    if not form.validate() or other is None:
        raise Invalid(
            "other",
            _("Role or number of the other ticket is missing; reload the ticket and try again"),
        )
    with writing_once(session):
        role = RelationRole(form.role.data or "")
        ticket = separate_tickets(session, by, number, role, other)
        duplicate = ticket if role is RelationRole.DUPLICATE_OF else session.get_one(Ticket, other)
        said = _(
            "Unmerged: ticket %(number)s is %(state)s.",
            number=duplicate.number,
            state=said_word(duplicate.state),
        )
        version = ticket.version
    return after_writing(number, version, said)
