"""The grid: who is asked, how each report stands, what is counted; few statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.quarters import Quarter, period_range
from app.home.services.reports import owed_reports
from app.registry.models.registry import Site, SiteName
from app.registry.services.sites import create_site
from app.reports.models.reports import Report
from app.reports.services.documents import document_of_quarter
from app.reports.services.first_quarter import ask_reports_from
from app.reports.services.grid import Count, ReportGrid, completeness, report_grid, usual_quarters
from app.reports.services.numbers import asked_sites
from app.reports.services.reminders import owing
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import Cast, enter, writer

Q4, Q1, Q2 = Quarter(2012, 4), Quarter(2013, 1), Quarter(2013, 2)
NOW = datetime(2013, 5, 6, 12, tzinfo=UTC)
"""2012-Q4 and 2013-Q1 have ended and their due days have passed; 2013-Q2 goes on."""


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def seed(
    session: Session, site: str, quarter: Quarter, state: str, submitted: datetime | None = None
) -> None:
    with transaction(session):
        found = session.scalars(select(Site).where(Site.key == site)).one()
        session.add(
            Report(
                site_id=found.id,
                quarter=str(quarter),
                state=state,
                form_number=1,
                created_at=quarter.begin,
                created_by="kit",
                changed_at=submitted or quarter.begin,
                changed_by="kit",
                first_submitted_at=submitted,
                submitted_at=submitted,
            )
        )


def words(grid: ReportGrid) -> dict[str, list[str]]:
    return {
        row.site: [
            f"{cell.standing.shown}{' late' if cell.standing.is_late else ''}" for cell in row.cells
        ]
        for row in grid.rows
    }


def grid_of(
    session: Session, actor: Actor, quarters: Sequence[Quarter] = (Q4, Q1, Q2), days: int = 30
) -> ReportGrid:
    return report_grid(session, actor, quarters, NOW, days)


def test_who_is_asked_and_how_each_report_stands(session: Session, cast: Cast) -> None:
    seed(session, "DE-KIT", Q4, "accepted", datetime(2013, 1, 20, tzinfo=UTC))
    seed(session, "DE-KIT", Q1, "submitted", datetime(2013, 5, 2, tzinfo=UTC))
    seed(session, "ES-PIC", Q4, "draft")
    seed(session, "ES-PIC", Q1, "reopened", datetime(2013, 4, 2, tzinfo=UTC))
    with transaction(session):
        pic = session.scalars(select(Site).where(Site.key == "ES-PIC")).one()
        pic.tier_until = date(2013, 4, 1)  # no T1 any more from the second quarter on
    grid = grid_of(session, cast.operator)
    assert words(grid) == {
        "DE-KIT": ["accepted", "submitted late", "not yet"],
        "ES-PIC": ["draft late", "reopened", "not required"],
    }, "the T0 is not asked"
    assert [row.count for row in grid.rows] == [Count(2, 2), Count(0, 2)]
    assert list(grid.counts) == [Count(1, 2), Count(1, 2), Count(0, 0)]


def test_a_new_t1_owes_nothing_of_before_its_day(session: Session, cast: Cast) -> None:
    """Without "Tier since" it was "missing, late" since 2012."""
    with transaction(session):
        new = {"key": "XX-NEW", "country": "CH", "time_zone": "UTC", "tier": 1}
        create_site(session, writer(cast.admin, NOW), new)
    grid = grid_of(session, cast.operator)
    assert words(grid)["XX-NEW"] == ["not required", "not required", "not yet"]
    assert list(grid.counts) == [Count(0, 2), Count(0, 2), Count(0, 0)]
    (row,) = [row for row in grid.rows if row.site == "XX-NEW"]
    assert row.count == Count(0, 0)


def test_a_draft_is_shown_to_its_site_and_the_chair_only(session: Session, cast: Cast) -> None:
    seed(session, "ES-PIC", Q1, "draft")
    seed(session, "ES-PIC", Q2, "draft")
    shown = {
        name: words(grid_of(session, actor))["ES-PIC"][1:]
        for name, actor in vars(cast).items()
        if name in ("admin", "operator", "kit", "pic", "reader")
    }
    hidden = ["missing late", "not yet"]
    assert shown == {
        "admin": ["draft late", "draft"],
        "operator": ["draft late", "draft"],
        "pic": ["draft late", "draft"],
        "kit": hidden,
        "reader": hidden,
    }
    own = [row.site for row in grid_of(session, cast.pic).rows if row.is_own]
    assert own == ["ES-PIC"]


def test_the_due_day_is_a_setting(session: Session, cast: Cast) -> None:
    assert words(grid_of(session, cast.reader, [Q1], 30)) == {
        "DE-KIT": ["missing late"],
        "ES-PIC": ["missing late"],
    }
    assert words(grid_of(session, cast.reader, [Q1], 40))["DE-KIT"] == ["missing"]


def test_a_site_that_is_not_asked_and_wrote_is_shown_and_not_counted(
    session: Session, cast: Cast
) -> None:
    seed(session, "CH-CERN", Q1, "submitted", datetime(2013, 5, 2, tzinfo=UTC))
    grid = grid_of(session, cast.reader, [Q1])
    assert words(grid)["CH-CERN"] == ["submitted"]
    assert list(grid.counts) == [Count(0, 2)]


def test_the_usual_quarters_are_the_present_ones_that_are_asked_for(
    session: Session, cast: Cast
) -> None:
    def usual() -> list[str]:
        return [str(quarter) for quarter in usual_quarters(session, NOW)]

    def ask_from(quarter: Quarter) -> None:
        with transaction(session):
            ask_reports_from(session, quarter)

    seed(session, "DE-KIT", Quarter(2010, 3), "draft")
    assert usual() == ["2012-Q2", "2012-Q3", "2012-Q4", "2013-Q1", "2013-Q2"]
    ask_from(Q4)
    assert usual() == ["2012-Q4", "2013-Q1", "2013-Q2"]
    ask_from(Q2.after(2))
    assert usual() == ["2013-Q2"]


def test_nothing_before_the_first_quarter_is_asked_for(session: Session, cast: Cast) -> None:
    """A portal installed today showed every T1 "missing, late" for the quarter before it was."""
    seed(session, "DE-KIT", Quarter(2012, 3), "submitted", datetime(2013, 3, 1, tzinfo=UTC))
    seed(session, "ES-PIC", Q4, "draft")
    with transaction(session):
        ask_reports_from(session, Q1)
    grid = grid_of(session, cast.operator, [Quarter(2012, 3), Q4, Q1, Q2])
    assert words(grid) == {
        "DE-KIT": ["submitted", "not required", "missing late", "not yet"],
        "ES-PIC": ["not required", "draft", "missing late", "not yet"],
    }, "what was written all the same is shown, and never late"
    assert list(grid.counts) == [Count(0, 0), Count(0, 0), Count(0, 2), Count(0, 0)]
    owed = owed_reports(session, cast.pic, NOW, 30)
    assert [(one.site, str(one.cell.quarter)) for one in owed] == [("ES-PIC", "2013-Q1")]
    assert [site.key for site in asked_sites(session, Q1)] == ["DE-KIT", "ES-PIC"]
    assert not asked_sites(session, Q4)
    found = owing(session, datetime(2013, 1, 20, tzinfo=UTC), 30, more=[Q4])
    assert not found, "nobody is reminded of the quarter before"
    lines = document_of_quarter(session, cast.operator, Q4, NOW).sites
    assert [(one.site, one.is_late) for one in lines] == [("ES-PIC", False)]
    done = completeness(session, NOW)
    assert done is None, "of the only reports none was asked for"


def test_completeness_over_the_years(session: Session, cast: Cast) -> None:
    assert completeness(session, NOW) is None
    seed(session, "DE-KIT", Quarter(2011, 3), "accepted", datetime(2011, 10, 2, tzinfo=UTC))
    seed(session, "DE-KIT", Quarter(2012, 1), "submitted", datetime(2012, 4, 2, tzinfo=UTC))
    seed(session, "ES-PIC", Quarter(2012, 1), "draft")
    with transaction(session):
        pic = session.scalars(select(Site).where(Site.key == "ES-PIC")).one()
        pic.tier_since = date(2012, 4, 15)
        for at in (datetime(2012, 9, 30, 23, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC)):
            open_ticket(session, writer(cast.operator, at), NewTicket(title="Link down"))
    found = completeness(session, NOW)
    assert found is not None
    assert [str(year) for year in found.years] == ["2011", "2012", "2013"]
    assert dict(found.rows) == {
        "DE-KIT": [Count(1, 1), Count(1, 2), Count(0, 1)],
        "ES-PIC": [Count(0, 0), Count(0, 1), Count(0, 1)],
    }, "of 2012 only two quarters hold anything, of 2011 one"
    assert list(found.totals) == [Count(1, 1), Count(1, 3), Count(0, 2)]
    later = completeness(session, datetime(2026, 11, 26, tzinfo=UTC))
    assert later is not None
    assert [str(year) for year in later.years] == ["2011", "2012", "2013"], "nothing came later"


def test_twenty_sites_and_sixty_quarters_take_two_statements(session: Session, cast: Cast) -> None:
    with transaction(session):
        for number in range(18):
            site = Site(key=f"T1-{number:02}", country="DE", time_zone="UTC", tier=1)
            site.names = [SiteName(system="LHCOPN", name=site.key)]
            session.add(site)
    quarters = period_range(Quarter(1999, 1), Quarter(2013, 4))
    session.expunge_all()
    statements: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    grid = grid_of(session, cast.reader, quarters)
    assert (len(grid.rows), len(grid.rows[0].cells)) == (20, 60)
    assert len([one for one in statements if one.startswith("SELECT")]) == 2
