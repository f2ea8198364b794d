"""The grid of reports on a small screen and on a large one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator

from tests.browser.visit import log_in, people_of, sideways
from tests.cast import Cast
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer

GRID = "/reports?from=2010-Q1&to=2013-Q4"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def is_seen(cell: Locator, grid: Locator) -> bool:
    """Whether all of a cell lies within what the grid shows."""
    inner, outer = cell.bounding_box(), grid.bounding_box()
    assert inner is not None
    assert outer is not None
    left, right = inner["x"] - outer["x"], inner["x"] + inner["width"] - outer["x"]
    return left >= -1 and right <= outer["width"] + 1


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_what_is_too_wide_begins_with_the_newest_quarter(
    browser: Browser, sqlite_server: LiveServer, cast: Cast, javascript: bool
) -> None:
    with strict_page(browser, set(), javascript=javascript) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        log_in(page, sqlite_server, cast.kit.account, GRID)
        grid = page.locator(".report-grid").first
        heads = grid.locator("thead th")
        assert heads.all_inner_texts()[2].startswith("2010-Q1"), "read in their order"
        assert is_seen(heads.last, grid)
        assert is_seen(heads.first, grid), "the sites stay beside it"
        assert not is_seen(heads.nth(2), grid)
        assert sideways(page) <= 0
        page.goto(f"{sqlite_server.url}/reports?from=2013-Q4&to=2013-Q4")
        page.set_viewport_size({"width": 1440, "height": 900})
        table, outer = grid.locator("table").bounding_box(), grid.bounding_box()
        assert table is not None
        assert outer is not None
        assert table["x"] == pytest.approx(outer["x"], abs=1), "what has room stands at the left"
