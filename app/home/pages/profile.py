"""One's own profile: password, time zone, mail, logins, theme."""

from __future__ import annotations

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
from flask import (
    session as cookie,
)
from flask_login import current_user, login_user

from app.accounts.pages import browsers
from app.accounts.pages.login import Person, browser
from app.accounts.services import logins, people
from app.accounts.services.copies import copies_today
from app.accounts.services.passkeys import passkeys_of
from app.accounts.web.own_password import WRONG, ask_password
from app.core.database.transactions import transaction
from app.core.rules.access import ActorKind
from app.core.rules.errors import AuthenticationFailed, NotFound
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, local_path, remote, writer
from app.core.web.times import now
from app.home.pages.profile_forms import (
    EndLoginForm,
    MailForm,
    MailsForm,
    PasswordForm,
    ThemeForm,
    UpdatesForm,
    ZoneForm,
)
from app.mail.services import choices as mail_choices
from app.tickets.services.personal_reminders import reminders_of
from app.tickets.services.watching import watched_by

blueprint = Blueprint("profile", __name__, url_prefix="/profile")
_A_YEAR = 365 * 24 * 3600


def _page(
    *,
    zone_form: ZoneForm | None = None,
    mail_form: MailForm | None = None,
    mails_form: MailsForm | None = None,
    updates_form: UpdatesForm | None = None,
    password_form: PasswordForm | None = None,
    problem: str = "",
    status: int = 200,
) -> Response:
    session, settings = db.session(), current_app.config["PORTAL"]
    user = people.find_user(session, current_user.name)
    return make_response(
        render_template(
            "home/profile.html",
            zone_form=zone_form or ZoneForm(formdata=None, time_zone=user.time_zone),
            mail_form=mail_form or MailForm(formdata=None, mail=user.mail),
            mails_form=mails_form or MailsForm(formdata=None, choice=user.mail_choice),
            updates_form=updates_form or UpdatesForm(formdata=None, updates=user.updates),
            watched=watched_by(session, user),
            reminders=reminders_of(session, acting()),
            password_form=password_form or PasswordForm(formdata=None),
            user=user,
            passkeys=len(passkeys_of(session, user.id)),
            logins=logins.logins_of(session, user, now()),
            in_words=browsers.in_words,
            problem=problem,
            idle_hours=settings.login_idle_hours,
            copies=copies_today(session, ActorKind.PERSON, user.id, now().date()),
            copies_per_day=settings.copies_per_day,
        ),
        status,
    )


@blueprint.get("")
def show() -> Response:
    """The profile."""
    return _page()


@blueprint.post("/time-zone")
def zone() -> Response:
    """Set the zone in which times are shown after UTC."""
    form = ZoneForm()
    if form.validate():
        session = db.session()
        with errors_in(form), transaction(session):
            user = people.find_user(session, current_user.name)
            people.set_time_zone(session, writer(), user, form.time_zone.data)
    if form.errors:
        return _page(zone_form=form, status=422)
    return go_to(
        url_for("profile.show"), _("Times are shown in UTC and %(data)s.", data=form.time_zone.data)
    )


@blueprint.post("/mail")
def mail() -> Response:
    """Set the address of one's mails, by the password: one-time links and warnings go there."""
    form = MailForm()
    if not form.validate():
        return _page(mail_form=form, status=422)
    asked = ask_password(form.password)
    if asked.attempt is None:
        return _page(mail_form=form, status=asked.status)
    session = db.session()
    with errors_in(form), transaction(session):
        user = logins.verified_user(session, asked.attempt)
        people.set_mail(session, writer(), user, form.mail.data or "")
    if form.errors:
        return _page(mail_form=form, status=422)
    return go_to(url_for("profile.show"), _("Email address saved."))


