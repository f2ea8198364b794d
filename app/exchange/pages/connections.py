"""Pages of the exchange: the status of each partner's system, and people's actions.

Operators view, and send failed tickets again; everything else is for admins. A secret is never
shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)

from app.accounts.services.logins import verified_user
from app.accounts.services.partners import all_partners
from app.accounts.web.own_password import ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import Role, require_admin, require_operator
from app.core.rules.errors import Invalid
from app.core.rules.language import _, counted
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to, page_or_fragment
from app.core.web.person import acting, local_path, secret_key, writer
from app.core.web.times import now
from app.exchange.adapters.kinds import kind_named
from app.exchange.models.connections import Connection
from app.exchange.pages.forms import (
    DIRECTIONS,
    INTERNAL_YES,
    KINDS,
    TICKETS,
    ChooseForm,
    ConnectionForm,
    EndConnectionSecretForm,
    NewConnectionForm,
    ReasonForm,
    SecretForm,
    ShareForm,
    TheirsForm,
)
from app.exchange.rules.profiles import Choice, Profile
from app.exchange.services import decisions, endings, unpaired
from app.exchange.services.comparisons import JOB as COMPARE
from app.exchange.services.comparisons import ask_comparison, leave_different, newest_comparison
from app.exchange.services.connections import connections as verbs
from app.exchange.services.connections.connection_tests import MOST_GOES, ask_test, newest_test
from app.exchange.services.connections.connections import is_called
from app.exchange.services.connections.secrets import (
    HINT,
    LOGIN,
    add_secret,
    end_secret,
    live_secrets,
)
from app.exchange.services.connections.settings import change_connection
from app.exchange.services.decisions import AGAIN_AT_ONCE
from app.exchange.services.extras import fields_left_out
from app.exchange.services.overview import (
    Traffic,
    call_of_number,
    connection_of_number,
    left_out,
    recent_calls,
    traffic,
    troubles,
)
from app.exchange.services.planning import is_read, profile_in_use
from app.exchange.services.standing import answers
from app.exchange.services.trouble import pairs_now
from app.exchange.services.unpaired import unpaired_tickets
from app.jobs.services.queue import is_pending
from app.mail.rules.reply_addresses import CONNECTION, reply_address
from app.tickets.rules.content import LABELS

blueprint = Blueprint("exchange", __name__, url_prefix="/exchange")
NUMBER: Final = "<int(max=2147483647):number>"
TROUBLES_SHOWN: Final = 40
"""Each has its own forms; this limits a page to 150 kB."""
CALLS_SHOWN: Final = 20
LEFT_OUT_SHOWN: Final = 20
_NOT_CALLED: Final = _(
    "The connection is paused or stopped: this is sent after an admin resumes it."
)
_LOOK: Final = (1, 1, 1, 2, 2, 3, 5, 10, 20)
"""Seconds between the polls of an open page during a test; the last value is repeated."""


@blueprint.before_request
def _operators_only() -> None:
    require_operator(acting(), _("see the exchange with partners"))


@blueprint.context_processor
def _answering() -> dict[str, Any]:
    """How pages describe whether a partner's system answers."""
    at = now()
    return {"answers": lambda connection: answers(connection, at)}


