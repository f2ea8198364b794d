"""The calendar feed: its private address, and what a calendar program reads of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.feeds import CalendarFeed
from app.accounts.services.people import disable_user, enable_user, find_user
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField
from app.notices.adapters.files import read
from app.notices.rules.notices import Circuit, Notice, Unread
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.lifecycle import change_ticket
from tests.cast import NOON, PASSWORD, SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
_ADDRESS = re.compile(r'value="http://[^/"]*(/calendar/feed/[A-Za-z0-9_-]{43}\.ics)"')


def address_of(visitor: Visitor) -> str:
    """Make an address by the page's own form; the path that it shows."""
    assert visitor.read("/calendar/feed").form("/calendar/feed/make").method == "post"
    answer = visitor.send("/calendar/feed/make", {"password": PASSWORD})
    assert answer.status_code == 200
    found = _ADDRESS.search(answer.text)
    assert found is not None
    return found.group(1)


def events_in(content: bytes) -> dict[str, Any]:
    """The events of an iCalendar text by their UIDs."""
    calendar: Any = Calendar.from_ical(content)
    return {str(one["UID"]): one for one in calendar.walk("VEVENT")}


@pytest.fixture
def soon() -> datetime:
    return (datetime.now(UTC) + timedelta(days=3)).replace(
        hour=22, minute=0, second=0, microsecond=0
    )


def test_a_program_reads_what_is_planned(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, soon: datetime
) -> None:
    work = opened(
        title="Fibre moved; 2 cuts, \\ and Größe",
        category="maintenance",
        links=[GRIDKA],
        window_start=soon,
        window_end=soon + timedelta(hours=4),
    )
    change = opened(
        title="Prefixes",
        category="change",
        network="LHCONE",
        sites=["DE-KIT", "ES-PIC"],
        window_start=soon,
        window_end=soon + timedelta(hours=1),
    )
    off = opened(
        title="Off", category="maintenance", links=[PIC], window_start=soon, window_end=soon
    )
    opened(title="No work", links=[GRIDKA], window_start=soon, window_end=soon)
    old = soon - timedelta(days=100)
    opened(category="maintenance", window_start=old, window_end=old)
    with transaction(session):
        change_ticket(session, writer(cast.operator), off, {"state": "unsolved"})
        acknowledge_change(session, writer(cast.kit), change, "DE-KIT", "accepted")
    path = address_of(visit(cast.reader))
    program = Visitor(app)  # it has no cookie
    answer = program.get(path)
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-store"
    events = events_in(answer.data)
    assert set(events) == {f"ticket-{number}@127.0.0.1" for number in (work, change, off)}
    first = events[f"ticket-{work}@127.0.0.1"]
    assert str(first["SUMMARY"]) == "Maintenance: Fibre moved; 2 cuts, \\ and Größe"
    assert (first.decoded("DTSTART"), first.decoded("DTEND")) == (soon, soon + timedelta(hours=4))
    assert str(first["LOCATION"]) == GRIDKA
    assert (str(first["STATUS"]), int(first["SEQUENCE"])) == ("CONFIRMED", 1)
    assert str(first["URL"]).endswith(f"/tickets/{work}")
    second = events[f"ticket-{change}@127.0.0.1"]
    assert str(second["STATUS"]) == "TENTATIVE"
    assert "1 of 2 sites accepted." in str(second["DESCRIPTION"])
    assert [str(word) for word in second["CATEGORIES"].cats] == ["change", "LHCONE"]
    third = events[f"ticket-{off}@127.0.0.1"]
    assert (str(third["STATUS"]), int(third["SEQUENCE"])) == ("CANCELLED", 2)
    assert "DTEND" not in third

    def numbers(query: str) -> set[str]:
        found = events_in(program.get(f"{path}?site={query}").data)
        return {uid.split("@")[0] for uid in found}

    assert numbers("pic") == {f"ticket-{change}", f"ticket-{off}"}
    assert numbers("FZK-LCG2") == {f"ticket-{work}", f"ticket-{change}"}
    assert program.get(f"{path}?site=nobody").status_code == 404
    with transaction(session):
        acknowledge_change(session, writer(cast.pic), change, "ES-PIC", "accepted")
        change_ticket(session, writer(cast.operator), work, {"window_end": soon})
    again = events_in(program.get(path).data)
    assert set(again) == set(events)  # the same ones ...
    assert int(again[str(first["UID"])]["SEQUENCE"]) == 2  # ... of which one is newer
    assert str(again[str(second["UID"])]["STATUS"]) == "CONFIRMED"


