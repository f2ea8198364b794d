"""The search box and the dialog of Ctrl-K with the keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, people_of, seed
from tests.cast import Cast
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def test_proposals_are_chosen_and_never_steal_enter(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Gridlock in the tunnel"))
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "operator")
    page.goto(f"{sqlite_server.url}/tickets")
    keys.press("/")
    box = page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-expanded", "false")
    keys.insert_text("grid")  # at once: proposals for "gri" would come between
    options = page.locator("#suggestions [role=option]")
    expect(options).to_have_count(4)  # the last one searches
    expect(options.nth(0)).to_contain_text("DE-KIT")
    expect(options.nth(2)).to_contain_text("Gridlock")
    expect(box).to_have_attribute("aria-expanded", "true")
    keys.press("ArrowDown")
    expect(options.nth(0)).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "suggestions-1")
    keys.press("ArrowUp")  # what was typed
    expect(page.locator("[aria-selected=true]")).to_have_count(0)
    keys.press("ArrowUp")  # and round to the last
    expect(options.nth(3)).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    keys.press("Enter")
    page.wait_for_url(f"**/tickets/{number}")

    page.locator("#search").fill("grid")
    expect(options).to_have_count(4)
    expect(options.first).to_be_visible()
    keys.press("Escape")
    expect(options.first).not_to_be_visible()
    expect(page.locator("#search")).to_have_value("grid")
    page.locator("#search").press("End")
    keys.type("l")
    expect(options).to_have_count(2)
    keys.press("Enter")  # none is chosen
    page.wait_for_url("**/tickets?q=gridl&state=open&state=closed")
    expect(page.locator(".tickets mark")).to_have_text("Gridlock")


def test_a_proposal_is_clicked(browser_page: Page, sqlite_server: LiveServer, cast: Cast) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator")
    page.goto(f"{sqlite_server.url}/sites")
    page.locator("#search").click()
    page.keyboard.insert_text("fzk")
    page.locator("#suggestions [role=option]").first.click()
    page.wait_for_url("**/sites/DE-KIT")


def test_without_a_script_it_is_a_plain_search(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = plain_page
    log_in(page, sqlite_server, "operator")
    page.goto(f"{sqlite_server.url}/sites")
    page.locator("#search").fill("tunnel")
    page.locator("#search").press("Enter")
    page.wait_for_url("**/tickets?q=tunnel&state=open&state=closed")
    page.locator("#search").fill("fzk")
    page.locator("#search").press("Enter")
    page.wait_for_url("**/search?q=fzk")
    page.get_by_role("link", name="DE-KIT").click()
    page.wait_for_url("**/sites/DE-KIT")


def test_ctrl_k_finds_from_anywhere(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Quiet corner"))
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "reader", "/profile")
    page.locator("input[type=password]").first.focus()  # also while one types
    keys.press("Control+k")
    box = page.get_by_role("combobox", name="Find a page, link, site, ticket or person")
    expect(box).to_be_focused()
    keys.press("Escape")
    expect(page.locator("#finder")).not_to_be_visible()
    keys.press("Control+k")
    keys.insert_text("calend")
    options = page.locator("#found [role=option]")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(options.first).to_contain_text("Calendar")
    keys.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    keys.press("ArrowUp")
    keys.press("Enter")
    page.wait_for_url("**/calendar/agenda")
    keys.press("Control+k")
    keys.insert_text(f"#{number}")
    keys.press("Enter")  # before anything was proposed, or after
    page.wait_for_url(f"**/tickets/{number}")
