"""The pages of teleconferences, without JavaScript: request, agenda, series, calendars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import find_user
from app.calendar.services.feeds import make_feed
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.mail.models.mails import Mail
from app.meetings.models.teleconferences import Teleconference
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Open
from tests.matching.matching_world import report, ticket

TCS = "/reports/teleconferences"
HOSTILE = "<script>alert(1)</script> =1+1 | %MAIN% \u4e2d\u6587 \u202e{{7*7}}"
Visit = Callable[[Actor], Visitor]
DAY = (datetime.now(UTC) + timedelta(days=20)).replace(hour=12, minute=0, second=0, microsecond=0)
"""Ahead of the portal's own clock."""


def typed(moment: datetime = DAY) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def asked(visitor: Visitor, **more: str) -> int:
    data = {"reason": "Reports of 2013-Q1", "quarter": "2013-Q1", "time_1": typed()}
    answer = visitor.send(f"{TCS}/new", {**data, **more})
    assert answer.status_code == 303, PageReader(answer.text).alerts
    return int((answer.location or "").rpartition("/")[2])


def was_set(visitor: Visitor, number: int, **more: str) -> None:
    form = visitor.read(f"{TCS}/{number}").form(f"{TCS}/{number}/set")
    answer = visitor.send(f"{TCS}/{number}/set", {**form.data(), "place": "R1-001", **more})
    assert answer.status_code == 303, PageReader(answer.text).alerts


def test_an_agenda_of_a_quarter_holds_events_of_a_moment_ago_and_says_so(
    session: Session, cast: Cast, visit: Visit
) -> None:
    chair = visit(cast.operator)
    number = asked(chair)
    assert "No monitoring data for 2013-Q1" in chair.read(f"{TCS}/{number}").text
    report(session, cast, "2013-02-01 10:00", "2013-02-01 12:00")
    assert "DE-KIT: 1 of 1" in chair.read(f"{TCS}/{number}").text
    answer = chair.get(f"{TCS}/{number}?fresh=1")
    assert (answer.status_code, "Figures-Up-To" in answer.headers) == (200, True)
    about = ticket(session, cast, event_start="2013-02-01 10:00")
    plain = asked(chair, quarter="none", tickets=str(about))
    assert "Figures-Up-To" not in chair.get(f"{TCS}/{plain}").headers


def rows_of(session: Session) -> list[tuple[str, int, str]]:
    session.rollback()
    found = session.execute(
        select(Teleconference.state, Teleconference.version, Teleconference.place)
    ).all()
    session.rollback()
    return [(*row,) for row in found]


def test_setting_says_what_it_did(cast: Cast, visit: Visit) -> None:
    chair = visit(cast.operator)
    number = asked(visit(cast.kit))
    was_set(chair, number)
    told = "Participants with an email address get an email."
    assert f"Meeting scheduled. {told}" in chair.read(f"{TCS}/{number}").text
    was_set(chair, number)
    assert "Nothing was changed, and nobody is notified." in chair.read(f"{TCS}/{number}").text
    was_set(chair, number, place="R2")
    assert f"Meeting rescheduled. {told}" in chair.read(f"{TCS}/{number}").text


