"""The most common jobs of an operator and a site's engineer, played in a real browser.

The browser itself counts clicks and keys; ``docs/ten-jobs.md`` holds what was counted, and a job
that takes more, or less, fails here until the table says so. Every job begins on the list of open
tickets, where people are, and is played a second time with the keyboard alone.
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
from playwright.sync_api import Browser, Locator, Page, expect
from pptx import Presentation

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.rules.access import Actor
from app.matching.services.recompute import bring_up_to_date
from app.registry.models.registry import Link
from app.registry.services.registry import require_links
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.browser.visit import log_in, people_of, seed, without_haste
from tests.cast import Cast, writer
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer
from tests.matching.matching_world import report

TABLE: Final = PROJECT / "docs" / "ten-jobs.md"
LINK, OTHER_LINK = "CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001"
BACKUP: Final = "CERN-PIC-LHCOPN-002"
_NOW: Final = datetime.now(UTC)
"""Asked once, so that no midnight comes between."""
MARCH: Final = datetime(_NOW.year - (_NOW.month <= 3), 3, 10, 10, tzinfo=UTC)
"""A day of the last March that is over."""
_TABS: Final = 150
"""After so many of them every page begins anew."""
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
        """As many tickets as a job changes at once head the list, whatever others did to those
        below them."""
        with self.server.session() as session, transaction(session):
            by = writer(self.operator, datetime.now(UTC))
            for _ in range(3):
                open_ticket(session, by, NewTicket("Just come"))


class Hands:
    """A person's hands: what they do is counted by the page itself.

    They do nothing before the page is there, its scripts with it: a key that no script hears yet
    is lost, and counted. Whoever goes to another page says so with ``expect`` first.
    """

    def __init__(self, page: Page, scene: Scene, *, mouse: bool) -> None:
        self._page = page
        self.mouse = mouse
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
        """Press what is called so."""
        root = self.page.locator(within)
        self.press_on(root.get_by_role(role, name=name, exact=True).first)  # type: ignore[arg-type]

    def press_on(self, target: Locator) -> None:
        """Click on it, or go there with Tab and press Enter."""
        if self.mouse:
            target.click()
        else:
            self._tab_to(target)
            self.press("Enter")

    def go_into(self, field: Locator, at: Locator | None = None) -> None:
        """Have the keyboard in this field, by a click (``at``: on something else) or by Tab."""
        if self.mouse:
            (at or field).click(position=None if at else {"x": 12, "y": 12})
        else:
            self._tab_to(field)

    def _tab_to(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(_TABS):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not lead to {target}")

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
    hands.go_into(links)
    hands.say("gridka")
    expect(hands.page.get_by_role("option", name=LINK)).to_be_visible()
    hands.press("Enter")
    hands.click("button", "Create ticket")
    hands.on_ticket("Flapping since noon")
    facts = hands.page.get_by_role("complementary", name="Details")
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
    hands.press_on(hands.page.locator("summary", has_text="Solve…"))
    expect(hands.page.locator("#move-solved").get_by_label("Solution")).to_be_focused()
    hands.say("Splice repaired.")
    hands.press("Control+Enter")
    expect(hands.page.locator(".state-now")).to_have_text("solved")


def change_several(hands: Hands) -> None:
    """Three tickets become urgent."""
    hands.press("j", "x", "j", "x", "j", "x", "b")
    expect(hands.page.get_by_role("heading", level=1)).to_have_text("Change 3 tickets")
    priority = hands.page.get_by_label("Priority")
    hands.go_into(priority, hands.page.locator("label", has_text="Priority"))
    hands.press("u")
    expect(priority).to_have_value("urgent")
    hands.click("button", "Preview")
    hands.click("button", "Change 3 tickets")
    expect(hands.page.get_by_role("heading", level=1)).to_have_text("3 tickets changed")


def see_maintenances(hands: Hands) -> None:
    """What is worked on today."""
    hands.press("g", "h")
    planned = hands.page.get_by_role("region", name="Planned work")
    expect(planned.locator("a[title*='Router upgrade']")).to_have_text(re.compile(LINK))


def keep_filter(hands: Hands) -> None:
    """A filter by a word, saved under a name, and found again."""
    name = "Dug up" if hands.mouse else "Unearthed"  # one for each time that this is played
    hands.press("/")
    hands.say("excavator")
    hands.press("Enter")
    hands.on_found()
    expect(hands.page.locator("#list a.title")).to_have_count(1)
    hands.press("s")
    expect(hands.page.locator("#filter-name")).to_be_focused()
    hands.say(name)
    hands.press("Enter")
    expect(hands.page.locator(".saved summary").first).to_contain_text(name)
    hands.page.evaluate("window.beforeComingBack = true")
    hands.press("Control+k")
    hands.say(name[:3])
    expect(hands.page.locator("#found [aria-selected=true]")).to_contain_text(name)
    hands.press("Enter")
    hands.page.wait_for_function("!window.beforeComingBack")
    expect(hands.page.locator(".saved summary").first).to_contain_text(name)
    expect(hands.page.locator("#list a.title")).to_have_count(1)


def take_the_list_along(hands: Hands) -> None:
    """What the list shows, as a file."""
    with hands.page.expect_download() as waiting:
        hands.click("link", "CSV", within="#list")
    with Path(waiting.value.path()).open(newline="") as file:
        assert len(list(csv.DictReader(file))) >= 4


def take(hands: Hands) -> None:
    """The ticket that was changed last becomes one's own."""
    hands.press("j", "Enter")
    expect(hands.page.locator(".state-now")).to_have_text("new")
    hands.press("a")
    expect(hands.page.locator(".assignee b")).to_have_text("operator")
    expect(hands.page.locator(".state-now")).to_have_text("in progress")


