"""Teleconferences: the list with the state of the series, asking for one, and the page of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
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
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound as NoPage

from app.calendar.rules.calendar import Appointment
from app.core.database.transactions import transaction
from app.core.rules.errors import NotFound
from app.core.rules.language import _, joined
from app.core.services.changes import newest_changes_of
from app.core.settings import Settings
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in
from app.core.web.htmx import go_to
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.matching.web.freshness import fresh_figures
from app.meetings.adapters.invitations import write_invitation
from app.meetings.models.teleconferences import Teleconference
from app.meetings.pages.forms import (
    NO_QUARTER,
    AskForm,
    MinutesForm,
    PeopleForm,
    PointForm,
    ReasonForm,
    SeriesForm,
    SetForm,
)
from app.meetings.rules.teleconferences import (
    TELECONFERENCE,
    AgendaPoint,
    Invitation,
    Method,
    PointKind,
    TcState,
    is_linked,
    may_withdraw,
    require_asking,
    require_chair,
)
from app.meetings.services import lists, series
from app.meetings.services import teleconferences as verbs
from app.meetings.services.agenda import agenda_of
from app.meetings.services.mails import Secretary, invitation_of, topic_of
from app.registry.rules.networks import Network
from app.reports.rules.reports import is_chair

blueprint = Blueprint("teleconferences", __name__, url_prefix="/reports/teleconferences")
NUMBER: Final = "/<int(max=2147483647):number>"
_STEPS_SHOWN: Final = 100
_PAUSES_SHOWN: Final = 20
_PREFILLED: Final = 200
LABELS: Final = {
    "state": _("State"),
    "reason": _("Reason"),
    "why": _("Why"),
    "quarter": _("Quarter"),
    "tickets": _("Tickets"),
    "times": _("Proposed times"),
    "starts_at": _("Start"),
    "length": _("Length in minutes"),
    "place": _("Place"),
    "people": _("People"),
    "agenda": _("Agenda"),
    "minutes": _("Minutes"),
}
"""Fields of the change log in words."""


def secretary() -> Secretary:
    """Sender of invitations, from the settings."""
    settings: Settings = current_app.config["PORTAL"]
    mail = settings.mail
    return Secretary(mail.from_address, mail.from_name, settings.public_url, write_invitation)


def appointments(session: Session, first: datetime, last: datetime) -> Sequence[Appointment]:
    """Those that begin from ``first`` until before ``last`` (UTC), as the calendar shows them."""
    return [
        Appointment(
            row.starts_at,
            row.starts_at + timedelta(minutes=row.length),
            joined(" ", filter(None, (_("Teleconference"), topic_of(row)))),
            url_for("teleconferences.show", number=row.id),
            row.state == TcState.CANCELLED,
        )
        for row in lists.in_calendars(session, first)
        if row.starts_at is not None and row.starts_at < last
    ]


def published(row: Teleconference) -> Invitation:
    """A TC that has a time, as anybody's calendar shows it."""
    stamp = row.decided_at or row.requested_at
    return invitation_of(row, secretary(), Method.PUBLISH, stamp)


# ---------- the list


@blueprint.get("")
def listing() -> Response:
    """The state of the series; TCs that come, that are requested, and that were held."""
    return _list_page()


@blueprint.post("/series/cancel")
def cancel_series() -> Response:
    """Cancel the regular TCs until further notice."""
    return _series(series.cancel_series, _("Regular meetings are cancelled until further notice."))


@blueprint.post("/series/resume")
def resume_series() -> Response:
    """Resume the regular TCs."""
    return _series(series.resume_series, _("Regular meetings take place again."))


def _series(verb: Any, done: str) -> Response:
    require_chair(acting(), _("cancel or resume regular meetings"))
    session, form = db.session(), SeriesForm()
    if form.validate():
        with errors_in(form), writing_once(session):
            verb(session, writer(), form.series_reason.data or "")
    if form.errors:
        return _list_page(form, 422)
    return go_to(url_for("teleconferences.listing"), done)


def _list_page(form: SeriesForm | None = None, status: int = 200) -> Response:
    session = db.session()
    held, more_held = lists.ended(session, was_held=True, before=_before("held"))
    off, more_off = lists.ended(session, was_held=False, before=_before("off"))
    page = render_template(
        "meetings/teleconferences/list.html",
        pause=series.current_pause(session),
        pauses=series.earlier_pauses(session, _PAUSES_SHOWN),
        groups=[
            (
                _("Scheduled"),
                "coming",
                lists.coming(session, now()),
                None,
                _("No meeting is scheduled."),
            ),
            (_("Requested"), "asked", lists.asked_for(session), None, _("No open requests.")),
            (_("Past, no minutes yet"), "over", lists.without_minutes(session, now()), None, ""),
            (_("Past"), "held", held, more_held, _("No past meetings.")),
            (_("Declined or cancelled"), "off", off, more_off, ""),
        ],
        topic_of=topic_of,
        is_chair=is_chair(acting()),
        form=form or SeriesForm(formdata=None),
    )
    return make_response(page, status)


