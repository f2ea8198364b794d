"""Old tickets from a file in a real browser: every line, the good ones, the list."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import _grave
from tests.browser.visit import log_in, people_of, sideways
from tests.harness.server import LiveServer

IMPORTS = "/admin/imports/tickets"
LINES = (
    "number;title;state;created;sites\n"
    "{0}7;Fibre cut between two places with long names;closed;2011-01-02;FZK-LCG3\n"
    "{0}8;Second;foo;2011-01-03;\n"
    "{0}9;Third;verified;2011-01-04;pic\n"
)


@pytest.fixture(scope="module")
def server(sqlite_server: LiveServer) -> LiveServer:
    people_of(sqlite_server)
    return sqlite_server


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_from_a_file_to_its_tickets(
    request: pytest.FixtureRequest,
    server: LiveServer,
    expected_statuses: set[int],
    javascript: bool,
) -> None:
    expected_statuses.add(422)
    page: Page = request.getfixturevalue("browser_page" if javascript else "plain_page")
    log_in(page, server, "admin", IMPORTS)
    content = LINES.format("J" if javascript else "P").encode("utf-16")
    for name, old, told in (("old.csv", b"number,title\n", True), ("good.csv", content, False)):
        chosen = {"name": name, "mimeType": "text/csv", "buffer": old}
        page.locator("#file").set_input_files(chosen)  # type: ignore[arg-type]
        page.get_by_role("button", name="Preview").click()
        if told:
            expect(page.get_by_role("alert")).to_contain_text(
                "column state: this column is required"
            )
    expect(page.get_by_text("2 new, 1 wrong. Nothing has been written yet.")).to_be_visible()
    rows = page.locator(".difference tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("line 3")  # what is wrong comes first
    if javascript:
        assert _grave(page) == []
    page.set_viewport_size({"width": 320, "height": 700})
    assert sideways(page) <= 0
    page.get_by_role("button", name="Import only the 2 good lines").click()
    expect(page.locator("#notices")).to_contain_text("Imported 2 tickets: ")
    assert page.url == f"{server.url}{IMPORTS}"
    assert sideways(page) <= 0
    if javascript:
        assert _grave(page) == []
    page.goto(f"{server.url}/tickets?state=closed&q={'J' if javascript else 'P'}9")
    expect(page.locator("#list a.title")).to_have_text("Third")