@blueprint.get("")
def listing() -> str:
    """List every connection with its status, and the tickets whose exchange waits for a person."""
    session = db.session()
    found = troubles(session, TROUBLES_SHOWN + 1)
    connections = verbs.all_connections(session)
    return render_template(
        "exchange/list.html",
        connections=connections,
        comparisons={one.id: newest_comparison(one) for one in connections if is_read(one)},
        traffic=traffic(session, now()),
        nothing=Traffic(),
        troubles=found[:TROUBLES_SHOWN],
        more=len(found) > TROUBLES_SHOWN,
        unpaired=unpaired_tickets(session, TROUBLES_SHOWN),
        kinds=KINDS,
        directions=DIRECTIONS,
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Set up a connection, confirmed by the admin's password; it is paused until it is resumed."""
    session, by = db.session(), writer()
    require_admin(by.actor, _("manage connections with partners"))
    form = NewConnectionForm()
    codes = [partner.code for partner in all_partners(session)]
    if request.method == "GET" or not form.validate():
        return _form_page("exchange/new.html", form, codes=codes)
    confirmation = ask_password(form.password)
    if confirmation.attempt is None:
        return _form_page("exchange/new.html", form, confirmation.status, codes=codes)
    with errors_in(form, {"secret": "remote_secret"}), writing_once(session):
        verified_user(session, confirmation.attempt)
        connection = verbs.connect(
            session,
            by,
            form.code.data or "",
            form.kind.data or "",
            profile=replace(
                kind_named(form.kind.data or "").profile_for(form.url.data or ""),
                tickets=Choice(form.tickets.data),
                group=form.group.data or "",
            ),
            paused=True,
            **form.settings(),
        )
        if form.remote_secret.data:
            add_secret(session, by, connection, LOGIN, form.remote_secret.data, secret_key())
        number = connection.id
        leads_to(_base(number))
    if form.errors:
        return _form_page("exchange/new.html", form, codes=codes)
    return go_to(
        _base(number), _("The connection is paused. Test it, check its mapping, then resume it.")
    )


@blueprint.get(f"/{NUMBER}")
def connection(number: int) -> Response:
    """Show a connection: its status, calls, failures, and the newest comparison."""
    return _page(number)


@blueprint.route(f"/{NUMBER}/edit", methods=["GET", "POST"])
def edit(number: int) -> Response:
    """Change the settings of a connection, confirmed by the admin's password."""
    session, by = db.session(), writer()
    require_admin(by.actor, _("manage connections with partners"))
    found = connection_of_number(session, number)
    if request.method == "GET":
        form = ConnectionForm(
            formdata=None,
            url=found.url,
            direction=found.direction,
            remote_login=found.remote_login,
            internal=INTERNAL_YES if found.internal else "not sent",
        )
        return _form_page("exchange/edit.html", form, connection=found)
    form = ConnectionForm()
    if not form.validate():
        return _form_page("exchange/edit.html", form, connection=found)
    confirmation = ask_password(form.password)
    if confirmation.attempt is None:
        found = connection_of_number(session, number)
        return _form_page("exchange/edit.html", form, confirmation.status, connection=found)
    with errors_in(form, {"secret": "remote_secret"}), transaction(session):
        verified_user(session, confirmation.attempt)
        found = connection_of_number(session, number)
        secret = form.remote_secret.data or ""
        change_connection(session, by, found, **form.settings(), secret=secret, key=secret_key())
    if form.errors:
        return _form_page(
            "exchange/edit.html", form, connection=connection_of_number(session, number)
        )
    return go_to(_base(number), _("Connection saved."))


@blueprint.post(f"/{NUMBER}/pause")
def pause(number: int) -> Response:
    """Pause the connection."""
    return _done(number, verbs.pause, _("Paused. Changes are queued, but nothing is sent."))


@blueprint.post(f"/{NUMBER}/resume")
def resume(number: int) -> Response:
    """Resume the connection."""
    return _done(number, verbs.resume, _("Resumed. Waiting entries are queued."))


@blueprint.post(f"/{NUMBER}/end")
def end(number: int) -> Response:
    """End the connection permanently, and with it the exchange of each of its tickets."""
    why = ReasonForm().reason.data or ""
    return _decided(
        lambda session, by: endings.end_connection(
            session, by, connection_of_number(session, number), why
        ),
        _("Connection ended. The exchange of its tickets ends next; the history remains."),
    )


@blueprint.post(f"/{NUMBER}/add-secret")
def new_secret(number: int) -> Response:
    """Add a secret, confirmed by the admin's password; the newest is used."""
    session, by, form = db.session(), writer(), SecretForm()
    require_admin(by.actor, _("manage connections with partners"))
    connection_of_number(session, number)
    if not form.validate():
        return _page(number, secret_form=form, status=422)
    confirmation = ask_password(form.password)
    if confirmation.attempt is None:
        return _page(number, secret_form=form, status=confirmation.status)
    try:
        with writing_once(session):
            verified_user(session, confirmation.attempt)
            found = connection_of_number(session, number)
            use, secret = form.use.data or "", form.remote_secret.data or ""
            add_secret(session, by, found, use, secret, secret_key())
    except Invalid as error:
        attach(form, error, {"secret": "remote_secret"})
        problem = error.message if error.field == "connection" else ""
        return _page(number, secret_form=form, problem=problem, status=422)
    return go_to(_base(number), _("Secret stored, encrypted. It is used from the next call."))


@blueprint.post(f"/{NUMBER}/end-secret")
def old_secret(number: int) -> Response:
    """Revoke a secret at once."""
    session, by = db.session(), writer()
    require_admin(by.actor, _("manage connections with partners"))
    key = EndConnectionSecretForm().secret_id.data or ""
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        return _page(number, problem=_("This secret belongs to another connection"), status=422)
    with writing_once(session):
        end_secret(session, by, connection_of_number(session, number), int(key))
    return go_to(_base(number), _("Secret revoked."))


@blueprint.get(f"/{NUMBER}/comparison")
def comparison(number: int) -> str:
    """Show the result of the newest comparison with the partner's tickets, by ticket."""
    session = db.session()
    found = connection_of_number(session, number)
    return render_template(
        "exchange/comparison.html",
        connection=found,
        comparison=newest_comparison(found),
        is_read=is_read(found),
        is_asked=is_pending(session, COMPARE, f"{COMPARE} {number}"),
        pairs=pairs_now(
            session, now(), connection_id=number, different_alone=True, limit=TROUBLES_SHOWN
        ),
        labels=LABELS,
        unpaired=unpaired_tickets(session, TROUBLES_SHOWN, connection_id=number, with_left=True),
    )


@blueprint.post(f"/{NUMBER}/compare")
def compare(number: int) -> Response:
    """Compare the tickets of a connection with the partner's."""
    session, actor = db.session(), acting()
    try:
        with transaction(session):
            ask_comparison(session, actor, connection_of_number(session, number))
    except Invalid as error:
        return _page(number, problem=error.message, status=422)
    return go_to(url_for("exchange.comparison", number=number))


@blueprint.post(f"/pairs/{NUMBER}/leave")
def leave_pair(number: int) -> Response:
    """Accept the difference between two tickets."""
    why = ReasonForm().reason.data or ""
    return _decided(
        lambda session, by: leave_different(session, by, number, why),
        _("Difference left as it is."),
    )


@blueprint.post(f"/{NUMBER}/again")
def all_again(number: int) -> Response:
    """Send every ticket again whose exchange failed."""
    session, by = db.session(), writer()
    with writing_once(session):
        found = connection_of_number(session, number)
        count = decisions.send_all_again(session, by, found)
        is_up = is_called(found)
    if not is_up:
        said = _NOT_CALLED
    elif count == AGAIN_AT_ONCE:
        said = _(
            "The oldest %(count)s tickets are queued again; once they are sent, retry the others.",
            count=count,
        )
    else:
        said = counted(
            "%(num)s ticket is queued again.", "%(num)s tickets are queued again.", count
        )
    return go_to(_base(number), said)


@blueprint.get(f"/{NUMBER}/calls/<int(max=2147483647):call>")
def call(number: int, call: int) -> str:
    """Show a call with its request and answer."""
    session = db.session()
    return render_template(
        "exchange/call.html",
        connection=connection_of_number(session, number),
        call=call_of_number(session, number, call),
    )


@blueprint.get(f"/{NUMBER}/test")
def test(number: int) -> Response:
    """Show the progress and results of the newest test. ``looks`` = how often this page has
    polled."""
    text = request.args.get("looks", "")
    looks = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    found = connection_of_number(db.session(), number)
    return page_or_fragment(
        "exchange/test.html",
        "exchange/_test.html",
        connection=found,
        test=newest_test(found),
        most_goes=MOST_GOES,
        looks=looks,
        pause=_LOOK[min(looks, len(_LOOK) - 1)],
    )


@blueprint.post(f"/{NUMBER}/test")
def run_test(number: int) -> Response:
    """Have the worker test the connection."""
    session, by = db.session(), writer()
    with writing_once(session):
        ask_test(session, by, connection_of_number(session, number))
        leads_to(url_for("exchange.test", number=number))
    return go_to(url_for("exchange.test", number=number))


# actions on single tickets, from this page and from the ticket's


@blueprint.post(f"/{NUMBER}/share")
def share(number: int) -> Response:
    """Exchange a ticket with the partner from now on."""
    session, by = db.session(), writer()
    key = ShareForm().ticket.data or ""
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        return _refused(_("Ticket number is missing"))
    try:
        with writing_once(session):
            found = connection_of_number(session, number)
            decisions.share(session, by, int(key), found)
            code = found.partner.code
            leads_to(url_for("tickets.detail", number=int(key)))
    except Invalid as error:
        return _refused(error.message)
    return go_to(
        url_for("tickets.detail", number=int(key), _anchor="h-exchange"),
        _("Shared with %(data)s.", data=code),
    )


@blueprint.post(f"/pairs/{NUMBER}/again")
def again(number: int) -> Response:
    """Send a ticket again."""
    session, by = db.session(), writer()
    try:
        with writing_once(session):
            pair = decisions.send_again(session, by, number)
            back, is_up = _back_to(pair.connection_id), is_called(pair.connection)
            leads_to(back)
    except Invalid as error:
        return _refused(error.message)
    return go_to(back, _("The ticket is being retried.") if is_up else _NOT_CALLED)


@blueprint.post(f"/pairs/{NUMBER}/end")
def end_exchange(number: int) -> Response:
    """End the exchange of a ticket with a partner, with a reason."""
    form = ReasonForm()
    return _decided(
        lambda session, by: endings.end_exchange(session, by, number, form.reason.data or ""),
        _("The exchange has ended: nothing more is sent or received for this ticket."),
    )


@blueprint.post(f"/pairs/{NUMBER}/resume")
def exchange_again(number: int) -> Response:
    """Resume the exchange of a ticket."""
    return _decided(
        lambda session, by: endings.exchange_again(session, by, number),
        _("The ticket is exchanged again."),
    )


@blueprint.post(f"/pairs/{NUMBER}/theirs")
def theirs(number: int) -> Response:
    """Set which of their tickets is the counterpart, or that none exists."""
    form = TheirsForm()
    return _decided(
        lambda session, by: decisions.name_theirs(session, by, number, form.their_id.data or ""),
        _("Counterpart set; the exchange continues."),
    )


@blueprint.post(f"/unpaired/{NUMBER}/leave")
def leave_unpaired(number: int) -> Response:
    """Accept a ticket there without a pair."""
    why = ReasonForm().reason.data or ""
    return _decided(
        lambda session, by: unpaired.leave_unpaired(session, by, number, why),
        _("Their ticket is left without a pair."),
    )


@blueprint.post(f"/entries/{NUMBER}/skip")
def skip(number: int) -> Response:
    """Skip an entry, with a reason."""
    form = ReasonForm()
    return _decided(
        lambda session, by: decisions.skip(session, by, number, form.reason.data or ""),
        _("Entry skipped; later entries continue."),
    )


@blueprint.post(f"/entries/{NUMBER}/replay")
def replay(number: int) -> Response:
    """Send a skipped entry, or apply a refused one, after all."""
    return _decided(
        lambda session, by: decisions.replay(session, by, number),
        _("The entry is exchanged again."),
    )


@blueprint.post(f"/entries/{NUMBER}/choose")
def choose(number: int) -> Response:
    """End a conflict by choosing one of the two values."""
    form = ChooseForm()
    if not form.validate():
        return _refused(_("Choose our value or theirs"))
    ours = form.value.data == "ours"
    return _decided(
        lambda session, by: decisions.choose(session, by, number, ours=ours),
        _("Our value is queued for the partner.") if ours else _("Their value was applied."),
    )


def _decided(verb: Callable[..., object], said: str) -> Response:
    """Carry out a person's decision, and redirect back to the page."""
    session, by = db.session(), writer()
    try:
        with writing_once(session):
            verb(session, by)
            leads_to(_back())
    except Invalid as error:
        return _refused(error.message)
    return go_to(_back(), said)


def _back() -> str:
    """The page named in the form, else the list."""
    return local_path(request.form.get("back", "")) or url_for("exchange.listing")


def _back_to(connection_id: int) -> str:
    return local_path(request.form.get("back", "")) or _base(connection_id)


def _refused(message: str) -> Response:
    page = render_template("exchange/refused.html", message=message, back=_back())
    return make_response(page, 422)


def _done(number: int, verb: Callable[..., None], said: str) -> Response:
    session, by = db.session(), writer()
    try:
        with transaction(session):
            verb(session, by, connection_of_number(session, number))
    except Invalid as error:
        return _page(number, problem=error.message, status=422)
    return go_to(_base(number), said)


def _base(number: int) -> str:
    return url_for("exchange.connection", number=number)


def _form_page(template: str, form: ConnectionForm, status: int = 0, **more: Any) -> Response:
    status = status or (422 if form.errors or form.form_errors else 200)
    return make_response(render_template(template, form=form, **more), status)


def _page(
    number: int, *, secret_form: SecretForm | None = None, problem: str = "", status: int = 200
) -> Response:
    session = db.session()
    found = connection_of_number(session, number)
    profile = profile_in_use(session, found)
    failed = request.args.get("calls") == "failed"
    shown = troubles(session, TROUBLES_SHOWN + 1, number)
    page = render_template(
        "exchange/connection.html",
        connection=found,
        traffic=traffic(session, now(), number).get(number, Traffic()),
        at_once=AGAIN_AT_ONCE,
        troubles=shown[:TROUBLES_SHOWN],
        more=len(shown) > TROUBLES_SHOWN,
        unpaired=unpaired_tickets(session, TROUBLES_SHOWN, connection_id=number),
        left_out=left_out(session, number, LEFT_OUT_SHOWN),
        calls=recent_calls(session, number, CALLS_SHOWN, failed=failed),
        only_failed=failed,
        secrets=_secrets(found),
        secret_form=secret_form or SecretForm(formdata=None),
        comparison=newest_comparison(found),
        is_read=is_read(found),
        test=newest_test(found),
        profile=profile,
        missing=profile.missing_out(),
        fields_left_out=fields_left_out(found, profile),
        kinds=KINDS,
        directions=DIRECTIONS,
        tickets=TICKETS,
        mailbox=_mailbox(found, profile),
        problem=problem,
    )
    return make_response(page, status)


def _mailbox(found: Connection, profile: Profile) -> str:
    """The address for the partner's ticket system, for administrators: anybody who knows it may
    write in the partner's name. "" = it does not write mails."""
    settings: Settings = current_app.config["PORTAL"]
    if not (profile.mail and settings.mail.reply_to and acting().role is Role.ADMIN):
        return ""
    return reply_address(secret_key(), settings.mail.reply_to, 0, f"{CONNECTION}{found.id}")


def _secrets(found: Connection) -> Mapping[str, Any]:
    session = db.session()
    return {use: live_secrets(session, found, use) for use in (LOGIN, HINT)}