def _before(name: str) -> int | None:
    text = request.args.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NoPage
    return int(text)


# ---------- asking for one


@blueprint.get("/new")
def new() -> Response:
    """The form; ``quarter`` and ``ticket`` in the address are filled in."""
    require_asking(acting())
    form = AskForm(formdata=None)
    wanted = request.args.get("quarter", "")
    known = [str(value) for value, *_ in form.quarter.iter_choices()]
    form.quarter.data = wanted if wanted in known else NO_QUARTER
    form.tickets.data = ", ".join(request.args.getlist("ticket"))[:_PREFILLED]
    return _ask_page(form)


@blueprint.post("/new")
def ask() -> Response:
    """Ask for a TC."""
    require_asking(acting())
    session, form = db.session(), AskForm()
    if form.validate():
        with errors_in(form, {"times": "time_1"}), writing_once(session):
            number = verbs.ask(session, writer(), form.asked()).id
            leads_to(url_for("teleconferences.show", number=number))
    if form.errors:
        return _ask_page(form, 422)
    return go_to(url_for("teleconferences.show", number=number), _("Meeting requested."))


def _ask_page(form: AskForm, status: int = 200) -> Response:
    page = render_template("meetings/teleconferences/new.html", form=form)
    return make_response(page, status)


# ---------- one of them


@blueprint.get(NUMBER)
def show(number: int) -> Response:
    """One TC with its agenda, people and history, and what one may do with it."""
    return _page(verbs.find_teleconference(db.session(), number))


@blueprint.get(f"{NUMBER}.ics")
def download(number: int) -> Response:
    """A TC that was set, as a file for a calendar program."""
    row = verbs.find_teleconference(db.session(), number)
    if row.starts_at is None:
        raise NotFound
    content = write_invitation(published(row))
    answer = Response(content, content_type="text/calendar; charset=utf-8; method=PUBLISH")
    answer.headers["Content-Disposition"] = f'attachment; filename="lhcopn-tc-{number}.ics"'
    return answer


@blueprint.post(f"{NUMBER}/set")
def set_time(number: int) -> Response:
    """Set a TC, or move it."""
    require_chair(acting(), _("schedule meetings"))
    session, form = db.session(), SetForm()
    row = verbs.find_teleconference(session, number)
    form.offer(_proposed(row))
    seen, is_set = form.seen_version, row.state == TcState.SET
    if form.validate():
        with errors_in(form, {"version": "whole form"}), writing_once(session):
            wanted = form.wanted()
            row = verbs.set_time(session, writer(), number, wanted, secretary(), seen)
            is_changed = row.version != seen
    if form.errors:
        return _page(verbs.find_teleconference(session, number), status=422, set_form=form)
    done = _("Meeting rescheduled.") if is_set else _("Meeting scheduled.")
    done += _(" Participants with an email address get an email.")
    return _done(number, done if is_changed else _("Nothing was changed, and nobody is notified."))


