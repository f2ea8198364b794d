"""Passkeys in a browser whose device is Chromium's virtual authenticator.

It is the WebAuthn domain of https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import delete, func, select

from app.accounts.models.passkeys import Passkey
from app.accounts.models.people import FailedLogins, RecoveryCode
from app.core.database.transactions import transaction
from tests.browser.visit import log_in, people_of, sideways
from tests.cast import PASSWORD
from tests.harness.browser import AXE, strict_page
from tests.harness.databases import fresh_database
from tests.harness.server import LiveServer, live, test_settings

HERE = "/profile/passkeys"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """Under a name, which browsers want for passkeys."""
    with (
        fresh_database("sqlite") as url,
        live(test_settings(url), host="localhost") as server,
    ):
        people_of(server)
        yield server


@pytest.fixture(autouse=True)
def _no_passkeys(server: LiveServer) -> None:
    with server.session() as session, transaction(session):
        for row in (Passkey, RecoveryCode):
            session.execute(delete(row))


class Device:
    """What holds the passkeys of a page's browser."""

    def __init__(self, page: Page, **more: object) -> None:
        self.developer = page.context.new_cdp_session(page)
        self.developer.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **more,
        }
        added = self.developer.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = added["authenticatorId"]

    def send(self, what: str, **more: object) -> Any:
        """One command about it."""
        return self.developer.send(f"WebAuthn.{what}", {"authenticatorId": self.id, **more})

    def credentials(self) -> list[dict[str, Any]]:
        """Its passkeys, private halves included."""
        found: list[dict[str, Any]] = self.send("getCredentials")["credentials"]
        return found


def add(page: Page, server: LiveServer, name: str = "laptop") -> None:
    page.goto(f"{server.url}{HERE}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Add passkey").click()


def log_out(page: Page) -> None:
    page.goto("about:blank")  # what is open asks the portal by itself
    page.context.clear_cookies()


def enrol(page: Page, server: LiveServer, name: str = "kit") -> Device:
    """Log in by the password and add a passkey, the account's first."""
    device = Device(page)
    log_in(page, server, name, HERE)
    add(page, server)
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_role("link", name="laptop")).to_be_visible()
    log_out(page)
    return device


def grave(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {found['id']}: {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]


def failures(server: LiveServer, name: str) -> int:
    with server.session() as session:
        of_name = FailedLogins.account == name
        return session.scalar(select(func.sum(FailedLogins.failures)).where(of_name)) or 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_adding_logging_in_and_removing(
    browser_page: Page, server: LiveServer, expected_statuses: set[int], scheme: str
) -> None:
    page, found = browser_page, []
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    device = Device(page)

    def look() -> None:
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert sideways(page) <= 0
            found.extend(grave(page))

    log_in(page, server, "kit", HERE)
    look()
    add(page, server, "work laptop")
    expect(page.locator(".codes li")).to_have_count(10)
    look()
    assert [key["isResidentCredential"] for key in device.credentials()] == [True]
    log_out(page)

    # alone, by the keyboard
    page.goto(f"{server.url}/tickets")
    look()
    page.get_by_label("Password").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/tickets")
    log_out(page)

    # behind the password
    page.goto(f"{server.url}/login?next=/tickets")
    page.get_by_label("Name").fill("kit")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("use your passkey or enter a recovery code").wait_for()
    look()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server.url}/tickets")

    # the device has one of this account already
    add(page, server, "again")
    expect(page.get_by_role("alert")).to_have_text(
        "This device already has a passkey for your account."
    )
    look()
    expected_statuses.add(422)
    page.get_by_label("Your password").fill("not my password")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("alert")).to_have_text("This is not your password")

    page.get_by_role("link", name="work laptop").click()
    page.get_by_text("This is your last passkey").wait_for()
    look()
    page.get_by_role("button", name="Remove with a passkey").click()
    page.get_by_text("Your password alone logs you in now").wait_for()
    log_out(page)
    expected_statuses.add(401)
    page.goto(f"{server.url}/login")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("Passkey refused").wait_for()
    look()
    log_in(page, server, "kit")
    assert found == []


