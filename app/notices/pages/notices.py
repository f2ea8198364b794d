"""Providers' maintenance notices: the list, a notice with its whole text, and uploads.

An upload is first shown as a preview. As with other files, it is then part of the form that
confirms it, and is read again as if it were new. Nothing in a mail is shown as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.exceptions import NotFound as NoPage
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField, TextAreaField

from app.core.database.transactions import dry_run
from app.core.rules.access import Actor
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted, joined, said_word
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import Choice, UtcTimeField, errors_in, lines, one_line, options, required
from app.core.web.htmx import go_to
from app.core.web.packed_file import packed, unpacked
from app.core.web.person import acting, writer
from app.notices.adapters.files import MAX_BYTES, read
from app.notices.adapters.plain_mail import ended_as
from app.notices.models.notices import MaintenanceNotice
from app.notices.rules.notices import Outcome
from app.notices.services import decisions as verbs
from app.notices.services.carriers import SHOWN, list_trusts, withdraw
from app.notices.services.carriers import confirm as trust_form
from app.notices.services.lists import (
    PAGE,
    counts_of,
    find_notice,
    list_notices,
    may_read_text,
    notices_of_ticket,
    siblings_of,
)
from app.notices.services.notices import Result, refusal_to_take, require_take, take_in
from app.registry.services.choices import choices
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import LABELS, NewTicket, Reference
from app.tickets.rules.fields import BY_NAME
from app.tickets.rules.tickets import Category, Impact, Layer, State

blueprint = Blueprint("notices", __name__, url_prefix="/notices")
NUMBER: Final = "/<int(max=2147483647):number>"
PACKED_LIMIT: Final = 3 * 1024 * 1024
"""Characters in a form, in addition to its other fields."""
_SHOWN_CIRCUITS: Final = 200
_UPDATE: Final = "update-"
"""Prefix of the field names of one form: another form on the page has the same names."""
_TIME_HELP = _("UTC, such as 2026-01-31 09:05, or with a zone: 2026-01-31 10:05+01:00")


class FileForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """A notice that was previewed: the file itself and its name."""

    content = HiddenField("File")
    name = HiddenField("Name")


class TicketForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The ticket that a person creates from a notice."""

    title = StringField(
        LABELS["title"],
        required(_("Title")),
        filters=[one_line],
        description=_("At most 255 characters."),
    )
    window_start = UtcTimeField(
        LABELS["window_start"],
        BY_NAME["window_start"].tense,
        required(_("Window start")),
        description=_TIME_HELP,
    )
    window_end = UtcTimeField(
        LABELS["window_end"], BY_NAME["window_end"].tense, required(_("Window end"))
    )
    links = SelectMultipleField(LABELS["links"], validate_choice=False)
    sites = SelectMultipleField(LABELS["sites"], validate_choice=False)
    impact = Choice(LABELS["impact"], choices=options(*Impact), default=Impact.OUTAGE)
    provider = StringField(
        _("Provider"), filters=[one_line], description=_("Shown with the reference.")
    )
    reference = StringField(
        _("Provider's number"),
        filters=[one_line],
        description=_("The provider's id of the maintenance."),
    )
    description = TextAreaField(LABELS["description"], filters=[lines])

    def new_ticket(self) -> NewTicket:
        """The content of the ticket, for the service."""
        provider, reference = self.provider.data or "", self.reference.data or ""
        return NewTicket(
            title=self.title.data or "",
            description=self.description.data or "",
            category=Category.MAINTENANCE,
            layer=Layer.L2,
            impact=self.impact.data,
            links=tuple(dict.fromkeys(name for name in self.links.data or () if name)),
            sites=tuple(dict.fromkeys(name for name in self.sites.data or () if name)),
            window_start=self.window_start.data,
            window_end=self.window_end.data,
            references=(Reference(provider or "provider", reference),) if reference else (),
        )


class UpdateForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What another notice changes in the ticket of its maintenance."""

    window_start = UtcTimeField(
        LABELS["window_start"],
        BY_NAME["window_start"].tense,
        required(_("Window start")),
        description=_TIME_HELP,
    )
    window_end = UtcTimeField(
        LABELS["window_end"], BY_NAME["window_end"].tense, required(_("Window end"))
    )
    state = Choice(
        _("State"), choices=options(State.SOLVED, State.UNSOLVED, empty=_("keep the state"))
    )


class DismissForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why no action is needed for a notice."""

    reason = StringField(
        _("Reason"),
        required(_("Reason")),
        filters=[one_line],
        description=_("For instance: not our circuits, a copy, an advertisement."),
    )


class CircuitForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The link of a circuit."""

    circuit = HiddenField("Circuit")
    link = Choice(_("Link"))
    remember = BooleanField(_("Save as circuit id of the link"))


def notices_panel(_actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """The ticket page's list of the notices that created or changed the ticket."""
    of_provider = ticket.category == Category.MAINTENANCE
    return {"notices": notices_of_ticket(db.session(), ticket.number) if of_provider else ()}


@blueprint.get("")
def listing() -> Response:
    """List the notices of one state, or all, newest first."""
    return _list_page()


