"""Linking and unlinking an event and a ticket by hand, and undoing such a decision.

The page of an event includes ``matching/_matches.html`` with the result of ``matching_section``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, flash, make_response, render_template, request

from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.events.models.events import Event
from app.matching.services.by_hand import link_by_hand, undo_decision, unlink_by_hand
from app.matching.services.event_matches import matches_of
from app.matching.web.freshness import fresh_figures

blueprint = Blueprint("event_matching", __name__, url_prefix="/events")
_KEY = "<int(max=2147483647):number>"
_MAX_NUMBER_LENGTH = 12


def matching_section(event: Event, **refused: str) -> Mapping[str, Any]:
    """The data of the partial; ``refused``: the input and ``problem`` of a rejected decision. Call
    ``fresh_figures`` before anything is read."""
    return {"matching": matches_of(db.session(), acting(), event), "refused": refused}


@blueprint.post(f"/{_KEY}/link")
def link(number: int) -> Response:
    """Link a ticket that documents this event."""
    return _decide(number, "link")


@blueprint.post(f"/{_KEY}/unlink")
def unlink(number: int) -> Response:
    """Unlink a ticket that does not document it."""
    return _decide(number, "unlink")


@blueprint.post(f"/{_KEY}/undo")
def undo(number: int) -> Response:
    """Undo a decision: the rules apply again."""
    session = db.session()
    with writing_once(session):
        undo_decision(session, writer(), number, _number(request.form.get("ticket", "")))
    flash(_("Undone. The matching rule applies again."), "ok")
    return _back(number)


def _decide(number: int, what: str) -> Response:
    session = db.session()
    typed, reason = request.form.get("ticket", ""), request.form.get("reason", "")
    verb = link_by_hand if what == "link" else unlink_by_hand
    try:
        ticket = _number(typed)
        with writing_once(session):
            verb(session, writer(), number, ticket, reason.replace("\r\n", "\n"))
    except Invalid as error:
        return _again(number, typed, reason, error)
    done = _("linked to") if what == "link" else _("unlinked from")
    flash(_("Event %(done)s ticket %(ticket)s.", done=done, ticket=ticket), "ok")
    return _back(number)


def _number(text: str) -> int:
    stripped = text.strip().removeprefix("#")
    if stripped.isascii() and stripped.isdigit() and len(stripped) <= _MAX_NUMBER_LENGTH:
        return int(stripped)
    raise Invalid("ticket", _("Enter a ticket number"))


def _again(number: int, typed: str, reason: str, error: Invalid) -> Response:
    """The section again, with the input and the reason for its rejection."""
    fresh_figures()
    event = db.session().get(Event, number)
    if event is None:
        raise NotFound(_("Event not found"))
    section = matching_section(
        event, ticket=typed, reason=reason, problem=error.message, field=error.field
    )
    page = render_template("matching/decide.html", event=event, **section)
    return make_response(page, 422)


def _back(number: int) -> Response:
    return go_to(f"/events/{number}#matches")
