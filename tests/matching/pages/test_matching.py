"""The pages of matching: the two tables, their CSV, the rule, and decisions by hand."""

from __future__ import annotations

import csv
import io
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.duties.services import listed_events
from app.jobs.services.workers import greet_worker
from app.matching.services import event_matches, matches, recompute
from app.matching.services.stale_links import freshness, lock
from app.matching.web import freshness as freshness_of_pages
from tests.cast import NOON, Cast
from tests.harness.databases import open_engine
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter
from tests.matching.matching_world import LINK, recompute_all, report, ticket, why

PIC = "CERN-PIC-LHCOPN-001"


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def told(session: Session, cast: Cast) -> None:
    """Of DE-KIT two events in each of two quarters, one of them documented; of ES-PIC one."""
    report(session, cast, "5 10:00", "5 11:00")
    report(session, cast, "4 10:00", "4 10:59:59")  # too short
    report(session, cast, "2013-02-01 10:00", "2013-02-01 12:00")
    ticket(session, cast, links=(LINK,), event_start="5 10:30", event_end="5 10:40")
    report(session, cast, "2012-12-31 23:30", "2013-01-01 02:00", link=PIC)


def test_the_file_holds_what_was_counted(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    answer = visit(cast.reader).get("/statistics/matching.csv?from=2012-Q3&to=2013-Q1")
    assert answer.mimetype == "text/csv"
    assert rows_of(answer.text) == [
        ["site", "quarter", "detected", "documented"],
        ["CH-CERN", "2012-Q3", "", ""],
        ["DE-KIT", "2012-Q3", "", ""],
        ["ES-PIC", "2012-Q3", "", ""],
        ["TOTAL", "2012-Q3", "", ""],
        ["CH-CERN", "2012-Q4", "0", "0"],
        ["DE-KIT", "2012-Q4", "", ""],
        ["ES-PIC", "2012-Q4", "1", "0"],
        ["TOTAL", "2012-Q4", "1", "0"],
        ["CH-CERN", "2013-Q1", "0", "0"],
        ["DE-KIT", "2013-Q1", "2", "1"],
        ["ES-PIC", "2013-Q1", "0", "0"],
        ["TOTAL", "2013-Q1", "2", "1"],
    ]


def test_the_file_waits_a_moment_for_who_works_already(
    session: Session, database: str, cast: Cast, visit: Enter, told: None
) -> None:
    held, release = threading.Event(), threading.Event()

    def work() -> None:
        engine = open_engine(database)
        with Session(engine) as own, transaction(own):
            lock(own)
            held.set()
            release.wait(60)
        engine.dispose()

    worker = threading.Thread(target=work)
    worker.start()
    assert held.wait(60)
    session.rollback()
    threading.Timer(0.6, release.set).start()
    answer = visit(cast.reader).get("/statistics/matching.csv?from=2013-Q1&to=2013-Q1")
    worker.join()
    assert rows_of(answer.text)[-1] == ["TOTAL", "2013-Q1", "2", "1"]


def test_the_page_shows_the_same_and_leads_to_the_rows(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    page = PageReader(visit(cast.reader).get("/statistics/matching?quarters=slides").text)
    for words in ("2012-Q1 to 2012-Q2", "2013-Q1 to 2013-Q2", "no data", "Computed"):
        assert words in page.text
    assert "related events in tickets / detected events >= 1 h, LHCOPN" in page.text
    sources = visit(cast.reader).read("/statistics/definitions").text
    assert "cannot be right" in sources
    assert "contradict" not in page.text
    found = dict(page.links)
    listed = "/events?quarter=2013-Q1&t1=DE-KIT&network=LHCOPN&counted=yes"
    assert found[listed] == "2"
    assert found[f"{listed}&documented=yes"] == "1"
    assert found[f"{listed}&documented=no"] == "1 missing"
    assert found["/events?quarter=2013-Q1&network=LHCOPN&counted=yes"] == "2", "the total"
    assert "/statistics/matching.csv?quarters=slides" in found
    lines = rows_of(visit(cast.reader).get("/statistics/matching.csv?quarters=slides").text)
    assert {line[1] for line in lines[1:]} == {"2012-Q1", "2012-Q2", "2013-Q1", "2013-Q2"}
    assert freshness(session).is_fresh, "the page worked in what was new"


def test_a_write_is_in_the_next_page(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    reader = visit(cast.reader)
    address = "/statistics/matching.csv?from=2013-Q1&to=2013-Q1"
    assert rows_of(reader.get(address).text)[-1] == ["TOTAL", "2013-Q1", "2", "1"]
    ticket(
        session,
        cast,
        sites=("DE-KIT",),
        event_start="2013-02-01 10:00",
        event_end="2013-02-01 11:00",
    )
    assert rows_of(reader.get(address).text)[-1] == ["TOTAL", "2013-Q1", "2", "2"]


def test_a_duplicate_maintenance_documents_for_its_master(
    session: Session, cast: Cast, visit: Enter
) -> None:
    report(session, cast, "5 10:00", "5 11:30")
    master = ticket(
        session,
        cast,
        category="maintenance",
        links=(PIC,),
        window_start="1 00:00",
        window_end="1 01:00",
    )
    double = ticket(
        session,
        cast,
        category="maintenance",
        links=(LINK,),
        window_start="5 10:00",
        window_end="5 11:00",
    )
    operator = visit(cast.operator)
    address = "/statistics/matching.csv?from=2013-Q1&to=2013-Q1"
    # as a duplicate ends; alone it would have been cancelled
    answer = operator.send(f"/tickets/{double}/move", {"state": "unsolved"})
    assert answer.status_code == 303
    assert rows_of(operator.get(address).text)[-1] == ["TOTAL", "2013-Q1", "1", "0"]
    duplicate = {"role": "duplicate_of", "other": str(master)}
    assert operator.send(f"/tickets/{double}/relate", duplicate).status_code == 303
    assert rows_of(operator.get(address).text)[-1] == ["TOTAL", "2013-Q1", "1", "1"]
    assert [number for _event, number in why(session)] == [master]


def test_a_page_leaves_a_link_of_very_many_rows_to_a_worker(
    session: Session, cast: Cast, visit: Enter, told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = visit(cast.reader)
    address = "/statistics/matching?from=2013-Q1&to=2013-Q1"
    listed = "/events?quarter=2013-Q1&t1=DE-KIT&network=LHCOPN&counted=yes"
    assert dict(PageReader(reader.get(address).text).links)[listed] == "2"
    monkeypatch.setattr(recompute, "MAX_ROWS", 3)
    report(session, cast, "2013-01-08 10:00", "2013-01-08 12:00")
    page = PageReader(reader.get(address).text)
    assert dict(page.links)[listed] == "2"
    assert "Not up to date: no worker is active" in page.text
    assert "Recalculating" not in page.text
    assert "Not up to date: no worker is active" in PageReader(reader.get("/duty").text).text
    with transaction(session):
        greet_worker(session, "w", "portal-1.example", 4711, datetime.now(UTC))
    for one in (address, "/duty"):
        text = PageReader(reader.get(one).text).text
        assert "Recalculating" in text, one
        assert "no worker is active" not in text, one
    assert not freshness(session).is_fresh
    with transaction(session):
        assert recompute.bring_up_to_date(session, NOON).is_fresh
    page = PageReader(reader.get(address).text)
    assert dict(page.links)[listed] == "3"
    assert "Recalculating" not in page.text
    assert "no worker is active" not in page.text
    # of a link with few of them it does so itself
    report(session, cast, "2013-01-08 10:00", "2013-01-08 12:00", link=PIC)
    text = reader.get(address).text
    assert dict(PageReader(text).links)[listed.replace("DE-KIT", "ES-PIC")] == "1"


@pytest.mark.parametrize(
    "address",
    [
        "/statistics/matching.csv?from=2013-Q1&to=2013-Q1",
        "/statistics/matching?from=2013-Q1&to=2013-Q1",
        "/events.csv?quarter=2013-Q1",
        "/duty.csv",
        "/statistics/what-if.csv",
        "/",
    ],
)
def test_figures_say_up_to_when_changes_are_in_them(
    session: Session,
    cast: Cast,
    visit: Enter,
    told: None,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    operator = visit(cast.operator)
    monkeypatch.setattr(freshness_of_pages, "FILE", 0.0)
    monkeypatch.setattr(recompute, "MAX_ROWS", 0)
    asked = f"{address}{'&' if '?' in address else '?'}fresh=1"

    never = operator.get(asked)
    assert (never.status_code, never.headers["Figures-Up-To"]) == (503, "never")
    with transaction(session):
        assert recompute.bring_up_to_date(session, NOON).is_fresh
    before = datetime.now(UTC).replace(microsecond=0)
    answer = operator.get(asked)
    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.headers["Figures-Up-To"]) >= before
    assert "Retry-After" not in answer.headers

    report(session, cast, "2013-01-08 10:00", "2013-01-08 12:00")
    behind = operator.get(address)
    assert (behind.status_code, behind.headers["Figures-Up-To"]) == (200, "2013-03-06T12:00:00Z")
    refused = operator.get(asked)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Figures-Up-To"] == behind.headers["Figures-Up-To"]
    assert "not up to date yet" in refused.text
    with transaction(session):
        assert recompute.bring_up_to_date(session, NOON).is_fresh
    assert operator.get(asked).status_code == 200


def test_figures_that_lack_what_began_to_count_with_the_time_do_not_say_that_they_are_of_now(
    session: Session, cast: Cast, visit: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "/statistics/matching.csv?from=2013-Q1&to=2013-Q1"
    report(session, cast, "2013-03-06 11:30", None)  # at noon not long enough to count
    with transaction(session):
        assert recompute.bring_up_to_date(session, NOON).is_fresh
    monkeypatch.setattr(freshness_of_pages, "FILE", 0.0)
    monkeypatch.setattr(recompute, "MAX_ROWS", 0)  # a worker has to do it
    operator = visit(cast.operator)
    behind = operator.get(address)
    assert rows_of(behind.text)[-1] == ["TOTAL", "2013-Q1", "0", "0"]
    assert behind.headers["Figures-Up-To"] == "2013-03-06T12:00:00Z"
    page = operator.get("/statistics/matching?from=2013-Q1&to=2013-Q1")
    assert "Not up to date: no worker is active" in PageReader(page.text).text
    assert operator.get(f"{address}&fresh=1").status_code == 503
    with transaction(session):
        assert recompute.bring_up_to_date(session, datetime.now(UTC)).is_fresh
    fresh = operator.get(f"{address}&fresh=1")
    assert rows_of(fresh.text)[-1] == ["TOTAL", "2013-Q1", "1", "0"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2013-Q5", "Write a quarter as 2012-Q1"),
        ("from=2013-Q2&to=2013-Q1", "ends before it begins"),
        ("from=1990-Q1&to=2099-Q4", "at most 400 at once"),
        ("from=9998-Q4", "from 1990-Q1"),
        ("network=GEANT", "choose LHCOPN or LHCONE"),
        ("quarters=all", "enter slides"),
        ("from=%3Cscript%3E", "Write a quarter"),
    ],
)
def test_what_cannot_be_used_is_named(cast: Cast, visit: Enter, query: str, words: str) -> None:
    visitor = visit(cast.reader)
    page = visitor.get(f"/statistics/matching?{query}")
    assert page.status_code == 422
    assert words in PageReader(page.text).text
    assert visitor.get(f"/statistics/matching.csv?{query}").status_code == 422


def test_all_quarters_since_the_first_tickets_are_one_table(
    cast: Cast, visit: Enter, told: None
) -> None:
    text = visit(cast.reader).get("/statistics/matching.csv?from=2009-Q1&to=2026-Q4").text
    quarters = {line.split(",")[1] for line in text.splitlines()[1:]}
    assert {"2009-Q1", "2013-Q1", "2026-Q4"} <= quarters
    assert len(quarters) == 18 * 4


def test_a_future_quarter_has_no_data(cast: Cast, visit: Enter, told: None) -> None:
    page = PageReader(visit(cast.reader).get("/statistics/matching?from=2098-Q1&to=2098-Q1").text)
    assert "not started" in page.text
    assert "no data" in page.text


def test_an_admin_adds_a_rule_and_all_is_matched_anew(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    admin = visit(cast.admin)
    address = "/statistics/matching.csv?from=2013-Q1&to=2013-Q1"
    assert rows_of(admin.get(address).text)[-1] == ["TOTAL", "2013-Q1", "2", "1"]
    form = {"valid_from": "2013-03-01", "gap": "10", "minimal": "30", "tolerance": "60"}
    assert admin.send("/statistics/matching/rules", {**form, "note": ""}).status_code == 422
    assert admin.send("/statistics/matching/rules", {**form, "note": "Shorter"}).status_code == 303
    assert rows_of(admin.get(address).text)[-1] == ["TOTAL", "2013-Q1", "3", "1"]
    again = admin.send("/statistics/matching/rules", {**form, "note": "Again"})
    assert "choose a later start" in PageReader(again.text).text
    assert "Shorter" in admin.get("/statistics/matching/rules").text


def test_a_decision_by_hand_on_the_page_of_an_event(
    session: Session, cast: Cast, visit: Enter
) -> None:
    event = report(session, cast, "5 10:00", "5 11:00")
    number = ticket(session, cast, event_start="1 00:00", event_end="1 01:00")
    visitor = visit(cast.kit)
    wrong = visitor.send(f"/events/{event}/link", {"ticket": "many", "reason": "<b>kept</b>"})
    assert wrong.status_code == 422
    assert "Enter a ticket number" in PageReader(wrong.text).text
    assert "&lt;b&gt;kept&lt;/b&gt;" in wrong.text
    for typed, reason, words in (
        ("999999", "x", "Ticket not found"),
        (str(number), " ", "Reason is required"),
    ):
        answer = visitor.send(f"/events/{event}/link", {"ticket": typed, "reason": reason})
        assert words in PageReader(answer.text).text
    fields = {"ticket": f"#{number}", "reason": "The clock was wrong"}
    assert visitor.send(f"/events/{event}/link", fields).status_code == 303
    assert why(session) == {(event, number): "by hand: The clock was wrong*"}
    assert visitor.send(f"/events/{event}/undo", {"ticket": str(number)}).status_code == 303
    assert why(session) == {}
    assert visitor.send("/events/999999/link", fields).status_code == 404


def test_a_test_ticket_cannot_be_linked(session: Session, cast: Cast, visit: Enter) -> None:
    event = report(session, cast, "5 10:00", "5 11:00")
    number = ticket(session, cast, category="test")
    answer = visit(cast.operator).send(
        f"/events/{event}/link", {"ticket": str(number), "reason": "x"}
    )
    assert answer.status_code == 422
    assert "cannot document an event" in PageReader(answer.text).text


def test_every_number_is_the_count_of_its_list(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    """Each address of the page, asked of the list as a file."""
    report(session, cast, "3 10:00", "3 12:00", link=None, site="DE-KIT")  # listed, not counted
    reader = visit(cast.reader)
    page = PageReader(reader.get("/statistics/matching?from=2012-Q4&to=2013-Q1").text)
    asked = [(url, text) for url, text in page.links if url.startswith("/events?")]
    assert len(asked) > 10
    for url, text in asked:
        rows = rows_of(reader.get(url.replace("/events?", "/events.csv?view=detected&")).text)
        assert len(rows) - 1 == int(text.split()[0]), url


def test_pages_say_that_there_may_be_more_tickets_than_are_kept(
    session: Session, cast: Cast, visit: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (event_matches, listed_events, matches):
        monkeypatch.setattr(module, "MAX_KEPT", 5)
    event = report(session, cast, "5 10:00", "5 12:00")
    for _ in range(4):
        ticket(session, cast, links=(LINK,), event_start="5 10:00", event_end="5 12:00")
    reader = visit(cast.reader)
    assert "1 more" in PageReader(reader.get("/events?view=detected").text).text
    assert "begin last" not in reader.get(f"/events/{event}").text
    for _ in range(3):
        ticket(session, cast, links=(LINK,), event_start="5 10:10", event_end="5 12:00")
    page = PageReader(reader.get(f"/events/{event}").text)
    assert "Showing the latest 5 of each kind" in page.text
    # those of number 3 to 7, and the first one
    shown = {link for link, _ in page.links if link.startswith("/tickets/")}
    assert shown >= {f"/tickets/{number}" for number in (1, 3, 4, 5, 6, 7)}
    assert "/tickets/2" not in shown
    assert "and at least 3 more" in PageReader(reader.get("/events?view=detected").text).text
    # what the page of an event links to
    assert 'id="documented"' in reader.get("/statistics/definitions").text


def test_the_page_of_a_ticket_lists_its_detected_events(
    session: Session, cast: Cast, visit: Enter
) -> None:
    first = report(session, cast, "5 10:00", "5 11:30")
    ongoing = report(session, cast, "6 10:00", None, link=PIC)
    number = ticket(session, cast, links=(LINK,), event_start="5 10:30", event_end="5 10:40")
    other = ticket(session, cast, title="Without a link", event_start="1 00:00")
    recompute_all(session)
    visitor = visit(cast.reader)
    page = visitor.read(f"/tickets/{number}")
    assert (f"/events/{first}", f"{LINK} down") in page.links
    assert "2013-03-05 10:00 UTC , 1 h 30 min" in page.text
    assert "not documented" not in page.text
    assert "Detected events" not in visitor.read(f"/tickets/{other}").text
    fields = {"ticket": str(other), "reason": "The same cut"}
    assert visit(cast.operator).send(f"/events/{ongoing}/link", fields).status_code == 303
    recompute_all(session)
    page = visitor.read(f"/tickets/{other}")  # by hand, though it affects no link
    assert (f"/events/{ongoing}", f"{PIC} down") in page.links
    assert "ongoing" in page.text
    leads = [href for href, _text in visitor.read(f"/events/{ongoing}").links]
    assert f"/tickets/{other}" in leads
