"""The page of availability: from reported events to its numbers, and what it says without any."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import Event, EventSource
from app.events.services.withdrawal import withdraw_event
from app.statistics.figures.availability import Availability
from app.statistics.pages.heat_map import band_of
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter
from tests.matching.matching_world import LINK, report

PIC = "CERN-PIC-LHCOPN-001"
FILE = "/statistics/availability.csv?from=2012-Q1&to=2012-Q2"


def rows_of(reader: Visitor, address: str = FILE) -> dict[tuple[str, str], dict[str, str]]:
    answer = reader.get(address)
    assert answer.status_code == 200
    return {(row["name"], row["period"]): row for row in csv.DictReader(io.StringIO(answer.text))}


@pytest.fixture
def told(session: Session, cast: Cast) -> None:
    """Of DE-KIT's link 21 h 50 min down in the first quarter of 2012 and 10 h degraded, 1 h of
    which somebody else saw as down; of ES-PIC's nothing before the second."""
    report(session, cast, "2012-01-10 00:00", "2012-01-10 20:50")
    report(session, cast, "2012-02-10 00:00", "2012-02-10 10:00", state="degraded")
    report(session, cast, "2012-02-10 03:00", "2012-02-10 04:00")
    report(session, cast, "2012-04-02 00:00", "2012-04-03 00:00", link=PIC, state="unmonitored")


def test_availability_of_links_and_sites_computed_by_hand(
    cast: Cast, visit: Enter, told: None
) -> None:
    """A quarter of 91 days has 2184 h."""
    rows = rows_of(visit(cast.reader))
    first = rows[(LINK, "2012-Q1")]
    assert float(first["availability"]) == pytest.approx(1 - (21 + 50 / 60) / 2184, abs=1e-4)
    assert (first["hours"], first["degraded_hours"], first["unmonitored_hours"]) == (
        "2184",
        "9",
        "0",
    )
    assert rows[(PIC, "2012-Q1")]["availability"] == ""
    assert rows[(PIC, "2012-Q2")]["unmonitored_hours"] == "24"
    assert rows[(PIC, "2012-Q2")]["availability"] == "1"
    # both links end at CERN; in the first quarter one of them has data
    assert rows[("CH-CERN", "2012-Q1")]["hours"] == "2184"
    assert rows[("CH-CERN", "2012-Q2")]["hours"] == "4368"
    assert rows[("DE-KIT", "2012-Q1")]["availability"] == first["availability"]


def test_the_page_says_no_data_and_leads_to_the_events(
    cast: Cast, visit: Enter, told: None
) -> None:
    reader = visit(cast.reader)
    page = PageReader(reader.get("/statistics/availability?from=2012-Q1&to=2012-Q2").text)
    assert "no data" in page.text
    assert "99.00 %" in page.text
    found = [href for href, text in page.links if text == "99.00 %" and "link=" in href]
    shown = reader.get(found[0]).text
    assert "2012-01-10" in shown
    assert "2012-04-02" not in shown


def test_a_number_leads_to_what_was_on_then_though_it_began_before(
    session: Session, cast: Cast, visit: Enter
) -> None:
    report(session, cast, "2012-01-10 00:00", "2012-01-10 20:50")
    report(session, cast, "2012-03-30 00:00", "2012-04-02 00:00")
    report(session, cast, "2012-03-31 23:00", "2012-04-01 00:00")
    reader = visit(cast.reader)
    page = reader.read("/statistics/availability?from=2012-Q2&to=2012-Q2")
    found = [href for href, text in page.links if text == "98.90 %" and "link=" in href]
    shown = reader.read(found[0]).text
    assert "2012-03-30 00:00" in shown
    assert "2012-01-10" not in shown
    assert "2012-03-31 23:00" not in shown, "it ended as the quarter began"