def test_from_the_request_to_the_minutes(session: Session, cast: Cast, visit: Visit) -> None:
    reader, chair = visit(cast.reader), visit(cast.operator)
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
    assert "No open requests" in reader.read(TCS).text
    number = asked(reader)
    path = f"{TCS}/{number}"
    page = reader.read(path)
    assert "requested" in page.text
    assert not [form for form in page.forms if form.action.endswith(("/set", "/decline"))]
    assert (path, f"Meeting {number}") in chair.read(TCS).links
    form = chair.read(path).form(f"{path}/set")
    assert form.values("chosen") == [f"{DAY:%Y-%m-%dT%H:%M:%SZ}"], "the first is chosen"
    refused = chair.send(f"{path}/set", {**form.data(), "place": "", "length": "five"})
    assert refused.status_code == 422
    alerts = " ".join(PageReader(refused.text).alerts)
    assert "Place is required" in alerts
    assert "10 to 480 minutes" in alerts
    assert 'value="five"' in refused.text
    was_set(chair, number, place="https://rooms.example/1?a=1&b=2")
    page = reader.read(path)
    assert ("https://rooms.example/1?a=1&b=2",) * 2 in page.links
    assert session.scalars(select(Mail.address)).all() == ["kit@people.example"]
    with transaction(session):
        row = session.get_one(Teleconference, number)
        row.starts_at = datetime.now(UTC) - timedelta(hours=3)
    assert "Past, no minutes yet" in chair.read(TCS).text
    refused = chair.send(f"{path}/held", {"minutes": " "})
    assert refused.status_code == 422
    assert "Minutes is required" in refused.text
    assert chair.send(f"{path}/held", {"minutes": HOSTILE}).status_code == 303
    page = reader.read(path)
    assert " ".join(HOSTILE.split()) in page.text
    assert not page.inline_scripts
    assert "As of the time at which the meeting was marked as held" in page.text


def test_two_of_the_chair_never_overwrite_each_others_minutes(
    session: Session, cast: Cast, visit: Visit
) -> None:
    first, second = visit(cast.operator), visit(cast.admin)
    number = asked(first)
    path = f"{TCS}/{number}"
    was_set(first, number)
    with transaction(session):
        row = session.get_one(Teleconference, number)
        row.starts_at = datetime.now(UTC) - timedelta(hours=3)
    forms = [one.read(path).form(f"{path}/held").data() for one in (first, second)]
    sent = {**forms[0], "minutes": "The long ones"}
    assert first.send(f"{path}/held", sent).status_code == 303
    refused = second.send(f"{path}/held", {**forms[1], "minutes": "Mine"})
    assert refused.status_code == 422
    assert "Somebody else changed this meeting" in refused.text
    page = PageReader(refused.text)
    assert "The long ones" in page.text, "what stands"
    form = page.form(f"{path}/held")
    assert form.values("minutes") == ["Mine"], "what was typed"
    assert second.send(f"{path}/held", form.data()).status_code == 303, "it was looked at"


def test_a_tc_that_is_set_takes_no_proposed_time(cast: Cast, visit: Visit) -> None:
    chair = visit(cast.operator)
    number = asked(chair)
    was_set(chair, number)
    form = chair.read(f"{TCS}/{number}").form(f"{TCS}/{number}/set")
    for chosen in ("garbage", f"{DAY:%Y-%m-%dT%H:%M:%SZ}"):
        sent = {**form.data(), "start": "", "chosen": chosen}
        answer = chair.send(f"{TCS}/{number}/set", sent)
        assert answer.status_code == 422
        assert "Enter a time" in answer.text


def test_the_agenda_leads_to_its_rows(cast: Cast, visit: Visit, opened: Open) -> None:
    ticket = opened(sites=("DE-KIT",), title="Fibre cut")
    visitor = visit(cast.kit)
    number = asked(visitor, tickets=f"#{ticket}")
    chair = visit(cast.operator)
    chair.send(f"{TCS}/{number}/points", {"text": "LS1", "address": "/calendar/lhc"})
    links = dict(chair.read(f"{TCS}/{number}").links)
    assert links["/reports/quarters/2013-Q1"] == "2 of 2 reports of 2013-Q1 not submitted"
    assert links["/reports/DE-KIT/2013-Q1"] == "DE-KIT: missing"
    assert links[f"/tickets/{ticket}"].startswith(f"#{ticket} Fibre cut")
    assert links["/calendar/lhc"] == "LS1"
    assert links["/statistics/long-standing"].startswith("1 ticket")
    events = next(url for url in links if url.startswith("/events?"))
    for url in ("/reports/quarters/2013-Q1", "/calendar/lhc", "/statistics/long-standing", events):
        assert visitor.get(url).status_code == 200, url
    point = chair.read(f"{TCS}/{number}").form(f"{TCS}/{number}/points/1/remove")
    assert chair.send(point.action, {}).status_code == 303
    assert "/calendar/lhc" not in dict(chair.read(f"{TCS}/{number}").links)


