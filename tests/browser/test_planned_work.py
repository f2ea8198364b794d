"""Planned work in a browser: the conflict while one types, and a free window by the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from app.core.database.transactions import transaction
from app.registry.models.registry import Link
from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, people_of, seed
from tests.calendar.pages.test_conflicts import FIRST, SECOND, at
from tests.cast import Cast
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    found = people_of(sqlite_server)
    with sqlite_server.session() as session, transaction(session):
        first = session.scalars(select(Link).where(Link.name == FIRST)).one()
        ends = {"end_a": first.end_a, "end_b": first.end_b}
        session.add(Link(name=SECOND, network="LHCOPN", backs_up=first, role="backup", **ends))
    return found


def test_a_conflict_is_told_while_one_types_and_a_free_window_is_taken(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    planned = NewTicket(
        title="New card",
        category="maintenance",
        links=(SECOND,),
        window_start=at("06 02:00"),
        window_end=at("06 06:00"),
    )
    (number,) = seed(sqlite_server, cast.operator, planned)
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "operator", "/tickets/new")
    page.get_by_label("Title").fill("Fibre moved")
    page.get_by_label("maintenance").check()
    page.locator("#links-search").press_sequentially(FIRST)
    keys.press("Enter")
    told = page.locator("#window-conflicts")
    expect(told).to_have_attribute("aria-live", "polite")
    page.locator("#window_start").fill("2040-03-06 04:00")
    page.locator("#window_end").press_sequentially("2040-03-06 07:00")
    expect(told).to_contain_text(f"#{number} New card")
    expect(page.locator("#window_end")).to_be_focused()  # nothing moves under the keyboard
    keys.press("Tab")
    keys.press("Tab")
    expect(page.get_by_role("button", name="Use the free window before")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#window_start")).to_have_value("2040-03-06 06:00")
    expect(page.locator("#window_end")).to_have_value("2040-03-06 09:00")
    expect(page.locator("#window_start")).to_be_focused()
    expect(told).to_have_text("No conflict with planned work.")
    page.locator(".submit-line .primary").click()
    expect(page.get_by_role("heading", name="Fibre moved")).to_be_visible()
