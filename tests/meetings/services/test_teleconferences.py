"""Teleconferences: who may do what, whom they concern, which invitation goes to whom, the agenda.

Invitations are read back from the mails as a client reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import create_user, find_user, set_mail
from app.core.database.transactions import transaction
from app.core.rules.access import Actor, Writer
from app.core.rules.errors import Forbidden, Invalid, InvalidMany, MoveNotAllowed, NotFound
from app.core.services.changes import changes_of
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.mail.models.mails import Mail
from app.matching.services.recompute import bring_up_to_date
from app.meetings.models.teleconferences import Teleconference
from app.meetings.rules.teleconferences import SERIES, TELECONFERENCE, AgendaPoint, PointKind
from app.meetings.services import lists
from app.meetings.services import teleconferences as verbs
from app.meetings.services.agenda import agenda_of
from app.meetings.services.series import cancel_series, current_pause, resume_series
from app.meetings.services.teleconferences import Asked, Setting
from app.registry.services.registry import find_site
from app.reports.models.reports import Report
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, writer
from tests.mails import SECRETARY, enter_with_mails, message, opened

SOON = datetime(2013, 3, 20, 13, 30, tzinfo=UTC)
LATER = datetime(2013, 3, 22, 9, 0, tzinfo=UTC)
ROOM = Setting(SOON, 60, "https://rooms.example/ops")


def ask(session: Session, by: Actor, **more: Any) -> int:
    """A TC about the first quarter of 2013, unless something else is said."""
    stated = {"reason": "The reports of 2013-Q1", "times": [SOON, LATER], "quarter": "2013-Q1"}
    with transaction(session):
        return verbs.ask(session, writer(by), Asked(**{**stated, **more})).id


def set_it(
    session: Session, cast: Cast, number: int, setting: Setting = ROOM, now: datetime = NOON
) -> None:
    version = verbs.find_teleconference(session, number).version
    session.rollback()
    with transaction(session):
        verbs.set_time(session, writer(cast.operator, now), number, setting, SECRETARY, version)


@dataclass(frozen=True)
class Got:
    """An invitation that somebody got."""

    to: str
    method: str
    uid: str
    sequence: int
    start: datetime
    place: str
    attendees: Sequence[str]
    status: str
    mail: EmailMessage


def got(session: Session, after: int = 0) -> dict[str, Got]:
    """By name, the invitations behind a mail's number; each person at most one."""
    session.rollback()
    found: dict[str, Got] = {}
    for mail in session.scalars(select(Mail).where(Mail.id > after).order_by(Mail.id)).all():
        sent = message(session, mail)
        for part in sent.walk():
            if part.get_content_type() == "text/calendar":
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                calendar = Calendar.from_ical(content)
                assert part.get_param("method") == str(calendar["METHOD"])
                (event,) = calendar.walk("VEVENT")
                attendees = event.get("ATTENDEE", [])
                attendees = attendees if isinstance(attendees, list) else [attendees]
                begins = event.decoded("DTSTART")
                assert isinstance(begins, datetime)
                name = mail.address.partition("@")[0]
                assert name not in found, "one for each"
                assert str(event["ORGANIZER"]) == "mailto:tickets@portal.example"
                found[name] = Got(
                    mail.address,
                    str(calendar["METHOD"]),
                    str(event["UID"]),
                    int(str(event["SEQUENCE"])),
                    begins,
                    str(event["LOCATION"]),
                    [str(one) for one in attendees],
                    str(event["STATUS"]),
                    sent,
                )
    return found


def newest_mail(session: Session) -> int:
    session.rollback()
    return max(session.scalars(select(Mail.id)), default=0)


def mailed(session: Session, after: int = 0) -> set[str]:
    session.rollback()
    addresses = session.scalars(select(Mail.address).where(Mail.id > after))
    return {address.partition("@")[0] for address in addresses}


