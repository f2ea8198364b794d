"""What if is printed on one sheet, across, without what only a screen needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.demo.duty_rules import seed_rules
from app.reference.seed import seed_reference
from tests.browser.visit import log_in, people_of
from tests.harness.browser import strict_page
from tests.harness.databases import fresh_database
from tests.harness.server import LiveServer, live
from tests.harness.server import test_settings as settings_of


def test_it_is_printed_on_one_sheet(browser: Browser, sqlite_server: LiveServer) -> None:
    people_of(sqlite_server)
    with strict_page(browser, set()) as page:
        log_in(page, sqlite_server, "reader")
        page.goto(f"{sqlite_server.url}/statistics/what-if?from=2012-Q1&to=2013-Q4")
        sheets = re.findall(rb"/MediaBox \[([\d. ]+)\]", page.pdf(prefer_css_page_size=True))
        assert len(sheets) == 1
        _left, _top, width, height = map(float, sheets[0].split())
        assert (round(width), round(height)) == (842, 595), "A4 across, in points"
        page.emulate_media(media="print")
        for gone in (
            page.locator("header.bar"),
            page.locator(".what-if-form"),
            page.locator("nav"),
        ):
            assert not any(one.is_visible() for one in gone.all())


@pytest.mark.parametrize("asked", ["from=2012-Q1&to=2013-Q2", "from=2025-Q1&to=2026-Q4"])
def test_three_rules_of_all_sites_are_one_sheet(
    browser: Browser, full_server: LiveServer, asked: str
) -> None:
    with strict_page(browser, set()) as page:
        log_in(page, full_server, "reader")
        page.goto(f"{full_server.url}/statistics/what-if?{asked}")
        assert page.locator(".what-if-form input:checked").count() == 3
        assert page.locator(".what-if tbody tr").count() > 11
        sheets = re.findall(rb"/MediaBox ", page.pdf(prefer_css_page_size=True))
        assert len(sheets) == 1


@pytest.mark.parametrize("width", [390, 1440])
def test_by_quarter_begins_with_the_newest_beside_the_names_of_the_sites(
    browser: Browser, full_server: LiveServer, width: int
) -> None:
    with strict_page(browser, set()) as page:
        page.set_viewport_size({"width": width, "height": 900})
        log_in(page, full_server, "reader")
        page.goto(f"{full_server.url}/statistics/what-if?from=2025-Q1&to=2026-Q4")
        table = page.locator(".what-if-quarters")
        newest = table.locator("thead tr:first-child th").last
        site = table.locator("tbody th").first
        for seen in (newest, site):
            box = seen.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        assert "2026-Q4" in newest.inner_text()
        oldest = table.locator("thead tr:first-child th").nth(1).bounding_box()
        assert oldest is not None
        below = table.locator("thead tr + tr th").first.bounding_box()
        assert below is not None
        assert below["x"] == oldest["x"], "nothing covers the head of the sites"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 390:
            assert oldest["x"] < 0, "they are there, a scroll away"


@pytest.fixture(scope="module")
def full_server() -> Iterator[LiveServer]:
    """A portal with all sites and a third rule, whose words are long."""
    with fresh_database("sqlite") as url, live(settings_of(url)) as server:
        people_of(server)
        by = Writer(actor=SYSTEM, door=Door.COMMAND, now=datetime.now(UTC))
        with server.session() as session, transaction(session):
            seed_reference(session, by)
            seed_rules(session, by)
        yield server