def test_what_was_withdrawn_never_was(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    reader = visit(cast.reader)
    assert float(rows_of(reader)[(LINK, "2012-Q1")]["down_hours"]) > 21
    with transaction(session):
        for number in session.scalars(select(Event.id).where(Event.state == "down")).all():
            withdraw_event(session, writer(cast.operator), number, "A test of the source")
    row = rows_of(reader)[(LINK, "2012-Q1")]
    assert (row["down_hours"], row["degraded_hours"]) == ("0", "10")


def test_a_site_and_a_network_are_chosen(cast: Cast, visit: Enter, told: None) -> None:
    reader = visit(cast.reader)
    assert {name for name, _ in rows_of(reader, f"{FILE}&site=pic")} == {
        "CH-CERN",
        "ES-PIC",
        PIC,
        "All of these links",
    }
    assert "No link" in reader.get("/statistics/availability?network=LHCONE").text


def test_sites_by_month_are_the_same_figures(cast: Cast, visit: Enter, told: None) -> None:
    """January 2012 has 744 h of which 20 h 50 min were down, February 696 h with one."""
    text = visit(cast.reader).get("/statistics/availability?from=2012-Q1&to=2012-Q2").text
    table = text[text.index('<table class="heat-map">') :].partition("</table>")[0]
    months = re.findall(r'<th scope="col">(\d{4}-\d\d)', table)
    assert (months[0], months[-1], len(months)) == ("2011-07", "2012-06", 12)
    row = next(row for row in table.split("<tr>") if '<th scope="row">DE-KIT' in row)
    cells = re.findall(r'<td class="([^"]+)">(?:<a href="([^"]*)">|<span>)([^<]+)<', row)
    words = [(kind, word) for kind, _url, word in cells]
    assert words == [
        *[("none", "no data")] * 6,
        ("heat-3", "97.20"),
        ("heat-1", "99.86"),
        *[("heat-0", "100")] * 4,
    ]
    january = visit(cast.reader).get(html.unescape(cells[6][1])).text
    assert "2012-01-10" in january
    assert "2012-02-10" not in january
    # months that are not over yet end with this one
    text = visit(cast.reader).get("/statistics/availability?per=year&to=2098").text
    assert "2098-12" not in text


@pytest.mark.parametrize(
    ("down", "band"),
    [(0, 0), (5, 0), (6, 1), (50, 1), (51, 2), (200, 2), (201, 3), (500, 3), (501, 4)],
)
def test_a_band_begins_with_its_least_availability(down: int, band: int) -> None:
    assert band_of(Availability(length=10_000, down=down, whole=10_000)) == band
    assert band_of(Availability(whole=10_000)) is None


def test_silence_is_left_out_of_every_form_of_the_figure(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    """N1: the silence of a dead source counted as up. Heard until noon of 2012-05-01, its day 30 of
    91 in the second quarter: 732 h of 2184 are known, and nobody was heard in the third."""
    heard = datetime(2012, 5, 1, 12, tzinfo=UTC)
    with transaction(session):
        session.execute(update(EventSource).values(last_heard_at=heard))
    reader = visit(cast.reader)
    rows = rows_of(reader, "/statistics/availability.csv?from=2012-Q1&to=2012-Q3")
    assert rows[(LINK, "2012-Q1")]["unmonitored_hours"] == "0"
    assert (rows[(LINK, "2012-Q2")]["hours"], rows[(LINK, "2012-Q2")]["unmonitored_hours"]) == (
        "2184",
        "1452",
    )
    assert rows[(LINK, "2012-Q3")]["availability"] == ""
    page = reader.read("/statistics/availability?from=2012-Q2&to=2012-Q2&site=DE-KIT")
    assert "66.48 %" in page.text
    link = reader.read(f"/links/{LINK}?on=2012-05-20")
    assert "unmonitored" in link.text
    # an upgraded portal does not know of silence before it
    with transaction(session):
        session.execute(update(EventSource).values(silence_from=datetime(2012, 7, 1, tzinfo=UTC)))
    rows = rows_of(reader, "/statistics/availability.csv?from=2012-Q2&to=2012-Q3")
    assert rows[(LINK, "2012-Q2")]["unmonitored_hours"] == "0"
    assert rows[(LINK, "2012-Q3")]["availability"] == ""


def test_what_people_enter_is_no_monitoring(
    session: Session, cast: Cast, visit: Enter, told: None
) -> None:
    with transaction(session):
        session.execute(update(EventSource).values(kind="hand"))
    rows = rows_of(visit(cast.reader))
    assert rows[(LINK, "2012-Q1")]["availability"] == ""
