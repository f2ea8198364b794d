"""Pages of statistics: each number is the list behind it, and the files say the same."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import HalfYear, Quarter, period_range
from app.tickets.services.lifecycle import change_ticket, close_due_tickets
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

THIS = Quarter.of(datetime.now(UTC))
SLIDES = "Show 2012-Q1 to 2013-Q2, the period of the LHCOPN group’s 2013 slides"
GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def told(session: Session, cast: Cast, opened: Open) -> dict[str, int]:
    """Tickets of 2012 and 2013 with one of each trap."""
    numbers = {
        "last moment": opened(
            now=at("2012-12-31T23:59:59.999"), links=(GRIDKA,), priority="urgent"
        ),
        "first moment": opened(now=at("2013-01-01"), links=(GRIDKA, PIC), sites=("DE-KIT", "pic")),
        "leap day": opened(now=at("2012-02-29T12:00"), sites=("Nowhere",), category="maintenance"),
        "test": opened(now=at("2012-03-01"), category="test", links=(PIC,)),
        "bare": opened(now=at("2012-03-02"), network="LHCONE", layer="L3"),
        "solved": opened(now=at("2012-04-02"), sites=("FZK-LCG2", "Nowhere"), priority="urgent"),
        "closed": opened(now=at("2012-04-02T10:00"), links=(PIC,)),
        "unsolved": opened(now=at("2012-04-03"), links=(PIC,), category="change"),
        "waiting": opened(now=at("2013-02-04"), sites=("ES-PIC",), layer="performance"),
    }
    with transaction(session):

        def move(name: str, when: str, state: str, **more: str) -> None:
            by = writer(cast.operator, at(when))
            change_ticket(session, by, numbers[name], {"state": state, **more})

        move("solved", "2012-04-03", "in progress")
        move("solved", "2012-04-09", "solved", solution="Replaced.")
        move("closed", "2012-04-02T16:00", "solved", solution="Spliced.")
        move("unsolved", "2012-04-04", "waiting for reply")
        move("unsolved", "2012-04-06", "unsolved")
        move("waiting", "2013-02-04T06:00", "waiting for reply")
        change_ticket(
            session, writer(cast.operator, NOON), numbers["solved"], {"priority": "top priority"}
        )
    session.expire_all()
    with transaction(session):
        # ten working days after the first of them was solved
        close_due_tickets(session, SYSTEM, at("2012-04-16T17:00"))
    return numbers


def rows_of(visitor: Visitor, address: str) -> list[dict[str, str]]:
    answer = visitor.get(address)
    assert answer.status_code == 200, address
    return list(csv.DictReader(io.StringIO(answer.text)))


def numbers_of(visitor: Visitor, address: str) -> list[tuple[int, str]]:
    """Each number of a page that leads to the list, with that address."""
    page = PageReader(visitor.get(address).text)
    return [
        (int(text.replace(",", "")), href)
        for href, text in page.links
        if href.startswith("/tickets?") and text.replace(",", "").isdigit()
    ]


PAGES = [
    "/statistics",
    *(f"/statistics/tickets?by={by}&per={per}&from=2012&to=2013"
      for by in ("", "network", "category", "layer", "state", "site", "responsible", "link")
      for per in ("year", "quarter")),
    "/statistics/tickets?by=month&from=2012-02-29&to=2013-01",
    f"/statistics/tickets?by=link&link={PIC}&per=half-year&from=2012&to=2013",
    "/statistics/tickets?by=site&site=FZK-LCG2&from=2012&to=2013",
    "/statistics/tickets?by=site&site=Nowhere&state=closed&from=2012&to=2013",
    "/statistics/tickets?by=state&state=open&category=incident&category=test&from=2012",
    "/statistics/times?per=quarter&from=2012",
    "/statistics/times?by=site&category=incident&from=2012&to=2013",
    "/statistics/times?by=responsible&from=2012&to=2013",
    "/statistics/long-standing",
    "/statistics/long-standing?site=pic",
]  # fmt: skip


def test_each_number_is_the_list_behind_it(visit: Enter, cast: Cast, told: dict[str, int]) -> None:
    reader = visit(cast.reader)
    counted: dict[str, int] = {}
    for page in PAGES:
        found = numbers_of(reader, page)
        assert found, page
        for number, address in found:
            if address not in counted:
                counted[address] = len(
                    rows_of(reader, address.replace("/tickets?", "/tickets.csv?"))
                )
            assert counted[address] == number, (page, address)


def test_tickets_of_each_half_year_and_no_test(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    rows = rows_of(visit(cast.reader), "/statistics/tickets.csv?per=half-year&from=2012&to=2013")
    assert [(row["period"], row["begin"], row["end"], row["tickets"]) for row in rows] == [
        ("2012-H1", "2012-01-01", "2012-06-30", "5"),
        ("2012-H2", "2012-07-01", "2012-12-31", "1"),
        ("2013-H1", "2013-01-01", "2013-06-30", "2"),
        ("2013-H2", "2013-07-01", "2013-12-31", "0"),
    ]


def test_a_ticket_counts_for_each_link_and_once_in_the_total(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    rows = rows_of(visit(cast.reader), "/statistics/tickets.csv?by=link&per=year&from=2013&to=2013")
    assert {row["link"]: row["tickets"] for row in rows} == {
        GRIDKA: "1",
        PIC: "1",
        "no link": "1",
        "TOTAL": "2",
    }


def test_times_of_2012_computed_by_hand(visit: Enter, cast: Cast, told: dict[str, int]) -> None:
    """Solved: Monday 2 April to Monday 9 April 2012, five working days, seven days; response after
    one. Closed: 6 h, at once. Unsolved: 3 April to 6 April, three; response after one, two of
    waiting."""
    row, *_ = rows_of(visit(cast.reader), "/statistics/times.csv?per=year&from=2012&to=2012")
    assert row["tickets"] == "6"
    assert row["response_working_days_count"] == "3"
    assert float(row["response_working_days_median"]) == 1
    assert row["solution_working_days_count"] == "3"
    assert float(row["solution_working_days_median"]) == 3
    assert float(row["solution_working_days_average"]) == pytest.approx(
        (5 + 0.25 + 3) / 3, abs=1e-4
    )
    assert float(row["lifetime_days_average"]) == pytest.approx((7 + 0.25 + 3) / 3, abs=1e-4)
    assert (row["waiting_days_count"], float(row["waiting_days_median"])) == ("1", 2)
    # without waiting and on hold: 5, 0.25, and 3 less two
    assert row["active_working_days_count"] == "3"
    assert float(row["active_working_days_median"]) == 1
    page = visit(cast.reader).read("/statistics/times?per=year&by=site&from=2012&to=2012")
    assert "Solution without waiting, working time" in page.text
    assert "3 days" in page.text


def test_a_wait_that_goes_on_counts_up_to_now(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    row, *_ = rows_of(visit(cast.reader), "/statistics/times.csv?per=year&from=2013&to=2013")
    expected = (datetime.now(UTC) - at("2013-02-04T06:00")) / timedelta(days=1)
    assert float(row["waiting_days_average"]) == pytest.approx(expected, abs=0.01)
    assert row["solution_working_days_median"] == ""


def test_times_are_told_as_people_say_them(
    visit: Enter, cast: Cast, opened: Open, session: Session
) -> None:
    """On the overview stood "0.02 working days"; the test works on whatever day it runs."""
    now = datetime.now(UTC)
    created = now - timedelta(days=(now.weekday() - 2) % 7 + 7)  # a Wednesday
    number = opened(now=created)
    with transaction(session):
        by = writer(cast.operator, created + timedelta(minutes=10))
        change_ticket(session, by, number, {"state": "on hold"})
        by = writer(cast.operator, created + timedelta(minutes=25))
        change_ticket(session, by, number, {"state": "solved", "solution": "Plugged in."})
    reader, year = visit(cast.reader), created.year
    if year == now.year:  # the overview tells of this year's tickets
        text = reader.read("/statistics").text
        assert f"25 min median working time to solve a ticket created in {year} (n = 1)" in text
        assert "10 min without the time spent waiting or on hold" in text
    text = reader.read(f"/statistics/times?per=year&from={year}&to={year}").text
    assert f"{year} 1 1 10 min 10 min 1 25 min 25 min 1 10 min 10 min 0 no data" in text
    for words in ("Solution time without waiting:", "show minutes, hours or days"):
        assert words in visit(cast.reader).read("/statistics/definitions").text


def test_pages_show_the_present_unless_they_are_asked_for_other_times(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    reader = visit(cast.reader)
    present = [str(quarter) for quarter in period_range(THIS.after(-4), THIS)]
    for file in ("tickets", "times", "availability"):
        periods = {row["period"] for row in rows_of(reader, f"/statistics/{file}.csv")}
        assert sorted(periods) == present, file
    for file in ("matching", "what-if"):
        quarters = {row["quarter"] for row in rows_of(reader, f"/statistics/{file}.csv")}
        assert sorted(quarters) == present, file
    years = {row["period"] for row in rows_of(reader, "/statistics/tickets.csv?per=year")}
    assert sorted(years) == [str(THIS.year - back) for back in range(4, -1, -1)]
    # the quarters of the slides are one click away
    slides = "from=2012-Q1&to=2013-Q2"
    for page in ("tickets", "times", "availability", "what-if"):
        links = reader.read(f"/statistics/{page}").links
        (url,) = [url for url, text in links if text == SLIDES]
        assert slides in url
    matched = "Show Q1 and Q2 of 2012 and 2013, as in the LHCOPN group’s 2013 slides"
    assert ("/statistics/matching?quarters=slides", matched) in (
        reader.read("/statistics/matching").links
    )


def test_the_deck_s_numbers_are_quoted_and_not_counted(
    visit: Enter, cast: Cast, opened: Open
) -> None:
    """A new portal said: 0 tickets in 2012, 0 in the first half of 2013."""
    opened(now=datetime.now(UTC))
    reader = visit(cast.reader)
    text = reader.read("/statistics").text
    quoted = "from the LHCOPN group’s 2013 report: 111 in 2012 and 14 in the first half of 2013"
    assert quoted in text
    assert "0 tickets in" not in text
    half = HalfYear.of(datetime.now(UTC))
    year = f"{half.year - (half.number == 1)}"
    told = f"1 ticket in {year} so far, 1 in {half.words} so far."
    if half.number == 1:  # of the year before there is nothing
        told = f"no data in {year}, 1 in {half.words} so far."
    assert told in text


def test_a_year_without_any_ticket_has_no_data(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    reader = visit(cast.reader)
    rows = rows_of(reader, f"/statistics/tickets.csv?per=year&from=2011&to={THIS.year}")
    found = {row["period"]: row["tickets"] for row in rows}
    assert [found[year] for year in ("2011", "2012", "2013", "2014")] == ["", "6", "2", ""]
    assert found[str(THIS.year)] == "0", "of the running year it is known"
    # whatever is asked for: that none of 2012 is of a category is known, of 2014 it is not
    rows = rows_of(
        reader, "/statistics/tickets.csv?per=half-year&from=2012-H2&to=2014-H1&category=change"
    )
    assert [row["tickets"] for row in rows] == ["0", "0", "0", ""]
    page = reader.read("/statistics/tickets?per=year&from=2011&to=2013")
    assert "2011: no data; 2012: 6; 2013: 2" in page.text


def test_one_sees_what_one_has_just_written(
    visit: Enter, cast: Cast, opened: Open, told: dict[str, int]
) -> None:
    reader = visit(cast.reader)
    before = rows_of(reader, "/statistics/tickets.csv?per=year&from=2013&to=2013")
    opened(now=NOON)
    after = rows_of(reader, "/statistics/tickets.csv?per=year&from=2013&to=2013")
    assert int(after[0]["tickets"]) == int(before[0]["tickets"]) + 1


def test_what_cannot_be_used_is_named_and_left_out(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    page = PageReader(
        visit(cast.reader)
        .get("/statistics/tickets?by=colour&per=week&from=soon&to=0001&state=x")
        .text
    )
    for word in ("By:", "Per:", "From:", "To:", "State"):
        assert any(word in text for text in page.alerts), word
    for file in ("tickets.csv?per=week", "times.xlsx?from=soon", "availability.csv?network=x"):
        assert visit(cast.reader).get(f"/statistics/{file}").status_code in (400, 422)
    backwards = visit(cast.reader).get("/statistics/tickets?from=2013&to=2012").text
    assert "“To” is before “From”" in backwards


@pytest.mark.parametrize(
    "address", ["from=1990&per=month", "from=1990-01-01&to=2099-12-31&per=month"]
)
def test_a_long_range_is_shown_in_part(
    address: str, visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    text = visit(cast.reader).get(f"/statistics/tickets?{address}").text
    assert "Showing the newest 60" in text


def test_a_portal_without_tickets_says_so(visit: Enter, cast: Cast) -> None:
    reader = visit(cast.reader)
    assert "No tickets yet" in reader.get("/statistics").text
    for page in ("tickets", "times"):
        assert "No tickets" in reader.get(f"/statistics/{page}").text
    assert "No ticket is long-standing" in " ".join(
        reader.get("/statistics/long-standing").text.split()
    )
    assert "No data" in reader.get("/statistics/availability").text


def test_a_chart_tells_what_its_table_tells(visit: Enter, cast: Cast, told: dict[str, int]) -> None:
    text = visit(cast.reader).get("/statistics/tickets?from=2012&to=2013&per=half-year").text
    assert '<desc id="c-all-d">2012-H1: 5; 2012-H2: 1; 2013-H1: 2; 2013-H2: 0</desc>' in text
    assert "style=" not in text


def test_workbooks_hold_the_same_and_no_formula(
    visit: Enter, cast: Cast, opened: Open, session: Session
) -> None:
    opened(title="=1+1", now=at("2012-02-01"), sites=("=cmd|' /C calc'!A0",))
    reader = visit(cast.reader)
    rows = rows_of(reader, "/statistics/long-standing.csv")
    assert rows[0]["title"] == "'=1+1"
    rows = rows_of(reader, "/statistics/tickets.csv?by=site&from=2012&to=2012")
    assert rows[0]["site"].startswith("'=cmd")
    for page in ("tickets", "times", "long-standing", "availability"):
        answer = reader.get(f"/statistics/{page}.xlsx")
        with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
            assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


def test_definitions_hold_every_anchor_that_pages_name(
    visit: Enter, cast: Cast, told: dict[str, int]
) -> None:
    reader = visit(cast.reader)
    known = {
        value
        for _, name, value in PageReader(reader.get("/statistics/definitions").text).attributes
        if name == "id"
    }
    asked = set()
    for page in ("", "/tickets", "/times", "/long-standing", "/availability"):
        for href, _ in PageReader(reader.get(f"/statistics{page}").text).links:
            parts = urlsplit(href)
            if parts.path == "/statistics/definitions" and parts.fragment:
                asked.add(parts.fragment)
    assert asked
    assert asked <= known