def test_times_are_read_as_people_say_them(session: Session, cast: Cast, visit: Visit) -> None:
    with transaction(session):
        session.scalars(select(User).where(User.name == "kit")).one().time_zone = "Europe/Berlin"
    visitor = visit(cast.kit)
    page = visitor.read(f"{TCS}/new?quarter=2012-Q4&ticket=7&ticket=8")
    assert "Europe/Berlin" in page.text
    form = page.form(f"{TCS}/new")
    assert form.values("quarter") == ["2012-Q4"]
    assert form.values("tickets") == ["7, 8"]
    assert ("input", "hx-get", "/typed-time?tense=coming&days=yes") in page.attributes
    berlin = ZoneInfo("Europe/Berlin")
    day = (datetime.now(berlin) + timedelta(days=1)).date()
    there = datetime(day.year, day.month, day.day, 14, tzinfo=berlin)
    morning = there.replace(hour=9) + timedelta(days=14)
    number = asked(
        visitor,
        time_1="tomorrow 14:00",
        time_2=f"{there + timedelta(days=7):%Y-%m-%d} 14:00",  # a full date is UTC
        time_3=f"{morning:%Y-%m-%d %H:%M%z}",
    )
    session.rollback()
    times = [one.starts_at for one in session.get_one(Teleconference, number).times]
    week = datetime(day.year, day.month, day.day, 14, tzinfo=UTC) + timedelta(days=7)
    assert times == [there, week, morning]
    text = visitor.read(f"{TCS}/{number}").text
    assert f"{there.astimezone(UTC):%Y-%m-%d %H:%M} UTC (14:00 {there:%Z})" in text


def test_the_chair_sets_a_time_as_people_say_it(session: Session, cast: Cast, visit: Visit) -> None:
    chair = visit(cast.operator)
    number = asked(chair)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    was_set(chair, number, chosen="", start="tomorrow")  # a day alone is 09:00
    session.rollback()
    expected = datetime(tomorrow.year, tomorrow.month, tomorrow.day, 9, tzinfo=UTC)
    assert session.get_one(Teleconference, number).starts_at == expected


