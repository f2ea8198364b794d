"""The ten most common jobs of an operator and a site's engineer, played in a real browser.

The browser itself counts clicks and keys; ``docs/ten-jobs.md`` holds what was counted, and a job
that takes more, or less, fails here until the table says so. Every job begins on the list of open
tickets, where people are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.settings import PROJECT
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.browser.visit import log_in, people_of, seed, without_haste
from tests.cast import Cast, writer
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer

TABLE: Final = PROJECT / "docs" / "ten-jobs.md"
LINK, OTHER_LINK = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
_COUNTER: Final = """
(() => {
  const add = (name) => {
    sessionStorage.setItem(name, String(Number(sessionStorage.getItem(name) || 0) + 1));
  };
  addEventListener("pointerdown", (event) => { if (event.isTrusted) add("clicks"); }, true);
  addEventListener("keydown", (event) => {
    const held = ["Control", "Shift", "Alt", "Meta"].includes(event.key);
    if (event.isTrusted && !held) add("keys");
  }, true);
})();
"""
"""Counts what a person does in every page; a key that is only held with another counts with it."""


@dataclass(frozen=True)
class Scene:
    """A portal in which things have happened."""

    server: LiveServer
    operator: Actor
    numbers: dict[str, int]

    def something_comes(self) -> None:
        """A ticket that heads the list, whatever other jobs did to those below it."""
        with self.server.session() as session, transaction(session):
            by = writer(self.operator, datetime.now(UTC))
            open_ticket(session, by, NewTicket("Just come"))


class Hands:
    """A person's hands: what they do is counted by the page itself.

    They do nothing before the page is there, its scripts with it: a key that no script hears yet
    is lost, and counted. Whoever goes to another page says so with ``expect`` first.
    """

    def __init__(self, page: Page, scene: Scene) -> None:
        self._page = page
        self.numbers = scene.numbers
        self.said = 0

    @property
    def page(self) -> Page:
        """The page that is there, once all of it is."""
        self._page.wait_for_load_state()
        return self._page

    def press(self, *keys: str) -> None:
        """Press these keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def say(self, text: str) -> None:
        """Type what nobody else can know: a word, a number, an answer."""
        self.said += len(text)
        self.page.keyboard.type(text)

    def click(self, role: str, name: str, *, within: str = "body") -> None:
        """Click on what is called so."""
        root = self.page.locator(within)
        root.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]

    def on_title(self, text: str) -> None:
        """The focus is on the title of this ticket in the list."""
        expect(self.page.locator("#list a.title:focus")).to_have_text(re.compile(text))

    def on_found(self) -> None:
        """The page shows what was searched for."""
        self._page.wait_for_url("**/tickets?*q=*")

    def on_ticket(self, title: str) -> None:
        """The page shows this ticket."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)


def find_by_number(hands: Hands) -> None:
    """Its number comes from a mail or a call."""
    hands.press("/")
    hands.say(str(hands.numbers["Loss of light"]))
    hands.press("Enter")
    hands.on_ticket("Loss of light")


def find_by_words(hands: Hands) -> None:
    """Somebody remembers two words of its description."""
    hands.press("Control+k")
    hands.say("excavator Meyrin")
    expect(hands.page.locator("#found [aria-selected=true]")).to_contain_text("Loss of light")
    hands.press("Enter")
    hands.on_ticket("Loss of light")


def find_by_link(hands: Hands) -> None:
    """All tickets of a link, by its id."""
    hands.press("/")
    hands.say(OTHER_LINK)
    hands.press("Enter")
    for title in ("Packet loss", "Asymmetric routing"):
        expect(hands.page.get_by_role("link", name=title)).to_be_visible()


def open_incident(hands: Hands) -> None:
    """An incident on a link, that is down since now."""
    hands.press("n")
    expect(hands.page.locator("#title")).to_be_focused()
    hands.say("Flapping since noon")
    links = hands.page.get_by_role("combobox", name="Affected links")
    links.click()
    hands.say("gridka")
    expect(hands.page.get_by_role("option", name=LINK)).to_be_visible()
    hands.press("Enter")
    hands.click("button", "Create ticket")
    hands.on_ticket("Flapping since noon")
    facts = hands.page.get_by_role("complementary", name="Facts")
    expect(facts.get_by_role("link", name=LINK, exact=True).first).to_be_visible()


def comment(hands: Hands) -> None:
    """On the ticket that was changed last."""
    hands.press("j", "c")
    expect(hands.page.locator("#text")).to_be_focused()
    hands.say("Carrier called, 4711.")
    hands.press("Control+Enter")
    expect(hands.page.locator(".timeline .entry").last).to_have_text("Carrier called, 4711.")


def solve(hands: Hands) -> None:
    """The same one, with how it was mended."""
    hands.press("j", "Enter")
    expect(hands.page.locator(".state-now")).to_be_visible()
    hands.page.locator("summary", has_text="Solve…").click()
    expect(hands.page.locator("#move-solved").get_by_label("Solution")).to_be_focused()
    hands.say("Splice repaired.")
    hands.press("Control+Enter")
    expect(hands.page.locator(".state-now")).to_have_text("solved")


def change_several(hands: Hands) -> None:
    """Three tickets become urgent."""
    hands.press("j", "x", "j", "x", "j", "x", "b")
    expect(hands.page.get_by_role("heading", level=1)).to_have_text("Change 3 tickets")
    hands.page.locator("label", has_text="Priority").click()
    hands.press("u")
    expect(hands.page.get_by_label("Priority")).to_have_value("urgent")
    hands.click("button", "Preview")
    hands.click("button", "Change 3 tickets")
    expect(hands.page.get_by_role("heading", level=1)).to_have_text("3 tickets changed")


def see_maintenances(hands: Hands) -> None:
    """What is worked on today."""
    hands.press("g", "h")
    planned = hands.page.get_by_role("region", name="Planned work")
    expect(planned.locator("a[title*='Router upgrade']")).to_have_text(re.compile(LINK))


def keep_filter(hands: Hands) -> None:
    """A filter by link, kept under a name, and found again."""
    hands.press("/")
    hands.say("excavator")
    hands.press("Enter")
    hands.on_found()
    expect(hands.page.locator("#list a.title")).to_have_count(1)
    hands.page.locator(".saved summary").first.click()
    hands.page.get_by_text("Save this filter…").click()
    expect(hands.page.locator("#filter-name")).to_be_focused()
    hands.say("Dug up")
    hands.press("Enter")
    expect(hands.page.locator(".saved summary").first).to_contain_text("Dug up")
    hands.page.evaluate("window.beforeComingBack = true")
    hands.press("Control+k")
    hands.say("Dug")
    expect(hands.page.locator("#found [aria-selected=true]")).to_contain_text("Dug up")
    hands.press("Enter")
    hands.page.wait_for_function("!window.beforeComingBack")
    expect(hands.page.locator(".saved summary").first).to_contain_text("Dug up")
    expect(hands.page.locator("#list a.title")).to_have_count(1)


def take_the_list_along(hands: Hands) -> None:
    """What the list shows, as a file."""
    with hands.page.expect_download() as waiting:
        hands.click("link", "CSV", within="#list")
    with Path(waiting.value.path()).open(newline="") as file:
        assert len(list(csv.DictReader(file))) >= 4


JOBS: Final[tuple[tuple[str, Callable[[Hands], None]], ...]] = (
    ("Find a ticket by its number", find_by_number),
    ("Find a ticket by words of its text", find_by_words),
    ("Find the tickets of a link by its id", find_by_link),
    ("Open an incident for a link", open_incident),
    ("Comment on the ticket changed last", comment),
    ("Solve it, with the solution", solve),
    ("Make three tickets urgent at once", change_several),
    ("See today's maintenances", see_maintenances),
    ("Keep a filter and come back to it", keep_filter),
    ("Take the list along as a file", take_the_list_along),
)


@pytest.fixture(scope="module")
def scene(sqlite_server: LiveServer) -> Scene:
    cast: Cast = people_of(sqlite_server)
    now = datetime.now(UTC)
    tickets = (
        NewTicket("Loss of light", "An excavator was seen near Meyrin.", links=(LINK,)),
        NewTicket("Packet loss", links=(OTHER_LINK,)),
        NewTicket("Asymmetric routing", links=(OTHER_LINK,)),
        NewTicket(
            "Router upgrade",
            category="maintenance",
            links=(LINK,),
            window_start=now - timedelta(minutes=5),
            window_end=now + timedelta(hours=2),
        ),
        NewTicket("Slow transfers", sites=("DE-KIT",)),
    )
    numbers = seed(sqlite_server, cast.operator, *tickets)
    named = {new.title: number for new, number in zip(tickets, numbers, strict=True)}
    return Scene(sqlite_server, cast.operator, named)


@pytest.fixture(scope="module")
def person(browser: Browser, scene: Scene) -> Iterator[Page]:
    """An operator, logged in once for all jobs."""
    with strict_page(browser, set()) as page:
        page.add_init_script(_COUNTER)
        page.set_viewport_size({"width": 1440, "height": 900})
        without_haste(page)
        log_in(page, scene.server, "operator")
        yield page


@pytest.mark.parametrize("place", range(len(JOBS)), ids=[play.__name__ for _, play in JOBS])
def test_a_job_takes_what_the_table_says(person: Page, scene: Scene, place: int) -> None:
    title, play = JOBS[place]
    scene.something_comes()
    person.goto(f"{scene.server.url}/tickets")
    person.evaluate("sessionStorage.clear()")
    hands = Hands(person, scene)
    play(hands)
    clicks, keys = (
        int(person.evaluate(f"sessionStorage.getItem('{name}') || 0"))
        for name in ("clicks", "keys")
    )
    print(f"{title}: {clicks} clicks, {keys} keys, {hands.said} of them what is said")
    line = f"| {place + 1} | {title} | {clicks} | {keys - hands.said} | {hands.said} |"
    assert line in TABLE.read_text().splitlines()
