"""A whole page that shows what could not be stored asks before it is left, as one being written."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.registry.services.registry import require_site
from app.reports.services.reports import save_fields
from tests.browser.visit import log_in, people_of
from tests.cast import Cast, writer
from tests.harness.server import LiveServer

PAGE = "/reports/DE-KIT/2013-Q1"
ASKS = "() => !window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def test_a_conflict_on_a_whole_page_is_not_left_unasked(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast, expected_statuses: set[int]
) -> None:
    page = browser_page
    expected_statuses.add(409)
    log_in(page, sqlite_server, cast.kit.account, PAGE)
    plans = page.get_by_label("Plans for the next quarter")
    with sqlite_server.session() as session, transaction(session):
        site = require_site(session, "DE-KIT")
        by = writer(cast.operator)
        save_fields(session, by, site, Quarter(2013, 1), {"answer.plans": ("Theirs", 0)})
    # typed, and not yet saved by itself: the button sends all of the page
    plans.evaluate("""one => {
        one.closest("[data-field]").dataset.unsaved = "yes";
        one.value = "Mine";
    }""")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#errors")).to_contain_text("Somebody else edited the same fields")
    expect(plans).to_have_value("Mine")
    assert page.evaluate(ASKS)
    page.get_by_role("button", name="Keep mine").click()
    expect(page.locator(".report-conflict")).to_have_count(0)
    expect(page.locator("#f-answer-plans .saved")).to_contain_text("Saved")
    assert not page.evaluate(ASKS)
