"""Pages of network tickets: list, detail, create, edit, comment, move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse
from wtforms import SelectMultipleField

from app.database import writing
from app.domain import access
from app.domain.errors import Difference, EditConflict, Invalid, MoveNotAllowed
from app.domain.ticket_content import LABELS, NewTicket
from app.domain.tickets import FINAL_STATES, Network, State
from app.extensions import db
from app.models import Link, Site, Ticket
from app.services import tickets as verbs
from app.services.changes import TICKET, changes_of
from app.services.partners import all_partners
from app.services.registry import all_links, all_sites
from app.services.ticket_fields import as_logged, current_value, facts_of
from app.services.ticket_lists import (
    TicketFilter,
    count_by_state,
    count_to_check,
    list_tickets,
)
from app.web.forms import (
    CommentForm,
    EditForm,
    HandForm,
    MoveForm,
    TicketForm,
    UndoForm,
    attach,
    check_addresses,
    form_value,
    keep_unchanged,
    options,
)
from app.web.htmx import fragment_target, go_to, page_or_fragment, wants_fragment
from app.web.login import acting, writer
from app.web.ticket_list import Listing, ListQuery
from app.web.ticket_span import span_of
from app.web.timeline import entries_of
from app.web.times import length

blueprint = Blueprint("tickets", __name__)
NUMBER = "<int(max=2147483647):number>"
_BACK = "list"
_LONGEST_BACK = 1500


@dataclass(frozen=True)
class Option:
    """A site or link to choose, with all names under which it is found."""

    value: str
    names: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    note: str = ""


def _site_options(sites: Sequence[Site]) -> list[Option]:
    options = []
    for site in sites:
        names = tuple(dict.fromkeys(n.name for n in site.names if n.name != site.key))
        options.append(Option(site.key, names, note=", ".join(names)))
    return options


def _link_options(links: Sequence[Link]) -> list[Option]:
    options = []
    for link in links:
        ends = (link.end_a.key, link.end_b.key)
        options.append(Option(link.name, ends, ends, note=" to ".join(ends)))
    return options


def _choices() -> dict[str, Any]:
    rows = db.session()
    return {
        "site_options": _site_options(all_sites(rows)),
        "link_options": _link_options(all_links(rows)),
    }


def _back() -> str:
    """The list as it was last shown to this browser."""
    text = request.cookies.get(_BACK, "")
    here = url_for("tickets.listing")
    return f"{here}?{text}" if text else here


# ---- the list ----


@blueprint.get("/tickets")
def listing() -> AnyResponse:
    """The list: open tickets unless the address says otherwise."""
    actor = acting()
    sees_internal = access.may_read_internal(actor)
    query = ListQuery(request.args, sees_internal=sees_internal)
    base = url_for("tickets.listing")
    canonical = query.query_string()
    if query.had_empty and not wants_fragment() and not query.problems:
        return redirect(f"{base}?{canonical}" if canonical else base)
    rows, wanted = db.session(), query.filter()
    page = list_tickets(rows, actor, wanted, after=query.after())
    counts = count_by_state(rows, actor, replace(wanted, to_check=False))
    found = count_by_state(rows, actor, wanted) if wanted.to_check else counts
    anything = bool(counts) or bool(count_by_state(rows, actor, TicketFilter()))
    shown = Listing(
        query,
        base,
        url_for("tickets_csv.download"),
        counts,
        found=found,
        to_check=count_to_check(rows) if sees_internal else 0,
        anything=anything,
    )
    shown.set_more(page.after)
    common = {
        "rows": page.tickets,
        "listing": shown,
        "sees_internal": sees_internal,
    }
    if fragment_target() == "more":
        return make_response(render_template("tickets/_rows.html", **common))
    answer = page_or_fragment(
        "tickets/list.html",
        "tickets/_list.html",
        422 if query.problems else 200,
        may_create=access.refusal_to_create(actor) is None,
        **common,
        **_choices(),
    )
    if wants_fragment() and query.had_empty:
        answer.headers["HX-Push-Url"] = shown.url
    if len(canonical) <= _LONGEST_BACK:
        answer.set_cookie(
            _BACK,
            canonical,
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
    return answer


# ---- one ticket ----


@blueprint.get(f"/tickets/{NUMBER}")
def detail(number: int) -> Response:
    """One ticket: facts, story, and what may be done with it."""
    return _ticket_page(number)


def _comment_form(actor: access.Actor, moves: Sequence[State], **more: Any) -> CommentForm:
    form = CommentForm(**more)
    choices: Any = {"public": "Comment"}
    if State.SOLVED in moves:
        choices["solve"] = "Comment and solve"
    if access.may_read_internal(actor):
        choices["internal"] = "Internal note"
    form.kind.choices = choices
    return form


def _hand_form(ticket: Ticket, **more: Any) -> HandForm:
    """Offers the partners to whom the ticket is neither handed nor their own already."""
    own = {partner.id for partner in ticket.handed_to} | {ticket.created_by_partner_id}
    partners = all_partners(db.session())
    form = HandForm(**more)
    form.partner.choices = options(*(item.code for item in partners if item.id not in own))
    return form


def _ticket_page(
    number: int,
    *,
    comment_form: CommentForm | None = None,
    move_form: MoveForm | None = None,
    hand_form: HandForm | None = None,
    status: int = 200,
    fresh: int = 0,
) -> Response:
    rows, actor = db.session(), acting()
    ticket = verbs.find_ticket(rows, actor, number)
    moves = verbs.moves_of(actor, ticket)
    refusal = access.refusal_to_write(actor, facts_of(ticket))
    sees_internal = access.may_read_internal(actor)
    start, end = ticket.event_start or ticket.window_start, ticket.event_end or ticket.window_end
    return page_or_fragment(
        "tickets/detail.html",
        "tickets/_ticket.html",
        status,
        ticket=ticket,
        moves=moves,
        no_moves="" if refusal else "This state is final; comments can still be added.",
        may_write=refusal is None,
        no_write=refusal,
        final=ticket.state in FINAL_STATES,
        entries=entries_of(changes_of(rows, TICKET, number), actor, fresh=fresh),
        comment_form=comment_form
        or _comment_form(actor, moves, formdata=None, solution=ticket.solution),
        move_form=move_form or MoveForm(formdata=None, solution=ticket.solution),
        hand_form=hand_form or _hand_form(ticket, formdata=None),
        may_hand=actor.is_operator,
        sees_internal=sees_internal,
        # what was written for a move that is not possible any more has no field to stand in
        unsaved=form_text("solution") if status >= 400 and State.SOLVED not in moves else "",
        opened_by=ticket.submitter_name
        or (ticket.created_by_partner.code if ticket.created_by_partner else "unknown"),
        times=_times(ticket),
        length=length(start, end) if start and end and end >= start else "",
        facts=_facts(ticket, sees_internal=sees_internal),
        span=span_of(ticket),
        back=_back(),
    )


def form_text(name: str) -> str:
    """What was typed into this field of the form that was sent, or ""."""
    return request.form.get(name, "") if request.method == "POST" else ""


def _times(ticket: Ticket) -> list[tuple[str, datetime | None]]:
    names = ("event_start", "event_detected", "event_end", "window_start", "window_end")
    shown = [(LABELS[name], getattr(ticket, name)) for name in (*names, "estimated_end")]
    found: list[tuple[str, datetime | None]] = [row for row in shown if row[1] is not None]
    return [*found, ("Opened", ticket.created_at), ("Changed", ticket.changed_at)]


def _facts(ticket: Ticket, *, sees_internal: bool) -> list[tuple[str, str]]:
    partner = ticket.created_by_partner
    rows = [
        ("Priority", ticket.priority),
        ("Category", ticket.category),
        ("Network", ticket.network),
        ("Layer", ticket.layer),
        ("Impact", ticket.impact),
        ("Responsible site", ticket.responsible_site.key if ticket.responsible_site else ""),
        ("Responsible unit", ticket.unit),
        ("In charge", ticket.person_in_charge),
        ("Submitter", ticket.submitter_name),
    ]
    optional = [
        ("Mail", ticket.submitter_mail if sees_internal else ""),
        ("Phone", ticket.submitter_phone if sees_internal else ""),
        ("Carbon copy", ticket.carbon_copy),
        ("Came from", partner.code if partner else ""),
        ("Number there", ticket.origin_id),
        ("Type of problem", ticket.type_of_problem if ticket.type_of_problem != "Other" else ""),
        ("Affected VO", ticket.affected_vo),
        ("Related issue", ticket.related_issue),
    ]
    return rows + [row for row in optional if row[1]]


@blueprint.post(f"/tickets/{NUMBER}/comment")
def comment(number: int) -> Response:
    """Append an entry, or solve with a solution."""
    rows, by = db.session(), writer()
    ticket = verbs.find_ticket(rows, by.actor, number)
    form = _comment_form(by.actor, verbs.moves_of(by.actor, ticket))
    if not form.validate():
        return _ticket_page(number, comment_form=form, status=422)
    try:
        version = _seen_version(form, ticket)
        wanted = _wanted_move(ticket, form, State.SOLVED)
        wanted["public_comment"] = form.text.data or ""
        with writing(rows):
            if form.kind.data == "solve":
                ticket = verbs.change_ticket(rows, by, number, wanted, base_version=version)
            else:
                internal = form.kind.data == "internal"
                ticket = verbs.comment_ticket(
                    rows, by, number, form.text.data or "", internal=internal
                )
    except Invalid as error:
        attach(form, error, renamed={"public_comment": "text", "internal_comment": "text"})
        return _ticket_page(number, comment_form=form, status=422)
    except EditConflict as conflict:
        rows.rollback()
        form.solution.errors = [_meanwhile(conflict)]
        form.version.data = str(conflict.current_version)
        return _ticket_page(number, comment_form=form, status=409)
    except MoveNotAllowed as error:
        form.kind.errors = [error.message]
        return _ticket_page(number, comment_form=form, status=409)
    return _after_writing(number, ticket.version)


@blueprint.post(f"/tickets/{NUMBER}/move")
def move(number: int) -> Response:
    """Move the ticket to another state."""
    rows, by = db.session(), writer()
    ticket = verbs.find_ticket(rows, by.actor, number)
    form = MoveForm()
    wanted = form.state.data or ""
    if wanted not in list(State):
        form.state.errors = [f"State takes one of: {', '.join(State)}"]
        return _ticket_page(number, move_form=form, status=422)
    try:
        version = _seen_version(form, ticket)
        with writing(rows):
            ticket = verbs.change_ticket(
                rows, by, number, _wanted_move(ticket, form, wanted), base_version=version
            )
    except Invalid as error:
        attach(form, error, renamed={"version": "state"})
        return _ticket_page(number, move_form=form, status=422)
    except EditConflict as conflict:
        rows.rollback()
        form.state.errors = [_meanwhile(conflict)]
        form.version.data = str(conflict.current_version)
        return _ticket_page(number, move_form=form, status=409)
    except MoveNotAllowed as error:
        form.state.errors = [error.message]
        return _ticket_page(number, move_form=form, status=409)
    return _after_writing(number, ticket.version)


def _wanted_move(ticket: Ticket, form: CommentForm | MoveForm, state: str) -> dict[str, Any]:
    """The state, and the solution if the person wrote one."""
    wanted: dict[str, Any] = {"state": state}
    if "solution" in request.form:
        stated = {"solution": form.solution.data or ""}
        wanted |= keep_unchanged(ticket, stated, _shown_before(form, ticket))
    return wanted


def _meanwhile(conflict: EditConflict) -> str:
    """What somebody else changed since the page was loaded."""
    words = "; ".join(
        f"{LABELS[item.field]} is now: {'not set' if item.theirs is None else item.theirs}"
        for item in conflict.differences
    )
    return f"Somebody else changed this ticket meanwhile. {words}. Send yours again to replace it"


@blueprint.post(f"/tickets/{NUMBER}/undo")
def undo(number: int) -> Response:
    """Take a recognised link or site off the ticket."""
    rows, by, form = db.session(), writer(), UndoForm()
    verbs.find_ticket(rows, by.actor, number)
    if not form.validate():
        raise Invalid("field", "Undo takes links or sites, and the name that was recognised")
    with writing(rows):
        ticket = verbs.undo_recognition(
            rows, by, number, form.field.data or "", form.name.data or ""
        )
    return _after_writing(number, ticket.version)


@blueprint.post(f"/tickets/{NUMBER}/hand")
def hand(number: int) -> Response:
    """Hand the ticket to a partner."""
    rows, by = db.session(), writer()
    ticket = verbs.find_ticket(rows, by.actor, number)
    access.require_operator(by.actor, "hand a ticket to a partner")
    form = _hand_form(ticket)
    if not form.validate():
        return _ticket_page(number, hand_form=form, status=422)
    with writing(rows):
        ticket = verbs.hand_to_partner(rows, by, number, form.partner.data or "")
    return _after_writing(number, ticket.version)


@blueprint.post(f"/tickets/{NUMBER}/checked")
def checked(number: int) -> Response:
    """An operator has looked at what a repeated creation brought."""
    rows, by = db.session(), writer()
    verbs.find_ticket(rows, by.actor, number)
    with writing(rows):
        ticket = verbs.mark_checked(rows, by, number)
    return _after_writing(number, ticket.version)


def _after_writing(number: int, version: int) -> Response:
    if wants_fragment():
        return _ticket_page(number, fresh=version)
    return go_to(url_for("tickets.detail", number=number, _anchor=f"c{version}"))


# ---- create and edit ----


def _prepare(form: TicketForm, actor: access.Actor, sites: Sequence[Site]) -> None:
    """Offer only what this person may set."""
    if actor.is_operator:
        form.responsible_site.choices = options(
            *(site.key for site in sites), empty="follows links and sites"
        )
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
    rows, by = db.session(), writer()
    access.require_create(by.actor)
    form = TicketForm()
    _prepare(form, by.actor, all_sites(rows))
    status = 200
    if request.method == "POST":
        if request.form.get("do") == "propose":
            _propose_sites(form, all_links(rows))
        else:
            if form.validate():
                try:
                    stated = form.values()
                    check_addresses(stated)
                    stated["network"] = stated["network"] or None
                    with writing(rows):
                        ticket = verbs.open_ticket(rows, by, NewTicket(**stated), check_needs=True)
                        number = ticket.number
                    return go_to(url_for("tickets.detail", number=number))
                except Invalid as error:
                    attach(form, error)
            status = 422
    return _form_page("tickets/new.html", form, status)


def _form_page(template: str, form: TicketForm, status: int, **more: Any) -> Response:
    return make_response(
        render_template(template, form=form, back=_back(), **more, **_choices()), status
    )


@blueprint.route(f"/tickets/{NUMBER}/edit", methods=["GET", "POST"])
def edit(number: int) -> AnyResponse:
    """Edit a ticket; when somebody else did so meanwhile, the person chooses."""
    rows, by = db.session(), writer()
    ticket = verbs.find_ticket(rows, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    if request.method == "GET":
        if ticket.state in FINAL_STATES:
            raise MoveNotAllowed(
                f"A ticket in state {ticket.state} is final; only comments can be added"
            )
        return _edit_page(_filled(ticket, by.actor), ticket, 200)
    form = EditForm()
    _prepare_edit(form, by.actor, ticket)
    version = _seen_version(form, ticket)
    if request.form.get("do") == "propose":
        _propose_sites(form, all_links(rows))
        return _edit_page(form, ticket, 200)
    unchosen = _take_choices(form, ticket)
    if request.form.get("do") == "again":
        return _edit_page(form, ticket, 200)
    if not form.validate():
        return _edit_page(form, ticket, 422)
    if unchosen:
        return _conflict_page(form, ticket, _asked_again(form, ticket, unchosen))
    try:
        wanted = keep_unchanged(ticket, form.values(ticket), _shown_before(form, ticket))
        check_addresses(wanted)
        with writing(rows):
            verbs.change_ticket(rows, by, number, wanted, base_version=version, check_needs=True)
    except EditConflict as conflict:
        rows.rollback()
        ticket = verbs.find_ticket(rows, by.actor, number)
        _take_over(form, ticket, conflict, version)
        return _conflict_page(form, ticket, conflict.differences)
    except Invalid as error:
        attach(form, error)
        return _edit_page(form, verbs.find_ticket(rows, by.actor, number), 422)
    return go_to(url_for("tickets.detail", number=number))


def _prepare_edit(form: EditForm, actor: access.Actor, ticket: Ticket) -> None:
    _prepare(form, actor, all_sites(db.session()))
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


def _shown_before(form: EditForm | CommentForm | MoveForm, ticket: Ticket) -> dict[str, str | None]:
    """What the form showed of fields that somebody else changed since, as logged."""
    seen = _seen_version(form, ticket)
    shown: dict[str, str | None] = {}
    for change in changes_of(db.session(), TICKET, ticket.number):
        if change.version > seen:
            for item in change.fields:
                shown.setdefault(item.field, item.old)
    return shown


def _seen_version(form: EditForm | CommentForm | MoveForm, ticket: Ticket) -> int:
    text = form.version.data or ""
    if not text and not isinstance(form, EditForm):
        return ticket.version  # a button without a text of its own overwrites none
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= ticket.version):
        raise Invalid(
            "version", "The form names a version that this ticket never had; load it again"
        )
    return int(text)


def _edit_page(form: EditForm, ticket: Ticket, status: int) -> Response:
    return _form_page("tickets/edit.html", form, status, ticket=ticket)


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


def _asked_again(form: EditForm, ticket: Ticket, names: Sequence[str]) -> list[Difference]:
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
        back=_back(),
    )
    return make_response(page, 409)
