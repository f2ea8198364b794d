"""Fields of a ticket that are changed where they are shown, one at a time."""

from __future__ import annotations

from typing import Any, Final

from flask_wtf import FlaskForm
from wtforms import HiddenField

from app.accounts.services.people import people_who_may_write
from app.core.rules.access import Actor
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import Choice, options
from app.tickets.models.tickets import Ticket
from app.tickets.pages.forms import form_value, input_of
from app.tickets.rules.content import LABELS, TIMES
from app.tickets.services.fields import facts_of

IN_PLACE: Final = ("person_in_charge", "priority", "impact", "unit", *TIMES)
"""The fields that the page of a ticket lets one change where they are shown."""


class InPlaceForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """One field of a ticket; ``field`` names it, and it is an input of that name."""

    version = HiddenField()
    field = HiddenField()


def _form_for(name: str) -> type[InPlaceForm]:
    field = Choice(LABELS[name]) if name == "person_in_charge" else input_of(name)
    return type(f"InPlace_{name}", (InPlaceForm,), {name: field})


_FORMS: Final = {name: _form_for(name) for name in IN_PLACE}


def in_place_form(name: str, actor: Actor, ticket: Ticket, *, shown: bool) -> InPlaceForm:
    """The form of one field; ``shown``: with the ticket's present value, else with what was sent.

    ``KeyError`` for a field that is not changed in place.
    """
    given: dict[str, Any] = {}
    if shown:
        given = {"formdata": None, name: form_value(ticket, name), "field": name}
        given["version"] = str(ticket.version)
    form = _FORMS[name](**given)
    form[name].render_kw = {**(form[name].render_kw or {}), "autofocus": True}
    if name == "person_in_charge":
        form[name].choices = _assignees(actor, ticket)
    return form


def _assignees(actor: Actor, ticket: Ticket) -> Any:
    """Who may work on this ticket, oneself first; and whoever is named there now, whom a partner
    may have written."""
    people = people_who_may_write(db.session(), facts_of(ticket))
    mine = [name for name in people if name == actor.account]
    now = [ticket.person_in_charge] if ticket.person_in_charge else []
    return options(*dict.fromkeys([*mine, *now, *people]), empty=_("nobody"))
