"""One's own profile: password, time zone, theme."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, login_user

from app.database import writing
from app.domain.access import Kind
from app.domain.errors import AuthenticationFailed, Invalid, TooManyAttempts
from app.extensions import db
from app.services import credentials, people
from app.web.forms import PasswordForm, ThemeForm, ZoneForm, attach
from app.web.htmx import go_to
from app.web.login import Person, acting, local_path, writer
from app.web.times import now

blueprint = Blueprint("profile", __name__, url_prefix="/profile")
_A_YEAR = 365 * 24 * 3600


def _page(
    zone_form: ZoneForm | None = None, password_form: PasswordForm | None = None, status: int = 200
) -> Response:
    user = people.find_user(db.session(), current_user.name)
    return make_response(
        render_template(
            "people/profile.html",
            zone_form=zone_form or ZoneForm(formdata=None, time_zone=user.time_zone),
            password_form=password_form or PasswordForm(formdata=None),
            sites=user.sites,
        ),
        status,
    )


@blueprint.get("")
def show() -> Response:
    """The profile."""
    return _page()


@blueprint.post("/time-zone")
def zone() -> Response:
    """Set the zone in which times are shown beside UTC."""
    form = ZoneForm()
    if form.validate():
        rows = db.session()
        try:
            with writing(rows):
                user = people.find_user(rows, current_user.name)
                people.set_time_zone(rows, writer(), user, form.time_zone.data)
        except Invalid as error:
            attach(form, error)
        else:
            flash(f"Times are shown in {form.time_zone.data} beside UTC.", "ok")
            return go_to(url_for("profile.show"))
    return _page(zone_form=form, status=422)


@blueprint.post("/password")
def password() -> Response:
    """Set a new password: every login ends, and this browser gets a new one."""
    form = PasswordForm()
    if not form.validate():
        return _page(password_form=form, status=422)
    rows = db.session()
    key = current_app.config["SECRET_KEY"].encode()
    tried = credentials.attempt(
        rows, Kind.PERSON, current_user.name, form.old.data or "", now(), key
    )
    if tried.needs_record:
        with writing(rows):
            tried = credentials.record_attempt(rows, tried, now())
    try:
        tried.verified_account()
        with writing(rows):
            user = people.find_user(rows, current_user.name)
            people.set_password(rows, writer(), user, form.new.data or "")
            token = people.start_login(rows, user.id, now())
    except TooManyAttempts as error:
        form.old.errors = [f"{error.message}"]
        return _page(password_form=form, status=429)
    except AuthenticationFailed:
        form.old.errors = ["This is not your password"]
        return _page(password_form=form, status=422)
    except Invalid as error:
        attach(form, error, renamed={"password": "new"})
        return _page(password_form=form, status=422)
    actor = acting()
    session.clear()
    login_user(Person(token, actor))
    flash("The password was changed. Other logins of yours were ended.", "ok")
    return go_to(url_for("profile.show"))


@blueprint.post("/theme")
def theme() -> Response:
    """Light, dark or as the system says; kept in a cookie of its own."""
    form = ThemeForm()
    back = local_path(request.referrer.split(request.host, 1)[-1] if request.referrer else "")
    answer = go_to(back or url_for("profile.show"))
    chosen = form.theme.data or ""
    if not form.validate():
        flash("Theme takes system, light or dark.", "trouble")
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
