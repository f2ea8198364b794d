"""The forms of a change of several tickets; what is allowed is said by the services."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from app.core.rules.access import Actor
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.forms import Choice, lines, one_line, options
from app.registry.services.registry import all_sites
from app.tickets.pages.forms import input_of
from app.tickets.rules.content import LABELS
from app.tickets.rules.tickets import MOVES, State

FOLLOWS = _("from links and sites")
KEEP = _("no change")
_STATES = tuple(dict.fromkeys(state for targets in MOVES.values() for state in targets))


class BulkForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What to change of each ticket; what is left empty stays as it is."""

    state = Choice(_("State"), choices=options(*_STATES, empty=KEEP), default="")
    solution = TextAreaField(
        _("Solution"),
        filters=[lines],
        description=_("Required for “solved”; added to each ticket."),
        render_kw={"rows": 3},
    )
    priority = input_of("priority", empty=KEEP)
    unit = StringField(LABELS["unit"], filters=[one_line])
    person_in_charge = input_of("person_in_charge")
    responsible_site = Choice(LABELS["responsible_site"], default="")
    public_comment = TextAreaField(
        LABELS["public_comment"],
        filters=[lines],
        description=_("Added to each ticket as a public comment."),
        render_kw={"rows": 3},
    )

    def offer(self, actor: Actor) -> None:
        """Offer only what this person may set."""
        if actor.is_operator:
            keys = [site.key for site in all_sites(db.session())]
            self.responsible_site.choices = options(FOLLOWS, *keys, empty=KEEP)
        else:
            del self.responsible_site

    def wishes(self) -> dict[str, Any]:
        """The fields that were filled, as the verbs take them."""
        found = {
            field.name: field.data
            for field in self
            if field.name != "csrf_token" and (field.data or "").strip()
        }
        if found.get("responsible_site") == FOLLOWS:
            found["responsible_site"] = ""
        if "state" in found:
            found["state"] = State(found["state"])
        return found


class UndoBulkForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why a change of several tickets is taken back."""

    reason = TextAreaField(
        _("Reason"),
        filters=[lines],
        default="Reverted: changed by mistake.",
        description=_("Added to each reverted ticket as a public comment."),
        render_kw={"rows": 2},
    )
