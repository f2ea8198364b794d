"""Verbs on teleconferences: ask, set, move, decline, cancel, mark as held, join and leave, points.

Each writes one change and, in the same transaction, the mails about it. A TC's row is locked
while it changes: two of the chair who answer at once come one after the other, and the second is
notified that it was answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import Writer
from app.core.rules.errors import Invalid, InvalidMany, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT, PORTAL_TEXT_LIMIT
from app.core.services.changes import FieldChange, record_change
from app.meetings.models.teleconferences import (
    Teleconference,
    TeleconferencePerson,
    TeleconferencePoint,
    TeleconferenceTicket,
    TeleconferenceTime,
)
from app.meetings.rules.teleconferences import (
    MAX_POINTS,
    MAX_TICKETS,
    TELECONFERENCE,
    AgendaPoint,
    TcState,
    agenda_text,
    checked_address,
    checked_minutes,
    checked_quarter,
    checked_start,
    checked_times,
    may_withdraw,
    needed_text,
    one_line_text,
    require_asking,
    require_chair,
    require_state,
)
from app.meetings.services.mails import Secretary, disinvite, invite, mail_answer, mail_request
from app.meetings.services.people import chair_people, concern_people, names, put_in
from app.tickets.services.lifecycle import find_ticket

T = TypeVar("T")
_OPEN: Final = (TcState.ASKED, TcState.SET)
"""A TC that may still change."""


@dataclass(frozen=True)
class Asked:
    """What somebody asks for. ``times`` are aware; ``quarter`` is "" where only tickets matter."""

    reason: str
    times: Sequence[datetime]
    quarter: str = ""
    tickets: Sequence[int] = ()


@dataclass(frozen=True)
class Setting:
    """When and where a TC is; ``length`` in minutes."""

    start: datetime | None
    length: int | None
    place: str


def find_teleconference(session: Session, number: int) -> Teleconference:
    """The TC of this number; else ``NotFound``."""
    row = session.get(Teleconference, number)
    if row is None:
        raise NotFound
    return row


def ask(session: Session, by: Writer, asked: Asked) -> Teleconference:
    """Ask for a TC: the chair is notified. Raises ``Forbidden``, ``InvalidMany``."""
    require_asking(by.actor)
    checked = _Checking()
    reason = checked.of(lambda: needed_text("reason", asked.reason, LONG_TEXT_LIMIT, _("Reason")))
    quarter = checked.of(lambda: checked_quarter(asked.quarter, by.now))
    numbers = checked.of(lambda: _known_tickets(session, by, asked.tickets))
    times = checked.of(lambda: checked_times(asked.times, by.now))
    if not (asked.quarter or asked.tickets):
        checked.problems["quarter"] = _("Choose a quarter, a ticket, or both")
    checked.end()
    row = Teleconference(
        uid=str(uuid4()),
        state=TcState.ASKED,
        reason=reason or "",
        quarter=quarter or "",
        requested_at=by.now,
        requested_by=by.shown_author,
        requested_by_id=by.actor.account_id,
        times=[TeleconferenceTime(starts_at=one) for one in times or ()],
        tickets=[TeleconferenceTicket(ticket_number=one) for one in numbers or ()],
    )
    row.sequence, row.version, row.length = 0, 1, 0
    session.add(row)
    session.flush()
    concern_people(session, row)
    fields = [
        FieldChange("state", None, row.state),
        FieldChange("reason", None, row.reason),
        FieldChange("quarter", None, row.quarter or None),
        FieldChange("tickets", None, ", ".join(f"#{one}" for one in numbers or ()) or None),
        FieldChange("times", None, ", ".join(_moment(one) for one in times or ())),
        FieldChange("people", None, names(row.people)),
    ]
    _record(session, by, row, fields)
    recipients = [user for user in chair_people(session) if user.id != by.actor.account_id]
    mail_request(session, row, recipients, by.now)
    return row


def set_time(
    session: Session,
    by: Writer,
    number: int,
    wanted: Setting,
    secretary: Secretary,
    seen_version: int,
) -> Teleconference:
    """Set a TC that is requested, or move one that is set: all who are in are invited (again).

    What stays as it is is no change, and mails nobody. Raises ``Forbidden``, ``MoveNotAllowed``,
    ``InvalidMany``, and ``Invalid`` where somebody else changed the TC since ``seen_version``.
    """
    require_chair(by.actor, _("schedule meetings"))
    row = _locked(session, number)
    require_state(row.state, _OPEN, "scheduled")
    _require_seen(row, seen_version)
    checked = _Checking()
    start = checked.of(lambda: checked_start("start", wanted.start, by.now))
    length = checked.of(lambda: checked_minutes(wanted.length))
    place = checked.of(lambda: one_line_text("place", wanted.place, _("Place")))
    checked.end()
    assert start is not None
    assert length is not None
    assert place is not None
    is_new = row.state == TcState.ASKED
    fields = [
        FieldChange("starts_at", _time(row.starts_at), _time(start)),
        FieldChange("length", str(row.length) if row.length else None, str(length)),
        FieldChange("place", row.place or None, place),
    ]
    fields = [one for one in fields if one.old != one.new]
    if not fields and not is_new:
        return row
    if is_new:
        fields.insert(0, FieldChange("state", row.state, TcState.SET))
    row.state, row.starts_at, row.length, row.place = TcState.SET, start, length, place
    row.decided_at, row.decided_by = by.now, by.shown_author
    added = concern_people(session, row)
    if added:
        fields.append(FieldChange("people", None, names(added)))
    row.sequence += 1
    _change(session, by, row, fields)
    done = "scheduled" if is_new else _("rescheduled or changed")
    headline = _(
        "%(shown_author)s has %(done)s this meeting.", shown_author=by.shown_author, done=done
    )
    invite(session, row, _those_in(row), secretary, by.now, headline)
    return row


def decline(session: Session, by: Writer, number: int, reason: str) -> Teleconference:
    """Decline a requested TC; the person who requested it is notified why."""
    require_chair(by.actor, _("decline meetings"))
    row = _locked(session, number)
    require_state(row.state, (TcState.ASKED,), "declined")
    _end(session, by, row, TcState.DECLINED, reason)
    mail_answer(session, row, _asker(session, by, row), by.now)
    return row


def cancel(
    session: Session, by: Writer, number: int, reason: str, secretary: Secretary
) -> Teleconference:
    """Cancel a TC: the chair, or the person who requested it while nothing is decided.

    It is taken out of the calendars of all who were invited.
    """
    row = _locked(session, number)
    if not may_withdraw(by.actor, row.state, row.requested_by_id):
        require_chair(by.actor, _("cancel meetings"))
    require_state(row.state, _OPEN, "cancelled")
    was_set = row.state == TcState.SET
    if was_set:
        row.sequence += 1
    _end(session, by, row, TcState.CANCELLED, reason)
    if was_set:
        headline = _("%(shown_author)s has cancelled this meeting.", shown_author=by.shown_author)
        disinvite(session, row, _those_in(row), secretary, by.now, headline)
    else:
        mail_answer(session, row, _asker(session, by, row), by.now)
    return row


def mark_held(
    session: Session,
    by: Writer,
    number: int,
    minutes: str,
    agenda: Sequence[AgendaPoint],
    seen_version: int | None = None,
) -> Teleconference:
    """Mark a TC as held once it has started, with its minutes; the agenda is stored as it is.

    Of one that was held, the minutes are written again: ``Invalid`` where somebody else wrote them
    since ``seen_version`` (None = any version).
    """
    require_chair(by.actor, _("write minutes"))
    row = _locked(session, number)
    require_state(row.state, (TcState.SET, TcState.HELD), _("marked as held"))
    if row.starts_at is None or row.starts_at > by.now:
        raise MoveNotAllowed(_("This meeting has not started. Mark it as held once it is over"))
    text = needed_text("minutes", minutes, PORTAL_TEXT_LIMIT, _("Minutes"))
    fields = [FieldChange("minutes", row.minutes or None, text)]
    if row.state != TcState.HELD:
        fields.insert(0, FieldChange("state", row.state, TcState.HELD))
        row.agenda = agenda_text(agenda)
    elif row.minutes == text:
        return row
    elif seen_version is not None:
        _require_seen(row, seen_version)
    row.state, row.minutes = TcState.HELD, text
    _change(session, by, row, fields)
    return row


def join(session: Session, by: Writer, number: int, secretary: Secretary) -> Teleconference:
    """Take part; once more is no change. Only who joins is notified."""
    require_asking(by.actor)
    row = _locked(session, number)
    _require_ahead(row, by.now)
    user = session.get_one(User, by.actor.account_id)
    one = _person(row, user.id)
    if one is not None and one.is_in:
        return row
    _put_in(session, by, row, [user], _("because you joined this meeting"), secretary)
    return row


def leave(session: Session, by: Writer, number: int, secretary: Secretary) -> Teleconference:
    """Leave the meeting; a second call changes nothing. It is removed from one's calendar."""
    require_asking(by.actor)
    row = _locked(session, number)
    _require_ahead(row, by.now)
    one = _person(row, by.actor.account_id)
    if one is None or not one.is_in:
        return row
    one.is_in = False
    row.sequence += int(one.is_invited)
    _change(session, by, row, [FieldChange("people", one.user.name, None)])
    disinvite(session, row, [one], secretary, by.now, _("You left this meeting."))
    return row


