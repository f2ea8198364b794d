"""What somebody else changes is announced on an open page, and nothing moves before it is shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from app.accounts.services.people import find_user, set_updates
from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket
from tests.browser.visit import change, log_in, mark, people_of, seed, still_marked
from tests.cast import Cast, writer
from tests.harness.browser import AXE, strict_page
from tests.harness.server import LiveServer

LINK = "CERN-GRIDKA-LHCOPN-001"


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


def _comment(server: LiveServer, cast: Cast, number: int, text: str) -> None:
    with server.session() as session, transaction(session):
        comment_ticket(session, writer(cast.kit), number, text, internal=False)


def _is_live(page: Page) -> None:
    expect(page.locator("[data-live-state]")).to_have_text("live")


def test_a_comment_in_one_tab_is_announced_in_the_other(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Loss", links=(LINK,)))
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    mark(page)
    page.locator("#text").fill("I am still writing")
    other = page.context.new_page()
    other.goto(f"{sqlite_server.url}/tickets/{number}")
    _is_live(other)
    other.locator("#text").fill("The fibre is cut")
    other.get_by_role("button", name="Comment", exact=True).click()
    expect(other.locator("#timeline")).to_contain_text("The fibre is cut")
    page.bring_to_front()
    bar = page.locator("#live")
    expect(bar).to_contain_text("1 new change")
    expect(page.locator("#timeline > li")).to_have_count(1)
    expect(page.locator("#text")).to_be_focused()
    _comment(sqlite_server, cast, number, "On site")
    expect(bar).to_contain_text("2 new changes")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document.getElementById('live'))")
    assert not found["violations"]
    expect(page.locator("#timeline > li")).to_have_count(1)
    bar.get_by_role("button", name="Show").click()
    expect(page.locator("#timeline > li")).to_have_count(3)
    expect(page.locator("#text")).to_have_value("I am still writing")
    expect(bar).to_be_hidden()
    assert still_marked(page)
    expect(other.locator("#live")).to_contain_text("1 new change")  # not its own comment
    other.close()


def test_a_list_announces_what_belongs_in_it_and_a_key_shows_it(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    first, second = seed(
        sqlite_server,
        cast.operator,
        NewTicket(title="Of DE-KIT", sites=("DE-KIT",)),
        NewTicket(title="Of ES-PIC", sites=("ES-PIC",)),
    )
    page = browser_page
    log_in(page, sqlite_server, "operator", "/tickets?site=DE-KIT")
    _is_live(page)
    mark(page)
    page.get_by_role("checkbox", name=f"ticket {first}").check()
    titles = page.locator("#list a.title")
    before = titles.all_inner_texts()
    change(sqlite_server, cast.operator, second, title="Still of ES-PIC")
    (third,) = seed(sqlite_server, cast.kit, NewTicket(title="New here", sites=("DE-KIT",)))
    bar = page.locator("#live")
    expect(bar).to_contain_text("1 new change")
    assert titles.all_inner_texts() == before
    page.keyboard.press(".")
    expect(page.get_by_role("link", name="New here")).to_be_visible()
    expect(page.get_by_role("checkbox", name=f"ticket {first}")).to_be_checked()
    expect(page.get_by_role("checkbox", name=f"ticket {third}")).not_to_be_checked()
    expect(bar).to_be_hidden()
    assert still_marked(page)


def test_the_map_follows_in_place_but_not_under_the_keyboard(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(
        sqlite_server, cast.operator, NewTicket(title="Cut", links=(LINK,), impact="outage")
    )
    page = browser_page
    log_in(page, sqlite_server, "operator", "/topology")
    _is_live(page)
    mark(page)
    row = page.locator(".net-links tr", has_text=LINK)
    expect(row).to_contain_text(f"#{number}")
    row.get_by_role("link", name=LINK).first.focus()
    change(sqlite_server, cast.operator, number, state="solved", solution="Spliced")
    page.wait_for_function("document.querySelector('[data-live-state]').textContent === 'live'")
    expect(row).to_contain_text(f"#{number}")
    page.locator("#search").focus()
    expect(row).not_to_contain_text(f"#{number}")
    expect(page.locator("#net-summary")).to_be_visible()
    assert still_marked(page)


def test_a_hidden_page_lets_go_and_comes_back_with_what_it_missed(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Hidden", links=(LINK,)))
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    _is_live(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide = """hidden => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, arg=True)
    _comment(sqlite_server, cast, number, "Meanwhile")
    expect(page.locator("#live")).to_be_hidden()
    assert not asked
    page.evaluate(hide, arg=False)
    expect(page.locator("#live")).to_contain_text("1 new change")
    assert [url for url in asked if "/live?since=" in url]


def test_a_login_that_ended_is_told_and_nothing_typed_is_lost(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Ended", links=(LINK,)))
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    _is_live(page)
    page.locator("#text").fill("Half a sentence")
    other = page.context.new_page()
    other.goto(f"{sqlite_server.url}/profile")
    other.locator(".person-menu summary").click()
    other.get_by_role("button", name="Log out").click()
    other.wait_for_url(re.compile("/login"))
    other.close()
    bar = page.locator("#live")
    expect(bar).to_contain_text("Your session has expired")
    expect(page.locator("#text")).to_have_value("Half a sentence")
    link = bar.get_by_role("link", name="Log in")
    expect(link).to_have_attribute("href", f"/login?next=%2Ftickets%2F{number}")
    page.locator("#text").fill("")


def test_without_a_stream_a_page_asks_and_off_is_off(
    browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Asked", links=(LINK,)))
    with strict_page(browser, set()) as page:
        page.clock.install(time=datetime.now(UTC))
        page.add_init_script("delete window.EventSource")
        log_in(page, sqlite_server, "reader", f"/tickets/{number}")
        expect(page.locator("[data-live-state]")).to_have_text("every 30 s")
        _comment(sqlite_server, cast, number, "Asked for")
        page.clock.run_for(40_000)
        expect(page.locator("#live")).to_contain_text("1 new change")
        expect(page.locator("#timeline > li")).to_have_count(1)
    with sqlite_server.session() as session, transaction(session):
        set_updates(session, writer(cast.reader), find_user(session, "reader"), "off")
    with strict_page(browser, set()) as page:
        page.clock.install(time=datetime.now(UTC))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        log_in(page, sqlite_server, "reader", f"/tickets/{number}")
        page.clock.run_for(90_000)
        assert not [url for url in asked if "/live" in url]
        assert page.locator("[data-live-state]").inner_text() == "off"


def test_times_age_in_the_words_of_the_portal(
    browser: Browser, sqlite_server: LiveServer, cast: Cast
) -> None:
    (number,) = seed(sqlite_server, cast.operator, NewTicket(title="Old", links=(LINK,)))
    with strict_page(browser, set()) as page:
        moment = datetime.now(UTC)
        page.clock.install(time=moment)
        log_in(page, sqlite_server, "kit", f"/tickets/{number}")
        shown = page.locator(".subline time > span").first
        # the cast writes at noon of 2013-03-06: of long ago the day is shown
        expect(shown).to_have_text("2013-03-06")
        page.evaluate(
            "at => { document.querySelector('.subline time').dateTime = at; }",
            (moment - timedelta(minutes=58, seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        page.clock.run_for(61_000)
        expect(shown).to_have_text("59 min ago")
        page.clock.run_for(60_000)
        expect(shown).to_have_text("1 h ago")
