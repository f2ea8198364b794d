"""Answering to a change and relating tickets in a real browser, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, mark, people_of, seed, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer

LINK = "CERN-GRIDKA-LHCOPN-001"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def _a_change(server: LiveServer, cast: Cast) -> int:
    (number,) = seed(
        server, cast.operator, NewTicket(title="New fibre", category="change", links=(LINK,))
    )
    return number


def test_a_reporter_answers_by_keyboard_alone(
    browser_page: Page, expected_statuses: set[int], sqlite_server: LiveServer, cast: Cast
) -> None:
    expected_statuses.add(422)
    page, number = browser_page, _a_change(sqlite_server, cast)
    log_in(page, sqlite_server, "kit", f"/tickets/{number}")
    mark(page)
    section = page.locator("#acknowledgements")
    expect(section).to_contain_text("0 of 2 responded, missing: CH-CERN, DE-KIT")
    section.get_by_role("button", name="Accept for DE-KIT").focus()
    page.keyboard.press("Enter")
    expect(section).to_contain_text("1 of 2 responded, missing: CH-CERN")
    expect(section.get_by_role("heading")).to_be_focused()
    for _step in ("CH-CERN", "DE-KIT", "Refuse…"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(section.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(section.get_by_role("alert")).to_contain_text("Reason is required")
    expect(section.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("The hall is without power")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(section).to_contain_text("The hall is without power")
    expect(section).to_contain_text("1 refused, missing: CH-CERN")
    assert still_marked(page)


def test_on_a_phone_the_part_that_was_used_stays_open(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, number = browser_page, _a_change(sqlite_server, cast)
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    (other,) = seed(sqlite_server, cast.operator, NewTicket(title="Old fibre"))
    relations = page.locator("#relations")
    page.get_by_text("Link ticket…").click()
    page.get_by_label("Ticket number").fill(str(other))
    page.get_by_role("button", name="Link", exact=True).click()
    relations.get_by_role("heading", name="Linked tickets").click()
    relations.get_by_role("button", name=f"Unlink ticket {other}").click()
    expect(relations).to_have_count(0)
    expect(page.get_by_text("Responsible unit")).to_be_hidden()


def test_a_change_is_answered_and_related_without_javascript(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, number = plain_page, _a_change(sqlite_server, cast)
    (other,) = seed(sqlite_server, cast.operator, NewTicket(title="Old fibre"))
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    page.get_by_label("Refuse… for CH-CERN").click()
    page.get_by_label("Reason").locator("visible=true").fill("Not this week")
    page.get_by_role("button", name="Refuse for CH-CERN").click()
    expect(page.locator("#acknowledgements")).to_contain_text("Not this week")
    relations = page.locator("#relations")
    page.get_by_text("Link ticket…").click()
    page.get_by_label("This ticket is").select_option("related to")
    page.get_by_label("Ticket number").fill(str(other))
    page.get_by_role("button", name="Link", exact=True).click()
    expect(relations.get_by_role("link", name=f"{other} Old fibre")).to_be_visible()
    relations.get_by_role("button", name=f"Unlink ticket {other} (related").click()
    expect(relations).to_have_count(0)


def test_the_sites_that_must_accept_are_asked_for_changes_only(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", "/tickets/new")
    field = page.get_by_role("combobox", name="Sites that must accept")
    expect(field).to_be_hidden()
    page.get_by_label("change", exact=True).check()
    expect(field).to_be_visible()
    page.locator("#title").fill("New fibre")
    affected = page.get_by_role("combobox", name="Affected sites")
    affected.fill("GRID")
    affected.press("Enter")
    field.fill("PIC")
    field.press("Enter")
    page.get_by_role("button", name="Create ticket").click()
    expect(page.locator("#acknowledgements")).to_contain_text("0 of 1 responded, missing: ES-PIC")