def test_another_device_is_added_by_the_first(browser_page: Page, server: LiveServer) -> None:
    page = browser_page
    device = enrol(page, server)
    page.goto(f"{server.url}/login?next={HERE}")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server.url}{HERE}")
    first = device.credentials()[0]
    other = Device(page, transport="usb", defaultBackupEligibility=True, defaultBackupState=True)
    other.send("setUserVerified", isUserVerified=True)
    page.get_by_label("Name").fill("key ring")
    page.get_by_role("button", name="Add with another passkey").click()
    page.get_by_text("Passkey “key ring” added.").wait_for()
    expect(page.locator(".passkeys li").nth(1)).to_contain_text("synced")
    assert [len(one.credentials()) for one in (device, other)] == [1, 1]
    assert other.credentials()[0]["userHandle"] == first["userHandle"]
    page.get_by_role("button", name="Create new recovery codes").click()
    expect(page.locator(".codes li")).to_have_count(10)


def test_an_answer_that_is_sent_again_is_refused(browser_page: Page, server: LiveServer) -> None:
    page = browser_page
    enrol(page, server)
    page.goto(f"{server.url}/login?next=/tickets")
    with page.expect_request(f"{server.url}/login/passkey") as sent:
        page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server.url}/tickets")
    log_out(page)
    page.goto(f"{server.url}/login")
    token = page.locator("input[name=csrf_token]").first.input_value()
    form = {name: values[0] for name, values in parse_qs(sent.value.post_data or "").items()}
    again = page.request.post(
        f"{server.url}/login/passkey",
        form={**form, "csrf_token": token},
        headers={"Referer": f"{server.url}/login"},
    )
    assert again.status == 401
    page.goto(f"{server.url}/tickets")
    assert "/login" in page.url


def test_a_copy_of_a_bound_passkey_is_refused(
    browser_page: Page, server: LiveServer, expected_statuses: set[int]
) -> None:
    expected_statuses.add(401)
    page = browser_page
    device = enrol(page, server)
    for _turn in range(2):
        page.goto(f"{server.url}/login?next=/tickets")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(f"{server.url}/tickets")
        log_out(page)
    before = failures(server, "kit")
    (key,) = device.credentials()
    device.send("removeCredential", credentialId=key["credentialId"])
    device.send("addCredential", credential={**key, "signCount": 1})
    page.goto(f"{server.url}/login")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("Passkey refused").wait_for()
    assert "old counter" in server.log.read_text()
    assert failures(server, "kit") == before + 1


def test_another_persons_passkey_is_no_second_factor(
    browser_page: Page, server: LiveServer
) -> None:
    page = browser_page
    device = enrol(page, server, "pic")
    (theirs,) = device.credentials()
    device.send("removeCredential", credentialId=theirs["credentialId"])
    log_in(page, server, "kit", HERE)
    add(page, server)
    page.get_by_role("link", name="I have saved them").click()
    log_out(page)
    device.send("clearCredentials")
    device.send("addCredential", credential=theirs)
    page.goto(f"{server.url}/login?next=/tickets")
    page.get_by_label("Name").fill("kit")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Cancelled, or this device has no passkey for this portal."
    )
    page.goto(f"{server.url}/tickets")
    assert "/login" in page.url


def test_a_device_that_knows_nobody_says_so_and_the_form_goes_on(
    browser_page: Page, server: LiveServer
) -> None:
    page = browser_page
    device = enrol(page, server)
    page.goto(f"{server.url}/login?next=/tickets")
    device.send("setUserVerified", isUserVerified=False)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Cancelled, or this device has no passkey for this portal."
    )
    device.send("setUserVerified", isUserVerified=True)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{server.url}/tickets")


def test_without_scripts_password_and_recovery_codes_do(
    browser: Browser, plain_page: Page, server: LiveServer
) -> None:
    with strict_page(browser, set()) as page:
        Device(page)
        log_in(page, server, "kit", HERE)
        add(page, server)
        page.get_by_role("link", name="I have saved them").wait_for()
        codes = page.locator(".codes li").all_inner_texts()
    page = plain_page
    page.goto(f"{server.url}/login?next={HERE}")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    page.get_by_label("Name").fill("kit")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{server.url}{HERE}")
    page.get_by_text("This needs a browser that supports passkeys").wait_for()
    page.get_by_role("link", name="laptop").click()
    page.get_by_label("Name").fill("office")
    page.get_by_role("button", name="Save name").click()
    page.get_by_role("link", name="office").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_label("Code").fill(codes[1])
    page.get_by_role("button", name="Remove passkey").click()
    page.get_by_text("Your password alone logs you in now").wait_for()
