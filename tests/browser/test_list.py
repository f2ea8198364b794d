"""The list with htmx: filters and pages without a full load, an address for each, the way back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.tickets.rules.content import NewTicket
from app.tickets.services.lists.lists import PAGE
from tests.browser.visit import log_in, mark, people_of, seed, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer

COUNT = 2 * PAGE + 7


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    cast = people_of(sqlite_server)
    tickets = [
        NewTicket(
            title=f"Ticket {index:03}",
            priority="top priority" if index % 10 == 0 else "urgent",
            sites=("DE-KIT",) if index % 2 else ("ES-PIC",),
        )
        for index in range(COUNT)
    ]
    seed(sqlite_server, cast.operator, *tickets)
    return cast


def test_filter_changes_the_list_and_the_address_without_a_load(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, rows = browser_page, browser_page.locator(".tickets tbody tr:not(.more)")
    log_in(page, sqlite_server, "reader")
    mark(page)
    page.get_by_text("Add filter").click()
    page.get_by_label("top priority").check()
    page.get_by_role("button", name="Show these tickets").click()
    page.wait_for_url("**/tickets?*priority=top+priority*")
    expect(rows).to_have_count(11)
    expect(page.locator(".summary-line")).to_contain_text("11 tickets")
    page.get_by_role("link", name="Title", exact=True).click()
    page.wait_for_url("**sort=title*")
    expect(page.get_by_role("columnheader", name="Title")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(rows.first).to_contain_text("Ticket 000")
    expect(page.locator(".summary-line a").first).to_have_attribute(
        "href", "/tickets.csv?state=open&priority=top+priority&sort=title"
    )
    page.get_by_label("Remove Priority top priority").click()
    expect(page.locator(".summary-line")).to_contain_text(f"{COUNT} tickets")
    assert still_marked(page)
    page.go_back()
    page.wait_for_url("**priority=top+priority*")
    expect(rows).to_have_count(11)
    page.wait_for_load_state()
    page.reload()
    expect(rows).to_have_count(11)


def test_show_more_appends_and_the_way_back_keeps_the_filter(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, rows = browser_page, browser_page.locator(".tickets tbody tr:not(.more)")
    log_in(page, sqlite_server, "reader", "/tickets?sort=title")
    mark(page)
    for shown in (PAGE, 2 * PAGE, COUNT):
        expect(rows).to_have_count(shown)
        if shown < COUNT:
            page.get_by_role("link", name="Show more").click()
    seen = page.locator(".tickets .title").all_inner_texts()
    assert seen == [f"Ticket {index:03}" for index in range(COUNT)]
    expect(page.get_by_role("link", name="Show more")).to_have_count(0)
    assert still_marked(page)
    page.get_by_role("link", name="Ticket 060").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ticket 060")
    page.locator(".crumbs").get_by_role("link", name="Tickets").click()
    page.wait_for_url("**/tickets?sort=title")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ticket 060")
    page.go_back()
    page.wait_for_url("**/tickets?sort=title")
    expect(rows).to_have_count(COUNT)
    expect(page.get_by_role("link", name="Ticket 060")).to_be_in_viewport()


def test_show_more_without_javascript_is_the_next_page(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page, titles = plain_page, [f"Ticket {index:03}" for index in range(COUNT)]
    log_in(page, sqlite_server, "reader", "/tickets?sort=title")
    more = page.get_by_role("link", name="Show more")
    for first in range(0, COUNT, PAGE):
        expect(page.locator(".tickets .title")).to_have_text(titles[first : first + PAGE])
        if first + PAGE < COUNT:
            more.click()
    page.wait_for_load_state()
    expect(more).to_have_count(0)


def test_an_empty_list_says_why_and_what_next(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "reader", "/tickets?q=submarine&network=LHCONE")
    expect(page.locator(".empty")).to_contain_text("No tickets match these 2 filters")
    page.locator(".empty").get_by_role("link", name="Clear network").click()
    page.wait_for_url("**/tickets?q=submarine")
    page.locator(".empty").get_by_role("link", name="Clear all").click()
    expect(page.locator(".summary-line")).to_contain_text(f"{COUNT} tickets")
