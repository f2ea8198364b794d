"""Pages that open and edit a ticket, and that ask when two people edited the same field."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse
from wtforms import SelectMultipleField

from app.core.database.transactions import transaction
from app.core.rules import access
from app.core.rules.errors import Difference, EditConflict, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.services.changes import TICKET, changes_of
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import UtcTimeField, errors_in, options
from app.core.web.htmx import go_to, wants_fragment
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.registry.models.registry import Link, Site
from app.registry.rules.networks import Network
from app.registry.services.choices import choices
from app.registry.services.registry import all_links, all_sites, link_names_in
from app.tickets.models.tickets import Ticket
from app.tickets.pages.form_hooks import CONFLICTS, EVENTS, PROPOSALS, FoundConflicts
from app.tickets.pages.forms import (
    EditForm,
    TicketForm,
    check_addresses,
    form_value,
    keep_unchanged,
)
from app.tickets.pages.listing.list import back_to_list
from app.tickets.pages.page import NUMBER
from app.tickets.pages.recipients import will_notify_of_new
from app.tickets.pages.relations import lent_to_child, parent_number, read_number
from app.tickets.pages.texts import links_in
from app.tickets.pages.tickets import blueprint
from app.tickets.pages.writing import seen_version, shown_before
from app.tickets.rules.content import DEFAULTS, LABELS, NewTicket
from app.tickets.rules.proposals import ProposedUrgency
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.templates import with_template
from app.tickets.rules.tickets import FINAL_STATES, Category
from app.tickets.services import lifecycle as verbs
from app.tickets.services.concern.recognised import links_meant
from app.tickets.services.fields import as_logged, current_value, day_of, facts_of
from app.tickets.services.of_event import TicketOfEvents
from app.tickets.services.relations import open_related_ticket
from app.tickets.services.search.similar import Similar, similar_tickets

_MAX_EVENTS = 200
"""Events of which one ticket is written; those named beyond are left out."""
_MAX_NAMED = 50
"""Tickets that the form of a new one names by itself, of an event and its parent."""


def _prepare(form: TicketForm, actor: access.Actor, sites: Sequence[Site]) -> None:
    """Offer only what this person may set."""
    if actor.is_operator:
        form.responsible_site.choices = options(*(site.key for site in sites), empty=_("automatic"))
    else:
        del form.responsible_site


def _propose_sites(form: TicketForm, links: Sequence[Link]) -> None:
    """Add the ends of the chosen links to the chosen sites (the way without JavaScript)."""
    chosen = list(form.sites.data or ())
    for link in links:
        if link.name in (form.links.data or ()):
            chosen += [link.end_a.key, link.end_b.key]
    form.sites.data = list(dict.fromkeys(chosen))


@blueprint.route("/tickets/new", methods=["GET", "POST"])
def new() -> Response:
    """Open a ticket."""
    session, by = db.session(), writer()
    access.require_create(by.actor)
    named = request.args.get("parent", "")
    parent = verbs.find_ticket(session, by.actor, parent_number(named)) if named else None
    of_events = _events_named(session)
    lent: dict[str, Any] = {}
    if request.method == "GET":
        lent = lent_to_child(parent) if parent else _lent_by_address(session, of_events)
    form = TicketForm(**lent)
    _prepare(form, by.actor, all_sites(session))
    status, overlooked = 200, False
    if request.method == "GET":
        form.title.render_kw = {"autofocus": True}  # one opens this page to write
    asks, previews = (request.form.get("do") == what for what in ("propose", "preview"))
    if request.method == "POST" and not previews:
        if asks:
            _propose_sites(form, all_links(session))
        elif request.form.get("do") == "template":
            text = with_template(form.category.data or "", form.description.data or "")
            form.description.data = text
            form.description.render_kw = {"autofocus": True}
        elif of_events is not None and _unseen(of_events):
            status = 409  # somebody wrote its ticket meanwhile: the person looks at it first
        else:
            valid = form.validate()
            overlooked = valid and _overlooked(form, by.actor)
            if valid and not overlooked:
                with errors_in(form):
                    stated = form.values()
                    check_addresses(stated)
                    stated["network"] = stated["network"] or None
                    with writing_once(session):
                        number = _opened(session, by, NewTicket(**stated), parent).number
                        leads_to(url_for("tickets.detail", number=number))
                    return go_to(url_for("tickets.detail", number=number))
            status = 409 if overlooked else 422
    told = [parent.number] if parent else []
    told += [one.number for one in of_events.tickets] if of_events else []
    return _form_page(
        "tickets/new.html",
        form,
        status,
        parent=parent,
        of_events=of_events,
        meanwhile=status == 409 and not overlooked,
        overlooked=overlooked,
        preview=form.description.data if previews else "",
        form_url=url_for(
            "tickets.new",
            parent=parent.number if parent else None,
            event=[one.event_id for one in of_events.events] if of_events else None,
        ),
        proposes=True,
        proposed=_proposed_urgency(form, choose=asks or request.method == "GET"),
        similar=_similar(form, told),
        told=told,
        **will_notify_of_new(form),
    )


@blueprint.get("/tickets/new/urgency")
def urgency() -> AnyResponse:
    """Impact and priority as form fields, proposed again for the links chosen there."""
    access.require_create(writer().actor)
    if not wants_fragment():
        return redirect(url_for("tickets.new"))
    form = TicketForm(request.args)
    proposed = _proposed_urgency(form, choose=True)
    page = render_template("tickets/_urgency.html", form=form, proposes=True, proposed=proposed)
    return make_response(page)


@blueprint.get("/tickets/new/recipients")
def recipients_of_new() -> AnyResponse:
    """Who will be notified of the ticket as the form holds it."""
    actor = writer().actor
    access.require_create(actor)
    if not wants_fragment():
        return redirect(url_for("tickets.new"))
    form = TicketForm(request.args)
    if not actor.is_operator:
        del form.responsible_site
    return make_response(render_template("mail/_will_notify.html", **will_notify_of_new(form)))


@blueprint.get("/tickets/new/similar")
def similar() -> AnyResponse:
    """What is known already of a ticket with the title, links and sites that the form holds."""
    access.require_create(writer().actor)
    if not wants_fragment():
        return redirect(url_for("tickets.new"))
    named = map(read_number, request.args.get("told", "").split()[:_MAX_NAMED])
    found = _similar(TicketForm(request.args), [number for number in named if number is not None])
    page = render_template("tickets/_similar_found.html", similar=found, alone=True)
    return make_response(page)


def _similar(form: TicketForm, told: Collection[int]) -> Similar:
    """``told``: the tickets that the form names by itself."""
    return similar_tickets(
        db.session(),
        acting(),
        title=form.title.data or "",
        category=form.category.data or "",
        links=_links_meant(form),
        sites=form.sites.data or (),
        told=told,
    )


def _links_meant(form: TicketForm) -> Sequence[str]:
    """The links of the ticket if it were created now: those chosen, else those in its texts."""
    texts = (form.title.data or "", form.description.data or "")
    named = link_names_in(db.session(), texts)
    return links_meant(db.session(), texts, form.links.data or (), named)[0]


def _proposed_urgency(form: TicketForm, *, choose: bool) -> ProposedUrgency | None:
    """What is proposed for an incident on the chosen links; with ``choose`` it is chosen, too,
    unless the person chose otherwise than what was proposed before."""
    links = _links_meant(form) if form.category.data == Category.INCIDENT else ()
    found = PROPOSALS.one(db.session(), links, now())
    if not choose:
        return found
    before = request.values.get("proposed", "").split(";")
    usual = [DEFAULTS["impact"], DEFAULTS["priority"]]
    if [form.impact.data, form.priority.data] in (usual, before):
        chosen = usual if found is None else [str(found.impact), str(found.priority)]
        form.impact.data, form.priority.data = chosen
    return found


def _conflicts(form: TicketForm, actor: access.Actor, number: int = 0) -> FoundConflicts | None:
    """What collides with the window that the form holds; none where the category plans nothing."""
    if form.category.data not in (Category.MAINTENANCE, Category.CHANGE):
        return None
    window = (form.window_start.data, form.window_end.data)
    return CONFLICTS.one(db.session(), actor, form.links.data or (), window, number)


def _overlooked(form: TicketForm, actor: access.Actor, number: int = 0) -> bool:
    """Whether something collides of which the form that was sent did not tell."""
    found = _conflicts(form, actor, number)
    seen = request.form.get("conflicts_seen", "").split()
    return found is not None and any(str(number) not in seen for number in found.others)


def _events_named(session: Session) -> TicketOfEvents | None:
    """The events of ``?event=``, which may stand there several times; ``NotFound`` where there is
    none of one of these numbers."""
    named = [text for text in dict.fromkeys(request.args.getlist("event")) if text][:_MAX_EVENTS]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in named):
        raise NotFound(_("There is no such event"))
    return EVENTS.one(session, [int(text) for text in named]) if named else None


def _unseen(events: TicketOfEvents) -> bool:
    """Whether a ticket documents one of the events of which the form that was sent did not tell."""
    seen = request.form.get("beside", "").split()
    return any(str(ticket.number) not in seen for ticket in events.tickets)


def _lent_by_events(events: TicketOfEvents) -> dict[str, Any]:
    """What the form begins with: all that is known of the events."""
    return {
        "title": events.title,
        "description": events.description,
        "links": [*events.links],
        "sites": [*events.sites],
        "network": events.network,
        "layer": events.layer,
        "event_start": events.start,
        "event_end": events.end,
    }


def _lent_by_address(session: Session, events: TicketOfEvents | None) -> dict[str, Any]:
    """What the form begins with: what is known of the events that the address names; and the
    category, links and sites of it that the registry knows, with the T1s at the ends of several
    links and the network that all of them share."""
    lent: dict[str, Any] = _lent_by_events(events) if events is not None else {}
    if (category := request.args.get("category", "")) in tuple(Category):
        lent["category"] = category
    if named := request.args.getlist("link"):
        found = [link for link in all_links(session) if link.name in named]
        networks = {link.network for link in found} | {lent.get("network") or None} - {None}
        links = {*lent.get("links", ()), *(link.name for link in found)}
        lent["links"] = [*links]
        if found:
            lent["network"] = networks.pop() if len(networks) == 1 else ""
        if len(links) > 1:
            ends = [end for link in found for end in (link.end_a, link.end_b) if end.tier == 1]
            keys = (*lent.get("sites", ()), *(end.key for end in ends))
            lent["sites"] = [*dict.fromkeys(keys)]
    if named := request.args.getlist("site"):
        known = [site.key for site in all_sites(session) if site.key in named]
        lent["sites"] = [*dict.fromkeys((*lent.get("sites", ()), *known))]
    if len(lent.get("links", ())) > 1:
        # as the form offers and sends them: the first one says who is responsible
        places = {link.name: place for place, link in enumerate(all_links(session))}
        lent["links"].sort(key=lambda name: (places.get(name, -1), name))
    return lent


def _opened(session: Session, by: access.Writer, new: NewTicket, parent: Ticket | None) -> Ticket:
    if parent is None:
        return verbs.open_ticket(session, by, new, check_needs=True)
    return open_related_ticket(
        session, by, new, RelationRole.PARENT, parent.number, check_needs=True
    )


def _form_page(template: str, form: TicketForm, status: int, **more: Any) -> Response:
    ticket: Ticket | None = more.get("ticket")
    preview = more.get("preview") or ""
    day = day_of(ticket) if ticket else now().date()
    page = render_template(
        template,
        form=form,
        texts=links_in(db.session(), acting(), [preview], day) if preview else None,
        back=back_to_list(),
        window_conflicts=_conflicts(form, acting(), ticket.number if ticket else 0),
        **more,
        **choices(db.session()),
    )
    return make_response(page, status)


@blueprint.route(f"/tickets/{NUMBER}/edit", methods=["GET", "POST"])
def edit(number: int) -> AnyResponse:
    """Edit a ticket; when somebody else did so meanwhile, the person chooses."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    if request.method == "GET":
        if ticket.state in FINAL_STATES:
            raise MoveNotAllowed(
                _(
                    "A %(state)s ticket cannot be edited. You can still add comments and"
                    " attachments",
                    state=ticket.state,
                )
            )
        return _edit_page(_filled(ticket, by.actor), ticket, 200)
    form = EditForm()
    _prepare_edit(form, by.actor, ticket)
    version = seen_version(form, ticket)
    if request.form.get("do") == "propose":
        _propose_sites(form, all_links(session))
        return _edit_page(form, ticket, 200)
    if request.form.get("do") == "preview":
        return _edit_page(form, ticket, 200, preview=form.description.data)
    unchosen = _take_choices(form, ticket)
    if request.form.get("do") == "again":
        return _edit_page(form, ticket, 200)
    if not form.validate():
        return _edit_page(form, ticket, 422)
    if unchosen:
        return _conflict_page(form, ticket, _ask_again(form, ticket, unchosen))
    if _overlooked(form, by.actor, number):
        return _edit_page(form, ticket, 409, overlooked=True)
    try:
        with errors_in(form):
            wanted = keep_unchanged(ticket, form.values(ticket), shown_before(form, ticket))
            check_addresses(wanted)
            with transaction(session):
                verbs.change_ticket(
                    session, by, number, wanted, base_version=version, check_needs=True
                )
    except EditConflict as conflict:
        ticket = verbs.find_ticket(session, by.actor, number)
        _take_over(form, ticket, conflict, version)
        return _conflict_page(form, ticket, conflict.differences)
    if form.errors:
        return _edit_page(form, verbs.find_ticket(session, by.actor, number), 422)
    return go_to(url_for("tickets.detail", number=number))


