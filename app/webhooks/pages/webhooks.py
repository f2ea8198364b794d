"""Pages of webhooks: one's own for everybody, all for admins; messages and answers.

Opening a way out of the portal (a new webhook, another address, a secret, switching it on) requires
the password. A new secret is shown once, on the page after its form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

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
from app.accounts.services.partners import all_accounts
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, secret_key, writer
from app.core.web.shown_once import show_once, take_shown_once
from app.webhooks.models.webhooks import Webhook
from app.webhooks.pages.forms import EndWebhookSecretForm, NewWebhookForm, WebhookForm
from app.webhooks.rules.delivering import FAILURE_WORDS, OFF_WORDS, State
from app.webhooks.rules.messages import MEANINGS
from app.webhooks.services import webhooks as verbs
from app.webhooks.services.filters import filter_in_words
from app.webhooks.services.secrets import live_secrets
from app.webhooks.services.webhooks import Outside

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")
NUMBER: Final = "<int(max=2147483647):number>"
_MINE: Final = "me"


@blueprint.get("")
def listing() -> str:
    """List one's own webhooks; for admins everybody's, with ``?of=me`` their own."""
    session, actor = db.session(), acting()
    everybody = actor.role is Role.ADMIN and request.args.get("of") != _MINE
    if everybody:
        found = verbs.all_webhooks(session)
    else:
        found = verbs.webhooks_of(session, actor.account_id or 0)
    return render_template(
        "webhooks/list.html",
        webhooks=found,
        waiting=verbs.waiting_by_webhook(session, found),
        everybody=everybody,
        address=_shown_address,
        in_words=filter_in_words,
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Create a webhook."""
    session = db.session()
    if request.method == "GET":
        given = {"filter": request.args.get("filter", ""), "account": request.args.get("of", "")}
        return _form_page(NewWebhookForm(formdata=None, **given))
    form = NewWebhookForm()
    if not form.validate():
        return _form_page(form, status=422)
    confirmation = ask_password(form.password)
    if confirmation.attempt is None:
        return _form_page(form, status=confirmation.status)
    with errors_in(form), writing_once(session):
        verified_user(session, confirmation.attempt)
        outside = Outside(_settings().outbound_private_hosts, secret_key())
        made, secret = verbs.create_webhook(
            session, writer(), form.wanted(), outside, form.account.data or ""
        )
        page = _address_of(made.id)
        leads_to(page)
    if form.errors:
        return _form_page(form, status=422)
    show_once(page, secret)
    return go_to(page)


@blueprint.get(f"/{NUMBER}")
def webhook(number: int) -> Response:
    """Show a webhook: its status, secrets and messages."""
    return _page(number)


@blueprint.route(f"/{NUMBER}/edit", methods=["GET", "POST"])
def edit(number: int) -> Response:
    """Change what it is notified of, or where."""
    session = db.session()
    found = verbs.find_own(session, acting(), number)
    if request.method == "GET":
        form = WebhookForm(
            formdata=None,
            name=found.name,
            url=found.url,
            kinds=found.kinds.split(),
            filter=found.filter,
        )
        return _form_page(form, found)
    form = WebhookForm()
    if not form.validate():
        return _form_page(form, found, status=422)
    confirmation = ask_password(form.password)
    if confirmation.attempt is None:
        return _form_page(form, found, status=confirmation.status)
    with errors_in(form), transaction(session):
        verified_user(session, confirmation.attempt)
        verbs.change_webhook(
            session, writer(), number, form.wanted(), _settings().outbound_private_hosts
        )
    if form.errors:
        return _form_page(form, verbs.find_own(session, acting(), number), status=422)
    return go_to(_address_of(number), _("Webhook saved."))


@blueprint.post(f"/{NUMBER}/on")
def switch_on(number: int) -> Response:
    """Switch it on again."""
    return _by_password(
        number, lambda: verbs.switch_on(db.session(), writer(), number), _("Webhook switched on.")
    )


@blueprint.post(f"/{NUMBER}/add-secret")
def add_secret(number: int) -> Response:
    """Add a second secret and show it once."""

    def add() -> None:
        secret = verbs.add_secret(db.session(), writer(), number, secret_key())
        show_once(_address_of(number), secret)

    return _by_password(number, add, _("Secret added. Both secrets now sign each message."))


@blueprint.post(f"/{NUMBER}/end-secret")
def end_secret(number: int) -> Response:
    """Revoke one of two secrets."""
    key = EndWebhookSecretForm().secret_id.data or ""
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        return _page(number, problem=_("This secret belongs to another webhook"), status=422)
    return _done(
        number,
        lambda: verbs.end_secret(db.session(), writer(), number, int(key)),
        _("Secret revoked."),
    )


