"""What is typed on a ticket's page is never lost: while an answer comes, or a part opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

from app.tickets.rules.content import NewTicket
from tests.browser.visit import change, log_in, mark, people_of, seed, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer

_ASKS = "!window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"
"""Whether the page would ask before it is left."""


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.fixture
def page(browser_page: Page, sqlite_server: LiveServer, cast: Cast) -> Page:
    """An operator before a new ticket."""
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Loss of light"))
    log_in(browser_page, sqlite_server, "operator", f"/tickets/{number}")
    mark(browser_page)
    return browser_page


@contextmanager
def on_its_way(page: Page, button: str, *, refused: int | None = None) -> Iterator[None]:
    """What is done while the request of a button is under way, and what status it is refused with
    without having come to the portal."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:  # who will be notified, which is asked for when one writes
            route.continue_()

    page.route("**/tickets/*/*", hold)
    with page.expect_request("**/tickets/*/*"):
        page.get_by_role("button", name=button, exact=True).click()
    yield
    (route,) = held
    if refused:
        route.fulfill(status=refused)
    else:
        route.continue_()
    page.unroute("**/tickets/*/*")


def test_a_comment_that_is_begun_meanwhile_goes_along(page: Page) -> None:
    text = page.get_by_role("textbox", name="Comment", exact=True)
    with on_its_way(page, "Start work"):
        page.get_by_label("Internal note").check()
        text.fill("The carrier was called")
        text.press("Home")
    expect(page.locator(".state-now")).to_have_text("in progress")
    expect(text).to_have_value("The carrier was called")
    expect(page.get_by_label("Internal note")).to_be_checked()
    expect(text).to_be_focused()
    page.keyboard.type("12:00 ")
    expect(text).to_have_value("12:00 The carrier was called")
    assert page.evaluate(_ASKS), "it is not sent yet"
    page.get_by_role("button", name="Add internal note").click()
    expect(page.locator(".timeline .entry").last).to_contain_text("12:00 The carrier was called")
    expect(text).to_have_value("")
    assert not page.evaluate(_ASKS)
    assert still_marked(page)


def test_a_solution_that_is_begun_meanwhile_goes_along(page: Page) -> None:
    solution = page.locator("#move-solved").get_by_label("Solution")
    with on_its_way(page, "Start work"):
        page.locator("summary", has_text="Solve…").click()
        solution.fill("Splice repaired.")
    expect(page.locator(".state-now")).to_have_text("in progress")
    expect(solution).to_be_visible()
    expect(solution).to_have_value("Splice repaired.")
    expect(solution).to_be_focused()


def test_what_is_begun_over_a_text_of_somebody_else_is_a_conflict(
    page: Page, expected_statuses: set[int], sqlite_server: LiveServer, cast: Cast
) -> None:
    expected_statuses.add(409)
    solution = page.locator("#move-solved").get_by_label("Solution")
    with on_its_way(page, "Start work"):
        page.locator("summary", has_text="Solve…").click()
        solution.fill("Splice repaired.")
        number = int(page.url.rpartition("/")[2])
        change(sqlite_server, cast.admin, number, solution="Fibre moved.")
    expect(page.locator(".state-now")).to_have_text("in progress")
    expect(solution).to_have_value("Splice repaired.")
    page.get_by_role("button", name="Solve", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Solution is now: Fibre moved.")
    expect(solution).to_have_value("Splice repaired.")
    assert page.evaluate(_ASKS), "it is not stored yet"


def test_what_is_begun_and_has_no_place_any_more_stands_there_to_be_copied(
    page: Page, expected_statuses: set[int], sqlite_server: LiveServer, cast: Cast
) -> None:
    expected_statuses.add(409)
    with on_its_way(page, "Start work"):
        page.locator("summary", has_text="Solve…").click()
        page.locator("#move-solved").get_by_label("Solution").fill("Splice repaired.")
        number = int(page.url.rpartition("/")[2])
        change(sqlite_server, cast.admin, number, state="solved", solution="Fibre moved.")
    expect(page.locator(".state-now")).to_have_text("solved")
    expect(page.locator("#notices")).to_contain_text("Splice repaired.")


def test_a_comment_that_was_refused_is_asked_for_before_the_page_is_left(
    page: Page, expected_statuses: set[int]
) -> None:
    expected_statuses.add(422)
    page.get_by_label("Comment and solve").check()
    page.get_by_role("textbox", name="Comment", exact=True).fill("The carrier was called")
    page.get_by_role("button", name="Comment and solve").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page.get_by_role("textbox", name="Comment", exact=True)).to_have_value(
        "The carrier was called"
    )
    assert page.evaluate(_ASKS), "it is not stored yet"


def test_a_comment_that_is_being_sent_takes_nothing_more(page: Page) -> None:
    text = page.get_by_role("textbox", name="Comment", exact=True)
    text.fill("Seen.")
    with on_its_way(page, "Comment"):
        expect(text).not_to_be_editable()
    expect(page.locator(".timeline .entry").last).to_have_text("Seen.")
    expect(text).to_be_editable()
    expect(text).to_have_value("")


def test_a_comment_that_did_not_arrive_can_be_sent_again(
    page: Page, expected_statuses: set[int]
) -> None:
    expected_statuses.add(503)
    text = page.get_by_role("textbox", name="Comment", exact=True)
    text.fill("Seen.")
    with on_its_way(page, "Comment", refused=503):
        expect(text).not_to_be_editable()
    expect(text).to_be_editable()
    expect(text).to_have_value("Seen.")
    assert page.evaluate(_ASKS), "it is not sent yet"
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .entry").last).to_have_text("Seen.")


def test_what_is_opened_to_write_in_has_the_keyboard_at_once(page: Page) -> None:
    """Not a moment later, in which a key would go elsewhere."""
    solve = page.locator("summary", has_text="Solve…")
    solution = page.locator("#move-solved").get_by_label("Solution")
    assert solve.evaluate("at => { at.click(); return document.activeElement.name; }") == "solution"
    solve.click()
    expect(solution).to_be_hidden()
    solve.focus()
    for key in ("Enter", "S", "o", "Enter", "."):
        page.keyboard.press(key)
    expect(solution).to_have_value("So\n.")
