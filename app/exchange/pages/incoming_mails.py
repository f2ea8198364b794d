"""Incoming mails, for operators: mails that need review with the whole text, and what happened to
them.

Nothing in a mail is shown as HTML, and the mail itself is only available as a download.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    url_for,
)
from flask_wtf import FlaskForm
from werkzeug.exceptions import NotFound as NoPage
from wtforms import BooleanField, StringField

from app.core.rules.access import require_operator
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in, one_line, required
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.exchange.adapters.apart import read_mail_apart
from app.exchange.models.incoming_mails import IncomingMail
from app.exchange.rules.replies import MailState, Reply
from app.exchange.services.incoming_mails import (
    ADDABLE,
    MOST_DISMISSED,
    PAGE,
    add_as_comment,
    count_incoming,
    count_of_sender,
    dismiss_mail,
    dismiss_mails,
    dismiss_of_sender,
    files_of,
    find_incoming,
    list_incoming,
    lost_mails,
    what_is_left,
)
from app.exchange.tasks.incoming_mails import addresses_of, own_domain

blueprint = Blueprint("incoming_mails", __name__, url_prefix="/mails/incoming")
_NUMBER: Final = "/<int(max=2147483647):number>"
_LOST_SHOWN: Final = timedelta(days=6)
"""Days before today whose refused and unreviewed mails are in the list."""
TONES: Final = {
    MailState.RECEIVED: ("waiting", "waiting"),
    MailState.REVIEW: ("waiting", "alert"),
    MailState.ADDED: ("ok", "ok"),
    MailState.DISMISSED: ("", "unsolved"),
    MailState.DROPPED: ("", "unsolved"),
}
"""Tone and icon of each state."""


class AddForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The ticket to which a mail is added."""

    ticket = StringField(
        _("Ticket"),
        required(_("Ticket")),
        filters=[one_line],
        description=_("Ticket number. The quoted text at the end of the email is left out."),
    )


class DismissMailForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why a mail needs no action."""

    reason = StringField(
        _("Reason"),
        required(_("Reason")),
        filters=[one_line],
        description=_("For example: read, advertisement, duplicate."),
    )
    all = BooleanField()


@blueprint.get("")
def listing() -> str:
    """List the mails of a state, or all, newest first."""
    state, before = request.args.get("state", ""), request.args.get("before", "")
    known = before.isascii() and before.isdigit() and len(before) < 10
    if (state and state not in set(MailState)) or (before and not known):
        raise NoPage
    return _list(state, int(before) if before else None)


@blueprint.post("/dismiss")
def dismiss_many() -> Response:
    """Dismiss the selected mails, with one reason."""
    session, form = db.session(), DismissMailForm()
    texts = request.form.getlist("n")
    numbers = [int(one) for one in texts if one.isascii() and one.isdigit() and len(one) < 10]
    require_operator(acting(), _("decide about incoming emails"))
    if form.validate():
        listed = url_for("incoming_mails.listing", state=MailState.REVIEW)
        with errors_in(form):
            if not numbers or len(numbers) != len(texts) or len(numbers) > MOST_DISMISSED:
                raise Invalid("reason", _("Select the emails to dismiss"))
            with writing_once(session):
                count = dismiss_mails(session, writer(), numbers, form.reason.data or "")
                leads_to(listed)
    if form.errors:
        return make_response(_list(MailState.REVIEW, None, form), 422)
    _say_dismissed(count)
    return go_to(listed)


def _say_dismissed(count: int) -> None:
    flash(counted("%(num)s email dismissed.", "%(num)s emails dismissed.", count), "ok")


def _list(state: str, before: int | None, dismiss_form: DismissMailForm | None = None) -> str:
    session = db.session()
    found = list_incoming(session, acting(), state, before)
    counts = count_incoming(session)
    return render_template(
        "exchange/incoming_mails.html",
        mails=found[:PAGE],
        more=found[PAGE - 1].id if len(found) > PAGE else None,
        state=state,
        counts=counts,
        states=[one for one in MailState if counts.get(one) or one is MailState.REVIEW],
        whole=sum(counts.values()),
        tones=TONES,
        mailbox=_settings().mail.reply_to,
        limits=_settings().mail.receiving,
        lost=lost_mails(session, (now() - _LOST_SHOWN).date()),
        dismiss_form=dismiss_form or DismissMailForm(formdata=None),
    )


@blueprint.get(_NUMBER)
def mail(number: int) -> Response:
    """Show a mail with its whole text."""
    return _page(find_incoming(db.session(), acting(), number))


@blueprint.get(f"{_NUMBER}/whole")
def whole(number: int) -> Response:
    """Download the mail as it arrived."""
    found = find_incoming(db.session(), acting(), number)
    if not found.is_whole:
        raise NoPage
    answer = Response(found.content, content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="mail-{found.id}.eml"'
    return answer


@blueprint.post(f"{_NUMBER}/add")
def add(number: int) -> Response:
    """Add it to a ticket as a comment."""
    session, form = db.session(), AddForm()
    found = find_incoming(session, acting(), number)
    if form.validate():
        text = (form.ticket.data or "").removeprefix("#")
        known = text.isascii() and text.isdigit() and len(text) < 10
        with errors_in(form):
            if not known:
                raise Invalid("ticket", _("Not a ticket number; use one such as 253"))
            reply = _read(found)
            with writing_once(session):
                ours = addresses_of(_settings())
                add_as_comment(session, writer(), number, int(text), reply, ours)
                leads_to(url_for("tickets.detail", number=int(text)))
    if form.errors:
        return _page(find_incoming(session, acting(), number), add_form=form, status=422)
    return go_to(
        url_for("tickets.detail", number=int(text)), _("The email was added as a comment.")
    )


@blueprint.post(f"{_NUMBER}/dismiss")
def dismiss(number: int) -> Response:
    """Dismiss it, with a reason; and, if wanted, all mails of its sender that need review."""
    session, form = db.session(), DismissMailForm()
    found = find_incoming(session, acting(), number)
    sender = found.sender
    if form.validate():
        listed = url_for("incoming_mails.listing", state=MailState.REVIEW)
        with errors_in(form), writing_once(session):
            dismiss_mail(session, writer(), number, form.reason.data or "")
            count = 1
            if form.all.data and sender:
                count += dismiss_of_sender(session, writer(), sender, form.reason.data or "")
            leads_to(listed)
    if form.errors:
        return _page(found, dismiss_form=form, status=422)
    _say_dismissed(count)
    return go_to(listed)


def _page(
    found: IncomingMail,
    *,
    add_form: AddForm | None = None,
    dismiss_form: DismissMailForm | None = None,
    status: int = 200,
) -> Response:
    limits, is_open = _settings().mail.receiving, found.state == MailState.REVIEW
    draft = {"ticket": str(found.ticket_number)} if found.ticket_number is not None else {}
    page = render_template(
        "exchange/incoming_mail.html",
        mail=found,
        tones=TONES,
        may_add=found.added_at is None and found.state in ADDABLE,
        files=files_of(found),
        of_sender=count_of_sender(db.session(), found.sender) if found.sender else 0,
        deleted_at=found.received_at
        + timedelta(days=limits.review_days if is_open else _settings().mails_kept_days),
        whole_until=found.received_at + timedelta(days=limits.whole_days),
        add_form=add_form or AddForm(formdata=None, data=draft),
        dismiss_form=dismiss_form or DismissMailForm(formdata=None),
    )
    return make_response(page, status)


def _read(found: IncomingMail) -> Reply:
    """The mail, read again, with no transaction open meanwhile; or its stored parts."""
    if not found.is_whole:
        return what_is_left(found)
    content, recipient = found.content, found.recipient
    db.session().rollback()
    return read_mail_apart(content, own_domain(_settings()), recipient)


def _settings() -> Settings:
    settings: Any = current_app.config["PORTAL"]
    assert isinstance(settings, Settings)
    return settings
