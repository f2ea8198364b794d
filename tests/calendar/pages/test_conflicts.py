"""Conflicts where work is planned: in the form while one types, on tickets, in mails; free windows.

The windows lie far ahead, so that what is past for the pages does not change these tests.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.accounts.services.people import find_user
from app.calendar.services.conflicts import (
    facts_of_mail,
    mails_to_others,
)
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.mail.models.mails import Mail
from app.mail.services.mails import draft_mails, put_mails, skip_notifications
from app.registry.models.registry import Link, Site, SiteContact
from app.tickets.models.tickets import Ticket
from app.tickets.services.lifecycle import change_ticket
from app.tickets.services.watching import watch_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open
from tests.mails import body, message, plan

FIRST, SECOND, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-GRIDKA-LHCOPN-002", "CERN-PIC-LHCOPN-001"
FRAGMENT = {"HX-Request": "true", "HX-Target": "window-conflicts"}
BOTH = f"{FIRST} and its backup {SECOND} at the same time"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2040-03-{text}").replace(tzinfo=UTC)


@pytest.fixture
def card(session: Session, cast: Cast, opened: Open) -> int:
    """A backup of the first link, and work on it on 6 March 2040 from 02:00 to 06:00."""
    with transaction(session):
        first = session.scalars(select(Link).where(Link.name == FIRST)).one()
        ends = {"end_a": first.end_a, "end_b": first.end_b}
        session.add(Link(name=SECOND, network="LHCOPN", backs_up=first, role="backup", **ends))
    return opened(
        title="New card",
        category="maintenance",
        links=[SECOND],
        window_start=at("06 02:00"),
        window_end=at("06 06:00"),
    )


def work(opened: Open, start: str, end: str, *links: str) -> int:
    return opened(
        title="Fibre moved",
        category="maintenance",
        links=[*links],
        window_start=at(start),
        window_end=at(end),
    )


def typed(visitor: Visitor, start: str, end: str, *links: str, ticket: int = 0) -> PageReader:
    """What the form tells while one types."""
    fields: list[tuple[str, str]] = [("links", link) for link in links]
    fields += [("window_start", start), ("window_end", end)]
    fields += [("ticket", str(ticket))] if ticket else []
    return visitor.read(f"/calendar/conflicts?{urlencode(fields)}", FRAGMENT)


def test_the_form_tells_the_conflict_and_the_nearest_free_windows(
    cast: Cast, visit: Enter, opened: Open, card: int
) -> None:
    visitor = visit(cast.kit)
    found = typed(visitor, "2040-03-06 04:00", "2040-03-06 07:00", FIRST)
    assert "Conflict with planned work" in found.text
    assert f"{BOTH}: #{card} New card, 2040-03-06 04:00 to 06:00 UTC" in found.text
    assert (f"/tickets/{card}", f"#{card}") in found.links
    assert "Before: 2040-03-05 23:00 to 2040-03-06 02:00 UTC" in found.text
    assert "After: 2040-03-06 06:00 to 09:00 UTC" in found.text
    # the next free one is behind what else stands in the way
    work(opened, "06 07:30", "06 08:00", SECOND)
    found = typed(visitor, "2040-03-06 04:00", "2040-03-06 07:00", FIRST)
    assert "After: 2040-03-06 08:00 to 11:00 UTC" in found.text


def test_work_of_which_no_end_is_known_is_named_and_not_called_free(
    cast: Cast, visit: Enter, opened: Open, card: int
) -> None:
    visitor = visit(cast.kit)
    plan = {"category": "maintenance", "links": [SECOND]}
    number = opened(title="Cable found", window_start=at("07 02:00"), **plan)
    said = f"Not checked for conflicts with #{number}: the end of the window is not known."
    assert typed(visitor, "2040-03-08 06:00", "2040-03-08 07:00", FIRST).text == said
    # nor is a window behind its beginning called free
    found = typed(visitor, "2040-03-06 04:00", "2040-03-06 20:00", FIRST)
    assert "After: 2040-03-06 06:00 to 22:00 UTC" in found.text
    found = typed(visitor, "2040-03-06 04:00", "2040-03-07 01:00", FIRST)
    assert "Before: " in found.text
    assert "After: " not in found.text
    page = visitor.read(f"/calendar/free?link={FIRST}&from=2040-03-06&days=14").text
    assert "2040-03-06 06:00" in page
    assert "2040-03-07 02:00" in page
    assert "2040-03-20" not in page
    # before it begins, of another site's link, and for itself it does not matter
    free = "No conflict with planned work."
    assert typed(visitor, "2040-03-06 07:00", "2040-03-07 02:00", FIRST).text == free
    assert typed(visitor, "2040-03-08 06:00", "2040-03-08 07:00", PIC).text == free
    own = typed(visitor, "2040-03-08 06:00", "2040-03-08 07:00", FIRST, ticket=number)
    assert own.text == free


def test_the_form_tells_that_there_is_none_or_nothing_while_it_is_not_filled_in(
    cast: Cast, visit: Enter, card: int
) -> None:
    visitor = visit(cast.kit)
    free = typed(visitor, "2040-03-06 06:00", "2040-03-06 07:00", FIRST)  # begins as it ends
    assert free.text == "No conflict with planned work."
    assert typed(visitor, "2040-03-06 04:00", "2040-03-06 07:00", PIC).text == free.text
    for start, end, links, said in (
        ("", "2040-03-06 07:00", [FIRST], ""),
        ("2040-03-06 07:00", "", [FIRST], ""),
        ("soon", "2040-03-06 07:00", [FIRST], "Window start is not a readable time."),
        ("2040-03-06 04:00", "soon", [FIRST], "Window end is not a readable time."),
        ("2040-03-06 06:00", "2040-03-06 06:00", [FIRST], "the window must end after it starts."),
        ("2040-03-06 04:00", "2040-03-06 03:00", [FIRST], "the window must end after it starts."),
        ("2040-03-06 06:00", "2040-03-06 07:00", [], "choose the affected links."),
    ):
        shown = typed(visitor, start, end, *links).text
        assert shown == (f"Not checked for conflicts: {said}" if said else ""), (start, end, links)
    # a link that was not compared is not in conflict with nothing
    for odd_links in (["' or 1=1 --", "x" * 300, "a\x00b"], [FIRST, *(f"X-{n}" for n in range(3))]):
        shown = typed(visitor, "2040-03-06 06:00", "2040-03-06 07:00", *odd_links).text
        assert shown == "Not checked for conflicts on 3 of the links."
    # the ticket that is edited is not in its own way, whatever number is asked
    same = typed(visitor, "2040-03-06 02:00", "2040-03-06 05:00", FIRST, ticket=card)
    assert same.text == free.text
    odd = visitor.read("/calendar/conflicts?ticket=-1&ticket=x&window_start=a", FRAGMENT)
    assert odd.text == "Not checked for conflicts: Window start is not a readable time."
    asked = visitor.get(f"/calendar/conflicts?links={FIRST}")
    assert (asked.status_code, asked.location) == (302, f"/calendar/free?link={FIRST}")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_a_weekday_of_a_window_is_the_same_for_the_check_and_for_what_is_stored(
    session: Session, cast: Cast, visit: Enter, opened: Open, zone: str
) -> None:
    with transaction(session):
        session.get_one(User, cast.kit.account_id).time_zone = zone
        first = session.scalars(select(Link).where(Link.name == FIRST)).one()
        ends = {"end_a": first.end_a, "end_b": first.end_b}
        session.add(Link(name=SECOND, network="LHCOPN", backs_up=first, role="backup", **ends))
    # in three days, whatever the day of this test is: its weekday was last four days ago
    here = datetime.now(ZoneInfo(zone)) + timedelta(days=3)
    day = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[here.weekday()]
    start = here.replace(hour=7, minute=0, second=0, microsecond=0).astimezone(UTC)
    card = opened(
        title="New card",
        category="maintenance",
        links=[SECOND],
        window_start=start,
        window_end=start + timedelta(hours=4),
    )
    visitor = visit(cast.kit)
    told = typed(visitor, f"{day} 07:00", f"{day} 11:00", FIRST).text
    assert f"#{card} New card" in told
    assert "No conflict" not in told
    # what the field shows of it is that time, and so is what is stored
    echo = visitor.get(f"/typed-time?tense=coming&window_start={day}+07:00").text
    assert f'datetime="{start:%Y-%m-%dT%H:%M:%SZ}"' in echo
    data = form(
        visitor,
        "/tickets/new",
        title="Fibre moved",
        category="maintenance",
        links=[FIRST],
        window_start=f"{day} 07:00",
        window_end=f"{day} 11:00",
        conflicts_seen=str(card),
    )
    assert visitor.send("/tickets/new", data).status_code == 303
    session.expire_all()
    stored = session.scalars(select(Ticket).where(Ticket.title == "Fibre moved")).one()
    assert (stored.window_start, stored.window_end) == (start, start + timedelta(hours=4))


Fields = dict[str, str | list[str]]


def form(visitor: Visitor, path: str, **more: str | list[str]) -> Fields:
    found: Fields = {**visitor.read(path).form(path).data(), **more}
    del found["csrf_token"]
    return found


def test_a_conflict_that_the_form_did_not_tell_is_told_once(
    session: Session, cast: Cast, visit: Enter, card: int
) -> None:
    visitor = visit(cast.kit)
    data = form(
        visitor,
        "/tickets/new",
        title="Fibre moved",
        category="maintenance",
        links=[FIRST],
        window_start="2040-03-06 04:00",
        window_end="2040-03-06 07:00",
    )
    answer = visitor.send("/tickets/new", data)
    assert answer.status_code == 409
    page = PageReader(answer.text)
    assert "Not saved: the window conflicts with planned work" in "".join(page.alerts)
    assert f"{BOTH}: #{card} New card" in page.text
    again = page.form("/tickets/new").data()
    assert again["conflicts_seen"] == [str(card)]
    assert again["title"] == ["Fibre moved"]
    del again["csrf_token"]
    stored = visitor.send("/tickets/new", again)
    assert stored.status_code == 303
    number = int(stored.location.rpartition("/")[2])

    # an incident plans nothing; editing one that is in conflict asks nothing either
    assert visitor.send("/tickets/new", data | {"category": "incident"}).status_code == 303
    path = f"/tickets/{number}/edit"
    assert visitor.send(path, form(visitor, path, title="Fibre")).status_code == 303
    session.rollback()
    assert session.get_one(Ticket, number).title == "Fibre"


def test_moving_a_window_into_a_conflict_asks_first(
    session: Session, cast: Cast, visit: Enter, opened: Open, card: int
) -> None:
    number = work(opened, "06 06:00", "06 07:00", FIRST)
    visitor = visit(cast.operator)
    path = f"/tickets/{number}/edit"
    moved = form(visitor, path, window_start="2040-03-06 05:00")
    answer = visitor.send(path, moved)
    assert answer.status_code == 409
    assert f"#{card} New card" in PageReader(answer.text).text
    session.rollback()
    assert session.get_one(Ticket, number).window_start == at("06 06:00")
    assert visitor.send(path, moved | {"conflicts_seen": str(card)}).status_code == 303


def test_both_tickets_show_it_until_one_does_not_take_place(
    session: Session, cast: Cast, visit: Enter, opened: Open, card: int
) -> None:
    number = work(opened, "06 04:00", "06 07:00", FIRST)
    visitor = visit(cast.reader)
    for mine, other, title in ((number, card, "New card"), (card, number, "Fibre moved")):
        page = visitor.read(f"/tickets/{mine}")
        assert f"{BOTH}: #{other} {title}, 2040-03-06 04:00 to 06:00 UTC" in page.text
    hours = f"/calendar/free?link={FIRST}&hours=3"
    assert (hours, "Find a free window") in visitor.read(f"/tickets/{number}").links
    with transaction(session):
        change_ticket(session, writer(cast.operator), card, {"state": "unsolved"})
    for mine in (number, card):
        assert "Conflict with planned work" not in visitor.read(f"/tickets/{mine}").text


def test_one_ticket_may_be_in_conflict_with_itself(cast: Cast, visit: Enter, card: int) -> None:
    visitor = visit(cast.kit)
    found = typed(visitor, "2040-03-08 04:00", "2040-03-08 07:00", FIRST, SECOND)
    assert f"{BOTH}, both in this ticket" in found.text
    assert "Nearest free window" not in found.text  # at no time


def test_the_mail_that_announces_it_tells_the_conflict(
    session: Session, cast: Cast, opened: Open, card: int
) -> None:
    with transaction(session):
        site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        site.contacts.append(SiteContact(role="network", name="NOC", mail="noc@kit.example"))
        skip_notifications(session)
    number = work(opened, "06 04:00", "06 07:00", FIRST)
    told = [mail for mail in plan(session) if mail.ticket_number == number]
    assert "noc@kit.example" in {mail.address for mail in told}
    line = f"with ticket {card}, 2040-03-06 04:00 to 06:00 UTC: {BOTH}"
    for mail in told:
        assert line in body(message(session, mail), "plain")
    # what is over is no news
    ticket = session.get_one(Ticket, number)
    assert facts_of_mail(session, ticket, NOON) == [("Conflict", line)]
    assert facts_of_mail(session, ticket, at("06 07:00")) == ()


@pytest.fixture
def noc(session: Session, cast: Cast, card: int) -> None:
    """A contact of DE-KIT, whom both tickets concern; the reader watches the older one, and the
    reporter of DE-KIT, who has an address, too."""
    with transaction(session):
        site = session.scalars(select(Site).where(Site.key == "DE-KIT")).one()
        site.contacts.append(SiteContact(role="network", name="NOC", mail="noc@kit.example"))
        for name, by in (("reader", cast.reader), ("kit", cast.kit)):
            find_user(session, name).mail = f"{name}@people.example"
            watch_ticket(session, writer(by), card)
        skip_notifications(session)


def told_of_conflict(session: Session) -> list[tuple[str, int | None]]:
    """To whom the next mails that are no news of a ticket go, and with which ticket's mails."""
    return [(one.address, one.ticket_number) for one in plan(session) if one.message is not None]


