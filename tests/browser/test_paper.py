"""On A4 no cell is clipped, no title is cut; a ticket begins with its story; no page is heavy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, Response
from sqlalchemy import func, select

from app import demo
from app.calendar.services.calendar import agenda
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM
from app.matching.services.recompute import bring_up_to_date
from app.tickets.models.tickets import Ticket
from app.tickets.pages.listing.columns import COLUMNS
from tests.harness.browser import strict_page
from tests.harness.databases import fresh_database
from tests.harness.server import LiveServer, live
from tests.harness.server import test_settings as settings_of

WIDTH: Final = 703
"""CSS pixels between the margins: 210 mm less twice 12 mm, at 96 pixels an inch."""
_EVERYTHING: Final = "&".join(f"columns={key}" for key in COLUMNS)
PAGES: Final = (
    "/tickets?state=open&state=closed",
    f"/tickets?{_EVERYTHING}",
    "/tickets/{ticket}",
    "/events",
    "/events?view=reported",
    "/events/1",
    "/duty?state=all",
    "/statistics",
    "/statistics/tickets?from=2012-Q1&to=2013-Q4&per=quarter&by=site",
    "/statistics/times",
    "/statistics/long-standing",
    "/statistics/matching",
    "/statistics/matching?quarters=slides",
    "/statistics/availability",
    "/reports",
    "/reports/quarters/2012-Q4",
    "/reports/quarters/2012-Q4/print",
    "/reports/DE-KIT/2012-Q4",
    "/reports/DE-KIT/2012-Q4/print",
    "/",
    "/calendar",
    "/calendar/agenda",
    "/calendar/links",
    "/calendar/free?link=CERN-GRIDKA-LHCOPN-001&link=CERN-PIC-LHCOPN-001&hours=6",
    "/events/timeline",
    "/events/timeline?days=90&site=DE-KIT",
    "/topology",
    "/sites",
    "/sites/DE-KIT",
    "/sites/NL-T1?month=2013-03",
    "/links",
    "/links/CERN-RAL-LHCOPN-001",
    "/links/CERN-GRIDKA-LHCOPN-001?month=2013-03",
    "/tickets/{clash}",
    "/statistics/definitions",
    "/statistics/what-if",
    "/duty/rules",
    "/manual/reader",
    "/manual/operator",
    "/manual/site",
    "/manual/administrator",
)
_ALL_PICTURES: Final = """() => [...document.querySelectorAll(".document img")]
    .every(one => one.complete && one.naturalWidth)"""
_CLIPPED: Final = """() => {
    const found = [], paper = document.documentElement.clientWidth;
    for (const one of document.querySelectorAll("main *")) {
        const style = getComputedStyle(one), clips = style.overflowX !== "visible";
        if (!one.getClientRects().length || style.visibility === "hidden") continue;
        if (one.closest(".visually-hidden, svg")) continue;
        const wrong = [];
        if ((clips || one.matches("td, th")) && one.scrollWidth > one.clientWidth + 1)
            wrong.push(`${one.scrollWidth} wide in ${one.clientWidth}`);
        if (clips && one.scrollHeight > one.clientHeight + 1)
            wrong.push(`${one.scrollHeight} high in ${one.clientHeight}`);
        if (one.getBoundingClientRect().right > paper + 1) wrong.push("beyond the paper");
        if (wrong.length)
            found.push([one.tagName, one.className, one.textContent.trim().slice(0, 60), ...wrong]);
    }
    return found.slice(0, 10).map(one => one.join(" | "));
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """The demo, with all that happened in its figures: pages as full as they are."""
    with fresh_database("sqlite") as url, live(replace(settings_of(url), demo=True)) as server:
        with server.session() as session:
            with transaction(session):
                demo.seed_demo(session, datetime.now(UTC))
            stale = 1
            while stale:
                with transaction(session):
                    stale = bring_up_to_date(session, datetime.now(UTC)).stale
        yield server


@pytest.fixture(scope="module")
def ticket(server: LiveServer) -> int:
    """The ticket with the longest story."""
    with server.session() as session:
        number = session.scalar(
            select(Change.thing_id)
            .join(Ticket, Ticket.number == Change.thing_id)
            .where(Change.kind == "ticket")
            .group_by(Change.thing_id)
            .order_by(func.count().desc())
            .limit(1)
        )
    assert number is not None
    return number


@pytest.fixture(scope="module")
def clash(server: LiveServer) -> int:
    """A planned work of the demo that is in conflict with another one."""
    with server.session() as session:
        now = datetime.now(UTC)
        found = agenda(session, SYSTEM, now, now + timedelta(days=14))
    return found.conflicts[0].tickets[0]


def _log_in(page: Page, server: LiveServer) -> None:
    page.goto(f"{server.url}/login?next=/tickets")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(
        next(login.password for login in demo.LOGINS if login.name == "operator")
    )
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/tickets")


def _on_paper(page: Page) -> None:
    page.set_viewport_size({"width": WIDTH, "height": 1032})
    page.emulate_media(media="print")
    page.wait_for_load_state()


@pytest.mark.timeout(600)
def test_nothing_is_clipped(browser: Browser, server: LiveServer, ticket: int, clash: int) -> None:
    wrong = {}
    with strict_page(browser, set()) as page:
        _log_in(page, server)
        for path in PAGES:
            page.goto(server.url + path.format(ticket=ticket, clash=clash))
            _on_paper(page)
            if clipped := page.evaluate(_CLIPPED):
                wrong[path] = clipped
    assert wrong == {}


def test_a_ticket_prints_what_happened_first(
    browser: Browser, server: LiveServer, ticket: int
) -> None:
    with strict_page(browser, set()) as page:
        _log_in(page, server)
        page.goto(f"{server.url}/tickets/{ticket}")
        sheets = re.findall(rb"/MediaBox \[([\d. ]+)\]", page.pdf(prefer_css_page_size=True))
        assert {tuple(round(float(one)) for one in box.split()) for box in sheets} == {
            (0, 0, 595, 842)
        }, "A4, in points"
        _on_paper(page)
        story, facts = (page.locator(part).bounding_box() for part in (".story", ".facts"))
        assert story is not None
        assert facts is not None
        assert story["y"] + story["height"] <= facts["y"]


@pytest.mark.timeout(600)
def test_no_page_is_heavy_when_cold(
    browser: Browser, server: LiveServer, ticket: int, clash: int
) -> None:
    with strict_page(browser, set()) as page:
        _log_in(page, server)
        cookies = page.context.cookies()
    heavy = {}
    for path in (*PAGES, "/tickets/new", "/search?q=fibre", "/profile", "/mails"):
        with strict_page(browser, set()) as page:
            page.context.add_cookies(cookies)  # type: ignore[arg-type]  # as Playwright gave them
            answers = _heard(page)
            page.goto(server.url + path.format(ticket=ticket, clash=clash))
            page.wait_for_load_state("load")
            if too_much := _too_much(answers):
                heavy[path] = too_much
    assert heavy == {}


def _heard(page: Page) -> list[Response]:
    """What the page is answered from now on."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    return answers


def _too_much(answers: Sequence[Response]) -> dict[str, int]:
    """Addresses and bytes where there are more than five requests or 150 kB; else nothing."""
    # the stream of changes has no end, and nothing in it
    whole_ones = [one for one in answers if "/live?" not in one.url]
    sizes = {one.url: one.request.sizes()["responseBodySize"] for one in whole_ones}
    return sizes if len(sizes) > 5 or sum(sizes.values()) > 150_000 else {}


@pytest.mark.parametrize("role", ["reader", "operator", "site", "administrator"])
def test_the_manual_is_light_at_first_and_whole_on_paper(
    browser: Browser, server: LiveServer, role: str
) -> None:
    """At most 150 kB in five requests when cold; on paper every picture is there."""
    with strict_page(browser, set()) as page:
        _log_in(page, server)
        cookies = page.context.cookies()
    with strict_page(browser, set()) as page:
        page.context.add_cookies(cookies)  # type: ignore[arg-type]  # what Playwright itself answered
        page.set_viewport_size({"width": 1440, "height": 900})
        answers = _heard(page)
        page.goto(f"{server.url}/manual/{role}")
        pictures = page.locator(".document img")
        pictures.first.scroll_into_view_if_needed()  # it loads when it is near the window
        pictures.first.evaluate("one => one.decode()")
        assert _too_much(answers) == {}
        page.emulate_media(media="print")
        page.pdf(prefer_css_page_size=True)
        assert pictures.count() > 0
        page.wait_for_function(_ALL_PICTURES)
