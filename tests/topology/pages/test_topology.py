"""The topology through its page and a ticket's page: the network of the time that is asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from lxml import html
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import demo
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.web.extensions import db
from app.reference.seed import add_links, seed_reference
from app.registry.models.registry import Link, Site, SiteName
from app.registry.services.lists import Wanted, sites_wanted
from app.registry.services.registry import find_site
from app.registry.services.sites import create_site
from app.tickets.services.lifecycle import find_ticket
from app.topology.pages.topology import topology_of
from app.topology.services.registry_on import MAX_LINKS
from tests.cast import NOON, Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

KIT = "CERN-GRIDKA-LHCOPN-001"
PIC = "CERN-PIC-LHCOPN-001"


def page(visitor: Visitor, path: str, status: int = 200) -> html.HtmlElement:
    answer = visitor.get(path)
    assert answer.status_code == status, path
    return html.fromstring(answer.text)


def drawn(found: html.HtmlElement, kind: str = "net-link") -> dict[str, str]:
    """Address and words of each link, or site, of the picture for screens."""
    items = found.xpath(f"//*[contains(@class, 'page-net')]//a[contains(@class, '{kind}')]")
    for item in items:  # a link has no text of its own to be read
        assert item.get("aria-label") == (item.findtext("title") if kind == "net-link" else None)
    return {item.get("href"): item.findtext("title") for item in items}


def table(found: html.HtmlElement, heading: str) -> list[list[str]]:
    """The cells' texts of the table under a heading."""
    rows = found.xpath(f"//section[@aria-labelledby='{heading}']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./td")] for row in rows]


def site(session: Session, key: str) -> Site:
    found = find_site(session, key)
    assert found is not None
    return found


@pytest.fixture
def registry(session: Session, cast: Cast) -> None:
    """A T1 of the past with its link and backup, a second link to DE-KIT, and a path of LHCONE."""
    with transaction(session):
        cern, kit, pic = (site(session, key) for key in ("CH-CERN", "DE-KIT", "ES-PIC"))
        asgc = Site(
            key="TW-ASGC",
            country="TW",
            time_zone="Asia/Taipei",
            tier=1,
            tier_since=date(2009, 2, 1),
            tier_until=date(2023, 10, 1),
            names=[SiteName(system="LHCOPN", name="TW-ASGC")],
        )
        until = date(2023, 10, 1)
        main = Link(name="CERN-ASGC-LHCOPN-001", network="LHCOPN", end_a=cern, end_b=asgc)
        main.valid_until = until
        backup = Link(name="ASGC-PIC-LHCOPN-001", network="LHCOPN", end_a=asgc, end_b=pic)
        backup.role, backup.backs_up, backup.valid_until = "backup", main, until
        second = Link(name="CERN-GRIDKA-LHCOPN-002", network="LHCOPN", end_a=cern, end_b=kit)
        second.role, second.bandwidth_gbps, second.valid_from = "backup", 100, date(2020, 1, 1)
        path = Link(name="GRIDKA PIC LHCONE?1", network="LHCONE", end_a=kit, end_b=pic)
        session.add_all([asgc, main, backup, second, path])


@pytest.mark.usefixtures("registry")
def test_today_has_no_site_and_link_of_the_past(cast: Cast, visit: Enter) -> None:
    found = page(visit(cast.reader), "/topology")
    assert drawn(found) == {
        f"/links/{KIT}": f"{KIT}, CH-CERN to DE-KIT, primary, unmonitored",
        "/links/CERN-GRIDKA-LHCOPN-002": (
            "CERN-GRIDKA-LHCOPN-002, CH-CERN to DE-KIT, backup, 100 Gb/s, unmonitored"
        ),
        f"/links/{PIC}": f"{PIC}, CH-CERN to ES-PIC, primary, unmonitored",
    }
    assert drawn(found, "net-site") == {
        "/sites/CH-CERN": "CH-CERN, T0",
        "/sites/DE-KIT": "DE-KIT, T1",
        "/sites/ES-PIC": "ES-PIC, T1",
    }
    assert [row[0] for row in table(found, "h-links")] == [
        KIT,
        "CERN-GRIDKA-LHCOPN-002",
        PIC,
    ]
    lines = found.xpath("//*[contains(@class, 'page-net')]//path[contains(@class, 'line')]")
    assert [line.get("class") for line in lines] == ["line primary", "line backup", "line primary"]


