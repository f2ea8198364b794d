"""The list of events with its filters, its file, and the page of one event, as people use them."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.services.changes import changes_of
from app.events.models.events import Event, EventSource
from app.events.rules.events import read_event
from app.events.rules.file_reading import EventFileOptions, read_events
from app.events.services.events import EVENT, report_events
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

KIT, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
COLUMNS = ("source", "source_id", "link", "site", "state", "start", "end", "detail")
ROWS = (
    # 1 and 2 are one outage: five minutes lie between them
    ("psnr", "a", KIT, "", "down", "2013-03-01T10:00:00Z", "2013-03-01T11:00:00Z", "=1+1"),
    ("e2e", "a", KIT, "", "degraded", "2013-03-01T11:05:00Z", "2013-03-01T11:30:00Z", ""),
    ("psnr", "b", PIC, "", "down", "2012-12-31T23:30:00Z", "2013-01-01T01:00:00Z", ""),
    ("psnr", "c", PIC, "", "down", "2013-01-05T10:00:00Z", "2013-01-05T10:20:00Z", ""),
    ("psnr", "d", "", "ES-PIC", "down", "2013-01-06T10:00:00Z", "2013-01-06T12:00:00Z", ""),
    ("psnr", "e", KIT, "", "unmonitored", "2013-02-01T10:00:00Z", "2013-02-02T10:00:00Z", ""),
    ("psnr", "f", "KIT-X", "", "down", "2013-02-03T10:00:00Z", "2013-02-03T12:00:00Z", ""),
    ("psnr", "g", PIC, "", "degraded", "2013-03-05T10:00:00Z", "", "it goes on"),
)


def report(session: Session, cast: Cast, *rows: tuple[str, ...]) -> list[int]:
    messages = [
        read_event(place, f"event {place}", dict(zip(COLUMNS, row, strict=True)))
        for place, row in enumerate(rows)
    ]
    with transaction(session):
        by = writer(cast.operator)
        found = report_events(session, by, messages, keep_unresolved=True).outcomes
    return [outcome.event_id or 0 for outcome in found]


@pytest.fixture
def reported(session: Session, cast: Cast, opened: Open) -> list[int]:
    """The events of ``ROWS``, and a ticket about the first of them."""
    begins = datetime.fromisoformat(ROWS[0][5])
    opened(links=(KIT,), event_start=begins, event_end=begins + timedelta(minutes=40))
    return report(session, cast, *ROWS)


def shown(visitor: Visitor, query: str) -> tuple[str, list[str]]:
    """What the list says of its total, and the events in its rows."""
    page = visitor.read(f"/events?{query}")
    words = ("event", "events", "report", "reports")
    total = next(
        part.strip()
        for part in page.texts
        if part.strip()[:1].isdigit() and part.strip().endswith(words)
    )
    numbers = [
        url.removeprefix("/events/")
        for url, _ in page.links
        if url.removeprefix("/events/").isdigit()
    ]
    return total, numbers


def test_every_filter_finds_its_events_and_the_total_is_theirs(
    session: Session, cast: Cast, visit: Enter, reported: list[int]
) -> None:
    visitor = visit(cast.reader)
    a, _, b, c, d, e, f, g = map(str, reported)
    expected = {
        "": [g, a, d, c, b],
        "sort=start": [b, c, d, a, g],
        "counted=yes": [g, a, b],
        "counted=yes&documented=no": [g, b],
        "documented=yes": [a],
        "how=link": [a],
        "quarter=2012-Q4": [b],
        "quarter=2013-Q1&counted=yes": [g, a],
        "quarter=2012-Q4&quarter=2013-Q1&link=" + KIT: [a],
        "from=2013&to=2013-01": [d, c],
        "from=2013-01-06&to=2013-Q1": [g, a, d],
        "from=2013-H1": [g, a, d, c],
        "to=2012": [b],
        "t1=ES-PIC": [g, c, b],
        "t1=pic&counted=yes": [g, b],
        "t1=none": [],
        "site=ES-PIC": [g, d, c, b],
        "site=CERN": [g, a, c, b],
        "site=NOWHERE": [],
        "network=LHCONE": [],
        "state=degraded": [g],
        "source=e2e": [a],
        "ongoing=yes": [g],
        "ongoing=no&t1=ES-PIC": [c, b],
        "due=open": [g, b],
        "due=met&counted=yes": [],
        "view=reported&link=" + KIT: [e, a],
        "view=reported&documented=yes": [a],
        "view=reported&state=unmonitored": [e],
        "state=unmonitored": [e],
        "unresolved=yes": [f],
        "withdrawn=yes": [],
    }
    also = {"view=reported&link=" + KIT, "view=reported&documented=yes"}
    for query, numbers in expected.items():
        total, found = shown(visitor, query)
        if query in also:  # the second report of the first outage
            numbers = sorted([*numbers, str(reported[1])], key=lambda n: -_start(n, reported))
        assert found == numbers, query
        assert int(total.split()[0]) == len(numbers), query


def _start(number: str, reported: list[int]) -> float:
    return datetime.fromisoformat(ROWS[reported.index(int(number))][5]).timestamp()


@pytest.mark.parametrize(
    ("query", "current"),
    [
        ("", "Detected 5"),
        ("view=reported", "Raw reports 8"),
        ("counted=yes&documented=no", "Without a ticket 2"),
        ("view=reported&unresolved=yes", "Unresolved names 1"),
        ("unresolved=yes", "Unresolved names 1"),
        ("view=reported&ongoing=yes", "Raw reports 1"),
        ("ongoing=yes&site=ES-PIC", "Ongoing 1"),
        ("ongoing=yes&counted=yes&documented=no", "Detected 1"),
    ],
)
def test_one_tab_is_current_and_each_leads_to_where_it_is(
    cast: Cast, visit: Enter, reported: list[int], query: str, current: str
) -> None:
    visitor = visit(cast.operator)

    def tabs(url: str) -> list[tuple[str, bool, str]]:
        part = visitor.get(url).text.partition('<nav class="tabs"')[2].partition("</nav>")[0]
        marked = ["aria-current" in one for one in part.split("<a ")[1:]]
        links = PageReader(part).links
        return [(word, mark, url) for (url, word), mark in zip(links, marked, strict=True)]

    found = tabs(f"/events?{query}")
    assert [word for word, mark, _ in found if mark] == [current]
    for word, _mark, url in found:
        name = word.rstrip(" 0123456789")
        if "ongoing" in query and name in ("Detected", "Raw reports"):
            continue  # a filter of one's own goes along, and may be that of a tab
        (led_to,) = [there for there, mark, _ in tabs(url) if mark]
        assert led_to.rstrip(" 0123456789") == name


def test_an_admin_is_led_to_where_names_are_settled(
    cast: Cast, visit: Enter, reported: list[int]
) -> None:
    for actor, leads in ((cast.admin, True), (cast.operator, False)):
        page = visit(actor).read("/events?view=reported&unresolved=yes")
        assert ("Resolve these names" in page.text) is leads


def test_what_cannot_be_used_of_an_address_is_told(
    cast: Cast, visit: Enter, reported: list[int]
) -> None:
    visitor = visit(cast.reader)
    for query, told in {
        "state=up": "State: choose one of: down, degraded, unmonitored",
        "from=yesterday": "From: enter a day, month, quarter or year, such as 2012-01-31",
        "quarter=2012Q1": "Quarter: enter it as 2012-Q1",
        "from=2013&to=2012": "“To” is before “From”",
        "import=x": "Import: enter the number of an import",
        "counted=yes&counted=no": "Counted: only one value is possible; using the first",
        "after=x": "Invalid position in the list (after)",
        "link=%00": "Link holds a character",
        "due=never": "Required ticket: choose one of: open",
    }.items():
        answer = visitor.get(f"/events?{query}")
        assert answer.status_code == 422, query
        assert told in PageReader(answer.text).text, query
        if not query.startswith("after"):
            assert visitor.get(f"/events.csv?{query}").status_code == 422, query
    assert visitor.get("/events?link=&state=down").location == "/events?state=down"


def test_pages_follow_each_other_without_gap_or_double(
    session: Session, cast: Cast, visit: Enter
) -> None:
    same = "2013-01-01T00:00:00Z"  # one moment for all: the number decides
    rows = [("s", str(n), KIT, "", "unmonitored", same, same, "") for n in range(120)]
    numbers = report(session, cast, *rows)
    visitor = visit(cast.reader)
    url, found = "/events?view=reported", []
    earlier: list[list[int]] = []
    while url:
        page = visitor.read(url)
        links = {word: address for address, word in page.links}
        here = [
            int(address.removeprefix("/events/"))
            for address, _ in page.links
            if address.removeprefix("/events/").isdigit()
        ]
        earlier.append(here)
        found += here
        url, before = links.get("Show more", ""), links.get("Earlier", "")
    assert found == sorted(numbers, reverse=True)
    back = [
        int(address.removeprefix("/events/"))
        for address, _ in visitor.read(before).links
        if address.removeprefix("/events/").isdigit()
    ]
    assert back == earlier[-2]


def test_the_file_is_the_list_and_an_import_takes_it(
    session: Session, cast: Cast, visit: Enter, reported: list[int]
) -> None:
    visitor = visit(cast.reader)
    text = visitor.get("/events.csv?view=reported").text
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == (*COLUMNS[:-1], "layer", "detail")
    assert [row[1] for row in rows[1:]] == ["g", "a", "a", "f", "e", "d", "c", "b"]
    assert rows[3][8] == "'=1+1"
    read = [one.message for one in read_events(text.encode(), EventFileOptions())]
    assert not any(message.problems for message in read)
    assert [(m.source, m.source_id, m.link, m.state) for m in read[:2]] == [
        ("psnr", "g", PIC, "degraded"),
        ("e2e", "a", KIT, "degraded"),
    ]
    assert read[0].is_open
    assert read[2].detail == "=1+1"

    detected = list(csv.DictReader(io.StringIO(visitor.get("/events.csv?counted=yes").text)))
    assert [row["event"] for row in detected] == [str(reported[n]) for n in (7, 0, 2)]
    assert detected[1] == {
        "event": str(reported[0]),
        "link": KIT,
        "site": "",
        "state": "down",
        "start": "2013-03-01T10:00:00Z",
        "end": "2013-03-01T11:30:00Z",
        "seconds": "5400",
        "beginnings": "2",
        "quarter": "2013-Q1",
        "counted": "yes",
        "documented": "yes",
        "how": "link",
        "maintenance": "no",
        "tickets": "1",
    }


def test_an_event_shows_its_outage_its_ticket_and_its_duty(
    session: Session, cast: Cast, visit: Enter, reported: list[int]
) -> None:
    visitor = visit(cast.kit)
    page = visitor.read(f"/events/{reported[1]}")
    assert "same link, overlap 40 min" in page.text
    assert f"Report {reported[1]} (this)" in page.text
    assert (f"/events/{reported[0]}", f"Report {reported[0]}") in page.links
    assert "R2009" in page.text
    assert "operator reported it" in page.text
    assert not any("Edit" in word for _, word in page.links)  # only operators do
    missing = visitor.read(f"/events/{reported[2]}")
    assert (f"/tickets/new?event={reported[2]}", "Create ticket") in missing.links
    alone = visitor.read(f"/events/{reported[6]}")
    assert "unresolved" in alone.text
    assert "Not part of a detected event" in alone.text
    assert visitor.get("/events/4711").status_code == 404


def test_a_person_enters_corrects_and_closes_an_event(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.operator)
    form = visitor.read("/events/new").form("/events/new").data()
    typed = {**form, "link": KIT, "start": "2013-03-06 10:00+01:00", "detail": "Fibre <cut>"}
    bad = visitor.send("/events/new", {**typed, "link": "KIT-CERN", "start": "tomorrow"})
    assert bad.status_code == 422
    page = PageReader(bad.text)
    assert "Start is not a readable time" in page.text
    assert page.form("/events/new").values("link") == ["KIT-CERN"]
    unknown = visitor.send("/events/new", {**typed, "link": "CERN-GRIDKA-LHCOPN-01"})
    assert "nearest: CERN-GRIDKA-LHCOPN-001" in PageReader(unknown.text).text
    nothing = visitor.send("/events/new", {**typed, "link": ""})
    assert "Enter a link or a site" in PageReader(nothing.text).text
    made = visitor.send("/events/new", typed)
    assert (made.status_code, made.location) == (303, "/events/1")
    assert visitor.send("/events/new", typed).location == "/events/1"  # as a reload would
    page = visitor.read("/events/1")
    assert "Fibre <cut>" in page.text
    assert "2013-03-06 09:00 UTC" in page.text

    held = visitor.read("/events/1/edit?close=now").form("/events/1/edit").data()
    assert held["end"] != [""]
    closing = {**held, "end": "2013-03-06 12:00"}
    wrong = visitor.send("/events/1/edit", {**closing, "end": "2013-03-06 08:00"})
    assert "End: no time before the event's start" in PageReader(wrong.text).text
    assert visitor.send("/events/1/edit", closing).status_code == 303
    late = visitor.send("/events/1/edit", {**closing, "detail": "Other"})
    assert late.status_code == 409
    again = PageReader(late.text)
    assert "This event was changed after you opened the form" in again.text
    assert again.form("/events/1/edit").values("detail") == ["Other"]
    assert visitor.send("/events/1/edit", again.form("/events/1/edit").data()).status_code == 303
    text = visitor.read("/events/1").text
    assert "operator closed it" in text
    assert "operator corrected it" in text
    assert [change.version for change in changes_of(session, EVENT, 1)] == [1, 2, 3]


def test_a_withdrawn_event_is_seen_and_counted_nowhere_until_it_is_put_back(
    session: Session, cast: Cast, visit: Enter, reported: list[int]
) -> None:
    visitor, number = visit(cast.operator), reported[2]
    assert shown(visitor, "counted=yes")[1].count(str(number)) == 1
    refused = visitor.send(f"/events/{number}/withdraw", {"reason": ""})
    assert refused.status_code == 422
    assert "Reason is required" in PageReader(refused.text).text
    gone = visitor.send(f"/events/{number}/withdraw", {"reason": "The probe\nwas broken"})
    assert gone.status_code == 303
    assert str(number) not in shown(visitor, "")[1]
    assert str(number) not in shown(visitor, "view=reported")[1]
    assert shown(visitor, "withdrawn=yes")[1] == [str(number)]
    page = visitor.read(f"/events/{number}")
    assert "operator withdrew it" in page.text
    assert "The probe was broken" in page.text
    assert visitor.send(f"/events/{number}/restore", {"reason": "It was not"}).status_code == 303
    assert str(number) in shown(visitor, "counted=yes")[1]
    session.rollback()
    assert session.get_one(Event, number).version == 3


def test_an_empty_portal_says_where_events_come_from(cast: Cast, visit: Enter) -> None:
    page = visit(cast.operator).read("/events")
    assert "No events yet" in page.text
    assert ("/events/sources", "how to connect one") in page.links
    none = visit(cast.reader).read("/events?counted=yes&state=down")
    assert "No detected event matches these 2 filters" in none.text


def test_an_admin_says_what_the_labels_of_alerts_are_called(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    assert "No sources yet" in visitor.read("/events/sources").text
    held = visitor.read("/events/sources/new").form("/events/sources/new").data()
    assert held["link_label"] == ["link"]
    wrong = visitor.send("/events/sources/new", {**held, "name": "prom", "state_words": "bad"})
    assert "“bad”: enter value=state" in PageReader(wrong.text).text
    good = {**held, "name": "prom", "link_label": "circuit", "state_words": "bad=down"}
    assert visitor.send("/events/sources/new", good).status_code == 303
    again = visitor.send("/events/sources/new", {**good, "form_key": "of a second window"})
    assert "A source with this name already exists" in PageReader(again.text).text
    page = visitor.read("/events/sources")
    assert "prom Alertmanager" in page.text
    assert "circuit" in page.text
    assert "bad=down" in page.text
    place = next(href for href, text in page.links if text == "prom")
    form = visitor.read(place).form(place).data()
    assert form["state_words"] == ["bad=down"]
    assert visitor.get(f"{place}0").status_code == 404
    assert visitor.send("/events/sources/new", {**good, "name": "team/prom"}).status_code == 303
    for name in ("..", "team/./prom", "/prom"):
        refused = visitor.send("/events/sources/new", {**good, "name": name})
        assert refused.status_code == 422
        assert "is part of the webhook URL" in PageReader(refused.text).text


def test_a_source_is_opened_whatever_it_calls_itself(
    session: Session, cast: Cast, visit: Enter
) -> None:
    names = ("new", "..", ".", "a/../b", "team//prom", "?x=1#y", "7")
    event = {"link": KIT, "state": "down", "start": "2013-03-01T10:00:00Z"}
    with transaction(session):
        messages = [
            read_event(place, "", {"source": name, "source_id": "1", **event})
            for place, name in enumerate(names)
        ]
        report_events(session, writer(cast.operator), messages)
    visitor = visit(cast.admin)
    places = {text: href for href, text in visitor.read("/events/sources").links}
    for name in names:
        page = visitor.read(places[name])
        assert f"Sources {name} " in page.text
        form = page.form(places[name])
        sent = visitor.send(places[name], {**form.data(), "link_label": f"of {name}"})
        assert sent.status_code == 303
    session.rollback()
    labels = {row.name: row.link_label for row in session.scalars(select(EventSource))}
    assert labels == {name: f"of {name}" for name in names}