@blueprint.post("")
def preview() -> Response:
    """Show what would happen to a file; nothing is written."""
    require_take(acting())
    file = request.files.get("file")
    if file is None or not file.filename:
        return _list_page(_("Choose a file"))
    content = bytes(file.read(MAX_BYTES + 1))
    carried = packed(content) if len(content) <= MAX_BYTES else ""
    if not carried or len(carried) > PACKED_LIMIT:
        return _list_page(
            _(
                "The compressed file is larger than %(value)s MiB; import it with `flask notices"
                " import` (up to 4 MiB)",
                value=PACKED_LIMIT // 1024 // 1024,
            )
        )
    session = db.session()
    try:
        reading = read(content, file.filename)
        with dry_run(session):
            results = take_in(session, writer(), reading)
    except Invalid as error:
        return _list_page(error.message)
    session.expunge_all()
    page = render_template(
        "notices/preview.html",
        reading=reading,
        results=results,
        content=carried,
        writes=any(one.outcome is not Outcome.SAME for one in results),
    )
    return make_response(page)


@blueprint.post("/confirm")
def confirm() -> Response:
    """Import the previewed file."""
    require_take(acting())
    form = FileForm()
    session = db.session()
    try:
        reading = read(unpacked(form.content.data or "", MAX_BYTES), form.name.data or "")
        with writing_once(session):
            results = take_in(session, writer(), reading)
            only = results[0] if len(results) == 1 else None
            if only is not None and only.notice is not None:
                leads_to(url_for("notices.notice", number=only.notice))
    except Invalid as error:
        return _list_page(error.message)
    if only is not None and only.notice is not None:
        flash(f"{only.why}.", "waiting" if only.outcome is Outcome.TO_READ else "ok")
        return go_to(url_for("notices.notice", number=only.notice))
    return go_to(url_for("notices.listing"), in_words(results) + ".")


def in_words(results: Sequence[Result]) -> str:
    """The number of notices for each outcome."""
    counts = {one: sum(each.outcome is one for each in results) for one in Outcome}
    some = [f"{count} " + said_word(outcome) for outcome, count in counts.items() if count]
    listed = joined(", ", some)
    return counted(
        "%(num)s notice: %(listed)s", "%(num)s notices: %(listed)s", len(results), listed=listed
    )


@blueprint.get(NUMBER)
def notice(number: int) -> Response:
    """Show a notice, what happened to it and what can be done with it."""
    return _notice_page(find_notice(db.session(), number))


@blueprint.post(f"{NUMBER}/ticket")
def make(number: int) -> Response:
    """Create the ticket of a notice that a person has read."""
    require_take(acting())
    session, form = db.session(), TicketForm()
    if form.validate():
        with errors_in(form), writing_once(session):
            ticket = verbs.make_ticket(session, writer(), number, form.new_ticket()).number
            leads_to(url_for("tickets.detail", number=ticket))
    if form.errors:
        return _notice_page(find_notice(session, number), form=form, status=422)
    return go_to(
        url_for("tickets.detail", number=ticket),
        _(
            "Ticket %(ticket)s created from notice %(number)s.",
            ticket=ticket,
            number=number,
        ),
    )


@blueprint.post(f"{NUMBER}/reading")
def confirm_reading(number: int) -> Response:
    """Import what the carrier reader read, and trust its form from now on."""
    require_take(acting())
    session = db.session()
    with writing_once(session):
        row = trust_form(session, writer(), number)
        why, waits = row.why, row.state == Outcome.TO_READ
    if waits:
        why = _("%(why)s. The form was not confirmed", why=why)
    flash(f"{why}.", "waiting" if waits else "ok")
    return go_to(url_for("notices.notice", number=number))


@blueprint.get("/forms")
def forms() -> Response:
    """Show the forms of carriers that people confirmed, and what was imported by them."""
    page = render_template(
        "notices/forms.html",
        trusts=list_trusts(db.session()),
        may_take=refusal_to_take(acting()) is None,
        shown=SHOWN,
    )
    return make_response(page)


@blueprint.post("/forms/<int(max=2147483647):number>/withdraw")
def withdraw_form(number: int) -> Response:
    """Withdraw the confirmation of a form."""
    require_take(acting())
    session = db.session()
    with writing_once(session):
        form = withdraw(session, writer(), number).form
    return go_to(
        url_for("notices.forms"),
        _("Confirmation withdrawn: %(form)s needs review again.", form=form),
    )


@blueprint.post(f"{NUMBER}/update")
def update(number: int) -> Response:
    """Update the ticket of a notice's maintenance as a person has read it."""
    require_take(acting())
    session, form = db.session(), UpdateForm(prefix=_UPDATE)
    if form.validate():
        start, end, state = form.window_start.data, form.window_end.data, form.state.data
        assert start is not None, "required"
        assert end is not None, "required"
        with errors_in(form), writing_once(session):
            ticket = verbs.update_ticket(session, writer(), number, start, end, state or "").number
            leads_to(url_for("tickets.detail", number=ticket))
    if form.errors:
        return _notice_page(find_notice(session, number), update_form=form, status=422)
    return go_to(
        url_for("tickets.detail", number=ticket),
        _(
            "Ticket %(ticket)s updated from notice %(number)s.",
            ticket=ticket,
            number=number,
        ),
    )


