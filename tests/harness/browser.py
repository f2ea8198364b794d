"""A real Chromium, headless, that reaches nothing but this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

NEED = "Chromium (apt-get install chromium)"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"

_FLAGS = [
    "--no-sandbox",  # the tests run as root on many machines
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def program() -> str | None:
    """Where Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched() -> Iterator[Browser]:
    """One browser for many tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), headless=True, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


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
        told = ("status of {} ", "Status Error Code {} ")
        if not any(words.format(status) in text for words in told for status in expected_statuses):
            problems.append(text)

    def on_error(error: Error) -> None:
        problems.append(str(error))

    context = browser.new_context(java_script_enabled=javascript, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", on_console)
    page.on("pageerror", on_error)
    try:
        yield page
    finally:
        context.close()
    assert not problems, f"the page reported: {problems}"