def see_what_is_down(hands: Hands) -> None:
    """Which link, and whether its backup holds."""
    hands.press("g", "h")
    row = hands.page.get_by_role("region", name="Down now").locator("tbody tr")
    expect(row.locator(".c-link")).to_contain_text(OTHER_LINK)
    expect(row.locator(".c-state")).to_contain_text("down")
    expect(row.locator(".c-backup")).to_contain_text(f"{BACKUP} works")


def find_a_free_window(hands: Hands) -> None:
    """When both links can be worked on."""
    hands.press("Control+k")
    hands.say("free")
    expect(hands.page.locator("#found [aria-selected=true]")).to_contain_text("free window")
    hands.press("Enter")
    links = hands.page.get_by_role("combobox", name="Links")
    expect(links).to_be_focused()
    for typed, name in (("gridka", LINK), ("pic", OTHER_LINK)):
        hands.say(typed)
        expect(hands.page.locator("[role=option][aria-selected=true]")).to_contain_text(name)
        hands.press("Enter")
    hands.press("Enter")
    found = hands.page.get_by_role("region", name="Free for 4 h or longer")
    expect(found.locator("tbody tr").first).to_be_visible()


def ask_about_march(hands: Hands) -> None:
    """Whether this link was down then."""
    hands.press("Control+k")
    hands.say("pic-l")
    expect(hands.page.locator("#found [aria-selected=true]")).to_contain_text(OTHER_LINK)
    hands.press("Enter")
    expect(hands.page.get_by_role("heading", level=1)).to_contain_text(OTHER_LINK)
    hands.go_into(hands.page.locator("#month"))
    hands.say("Mar")
    hands.press("ArrowRight")
    hands.say(str(MARCH.year))
    hands.press("Enter")
    events = hands.page.get_by_role("region", name=f"Events in March {MARCH.year}")
    expect(events.locator("tbody tr")).to_have_count(1)
    expect(events.locator("tbody tr")).to_contain_text("down")
    expect(events.locator("tbody tr")).to_contain_text(f"{MARCH:%Y-%m-%d %H:%M}")


def put_a_table_on_a_slide(hands: Hands) -> None:
    """Detected events and those with a ticket, of this quarter and the ones before."""
    hands.click("link", "Statistics", within="header")
    hands.page.wait_for_url("**/statistics")
    with hands.page.expect_download() as waiting:
        table = hands.page.locator("section:has(#h-matching)")
        hands.press_on(table.get_by_role("link", name="As a slide"))
    slides = Presentation(str(waiting.value.path())).slides
    assert any(shape.has_table for slide in slides for shape in slide.shapes)


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
    ("Take a ticket", take),
    ("See what is down and whether the backup holds", see_what_is_down),
    ("Find a free window for two links", find_a_free_window),
    ("Was this link down in March?", ask_about_march),
    ("Put this quarter's table on a slide", put_a_table_on_a_slide),
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
    with sqlite_server.session() as session:
        with transaction(session):
            (main,) = require_links(session, (OTHER_LINK,))
            assert isinstance(main, Link)
            backup = Link(name=BACKUP, network="LHCOPN", end_a=main.end_a, end_b=main.end_b)
            backup.role, backup.backs_up = "backup", main
            session.add(backup)
        lately = f"{now - timedelta(hours=2):%Y-%m-%d %H:%M}"
        begun, ended = (f"{MARCH + timedelta(hours=hour):%Y-%m-%d %H:%M}" for hour in (0, 3))
        report(session, cast, begun, ended, link=OTHER_LINK, now=now, source_id="March")
        report(session, cast, begun, ended, link=BACKUP, now=now, source_id="backup")
        report(session, cast, lately, None, link=OTHER_LINK, now=now, source_id="now")
        stale = 1
        while stale:
            with transaction(session):
                stale = bring_up_to_date(session, datetime.now(UTC)).stale
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


def _play(person: Page, scene: Scene, place: int, *, mouse: bool) -> tuple[int, int, int]:
    """Play a job; its clicks, its keys, and the letters that only the person can say."""
    title, play = JOBS[place]
    scene.something_comes()
    person.goto(f"{scene.server.url}/tickets")
    person.evaluate("sessionStorage.clear()")
    hands = Hands(person, scene, mouse=mouse)
    play(hands)
    clicks, keys = (
        int(person.evaluate(f"sessionStorage.getItem('{name}') || 0"))
        for name in ("clicks", "keys")
    )
    print(f"{title}: {clicks} clicks, {keys} keys, {hands.said} of them what is said")
    return clicks, keys - hands.said, hands.said


def _table() -> list[list[str]]:
    """The cells of the jobs' rows: number, job, before (three), now (three)."""
    lines = TABLE.read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if re.match(r"\| \d+ \|", line)
    ]


_NAMES: Final = [play.__name__ for _, play in JOBS]


@pytest.mark.parametrize("place", range(len(JOBS)), ids=_NAMES)
def test_a_job_takes_what_the_table_says(person: Page, scene: Scene, place: int) -> None:
    counted = _play(person, scene, place, mouse=True)
    row = _table()[place]
    assert row[:2] == [str(place + 1), JOBS[place][0]]
    assert row[5:] == [str(count) for count in counted]


@pytest.mark.parametrize("place", range(len(JOBS)), ids=_NAMES)
def test_a_job_needs_no_mouse(person: Page, scene: Scene, place: int) -> None:
    clicks, _keys, _said = _play(person, scene, place, mouse=False)
    assert clicks == 0


def test_no_job_takes_more_than_before() -> None:
    rows = _table()
    assert len(rows) == len(JOBS)
    for row in rows:
        if row[2] != "not possible":
            before, now = (sum(map(int, cells)) for cells in (row[2:5], row[5:]))
            assert now <= before, row
