"""The registry as of a day: who was T1, which links were valid, and what tickets said of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.registry.models.registry import Link, Site, SiteName
from app.registry.services.registry import find_site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.topology.services.registry_on import (
    MAX_LINKS,
    PAGE,
    LinkState,
    Snapshot,
    outline_on,
    registry_on,
)
from tests.cast import NOON, Cast, enter, writer

KIT = "CERN-GRIDKA-LHCOPN-001"
PIC = "CERN-PIC-LHCOPN-001"
TODAY = NOON.date()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def site(session: Session, key: str) -> Site:
    found = find_site(session, key)
    assert found is not None
    return found


def ticket(session: Session, cast: Cast, at: datetime, steps: Any = (), **fields: Any) -> int:
    """One on DE-KIT's link, written at ``at``; ``steps`` are (time, fields to change)."""
    with transaction(session):
        content = NewTicket(**{"title": "Down", "links": (KIT,), **fields})
        number = open_ticket(session, writer(cast.operator, at), content).number
        for then, wanted in steps:
            change_ticket(session, writer(cast.operator, then), number, wanted)
    return number


def state(session: Session, day: date, now: datetime = NOON, name: str = KIT) -> LinkState:
    snapshot = registry_on(session, day, "LHCOPN", now)
    return next(link.state for link in snapshot.links if link.name == name)


def keys(snapshot: Snapshot) -> list[str]:
    return [one.key for one in snapshot.sites]


def names(snapshot: Snapshot) -> list[str]:
    return [one.name for one in snapshot.links]


def solved(at: datetime) -> tuple[datetime, dict[str, str]]:
    return at, {"state": "solved", "solution": "Done."}


WINDOW = {"window_start": NOON + 2 * HOUR, "window_end": NOON + 4 * HOUR}


@pytest.mark.parametrize(
    ("category", "fields", "at", "expected"),
    [
        ("incident", {}, NOON, "trouble"),
        ("informational", {}, NOON, "ok"),
        ("test", {}, NOON, "ok"),
        ("maintenance", WINDOW, NOON, "planned"),
        ("maintenance", WINDOW, NOON + 2 * HOUR, "maintenance"),
        ("maintenance", WINDOW, NOON + 4 * HOUR - timedelta(seconds=1), "maintenance"),
        ("maintenance", WINDOW, NOON + 4 * HOUR, "ok"),
        ("change", WINDOW, NOON + 3 * HOUR, "maintenance"),
        ("change", {}, NOON, "planned"),  # nobody has said when
    ],
)
def test_the_state_of_today_is_that_of_open_tickets_now(
    session: Session, cast: Cast, category: str, fields: Any, at: datetime, expected: str
) -> None:
    number = ticket(session, cast, NOON - HOUR, category=category, **fields)
    assert state(session, TODAY, at) == expected
    assert state(session, TODAY, at, PIC) == "ok"
    with transaction(session):
        wanted = {"state": "solved", "solution": "Done."}
        change_ticket(session, writer(cast.operator, at), number, wanted)
    assert state(session, TODAY, at) == "ok"


LATER = NOON + 30 * DAY
"""When somebody looks back."""


@pytest.mark.parametrize(
    ("fields", "steps", "by_day"),
    [
        pytest.param(
            {"event_start": NOON - DAY, "event_end": NOON + DAY},
            [solved(NOON + 5 * DAY)],
            {-2: "ok", -1: "trouble", 0: "trouble", 1: "trouble", 2: "ok"},
            id="the event counts, not the ticket",
        ),
        pytest.param(
            {},
            [solved(NOON + 2 * DAY)],
            {-1: "ok", 0: "trouble", 2: "trouble", 3: "ok"},
            id="without an event from creation to solution",
        ),
        pytest.param(
            {},
            [solved(NOON + 2 * DAY), (NOON + 3 * DAY, {"state": "reopened"})],
            {-1: "ok", 0: "trouble", 10: "trouble"},
            id="reopened is open",
        ),
        pytest.param(
            {"event_start": NOON - 3 * DAY, "event_end": NOON - 2 * DAY},
            [],
            {-4: "ok", -3: "trouble", -2: "trouble", -1: "ok", 0: "ok", 1: "ok"},
            id="written down afterwards",
        ),
        pytest.param(
            {
                "category": "maintenance",
                "window_start": NOON + 2 * DAY,
                "window_end": NOON + 3 * DAY,
            },
            [solved(NOON + 4 * DAY)],
            {-1: "ok", 0: "planned", 1: "planned", 2: "maintenance", 3: "maintenance", 4: "ok"},
            id="planned from its creation, then going on",
        ),
        pytest.param(
            {
                "category": "maintenance",
                "window_start": NOON + 2 * DAY,
                "window_end": NOON + 3 * DAY,
            },
            [(NOON + DAY, {"state": "unsolved", "solution": "Cancelled."})],
            {0: "planned", 1: "ok", 2: "ok"},
            id="cancelled",
        ),
    ],
)
def test_the_state_of_a_past_day_is_that_of_intervals(
    session: Session, cast: Cast, fields: Any, steps: Any, by_day: dict[int, str]
) -> None:
    ticket(session, cast, NOON, steps, **fields)
    found = {away: str(state(session, TODAY + away * DAY, LATER)) for away in by_day}
    assert found == by_day


