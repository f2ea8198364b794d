"""Writing on a ticket's page: comment, files, moves, relations, answers to a change, undo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.database.transactions import transaction
from app.core.rules import access
from app.core.rules.errors import EditConflict, Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _, joined
from app.core.services.changes import TICKET, changes_of
from app.core.web.attached_files import chosen_files, problems_of
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import wants_fragment
from app.core.web.person import writer
from app.tickets.models.tickets import Ticket
from app.tickets.pages.attachments import ADDRESS
from app.tickets.pages.attachments import blueprint as attachments
from app.tickets.pages.forms import (
    AnswerForm,
    CommentForm,
    EditForm,
    MoveForm,
    RelationForm,
    UndoForm,
    UnrelateForm,
    keep_unchanged,
)
from app.tickets.pages.listing.in_place import IN_PLACE, InPlaceForm, in_place_form
from app.tickets.pages.page import (
    NUMBER,
    address_of,
    after_writing,
    comment_form_of,
    hand_form_of,
    shown_again,
    ticket_page,
)
from app.tickets.pages.recipients import will_notify_of
from app.tickets.pages.relations import read_number
from app.tickets.pages.tickets import blueprint
from app.tickets.rules.attachments import attachment_id
from app.tickets.rules.content import LABELS, TIMES
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.tickets import State
from app.tickets.services import lifecycle as verbs
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.attachments import add_attachment, remove_attachment
from app.tickets.services.fields import facts_of
from app.tickets.services.relations import relate_tickets, unrelate_tickets
from app.tickets.services.undo import undo_move
from app.tickets.services.watching import unwatch_ticket, watch_ticket
from app.tickets.services.whole_ticket import read_whole_ticket

PAUSES = (State.WAITING, State.ON_HOLD)
"""The states to which a comment may move the ticket in one step."""
_COMMENTED = {
    "public": _("Comment added."),
    "internal": _("Internal note added."),
    "solve": _("Ticket solved."),
    State.WAITING: _("Comment added; the ticket is waiting for a reply."),
    State.ON_HOLD: _("Comment added; the ticket is on hold."),
}


@blueprint.post(f"/tickets/{NUMBER}/comment")
def comment(number: int) -> Response:
    """Append an entry, or solve with a solution."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    if request.form.get("kind") == "internal":  # which the form offers to operators only
        access.require_internal(by.actor)
    form = comment_form_of(by.actor, verbs.moves_of(by.actor, ticket))
    form.event_end.known = ticket.event_end
    text = form.text.data or ""
    if request.form.get("do") == "preview":
        access.require_write(by.actor, facts_of(ticket))
        return ticket_page(number, comment_form=form, preview=text)
    if form.kind.data != "solve":  # the end of the event is not asked for then
        form.event_end.process_errors, form.event_end.known = [], form.event_end.data
    if not form.validate():
        return ticket_page(number, comment_form=form, status=422)
    then = request.form.get("then", "")
    if then not in ("", *PAUSES):
        raise Invalid("then", _("Then: choose one of: %(listed)s", listed=", ".join(PAUSES)))

    def write() -> Ticket:
        if request.form.get("watch") == "yes":
            watch_ticket(session, by, number)
        version = seen_version(form, ticket)
        if form.kind.data != "solve":
            internal = form.kind.data == "internal"
            return verbs.comment_ticket(
                session, by, number, text, internal=internal, state=then, base_version=version
            )
        wanted = {**_wanted_move(ticket, form, State.SOLVED), "public_comment": text}
        return verbs.change_ticket(session, by, number, wanted, base_version=version)

    status, version = _written(
        form, write, at={"public_comment": "text", "internal_comment": "text"}, rest="kind"
    )
    if version is None:
        return ticket_page(number, comment_form=form, status=status)
    moved = "" if form.kind.data == "solve" else then
    return after_writing(number, version, _COMMENTED[moved or form.kind.data])