@pytest.mark.usefixtures("registry")
def test_a_day_of_2013_has_the_sites_and_links_of_then(cast: Cast, visit: Enter) -> None:
    found = page(visit(cast.reader), "/topology?on=2013-05-07")
    assert "on 2013-05-07" in (found.findtext(".//h1") or "")
    assert list(drawn(found)) == [
        f"/links/{name}?on=2013-05-07"  # the records as of that day
        for name in ("ASGC-PIC-LHCOPN-001", "CERN-ASGC-LHCOPN-001", KIT, PIC)
    ]
    assert drawn(found, "net-site")["/sites/TW-ASGC?on=2013-05-07"] == "TW-ASGC, T1"
    rows = {row[0]: row for row in table(found, "h-links")}
    assert rows["ASGC-PIC-LHCOPN-001"][1:4] == [
        "unmonitored",
        "TW-ASGC to ES-PIC",
        "backup of CERN-ASGC-LHCOPN-001",
    ]
    assert rows["CERN-ASGC-LHCOPN-001"][3] == "primary, backed up by ASGC-PIC-LHCOPN-001"
    sites = {row[0]: row[1:] for row in table(found, "h-sites")}
    assert sites["TW-ASGC"] == ["T1", "–", "2 links"]
    # the jump to today
    assert [
        link.get("href") for link in found.xpath("//a") if link.text_content() == "Jump to today"
    ] == ["/topology?network=LHCOPN"]


@pytest.mark.usefixtures("registry")
def test_lhcone_has_only_the_ends_of_its_links_and_any_key_may_stand_in_an_address(
    cast: Cast, visit: Enter
) -> None:
    found = page(visit(cast.reader), "/topology?network=LHCONE")
    assert drawn(found) == {
        "/links/GRIDKA%20PIC%20LHCONE%3F1": (
            "GRIDKA PIC LHCONE?1, DE-KIT to ES-PIC, primary, unmonitored"
        )
    }
    assert list(drawn(found, "net-site")) == ["/sites/DE-KIT", "/sites/ES-PIC"]


@pytest.mark.usefixtures("registry")
def test_one_site_under_any_of_its_names_with_its_neighbours(cast: Cast, visit: Enter) -> None:
    found = page(visit(cast.reader), "/topology?site=FZK-LCG2&on=2013-05-07")
    assert "around DE-KIT" in (found.findtext(".//h1") or "")
    assert list(drawn(found)) == [f"/links/{KIT}?on=2013-05-07"]
    assert list(drawn(found, "net-site").values()) == ["DE-KIT, T1", "CH-CERN, T0"]


def test_states_come_from_tickets_and_say_which(cast: Cast, visit: Enter, opened: Open) -> None:
    now = datetime.now(UTC)
    first = opened(links=(KIT,), category="incident", impact="outage")
    opened(links=(PIC,), category="maintenance", window_start=now + timedelta(days=2))
    found = page(visit(cast.reader), "/topology")
    assert list(drawn(found).values()) == [
        f"{KIT}, CH-CERN to DE-KIT, primary, down, ticket {first}",
        f"{PIC}, CH-CERN to ES-PIC, primary, planned, ticket {first + 1}, not monitored",
    ]
    assert [row[1] for row in table(found, "h-links")] == [
        "down #1",
        "planned, not monitored #2",
    ]
    # each state has a shape of its own, so that it is told without its colour
    shapes = found.xpath("//*[contains(@class, 'page-net')]//*[contains(@class, 'shape')]")
    assert [shape.get("class") for shape in shapes] == ["shape", "shape hollow"]
    # neither was there on that day of 2013
    before = page(visit(cast.reader), "/topology?on=2013-03-05")
    assert {row[1] for row in table(before, "h-links")} == {"unmonitored"}


