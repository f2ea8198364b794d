"""The timeline of links: what each lane shows, where its bars are and where they lead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.rules.events import EventMessage
from app.events.services.events import report_events
from app.matching.services.recompute import bring_up_to_date
from app.reference.seed import seed_reference
from app.registry.models.registry import Link
from tests.cast import SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK, report

LATE = datetime(2013, 7, 1, tzinfo=UTC)
MARCH = "/events/timeline?until=2013-03-30"
"""The thirty days from 2013-03-01 on: a day is 33.3 of the picture's 1,000."""


def bars(visitor: Visitor, path: str) -> list[tuple[str, str, str, float, float]]:
    """Kind, address, words, begin and width of each bar."""
    pattern = (
        r'<a href="([^"]+)"><title>([^<]*)</title>'
        r'<rect class="([^"]+)" x="([\d.]+)" y="\d+" width="([\d.]+)"'
    )
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    found = re.findall(pattern, answer.text)
    return [(kind, url, words, float(x), float(w)) for url, words, kind, x, w in found]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2013-03-{text}").replace(tzinfo=UTC)


def test_a_lane_shows_events_tickets_and_windows(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    event = report(session, cast, "16 00:00", "17 12:00", now=LATE)
    ticket = opened(
        title="Fibre <cut>",
        links=[LINK],
        event_start=at("22 00:00"),
        event_end=at("23 00:00"),
        now=at("22 01:00"),
    )
    window = opened(
        title="New card",
        category="maintenance",
        links=[LINK],
        window_start=at("07 00:00"),
        window_end=at("10 00:00"),
        now=at("02 01:00"),
    )
    visitor = visit(cast.reader)
    assert bars(visitor, MARCH) == [
        (
            "win planned",
            f"/tickets/{window}",
            f"#{window} New card, 03-07 00:00 to 03-10 00:00",
            200.0,
            100.0,
        ),
        ("ev down", f"/events/{event}", "down, 03-16 00:00 to 03-17 12:00, no ticket", 500.0, 50.0),
        # not ended: to the end of what is shown
        ("tk open", f"/tickets/{ticket}", f"#{ticket} Fibre &lt;cut&gt;, new", 700.0, 300.0),
    ]
    page = visitor.read(MARCH)
    assert "1 event, 1 ticket, 1 window" in page.text
    listed = "/events?view=detected&from=2013-03-01&to=2013-03-30&lasting=yes"
    assert (listed, "These events as a list") in page.links
    assert f"/events/{event}" in [url for url, _words in visitor.read(listed).links]
    for other in (f"{MARCH}&site=ES-PIC", f"{MARCH}&network=LHCONE"):
        assert "Nothing recorded for these days" in visitor.read(other).text


def test_short_events_on_each_other_are_one_bar_that_leads_to_all(
    session: Session, cast: Cast, visit: Enter
) -> None:
    for start, end in (
        ("05 10:00", "05 11:00"),
        ("05 13:00", "05 14:00"),
        ("09 00:00", "09 01:00"),
    ):
        report(session, cast, start, end, now=LATE)
    found = [(url, words) for _kind, url, words, *_ in bars(visit(cast.reader), f"{MARCH}&days=90")]
    assert found[0] == (
        f"/events?view=detected&amp;link={LINK}&amp;from=2013-03-05&amp;to=2013-03-05",
        "2 short events, 03-05 10:00 to 03-05 13:00, 2 without a ticket",
    )
    assert found[1][1] == "down, 03-09 00:00 to 01:00, no ticket"
    assert len(found) == 2
    # in a week they are apart
    week = bars(visit(cast.reader), "/events/timeline?until=2013-03-10&days=7")
    assert len(week) == 3


def test_the_lhc_lies_behind_and_the_address_holds_the_period(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        seed_reference(session, SYSTEM)
    report(session, cast, "2012-09-05 10:00", "2012-09-06 11:00", now=LATE)
    visitor = visit(cast.reader)
    assert "LHC: Physics 2012" in visitor.read("/events/timeline?until=2012-09-15").text
    page = visitor.read("/events/timeline?until=2012-09-15&days=7")
    urls = {word: url for url, word in page.links}
    assert urls["Earlier"] == "/events/timeline?days=7&until=2012-09-08"
    assert urls["Later"] == "/events/timeline?days=7&until=2012-09-22"
    tabs = [(url, word) for url, word in page.links if word in ("Timeline", "Detected")]
    assert tabs == [("/events/timeline", "Timeline"), ("/events?view=detected", "Detected")]


def test_what_the_picture_cannot_be_asked_is_named(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.reader)
    assert "Nothing recorded for these days" in visitor.read("/events/timeline").text
    for query in ("days=8", "days=x", "until=soon", "until=9999-12-31", "site=x", "network=<b>"):
        answer = visitor.get(f"/events/timeline?{query}")
        assert answer.status_code == 422, query
        assert query.split("=")[0].capitalize() in "".join(PageReader(answer.text).alerts)


def test_thirty_lanes_with_three_hundred_events_are_a_small_page(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        first = session.scalars(select(Link).where(Link.name == LINK)).one()
        for number in range(30):
            name = f"CERN-GRIDKA-LHCOPN-{number + 100}"
            session.add(Link(name=name, network="LHCOPN", end_a=first.end_a, end_b=first.end_b))
    messages = []
    for number in range(300):
        start = at("01 00:00") + timedelta(hours=2 * number)
        link = f"CERN-GRIDKA-LHCOPN-{number % 30 + 100}"
        messages.append(
            EventMessage(
                number,
                f"event {number}",
                "test",
                f"{number}",
                link=link,
                state="down",
                start=start,
                end=start + timedelta(minutes=90),
                is_open=False,
            )
        )
    with transaction(session):
        outcomes = report_events(session, writer(cast.operator, LATE), messages).outcomes
    assert all(one.event_id for one in outcomes), outcomes[0]
    with transaction(session):
        bring_up_to_date(session, datetime.now(UTC), everything=True)
    visitor = visit(cast.reader)
    answer = visitor.get(MARCH)
    assert len(bars(visitor, MARCH)) == 300
    assert len(answer.data) < 100_000  # of 150 kB with style sheet and scripts beside it