@blueprint.post(f"{NUMBER}/dismiss")
def dismiss(number: int) -> Response:
    """Dismiss a notice, with a reason."""
    require_take(acting())
    session, form = db.session(), DismissForm()
    if form.validate():
        with errors_in(form), writing_once(session):
            verbs.dismiss(session, writer(), number, form.reason.data or "")
            leads_to(url_for("notices.listing", state=Outcome.TO_READ))
    if form.errors:
        return _notice_page(find_notice(session, number), dismiss_form=form, status=422)
    return go_to(
        url_for("notices.listing", state=Outcome.TO_READ),
        _("Notice %(number)s dismissed.", number=number),
    )


@blueprint.post(f"{NUMBER}/restore")
def restore(number: int) -> Response:
    """Restore a dismissed notice."""
    require_take(acting())
    session = db.session()
    with writing_once(session):
        verbs.take_back(session, writer(), number)
    return go_to(
        url_for("notices.notice", number=number),
        _("Notice %(number)s needs review again.", number=number),
    )


@blueprint.post(f"{NUMBER}/circuits")
def settle(number: int) -> Response:
    """Assign a link to a circuit."""
    require_take(acting())
    session, form = db.session(), _circuit_form()
    if form.validate():
        circuit, link = form.circuit.data or "", form.link.data or ""
        with errors_in(form), writing_once(session):
            verbs.settle_circuit(
                session, writer(), number, circuit, link, remember=bool(form.remember.data)
            )
    if form.errors:
        return _notice_page(find_notice(session, number), circuit_form=form, status=422)
    return go_to(
        url_for("notices.notice", number=number),
        _("%(circuit)s assigned to %(link)s.", circuit=circuit, link=link),
    )


def _circuit_form() -> CircuitForm:
    form = CircuitForm()
    names = (option.value for option in choices(db.session())["link_options"])
    form.link.choices = options(*names, empty=_("Choose a link"))
    return form


def _list_page(problem: str = "") -> Response:
    session, actor = db.session(), acting()
    state = request.args.get("state", "")
    before = request.args.get("before", "")
    if (state and state not in set(Outcome)) or (before and not _is_number(before)):
        raise NoPage
    found = list_notices(session, state, int(before) if before else None, PAGE + 1)
    counts = counts_of(session)
    page = render_template(
        "notices/list.html",
        notices=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        state=state,
        counts=counts,
        whole=sum(counts.values()),
        states=[one for one in Outcome if counts.get(one) or one is Outcome.TO_READ],
        problem=problem,
        may_take=refusal_to_take(actor) is None,
        limit=MAX_BYTES,
    )
    return make_response(page, 422 if problem else 200)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _notice_page(
    row: MaintenanceNotice,
    *,
    form: TicketForm | None = None,
    update_form: UpdateForm | None = None,
    dismiss_form: DismissForm | None = None,
    circuit_form: CircuitForm | None = None,
    status: int = 200,
) -> Response:
    actor = acting()
    may_decide = refusal_to_take(actor) is None
    unknown = [one for one in row.circuits if one.link_id is None]
    ticket = verbs.ticket_to_update(db.session(), row) if row.state == Outcome.TO_READ else None
    page = render_template(
        "notices/notice.html",
        notice=row,
        siblings=siblings_of(db.session(), row),
        text=row.file.text if may_read_text(actor) else None,
        may_decide=may_decide,
        may_remember=actor.role == "admin",
        form=form or (_draft_form(row) if row.state == Outcome.TO_READ else None),
        to_update=ticket,
        update_form=update_form or (_update_form(row, ticket) if ticket is not None else None),
        dismiss_form=dismiss_form or DismissForm(formdata=None),
        circuit_form=circuit_form or _circuit_form(),
        known=[one for one in row.circuits if one.link_id is not None][:_SHOWN_CIRCUITS],
        unknown=unknown[:_SHOWN_CIRCUITS],
        left=max(0, len(unknown) - _SHOWN_CIRCUITS),
        **choices(db.session()),
    )
    return make_response(page, status)


def _update_form(row: MaintenanceNotice, ticket: Ticket) -> UpdateForm:
    draft = {
        "window_start": row.start or ticket.window_start,
        "window_end": row.end or ticket.window_end,
        "state": ended_as(row.status),
    }
    return UpdateForm(formdata=None, data=draft, prefix=_UPDATE)


def _draft_form(row: MaintenanceNotice) -> TicketForm:
    links = (one.link.name for one in row.circuits if one.link is not None)
    draft: dict[str, Any] = {
        "title": row.title,
        "window_start": row.start,
        "window_end": row.end,
        "links": list(dict.fromkeys(links)),
        "provider": row.provider or row.file.sender,
        "reference": row.maintenance_ids.split("\n")[0],
    }
    return TicketForm(formdata=None, data=draft)
