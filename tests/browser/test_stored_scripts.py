"""A19: whatever is stored in a text field is shown as text; no script, handler or link of it runs.

The page's strictness helps: a refusal by the content security policy is an error in the console,
and fails. The policy must not even be asked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from app.core.database.transactions import transaction
from app.core.rules.access import Door, Writer
from app.tickets.rules.content import NewTicket, Reference
from app.tickets.rules.fields import FIELDS
from app.tickets.rules.relations import RelationRole
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.tickets.services.relations import relate_tickets
from tests.browser.visit import log_in, people_of
from tests.cast import NOON, Cast
from tests.harness.server import LiveServer

PAYLOADS = (
    "<script>window.ran = true</script>",
    "<img src=x onerror=ran=1>",
    "\"><svg onload='ran=1'>",
    "'\" autofocus onfocus=ran=1 x='",
    "javascript:window.ran=1",
    "{{ 7*7 }}<b>bold</b>&lt;i&gt;",
    "</textarea></title><script>ran=1</script>",
)
_TEXTS = [field for field in FIELDS if field.is_text]
_MIN_LENGTH = min(field.limit for field in _TEXTS)
_ADDRESS = "https://tickets.example/"  # a related issue is a URL without blanks


@dataclass(frozen=True)
class Poisoned:
    """A ticket that holds one payload in every text field."""

    payload: str
    number: int


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.fixture(scope="module")
def poisoned(sqlite_server: LiveServer, cast: Cast) -> list[Poisoned]:
    assert max(map(len, PAYLOADS)) <= _MIN_LENGTH, "a payload must fit into every field"
    return [Poisoned(text, _poison(sqlite_server, cast, text)) for text in PAYLOADS]


def _poison(server: LiveServer, cast: Cast, text: str) -> int:
    by = Writer(
        actor=cast.ggus,
        door=Door.SOAP,
        now=NOON,
        author=text,
        claims={"last_login": text, "origin_system": text},
    )
    everywhere: dict[str, Any] = dict.fromkeys((field.name for field in _TEXTS), text)
    everywhere["related_issue"] = _ADDRESS + "".join(text.split())
    new = NewTicket(
        **everywhere,
        category="change",
        sites=(text, "DE-KIT"),
        references=(Reference(text, text, text), Reference(text, "", f"javascript:{text}")),
    )
    with server.session() as session:
        with transaction(session):
            number = open_ticket(session, by, new).number
        again = everywhere | {"description": f"{text} "}
        with transaction(session):
            change_ticket(session, replace(by, author=text[::-1]), number, again)
        with transaction(session):
            answering = replace(by, actor=cast.operator)
            acknowledge_change(session, answering, number, "DE-KIT", "refused", text)
            if number > 1:
                relate_tickets(session, by, number, RelationRole.PARENT, number - 1)
    return number


@pytest.fixture
def harmless(browser_page: Page) -> Iterator[Page]:
    """A page on which nothing may run, be asked for or lead away."""
    page = browser_page
    dialogs: list[str] = []

    def on_dialog(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # our own question before typed text is lost
            dialog.accept()
        else:
            dialogs.append(dialog.message)
            dialog.dismiss()

    page.on("dialog", on_dialog)
    yield page
    assert dialogs == []


def _look(page: Page, text: str) -> None:
    assert page.evaluate("window.ran === undefined"), f"{text} ran on {page.url}"
    assert page.locator("[onerror], [onload], [onfocus], script:not([src])").count() == 0
    assert page.locator("b:text-is('bold')").count() == 0
    for address in page.locator("a[href]").evaluate_all(
        "found => found.map(link => link.protocol)"
    ):
        assert address in ("http:", "https:"), f"{text} became a link on {page.url}"


def test_on_every_page_of_a_ticket(
    harmless: Page,
    expected_statuses: set[int],
    sqlite_server: LiveServer,
    cast: Cast,
    poisoned: list[Poisoned],
) -> None:
    expected_statuses |= {409, 422}
    page, url = harmless, sqlite_server.url
    log_in(page, sqlite_server, "operator")
    for ticket in poisoned:
        page.goto(f"{url}/tickets/{ticket.number}")
        expect(page.get_by_role("heading", level=1)).to_have_text(ticket.payload)
        shown = page.locator("main").inner_text()
        assert shown.count(ticket.payload) >= 10
        _look(page, ticket.payload)
        page.goto(f"{url}/tickets/{ticket.number}/edit")
        expect(page.locator("#title")).to_have_value(ticket.payload)
        expect(page.locator("#description")).to_have_value(f"{ticket.payload} ")
        _look(page, ticket.payload)
        # refused, it comes back as it was typed
        page.locator("#event_start").fill(ticket.payload)
        page.locator("#person_in_charge").fill(f"{ticket.payload}!")
        page.get_by_role("button", name="Save changes").click()
        page.locator("#errors").wait_for()
        expect(page.locator("#person_in_charge")).to_have_value(f"{ticket.payload}!")
        expect(page.locator("#event_start")).to_have_value(ticket.payload)
        _look(page, ticket.payload)


def test_in_an_edit_conflict(
    harmless: Page,
    expected_statuses: set[int],
    sqlite_server: LiveServer,
    cast: Cast,
    poisoned: list[Poisoned],
) -> None:
    expected_statuses.add(409)
    page = harmless
    log_in(page, sqlite_server, "operator")
    for ticket in poisoned:
        page.goto(f"{sqlite_server.url}/tickets/{ticket.number}/edit")
        page.locator("#solution").fill(f"mine {ticket.payload}")
        theirs = Writer(actor=cast.ggus, door=Door.SOAP, now=NOON, author=ticket.payload)
        with sqlite_server.session() as session, transaction(session):
            change_ticket(session, theirs, ticket.number, {"solution": f"theirs {ticket.payload}"})
        page.get_by_role("button", name="Save changes").click()
        page.locator(".conflict").wait_for()
        expect(page.locator(".conflict .value")).to_have_text(
            [f"theirs {ticket.payload}", f"mine {ticket.payload}"]
        )
        _look(page, ticket.payload)


def test_in_the_list_its_filter_and_the_form(
    harmless: Page, sqlite_server: LiveServer, cast: Cast, poisoned: list[Poisoned]
) -> None:
    page = harmless
    log_in(page, sqlite_server, "operator")
    page.goto(f"{sqlite_server.url}/tickets?sort=number")
    for ticket in poisoned:
        title = page.locator(".tickets .title", has_text=ticket.payload).first
        expect(title).to_have_text(ticket.payload)
        _look(page, ticket.payload)
    for ticket in poisoned:
        page.goto(f"{sqlite_server.url}/tickets")
        page.get_by_text("Add filter").click()
        page.get_by_label("Contains text").fill(ticket.payload)
        page.get_by_label("Responsible unit").fill(ticket.payload)
        page.get_by_role("button", name="Show these tickets").click()
        expect(page.locator(".chip .value").first).to_have_text(ticket.payload)
        expect(page.locator(".tickets .title")).to_have_text([ticket.payload])
        _look(page, ticket.payload)
        page.goto(f"{sqlite_server.url}/tickets/{ticket.number}/edit")
        sites = page.get_by_role("combobox", name="Affected sites")
        sites.fill(ticket.payload)
        _look(page, ticket.payload)


def test_in_the_csv(
    harmless: Page, sqlite_server: LiveServer, cast: Cast, poisoned: list[Poisoned]
) -> None:
    """No cell begins with what a spreadsheet would run."""
    formula = NewTicket(title="=cmd|' /C calc'!A0", description="@SUM(1+1)", solution="+1")
    with sqlite_server.session() as session, transaction(session):
        by = Writer(actor=cast.ggus, door=Door.SOAP, now=NOON, author="-1")
        open_ticket(session, by, formula)
    log_in(harmless, sqlite_server, "operator")
    answer = harmless.request.get(f"{sqlite_server.url}/tickets.csv?state=open&state=closed")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text())))
    assert len(rows) == len(PAYLOADS) + 2
    assert [cell for row in rows for cell in row if cell[:1] in tuple("=+-@\t\r")] == []
