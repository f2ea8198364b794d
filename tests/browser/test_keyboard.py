"""The main job with the keyboard alone: what has the focus can be seen and used."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.domain.ticket_content import NewTicket
from tests.browser.visit import lay, people_of
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
    (number,) = lay(sqlite_server, cast.operator, NewTicket(title="Reached by keyboard"))
    page, keys = browser_page, browser_page.keyboard
    page.goto(f"{sqlite_server.url}/login")
    expect(page.get_by_label("Name")).to_be_focused()
    keys.type("operator")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{sqlite_server.url}/")

    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.press("Enter")
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
    lay(sqlite_server, cast.operator, NewTicket(title="Wavelength lost"))
    page, keys = browser_page, browser_page.keyboard
    page.goto(f"{sqlite_server.url}/login")
    keys.type("operator")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url(f"{sqlite_server.url}/")
    keys.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
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