def test_hostile_fields_are_refused_in_words_and_kept(
    session: Session, cast: Cast, visit: Visit
) -> None:
    chair = visit(cast.operator)
    number = asked(chair)
    path = f"{TCS}/{number}"
    changes = len(session.scalars(select(Change.id)).all())
    session.rollback()
    good = {"reason": "x", "quarter": "2013-Q1", "time_1": typed()}
    setting = {"version": "1", "start": typed(), "length": "60", "place": "R1"}
    long = "x" * 200_000
    for where, fields, words in (
        (f"{TCS}/new", {**good, "reason": "a\x00b"}, "control character"),
        (f"{TCS}/new", {**good, "reason": long[:5000]}, "at most 4000"),
        (f"{TCS}/new", {**good, "quarter": "1999-Q9"}, "Quarter: choose one of"),
        (f"{TCS}/new", {**good, "tickets": "1; DROP"}, "Tickets: enter numbers"),
        (f"{TCS}/new", {**good, "tickets": "9" * 40}, "Tickets: enter numbers"),
        (f"{TCS}/new", {**good, "tickets": "\u0661"}, "Tickets: enter numbers"),
        (f"{TCS}/new", {**good, "tickets": "4711"}, "Ticket 4711 not found"),
        (f"{TCS}/new", {**good, "time_1": ""}, "Propose 1 to 5 times"),
        (f"{TCS}/new", {**good, "time_5": "2013-03-01 10:00"}, "is in the past"),
        (f"{TCS}/new", {**good, "time_3": "soon"}, "Proposed time 3 is not a readable time"),
        (f"{TCS}/new", {}, "Quarter: choose one of"),
        (f"{TCS}/new", {**good, "reason": ""}, "Reason is required"),
        (
            f"{path}/set",
            {**setting, "start": "never"},
            "is not a readable time. Use for example: Tuesday",
        ),
        (f"{path}/set", {**setting, "start": "", "chosen": "2013"}, "Select a proposed time"),
        (f"{path}/set", {**setting, "length": "1e3"}, "10 to 480 minutes"),
        (f"{path}/set", {**setting, "place": "a\x00"}, "control character"),
        (f"{path}/set", {**setting, "place": "x" * 256}, "at most 255"),
        (f"{path}/set", {**setting, "version": "9"}, "Somebody else changed this meeting"),
        (f"{path}/set", {**setting, "version": "x"}, "Somebody else changed this meeting"),
        (f"{path}/decline", {"reason": "\x00"}, "control character"),
        (f"{path}/cancel", {"reason": ""}, "Reason is required"),
        (f"{path}/people", {"people": "nobody"}, "Choose people from the list"),
        (f"{path}/people", {}, "Choose people from the list"),
        (f"{path}/points", {"text": "\x00"}, "control character"),
        (f"{path}/points", {"text": "x", "address": "javascript:alert(1)"}, "Address: enter"),
        (f"{path}/points", {"text": "x" * 256}, "at most 255"),
        (f"{TCS}/series/cancel", {"series_reason": "\x00"}, "control character"),
        (f"{TCS}/series/cancel", {"series_reason": ""}, "Reason is required"),
    ):
        answer = chair.send(where, fields)
        assert answer.status_code == 422, (where, fields)
        page = PageReader(answer.text)
        assert words in " ".join("".join(page.alerts).split()), (where, fields, page.alerts)
    answer = chair.send(f"{TCS}/new", {**good, "time_1": "soon", "reason": HOSTILE})
    assert PageReader(answer.text).form(f"{TCS}/new").values("reason") == [HOSTILE]
    assert rows_of(session) == [("asked", 1, "")]
    assert len(session.scalars(select(Change.id)).all()) == changes


def test_hostile_texts_stay_texts(session: Session, cast: Cast, visit: Visit) -> None:
    with transaction(session):
        find_user(session, "operator").mail = "operator@people.example"
    chair = visit(cast.operator)
    reason = f"{HOSTILE}\nEND:VEVENT\nBEGIN:VALARM\n" + "\u4e2d" * 200
    number = asked(chair, reason=reason)
    was_set(chair, number, place=f"Room; {HOSTILE}")
    chair.send(f"{TCS}/{number}/points", {"text": HOSTILE})
    for path in (TCS, f"{TCS}/{number}"):
        page = chair.read(path)
        assert not page.inline_scripts
        assert " ".join(HOSTILE.split()) in page.text  # nothing of it was reckoned or dropped
    answer = chair.get(f"{TCS}/{number}.ics")
    assert answer.content_type == "text/calendar; charset=utf-8; method=PUBLISH"
    lines = answer.data.split(b"\r\n")
    assert max(len(line) for line in lines) <= 75
    assert [line for line in lines if line.startswith((b"BEGIN", b"END"))] == [
        *(b"BEGIN:VCALENDAR", b"BEGIN:VEVENT", b"END:VEVENT", b"END:VCALENDAR")
    ]
    (event,) = Calendar.from_ical(answer.data).walk("VEVENT")
    assert str(event["LOCATION"]) == f"Room; {HOSTILE}"
    assert str(event["DESCRIPTION"]).startswith(reason)
    assert "ATTENDEE" not in event


