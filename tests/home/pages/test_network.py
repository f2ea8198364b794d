"""What home shows of the networks now: which links are down, and whether their backups hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from lxml import html
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.events.models.events import Event, EventSource
from app.registry.models.registry import Link, Site
from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import recompute_all, report

PIC = "CERN-PIC-LHCOPN-001"
BACKUP, PATH = "CERN-GRIDKA-LHCOPN-002", "GRIDKA-PIC-LHCONE-001"
HOUR = timedelta(hours=1)


@pytest.fixture
def backups(session: Session, cast: Cast) -> None:
    """A backup of DE-KIT's link on each network."""
    with transaction(session):
        main = session.query(Link).filter_by(name=KIT).one()
        pic = session.query(Link).filter_by(name=PIC).one()
        second = Link(name=BACKUP, network="LHCOPN", end_a=main.end_a, end_b=main.end_b)
        path = Link(name=PATH, network="LHCONE", end_a=main.end_b, end_b=pic.end_b)
        for one in (second, path):
            one.role, one.backs_up = "backup", main
        session.add_all([second, path])


def happened(session: Session, cast: Cast, link: str, hours: int, state: str = "down") -> int:
    """An ongoing event that began so many hours ago."""
    now = datetime.now(UTC)
    begun = f"{now - hours * HOUR:%Y-%m-%d %H:%M}"
    return report(session, cast, begun, None, link=link, state=state, now=now, source_id=link)


def end(session: Session, cast: Cast, link: str) -> None:
    """The event that ``happened`` reported of it ends."""
    now = datetime.now(UTC)
    event = session.query(Event).filter_by(source_key=link).one()
    with transaction(session):
        event.end = now


def rows(visitor: Visitor, path: str = "/") -> list[list[str]]:
    """The cells of what is down."""
    headers = {"HX-Request": "true"} if path != "/" else {}
    answer = visitor.client.get(path, headers=headers)
    assert answer.status_code == 200
    page = html.fromstring(answer.text)
    for absolute in page.xpath("//span[@class = 'abs']"):  # what is printed
        absolute.text = ""
    found = page.xpath("//table[contains(@class, 'down-now')]/tbody/tr")
    return [
        [" ".join(td.text_content().split()) for td in row.xpath("./td[@class != 'c-pick'] | ./th")]
        for row in found
    ]


def cut_off(visitor: Visitor) -> list[str]:
    """What is said of sites without a path."""
    page = html.fromstring(visitor.client.get("/").text)
    return [" ".join(one.text_content().split()) for one in page.xpath("//*[@class='cut-off']/li")]


