"""What home shows of the networks now: which links are down, and whether their backups hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import html
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.registry.models.registry import Link
from tests.cast import Cast
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open
from tests.matching.matching_world import LINK as KIT
from tests.matching.matching_world import report

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


def rows(visitor: Visitor, path: str = "/") -> list[list[str]]:
    """The cells of what is down."""
    headers = {"HX-Request": "true"} if path != "/" else {}
    answer = visitor.client.get(path, headers=headers)
    assert answer.status_code == 200
    page = html.fromstring(answer.text)
    for absolute in page.xpath("//span[@class = 'abs']"):  # what is printed
        absolute.text = ""
    found = page.xpath("//table[contains(@class, 'down-now')]/tbody/tr")
    return [[" ".join(td.text_content().split()) for td in row.xpath("./td")] for row in found]


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
            "since 1 h ago",
            f"backup of {KIT} down, no ticket",
            "Write ticket",
        ],
        [
            f"{KIT} event {on_kit}",
            "down, no ticket",
            "since 3 h ago",
            f"{BACKUP} down, no ticket {PATH} works, unmonitored",
            "Write ticket",
        ],
        [
            f"{PIC} event {on_pic}",
            "degraded",
            "since 2 h ago",
            "backup: none recorded",
            f"#{number}",
        ],
    ]
    for path in ("/", "/network-now"):
        assert rows(visitor, path) == expected, path
    page = visitor.read("/")
    assert "Down now 2 down; 1 degraded" in page.text
    assert (f"/tickets/new?event={on_kit}", "Write ticket") in page.links
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
        "LHCOPN now, 3 links: 1 down, 1 maintenance, 1 unmonitored"
    )
    assert picture.xpath(".//title/text()") == [
        f"{KIT}: down, no ticket",
        f"{BACKUP}: unmonitored",
        f"{PIC}: maintenance",
    ]
    assert picture.getparent().get("href") == "/topology"
    assert not picture.xpath(".//a")


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
    assert "All quiet: no link is down or degraded." in page.text
