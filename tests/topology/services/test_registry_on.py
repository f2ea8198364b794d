"""The registry as of a day: who was T1, and which links were valid."""

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
from app.tickets.services.lifecycle import open_ticket
from app.topology.rules.link_states import LinkState
from app.topology.services.registry_on import (
    MAX_LINKS,
    PAGE,
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


def ticket(session: Session, cast: Cast, at: datetime, **fields: Any) -> None:
    """One on DE-KIT's link, written at ``at``."""
    with transaction(session):
        content = NewTicket(**{"title": "Down", "links": (KIT,), **fields})
        open_ticket(session, writer(cast.operator, at), content)


def state(session: Session, day: date, now: datetime = NOON, name: str = KIT) -> LinkState:
    snapshot = registry_on(session, day, "LHCOPN", now)
    return next(link.status.state for link in snapshot.links if link.name == name)


def keys(snapshot: Snapshot) -> list[str]:
    return [one.key for one in snapshot.sites]


def names(snapshot: Snapshot) -> list[str]:
    return [one.name for one in snapshot.links]


def test_the_day_is_utc_wherever_now_was_stated(session: Session, cast: Cast) -> None:
    window = {"window_start": NOON + 2 * HOUR, "window_end": NOON + 4 * HOUR}
    ticket(session, cast, NOON - HOUR, category="maintenance", **window)
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
    assert ("CERN-ASGC-LHCOPN-001", "CH-CERN", "TW-ASGC", "primary") in outline[2]


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
    ticket(session, cast, NOON - HOUR, links=("L-120",), network="LHCONE", impact="outage")
    statements: list[str] = []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    registry_on(session, TODAY, "LHCOPN", NOON)
    assert len([one for one in statements if one.startswith(("SELECT", "WITH"))]) == 5
    statements.clear()
    first = registry_on(session, TODAY, "LHCONE", NOON)
    # their number, and a page of them
    assert len([one for one in statements if one.startswith(("SELECT", "WITH"))]) == 7
    assert (first.total, len(first.links), first.complete) == (150, PAGE, False)
    rest = registry_on(session, TODAY, "LHCONE", NOON, after=first.links[-1].name)
    assert (first.more, rest.more) == (True, False)
    assert names(first) + names(rest) == [f"L-{n:03d}" for n in range(150)]
    assert [one.name for one in rest.links if one.status.state == "down"] == ["L-120"]
    assert outline_on(session, TODAY, "LHCONE") is None
    assert MAX_LINKS < 150


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(9998, 12, 31), date.max])
def test_the_ends_of_time(session: Session, cast: Cast, day: date) -> None:
    ticket(session, cast, NOON)
    assert session.get_one(Ticket, 1).event_start is None
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert len(registry_on(session, day, "LHCOPN", now).links) == 2