def add_people(
    session: Session, by: Writer, number: int, wanted: Sequence[str], secretary: Secretary
) -> Sequence[str]:
    """Put people in by login name; only they are notified. The names of those who were not in."""
    require_chair(by.actor, _("add people to a meeting"))
    row = _locked(session, number)
    _require_ahead(row, by.now)
    listed = [name for name in dict.fromkeys(wanted) if name]
    users = session.scalars(
        select(User).where(User.name.in_(listed), User.disabled_at.is_(None)).order_by(User.name)
    ).all()
    if not listed or len(users) < len(listed):
        raise Invalid("people", _("Choose people from the list"))
    known = {one.user_id for one in _those_in(row)}
    new = [user for user in users if user.id not in known]
    if new:
        _put_in(
            session,
            by,
            row,
            new,
            _("because you were added by %(shown_author)s", shown_author=by.shown_author),
            secretary,
        )
    return [user.name for user in new]


def add_point(
    session: Session, by: Writer, number: int, text: str, address: str = ""
) -> TeleconferencePoint:
    """Add a point of one's own to the agenda."""
    require_chair(by.actor, _("edit the agenda"))
    row = _locked(session, number)
    require_state(row.state, _OPEN, _("given a new agenda"))
    checked = _Checking()
    said = checked.of(lambda: one_line_text("text", text, _("Point")))
    leads = checked.of(lambda: checked_address("address", address))
    checked.end()
    if len(row.points) >= MAX_POINTS:
        raise Invalid(
            "text",
            _("An agenda has at most %(max_points)s items of its own", max_points=MAX_POINTS),
        )
    point = TeleconferencePoint(
        text=said or "", address=leads or "", added_by=by.shown_author, added_at=by.now
    )
    row.points.append(point)
    _change(session, by, row, [FieldChange("agenda", None, point.text)])
    return point


