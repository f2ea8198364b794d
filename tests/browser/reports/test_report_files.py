"""Files and comments on a report's page, while somebody writes in its fields."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_attachments import file, png
from tests.browser.visit import log_in, mark, people_of, sideways, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer

PAGE = "/reports/DE-KIT/2013-Q1"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def test_files_and_comments_come_and_go_beside_what_is_typed(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, sqlite_server, cast.kit.account, PAGE)
    mark(page)
    plans = page.get_by_label("Plans for the next quarter")
    plans.fill("A second link")
    page.get_by_label("Attach files").set_input_files(
        [file("backup test.log", b"moved at 10:00"), file("plot.png", png())]
    )
    page.get_by_role("button", name="Attach", exact=True).click()
    files = page.locator(".files > li")
    expect(files).to_have_count(2)
    expect(plans).to_have_value("A second link")
    assert still_marked(page)
    files.filter(has_text="plot.png").get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove File 2 plot.png").click()
    expect(files).to_have_count(1)
    assert still_marked(page)

    expect(page.locator(".report-field", has=plans).locator(".saved")).to_be_visible()
    page.reload()  # a report that is begun can be commented on
    expect(plans).to_have_value("A second link")
    mark(page)
    page.get_by_label("Comment", exact=True).fill("The log is of the second test")
    page.get_by_role("button", name="Send comment").click()
    expect(page.locator("#comments .entry")).to_have_text("The log is of the second test")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("")
    assert still_marked(page)
    # what is not saved is asked about still: a comment leaves nowhere
    asks = """plans => {
        plans.value = "Not saved yet";
        plans.dispatchEvent(new Event("input", {bubbles: true}));
        return !window.dispatchEvent(new Event("beforeunload", {cancelable: true}));
    }"""
    assert plans.evaluate(asks)
    page.set_viewport_size({"width": 390, "height": 844})
    assert not sideways(page)


def test_without_a_script(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast, expected_statuses: set[int]
) -> None:
    page = plain_page
    expected_statuses.add(422)
    log_in(page, sqlite_server, cast.pic.account, "/reports/ES-PIC/2013-Q1")
    page.get_by_label("Attach files").set_input_files([file("empty.log", b"")])
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("empty.log: The attachment is empty")
    page.get_by_label("Attach files").set_input_files([file("a.log", b"a")])
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(1)
    page.get_by_label("Comment", exact=True).fill("Here it is")
    page.get_by_role("button", name="Send comment").click()
    expect(page.locator("#comments .entry")).to_have_text("Here it is")
    page.locator(".files").get_by_role("link", name="Preview File 1 a.log").click()
    expect(page.locator("pre.shown")).to_have_text("a")


def test_without_a_script_nothing_typed_is_lost_by_another_button(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = plain_page
    log_in(page, sqlite_server, cast.kit.account, "/reports/DE-KIT/2012-Q4")
    plans, note = page.get_by_label("Plans for the next quarter"), page.get_by_label("Remarks")
    plans.fill("Typed before the file")
    page.get_by_label("Attach files").set_input_files([file("a.log", b"a")])
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(1)
    expect(plans).to_have_value("Typed before the file")
    plans.fill("Typed before the comment")
    page.get_by_label("Comment", exact=True).fill("Here it is")
    with page.expect_navigation():
        page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_label("Comment", exact=True)).to_have_value("Here it is")
    plans.fill("Typed after saving")
    page.get_by_role("button", name="Send comment").click()
    expect(page.locator("#comments .entry")).to_have_text("Here it is")
    expect(plans).to_have_value("Typed after saving")
    plans.fill("Typed before the removal")
    page.locator(".files").get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove File 1 a.log").click()
    expect(page.locator(".files > li")).to_have_count(0)
    expect(plans).to_have_value("Typed before the removal")
    expect(note).to_have_value("")
