"""A real Chromium, headless, that reaches nothing but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

NEED = "Chromium (apt-get install chromium)"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"

_FLAGS = [
    "--no-sandbox",  # the tests run as root on many machines
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

# How long a test waits for what it asks of a page, in milliseconds: only a failing test waits so
# long, and a machine that has many other things to do answers late without being wrong.
_SEEN_WITHIN = 20_000
_DONE_WITHIN = 30_000

# PORTAL_TEST_SLOW=4 shows tests that ask too early: pages compute four times as slowly, and each
# answer comes 4 x 50 ms later.
SLOW = float(os.environ.get("PORTAL_TEST_SLOW") or 1)
_LATER_BY = 50


def program() -> str | None:
    """Where Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched() -> Iterator[Browser]:
    """One browser for many tests."""
    expect.set_options(timeout=_SEEN_WITHIN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def _slow_down(page: Page) -> None:
    developer = page.context.new_cdp_session(page)
    developer.send("Emulation.setCPUThrottlingRate", {"rate": SLOW})
    developer.send("Network.enable")
    developer.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": SLOW * _LATER_BY,
            "downloadThroughput": -1,
            "uploadThroughput": -1,
        },
    )


_REPLACED: Final = ("htmx:sendAbort,", "htmx:afterRequest,")
"""What htmx writes as errors when a newer request of the same element replaces one, as while
somebody types. A request that failed has another word (``htmx:sendError``)."""


@contextmanager
def strict_page(
    browser: Browser, expected_statuses: set[int], *, javascript: bool = True
) -> Iterator[Page]:
    """A page in its own context; any error in the console, a CSP violation included, fails.

    Chromium and htmx also report each answer of 400 and above there; a test names those it
    provokes.
    """
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        text = message.text
        if text.startswith(_REPLACED):
            return
        told = ("status of {} ", "Status Error Code {} ")
        if not any(words.format(status) in text for words in told for status in expected_statuses):
            problems.append(text)

    def on_error(error: Error) -> None:
        problems.append(str(error))

    # what fades in is half-transparent to who looks at its colours meanwhile
    context = browser.new_context(
        java_script_enabled=javascript, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(_DONE_WITHIN)
    if SLOW > 1:
        _slow_down(page)
    page.on("console", on_console)
    page.on("pageerror", on_error)
    try:
        yield page
    finally:
        # requests that the end of the page cuts off are nobody's error
        page.remove_listener("console", on_console)
        page.remove_listener("pageerror", on_error)
        context.close()
    assert not problems, f"the page reported: {problems}"
