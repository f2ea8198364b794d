"""How a person writes in a quarterly report, and what the page says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, Route, expect

SAVED = re.compile(r"Saved \d\d:\d\d:\d\d UTC")
ISSUES = "answer.issues"
FIELDS = "**/fields/*"
"""What saves one field."""


def standing(page: Page, name: str = ISSUES) -> Locator:
    """What stands below a field: saved when, refused why, written by whom."""
    return page.locator(f"#f-{name.replace('.', '-')}-standing")


def write(page: Page, text: str, label: str = "Open issues") -> None:
    """Write and go on to the next field."""
    page.get_by_label(label).fill(text)
    page.keyboard.press("Tab")


def saved(page: Page, name: str = ISSUES) -> None:
    """Wait until all that was typed into the field is stored. The words below the field alone may
    be those of an earlier saving."""
    expect(page.locator(f"[data-field='{name}'][data-unsaved]")).to_have_count(0)
    expect(standing(page, name)).to_have_text(SAVED)


@contextmanager
def slow_way(page: Page) -> Iterator[None]:
    """What the page sends to save a field arrives when the block ends."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route(FIELDS, hold)
    yield
    for route in held:
        route.continue_()
    page.unroute(FIELDS)


def looks_again(page: Page) -> None:
    """The person comes back to the window, which then asks what others wrote."""
    page.evaluate("window.dispatchEvent(new Event('focus'))")
