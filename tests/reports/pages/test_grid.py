"""The page of all reports: the grid, its cells' addresses, ranges, and what one's own site owes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import process_time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.registry.models.registry import Site, SiteName
from app.reports.models.reports import Report
from tests.cast import Cast
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter
from tests.reports.services.test_grid import seed

Q1 = Quarter(2013, 1)
IN_TIME = datetime(2013, 4, 2, tzinfo=UTC)


def test_each_cell_leads_to_its_report(session: Session, cast: Cast, visit: Enter) -> None:
    seed(session, "DE-KIT", Q1, "submitted", IN_TIME)
    page = visit(cast.reader).read("/reports?from=2012-Q4&to=2013-Q1")
    found = dict(page.links)
    assert found["/reports/DE-KIT/2013-Q1"] == "submitted"
    assert found["/reports/DE-KIT/2012-Q4"].split() == ["missing", "late"]
    assert found["/reports/quarters/2013-Q1"] == "2013-Q1"
    assert "due 2013-04-30" in page.text, "thirty days after the quarter: the last day in time"
    assert "1 / 2" in page.text
    assert "Completeness by year" in page.text


def test_without_any_t1_the_page_says_so(session: Session, cast: Cast, visit: Enter) -> None:
    page = visit(cast.admin).read("/reports?from=2001-Q1&to=2001-Q2")
    assert "No reports due" in page.text
    assert "/sites" in dict(page.links)


def test_a_reporter_is_led_to_what_its_site_owes(
    session: Session, cast: Cast, visit: Enter
) -> None:
    seed(session, "DE-KIT", Q1, "draft")
    address = "/reports?from=2012-Q4&to=2013-Q1"
    page = visit(cast.kit).read(address)
    assert "Continue DE-KIT 2013-Q1" in page.text
    told = page.text.partition("To be submitted by your site:")[2]
    assert told.startswith(" DE-KIT 2013-Q1 (draft, late) , DE-KIT 2012-Q4 (missing, late)")
    assert "To be submitted" not in visit(cast.reader).read(address).text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=2012-Q5", "From: Write a quarter as 2012-Q1"),
        ("to=x%00", "To: Write a quarter"),
        ("from=2013-Q1&to=2012-Q1", "To: 2012-Q1 is before 2013-Q1"),
        ("from=1998-Q1&to=2013-Q1", "To: At most 60 quarters"),
        ("from=0001-Q1", "From: Choose a quarter from 1990-Q1 to 2099-Q4"),
        ("to=" + "9" * 5000, "To: Write a quarter"),
    ],
)
def test_what_cannot_be_used_is_named(
    session: Session, cast: Cast, visit: Enter, query: str, told: str
) -> None:
    answer = visit(cast.reader).get(f"/reports?{query}")
    assert answer.status_code == 422
    assert told in PageReader(answer.text).text


def test_a_large_grid_is_there_at_once(session: Session, cast: Cast, visit: Enter) -> None:
    with transaction(session):
        for number in range(18):
            site = Site(
                key=f"T1-{number:02}",
                country="DE",
                time_zone="UTC",
                tier=1,
                tier_since=date(1998, 1, 1),
            )
            site.names = [SiteName(system="LHCOPN", name=site.key)]
            session.add(site)
        session.flush()
        for site in session.scalars(select(Site).where(Site.tier == 1)):
            for step in range(60):
                quarter = Quarter(1998, 3).after(step)
                session.add(
                    Report(
                        site_id=site.id,
                        quarter=str(quarter),
                        state="accepted",
                        form_number=1,
                        created_at=quarter.end,
                        created_by="kit",
                        changed_at=quarter.end,
                        changed_by="kit",
                        first_submitted_at=quarter.end,
                    )
                )
    reader = visit(cast.reader)
    address = "/reports?from=1998-Q3&to=2013-Q2"
    reader.get(address)  # templates are compiled once
    took = []
    for _ in range(3):
        begun = process_time()
        answer = reader.get(address)
        took.append(process_time() - begun)
    assert answer.text.count("accepted</span>") > 1200 - 60
    assert min(took) < 0.3, "seconds of this process; others may keep the machine busy"
