"""The picture of the network in a real browser: labels, keyboard, phone and print, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app import demo
from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.reference.seed import add_links, seed_reference
from app.registry.models.registry import Site
from tests.browser.visit import log_in, people_of, sideways
from tests.cast import NOON, Cast
from tests.harness.browser import AXE
from tests.harness.server import LiveServer

SIXTEEN = "/topology?on=2020-06-01"
"""A day with sixteen sites around the T0, one of them no T1."""
_BOXES = """svg => [...svg.querySelectorAll('text')].map(text => {
    const box = text.getBoundingClientRect();
    return [text.textContent, box.left, box.top, box.right, box.bottom];
})"""


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    cast = people_of(sqlite_server)
    by = Writer(actor=SYSTEM, door=Door.COMMAND, now=NOON)
    with sqlite_server.session() as session, transaction(session):
        seed_reference(session, by)
        add_links(session, by, demo.LINKS)
        for number in (1, 2):
            key = f"XX-T1-NUMBER-{number}"
            session.add(Site(key=key, country="FR", time_zone="UTC", tier=1))
    return cast


def boxes(page: Page, kind: str) -> list[list[Any]]:
    """Each label of a picture with left, top, right and bottom on the screen."""
    found: list[list[Any]] = page.locator(f".{kind}-net").evaluate(_BOXES)
    return found


def overlapping(labels: list[list[Any]]) -> list[tuple[str, str]]:
    return [
        (a[0], b[0])
        for a, b in combinations(labels, 2)
        if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]


@pytest.mark.parametrize(("width", "kind"), [(1440, "page"), (1024, "page"), (390, "narrow")])
def test_sixteen_labels_do_not_overlap(
    width: int, kind: str, plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = plain_page
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, sqlite_server, "reader")
    page.goto(sqlite_server.url + SIXTEEN)
    labels = boxes(page, kind)
    assert len(labels) == 17
    assert overlapping(labels) == []
    assert all(box[3] > box[1] for box in labels)  # shown
    assert all(box[1] >= 0 and box[3] <= width for box in labels)
    other = "narrow" if kind == "page" else "page"
    assert page.locator(f".{other}-net").is_hidden()
    heights = [box[4] - box[2] for box in labels]
    assert min(heights) >= 9  # can be read
    assert sideways(page) <= 0


def test_links_and_sites_are_reached_and_opened_by_keyboard_without_a_script(
    plain_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = plain_page
    log_in(page, sqlite_server, "reader")
    page.goto(sqlite_server.url + SIXTEEN)
    expected = page.locator(".page-net a").evaluate_all(
        "all => all.map(one => one.querySelector('title').textContent)"
    )
    accent = page.locator("td a").first.evaluate("link => getComputedStyle(link).color")
    page.locator(".net-scroll").focus()
    passed = []
    for _ in expected:
        page.keyboard.press("Tab")
        passed.append(page.evaluate("document.activeElement.querySelector('title')?.textContent"))
        seen = page.evaluate(
            """() => { const at = document.activeElement;
                const part = at.querySelector('.line, .dot');
                return getComputedStyle(part).stroke; }"""
        )
        assert seen == accent, f"the focus cannot be seen on {passed[-1]}"
    assert passed == expected
    assert passed[-1] == "CH-CERN, T0"
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/CH-CERN?on=2020-06-01")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_pass_axe_and_are_printed(
    scheme: str, browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    log_in(page, sqlite_server, "reader")
    for path in (SIXTEEN, "/topology?network=LHCONE", "/topology?site=NL-T1"):
        page.goto(sqlite_server.url + path)
        page.evaluate(AXE.read_text())
        result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [
            (found["id"], node["target"])
            for found in result["violations"]
            for node in found["nodes"]
        ] == []
    page.goto(sqlite_server.url + SIXTEEN)
    page.emulate_media(media="print")
    assert page.locator(".page-net").is_visible()
    assert page.locator(".narrow-net").is_hidden()
    assert page.locator(".net-form button").is_hidden()


def test_the_day_is_chosen_in_the_form(
    browser_page: Page, sqlite_server: LiveServer, cast: Cast
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "reader", "/topology")
    page.get_by_label("As of").fill("2013-05-07")
    page.get_by_label("Site", exact=True).fill("SARA-MATRIX")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/topology?network=LHCOPN&on=2013-05-07&site=SARA-MATRIX")
    sites = page.locator(".page-net .net-site")
    expect(sites).to_have_count(5)  # DE-KIT, NDGF, TW-ASGC, the T0, itself
    today = f"{datetime.now(UTC):%F}"
    page.get_by_role("link", name="Jump to today").click()
    expect(sites).to_have_count(4)  # TW-ASGC is no T1 any more
    assert page.get_by_label("As of").input_value() >= today