def changed(session: Session, cast: Cast, number: int, **fields: object) -> None:
    with transaction(session):
        change_ticket(session, writer(cast.kit), number, fields)


@pytest.mark.usefixtures("noc")
def test_the_people_of_the_older_window_are_told_once(
    session: Session, cast: Cast, opened: Open, card: int
) -> None:
    fields = {"category": "maintenance", "links": [FIRST]}
    window = {"window_start": at("06 04:00"), "window_end": at("06 07:00")}
    number = opened(cast.kit, title="Fibre moved", **fields, **window)
    mails = plan(session)
    # who announced it knows; whoever is told of the new ticket is told of the conflict by that
    told = [one for one in mails if one.message is not None]
    assert [one.address for one in told] == ["reader@people.example"]
    assert "noc@kit.example" in {one.address for one in mails if one.message is None}
    found = message(session, told[0])
    assert found["Subject"] == f"GGUS-Ticket-ID: #{card} Conflict: New card"
    assert found["References"].startswith(f"<ticket-{card}@")
    text = body(found, "plain")
    assert text.startswith("New planned work conflicts with the window of this ticket.\n\n")
    assert f"Conflict with ticket {number}, 2040-03-06 04:00 to 06:00 UTC: {BOTH}\n" in text
    assert f"https://portal.example/tickets/{card}\n" in text
    assert "You get this email because you watch this ticket." in text
    assert "Fibre moved" not in text, "who may not read the other ticket is not told what it is"

    changed(session, cast, number, title="Fibre moved again")
    changed(session, cast, number, window_end=at("06 07:30"))
    changed(session, cast, card, window_end=at("06 05:30"))
    assert told_of_conflict(session) == []
    # out of each other's way, and in conflict on another day
    changed(session, cast, number, window_start=at("08 04:00"), window_end=at("08 07:00"))
    assert told_of_conflict(session) == []
    changed(session, cast, card, window_start=at("08 03:00"), window_end=at("08 05:00"))
    # the newer one is in the way now: its author did it, and its site's contact, who is that of the
    # changed one, too, hears of it by the mail that the window was changed
    mails = plan(session)
    assert [(one.address, one.ticket_number) for one in mails] == [
        ("reader@people.example", card),
        ("noc@kit.example", card),
    ]
    for one in mails:
        text = body(message(session, one), "plain")
        assert text.startswith("kit changed the window of this planned work.")
        assert f"with ticket {number}, 2040-03-08 04:00 to 05:00 UTC: {BOTH}\n" in text
    changed(session, cast, number, window_start=at("09 04:00"), window_end=at("09 07:00"))
    changed(session, cast, card, window_start=at("09 12:00"), window_end=at("09 15:00"))
    assert told_of_conflict(session) == []
    changed(session, cast, number, window_start=at("09 13:00"), window_end=at("09 16:00"))
    noc, again = plan(session)
    assert (noc.address, noc.ticket_number, noc.message) == ("noc@kit.example", number, None)
    assert (again.address, again.ticket_number) == ("reader@people.example", card)
    text = body(message(session, again), "plain")
    assert text.startswith("Changed planned work conflicts with the window of this")


