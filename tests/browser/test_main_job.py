"""The main job with JavaScript and without: from the login to a solved ticket."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from tests.browser.visit import change, log_in, mark, people_of, seed, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer


@pytest.fixture(scope="module")
def cast(live_server: LiveServer) -> Cast:
    return people_of(live_server)


def _number_in(page: Page) -> int:
    return int(page.url.split("#")[0].rsplit("/", 1)[1])


def test_main_job_with_javascript(browser_page: Page, live_server: LiveServer, cast: Cast) -> None:
    """Create with proposed sites, find by htmx, comment, start work, solve: all in the page."""
    page = browser_page
    log_in(page, live_server, "operator")
    page.get_by_role("link", name="New ticket").click()
    page.locator("#title").fill("Loss of light near Karlsruhe")
    page.locator("#description").fill("Both fibres since 09:05 UTC.")
    links = page.get_by_role("combobox", name="Affected links")
    links.fill("de-kit")
    expect(page.get_by_role("option", name="CERN-GRIDKA-LHCOPN-001")).to_contain_text("also DE-KIT")
    links.press("Enter")
    page.get_by_role("button", name="Add all").click()
    page.get_by_role("button", name="Create ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Loss of light near Karlsruhe")
    number = _number_in(page)
    facts = page.get_by_role("complementary", name="Details")
    for word in ("CERN-GRIDKA-LHCOPN-001", "CH-CERN", "DE-KIT"):
        expect(facts.get_by_role("link", name=word, exact=True).first).to_be_visible()

    page.get_by_role("link", name="Tickets", exact=True).first.click()
    page.wait_for_url("**/tickets")
    mark(page)
    page.get_by_text("Add filter").click()
    page.get_by_label("incident").check()
    site = page.get_by_role("combobox", name="Site affected, responsible")
    site.fill("FZK")
    site.press("Enter")
    page.get_by_role("button", name="Show these tickets").click()
    page.wait_for_url("**/tickets?*category=incident*site=DE-KIT*")
    expect(page.get_by_label("Remove Site DE-KIT")).to_be_visible()
    assert still_marked(page)
    page.get_by_role("link", name="Loss of light near Karlsruhe").first.click()
    page.wait_for_url(f"**/tickets/{number}")

    mark(page)
    page.get_by_role("textbox", name="Comment", exact=True).fill("Carrier called, number 4711.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .entry").last).to_have_text("Carrier called, number 4711.")
    expect(page.get_by_role("textbox", name="Comment", exact=True)).to_have_value("")
    page.get_by_role("button", name="Start work").click()
    expect(page.locator(".state-now")).to_have_text("in progress")
    page.locator("summary", has_text="Solve…").click()
    solving = page.locator("#move-solved")
    solving.get_by_label("Solution").fill("Splice repaired.")
    solving.get_by_role("button", name="Solve", exact=True).click()
    expect(page.locator(".state-now")).to_have_text("solved")
    expect(page.locator(".solution")).to_have_text("Splice repaired.")
    assert still_marked(page)

    page.get_by_role("navigation").get_by_role("link", name="Tickets").click()
    page.get_by_role("link", name="Solved").click()
    expect(page.get_by_role("link", name="Loss of light near Karlsruhe")).to_have_count(1)


def test_what_has_just_come_is_used_at_once(
    browser_page: Page, live_server: LiveServer, cast: Cast
) -> None:
    """Whoever clicks in the moment in which the answer stands there still stays in the page."""
    page = browser_page
    (number,) = seed(live_server, cast.operator, NewTicket(title="Quick hands"))
    log_in(page, live_server, "operator", f"/tickets/{number}")
    mark(page)
    page.evaluate(
        """() => {
            const old = document.getElementById("ticket");
            new MutationObserver((_, watch) => {
                const come = document.getElementById("ticket");
                if (!come || come === old) return;
                watch.disconnect();
                [...come.querySelectorAll("button")]
                    .find((button) => button.textContent.trim() === "Start work").click();
            }).observe(document.body, {childList: true, subtree: true});
        }"""
    )
    page.get_by_role("textbox", name="Comment", exact=True).fill("Seen.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".state-now")).to_have_text("in progress")
    assert still_marked(page)


def test_main_job_without_javascript(
    plain_page: Page, expected_statuses: set[int], live_server: LiveServer, cast: Cast
) -> None:
    """The same with forms and links alone; a move that lacks its solution is asked for it."""
    expected_statuses.add(422)
    page = plain_page
    log_in(page, live_server, "kit")
    page.get_by_role("link", name="New ticket").click()
    page.locator("[name=category][value=change]").check()
    page.locator("#title").fill("New VLAN towards Geneva")
    page.locator("#links").select_option(["CERN-GRIDKA-LHCOPN-001"])
    page.get_by_role("button", name="Add the sites at the ends").click()
    expect(page.locator("#title")).to_have_value("New VLAN towards Geneva")
    expect(page.locator("#sites")).to_have_values(["CH-CERN", "DE-KIT"])
    page.get_by_role("button", name="Create ticket").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New VLAN towards Geneva")
    number = _number_in(page)

    page.get_by_role("navigation").get_by_role("link", name="Tickets").click()
    page.get_by_text("Add filter").click()
    page.get_by_role("link", name="Choose filters").click()
    page.get_by_label("change", exact=True).check()
    page.locator("#f-site").select_option(["DE-KIT"])
    page.get_by_role("button", name="Show these tickets").click()
    page.wait_for_url("**/tickets?category=change&site=DE-KIT")
    page.get_by_role("link", name="New VLAN towards Geneva").first.click()

    page.get_by_role("textbox", name="Comment", exact=True).fill("Planned with Geneva.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .entry").last).to_have_text("Planned with Geneva.")
    page.get_by_role("button", name="Start work").click()
    expect(page.locator(".state-now")).to_have_text("in progress")
    page.locator("summary", has_text="Solve…").click()
    page.locator("#move-solved").get_by_role("button").click()
    expect(page.locator("#move-solved .error")).to_contain_text("olution")
    page.locator("#move-solved").get_by_label("Solution").fill("In service.")
    page.locator("#move-solved").get_by_role("button").click()
    expect(page.locator(".state-now")).to_have_text("solved")
    with live_server.session() as session:
        ticket = session.get_one(Ticket, number)
        assert (ticket.state, ticket.solution) == ("solved", "In service.")
        assert ticket.submitter_name == "kit"


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_two_people_edit(
    javascript: bool,
    request: pytest.FixtureRequest,
    expected_statuses: set[int],
    live_server: LiveServer,
    cast: Cast,
) -> None:
    """The second to save sees both values and chooses; what only one of them changed is kept."""
    expected_statuses.add(409)
    page: Page = request.getfixturevalue("browser_page" if javascript else "plain_page")
    (number,) = seed(live_server, cast.operator, NewTicket(title="First", description="As it was."))
    log_in(page, live_server, "operator", f"/tickets/{number}/edit")
    page.locator("#title").fill("Mine")
    page.locator("#person_in_charge").fill("night shift")
    change(live_server, cast.admin, number, title="Theirs", description="Seen on site.")
    page.get_by_role("button", name="Save changes").click()
    both = page.get_by_role("group", name="Title")
    expect(both.get_by_label("Theirs")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "admin changed this ticket while you were editing"
    )
    with live_server.session() as session:
        assert session.get_one(Ticket, number).title == "Theirs"
    both.get_by_label("Mine").check()
    page.get_by_role("button", name="Save my choice").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mine")
    with live_server.session() as session:
        ticket = session.get_one(Ticket, number)
        assert ticket.title == "Mine"
        assert ticket.description == "Seen on site."
        assert ticket.person_in_charge == "night shift"


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_operators_hand_over_and_check(
    javascript: bool, request: pytest.FixtureRequest, live_server: LiveServer, cast: Cast
) -> None:
    page: Page = request.getfixturevalue("browser_page" if javascript else "plain_page")
    (number,) = seed(live_server, cast.ggus, NewTicket(title="Sent twice"))
    with live_server.session() as session:
        session.get_one(Ticket, number).to_check = True
        session.commit()
    log_in(page, live_server, "operator")
    page.get_by_role("link", name="Needs review 1").click()
    page.wait_for_url("**check=yes*")
    expect(page.locator(".tickets tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Sent twice").click()
    page.get_by_role("button", name="Mark as reviewed").click()
    expect(page.get_by_role("button", name="Mark as reviewed")).to_have_count(0)
    page.get_by_text("Share with a partner…").click()
    page.get_by_label("Partner").select_option("NREN-A")
    page.get_by_role("button", name="Share", exact=True).click()
    partners = page.locator("section", has=page.get_by_role("heading", name="Shared with partners"))
    expect(partners.get_by_role("listitem")).to_have_text(["NREN-A"])
    with live_server.session() as session:
        ticket = session.get_one(Ticket, number)
        assert not ticket.to_check
        assert [partner.code for partner in ticket.handed_to] == ["NREN-A"]


def test_only_operators_are_shown_what_is_to_check(
    browser_page: Page, expected_statuses: set[int], live_server: LiveServer, cast: Cast
) -> None:
    expected_statuses.add(422)
    page = browser_page
    (number,) = seed(live_server, cast.ggus, NewTicket(title="Sent twice with a difference"))
    with live_server.session() as session:
        session.get_one(Ticket, number).to_check = True
        session.commit()
    log_in(page, live_server, "kit")
    expect(page.get_by_role("link", name="Needs review")).to_have_count(0)
    page.goto(f"{live_server.url}/tickets?check=yes&q=difference")
    expect(page.get_by_role("alert")).to_contain_text("Only operators see which tickets")
    expect(page.locator(".tickets .mark")).to_have_count(0)
    page.goto(f"{live_server.url}/tickets/{number}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent twice with a difference")
    for word in ("Mark as reviewed", "Share"):
        expect(page.get_by_role("button", name=word)).to_have_count(0)
    with live_server.session() as session:  # the other tests count what is to check
        session.get_one(Ticket, number).to_check = False
        session.commit()
