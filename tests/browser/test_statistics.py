"""Figures of many periods begin with the newest in sight where they are wider than the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, people_of, seed, sideways
from tests.cast import NOON
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def server(sqlite_server: LiveServer) -> LiveServer:
    """A portal with one ticket."""
    seed(sqlite_server, people_of(sqlite_server).operator, NewTicket("A ticket"))
    return sqlite_server


@pytest.mark.parametrize("width", [1440, 390])
def test_the_newest_quarters_are_in_sight(browser: Browser, server: LiveServer, width: int) -> None:
    year = NOON.year
    with strict_page(browser, set()) as page:
        page.set_viewport_size({"width": width, "height": 900})
        log_in(page, server, "reader")
        page.goto(f"{server.url}/statistics/tickets?per=quarter&from={year - 9}-Q1&to={year}-Q4")
        for place, newest in (
            (".stats > .chart .chart-scroll", ".value"),
            (".figures-scroll", "thead tr:last-child th"),
        ):
            scroll = page.locator(place).first
            assert scroll.evaluate("e => e.scrollWidth > e.clientWidth"), "it is wider"
            box, last = scroll.bounding_box(), scroll.locator(newest).last.bounding_box()
            assert box is not None
            assert last is not None
            assert last["x"] + last["width"] <= box["x"] + box["width"] + 1
        if width == 390:
            first = page.locator(".figures-scroll tfoot th").first.bounding_box()
            assert first is not None
            assert first["x"] >= 0, "what a line is of stays in sight"
        assert sideways(page) == 0