@pytest.mark.usefixtures("noc")
def test_two_who_plan_mails_at_once_tell_a_conflict_once(
    session: Session, cast: Cast, opened: Open
) -> None:
    work(opened, "06 04:00", "06 07:00", FIRST)
    drafts = [draft_mails(session, NOON, "https://portal.example") for _ in range(2)]
    session.rollback()
    for draft, is_first in zip(drafts, (True, False), strict=True):
        assert draft is not None
        with transaction(session):
            assert put_mails(session, draft) is is_first
    messages = session.scalars(select(Mail.address).where(Mail.message_id.is_not(None))).all()
    assert sorted(messages) == ["kit@people.example", "reader@people.example"]


@pytest.mark.usefixtures("noc")
def test_nobody_is_told_of_a_conflict_with_what_does_not_take_place_or_is_over(
    session: Session, cast: Cast, opened: Open, card: int
) -> None:
    number = work(opened, "06 05:00", "06 07:00", PIC)
    opened(links=[FIRST], window_start=at("06 04:00"), window_end=at("06 07:00"))  # an incident
    assert told_of_conflict(session) == []
    by = writer(cast.operator)
    with transaction(session):
        change_ticket(session, by, card, {"state": "unsolved"})
        change_ticket(session, by, number, {"links": (FIRST,)})
    assert told_of_conflict(session) == []
    with transaction(session):
        change_ticket(session, by, card, {"state": "reopened"})
    change = session.scalars(select(Change).order_by(Change.id.desc())).first()
    assert change is not None
    assert len(mails_to_others(session, change, (), NOON)) == 1
    assert mails_to_others(session, change, (), at("06 06:00")) == []


