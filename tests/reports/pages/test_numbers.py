"""The numbers of a report, computed by hand, and each of them is the list behind it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.matching.services.recompute import mark_between
from app.matching.services.tables import matching_table
from app.registry.models.registry import Link, Site
from app.reports.pages.rows import figure_url
from app.reports.rules.numbers import PERCENT, ReportNumbers, changed_since
from app.reports.services.numbers import numbers_of, numbers_of_quarter
from app.tickets.services.lifecycle import change_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK, recompute_all, report

Q1 = Quarter(2013, 1)
LATE = datetime(2013, 7, 1, tzinfo=UTC)
PIC = "CERN-PIC-LHCOPN-001"
BETWEEN = "GRIDKA-PIC-LHCOPN-001"
OTHER = "CERN-GRIDKA-LHCONE-001"
SMALL = "CERN-SMALL-LHCOPN-001"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def site_of(session: Session, key: str) -> Site:
    return session.scalars(select(Site).where(Site.key == key)).one()


def counted(session: Session, key: str, quarter: Quarter = Q1) -> ReportNumbers:
    session.rollback()
    session.expire_all()
    return numbers_of(session, site_of(session, key), quarter, LATE)


def said(numbers: ReportNumbers) -> dict[str, str]:
    return {one.key: one.words for one in numbers.figures}


def rows_behind(visitor: Visitor, address: str) -> int:
    """How many rows the file of the list at an address has."""
    path, _, query = address.partition("?")
    answer = visitor.get(f"{path}.csv?{query}")
    assert answer.status_code == 200, address
    assert visitor.get(address).status_code == 200, address
    return len(list(csv.DictReader(io.StringIO(answer.text))))


@pytest.fixture
def told(session: Session, cast: Cast, opened: Open) -> dict[str, int]:
    """Two T1s, a link between them, and one of each trap."""
    with transaction(session):
        cern, kit, pic = (site_of(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC"))
        session.add(Link(name=BETWEEN, network="LHCOPN", end_a=kit, end_b=pic))
        session.add(Link(name=OTHER, network="LHCONE", end_a=cern, end_b=kit))
        small = Site(key="CH-SMALL", country="CH", time_zone="Europe/Zurich")
        session.add(Link(name=SMALL, network="LHCOPN", end_a=cern, end_b=small))

    def hours(start: str, end: str) -> dict[str, datetime]:
        return {"event_start": at(start), "event_end": at(end)}

    long_ago = hours("2012-06-01", "2012-06-02")
    numbers = {
        "year before": opened(now=at("2012-12-31T23:59:59.999"), sites=("DE-KIT",), **long_ago),
        "first moment": opened(now=at("2013-01-01"), sites=("FZK-LCG2",), **long_ago),
        "last moment": opened(
            now=at("2013-03-31T23:59:59"), links=(LINK,), category="maintenance", **long_ago
        ),
        "next quarter": opened(now=at("2013-04-01"), sites=("DE-KIT",), **long_ago),
        "both": opened(
            now=at("2013-02-04"),
            links=(LINK,),
            sites=("DE-KIT", "pic"),
            **hours("2013-02-04T08:00", "2013-02-04T09:00"),
        ),
        "late": opened(
            now=at("2013-03-15"),
            links=(LINK,),
            **hours("2013-03-10T10:00", "2013-03-10T12:00"),
        ),
        "test": opened(now=at("2013-02-01"), sites=("DE-KIT",), category="test", **long_ago),
        "change": opened(
            now=at("2013-02-01"), sites=("pic",), links=(PIC,), category="change", **long_ago
        ),
    }
    with transaction(session):

        def move(name: str, when: str, state: str, **more: str) -> None:
            by = writer(cast.operator, at(when))
            change_ticket(session, by, numbers[name], {"state": state, **more})

        move("first moment", "2013-01-03", "in progress")  # two working days
        move("test", "2013-02-05", "in progress")
        move("both", "2013-02-04T12:00", "in progress")  # half of one
        move("both", "2013-02-05", "solved", solution="Spliced.")
    for start, end, link in (
        ("2012-12-31T23:00", "2013-01-01T03:00", LINK),  # of the quarter before
        ("2013-02-04T08:00", "2013-02-04T09:00", LINK),  # exactly an hour, documented
        ("2013-03-05T10:00", "2013-03-05T12:00", LINK),  # no ticket
        ("2013-03-07T10:00", "2013-03-07T10:59", LINK),  # too short to count
        ("2013-03-10T10:00", "2013-03-10T12:00", LINK),  # documented late
        ("2013-03-20T10:00", "2013-03-20T13:00", PIC),
        ("2013-03-25T10:00", "2013-03-25T12:00", BETWEEN),  # of both T1s
        ("2013-03-26T10:00", "2013-03-26T12:00", OTHER),  # not of the LHCOPN
        ("2013-03-27T10:00", "2013-03-27T12:00", SMALL),  # no end is a T1: the T0's
    ):
        report(session, cast, start, end, link=link, now=LATE)
    recompute_all(session, LATE)
    return numbers


def test_the_numbers_of_a_site_reckoned_by_hand(
    session: Session, cast: Cast, told: dict[str, int]
) -> None:
    kit = counted(session, "DE-KIT")
    assert said(kit) == {
        "incidents": "2",
        "maintenances": "0",
        "changes": "0",
        "informational": "0",
        "responsible_incidents": "3",
        "responsible_maintenances": "1",
        "responsible_changes": "0",
        "responsible_informational": "0",
        "median_response": "1.2 working days",
        "median_solution": "1 working day",
        "events": "4",
        "documented": "2 of 4",
        "undocumented": "2 of 4",
        # down 3 + 1 + 2 + 0:59 + 2 h on one link and 2 h on the other, of 90 days each
        "availability": f"{100 * (1 - (10 + 59 / 60) / 4320):.2f} %",
        "duties_missed": "2 of 3",
        "duties_late": "1 of 3",
    }
    assert [(one.link, one.start, one.state) for one in kit.undocumented] == [
        (LINK, at("2013-03-05T10:00"), "down"),
        (BETWEEN, at("2013-03-25T10:00"), "down"),
    ]
    pic = said(counted(session, "ES-PIC"))
    wanted = ("incidents", "changes", "responsible_changes", "responsible_incidents")
    assert [pic[key] for key in wanted] == ["1", "1", "1", "0"]
    assert (pic["events"], pic["undocumented"], pic["duties_missed"]) == ("2", "2 of 2", "1 of 1")
    assert not kit.is_behind
    cern = counted(session, "CH-CERN")
    assert [one.link for one in cern.undocumented] == [SMALL]
    assert said(cern)["events"] == "1"


def test_each_number_leads_to_exactly_so_many_rows(
    app: Flask, session: Session, cast: Cast, visit: Enter, told: dict[str, int]
) -> None:
    visitor = visit(cast.reader)
    for key in ("DE-KIT", "ES-PIC", "CH-CERN"):
        for quarter in (Q1, Q1.previous, Q1.next):
            numbers = counted(session, key, quarter)
            for figure in numbers.figures:
                with app.test_request_context():
                    address = figure_url(figure.key, key, quarter, is_t0=key == "CH-CERN")
                assert address, figure.key
                if figure.unit != PERCENT:
                    assert rows_behind(visitor, address) == (figure.rows or 0), (
                        key,
                        str(quarter),
                        figure,
                    )
                elif figure.value is not None:
                    assert figure.words in visitor.read(address).text, address


def test_the_events_are_those_of_the_table_per_t1(
    session: Session, cast: Cast, told: dict[str, int]
) -> None:
    every = numbers_of_quarter(session, Q1, LATE)
    assert {one.site for one in every.values()} == {"DE-KIT", "ES-PIC"}, "the T0 is not asked"
    table = matching_table(session, [Q1], "LHCOPN", LATE)
    for row in table.rows:
        (cell,) = row.cells
        numbers = every.get(row.site_id) or counted(session, row.site)
        detected, documented = numbers.figure("events"), numbers.figure("documented")
        assert cell is not None
        assert detected is not None
        assert documented is not None
        assert (detected.value, documented.value) == (cell.detected, cell.documented)
        assert numbers == counted(session, row.site), "alone it is the same"


def test_what_nobody_watched_is_no_data(session: Session, cast: Cast, opened: Open) -> None:
    opened(now=at("2013-02-01"), sites=("DE-KIT",))
    recompute_all(session, LATE)
    words = said(counted(session, "DE-KIT"))
    assert words["incidents"] == "1"
    for key in ("events", "documented", "undocumented", "availability", "median_response"):
        assert words[key] == "no data", key


def test_a_site_counts_as_what_it_was_then(
    session: Session, cast: Cast, told: dict[str, int]
) -> None:
    with transaction(session):
        pic = site_of(session, "ES-PIC")
        pic.tier_until = at("2013-03-25").date()
    assert pic.id in numbers_of_quarter(session, Q1, LATE)
    assert pic.id not in numbers_of_quarter(session, Q1.next, LATE)
    with transaction(session):
        site_of(session, "ES-PIC").tier_until = Q1.begin.date()
    assert pic.id not in numbers_of_quarter(session, Q1, LATE)


def test_frozen_numbers_stay_and_what_changed_since_is_told(
    session: Session, cast: Cast, opened: Open, told: dict[str, int]
) -> None:
    text = counted(session, "DE-KIT").as_text()
    assert not changed_since(ReportNumbers.from_text(text), counted(session, "DE-KIT"))
    opened(
        now=at("2013-03-28"),
        links=(BETWEEN,),
        category="informational",
        event_start=at("2013-03-25T10:00"),
        event_end=at("2013-03-25T11:00"),
    )
    recompute_all(session, LATE)
    frozen = ReportNumbers.from_text(text)
    changed = changed_since(frozen, counted(session, "DE-KIT"))
    assert [(one.key, one.frozen and one.frozen.words, one.words) for one in changed] == [
        ("responsible_informational", "0", "now 1"),
        ("documented", "2 of 4", "now 3 of 4"),
        ("undocumented", "2 of 4", "now 1 of 4"),
        ("duties_missed", "2 of 3", "now 1 of 3"),
        ("duties_late", "1 of 3", "now 2 of 3"),
    ]
    assert frozen == ReportNumbers.from_text(text)


def test_numbers_say_that_they_are_behind(
    session: Session, cast: Cast, told: dict[str, int]
) -> None:
    assert not counted(session, "DE-KIT").is_behind
    with transaction(session):
        mark_between(session, None, None)
    found = counted(session, "DE-KIT")
    assert found.is_behind
    assert ReportNumbers.from_text(found.as_text()).is_behind
    recompute_all(session, LATE)
    assert not counted(session, "DE-KIT").is_behind
