"""The page of an event, and the forms of operators: entering, correcting, withdrawing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, make_response, render_template, request, url_for
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, refusal_to_create
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.duties.pages.events import blueprint
from app.duties.services.duties import duties_of_event
from app.duties.services.ticket_of_event import ticket_of_event
from app.events.pages.forms import EventForm, ReasonForm
from app.events.pages.history import history_entries
from app.events.services.hand import correct_event, enter_event, require_enter, stated_of
from app.events.services.import_runs import import_of
from app.events.services.withdrawal import restore_event, withdraw_event
from app.evidence.services.downtimes import downtimes_beside
from app.matching.pages.event_matching import matching_section
from app.matching.pages.event_span import span_of_event
from app.matching.rules.matching import Evidence
from app.matching.services.event_pages import (
    EventFacts,
    event_facts,
    history_of_event,
    tickets_beside,
)
from app.matching.web.freshness import fresh_figures
from app.registry.rules.registry import covers
from app.registry.services.choices import choices
from app.tickets.services.of_event import TicketOfEvents
from app.topology.rules.link_states import LinkState, LinkStatus
from app.topology.services.link_states import link_states, ongoing_event

NUMBER = "<int(max=2147483647):number>"
_SHOWN_REPORTS = 50
_TROUBLE = (LinkState.DOWN, LinkState.DEGRADED)
"""States of events that need a ticket."""


def read_for_ticket(session: Session, numbers: Sequence[int]) -> TicketOfEvents:
    """Read the start values of a new ticket for these events; raises ``NotFound`` if none
    exists."""
    fresh_figures()  # a ticket written a moment ago has to be found
    found = {
        one.event_id: one for one in (ticket_of_event(session, each, now()) for each in numbers)
    }
    return TicketOfEvents([*found.values()])


@blueprint.get(f"/events/{NUMBER}")
def detail(number: int) -> Response:
    """Show an event: the report, its detected event, its tickets and duties."""
    return event_page(number)


def event_page(number: int, *, form: ReasonForm | None = None, status: int = 200) -> Response:
    """Render the page; ``form``: a rejected withdrawal."""
    figures = fresh_figures()
    session, actor = db.session(), acting()
    facts = event_facts(session, number)
    section = matching_section(facts.event)
    detected, siblings = section["matching"].detected, section["matching"].siblings
    beside = tickets_beside(session, detected.id) if detected is not None else ()
    is_ongoing = _is_ongoing(facts)
    lacks_ticket = detected is not None and not detected.is_documented
    ongoing = None
    if is_ongoing and facts.event.state in _TROUBLE:  # as used for its state
        ongoing = ongoing_event(session, number, now())
        lacks_ticket = ongoing.evidence is not Evidence.ATTENDED
    elif is_ongoing:
        lacks_ticket = False
    page = render_template(
        "events/detail.html",
        facts=facts,
        event=facts.event,
        figures=figures,
        detected=detected,
        siblings=siblings[:_SHOWN_REPORTS],
        more_siblings=detected.beginnings - _SHOWN_REPORTS if detected is not None else 0,
        span=span_of_event(detected, siblings, beside) if detected is not None else None,
        duties=duties_of_event(session, detected.id, now()) if detected is not None else (),
        entries=history_entries(history_of_event(session, number)),
        brought_by=import_of(session, number),
        reason_form=form or ReasonForm(formdata=None),
        is_operator=actor.is_operator,
        link_status=_link_status(session, facts) if is_ongoing else None,
        downtimes=downtimes_beside(
            session, facts.site_ids, facts.event.start, facts.event.end or now()
        ),
        lacks_ticket=lacks_ticket,
        ongoing=ongoing,
        may_open_ticket=refusal_to_create(actor) is None,
        **section,
    )
    return make_response(page, status)


def _is_ongoing(facts: EventFacts) -> bool:
    """Whether the event affects the current state of its link."""
    return facts.link is not None and facts.event.end is None and facts.event.withdrawn_at is None


def _link_status(session: Session, facts: EventFacts) -> LinkStatus | None:
    """The current state of its link; None if the link is not in use."""
    link = facts.link
    if link is None or not covers((link.valid_from, link.valid_until), now().date()):
        return None
    return link_states(session, [link.id], now())[link.id]


@blueprint.route("/events/new", methods=["GET", "POST"])
def new() -> Response:
    """Enter an event by hand."""
    require_enter(writer())
    form = EventForm()
    if request.method == "GET":
        form.link.data = request.args.get("link", "")
        return _form_page(form, 200)
    session, by = db.session(), writer()
    if form.validate():
        with errors_in(form), writing_once(session):
            number = enter_event(session, by, secrets.token_hex(16), form.stated())
            leads_to(url_for("events.detail", number=number))
    if form.errors:
        return _form_page(form, 422)
    return go_to(
        url_for("events.detail", number=number), _("Event %(number)s reported.", number=number)
    )


@blueprint.route(f"/events/{NUMBER}/edit", methods=["GET", "POST"])
def edit(number: int) -> Response:
    """Correct or close an event."""
    session, by = db.session(), writer()
    require_enter(by)
    facts = event_facts(session, number)
    if request.method == "GET":
        form = EventForm(formdata=None, **vars(stated_of(session, facts.event)))
        form.version.data = str(facts.event.version)
        if request.args.get("close") and facts.event.end is None:
            form.end.data = now().replace(second=0, microsecond=0)
        return _form_page(form, 200, number)
    form = EventForm()
    form.start.known, form.end.known = facts.event.start, facts.event.end
    if form.validate():
        seen = form.version.data or ""
        try:
            with writing_once(session):
                changed = correct_event(
                    session, by, number, int(seen) if seen.isdecimal() else 0, form.stated()
                )
                leads_to(url_for("events.detail", number=number))
        except Invalid as error:
            if error.field == "version":
                form.version.raw_data = None
                form.version.data = str(event_facts(session, number).event.version)
                form.form_errors.append(error.message)
                return _form_page(form, 409, number)
            attach(form, error)
        else:
            said = _("Event corrected.") if changed else _("Nothing was changed.")
            return go_to(url_for("events.detail", number=number), said)
    return _form_page(form, 422, number)


def _form_page(form: EventForm, status: int, number: int = 0) -> Response:
    page = render_template("events/form.html", form=form, number=number, **choices(db.session()))
    return make_response(page, status)


@blueprint.post(f"/events/{NUMBER}/withdraw")
def withdraw(number: int) -> Response:
    """Withdraw an event that did not happen."""
    return _with_reason(number, withdraw_event, _("Event withdrawn. It no longer counts."))


@blueprint.post(f"/events/{NUMBER}/restore")
def restore(number: int) -> Response:
    """Restore a withdrawn event."""
    return _with_reason(number, restore_event, _("Event restored."))


def _with_reason(
    number: int, verb: Callable[[Session, Writer, int, str], Any], said: str
) -> Response:
    session, by, form = db.session(), writer(), ReasonForm()
    require_enter(by)
    event_facts(session, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            verb(session, by, number, form.reason.data or "")
    if form.errors:
        return event_page(number, form=form, status=422)
    return go_to(url_for("events.detail", number=number), said)
