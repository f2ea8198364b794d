"""Tickets with titles as long as may be: no page of them is wider than the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, people_of, seed, sideways
from tests.cast import Cast
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.mark.parametrize("width", [390, 1024])
def test_long_titles_of_any_script_make_no_page_wider(
    width: int, browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    titles = ("Ü" * 250, "日内瓦与台北之间的光纤链路中断" * 16, "Bauarbeiten an der Strecke " * 9)
    numbers = seed(
        sqlite_server,
        cast.operator,
        *(NewTicket(title=title, description=title * 3, sites=("S" * 200,)) for title in titles),
    )
    page = browser_page
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page, sqlite_server, "operator", "/tickets?sort=-number")
    assert sideways(page) <= 0
    for number in numbers:
        page.goto(f"{sqlite_server.url}/tickets/{number}")
        assert sideways(page) <= 0


def test_no_title_is_cut(browser_page: Page, sqlite_server: LiveServer, cast: Cast) -> None:
    title = "Asymmetric routing towards a storage node behind the second border router " * 3
    seed(sqlite_server, cast.operator, NewTicket(title=title.strip(), category="change"))
    page = browser_page
    log_in(page, sqlite_server, "operator", "/tickets?sort=-number")
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 800})
        whole = page.locator("#list a.title").evaluate_all(
            """all => all.every(one => {
                const cell = one.closest("td");
                return cell.scrollWidth <= cell.clientWidth
                    && cell.scrollHeight <= cell.clientHeight
                    && getComputedStyle(one).textOverflow !== "ellipsis";
            })"""
        )
        assert whole, width
