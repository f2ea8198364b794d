"""The places of the top bar: in one line where there is room, else a menu that needs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visit import log_in, people_of, sideways
from tests.cast import Cast
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer

LATER = ("Reports",)
"""Places that are still to come: the bar has room for them."""


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
        places = page.get_by_role("navigation", name="Places")
        expect(places).not_to_be_visible()
        page.locator(".places-menu summary").click()
        expect(places.get_by_role("link", name="Tickets")).to_have_attribute("aria-current", "page")
        places.get_by_role("link", name="Links").click()
        page.wait_for_url("**/links")
        page.set_viewport_size({"width": 1440, "height": 640})
        expect(page.locator(".places-menu")).not_to_be_visible()
        places.get_by_role("link", name="Sites").click()
        page.wait_for_url("**/sites")


def test_the_bar_has_room_for_the_places_to_come(
    browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    with strict_page(browser, set()) as page:
        log_in(page, sqlite_server, "admin")
        page.evaluate(
            """later => document.querySelectorAll(".places, .places-menu .panel").forEach(nav => {
                for (const word of later) {
                    const link = nav.querySelector("a").cloneNode();
                    link.textContent = word;
                    nav.append(link);
                }
            })""",
            LATER,
        )
        for width in (320, 390, 720, 1000, 1001, 1180, 1440):
            page.set_viewport_size({"width": width, "height": 640})
            assert sideways(page) <= 0, width
            line = page.locator("header.bar").bounding_box()
            assert line is not None
            assert line["height"] <= 48, width  # nothing is broken into a second line
            search = page.locator("#search").bounding_box()
            assert search is not None
            assert search["width"] >= 64, width