@pytest.mark.usefixtures("backups")
def test_down_now(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    visitor = visit(cast.operator)
    assert rows(visitor) == []
    on_kit = happened(session, cast, KIT, 3)
    on_pic = happened(session, cast, PIC, 2, "degraded")
    on_backup = happened(session, cast, BACKUP, 1)
    number = opened(links=(PIC,), now=datetime.now(UTC))
    expected = [
        [
            f"{BACKUP} event {on_backup}",
            "down, no ticket",
            "started 1 h ago",
            f"backup of {KIT} down",
            "Create ticket",
        ],
        [
            f"{KIT} event {on_kit}",
            "down, no ticket",
            "started 3 h ago",
            f"{BACKUP} down {PATH} unknown: not monitored",
            "Create ticket",
        ],
        [
            f"{PIC} event {on_pic}",
            "degraded",
            "started 2 h ago",
            "backup: none recorded",
            f"#{number}",
        ],
    ]
    for path in ("/", "/network-now"):
        assert rows(visitor, path) == expected, path
    page = visitor.read("/")
    assert "Down or degraded now 2 down; 1 degraded" in page.text
    assert (f"/tickets/new?event={on_kit}", "Create ticket") in page.links
    # a reader writes none
    assert [row[4] for row in rows(visit(cast.reader))] == ["none", "none", f"#{number}"]


@pytest.mark.usefixtures("backups")
def test_the_picture_says_the_state_of_every_link_of_the_lhcopn(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    now = datetime.now(UTC)
    happened(session, cast, KIT, 3)
    opened(links=(PIC,), category="maintenance", now=now, window_start=now - HOUR)
    page = html.fromstring(visit(cast.reader).get("/").text)
    (picture,) = page.xpath("//*[contains(@class, 'live-net')]")
    assert picture.get("aria-label") == (
        "LHCOPN now, 3 links: 1 down; 1 maintenance; 1 unmonitored"
    )
    assert picture.xpath(".//title/text()") == [
        f"{KIT}: down, no ticket",
        f"{BACKUP}: unmonitored",
        f"{PIC}: maintenance",
    ]
    assert picture.getparent().get("href") == "/topology"
    assert not picture.xpath(".//a")


@pytest.mark.usefixtures("backups")
def test_a_t1_without_a_path_is_named_and_what_nobody_watches_is_no_path(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.reader)
    assert cut_off(visitor) == []
    happened(session, cast, KIT, 3)
    # its backup was never reported; nor was that of the other network
    unknown = f"DE-KIT: path to CERN unknown: {BACKUP} unmonitored, {PATH} unmonitored"
    assert cut_off(visitor) == [unknown]
    happened(session, cast, BACKUP, 2)
    assert cut_off(visitor) == [f"DE-KIT: path to CERN unknown: {PATH} unmonitored"]
    happened(session, cast, PATH, 1)
    assert cut_off(visitor) == ["DE-KIT has no path to CERN"]
    # the way over ES-PIC works as soon as both of its parts do
    end(session, cast, PATH)
    assert cut_off(visitor) == ["DE-KIT: path to CERN unknown"]
    happened(session, cast, PIC, 5)
    end(session, cast, PIC)
    assert cut_off(visitor) == []


@pytest.mark.usefixtures("backups")
def test_all_that_is_down_is_shown_by_site_the_worst_first(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    with transaction(session):
        main = session.query(Link).filter_by(name=KIT).one()
        for number in range(1, 12):
            site = Site(key=f"T1-{number:02}", country="CH", time_zone="UTC")
            site.tier, site.tier_since = 1, date(2009, 2, 1)
            first = Link(network="LHCOPN", name=f"A-{number:02}", end_a=main.end_a, end_b=site)
            second = Link(network="LHCOPN", name=f"B-{number:02}", end_a=main.end_a, end_b=site)
            second.role, second.backs_up = "backup", first
            session.add_all([site, first, second])
    # of each the backup works; 09 has lost both, and of 07 the backup is not known
    for number in range(1, 12):
        if number != 7:
            happened(session, cast, f"B-{number:02}", 90)
            if number != 9:
                end(session, cast, f"B-{number:02}")
        happened(session, cast, f"A-{number:02}", 20 + number)
    attended = opened(links=("A-11",), now=datetime.now(UTC))
    happened(session, cast, PIC, 1, "degraded")
    visitor = visit(cast.operator)
    assert cut_off(visitor) == [
        "T1-09 has no path to CERN",
        "T1-07: path to CERN unknown: B-07 unmonitored",
    ]
    found = [row[0] for row in rows(visitor)]
    shown = [one.split(" event")[0] for one in found]
    # 09 without a path, oldest first; 07 not known; then what has no ticket, oldest first
    assert shown == [
        *("T1-09 2 down no path to CERN", "B-09", "A-09"),
        *("T1-07 1 down", "A-07"),
        *(
            one
            for number in (10, 8, 6, 5, 4, 3, 2, 1, 11)
            for one in (f"T1-{number:02} 1 down", f"A-{number:02}")
        ),
        *("ES-PIC 1 degraded", PIC),
    ]
    assert rows(visitor)[-3][-1] == f"#{attended}"


def test_the_part_alone_as_a_page_is_home(cast: Cast, visit: Enter) -> None:
    answer = visit(cast.reader).get("/network-now")
    assert (answer.status_code, answer.location) == (302, "/")


def test_only_the_present_is_shown(session: Session, cast: Cast, visit: Enter) -> None:
    """A link that ended, an event that is over and one of a site alone are no trouble."""
    with transaction(session):
        gone = session.query(Link).filter_by(name=PIC).one()
        gone.valid_until = (datetime.now(UTC) - 48 * HOUR).date()
    happened(session, cast, PIC, 1)
    now = datetime.now(UTC)
    begun, over = (f"{now - hours * HOUR:%Y-%m-%d %H:%M}" for hours in (5, 4))
    report(session, cast, begun, over, now=now)
    report(session, cast, begun, None, now=now, link=None, site="DE-KIT")
    page = visit(cast.operator).read("/")
    assert "No link is reported down or degraded. The only link in use is monitored." in page.text


def head(visitor: Visitor) -> tuple[str, list[str]]:
    """What home says of monitoring, and the marks before it: the green tick and the grey one."""
    page = html.fromstring(visitor.get("/").text)
    (found,) = page.xpath("//*[contains(@class, 'all-quiet')]")
    marks = [
        *found.xpath(".//*[local-name() = 'use']/@href"),
        *found.xpath(".//*[contains(@class, 'net-mark')]/@class"),
    ]
    return " ".join(found.text_content().split()), marks


def test_quiet_only_where_every_link_is_monitored(
    session: Session, cast: Cast, visit: Enter
) -> None:
    """N1, V5: "All quiet" with a green tick where nobody watched."""
    visitor, now = visit(cast.reader), datetime.now(UTC)
    over = f"{now - HOUR:%Y-%m-%d %H:%M}"
    grey = ["net-mark net-unmonitored"]
    words, marks = head(visitor)
    assert words.startswith("No link is monitored: no event source has reported on any link yet.")
    assert marks == grey
    report(session, cast, "1 10:00", over, now=now)
    words, marks = head(visitor)
    assert words == (
        "No link is reported down or degraded; 1 of 2 links in all networks is not monitored ."
    ).replace(" .", ".")
    assert marks == grey
    assert ("/links", "1 of 2 links in all networks is not monitored") in visitor.read("/").links
    report(session, cast, "1 10:00", over, now=now, link=PIC, source="other")
    words, marks = head(visitor)
    assert words == ("No link is reported down or degraded. All 2 links in use are monitored.")
    assert len(marks) == 1
    assert marks != grey
    # one of the two sources dies
    silent(session, "other", now - 3 * HOUR)
    words, marks = head(visitor)
    assert words == (
        "No link is reported down or degraded; 1 of 2 links in all networks is not monitored: other"
        " not heard for 3 h (expected every 1 h)."
    )
    assert marks == grey
    silent(session, "test", now - 4 * HOUR)
    words, marks = head(visitor)
    assert words.startswith(
        "Monitoring is silent: other not heard for 3 h (expected every 1 h); test not heard"
        " for 4 h (expected every 1 h). Outages appear here only if somebody writes a ticket."
    )
    assert marks == grey
    # a source is named once, whatever others watch its links
    report(session, cast, "1 10:00", over, now=now, link=KIT, source="other")
    silent(session, "other", now - 3 * HOUR)
    assert head(visitor)[0].count("other not heard") == 1
    assert head(visitor)[0].count("test not heard") == 1
    # what was reported before stands as the last report
    happened(session, cast, KIT, 3)
    silent(session, "test", now - 2 * HOUR)
    ((_link, state, *_more),) = rows(visitor)
    assert state == "down, as last reported, no ticket"
    assert "Monitoring is silent" in head(visitor)[0]


def silent(session: Session, name: str, since: datetime) -> None:
    """A source was heard then and not since."""
    with transaction(session):
        session.execute(
            update(EventSource).where(EventSource.name == name).values(last_heard_at=since)
        )


def bar(visitor: Visitor, path: str = "/tickets") -> tuple[str, bool]:
    """What the bar says of monitoring, and whether as a warning; the foot says the same."""
    page = html.fromstring(visitor.get(path).text)
    for absolute in page.xpath("//span[@class = 'abs']"):
        absolute.text = ""
    said = [
        (" ".join(one.text_content().split()), "silent" in one.get("class").split())
        for one in page.xpath("//a[starts-with(@class, 'heard')]")
    ]
    assert len(said) == 2
    assert said[0] == said[1]
    return said[0]


def test_the_bar_says_when_monitoring_reported_last(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, now = visit(cast.reader), datetime.now(UTC)
    assert bar(visitor) == ("no report yet", True)
    over = f"{now - HOUR:%Y-%m-%d %H:%M}"
    report(session, cast, "1 10:00", over, now=now)
    report(session, cast, "1 10:00", over, now=now, source="other")
    assert bar(visitor) == ("last monitoring report just now", False)
    silent(session, "other", now - 3 * HOUR)
    silent(session, "test", now - HOUR / 20)
    assert bar(visitor) == ("last monitoring report 3 min ago, 1 source silent", False)
    silent(session, "test", now - 4 * HOUR)
    assert bar(visitor) == ("monitoring silent, last report 3 h ago", True)


@pytest.mark.usefixtures("backups")
def test_a_link_that_goes_down_again_and_again_is_said_to_flap(
    session: Session, cast: Cast, visit: Enter
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for turn in range(7):
        begun = now - timedelta(minutes=40 - 5 * turn)
        over = begun + timedelta(minutes=1)
        ends = f"{over:%Y-%m-%d %H:%M:%S}"
        report(session, cast, f"{begun:%Y-%m-%d %H:%M:%S}", ends, now=now, link=PIC)
    visitor = visit(cast.reader)
    happened(session, cast, KIT, 1)
    begun = now - timedelta(minutes=1)
    report(session, cast, f"{begun:%Y-%m-%d %H:%M:%S}", None, now=now, link=PIC)
    recompute_all(session, now)
    states = {row[0].split(" event")[0]: row[1] for row in rows(visitor)}
    assert states[KIT] == "down, no ticket"
    assert states[PIC] == "down, flapping: 8 times in 40 min, no ticket 8 min down in total"
