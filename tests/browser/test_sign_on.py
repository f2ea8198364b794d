"""Signing on with a real provider in Chromium: there and back, the pages of it, and logging out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Page, expect

from app.accounts.services.sign_on_map import TypedMapRow, save_map
from app.core.database.transactions import transaction
from tests.browser import test_accessibility as accessible
from tests.browser.visit import log_in, people_of, sideways
from tests.cast import PASSWORD, Cast, writer
from tests.harness import identity_provider
from tests.harness.databases import fresh_database
from tests.harness.identity_provider import NAME, provider_for, sign_on_settings
from tests.harness.server import LiveServer, free_port, live
from tests.harness.server import test_settings as settings_of

CURIE = {
    "name": "Marie Curie",
    "preferred_username": "mcurie",
    "eduperson_entitlement": [f"urn:example:group:lhcopn:{name}" for name in ("noc", "guests")],
}


@dataclass(frozen=True)
class World:
    """A portal, its provider and the cast."""

    server: LiveServer
    cast: Cast


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    if not identity_provider.is_there():
        pytest.skip(f"needs {identity_provider.NEED}")
    port = free_port()
    with fresh_database("sqlite") as url:
        settings = replace(settings_of(url), **sign_on_settings(port))
        with live(settings) as server, provider_for(server.url, {"curie": CURIE}, port):
            cast = people_of(server)
            with server.session() as session, transaction(session):
                rows = [
                    TypedMapRow("*:noc", "operator"),
                    TypedMapRow("*:kit", "reporter", "DE-KIT"),
                ]
                save_map(session, writer(cast.admin), rows, 0)
            yield World(server, cast)


def sign_on(page: Page, world: World, path: str) -> None:
    page.goto(f"{world.server.url}{path}")
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    page.get_by_label("Name").fill("curie")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{world.server.url}{path}")


def log_out(page: Page, world: World) -> None:
    page.locator(".person-menu summary").click()
    page.get_by_role("button", name="Log out", exact=True).click()
    page.get_by_role("heading", name="Log out of the provider?").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{world.server.url}/login*")
    expect(page.get_by_text("You are logged out.")).to_be_visible()


def test_there_and_back_and_out_of_both(browser_page: Page, world: World) -> None:
    page = browser_page
    sign_on(page, world, "/sites?x=1")
    page.goto(f"{world.server.url}/profile")
    expect(page.get_by_text(f"You logged in with {NAME}")).to_be_visible()
    expect(page.get_by_label("Current password")).to_have_count(0)
    page.get_by_role("link", name=f"Sign-on with {NAME}").click()
    expect(page.get_by_text("set from your entitlements")).to_be_visible()
    log_out(page, world)
    page.get_by_role("link", name=f"Sign in with {NAME}").click()
    expect(page.get_by_role("heading", name="The provider")).to_be_visible()


def test_without_scripts(plain_page: Page, world: World) -> None:
    sign_on(plain_page, world, "/tickets")
    log_out(plain_page, world)


def troubles(page: Page) -> list[str]:
    """What axe finds, and how much wider than a phone the page is."""
    found = accessible._grave_at_each_width(page)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = sideways(page)
    page.set_viewport_size({"width": 1280, "height": 844})
    return [*found, *([f"{page.url} is {wide} px too wide"] if wide > 0 else [])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_accessible(
    scheme: str, browser_page: Page, expected_statuses: set[int], world: World
) -> None:
    page, url = browser_page, world.server.url
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    sign_on(page, world, "/tickets")
    found = []
    page.goto(f"{url}/profile/sign-on")
    found += troubles(page)
    log_out(page, world)
    found += troubles(page)
    expected_statuses.add(400)
    page.goto(f"{url}/login/sign-on/done")
    found += troubles(page)
    log_in(page, world.server, "admin", "/admin/sign-on")
    page.get_by_role("button", name="Preview").last.click()
    page.get_by_text("nothing is saved yet").wait_for()
    found += troubles(page)
    page.goto(f"{url}/admin/people/mcurie")
    page.locator("summary", has_text="Keep this role").click()
    found += troubles(page)
    page.goto(f"{url}/profile/sign-on")
    found += troubles(page)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Link this account").click()
    page.get_by_role("link", name=f"Continue to {NAME}").wait_for()
    found += troubles(page)
    assert found == []