def _prepare_edit(form: EditForm, actor: access.Actor, ticket: Ticket) -> None:
    _prepare(form, actor, all_sites(db.session()))
    for field in form:
        if isinstance(field, UtcTimeField):
            field.known = current_value(ticket, field.name)
    form.network.choices = options(*Network)


def _filled(ticket: Ticket, actor: access.Actor) -> EditForm:
    """The form with the ticket's present values."""
    names = [name for name in EditForm()._fields if name not in ("csrf_token", "version")]
    values = {name: form_value(ticket, name) for name in names}
    if not ticket.responsible_set_by_hand:
        values["responsible_site"] = ""
    form = EditForm(formdata=None, **values)
    _prepare_edit(form, actor, ticket)
    form.version.data = str(ticket.version)
    return form


def _edit_page(form: EditForm, ticket: Ticket, status: int, **more: Any) -> Response:
    url = url_for("tickets.edit", number=ticket.number)
    return _form_page("tickets/edit.html", form, status, ticket=ticket, form_url=url, **more)


def _take_choices(form: EditForm, ticket: Ticket) -> list[str]:
    """Where the person chose what is stored, put it into the form. The fields without a choice."""
    asked = request.form.getlist("ask")
    unchosen = []
    for field in form:
        choice = request.form.get(f"choose-{field.name}")
        if choice == "theirs":
            field.process_data(form_value(ticket, field.name))
            field.raw_data = None
        elif field.name in asked and choice != "mine":
            unchosen.append(field.name)
    return unchosen


