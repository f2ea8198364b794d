"""The places of the top bar: in one line where there is room, else a menu that needs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visit import log_in, people_of, sideways
from tests.cast import Cast
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_every_place_is_reached_on_a_phone_and_on_a_desk(
    javascript: bool, browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    with strict_page(browser, set(), javascript=javascript) as page:
        page.set_viewport_size({"width": 320, "height": 640})
        log_in(page, sqlite_server, "admin")
        places = page.get_by_role("navigation", name="Main menu", exact=True)
        expect(places).not_to_be_visible()
        page.locator(".places-menu summary").click()
        expect(places.get_by_role("link", name="Tickets")).to_have_attribute("aria-current", "page")
        places.get_by_role("link", name="Network").click()
        page.wait_for_url("**/topology")
        network = page.get_by_role("navigation", name="Network pages")
        expect(network.get_by_role("link")).to_have_text(["Map", "Links", "Sites", "Calendar"])
        network.get_by_role("link", name="Links").click()
        page.wait_for_url("**/links")
        expect(network.get_by_role("link", name="Links")).to_have_attribute("aria-current", "page")
        page.set_viewport_size({"width": 1440, "height": 640})
        expect(page.locator(".places-menu")).not_to_be_visible()
        expect(places.get_by_role("link")).to_have_text(
            ["Tickets", "Network", "Events", "Reports", "Statistics", "Admin"]
        )
        expect(places.get_by_role("link", name="Network")).to_have_attribute("aria-current", "page")
        places.get_by_role("link", name="Events").click()
        page.wait_for_url("**/events/timeline")
        expect(network).to_have_count(0)


def test_the_bar_is_one_line_and_its_search_is_usable(
    browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    with strict_page(browser, set()) as page:
        log_in(page, sqlite_server, "admin")
        for width, least in (
            (320, 64),
            (390, 100),
            (720, 200),
            (900, 200),
            (901, 100),
            (1024, 200),
            (1440, 300),
        ):
            page.set_viewport_size({"width": width, "height": 640})
            assert sideways(page) <= 0, width
            line = page.locator("header.bar").bounding_box()
            assert line is not None
            assert line["height"] <= 48, width  # nothing is broken into a second line
            search = page.locator("#search").bounding_box()
            assert search is not None
            assert search["width"] >= least, width