def test_our_own_reader_takes_the_feed_for_maintenance_notices(
    app: Flask, session: Session, cast: Cast, visit: Enter, opened: Open, soon: datetime
) -> None:
    window = {"window_start": soon, "window_end": soon + timedelta(hours=4)}
    work = opened(
        title="Fibre, moved", category="maintenance", impact="outage", links=[GRIDKA, PIC], **window
    )
    change = opened(category="change", network="LHCONE", sites=["DE-KIT"], **window)
    opened(category="maintenance", links=[PIC], window_start=soon)  # nobody said its end
    path = address_of(visit(cast.reader))
    program = Visitor(app)

    def notices() -> list[Notice | Unread]:
        content = program.get(path).data
        assert b"\r\nMETHOD:PUBLISH\r\n" in content
        return list(read(content).found)

    first, second, without = notices()
    assert isinstance(first, Notice)
    assert (first.provider, first.account, first.organizer) == (
        "127.0.0.1",
        "LHCOPN",
        "lhcopn-tickets@localhost",
    )
    assert (first.maintenance_ids, first.sequence) == ((f"LHCOPN#{work}",), 1)
    assert first.circuits == (Circuit(GRIDKA), Circuit(PIC))
    assert (first.impact, first.status) == ("OUTAGE", "CONFIRMED")
    assert (first.start, first.end) == (soon, soon + timedelta(hours=4))
    assert isinstance(second, Notice)
    assert (second.account, second.status, second.impact) == ("LHCONE", "TENTATIVE", "OUTAGE")
    assert second.circuits == (Circuit("DE-KIT"),)
    assert isinstance(without, Unread)
    assert without.why == "X-MAINTNOTE-PROVIDER is missing"
    # the reader of NetBox and Nautobot gives up at what is no notice
    only = read(program.get(f"{path}?only=maintnote").data).found
    assert list(only) == [first, second]
    assert len(read(program.get(f"{path}?only=maintnote&site=pic").data).found) == 1
    assert program.get(f"{path}?only=else").status_code == 404
    with transaction(session):
        acknowledge_change(session, writer(cast.kit), change, "DE-KIT", "accepted")
        change_ticket(session, writer(cast.operator), work, {"state": "unsolved"})
    first, second, _ = notices()
    assert isinstance(first, Notice)
    assert isinstance(second, Notice)
    assert (first.status, first.sequence) == ("CANCELLED", 2)
    assert (second.status, second.sequence) == ("CONFIRMED", 2)


def test_every_other_address_is_404(app: Flask, session: Session, cast: Cast, visit: Enter) -> None:
    owner, program = visit(cast.reader), Visitor(app)
    first = address_of(owner)
    secret = first.removeprefix("/calendar/feed/").removesuffix(".ics")
    assert session.scalars(select(CalendarFeed.secret_hash)).one() != secret
    logged = session.scalars(
        select(ChangedField.new).join(Change).where(Change.kind == "feed")
    ).all()
    assert logged == ["set"]
    session.rollback()
    assert program.get(first).status_code == 200
    page = owner.read("/calendar/feed")
    assert secret not in page.text
    assert "Last read" in page.text
    assert "never" not in page.text
    for other in (
        "x",
        secret[:-1],
        f"{secret}x",
        secret.swapcase(),
        "A" * 43,
        "%00" * 43,
        "é" * 43,
    ):
        assert program.get(f"/calendar/feed/{other}.ics").status_code == 404, other

    second = address_of(owner)
    assert (program.get(first).status_code, program.get(second).status_code) == (404, 200)
    with transaction(session):
        disable_user(session, SYSTEM, find_user(session, "reader"))
    assert program.get(second).status_code == 404
    with transaction(session):
        enable_user(session, SYSTEM, find_user(session, "reader"))
    assert program.get(second).status_code == 404  # it has ended for good
    owner = visit(cast.reader)
    third = address_of(owner)
    assert program.get(third).status_code == 200
    answer = owner.send("/calendar/feed/end", {})
    assert (answer.status_code, answer.location) == (303, "/calendar/feed")
    assert program.get(third).status_code == 404
    refused = owner.send("/calendar/feed/end", {})
    assert refused.status_code == 422
    assert "Your calendar has no address" in "".join(PageReader(refused.text).alerts)


def test_an_address_that_outlived_its_disabled_person_is_404(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    """Who was disabled by an earlier version still has one in the database."""
    address, program = address_of(visit(cast.reader)), Visitor(app)
    with transaction(session):
        find_user(session, "reader").disabled_at = NOON
    assert session.scalars(select(CalendarFeed)).all()
    assert program.get(address).status_code == 404


def test_two_people_have_addresses_of_their_own(app: Flask, cast: Cast, visit: Enter) -> None:
    one, other = address_of(visit(cast.kit)), address_of(visit(cast.pic))
    assert one != other
    program = Visitor(app)
    assert [program.get(path).status_code for path in (one, other)] == [200, 200]
    assert (
        "?site=DE-KIT" in visit(cast.kit).send("/calendar/feed/make", {"password": PASSWORD}).text
    )