def test_a_ticket_of_2013_shows_the_topology_of_2013(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOON)
    with transaction(session):
        seed_reference(session, by)
        asgc = Link(name="CERN-ASGC-LHCOPN-001", network="LHCOPN", valid_until=date(2023, 10, 1))
        asgc.end_a, asgc.end_b = site(session, "CH-CERN"), site(session, "TW-ASGC")
        session.add(asgc)
    begun = datetime(2013, 5, 7, 22, 30, tzinfo=UTC)
    number = opened(links=(KIT,), event_start=begun, impact="outage")
    found = page(visit(cast.reader), f"/tickets/{number}")
    small = found.xpath("//*[contains(@class, 'small-net')]")[0]
    sites = set(small.xpath(".//circle/title/text()"))
    eleven = {
        *("CA-TRIUMF", "DE-KIT", "ES-PIC", "FR-CCIN2P3", "IT-INFN-CNAF", "NDGF", "NL-T1"),
        *("TW-ASGC", "UK-T1-RAL", "US-FNAL-CMS", "US-T1-BNL"),
    }
    assert sites == eleven | {"CH-CERN"}
    assert small.get("aria-label").endswith(f"Affected: {KIT}, CH-CERN to DE-KIT")
    assert len(small.xpath(".//path[contains(@class, 'affected')]")) == 1
    assert {text.text for text in small.xpath(".//text")} == {"CH-CERN", "DE-KIT"}
    link = next(one for one in found.xpath("//a") if one.text == "Map on 2013-05-07")
    assert link.get("href") == "/topology?network=LHCOPN&on=2013-05-07&site=DE-KIT"
    there = page(visit(cast.reader), "/topology?network=LHCOPN&on=2013-05-07")
    tiers = {row[0]: row[1] for row in table(there, "h-sites")}
    assert set(tiers) == sites
    assert tiers["NL-T1"].startswith("T1")
    assert tiers["TW-ASGC"].startswith("T1")
    rows = {row[0]: row[1] for row in table(there, "h-links")}
    assert rows[KIT] == f"down #{number}"
    assert "CERN-RRCK1-LHCOPN-001" not in rows
    # the same ticket of another time shows another network
    later = opened(links=(KIT,), event_start=datetime(2025, 5, 7, tzinfo=UTC))
    small = page(visit(cast.reader), f"/tickets/{later}").xpath("//*[@class='net small-net']")[0]
    sites = set(small.xpath(".//circle/title/text()"))
    assert "TW-ASGC" not in sites
    assert {"NRC-KI-T1", "CN-IHEP"} <= sites


def test_a_ticket_that_affects_nothing_known_leads_to_the_whole_network(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Dirty fibre", network="LHCONE", event_start=NOON, sites=("Nowhere",))
    found = page(visit(cast.reader), f"/tickets/{number}")
    assert not found.xpath("//*[contains(@class, 'small-net')]")
    link = next(one for one in found.xpath("//a") if one.text == "Map on 2013-03-06")
    assert link.get("href") == "/topology?network=LHCONE&on=2013-03-06"


def test_the_small_picture_costs_one_statement_more(app: Flask, cast: Cast, opened: Open) -> None:
    with_links = opened(links=(KIT, PIC), sites=("DE-KIT", "Nowhere"))
    without = opened(title="Nothing", sites=("Nowhere",))

    def statements(number: int) -> int:
        found: list[str] = []
        with app.test_request_context():
            shown = find_ticket(db.session(), cast.reader, number)
            event.listen(db.engine, "before_cursor_execute", lambda *it: found.append(it[2]))
            topology_of(shown)
        return len(found)

    assert statements(with_links) == 1
    assert statements(without) == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("network=GEANT", "Network: choose LHCOPN or LHCONE"),
        ("on=yesterday", "As of: use YYYY-MM-DD"),
        ("on=2013-02-30", "As of: use YYYY-MM-DD"),
        ("on=1066-10-14", "from 1990-01-01"),
        ("on=%D9%A2013-02-03", "As of: use YYYY-MM-DD"),
        ("site=NOWHERE", "Site: unknown name"),
        ("site=" + "x" * 5000, "Site: unknown name"),
        ("site=a%00b", "Site: unknown name"),
    ],
)
def test_what_cannot_be_used_is_named_and_left_out(
    cast: Cast, visit: Enter, query: str, words: str
) -> None:
    answer = visit(cast.reader).get(f"/topology?{query}")
    assert answer.status_code == 422
    assert words in " ".join("".join(PageReader(answer.text).alerts).split())
    assert KIT in answer.text  # the rest is shown


def test_the_form_keeps_network_and_site_and_no_login_sees_nothing(
    app: Flask, cast: Cast, visit: Enter
) -> None:
    read = visit(cast.reader).read("/topology?network=LHCONE&site=pic&on=2013-05-07")
    assert read.form("/topology").data() == {
        "network": ["LHCONE"],
        "on": ["2013-05-07"],
        "site": ["ES-PIC"],
    }
    answer = Visitor(app).get("/topology")
    assert answer.status_code == 303
    assert answer.location.startswith("/login")


def test_an_empty_network_says_so_and_what_next(cast: Cast, visit: Enter) -> None:
    found = page(visit(cast.reader), "/topology?network=LHCONE&on=2013-05-07")
    words = " ".join(found.text_content().split())
    assert "No LHCONE link is in use on 2013-05-07" in words
    around = page(visit(cast.reader), "/topology?network=LHCONE&site=DE-KIT")
    words = " ".join(around.text_content().split())
    assert "DE-KIT has no LHCONE link today" in words
    assert "Show all sites" in words
    assert not around.xpath("//figure")  # one site alone is no picture