@blueprint.post(f"/{NUMBER}/off")
def switch_off(number: int) -> Response:
    """Switch it off."""
    return _done(
        number,
        lambda: verbs.switch_off(db.session(), writer(), number),
        _("Webhook switched off. New messages are queued, each for 7 days."),
    )


@blueprint.post(f"/{NUMBER}/delete")
def delete(number: int) -> Response:
    """Delete it with its secrets and messages."""
    session, back = db.session(), url_for("webhooks.listing")
    with writing_once(session):
        name = verbs.delete_webhook(session, writer(), number)
        leads_to(back)
    return go_to(back, _("Webhook “%(name)s” deleted.", name=name))


@blueprint.post(f"/{NUMBER}/test")
def test(number: int) -> Response:
    """Send a test message."""
    return _done(
        number,
        lambda: verbs.send_test(db.session(), writer(), number),
        _("A test message was queued; reload the page to see the response."),
    )


@blueprint.get(f"/{NUMBER}/messages/<int(max=2147483647):message>")
def message(number: int, message: int) -> str:
    """Show a message: what was sent, and the answer."""
    session = db.session()
    found = verbs.find_webhook(session, acting(), number)
    return render_template(
        "webhooks/message.html",
        webhook=found,
        message=verbs.delivery_of(session, found, message),
        is_own=verbs.is_own(acting(), found),
        shows_answer=_shows_answer(found),
        failures=FAILURE_WORDS,
    )


@blueprint.post(f"/{NUMBER}/messages/<int(max=2147483647):message>/again")
def again(number: int, message: int) -> Response:
    """Send a message again with the same id."""
    return _done(
        number,
        lambda: verbs.send_again(db.session(), writer(), number, message),
        _("Message queued again."),
    )


def _by_password(number: int, verb: Callable[[], object], said: str) -> Response:
    session, form = db.session(), AskPasswordForm()
    verbs.find_own(session, acting(), number)
    if not form.validate():
        return _page(number, problem=form.password.errors[0], status=422)
    confirmation = ask_password(form.password)
    attempt = confirmation.attempt
    if attempt is None:
        problem = form.password.errors[0].rstrip(".")
        return _page(number, problem=problem, status=confirmation.status)

    def do() -> None:
        verified_user(session, attempt)
        verb()

    return _done(number, do, said)


def _done(number: int, verb: Callable[[], object], said: str) -> Response:
    try:
        with writing_once(db.session()):
            verb()
            leads_to(_address_of(number))
    except Invalid as error:
        return _page(number, problem=error.message, status=422)
    return go_to(_address_of(number), said)


def _address_of(number: int) -> str:
    return url_for("webhooks.webhook", number=number)


def _page(number: int, *, problem: str = "", status: int = 200) -> Response:
    session, actor = db.session(), acting()
    found = verbs.find_webhook(session, actor, number)
    state = request.args.get("state", "")
    state = state if state in list(State) else ""
    before = request.args.get("before", "")
    place = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else 0
    listed = verbs.deliveries_of(session, found, state=state, before=place, limit=verbs.LISTED + 1)
    page = render_template(
        "webhooks/webhook.html",
        webhook=found,
        is_own=verbs.is_own(actor, found),
        address=_shown_address(found),
        filter=filter_in_words(found.filter),
        secrets=live_secrets(session, found),
        secret=take_shown_once(_address_of(number)) if request.method == "GET" else "",
        waiting=verbs.waiting_by_webhook(session, [found]).get(number, 0),
        messages=listed[: verbs.LISTED],
        older=listed[verbs.LISTED - 1].id if len(listed) > verbs.LISTED else 0,
        state=state,
        states=list(State),
        off_words=OFF_WORDS,
        failures=FAILURE_WORDS,
        problem=problem,
    )
    return make_response(page, status)


def _form_page(form: WebhookForm, found: Webhook | None = None, *, status: int = 200) -> Response:
    is_admin = acting().role is Role.ADMIN
    page = render_template(
        "webhooks/form.html",
        form=form,
        webhook=found,
        accounts=[one.login for one in all_accounts(db.session()) if one.disabled_at is None]
        if found is None and is_admin
        else [],
        may_choose=found is None and is_admin,
        meanings=MEANINGS,
    )
    return make_response(page, status)


def _shown_address(found: Webhook) -> str:
    """The address; for webhooks of others only the host, since the path may contain a secret of the
    receiver."""
    if verbs.is_own(acting(), found):
        return found.url
    parts = urlsplit(found.url)
    return f"{parts.scheme}://{parts.netloc}"


def _shows_answer(found: Webhook) -> bool:
    """Whether the receiver's answer is shown; answers of internal hosts only to admins."""
    host = (urlsplit(found.url).hostname or "").rstrip(".").lower()
    return acting().role is Role.ADMIN or host not in _settings().outbound_private_hosts


def _settings() -> Settings:
    settings: Settings = current_app.config["PORTAL"]
    return settings
