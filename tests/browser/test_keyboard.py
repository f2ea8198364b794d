"""The main job with the keyboard alone: what has the focus can be seen and used."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.tickets.rules.content import NewTicket
from app.tickets.services.lists.lists import PAGE
from tests.browser.visit import change, log_in, people_of, seed, without_haste
from tests.cast import PASSWORD, Cast
from tests.harness.server import LiveServer

_FOCUSED = """() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    const around = at.closest('.combo-box');
    const seen = style.outlineStyle !== 'none'
        || (around && getComputedStyle(around).outlineStyle !== 'none');
    return {name: at.getAttribute('aria-label') || at.innerText || at.id, seen, tag: at.tagName};
}"""


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def _tab_to(page: Page, name: str, *, most: int = 60) -> None:
    """Press Tab until something of this name has the focus; all on the way must show it."""
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        passed.append(found["name"])
        assert found["seen"], f"the focus cannot be seen on {found}"
        if found["name"].strip() == name:
            return
    raise AssertionError(f"{name} is not reached by Tab; passed {passed}")


def test_login_open_and_comment(browser_page: Page, sqlite_server: LiveServer, cast: Cast) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Reached by keyboard"))
    change(sqlite_server, cast.operator, number, state="waiting for reply")  # alone in its list
    page, keys = browser_page, browser_page.keyboard
    page.goto(f"{sqlite_server.url}/login")
    expect(page.get_by_label("Name")).to_be_focused()
    keys.type("operator")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{sqlite_server.url}/")

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    keys.press("Enter")
    page.wait_for_url(f"{sqlite_server.url}/#main")
    _tab_to(page, "Reached by keyboard")
    keys.press("Enter")
    page.wait_for_url(f"**/tickets/{number}")

    _tab_to(page, "text")
    keys.type("Typed without a mouse.")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".timeline .entry").last).to_have_text("Typed without a mouse.")


def test_search_menu_and_combo_box(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    seed(sqlite_server, cast.operator, NewTicket(title="Wavelength lost"))
    page, keys = browser_page, browser_page.keyboard
    page.goto(f"{sqlite_server.url}/login")
    expect(page.get_by_label("Name")).to_be_focused()
    keys.type("operator")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{sqlite_server.url}/")
    keys.press("/")
    expect(page.locator("#search")).to_be_focused()
    keys.type("wavelength")
    keys.press("Enter")
    page.wait_for_url("**q=wavelength*")
    expect(page.locator(".tickets .title")).to_have_text(["Wavelength lost"])

    menu = page.locator(".bar .person-menu")
    menu.locator("summary").focus()
    keys.press("Enter")
    expect(menu.get_by_role("button", name="Log out")).to_be_visible()
    keys.press("Escape")
    expect(menu.get_by_role("button", name="Log out")).not_to_be_visible()
    expect(menu.locator("summary")).to_be_focused()

    page.goto(f"{sqlite_server.url}/tickets/new")
    links = page.get_by_role("combobox", name="Affected links")
    links.focus()
    keys.type("PIC")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Remove CERN-PIC-LHCOPN-001")).to_be_visible()
    expect(page.locator("#links")).to_have_values(["CERN-PIC-LHCOPN-001"])
    keys.press("Backspace")
    expect(page.locator("#links")).to_have_values([])


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


def test_control_enter_sends_a_form_from_any_of_its_fields(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "operator", "/tickets/new")
    page.locator("#title").fill("Sent from a select")
    page.locator("#layer").focus()
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="Sent from a select")).to_be_visible()


def test_single_keys_walk_the_list_tick_and_change_tickets(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    numbers = seed(
        sqlite_server,
        cast.operator,
        *(NewTicket(title=f"Storm {index}") for index in range(PAGE + 2)),
    )
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "operator", "/tickets?q=storm&sort=number")
    keys.press("j")
    assert focused(page) == "Storm 0"
    keys.press("x")
    keys.press("j")
    keys.press("j")
    keys.press("x")
    assert focused(page) == "Storm 2"
    expect(page.locator("[data-picked]")).to_have_text("2 selected")
    keys.press("k")
    keys.press("o")
    page.wait_for_url(f"**/tickets/{numbers[1]}")
    keys.press("c")
    expect(page.locator(".write textarea").first).to_be_focused()
    keys.type("just gone, no key does anything: / ? j n")
    expect(page.locator("dialog[open]")).to_have_count(0)
    keys.press("Control+Enter")
    expect(page.locator(".timeline .entry").last).to_have_text(
        "just gone, no key does anything: / ? j n"
    )
    page.locator("h1").click()
    keys.press("u")
    page.wait_for_url("**/tickets?q=storm&sort=number")

    # the last title of a page brings the next page
    page.locator(".tickets .title").nth(PAGE - 1).focus()
    keys.press("j")
    expect(page.locator(".tickets .title")).to_have_count(PAGE + 2)
    expect(page.get_by_role("link", name=f"Storm {PAGE}")).to_be_focused()

    # what is ticked is changed without the mouse
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-picked]")).to_have_text(f"{PAGE + 2} selected")
    page.get_by_label("Select all on this page").uncheck()
    page.get_by_role("link", name="Storm 0", exact=True).focus()
    keys.press("x")
    keys.press("b")
    page.wait_for_url("**/tickets/bulk?*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change 1 ticket")
    page.get_by_label("Priority").select_option("urgent")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Change 1 ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 ticket changed")
    page.get_by_role("button", name="Revert 1 ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 ticket reverted")


def test_a_ticket_is_watched_and_reminded_of_by_single_keys(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Remembered"))
    page, keys = browser_page, browser_page.keyboard
    log_in(page, sqlite_server, "reader", f"/tickets/{number}")
    keys.press("w")
    expect(page.get_by_role("button", name="Unwatch")).to_be_visible()
    keys.press("w")
    expect(page.get_by_role("button", name="Notify me of updates")).to_be_visible()

    keys.press("r")
    expect(page.get_by_label("When", exact=True)).to_be_focused()
    keys.type("2099-12-01")
    expect(page.locator("#remind-when-read")).to_contain_text("= Tue 2099-12-01 09:00 UTC")
    keys.press("Tab")
    keys.type("rw: ask them")  # typed, and no keys
    keys.press("Enter")
    expect(page.locator(".reminder")).to_contain_text("2099-12-01 09:00 UTC")
    expect(page.locator(".reminder")).to_contain_text("rw: ask them")
    expect(page.locator("#notices")).to_contain_text("Reminder set: 2099-12-01 09:00 UTC.")


def test_the_sheet_tells_the_keys_and_they_can_be_switched_off(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, keys = browser_page, browser_page.keyboard
    without_haste(page)
    log_in(page, sqlite_server, "reader", "/tickets")
    keys.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    keys.press("g")
    keys.press("s")
    expect(sheet).to_be_visible()  # under it nothing moves
    keys.press("Escape")
    expect(sheet).not_to_be_visible()
    keys.press("n")  # a reader opens none
    keys.press("g")
    keys.press("s")
    page.wait_for_url("**/sites")
    keys.press("Control+j")
    keys.press("?")
    page.get_by_role("button", name="Switch them off").click()
    page.wait_for_url("**/shortcuts")
    keys.press("g")
    keys.press("t")
    keys.press("/")
    expect(page.locator("#search")).not_to_be_focused()
    expect(page).to_have_url(f"{sqlite_server.url}/shortcuts")
    page.get_by_role("button", name="Switch them on").click()
    page.get_by_text("Keyboard shortcuts are on").wait_for()
    page.wait_for_load_state()  # the keys' script with it
    keys.press("/")
    expect(page.locator("#search")).to_be_focused()