def test_a_tc_is_asked_for_and_the_chair_is_told(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.reader)
    row = verbs.find_teleconference(session, number)
    assert (row.state, row.quarter, row.requested_by) == ("asked", "2013-Q1", "reader")
    assert [one.starts_at for one in row.times] == [SOON, LATER]
    concerned = {one.user.name: one.why for one in row.people}
    assert concerned == {
        "reader": "because you requested this meeting",
        "admin": "as chair of the operations group",
        "operator": "as chair of the operations group",
        "kit": "as reporter of DE-KIT",
        "pic": "as reporter of ES-PIC",
    }
    assert mailed(session) == {"admin", "operator"}
    assert not got(session), "there is no time yet"
    (change,) = changes_of(session, TELECONFERENCE, number)
    fields = {item.field: item.new for item in change.fields}
    assert change.author == "reader"
    assert fields["times"] == "2013-03-20 13:30 UTC, 2013-03-22 09:00 UTC"


def test_tickets_concern_the_reporters_of_their_sites_only(session: Session) -> None:
    cast = enter_with_mails(session)
    by_site = opened(session, cast.operator, sites=("ES-PIC",))
    by_link = opened(session, cast.operator, links=("CERN-GRIDKA-LHCOPN-001",))
    first = ask(session, cast.operator, quarter="", tickets=[by_site])
    second = ask(session, cast.operator, quarter="", tickets=[by_site, by_link])

    def names(number: int) -> set[str]:
        return {one.user.name for one in verbs.find_teleconference(session, number).people}

    assert names(first) == {"operator", "admin", "pic"}
    assert names(second) == {"operator", "admin", "pic", "kit"}


def test_who_was_no_t1_in_the_quarter_is_not_concerned(session: Session) -> None:
    cast = enter_with_mails(session)
    with transaction(session):
        site = find_site(session, "ES-PIC")
        assert site is not None
        site.tier_until = date(2013, 1, 1)
    number = ask(session, cast.operator)
    row = verbs.find_teleconference(session, number)
    assert {one.user.name for one in row.people} == {"operator", "admin", "kit"}


def test_what_cannot_be_asked_for(session: Session) -> None:
    cast = enter_with_mails(session)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 4001}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"quarter": ""}, "quarter"),
        ({"quarter": "2013-Q2"}, "quarter"),
        ({"quarter": "2008-Q4"}, "quarter"),
        ({"tickets": [999_999]}, "tickets"),
        ({"times": []}, "times"),
        ({"times": [NOON]}, "times"),
        ({"times": [NOON + timedelta(days=401)]}, "times"),
        ({"times": [SOON + timedelta(hours=hour) for hour in range(6)]}, "times"),
    ]
    for stated, field in wrong:
        with pytest.raises(InvalidMany) as error:
            ask(session, cast.kit, **stated)
        assert set(error.value.problems) == {field}, stated
    assert session.scalars(select(Teleconference)).all() == []


def test_all_that_is_wrong_is_said_at_once(session: Session) -> None:
    cast = enter_with_mails(session)
    with pytest.raises(InvalidMany) as error:
        ask(session, cast.kit, reason="", quarter="", times=[])
    assert set(error.value.problems) == {"reason", "quarter", "times"}