def test_a_calendar_has_what_was_set(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    first, second = asked(visitor), asked(visitor)
    assert visitor.get(f"{TCS}/{first}.ics").status_code == 404, "it has no time yet"
    was_set(visitor, first)
    was_set(visitor, second)
    visitor.send(f"{TCS}/{second}/cancel", {"reason": "Settled"})
    with transaction(session):
        secret = make_feed(session, writer(cast.kit, datetime.now(UTC)))
    feed = visitor.get(f"/calendar/feed/{secret}.ics")
    found = {
        str(event["UID"]): (event.decoded("DTSTART"), str(event["STATUS"]))
        for event in Calendar.from_ical(feed.data).walk("VEVENT")
    }
    session.rollback()
    uids = [session.get_one(Teleconference, number).uid for number in (first, second)]
    assert found == {uids[0]: (DAY, "CONFIRMED"), uids[1]: (DAY, "CANCELLED")}
    one_site = visitor.get(f"/calendar/feed/{secret}.ics?site=DE-KIT")
    assert uids[0] not in one_site.text


def test_the_series_stands_on_top(cast: Cast, visit: Visit) -> None:
    chair, reader = visit(cast.admin), visit(cast.reader)
    assert "cancelled until further notice" not in reader.read(TCS).text
    assert chair.send(f"{TCS}/series/cancel", {"series_reason": HOSTILE}).status_code == 303
    page = reader.read(TCS)
    assert "Regular operations meetings are cancelled until further notice" in page.text
    assert "Meetings take place on request" in page.text
    assert " ".join(HOSTILE.split()) in page.text
    assert "admin," in page.text
    assert f"{TCS}/series/resume" not in [form.action for form in page.forms]
    again = chair.send(f"{TCS}/series/cancel", {"series_reason": "x"})
    assert again.status_code == 409
    assert chair.send(f"{TCS}/series/resume", {"series_reason": "Enough"}).status_code == 303
    text = reader.read(TCS).text
    assert "take place on request" not in text
    assert "resumed by admin: Enough" in text


def test_join_and_leave(cast: Cast, visit: Visit, opened: Open) -> None:
    chair, reader = visit(cast.operator), visit(cast.reader)
    number = asked(chair, quarter="none", tickets=str(opened()))
    path = f"{TCS}/{number}"
    assert f"{path}/leave" not in [form.action for form in reader.read(path).forms]
    assert reader.send(f"{path}/join", {}).status_code == 303
    page = reader.read(path)
    assert "reader joined this meeting" in page.text
    assert f"{path}/join" not in [form.action for form in page.forms]
    assert reader.send(f"{path}/leave", {}).status_code == 303
    assert "Left: reader" in reader.read(path).text


def test_the_audit_names_it(cast: Cast, visit: Visit) -> None:
    admin = visit(cast.admin)
    number = asked(admin)
    assert (f"{TCS}/{number}", f"TC {number}") in admin.read("/admin/audit").links
    found = admin.read(f"/admin/audit?thing=TC+{number}")
    assert (f"{TCS}/{number}", f"TC {number}") in found.links


def test_a_list_has_pages(session: Session, cast: Cast, visit: Visit) -> None:
    visitor = visit(cast.operator)
    now = datetime.now(UTC)
    with transaction(session):
        session.add_all(
            Teleconference(
                uid=str(number),
                state="held",
                reason="x",
                requested_at=now,
                requested_by="x",
                starts_at=now,
                length=60,
            )
            for number in range(51)
        )
    page = visitor.read(TCS)
    assert (
        len([url for url, word in page.links if word.startswith("Meeting ") and TCS in url]) == 50
    )
    older = next(url for url, word in page.links if word == "Earlier")
    assert [
        word
        for url, word in visitor.read(older).links
        if word.startswith("Meeting ") and TCS in url
    ] == ["Meeting 1"]
    assert visitor.get(f"{TCS}?held=x").status_code == 404
