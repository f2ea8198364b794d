"""What if is printed on one sheet, across, without what only a screen needs."""

from __future__ import annotations

import re

from playwright.sync_api import Browser

from tests.browser.visit import log_in, people_of
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer


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
