"""The form of a new ticket in a browser: similar tickets while one types, and a preview."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import move_ticket
from tests.browser.visit import log_in, people_of, seed
from tests.cast import Cast, writer
from tests.harness.server import LiveServer

LINK = "CERN-GRIDKA-LHCOPN-001"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    found = people_of(sqlite_server)
    news = [NewTicket(title=f"BGP flapping, {count}", links=(LINK,)) for count in range(6)]
    numbers = seed(sqlite_server, found.operator, *news)
    with sqlite_server.session() as session, transaction(session):
        for number in numbers[1:]:
            move_ticket(session, writer(found.operator), number, "solved", solution="New laser")
    return found


@pytest.mark.parametrize("width", [390, 1440])
def test_similar_tickets_come_while_one_types_and_move_nothing(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast, width: int
) -> None:
    page, keys = browser_page, browser_page.keyboard
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, sqlite_server, "operator", "/tickets/new")
    said = page.locator("#similar-said")
    expect(said).to_have_attribute("role", "status")
    expect(said).to_contain_text("No similar ticket found")
    below, similar = page.locator("#event_start"), page.locator(".similar")
    page.locator("#links-search").press_sequentially(LINK)
    keys.press("Enter")
    expect(said).to_have_text("1 open on the same link.")
    before = below.bounding_box()
    page.locator("#title").press_sequentially("Session flapping")
    expect(said).to_have_text("1 open on the same link, 5 solved before.")
    expect(similar).to_contain_text("New laser")
    expect(page.locator("#title")).to_be_focused()
    assert below.bounding_box() == before


def test_a_description_is_previewed_in_place(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", "/tickets/new")
    page.locator("#title").fill("Kept")
    page.locator("#description").fill(f"All of {LINK} is **down**")
    for text in ("down", "dark"):
        page.locator("#description").fill(f"All of {LINK} is **{text}**")
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#preview strong")).to_have_text(text)
    expect(page.locator("#preview")).to_have_count(1)
    expect(page.locator("#title")).to_have_value("Kept")
