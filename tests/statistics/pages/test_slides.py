"""Each page of figures as a workbook and as slides: numbers of its CSV, headed by the finding."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from pptx import Presentation
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import recompute_all, ticket
from tests.matching.matching_world import report as reported

GRIDKA = "CERN-GRIDKA-LHCOPN-001"
QUARTER = "from=2013-Q1&to=2013-Q1"
PAGES = {
    "/statistics/tickets": f"per=quarter&{QUARTER}",
    "/statistics/times": f"per=quarter&{QUARTER}",
    "/statistics/availability": f"per=quarter&{QUARTER}",
    "/statistics/long-standing": "",
    "/statistics/matching": QUARTER,
    "/statistics/what-if": QUARTER,
    "/duty": "state=all&from=2013-Q1&to=2013-Q1",
    "/reports/quarters/2013-Q1": "",
    "/reports": QUARTER,
}


@pytest.fixture
def events(session: Session, cast: Cast) -> None:
    """Three events of two hours on one link, one of them with a ticket."""
    for day in ("3", "4", "5"):
        reported(session, cast, f"{day} 10:00", f"{day} 12:00")
    ticket(
        session,
        cast,
        now=datetime(2013, 3, 5, 10, tzinfo=UTC),
        links=(GRIDKA,),
        event_start="5 10:00",
        event_end="5 12:00",
    )
    recompute_all(session, datetime(2013, 4, 10, tzinfo=UTC))


def base_of(page: str) -> str:
    """The address of its files without their ending."""
    return "/reports/grid" if page == "/reports" else page


def file_of(visitor: Visitor, page: str, kind: str) -> bytes:
    asked = PAGES[page]
    answer = visitor.get(f"{base_of(page)}.{kind}{'?' if asked else ''}{asked}")
    assert answer.status_code == 200, (page, kind)
    name = answer.headers["Content-Disposition"]
    assert name.endswith(f'.{kind}"'), name
    data: bytes = answer.data
    return data


def texts_of(slide: Any) -> list[str]:
    found = []
    for shape in slide.shapes:
        if shape.has_text_frame:
            found.append(shape.text_frame.text)
        if shape.has_table:
            found += [cell.text for row in shape.table.rows for cell in row.cells]
    return found


def slides_of(visitor: Visitor, page: str) -> list[list[str]]:
    book = Presentation(io.BytesIO(file_of(visitor, page, "pptx")))
    return [texts_of(slide) for slide in book.slides]


@pytest.mark.parametrize("page", PAGES)
def test_each_page_leads_to_its_files(
    page: str, cast: Cast, visit: Enter, opened: Open, events: None
) -> None:
    opened(now=datetime(2013, 3, 1, tzinfo=UTC))
    reader = visit(cast.reader)
    asked = PAGES[page]
    links = dict(reader.read(f"{page}{'?' if asked else ''}{asked}").links)
    (slide,) = [url for url, word in links.items() if word == "As a slide"]
    assert slide.partition("?")[0] == f"{base_of(page)}.pptx"
    assert reader.get(slide).status_code == 200
    assert any(url.startswith(f"{base_of(page)}.xlsx") for url in links)
    with zipfile.ZipFile(io.BytesIO(file_of(reader, page, "xlsx"))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    for texts in slides_of(reader, page):
        (source,) = [text for text in texts if text.startswith("Source: http")]
        assert urlsplit(source.removeprefix("Source: ")).path == page


def test_the_slide_of_events_has_the_finding_and_the_numbers_of_the_file(
    cast: Cast, visit: Enter, events: None
) -> None:
    reader = visit(cast.reader)
    (texts,) = slides_of(reader, "/statistics/matching")
    assert texts[0] == "2013-Q1: 1 of 3 events with a ticket, 2 without"
    at = texts.index("TOTAL")
    assert texts[at + 1] == "1 of 3"
    rows = csv.DictReader(io.StringIO(file_of(reader, "/statistics/matching", "csv").decode()))
    found: Mapping[str, str] = next(row for row in rows if row["site"] == "TOTAL")
    assert (found["documented"], found["detected"]) == ("1", "3")
    assert "2013-Q1: 1 of 3 events with a ticket, 2 without" in (
        reader.read(f"/statistics/matching?{QUARTER}").text
    )


def test_the_slide_of_tickets_keeps_the_filter(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(now=datetime(2013, 3, 1, tzinfo=UTC), category="incident", links=(GRIDKA,))
    opened(now=datetime(2013, 3, 2, tzinfo=UTC), category="change")
    answer = visit(cast.reader).get(f"/statistics/tickets.pptx?{QUARTER}&category=change")
    (slide,) = Presentation(io.BytesIO(answer.data)).slides
    texts = texts_of(slide)
    assert texts[0] == "1 ticket in 2013-Q1"
    assert "Tickets per quarter, 2013-Q1; category change" in texts
    assert any("category=change" in text for text in texts), "its source is that page"


def test_what_cannot_be_used_is_no_file(cast: Cast, visit: Enter) -> None:
    reader = visit(cast.reader)
    for address in ("tickets.pptx?per=week", "matching.xlsx?network=x", "what-if.pptx?rule=x"):
        assert reader.get(f"/statistics/{address}").status_code in (400, 422), address


def test_a_formula_in_a_title_stays_text(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(now=datetime(2013, 3, 1, tzinfo=UTC), title="=1+1")
    (texts,) = slides_of(visit(cast.reader), "/statistics/long-standing")
    assert "=1+1" in texts
