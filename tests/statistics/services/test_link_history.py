"""The past of links in figures, computed by hand: days, months, quarters; links together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import event as listening
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Month, Quarter
from app.registry.models.registry import Link
from app.statistics.services.availability import availability_of
from app.statistics.services.link_history import History, history_of_links
from tests.cast import NOON, Cast, enter
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import report

PIC = "CERN-PIC-LHCOPN-001"
HOUR = 3_600_000_000
DAY = date(2013, 3, 6)


@pytest.fixture
def cast(session: Session) -> Cast:
    """DE-KIT's link was down for 12 h on 2012-12-20, 6 h around midnight of 2013-02-28, and for the
    last 2 h; ES-PIC's was degraded for an hour on 2013-03-05, when it was first heard of."""
    found = enter(session)
    report(session, found, "2012-12-20 06:00", "2012-12-20 18:00")
    report(session, found, "2013-02-28 22:00", "1 04:00")
    report(session, found, "6 10:00", None)
    report(session, found, "5 10:00", "5 11:00", link=PIC, state="degraded")
    return found


def links(session: Session, *names: str) -> Sequence[Link]:
    session.rollback()
    return session.scalars(select(Link).where(Link.name.in_(names)).order_by(Link.name)).all()


def history(session: Session, *names: str, day: date = DAY, month: Month | None = None) -> History:
    return history_of_links(session, links(session, *names), day, NOON, month)


def hours(found: History) -> list[tuple[str, float, float]]:
    """The name of each figure, and its time with data and down."""
    return [
        (one.name, one.availability.length / HOUR, one.availability.down / HOUR)
        for one in found.figures
    ]


@pytest.mark.usefixtures("cast")
def test_90_days_of_a_link(session: Session) -> None:
    found = history(session, KIT)
    assert (len(found.days), found.days[0].day, found.days[-1].day) == (90, date(2012, 12, 7), DAY)
    down = {str(one.day): one.availability.down / HOUR for one in found.trouble}
    assert down == {"2013-03-06": 2, "2013-03-01": 4, "2013-02-28": 2, "2012-12-20": 12}
    # 29 days and 12 h; 13 days before the first event have no data, the quarter began 64 1/2 ago
    assert hours(found) == [
        ("30 days", 29.5 * 24, 8),
        ("90 days", 89.5 * 24, 20),
        ("2013-Q1 so far", 64.5 * 24, 8),
    ]
    assert [one.state for one in found.days[:14]] == ["unmonitored"] * 13 + ["down"]
    assert (found.down_days, found.degraded_days, found.maintenance_days) == (4, 0, 0)
    assert found.counts == [("down", 4), ("unmonitored", 13), ("ok", 73)]
    assert all(not one.links for one in found.days)


@pytest.mark.usefixtures("cast")
def test_what_was_not_monitored_all_the_time_is_not_known_not_to_have_been_down(
    session: Session,
) -> None:
    january, december = Month(2013, 1), Month(2012, 12)
    assert history(session, KIT, month=january).is_known
    assert not history(session, KIT, month=december).is_known, "until its first event"
    assert not history(session, KIT, PIC, month=january).is_known, "of one of them nothing"


@pytest.mark.usefixtures("cast")
def test_the_figures_are_those_of_the_statistics(session: Session) -> None:
    quarter = Quarter(2013, 1)
    figures = availability_of(session, [quarter], NOON)
    for name in (KIT, PIC):
        (row,) = [one for one in figures.links if one.name == name]
        assert history(session, name).figures[-1].availability == row.whole
    together = history(session, KIT, PIC).figures[-1].availability
    assert together == figures.whole.whole
    month = history(session, KIT, month=Month(2012, 12)).figures[0].availability
    (row,) = availability_of(session, [Month(2012, 12)], NOON, site="DE-KIT").links
    assert month == row.whole


@pytest.mark.usefixtures("cast")
def test_a_month(session: Session) -> None:
    found = history(session, KIT, month=Month(2013, 2))
    assert (len(found.days), found.down_days) == (28, 1)
    assert hours(found) == [("2013-02", 28 * 24, 2)]
    this = history(session, KIT, month=Month(2013, 3))
    assert (len(this.days), this.down_days) == (6, 2)
    assert hours(this) == [("2013-03 so far", 5.5 * 24, 6)]
    before = history(session, KIT, month=Month(2012, 11))
    assert (before.has_data, before.down_days, len(before.days)) == (False, 0, 30)


@pytest.mark.usefixtures("cast")
def test_as_of_a_day_knows_nothing_of_later(session: Session) -> None:
    found = history(session, KIT, day=date(2013, 2, 28))
    assert (found.days[-1].day, found.days[-1].availability.down) == (date(2013, 2, 28), 2 * HOUR)
    assert hours(found)[-1] == ("2013-Q1 so far", 59 * 24, 2)
    assert not history(session, KIT, day=date(1900, 1, 1)).has_data


@pytest.mark.usefixtures("cast")
def test_links_together(session: Session) -> None:
    found = history(session, KIT, PIC)
    worst = {str(one.day): (one.state, one.links) for one in found.trouble[:3]}
    assert worst == {
        "2013-03-06": ("down", [KIT]),
        "2013-03-05": ("degraded", [PIC]),
        "2013-03-01": ("down", [KIT]),
    }
    # the silent one does not make the day before unmonitored
    assert found.days[-3].state == "ok"
    kit, pic = (found.links[link.id] for link in links(session, KIT, PIC))
    assert pic.runs == {"unmonitored": [(0, 88)], "degraded": [(88, 1)], "ok": [(89, 1)]}
    assert kit.whole.down == 20 * HOUR
    nothing = history(session)
    assert (nothing.has_data, nothing.links, nothing.days[0].state) == (False, {}, None)


@pytest.mark.usefixtures("cast")
def test_days_without_the_link_are_not_of_it(session: Session) -> None:
    with transaction(session):
        link = session.scalars(select(Link).where(Link.name == KIT)).one()
        link.valid_from, link.valid_until = date(2013, 2, 1), date(2013, 3, 1)
    found = history(session, KIT)
    states = {str(one.day): one.state for one in found.days}
    assert states["2013-01-31"] is states["2013-03-01"] is None
    assert (states["2013-02-01"], states["2013-02-28"]) == ("ok", "down")
    assert hours(found)[-1] == ("2013-Q1 so far", 28 * 24, 2)


@pytest.mark.usefixtures("cast")
def test_one_statement_however_many_links(session: Session) -> None:
    rows = links(session, KIT, PIC)
    asked: list[str] = []

    def note(*args: object) -> None:
        asked.append(str(args[2]))

    engine = session.get_bind()
    listening.listen(engine, "before_cursor_execute", note)
    history_of_links(session, rows, DAY, datetime(2013, 3, 6, 12, tzinfo=UTC))
    listening.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 1, asked