def test_the_worst_state_counts_and_names_its_tickets(session: Session, cast: Cast) -> None:
    ticket(session, cast, NOON - HOUR, category="maintenance", **WINDOW)
    first = ticket(session, cast, NOON - HOUR)
    link = registry_on(session, TODAY, "LHCOPN", NOON).links[0]
    assert (link.name, link.state, link.tickets, link.ticket_count) == (KIT, "trouble", (first,), 1)
    ticket(session, cast, NOON - HOUR)
    newest = ticket(session, cast, NOON - HOUR)
    for day, now in ((TODAY, NOON), (TODAY, LATER)):
        link = registry_on(session, day, "LHCOPN", now).links[0]
        assert (link.state, link.tickets, link.ticket_count) == ("trouble", (first, newest), 3)


def test_the_day_is_utc_wherever_now_was_stated(session: Session, cast: Cast) -> None:
    ticket(session, cast, NOON - HOUR, category="maintenance", **WINDOW)
    there = NOON.astimezone(datetime.fromisoformat("2013-03-07T02:00+14:00").tzinfo)
    assert there.date() == TODAY + DAY
    assert state(session, TODAY, there) == "planned"


def test_tier_names_and_links_are_those_of_the_day(session: Session, cast: Cast) -> None:
    with transaction(session):
        asgc = Site(
            key="TW-ASGC",
            country="TW",
            time_zone="Asia/Taipei",
            tier=1,
            tier_since=date(2009, 2, 1),
            tier_until=date(2023, 10, 1),
            names=[
                SiteName(system="LHCOPN", name="TW-ASGC"),
                SiteName(system="GOCDB", name="Old", valid_until=date(2012, 1, 1)),
                SiteName(system="GOCDB", name="Taiwan-LCG2", valid_from=date(2012, 1, 1)),
            ],
        )
        link = Link(
            name="CERN-ASGC-LHCOPN-001",
            network="LHCOPN",
            end_a=site(session, "CH-CERN"),
            end_b=asgc,
            valid_from=date(2010, 1, 1),
            valid_until=date(2023, 10, 1),
        )
        session.add_all([asgc, link])
    of_2013 = registry_on(session, TODAY, "LHCOPN", NOON)
    assert {one.key: one.tier for one in of_2013.sites} == {
        "CH-CERN": 0,
        "DE-KIT": 1,
        "ES-PIC": 1,
        "TW-ASGC": 1,
    }
    assert names(of_2013) == ["CERN-ASGC-LHCOPN-001", KIT, PIC]
    assert of_2013.centre == "CH-CERN"
    assert [one.names for one in of_2013.sites if one.key == "TW-ASGC"] == [("Taiwan-LCG2",)]
    # the last day, and the first on which it no longer is
    for day, there in ((date(2023, 9, 30), True), (date(2023, 10, 1), False)):
        snapshot = registry_on(session, day, "LHCOPN", NOON)
        assert ("TW-ASGC" in keys(snapshot), len(snapshot.links)) == (there, 3 if there else 2)
    # before its first day the link is not; nobody was T1 then
    early = registry_on(session, date(2008, 1, 1), "LHCOPN", NOON)
    assert {one.tier for one in early.sites} == {None}
    assert names(early) == [KIT, PIC]
    outline = outline_on(session, TODAY, "LHCOPN")
    assert outline is not None
    assert set(outline[0]) == set(keys(of_2013))
    assert ("CERN-ASGC-LHCOPN-001", "CH-CERN", "TW-ASGC", "primary") in outline[1]


