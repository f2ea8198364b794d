"""The home page of each role in a browser, and the way from its conflicts to the calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.database.transactions import transaction
from app.registry.models.registry import Link
from app.registry.services.registry import require_links
from app.tickets.rules.content import NewTicket
from tests.browser.visit import change, log_in, people_of, seed
from tests.cast import Cast
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer

SOON = (datetime.now(UTC) + timedelta(days=2)).replace(hour=6, minute=0, second=0)
"""When work is planned: asked once, so that no midnight comes between."""
GRIDKA, PIC = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    """Something on every desk; PIC's link backs up the other one."""
    cast = people_of(sqlite_server)
    with sqlite_server.session() as session, transaction(session):
        first, second = require_links(session, (GRIDKA, PIC))
        assert isinstance(second, Link)
        second.backs_up = first
    windows = {"category": "maintenance", "window_start": SOON}
    numbers = seed(
        sqlite_server,
        cast.operator,
        NewTicket("Nobody looks", links=(GRIDKA,)),
        NewTicket("Prefixes", category="change", sites=("DE-KIT",)),
        NewTicket("A reply is due", links=(GRIDKA,)),
        NewTicket("One way", links=(GRIDKA,), window_end=SOON + timedelta(hours=4), **windows),  # type: ignore[arg-type]
        NewTicket("The other", links=(PIC,), window_end=SOON + timedelta(hours=2), **windows),  # type: ignore[arg-type]
    )
    change(sqlite_server, cast.operator, numbers[2], state="waiting for reply")
    for number in numbers[3:]:
        change(sqlite_server, cast.operator, number, state="on hold")
    return cast


HEADINGS: Mapping[str, tuple[str, ...]] = {
    "admin": (
        "Down now",
        "Reply overdue 1",
        "Unclaimed 2",
        "Changes awaiting acceptance 1",
        "Planned work",
        "Administration",
    ),
    "operator": (
        "Down now",
        "Reply overdue 1",
        "Unclaimed 2",
        "Changes awaiting acceptance 1",
        "Planned work",
    ),
    "kit": (
        "Down now",
        "Reports to submit 4",
        "Awaiting a reply 1",
        "Changes awaiting your acceptance 1",
        "Open at your sites 4",
        "Planned work",
    ),
    "reader": ("Down now", "Recently changed 5", "Planned work"),
}


@pytest.mark.parametrize("who", HEADINGS)
def test_home_of_each_role(
    who: str, browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    page.goto(f"{sqlite_server.url}/login")
    page.get_by_label("Name").fill(who)
    page.get_by_label("Password").fill("correct horse 9")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{sqlite_server.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    expect(page.locator("main h2")).to_have_text(list(HEADINGS[who]))
    expect(page.locator(".clashes li")).to_contain_text(
        f"{GRIDKA} and its backup {PIC} at the same time: #4 and #5"
    )
    if who != "reader":
        overdue = "Awaiting a reply" if who == "kit" else "Reply overdue"
        page.get_by_role("heading", level=2, name=overdue).get_by_role("link").click()
        expect(page.locator(".tickets .title")).to_have_text(["A reply is due"])
        page.go_back()
    page.get_by_role("link", name="Planned work").click()
    page.wait_for_url("**/calendar")


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_from_a_month_to_the_links_and_a_ticket(
    javascript: bool, browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    month = f"month={SOON:%Y-%m}"
    with strict_page(browser, set(), javascript=javascript) as page:
        log_in(page, sqlite_server, "reader", f"/calendar?{month}")
        expect(page.locator(".day li.clash")).to_have_count(2)
        page.get_by_role("link", name="By link").click()
        expect(page.locator(".bar-of.clash")).to_have_count(2 + 1)  # one is the key's
        page.get_by_role("textbox", name="Site").fill("pic")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".line-of .name")).to_have_text([f"{PIC} conflict"])
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_text("No window for this filter")).to_be_visible()
        page.get_by_role("link", name="Previous").click()
        page.locator(".bars-of a").focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/tickets/5")