def test_free_windows_of_two_links(cast: Cast, visit: Enter, opened: Open, card: int) -> None:
    visitor = visit(cast.reader)
    path = f"/calendar/free?link={FIRST}&link={PIC}&hours=12&from=2040-03-05&days=14"
    page = visitor.read(path)
    # before and behind the work on the first one's backup
    assert "2040-03-05 00:00 until 2040-03-06 02:00" in page.text
    assert "2040-03-06 06:00 until 2040-03-19 00:00" in page.text
    assert "should not be worked on at the same time" not in page.text
    long = visitor.read(f"/calendar/free?link={FIRST}&hours=400&from=2040-03-05&days=14")
    assert "No free window within 14 days" in long.text
    backup = visitor.read(f"/calendar/free?link={FIRST}&link={SECOND}")
    assert f"These links should not be worked on at the same time {BOTH}" in backup.text


def test_what_free_windows_cannot_be_asked_is_named(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    assert "Find a free window" in visitor.read("/calendar/free").text
    for query, words in (
        ("link=nowhere", "No link has this id"),
        ("link=a%00b", "No link has this id"),
        (f"link={FIRST}&hours=nan", "Length must be from 0.25"),
        (f"link={FIRST}&hours=1e9", "Length must be from 0.25"),
        (f"link={FIRST}&hours=-1", "Length must be from 0.25"),
        (f"link={FIRST}&from=soon", "From must be a date"),
        (f"link={FIRST}&from=9999-12-31", "From must be a date"),
    ):
        answer = visitor.get(f"/calendar/free?{query}")
        assert answer.status_code == 422, query
        assert words in "".join(PageReader(answer.text).alerts), query