@blueprint.post("/mails")
def mails() -> Response:
    """Choose which mails about tickets one gets."""
    form = MailsForm()
    if not form.validate():
        return _page(mails_form=form, status=422)
    session, choice = db.session(), form.choice.data or ""
    with transaction(session):
        user = people.find_user(session, current_user.name)
        mail_choices.set_mail_choice(session, writer(), user, choice)
    return go_to(
        url_for("profile.show", _anchor="mails"),
        _("Saved: %(choices)s.", choices=mail_choices.CHOICES[choice].lower()),
    )


@blueprint.post("/updates")
def updates() -> Response:
    """Choose how open pages hear of changes."""
    form = UpdatesForm()
    if not form.validate():
        return _page(updates_form=form, status=422)
    session, choice = db.session(), form.updates.data or ""
    with transaction(session):
        people.set_updates(session, writer(), people.find_user(session, current_user.name), choice)
    return go_to(
        url_for("profile.show", _anchor="updates"),
        _("Saved: %(updates)s.", updates=people.UPDATES[choice].lower()),
    )


@blueprint.post("/password")
def password() -> Response:
    """Set a new password: every login ends, and this browser gets a new one."""
    form = PasswordForm()
    if not form.validate():
        return _page(password_form=form, status=422)
    session = db.session()
    second_factor: bool = current_user.second_factor
    asked = ask_password(form.old)
    if asked.attempt is None:
        return _page(password_form=form, status=asked.status)
    try:
        with errors_in(form, {"password": "new"}), transaction(session):
            user = logins.verified_user(session, asked.attempt)
            people.set_password(session, writer(), user, form.new.data or "")
            token = people.start_login(
                session,
                user.id,
                now(),
                remote=remote(),
                browser=browser(),
                second_factor=second_factor,
            )
    except AuthenticationFailed:  # it was changed, or the person disabled, at this moment
        form.old.errors = [WRONG]
        return _page(password_form=form, status=422)
    if form.errors:
        return _page(password_form=form, status=422)
    login = logins.live_login(session, token, now())
    cookie.clear()
    if login is not None:  # else it was ended at this very moment
        login_user(Person(token, login))
    return go_to(
        url_for("profile.show"),
        _(
            "Password changed. Your other sessions, your API tokens and your calendar feed"
            " have ended."
        ),
    )


@blueprint.post("/end-login")
def end_login() -> Response:
    """End one of one's logins."""
    key = EndLoginForm().login.data or ""
    session = db.session()
    try:
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise NotFound(_("Session not found; choose one of those below"))
        with writing_once(session):
            user = people.find_user(session, current_user.name)
            logins.end_one_login(session, writer(), user, int(key))
    except NotFound as error:
        return _page(problem=f"{error.message}.", status=422)
    return go_to(url_for("profile.show"), _("Session ended."))


@blueprint.post("/end-other-logins")
def end_other_logins() -> Response:
    """End all of one's logins but this one, one's API tokens and calendar address."""
    session = db.session()
    with transaction(session):
        user = people.find_user(session, current_user.name)
        ended = logins.end_other_logins(session, writer(), user, current_user.token)
    words = _("session") if ended.logins == 1 else _("sessions")
    more = _(", and %(secrets)s", secrets=ended.secrets) if ended.secrets else ""
    return go_to(
        url_for("profile.show"),
        _("%(logins)s other %(words)s ended%(more)s.", logins=ended.logins, words=words, more=more),
    )


@blueprint.post("/theme")
def theme() -> Response:
    """Light, dark or as the system says; stored in a cookie of its own."""
    form = ThemeForm()
    back = local_path(request.referrer.split(request.host, 1)[-1] if request.referrer else "")
    answer = go_to(back or url_for("profile.show"))
    chosen = form.theme.data or ""
    if not form.validate():
        flash(_("Theme: choose system, light or dark."), "trouble")
    elif chosen:
        answer.set_cookie(
            "theme",
            chosen,
            max_age=_A_YEAR,
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
    else:
        answer.delete_cookie("theme")
    return answer