@blueprint.get(f"/tickets/{NUMBER}/recipients")
def recipients(number: int) -> AnyResponse:
    """Who will be notified of a public comment or a move."""
    by = writer()
    ticket = verbs.find_ticket(db.session(), by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    if not wants_fragment():
        return redirect(url_for("tickets.detail", number=number))
    return make_response(render_template("mail/_will_notify.html", **will_notify_of(ticket)))


@blueprint.post(f"/tickets/{NUMBER}/move")
def move(number: int) -> Response:
    """Move the ticket to another state."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    form = MoveForm()
    form.event_end.known = ticket.event_end
    state = form.state.data or ""
    if state not in list(State):
        form.state.errors = [_("State: choose one of: %(listed)s", listed=", ".join(State))]
        return ticket_page(number, move_form=form, status=422)
    if not form.validate():
        return ticket_page(number, move_form=form, status=422)

    def write() -> Ticket:
        wanted = _wanted_move(ticket, form, state)
        version = seen_version(form, ticket)
        return verbs.change_ticket(session, by, number, wanted, base_version=version)

    status, version = _written(form, write, at={"version": "state"}, rest="state")
    if version is None:
        return ticket_page(number, move_form=form, status=status)
    return after_writing(
        number, version, _("Ticket %(number)s: %(state)s.", number=number, state=state)
    )


@blueprint.post(f"/tickets/{NUMBER}/undo-move", endpoint="undo_move")
def take_move_back(number: int) -> Response:
    """Undo one's own newest move."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    version = seen_version(InPlaceForm(), ticket)
    try:
        with writing_once(session):
            ticket = undo_move(session, by, number, version)
            state, version = ticket.state, ticket.version
    except MoveNotAllowed as error:
        return ticket_page(number, problem=error.message, status=409)
    return after_writing(number, version, _("Undone: the ticket is %(state)s again.", state=state))


@blueprint.post(f"/tickets/{NUMBER}/take")
def take(number: int) -> Response:
    """Take the ticket to oneself, and start work where nobody works on it yet."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    version = seen_version(InPlaceForm(), ticket)
    try:
        with writing_once(session):
            ticket = verbs.take_ticket(session, by, number, base_version=version)
            leads_to(address_of(number, ticket.version))
            version = ticket.version
    except EditConflict as conflict:
        return ticket_page(number, problem=_meanwhile(conflict, again=_("Take")), status=409)
    except MoveNotAllowed as error:
        return ticket_page(number, problem=error.message, status=409)
    return after_writing(number, version, _("Assigned to you."))


@blueprint.post(f"/tickets/{NUMBER}/set", endpoint="set")
def set_field(number: int) -> Response:
    """Change one field where the page shows it."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    name = request.form.get("field", "")
    if name not in IN_PLACE:
        raise Invalid("field", _("Field: choose one of: %(listed)s", listed=", ".join(IN_PLACE)))
    form = in_place_form(name, by.actor, ticket, shown=False)
    if not form.validate():
        return ticket_page(number, in_place=form, status=422)

    def write() -> Ticket:
        wanted = keep_unchanged(ticket, {name: form[name].data}, shown_before(form, ticket))
        if name == "person_in_charge" and wanted.get(name) and ticket.state == State.NEW:
            wanted["state"] = State.ASSIGNED
        version = seen_version(form, ticket)
        return verbs.change_ticket(
            session, by, number, wanted, base_version=version, check_needs=name in TIMES
        )

    status, version = _written(form, write, at=dict.fromkeys(TIMES, name), rest=name)
    if version is None:
        return ticket_page(number, in_place=form, status=status)
    shown = form[name]._value() if name in TIMES else form[name].data
    return after_writing(number, version, f"{LABELS[name]}: {shown or _NONE.get(name, 'not set')}.")


_NONE = {"person_in_charge": "nobody"}


def _written(
    form: CommentForm | MoveForm | InPlaceForm,
    write: Callable[[], Ticket],
    *,
    at: Mapping[str, str],
    rest: str,
) -> tuple[int, int | None]:
    """Write in one transaction: the ticket's version then. What is refused becomes errors of the
    form, and a status.

    ``at`` maps the ticket's field to the form's; what belongs to none stands at ``rest``.
    """
    try:
        with writing_once(db.session()):
            ticket = write()
            leads_to(address_of(ticket.number, ticket.version))
            return 200, ticket.version
    except Invalid as error:
        attach(form, error, renamed=at)
        return 422, None
    except EditConflict as conflict:
        solves = isinstance(form, CommentForm) and form.kind.data == "solve"
        place = "solution" if solves else "text" if isinstance(form, CommentForm) else rest
        form[place].errors = [_meanwhile(conflict)]
        form.version.data = str(conflict.current_version)
    except MoveNotAllowed as error:
        form[rest].errors = [error.message]
    return 409, None


def _wanted_move(ticket: Ticket, form: CommentForm | MoveForm, state: str) -> dict[str, Any]:
    """The state, and what the person wrote for it: a solution, when the event ended."""
    wanted: dict[str, Any] = {"state": state}
    stated: dict[str, Any] = {}
    if "solution" in request.form:
        stated["solution"] = form.solution.data or ""
    if state == State.SOLVED and "event_end" in request.form:
        stated["event_end"] = form.event_end.data
    return wanted | keep_unchanged(ticket, stated, shown_before(form, ticket))


def _meanwhile(conflict: EditConflict, again: str = _("Send yours")) -> str:
    """What somebody else changed since the page was loaded; ``again``: what replaces it."""
    words = joined(
        "; ",
        (
            _(
                "%(label)s is now: %(value)s",
                label=LABELS[item.field],
                value=_("not set") if item.theirs is None else item.theirs,
            )
            for item in conflict.differences
        ),
    )
    return _(
        "Somebody else has changed this ticket. %(words)s. %(again)s again to overwrite it",
        words=words,
        again=again,
    )


@blueprint.post(f"/tickets/{NUMBER}/watch")
def watch(number: int) -> Response:
    """Watch this ticket, or stop watching it."""
    session, by = db.session(), writer()
    verbs.find_ticket(session, by.actor, number)
    wanted = request.form.get("watch", "")
    if wanted not in ("yes", "no"):
        raise Invalid("watch", _("Watch: choose yes or no"))
    with transaction(session):
        (watch_ticket if wanted == "yes" else unwatch_ticket)(session, by, number)
    said = (
        _("You watch ticket %(number)s.", number=number)
        if wanted == "yes"
        else _("You no longer watch ticket %(number)s.", number=number)
    )
    return shown_again(number, said)


@blueprint.post(f"/tickets/{NUMBER}/undo")
def undo(number: int) -> Response:
    """Take a recognised link or site off the ticket."""
    session, by, form = db.session(), writer(), UndoForm()
    verbs.find_ticket(session, by.actor, number)
    if not form.validate():
        raise Invalid("field", _("Undo: name links or sites, and the name that was recognised"))
    with writing_once(session):
        version = verbs.undo_recognition(
            session, by, number, form.field.data or "", form.name.data or ""
        ).version
    return after_writing(number, version, _("%(data)s is no longer affected.", data=form.name.data))


@blueprint.post(f"/tickets/{NUMBER}/relate")
def relate(number: int) -> Response:
    """Relate the ticket to another one."""
    session, by = db.session(), writer()
    verbs.find_ticket(session, by.actor, number)
    form = RelationForm()
    if form.validate():
        other = read_number(form.other.data)
        with errors_in(form):
            if other is None:
                raise Invalid("other", _("Ticket number: enter digits only, such as 1042"))
            try:
                with writing_once(session):
                    role = RelationRole(form.role.data)
                    version = relate_tickets(session, by, number, role, other).version
            except NotFound:  # of the other: this one was found
                raise Invalid("other", _("No ticket has this number")) from None
    if form.errors:
        return ticket_page(number, relation_form=form, status=422)
    return after_writing(number, version, _("Linked with ticket %(other)s.", other=other))


@blueprint.post(f"/tickets/{NUMBER}/unrelate")
def unrelate(number: int) -> Response:
    """Take a relation off the ticket."""
    session, by, form = db.session(), writer(), UnrelateForm()
    verbs.find_ticket(session, by.actor, number)
    other = read_number(form.other.data)
    if not form.validate() or other is None:
        raise Invalid(
            "other",
            _("Role or number of the other ticket is missing; reload the ticket and try again"),
        )
    with writing_once(session):
        role = RelationRole(form.role.data or "")
        version = unrelate_tickets(session, by, number, role, other).version
    return after_writing(number, version, _("Ticket %(other)s unlinked.", other=other))


@blueprint.post(f"/tickets/{NUMBER}/acknowledge")
def acknowledge(number: int) -> Response:
    """Accept or refuse a change in the name of a site."""
    session, by, form = db.session(), writer(), AnswerForm()
    verbs.find_ticket(session, by.actor, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            version = acknowledge_change(
                session,
                by,
                number,
                form.site.data or "",
                form.answer.data or "",
                form.reason.data or "",
            ).version
    if form.errors:
        return ticket_page(number, answer_form=form, status=422)
    return after_writing(number, version, f"{form.site.data} {form.answer.data}.")


@blueprint.post(f"/tickets/{NUMBER}/hand")
def hand(number: int) -> Response:
    """Hand the ticket to a partner."""
    session, by = db.session(), writer()
    whole = read_whole_ticket(session, by.actor, number)
    access.require_operator(by.actor, _("hand a ticket to a partner"))
    form = hand_form_of(whole)
    if not form.validate():
        return ticket_page(number, hand_form=form, status=422)
    with writing_once(session):
        version = verbs.hand_to_partner(session, by, number, form.partner.data or "").version
    return after_writing(number, version, _("Shared with %(data)s.", data=form.partner.data))


@blueprint.post(f"/tickets/{NUMBER}/checked")
def checked(number: int) -> Response:
    """An operator has looked at what a repeated creation brought."""
    session, by = db.session(), writer()
    verbs.find_ticket(session, by.actor, number)
    with writing_once(session):
        version = verbs.mark_checked(session, by, number).version
    return after_writing(number, version, _("Marked as reviewed."))


def shown_before(
    form: EditForm | CommentForm | MoveForm | InPlaceForm, ticket: Ticket
) -> dict[str, str | None]:
    """What the form showed of fields that somebody else changed since, as logged."""
    seen = seen_version(form, ticket)
    shown: dict[str, str | None] = {}
    for change in changes_of(db.session(), TICKET, ticket.number):
        if change.version > seen:
            for item in change.fields:
                shown.setdefault(item.field, item.old)
    return shown


def seen_version(form: EditForm | CommentForm | MoveForm | InPlaceForm, ticket: Ticket) -> int:
    text = form.version.data or ""
    if not text and not isinstance(form, EditForm):
        return ticket.version  # a button without a text of its own overwrites none
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= ticket.version):
        raise Invalid("version", _("The form is invalid; reload the ticket and try again"))
    return int(text)


@attachments.post(f"/tickets/{NUMBER}/attachments", endpoint="attach")
def attach_files(number: int) -> Response:
    """Attach all files that were sent, or none of them."""
    session, by = db.session(), writer()
    ticket = verbs.find_ticket(session, by.actor, number)
    access.require_write(by.actor, facts_of(ticket))
    files = chosen_files()
    problems = list(problems_of(files))
    if problems:
        return ticket_page(number, upload_problems=problems, status=422)
    with writing_once(session):
        for name, content in files:
            add_attachment(session, by, number, name, content)
        version = verbs.find_ticket(session, by.actor, number).version
    return after_writing(
        number, version, _("Attached: %(listed)s.", listed=", ".join(name for name, _ in files))
    )


@attachments.post(f"{ADDRESS}/remove", endpoint="remove")
def remove_file(key: str) -> Response:
    """Delete an attachment's content."""
    session, by = db.session(), writer()
    with writing_once(session):
        number = remove_attachment(session, by, attachment_id(key)).ticket_number
        leads_to(url_for("tickets.detail", number=number))
        version = verbs.find_ticket(session, by.actor, number).version
    return after_writing(number, version, _("Attachment removed."))