def test_a_huge_network_is_a_table_in_pages_until_a_site_is_chosen(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        cern = site(session, "CH-CERN")
        sites = [
            Site(
                key=f"S-{number:03d}",
                country="FR",
                time_zone="UTC",
                names=[SiteName(system="LHCOPN", name=f"S-{number:03d}")],
            )
            for number in range(MAX_LINKS + 30)
        ]
        session.add_all(sites)
        session.add_all(
            Link(name=f"L-{number:03d}", network="LHCONE", end_a=cern, end_b=one)
            for number, one in enumerate(sites)
        )
    visitor = visit(cast.reader)
    first = page(visitor, "/topology?network=LHCONE")
    assert "150 links are too many for a map (at most 120)" in first.text_content()
    assert drawn(first) == {}
    more = next(one.get("href") for one in first.xpath("//a") if one.text == "Next page")
    second = page(visitor, more)
    seen = [row[0] for row in table(first, "h-links") + table(second, "h-links")]
    assert seen == [f"L-{number:03d}" for number in range(150)]
    assert not [one for one in second.xpath("//a") if one.text == "Next page"]
    around = page(visitor, "/topology?network=LHCONE&site=S-007")
    assert list(drawn(around)) == ["/links/L-007"]


def test_the_demos_links_begin_and_end(session: Session, cast: Cast, visit: Enter) -> None:
    by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOON)
    with transaction(session):
        seed_reference(session, by)
        add_links(session, by, demo.LINKS)
    visitor = visit(cast.reader)
    then, today = (
        {row[0].removesuffix(" sample") for row in table(page(visitor, path), "h-links")}
        for path in ("/topology?on=2013-05-07", "/topology")
    )
    assert then - today == {"ASGC-SARA-LHCOPN-001", "CERN-ASGC-LHCOPN-001"}
    assert {"CERN-RRCK1-LHCOPN-001", "CERN-KISTI-LHCOPN-001"} <= today - then


@pytest.mark.usefixtures("registry")
def test_every_site_and_link_of_the_picture_leads_to_its_record_and_back(
    cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    for path, back in (
        ("/topology?on=2013-05-07", "on=2013-05-07"),
        ("/topology?network=LHCONE", "site="),
        ("/topology?on=2099-12-31", "site="),  # records know no days ahead: they are as of today
    ):
        found = page(visitor, path)
        for address in [*drawn(found), *drawn(found, "net-site")]:
            record = page(visitor, address)
            (topology,) = (
                one.get("href") for one in record.xpath("//main//a") if one.text == "Map"
            )
            assert back in topology
            assert visitor.get(topology).status_code == 200
    for path in ("/sites", "/links"):
        assert ("/topology", "Map") in visitor.read(path).links


def test_a_t1_since_nobody_knows_when_is_one_on_every_page(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        site(session, "ES-PIC").tier_since = None
    visitor = visit(cast.reader)
    tiers = {row[0]: row[1] for row in table(page(visitor, "/topology?on=2010-01-01"), "h-sites")}
    assert tiers["ES-PIC"] == "T1"
    assert "/sites/ES-PIC" in {link for link, _text in visitor.read("/sites?tier=T1").links}
    listed = sites_wanted(session, Wanted(limit=10, on=date(2010, 1, 1)), 1)
    assert [(one.row.key, one.tier) for one in listed] == [("DE-KIT", 1), ("ES-PIC", 1)]


NEW_T1 = {"country": "CH", "time_zone": "Europe/Zurich", "tier": 1}


def test_a_site_that_is_added_turns_nothing(session: Session, cast: Cast, visit: Enter) -> None:
    """Its place on the map is given when it is created, and the others keep theirs."""
    by = Writer(actor=cast.admin, door=Door.PORTAL, now=NOON)
    with transaction(session):
        for place, key in ((0.0, "DE-KIT"), (120.0, "ES-PIC")):
            site(session, key).map_place = place
        create_site(session, by, {"key": "XX-ONE", **NEW_T1})

    def angles() -> dict[str, tuple[str | None, str | None]]:
        found = page(visit(cast.reader), "/topology")
        dots = found.xpath("//*[contains(@class, 'page-net')]//a[contains(@class, 'net-site')]")
        return {dot.get("href"): (dot[1].get("cx"), dot[1].get("cy")) for dot in dots}

    before = angles()
    assert site(session, "XX-ONE").map_place == 240.0
    with transaction(session):
        create_site(session, by, {"key": "AA-TWO", **NEW_T1})
    after = angles()
    assert after.keys() - before.keys() == {"/sites/AA-TWO"}
    assert {key: after[key] for key in before} == before
