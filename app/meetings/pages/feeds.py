"""The calendar as a feed: iCalendar (RFC 5545) at a private address, and the page that makes one.

A calendar program sends no login: the secret in the address is all. Any other is 404, as is that
of somebody who is disabled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)

from app.accounts.models.people import User
from app.accounts.services.logins import verified_user
from app.accounts.web.own_password import AskPasswordForm, ask_password
from app.calendar.adapters.planned_work import Publisher, event_of, new_calendar
from app.calendar.rules.calendar import Planned
from app.calendar.services import feeds as verbs
from app.calendar.services.calendar import windows_of
from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, public, writer
from app.core.web.times import now
from app.meetings.adapters.invitations import event_of_meeting
from app.meetings.models.teleconferences import Teleconference
from app.meetings.pages.teleconferences import published
from app.meetings.rules.teleconferences import Method
from app.meetings.services.lists import in_calendars
from app.registry.models.registry import Site
from app.registry.services.registry import find_site

blueprint = Blueprint("feeds", __name__, url_prefix="/calendar/feed")
_MAX_LENGTH: Final = 100
_NOTICES: Final = "maintnote"
"""For circuit databases: their reader gives up at an event that is no maintenance notice."""
_BACK: Final = timedelta(days=62)
"""How long a window stays in the feed after its end: programs drop what a feed no longer has."""


@blueprint.get("")
def show() -> Response:
    """Whether one has a feed, and how to make, renew or end it."""
    return _page()


@blueprint.post("/make")
def make() -> Response:
    """Make an address, or a new one in its place, by the password; it is shown once."""
    form = AskPasswordForm()
    if not form.validate():
        return _page(form=form, status=422)
    asked = ask_password(form.password)
    if asked.attempt is None:
        return _page(form=form, status=asked.status)
    session = db.session()
    with writing_once(session):
        verified_user(session, asked.attempt)
        secret = verbs.make_feed(session, writer())
    return _page(secret=secret)


@blueprint.post("/end")
def end() -> Response:
    """End the address at once."""
    session = db.session()
    try:
        with writing_once(session):
            verbs.end_feed(session, writer())
    except Invalid as error:
        return _page(problem=error.message, status=422)
    return go_to(
        url_for("feeds.show"),
        _("Your calendar feed no longer works: calendar programs that use it now get error 404."),
    )


@blueprint.get("/<secret>.ics")
@public
def download(secret: str) -> Response:
    """The windows and TCs as iCalendar; with ``?site=`` only the windows that concern a site, with
    ``?only=maintnote`` only those that are maintenance notices."""
    session = db.session()
    reader = verbs.reader_of_feed(session, secret)
    site = _site(request.args.get("site", "").strip())
    only = request.args.get("only", "").strip()
    if only not in ("", _NOTICES):
        raise NotFound
    windows = windows_of(session, reader, now() - _BACK, site).windows
    teleconferences: Iterable[Teleconference] = ()
    if only:
        windows = [one for one in windows if one.is_notice]
    elif site is None:
        teleconferences = in_calendars(session, now() - _BACK)
    content = _calendar(windows, site, teleconferences)
    if verbs.is_use_due(session, reader, now()):
        with transaction(session):
            verbs.note_use(session, reader, now())
    answer = Response(content, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = 'inline; filename="lhcopn.ics"'
    return answer


def _page(
    *, form: AskPasswordForm | None = None, secret: str = "", problem: str = "", status: int = 200
) -> Response:
    session, base = db.session(), _settings().public_url
    path = url_for("feeds.download", secret=secret) if secret else ""
    own = session.get_one(User, acting().account_id).sites
    page = render_template(
        "calendar/feed.html",
        form=form or AskPasswordForm(formdata=None),
        feed=verbs.feed_of(session, acting().account_id or 0),
        address=f"{base}{path}" if secret else "",
        own_sites=[site.key for site in own],
        problem=problem,
    )
    return make_response(page, status)


def _site(name: str) -> Site | None:
    if not name:
        return None
    usable = len(name) <= _MAX_LENGTH and name.isprintable()
    site = find_site(db.session(), name) if usable else None
    if site is None:
        raise NotFound
    return site


def _settings() -> Settings:
    settings: Settings = current_app.config["PORTAL"]
    return settings


def _calendar(
    windows: Sequence[Planned], site: Site | None, teleconferences: Iterable[Teleconference]
) -> bytes:
    settings = _settings()
    calendar = new_calendar()
    calendar.add("method", Method.PUBLISH)
    calendar.add("x-wr-calname", f"LHCOPN work, {site.key}" if site is not None else "LHCOPN work")
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    publisher = Publisher(settings.public_url, settings.mail.from_address)
    for window in windows:
        calendar.add_component(event_of(window, publisher))
    for one in teleconferences:
        calendar.add_component(event_of_meeting(published(one)))
    content: bytes = calendar.to_ical()
    return content