def test_all_are_invited_each_alone(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    before = newest_mail(session)
    set_it(session, cast, number)
    invited = got(session, before)
    assert set(invited) == {"kit", "admin", "operator", "pic"}
    uid = verbs.find_teleconference(session, number).uid
    for name, one in invited.items():
        assert one.attendees == [f"mailto:{name}@people.example"], "nobody learns the others'"
        assert (one.method, one.uid, one.sequence) == ("REQUEST", uid, 1)
        assert (one.start, one.place) == (SOON, "https://rooms.example/ops")
        assert one.start.utcoffset() == timedelta()
        assert one.status == "CONFIRMED"
    assert "2013-03-20 13:30 UTC" in invited["pic"].mail["Subject"]


def test_moved_and_cancelled_with_a_rising_sequence(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    first, before = got(session), newest_mail(session)
    set_it(session, cast, number)
    assert newest_mail(session) == before, "nothing is other than it was"
    set_it(session, cast, number, Setting(LATER, 90, "R1-001"))
    moved, behind = got(session, before), newest_mail(session)
    with transaction(session):
        verbs.cancel(session, writer(cast.admin), number, "Nobody has time", SECRETARY)
    cancelled = got(session, behind)
    assert set(first) == set(moved) == set(cancelled)
    assert {one.uid for all_of in (first, moved, cancelled) for one in all_of.values()} == {
        verbs.find_teleconference(session, number).uid
    }
    assert (moved["pic"].method, moved["pic"].sequence, moved["pic"].start) == (
        *("REQUEST", 2),
        LATER,
    )
    assert (cancelled["pic"].method, cancelled["pic"].sequence) == ("CANCEL", 3)
    assert cancelled["pic"].status == "CANCELLED"
    assert cancelled["pic"].mail["Subject"].startswith("Cancelled: ")
    steps = [
        {item.field: (item.old, item.new) for item in change.fields}
        for change in changes_of(session, TELECONFERENCE, number)
    ]
    assert len(steps) == 4
    assert steps[2]["starts_at"] == ("2013-03-20 13:30 UTC", "2013-03-22 09:00 UTC")
    assert steps[3] == {"state": ("set", "cancelled"), "why": (None, "Nobody has time")}


def test_only_who_is_added_is_told(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit, quarter="", tickets=[opened(session, cast.operator)])
    set_it(session, cast, number)
    before = newest_mail(session)
    with transaction(session):
        verbs.join(session, writer(cast.pic), number, SECRETARY)
    with transaction(session):
        verbs.join(session, writer(cast.pic), number, SECRETARY)
    assert {name: one.sequence for name, one in got(session, before).items()} == {"pic": 2}
    before = newest_mail(session)
    with transaction(session):
        added = verbs.add_people(
            session, writer(cast.operator), number, ["reader", "pic"], SECRETARY
        )
    assert added == ["reader"]
    assert {name: one.sequence for name, one in got(session, before).items()} == {"reader": 3}


def test_who_leaves_is_told_no_more(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    before = newest_mail(session)
    with transaction(session):
        verbs.leave(session, writer(cast.pic), number, SECRETARY)
    left = got(session, before)
    assert {name: one.method for name, one in left.items()} == {"pic": "CANCEL"}
    before = newest_mail(session)
    set_it(session, cast, number, Setting(LATER, 60, "R1-001"))
    assert "pic" not in got(session, before), "and is not put in again"
    before = newest_mail(session)
    with transaction(session):
        verbs.join(session, writer(cast.pic), number, SECRETARY)
    back = got(session, before)["pic"]
    assert back.method == "REQUEST"
    assert back.sequence > left["pic"].sequence
    assert back.start == LATER


def test_who_leaves_before_it_is_set_gets_nothing_in_the_calendar(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    before = newest_mail(session)
    with transaction(session):
        verbs.leave(session, writer(cast.pic), number, SECRETARY)
    assert not mailed(session, before)
    set_it(session, cast, number)
    assert "pic" not in got(session, before)


def test_a_new_reporter_is_put_in_when_the_tc_moves(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    with transaction(session):
        create_user(
            session, SYSTEM, "new", "reporter", PASSWORD, ("ES-PIC",), mail="new@people.example"
        )
    before = newest_mail(session)
    set_it(session, cast, number, Setting(LATER, 60, "R1-001"))
    assert "new" in got(session, before)


def test_who_wants_no_mails_and_who_has_no_address_are_left_out(session: Session) -> None:
    cast = enter_with_mails(session)
    with transaction(session):
        set_mail(session, SYSTEM, find_user(session, "pic"), "")
        find_user(session, "admin").mail_choice = "never"
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    assert set(got(session)) == {"kit", "operator"}


def test_declined_with_a_reason(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    before = newest_mail(session)
    with pytest.raises(Invalid, match="Reason is required"), transaction(session):
        verbs.decline(session, writer(cast.operator), number, "")
    with transaction(session):
        verbs.decline(session, writer(cast.operator), number, "Settled by mail")
    assert mailed(session, before) == {"kit"}
    assert not got(session, before)
    assert verbs.find_teleconference(session, number).why_not == "Settled by mail"
    with pytest.raises(MoveNotAllowed, match="declined"):
        set_it(session, cast, number)


def test_who_asked_may_withdraw_it_until_it_is_set(session: Session) -> None:
    cast = enter_with_mails(session)
    first, second = ask(session, cast.kit), ask(session, cast.kit)
    with pytest.raises(Forbidden), transaction(session):
        verbs.cancel(session, writer(cast.pic), first, "Not mine", SECRETARY)
    with transaction(session):
        verbs.cancel(session, writer(cast.kit), first, "It is settled", SECRETARY)
    set_it(session, cast, second)
    with pytest.raises(Forbidden), transaction(session):
        verbs.cancel(session, writer(cast.kit), second, "Too late", SECRETARY)


def test_held_with_minutes_and_the_agenda_as_it_was(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    agenda = [AgendaPoint(PointKind.OWN, "Plans", address="/tickets/1", key=4)]
    with pytest.raises(MoveNotAllowed, match="has not started"), transaction(session):
        verbs.mark_held(session, writer(cast.operator), number, "Nothing", agenda)
    after = SOON + timedelta(hours=2)
    with transaction(session):
        verbs.mark_held(session, writer(cast.operator, after), number, "All agreed.", agenda)
    row = verbs.find_teleconference(session, number)
    assert (row.state, row.minutes) == ("held", "All agreed.")
    assert agenda_of(session, row, after) == agenda
    session.rollback()
    with transaction(session):
        verbs.mark_held(session, writer(cast.admin, after), number, "Most agreed.", [])
    row = verbs.find_teleconference(session, number)
    assert row.minutes == "Most agreed."
    assert agenda_of(session, row, after) == agenda, "kept from when it was held"
    with pytest.raises(MoveNotAllowed, match="held"), transaction(session):
        verbs.cancel(session, writer(cast.admin, after), number, "x", SECRETARY)


def test_nobody_joins_what_is_over(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    at_its_end = SOON + timedelta(minutes=60)
    with pytest.raises(MoveNotAllowed, match="over"), transaction(session):
        verbs.join(session, writer(cast.reader, at_its_end), number, SECRETARY)
    with transaction(session):
        verbs.join(
            session, writer(cast.reader, at_its_end - timedelta(seconds=1)), number, SECRETARY
        )


def test_the_second_of_two_who_set_it_is_told(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    seen = verbs.find_teleconference(session, number).version
    set_it(session, cast, number)
    before = newest_mail(session)
    with pytest.raises(Invalid, match="Somebody else changed"), transaction(session):
        verbs.set_time(
            session, writer(cast.admin), number, Setting(LATER, 60, "Mine"), SECRETARY, seen
        )
    assert newest_mail(session) == before
    assert verbs.find_teleconference(session, number).starts_at == SOON


def test_what_cannot_be_set(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    for setting, field in (
        (Setting(None, 60, "R1"), "start"),
        (Setting(NOON, 60, "R1"), "start"),
        (Setting(SOON, None, "R1"), "length"),
        (Setting(SOON, 9, "R1"), "length"),
        (Setting(SOON, 481, "R1"), "length"),
        (Setting(SOON, 60, " "), "place"),
        (Setting(SOON, 60, "x" * 256), "place"),
        (Setting(SOON, 60, "R1\nX-EVIL:1"), "place"),
    ):
        with pytest.raises(InvalidMany) as error:
            set_it(session, cast, number, setting)
        assert set(error.value.problems) == {field}, setting
    assert verbs.find_teleconference(session, number).state == "asked"


def test_only_the_chair_sets_and_writes(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    chairs: list[Callable[[Writer], object]] = [
        lambda by: verbs.set_time(session, by, number, ROOM, SECRETARY, 1),
        lambda by: verbs.decline(session, by, number, "x"),
        lambda by: verbs.mark_held(session, by, number, "x", []),
        lambda by: verbs.add_people(session, by, number, ["pic"], SECRETARY),
        lambda by: verbs.add_point(session, by, number, "x"),
        lambda by: verbs.remove_point(session, by, number, 1),
        lambda by: cancel_series(session, by, "x"),
        lambda by: resume_series(session, by, "x"),
    ]
    persons: list[Callable[[Writer], object]] = [
        lambda by: verbs.ask(session, by, Asked("x", [SOON], "2013-Q1")),
        lambda by: verbs.join(session, by, number, SECRETARY),
        lambda by: verbs.leave(session, by, number, SECRETARY),
    ]
    for actor, refused in (
        *((one, chairs) for one in (cast.kit, cast.reader)),
        (cast.ggus, [*chairs, *persons]),
    ):
        for verb in refused:
            with pytest.raises(Forbidden), transaction(session):
                verb(writer(actor))
    assert len(changes_of(session, TELECONFERENCE, number)) == 1


def test_an_unknown_tc_is_not_found(session: Session) -> None:
    cast = enter_with_mails(session)
    with pytest.raises(NotFound):
        verbs.find_teleconference(session, 7)
    with pytest.raises(NotFound), transaction(session):
        verbs.join(session, writer(cast.kit), 7, SECRETARY)


def test_points_of_the_chair(session: Session) -> None:
    cast = enter_with_mails(session)
    first, other = ask(session, cast.kit), ask(session, cast.kit)
    by = writer(cast.operator)
    with transaction(session):
        key = verbs.add_point(session, by, first, "Plans", "/reports").id
    for address in ("javascript:alert(1)", "//evil.example", "/\\evil.example", "x y", "https:"):
        with pytest.raises(InvalidMany, match="Address: enter"), transaction(session):
            verbs.add_point(session, by, first, "Bad", address)
    row = verbs.find_teleconference(session, first)
    own = [one for one in agenda_of(session, row, NOON) if one.kind is PointKind.OWN]
    assert own == [AgendaPoint(PointKind.OWN, "Plans", address="/reports", key=key)]
    session.rollback()
    with pytest.raises(NotFound), transaction(session):
        verbs.remove_point(session, by, other, key)
    with transaction(session):
        verbs.remove_point(session, by, first, key)
    assert verbs.find_teleconference(session, first).points == []
    assert len(changes_of(session, TELECONFERENCE, first)) == 3


def test_the_agenda_fills_itself(session: Session) -> None:
    cast = enter_with_mails(session)
    old = opened(session, cast.operator, title="Old one", links=("CERN-PIC-LHCOPN-001",))
    new = opened(session, cast.operator, title="New one")
    number = ask(session, cast.kit, tickets=[new])
    now = NOON + timedelta(days=40)
    start = datetime(2013, 2, 1, 10, tzinfo=UTC)
    messages = [
        EventMessage(
            *(0, f"event {place}", "test", str(place)),
            link="CERN-GRIDKA-LHCOPN-001",
            state="down",
            start=start + timedelta(days=place),
            end=start + timedelta(days=place, hours=2),
        )
        for place in range(3)
    ]
    with transaction(session):
        report_events(session, writer(cast.operator, NOON), messages)
    while True:
        with transaction(session):
            left = bring_up_to_date(session, now)
        if not left.stale:
            break
    with transaction(session):
        site = next(
            one.user.sites[0]
            for one in verbs.find_teleconference(session, number).people
            if one.user.name == "kit"
        )
        pic = find_site(session, "ES-PIC")
        assert pic is not None
        session.add_all(
            Report(
                site_id=key,
                quarter="2013-Q1",
                state=state,
                form_number=1,
                created_at=NOON,
                created_by="kit",
                changed_at=NOON,
                changed_by="kit",
            )
            for key, state in ((site.id, "submitted"), (pic.id, "draft"))
        )
    row = verbs.find_teleconference(session, number)
    points = agenda_of(session, row, now)
    assert [one.kind for one in points] == [
        PointKind.MISSING,
        PointKind.UNDOCUMENTED,
        PointKind.STANDING,
        PointKind.TICKET,
    ]
    missing, undocumented, standing, ticket = points
    assert missing.text == "1 of 2 reports of 2013-Q1 not submitted"
    assert [(one.site, one.text) for one in missing.parts] == [("ES-PIC", "ES-PIC: missing")], (
        "all people read it, and a draft is its site's and the chair's"
    )
    assert [one.text for one in undocumented.parts] == ["DE-KIT: 3 of 3"]
    assert standing.text == "2 tickets have been open for more than 30 days"
    assert [one.ticket for one in standing.parts] == [old, new]
    assert (ticket.ticket, ticket.text) == (new, f"#{new} New one (new)")


def test_no_report_is_missing_of_a_quarter_that_goes_on(session: Session) -> None:
    cast = enter_with_mails(session)
    row = verbs.find_teleconference(session, ask(session, cast.kit))
    ended = datetime(2013, 4, 1, tzinfo=UTC)
    before = agenda_of(session, row, ended - timedelta(seconds=1))[0]
    assert before.text == "2013-Q1 is ongoing until 2013-03-31: none of its reports is due yet"
    assert not before.parts
    assert agenda_of(session, row, ended)[0].text == ("2 of 2 reports of 2013-Q1 not submitted")


def test_the_series_is_cancelled_and_taken_up_again(session: Session) -> None:
    cast = enter_with_mails(session)
    number = ask(session, cast.kit)
    set_it(session, cast, number)
    with transaction(session):
        key = cancel_series(session, writer(cast.operator), "Few come").id
    with pytest.raises(MoveNotAllowed), transaction(session):
        cancel_series(session, writer(cast.admin), "Again")
    pause = current_pause(session)
    assert pause is not None
    assert (pause.cancelled_by, pause.reason, pause.since) == ("operator", "Few come", NOON)
    assert verbs.find_teleconference(session, number).state == "set", "a single one stays"
    session.rollback()
    with pytest.raises(Invalid, match="Reason is required"), transaction(session):
        resume_series(session, writer(cast.admin), " ")
    with transaction(session):
        resume_series(session, writer(cast.admin), "LS1 begins")
    with pytest.raises(MoveNotAllowed), transaction(session):
        resume_series(session, writer(cast.admin), "Again")
    assert current_pause(session) is None
    assert [change.author for change in changes_of(session, SERIES, key)] == ["operator", "admin"]


def test_lists_by_what_comes(session: Session) -> None:
    cast = enter_with_mails(session)
    numbers = [ask(session, cast.kit) for _ in range(5)]
    asked, coming, over, held, off = numbers
    for number in (over, held):
        set_it(session, cast, number)
    set_it(session, cast, coming, Setting(LATER, 60, "R1"))
    with transaction(session):
        verbs.decline(session, writer(cast.operator), off, "No")
    after = SOON + timedelta(hours=2)
    with transaction(session):
        verbs.mark_held(session, writer(cast.operator, after), held, "Yes", [])

    def keys(rows: Sequence[Teleconference]) -> list[int]:
        return [row.id for row in rows]

    assert keys(lists.asked_for(session)) == [asked]
    assert keys(lists.coming(session, after)) == [coming]
    assert keys(lists.without_minutes(session, after)) == [over]
    assert keys(lists.ended(session, was_held=True)[0]) == [held]
    assert keys(lists.ended(session, was_held=False)[0]) == [off]
    assert keys(lists.coming(session, SOON + timedelta(minutes=30))) == [over, coming], (
        "it is going on"
    )