def test_a_t1_without_a_link_is_shown_until_it_retires(session: Session, cast: Cast) -> None:
    with transaction(session):
        alone = Site(key="NEW-T1", country="FR", time_zone="Europe/Paris", tier=1)
        alone.valid_until = date(2020, 1, 1)
        session.add(alone)
    assert "NEW-T1" in keys(registry_on(session, date(2019, 12, 31), "LHCOPN", NOON))
    assert "NEW-T1" not in keys(registry_on(session, date(2020, 1, 1), "LHCOPN", NOON))
    assert "NEW-T1" not in keys(registry_on(session, date(2019, 12, 31), "LHCONE", NOON))


def test_a_backup_may_be_a_path_of_lhcone(session: Session, cast: Cast) -> None:
    with transaction(session):
        kit, cern = site(session, "DE-KIT"), site(session, "CH-CERN")
        main = registry_link(session, KIT)
        path = Link(name="GRIDKA-CERN-LHCONE-001", network="LHCONE", end_a=kit, end_b=cern)
        path.role, path.backs_up, path.bandwidth_gbps = "backup", main, 100
        path.recorded_responsible = cern
        session.add(path)
    opn = registry_on(session, TODAY, "LHCOPN", NOON)
    assert {one.name: one.backed_up_by for one in opn.links} == {
        KIT: ("GRIDKA-CERN-LHCONE-001",),
        PIC: (),
    }
    assert {one.name: one.responsible for one in opn.links} == {KIT: "DE-KIT", PIC: "ES-PIC"}
    (one,) = registry_on(session, TODAY, "LHCONE", NOON).links
    assert (one.role, one.backs_up, one.responsible) == ("backup", KIT, "CH-CERN")
    assert one.bandwidth_gbps == 100
    assert keys(registry_on(session, TODAY, "LHCONE", NOON)) == ["CH-CERN", "DE-KIT"]


def registry_link(session: Session, name: str) -> Link:
    return session.query(Link).filter_by(name=name).one()


def test_a_site_is_shown_with_its_neighbours_and_the_links_among_them(
    session: Session, cast: Cast
) -> None:
    with transaction(session):
        cern, kit, pic = (site(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC"))
        ral = Site(key="UK-T1-RAL", country="GB", time_zone="Europe/London", tier=1)
        session.add_all(
            [
                Link(name="CERN-RAL-LHCOPN-001", network="LHCOPN", end_a=cern, end_b=ral),
                Link(name="GRIDKA-PIC-LHCOPN-001", network="LHCOPN", end_a=kit, end_b=pic),
                Link(name="PIC-RAL-LHCONE-001", network="LHCONE", end_a=pic, end_b=ral),
            ]
        )
    at_pic = registry_on(session, TODAY, "LHCOPN", NOON, site=pic)
    assert keys(at_pic) == ["CH-CERN", "DE-KIT", "ES-PIC"]
    assert names(at_pic) == [KIT, PIC, "GRIDKA-PIC-LHCOPN-001"]
    nothing = registry_on(session, TODAY, "LHCONE", NOON, site=kit)
    assert (keys(nothing), names(nothing)) == (["DE-KIT"], [])


def test_a_huge_network_is_given_in_pages_and_with_few_statements(
    session: Session, cast: Cast
) -> None:
    with transaction(session):
        cern = site(session, "CH-CERN")
        sites = [Site(key=f"S-{n:03d}", country="FR", time_zone="UTC") for n in range(150)]
        session.add_all(sites)
        session.add_all(
            Link(name=f"L-{n:03d}", network="LHCONE", end_a=cern, end_b=one)
            for n, one in enumerate(sites)
        )
    ticket(session, cast, NOON - HOUR, links=("L-120",), network="LHCONE")
    statements: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    first = registry_on(session, TODAY, "LHCONE", NOON)
    assert len([one for one in statements if one.startswith("SELECT")]) == 6
    assert (first.total, len(first.links), first.complete) == (150, PAGE, False)
    rest = registry_on(session, TODAY, "LHCONE", NOON, after=first.links[-1].name)
    assert (first.more, rest.more) == (True, False)
    assert names(first) + names(rest) == [f"L-{n:03d}" for n in range(150)]
    assert {one.name: one.state for one in rest.links if one.state != "ok"} == {"L-120": "trouble"}
    assert outline_on(session, TODAY, "LHCONE") is None
    assert MAX_LINKS < 150


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(9998, 12, 31), date.max])
def test_the_ends_of_time(session: Session, cast: Cast, day: date) -> None:
    ticket(session, cast, NOON)
    assert session.get_one(Ticket, 1).event_start is None
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert len(registry_on(session, day, "LHCOPN", now).links) == 2
