"""Steps on a ticket's page in a real browser: take, change in place, times, drafts, undo."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from app.accounts.services.people import end_all_logins, find_user
from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from tests.browser.visit import change, log_in, mark, people_of, seed, sideways, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.fixture
def number(sqlite_server: LiveServer, cast: Cast) -> int:
    return seed(sqlite_server, cast.operator, NewTicket(title="Loss of light"))[0]


def test_a_ticket_is_taken_changed_in_place_held_and_moved_back(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    mark(page)
    page.keyboard.press("a")
    expect(page.locator(".assignee b")).to_have_text("operator")
    expect(page.locator("#notices")).to_have_text(re.compile("Assigned to you."))
    page.get_by_label("Change priority").click()
    expect(page.get_by_label("Priority", exact=True)).to_be_focused()
    page.get_by_label("Priority", exact=True).select_option("top priority")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#set-priority form")).to_have_count(0)
    expect(page.locator("#set-priority")).to_contain_text("top priority")
    page.get_by_label("Change impact").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("#set-impact form")).to_have_count(0)
    page.keyboard.press("c")
    page.keyboard.type("Carrier **called**")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview strong")).to_have_text("called")
    page.get_by_role("button", name="Comment and put on hold").click()
    expect(page.locator(".state-now")).to_have_text("on hold")
    expect(page.locator("#notices")).to_contain_text("the ticket is on hold")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator(".state-now")).to_have_text("in progress")
    expect(page.locator("#notices")).to_contain_text("Undone")
    assert still_marked(page)


def test_what_a_time_means_stands_below_it_while_one_types(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", "/tickets/new")
    start, end = page.get_by_label("Event start", exact=False).first, page.locator("#event_end")
    start.fill("2026-01-31 09:05")
    expect(page.locator("#event_start-read")).to_contain_text("= Sat 2026-01-31 09:05 UTC")
    end.fill("2026-01-31 10:35+00:00")
    expect(page.locator(".length:visible")).to_have_text(["Length: 1 h 30 min"])
    end.fill("soon")
    expect(page.locator("#event_end-read")).to_contain_text("This is not a readable time")
    page.get_by_role("button", name="Event end: now").click()
    expect(end).to_have_value("now")
    expect(page.locator("#event_end-read")).to_contain_text("UTC")
    page.goto(f"{sqlite_server.url}/tickets/{number}")
    page.locator("summary", has_text="Solve…").click()
    solving = page.locator("#move-solved")
    expect(solving.get_by_label("Event end", exact=False).first).to_have_value("now")


def test_a_comment_survives_the_browser_until_it_is_sent(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    page.on("dialog", lambda dialog: dialog.accept())  # it asks before it is left, as ever
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    text = page.get_by_role("textbox", name="Comment", exact=True)
    text.fill("Half a comment")
    page.reload()
    expect(text).to_have_value("Half a comment")
    expect(page.get_by_text("Your draft was restored.")).to_be_visible()
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .entry").last).to_have_text("Half a comment")
    expect(text).to_have_value("")
    page.reload()
    expect(text).to_have_value("")
    text.fill("Not for others")
    page.locator(".person-menu summary").click()
    page.get_by_role("button", name="Log out").click()
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    expect(text).to_have_value("")


def test_what_is_written_outlives_the_login(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast, number: int
) -> None:
    page = browser_page
    page.on("dialog", lambda dialog: dialog.accept())
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    page.locator("summary", has_text="Solve…").click()
    solution = page.locator("#move-solved textarea")
    solution.fill("Spliced at last")
    text = page.get_by_role("textbox", name="Comment", exact=True)
    text.fill("Half a comment")
    with sqlite_server.session() as session, transaction(session):
        end_all_logins(session, find_user(session, "operator"), datetime.now(UTC))
    for button in ("Comment", "Solve"):
        page.get_by_role("button", name=button, exact=True).click()
        notice = page.locator("#notices")
        expect(notice).to_contain_text("Your session has expired. Your text is still here.")
        page.locator("#notices").evaluate("place => place.replaceChildren()")
    expect(solution).to_have_value("Spliced at last")
    expect(text).to_have_value("Half a comment")
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    expect(text).to_have_value("Half a comment")


def test_a_part_that_asks_by_itself_leads_nobody_away_from_what_is_written(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    text = page.get_by_role("textbox", name="Comment", exact=True)
    text.fill("Half a comment")
    expect(page.locator("#notifies-comment")).to_contain_text("nobody is notified")
    with sqlite_server.session() as session, transaction(session):
        end_all_logins(session, find_user(session, "operator"), datetime.now(UTC))
    page.locator("summary", has_text="Solve…").click()
    page.locator("#move-solved textarea").focus()
    expect(page.locator("#notices")).to_contain_text("Your session has expired.")
    expect(text).to_have_value("Half a comment")


def test_on_a_phone_the_description_begins_high_and_nothing_hangs_over(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    page.set_viewport_size({"width": 390, "height": 844})
    new = NewTicket(title="Loss of light between Geneva and Karlsruhe", description="It is dark")
    (number,) = seed(sqlite_server, cast.operator, new)
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    box = page.get_by_text("It is dark").bounding_box()
    assert box is not None
    assert box["y"] < 520
    assert sideways(page) == 0


def test_taking_without_scripts_and_too_late(
    plain_page: Page,
    expected_statuses: set[int],
    sqlite_server: LiveServer,
    cast: Cast,
    number: int,
) -> None:
    expected_statuses.add(409)
    page = plain_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    change(sqlite_server, cast.admin, number, person_in_charge="admin")
    page.get_by_role("button", name="Take").click()
    expect(page.get_by_role("alert")).to_contain_text("Assignee is now: admin")
    page.get_by_label("Assign", exact=True).click()
    page.locator("#set-person_in_charge select").select_option("operator")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".assignee b")).to_have_text("operator")
