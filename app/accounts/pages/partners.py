"""Pages of partners and their accounts, for admins: switches, secrets, what was called.

A new secret is shown once, on the account's page to which the form leads that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)

from app.accounts.models.partners import PartnerAccount
from app.accounts.pages.account_calls import CallList, calls_chart, faults_chart
from app.accounts.pages.partner_forms import (
    EndSecretForm,
    NewAccountForm,
    SwitchesForm,
    switches_of,
)
from app.accounts.services import partners as verbs
from app.accounts.services.calls import days_of, use_of
from app.accounts.services.copies import copies_today
from app.accounts.services.logins import verified_user
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind, require_admin
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import fragment_target, go_to
from app.core.web.person import acting, writer
from app.core.web.shown_once import show_once, take_shown_once
from app.core.web.times import now
from app.registry.services.choices import choices

blueprint = Blueprint("partners", __name__, url_prefix="/partners")
ACCOUNT = "/accounts/<int(max=2147483647):number>"
LIST_DAYS = 7
ACCOUNT_DAYS = 30


@blueprint.before_request
def _admins_only() -> None:
    require_admin(acting(), _("see and manage partners"))


@blueprint.get("")
def listing() -> str:
    """Every account of every partner, and how it was used."""
    session = db.session()
    accounts = verbs.all_accounts(session)
    keys = [account.id for account in accounts]
    days = days_of(session, keys, now().date(), LIST_DAYS)
    return render_template(
        "accounts/partners/list.html",
        accounts=accounts,
        use=use_of(session, keys, now()),
        charts={key: (calls_chart(days[key]), faults_chart(days[key])) for key in keys},
    )


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response:
    """Create an account, and its partner if the code is new; its page shows the secret once."""
    form = NewAccountForm()
    if request.method == "GET" or not form.validate():
        return _form_page(form)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _form_page(form, entered.status)
    session, secret = db.session(), verbs.new_secret()
    with errors_in(form, {"contract": "contract_year"}), writing_once(session):
        verified_user(session, entered.attempt)
        account = verbs.create_partner_account(
            session,
            writer(),
            form.code.data or "",
            form.login.data or "",
            secret,
            **form.switches(),
        )
        number = account.id
        leads_to(_base(number))
    if form.errors:
        return _form_page(form)
    show_once(_base(number), secret)
    return go_to(_base(number))


@blueprint.get(ACCOUNT)
def account(number: int) -> Response:
    """One account."""
    if fragment_target() == "more":
        calls = CallList(db.session(), number, _base(number), request.args)
        return make_response(render_template("accounts/partners/_calls.html", calls=calls))
    return _account_page(number, new_secret=take_shown_once(_base(number)))


@blueprint.post(f"{ACCOUNT}/switches")
def switches(number: int) -> Response:
    """Set what the account may."""
    form = SwitchesForm()
    if not form.validate():
        return _account_page(number, switches_form=form, status=422)
    session = db.session()
    with errors_in(form, {"contract": "contract_year"}), transaction(session):
        found = verbs.account_of_number(session, number)
        changed = verbs.change_account(session, writer(), found, **form.switches())
        login = found.login
    if form.errors:
        return _account_page(number, switches_form=form, status=422)
    return go_to(
        _base(number),
        _(
            "The switches of %(login)s are %(how)s.",
            login=login,
            how=_("saved") if changed else _("unchanged"),
        ),
    )


@blueprint.post(f"{ACCOUNT}/add-secret")
def add_secret(number: int) -> Response:
    """Add a second live secret and show it once, by one's own password."""
    form, session, secret = AskPasswordForm(), db.session(), verbs.new_secret()
    verbs.account_of_number(session, number)
    if not form.validate():
        return _account_page(number, secret_form=form, status=422)
    entered = ask_password(form.password)
    if entered.attempt is None:
        return _account_page(number, secret_form=form, status=entered.status)
    try:
        with writing_once(session):
            verified_user(session, entered.attempt)
            verbs.add_secret(session, writer(), verbs.account_of_number(session, number), secret)
    except Invalid as error:
        return _account_page(number, problem=error.message, status=422)
    show_once(_base(number), secret)
    return go_to(_base(number))


@blueprint.post(f"{ACCOUNT}/end-secret")
def end_secret(number: int) -> Response:
    """End one of two live secrets."""
    key = EndSecretForm().secret.data or ""
    session = db.session()
    try:
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise Invalid("secret", _("This secret belongs to another account"))
        with writing_once(session):
            found = verbs.account_of_number(session, number)
            verbs.end_secret(session, writer(), found, int(key))
            login = found.login
    except Invalid as error:
        return _account_page(number, problem=error.message, status=422)
    return go_to(
        _base(number),
        _("The older secret of %(login)s has ended; the newer one is active.", login=login),
    )


@blueprint.post(f"{ACCOUNT}/disable")
def disable(number: int) -> Response:
    """Disable an account immediately."""
    login = _changed(number, verbs.disable_account)
    return go_to(
        _base(number), _("Account %(login)s is disabled: its calls get fault 623.", login=login)
    )


@blueprint.post(f"{ACCOUNT}/enable")
def enable(number: int) -> Response:
    """Re-enable a disabled account."""
    login = _changed(number, verbs.enable_account)
    return go_to(
        _base(number), _("Account %(login)s is enabled, with its active secrets.", login=login)
    )


def _changed(number: int, verb: Callable[..., None]) -> str:
    """Carry a verb out on the account; its login."""
    session = db.session()
    with transaction(session):
        found = verbs.account_of_number(session, number)
        verb(session, writer(), found)
        return found.login


def _base(number: int) -> str:
    return url_for("partners.account", number=number)


def _form_page(form: NewAccountForm, status: int = 0) -> Response:
    codes = [partner.code for partner in verbs.all_partners(db.session())]
    page = render_template(
        "accounts/partners/new.html", form=form, codes=codes, **choices(db.session())
    )
    return make_response(page, status or (422 if form.errors or form.form_errors else 200))


def _account_page(
    number: int,
    *,
    switches_form: SwitchesForm | None = None,
    secret_form: AskPasswordForm | None = None,
    new_secret: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    session = db.session()
    found: PartnerAccount = verbs.account_of_number(session, number)
    calls = CallList(session, number, _base(number), request.args)
    days = days_of(session, [number], now().date(), ACCOUNT_DAYS)[number]
    shown: dict[str, Any] = {
        "account": found,
        "secret_form": secret_form or AskPasswordForm(formdata=None),
        "use": use_of(session, [number], now())[number],
        "calls": calls,
        "days": days,
        "calls_chart": calls_chart(days),
        "faults_chart": faults_chart(days),
        "live": verbs.live_secrets(session, found),
        "changes": verbs.changes_of_account(session, found),
        "switches_form": switches_form or switches_of(found),
        "new_secret": new_secret,
        "problem": problem,
        "copies": copies_today(session, ActorKind.PARTNER, number, now().date()),
        "copies_per_day": current_app.config["PORTAL"].copies_per_day,
    }
    if calls.problems and status == 200:
        status = 422
    return make_response(
        render_template("accounts/partners/account.html", **shown, **choices(db.session())), status
    )
