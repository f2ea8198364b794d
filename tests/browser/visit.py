"""How a person goes about the portal: log in, and seed the tickets that a test looks at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from playwright.sync_api import Page

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import change_ticket, open_ticket
from tests.cast import PASSWORD, Cast, enter, writer
from tests.harness.server import LiveServer


def people_of(server: LiveServer) -> Cast:
    """Write the cast into the server's empty database."""
    with server.session() as session:
        return enter(session)


def log_in(page: Page, server: LiveServer, name: str, path: str = "/tickets") -> None:
    """Log in as one of the cast, on the way to a page."""
    page.goto(f"{server.url}{path}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{server.url}{path}")  # all of it: the login's own address ends like it


def seed(server: LiveServer, by: Actor, *tickets: NewTicket) -> Sequence[int]:
    """Open these tickets through the services; their numbers."""
    with server.session() as session, transaction(session):
        return [open_ticket(session, writer(by), new).number for new in tickets]


def change(server: LiveServer, by: Actor, number: int, **wanted: object) -> None:
    """Change a ticket behind the back of whoever has it on the screen."""
    with server.session() as session, transaction(session):
        change_ticket(session, writer(by), number, wanted)


def mark(page: Page) -> None:
    """Leave a mark in the page that only a full load wipes out."""
    page.evaluate("window.notReloaded = true")


def still_marked(page: Page) -> bool:
    """Whether the page was only updated since ``mark``."""
    return bool(page.evaluate("window.notReloaded === true"))


def without_haste(page: Page) -> None:
    """Let no time pass in the page: of two keys that belong together the second may come late."""
    page.clock.set_fixed_time(datetime.now(UTC))


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than the screen, once all of it is there."""
    page.wait_for_load_state()
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