def _ask_again(form: EditForm, ticket: Ticket, names: Sequence[str]) -> list[Difference]:
    mine = form.values(ticket)
    return [
        Difference(name, None, as_logged(current_value(ticket, name)), as_logged(mine[name]))
        for name in names
        if name in mine
    ]


def _take_over(form: EditForm, ticket: Ticket, conflict: EditConflict, seen: int) -> None:
    """Take what only somebody else changed over into the form, and the version seen now."""
    both = {difference.field for difference in conflict.differences}
    changed = {
        item.field
        for change in changes_of(db.session(), TICKET, ticket.number)
        if change.version > seen
        for item in change.fields
    }
    for field in form:
        if field.name in changed - both:
            field.process_data(form_value(ticket, field.name))
            field.raw_data = None
    form.version.data = str(conflict.current_version)
    form.version.raw_data = None


def _conflict_page(form: EditForm, ticket: Ticket, conflicts: Sequence[Difference]) -> Response:
    """Both values per field; ``unchosen`` where the person was asked already."""
    asked = request.form.getlist("ask")
    carried = []
    for field in form:
        if field.name == "csrf_token":
            continue
        if isinstance(field, SelectMultipleField):
            carried += [(field.name, value) for value in field.data or ()]
        elif hasattr(field, "_value"):
            carried.append((field.name, field._value()))
        else:
            carried.append((field.name, field.data or ""))
    carried.append(("conflicts_seen", request.form.get("conflicts_seen", "")))
    differences = [
        {
            "field": item.field,
            "label": LABELS.get(item.field, item.field),
            "theirs": item.theirs,
            "mine": item.mine,
            "unchosen": item.field in asked,
        }
        for item in conflicts
    ]
    page = render_template(
        "tickets/conflict.html",
        ticket=ticket,
        differences=differences,
        carried=carried,
        back=back_to_list(),
    )
    return make_response(page, 409)