@blueprint.post(f"{NUMBER}/decline")
def decline(number: int) -> Response:
    """Decline a TC with a reason."""
    require_chair(acting(), _("decline meetings"))
    session, form = db.session(), ReasonForm()
    row = verbs.find_teleconference(session, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            verbs.decline(session, writer(), number, form.reason.data or "")
    if form.errors:
        return _page(row, status=422, reason_form=form)
    return _done(number, _("Request declined."))


@blueprint.post(f"{NUMBER}/cancel")
def cancel(number: int) -> Response:
    """Cancel a TC with a reason."""
    session, form = db.session(), ReasonForm()
    row = verbs.find_teleconference(session, number)
    if not may_withdraw(acting(), row.state, row.requested_by_id):
        require_chair(acting(), _("cancel meetings"))
    if form.validate():
        with errors_in(form), writing_once(session):
            verbs.cancel(session, writer(), number, form.reason.data or "", secretary())
    if form.errors:
        return _page(row, status=422, reason_form=form)
    return _done(number, _("Meeting cancelled."))


@blueprint.post(f"{NUMBER}/held")
def mark_held(number: int) -> Response:
    """Mark a TC as held, or rewrite its minutes."""
    require_chair(acting(), _("write minutes"))
    session, form = db.session(), MinutesForm()
    row = verbs.find_teleconference(session, number)
    if form.validate():
        agenda = _agenda(row)
        with errors_in(form, {"version": "whole form"}), writing_once(session):
            verbs.mark_held(
                session, writer(), number, form.minutes.data or "", agenda, form.seen_version
            )
    if form.errors:
        return _page(row, status=422, minutes_form=form)
    return _done(number, _("Minutes saved."))


@blueprint.post(f"{NUMBER}/join")
def join(number: int) -> Response:
    """Take part."""
    session = db.session()
    with transaction(session):
        verbs.join(session, writer(), number, secretary())
    return _done(number, _("You are a participant of this meeting."))


@blueprint.post(f"{NUMBER}/leave")
def leave(number: int) -> Response:
    """Leave the meeting."""
    session = db.session()
    with transaction(session):
        verbs.leave(session, writer(), number, secretary())
    return _done(number, _("You are no longer a participant of this meeting."))


@blueprint.post(f"{NUMBER}/people")
def add_people(number: int) -> Response:
    """Put people in."""
    require_chair(acting(), _("add people to a meeting"))
    session, form = db.session(), PeopleForm()
    row = verbs.find_teleconference(session, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            added = verbs.add_people(session, writer(), number, form.people.data or [], secretary())
    if form.errors:
        return _page(row, status=422, people_form=form)
    names = ", ".join(added) if added else _("Nobody new")
    return _done(number, _("Added: %(names)s.", names=names))


@blueprint.post(f"{NUMBER}/points")
def add_point(number: int) -> Response:
    """Add a point to the agenda."""
    require_chair(acting(), _("edit the agenda"))
    session, form = db.session(), PointForm()
    row = verbs.find_teleconference(session, number)
    if form.validate():
        with errors_in(form), writing_once(session):
            verbs.add_point(
                session, writer(), number, form.text.data or "", form.address.data or ""
            )
    if form.errors:
        return _page(row, status=422, point_form=form)
    return _done(number, _("Agenda item added."))


@blueprint.post(f"{NUMBER}/points/<int(max=2147483647):point>/remove")
def remove_point(number: int, point: int) -> Response:
    """Take a point off the agenda."""
    session = db.session()
    with writing_once(session):
        verbs.remove_point(session, writer(), number, point)
    return _done(number, _("Agenda item removed."))


def _done(number: int, words: str) -> Response:
    return go_to(url_for("teleconferences.show", number=number), words)


def _proposed(row: Teleconference) -> Sequence[Any]:
    """The times among which one can be chosen still."""
    if row.state != TcState.ASKED:
        return []
    return [one.starts_at for one in row.times if one.starts_at > now()]


def _set_form(row: Teleconference) -> SetForm:
    times = _proposed(row)
    form = SetForm(
        formdata=None,
        data={
            "version": str(row.version),
            "chosen": times[0].strftime("%Y-%m-%dT%H:%M:%SZ") if times else "",
            "start": row.starts_at,
            "place": row.place,
            **({"length": str(row.length)} if row.length else {}),
        },
    )
    form.offer(times)
    return form


def _page(
    row: Teleconference,
    *,
    status: int = 200,
    set_form: SetForm | None = None,
    reason_form: ReasonForm | None = None,
    minutes_form: MinutesForm | None = None,
    people_form: PeopleForm | None = None,
    point_form: PointForm | None = None,
) -> Response:
    session, actor = db.session(), acting()
    chair, over = is_chair(actor), lists.is_over(row, now())
    is_open = row.state in (TcState.ASKED, TcState.SET)
    for typed in (set_form, minutes_form):
        if typed is not None and typed.form_errors:
            typed.version.data = str(row.version)  # it was changed meanwhile, and is shown as it is
    page = render_template(
        "meetings/teleconferences/page.html",
        tc=row,
        topic=topic_of(row),
        over=over,
        is_chair=chair,
        is_open=is_open,
        has_begun=row.starts_at is not None and row.starts_at <= now(),
        may_withdraw=may_withdraw(actor, row.state, row.requested_by_id),
        mine=next((one for one in row.people if one.user_id == actor.account_id), None),
        may_come_and_go=is_open and not over,
        agenda=_agenda(row),
        address=_address,
        steps=newest_changes_of(session, TELECONFERENCE, row.id, _STEPS_SHOWN),
        labels=LABELS,
        others=verbs.people_to_add(session, row) if chair and is_open and not over else [],
        set_form=set_form or _set_form(row),
        reason_form=reason_form or ReasonForm(formdata=None),
        minutes_form=minutes_form
        or MinutesForm(formdata=None, data={"minutes": row.minutes, "version": str(row.version)}),
        people_form=people_form or PeopleForm(formdata=None),
        point_form=point_form or PointForm(formdata=None),
    )
    return make_response(page, status)


def _agenda(row: Teleconference) -> Sequence[AgendaPoint]:
    if row.quarter and not row.agenda:  # it counts events
        fresh_figures()
    return agenda_of(db.session(), row, now())


def _address(point: AgendaPoint) -> str:
    """Where a point of an agenda leads; "" = nowhere."""
    if point.kind is PointKind.OWN:
        return point.address if is_linked(point.address) else ""
    if point.kind is PointKind.TICKET:
        return url_for("tickets.detail", number=point.ticket)
    if point.kind is PointKind.STANDING:
        return url_for("statistics.standing", kind="")
    if point.kind is PointKind.UNDOCUMENTED:
        return url_for(
            "events.listing",
            quarter=point.quarter,
            t1=point.site or None,
            network=Network.LHCOPN,
            counted="yes",
            documented="no",
        )
    if point.site:
        return url_for("report_form.page", site=point.site, quarter=point.quarter)
    return url_for("report_documents.quarter_page", quarter=point.quarter)
