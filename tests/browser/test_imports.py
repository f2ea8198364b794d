"""Importing a file in a real browser: the difference, the confirmation, what stands in the way."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.test_accessibility import _grave
from tests.browser.visit import log_in, people_of, sideways
from tests.harness.server import LiveServer

IMPORTS = "/admin/imports"


@pytest.fixture(scope="module")
def server(sqlite_server: LiveServer) -> LiveServer:
    people_of(sqlite_server)
    return sqlite_server


def file(text: str) -> FilePayload:
    return {"name": "sites.csv", "mimeType": "text/csv", "buffer": text.encode()}


def import_(page: Page, text: str) -> None:
    page.locator("#file").set_input_files(file(text))
    page.get_by_role("button", name="Show the difference").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "plain"])
def test_from_a_wrong_file_to_an_import(
    request: pytest.FixtureRequest,
    server: LiveServer,
    expected_statuses: set[int],
    javascript: bool,
) -> None:
    expected_statuses.add(422)
    page: Page = request.getfixturevalue("browser_page" if javascript else "plain_page")
    key = f"FR-NEW-{javascript}"
    log_in(page, server, "admin", IMPORTS)
    import_(page, f"key,country,time_zone\n{key},FR,Paris\n")
    expect(page.get_by_role("alert")).to_contain_text("line 2, column time_zone")
    good = f"key,country,time_zone\n{key},FR,Europe/Paris\nES-PIC,ES,Europe/Madrid\n"
    import_(page, good)
    expect(page.get_by_text("1 new, 0 changed, 1 unchanged")).to_be_visible()
    expect(page.locator(".difference")).to_contain_text(key)
    if javascript:
        assert _grave(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert sideways(page) <= 0
    page.get_by_role("button", name="Import 1 site").click()
    expect(page.locator("#notices")).to_contain_text(
        "Imported sites: 1 new, 0 changed, 1 unchanged"
    )
    assert page.url == f"{server.url}{IMPORTS}"
    import_(page, good)
    expect(page.get_by_role("heading", name="Nothing would change")).to_be_visible()