def remove_point(session: Session, by: Writer, number: int, key: int) -> None:
    """Take a point of the chair's off the agenda; ``NotFound`` if it is not one of this TC's."""
    require_chair(by.actor, _("edit the agenda"))
    row = _locked(session, number)
    require_state(row.state, _OPEN, _("given a new agenda"))
    point = next((one for one in row.points if one.id == key), None)
    if point is None:
        raise NotFound
    row.points.remove(point)
    _change(session, by, row, [FieldChange("agenda", point.text, None)])


def people_to_add(session: Session, row: Teleconference) -> Sequence[str]:
    """Login names of all who may log in and are not in."""
    known = {one.user_id for one in _those_in(row)}
    rows = session.execute(
        select(User.id, User.name).where(User.disabled_at.is_(None)).order_by(User.name)
    )
    return [name for key, name in rows if key not in known]


# ---- within ----


class _Checking:
    """Gathers what is wrong, so that a form says all of it at once."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def of(self, check: Callable[[], T]) -> T | None:
        try:
            return check()
        except Invalid as error:
            self.problems.setdefault(error.field, error.message)
            return None

    def end(self) -> None:
        if self.problems:
            raise InvalidMany(self.problems)


def _known_tickets(session: Session, by: Writer, numbers: Sequence[int]) -> Sequence[int]:
    listed = list(dict.fromkeys(numbers))
    if len(listed) > MAX_TICKETS:
        raise Invalid(
            "tickets", _("Choose at most %(max_tickets)s tickets", max_tickets=MAX_TICKETS)
        )
    for one in listed:
        try:
            find_ticket(session, by.actor, one)
        except NotFound:
            raise Invalid("tickets", _("Ticket %(one)s not found", one=one)) from None
    return listed


def _locked(session: Session, number: int) -> Teleconference:
    row = session.scalars(
        select(Teleconference)
        .where(Teleconference.id == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def _require_seen(row: Teleconference, seen_version: int) -> None:
    if row.version != seen_version:
        raise Invalid(
            "version",
            _(
                "Somebody else changed this meeting. "
                "The current version is shown above: review it and submit again"
            ),
        )


def _require_ahead(row: Teleconference, now: datetime) -> None:
    """People come and go until a TC has ended."""
    require_state(row.state, _OPEN, _("joined or left"))
    if row.starts_at is not None and row.starts_at + timedelta(minutes=row.length) <= now:
        raise MoveNotAllowed(_("This meeting is over and can no longer be joined or left"))


def _put_in(
    session: Session,
    by: Writer,
    row: Teleconference,
    users: Sequence[User],
    why: str,
    secretary: Secretary,
) -> None:
    added = []
    for user in users:
        one = _person(row, user.id)
        if one is None:
            one = put_in(row, user, why)
        one.is_in, one.why = True, why
        added.append(one)
    is_set = row.state == TcState.SET
    row.sequence += int(is_set)
    _change(session, by, row, [FieldChange("people", None, names(added))])
    if is_set:
        invite(session, row, added, secretary, by.now, _("You are a participant of this meeting."))


def _those_in(row: Teleconference) -> Sequence[TeleconferencePerson]:
    return [one for one in row.people if one.is_in]


def _person(row: Teleconference, user_id: int | None) -> TeleconferencePerson | None:
    return next((one for one in row.people if one.user_id == user_id), None)


def _asker(session: Session, by: Writer, row: Teleconference) -> User | None:
    """Who asked for it, unless it is who decides."""
    if row.requested_by_id is None or row.requested_by_id == by.actor.account_id:
        return None
    return session.get(User, row.requested_by_id)


def _end(session: Session, by: Writer, row: Teleconference, state: TcState, reason: str) -> None:
    text = needed_text("reason", reason, LONG_TEXT_LIMIT, _("Reason"))
    fields = [FieldChange("state", row.state, state), FieldChange("why", None, text)]
    row.state, row.why_not = state, text
    row.decided_at, row.decided_by = by.now, by.shown_author
    _change(session, by, row, fields)


def _change(
    session: Session, by: Writer, row: Teleconference, fields: Sequence[FieldChange]
) -> None:
    row.version += 1
    _record(session, by, row, fields)


def _record(
    session: Session, by: Writer, row: Teleconference, fields: Sequence[FieldChange]
) -> None:
    record_change(
        session,
        by,
        kind=TELECONFERENCE,
        thing_id=row.id,
        version=row.version,
        fields=[one for one in fields if one.old != one.new],
    )


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else _moment(moment)
