"""A whole quarter as a site and the chair live it: from the reminder to the slides of the meeting.

Two people of one site and the chair, each in a browser of their own; between them a worker.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Thread

from playwright.sync_api import Browser, Page, expect
from pptx import Presentation
from sqlalchemy import select

from app.accounts.services.people import create_user
from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.jobs.rules.work import REPORT_REMINDERS
from app.jobs.tasks.context import Context
from app.mail.models.mails import Mail, MailMessage
from app.reports.models.reports import Report
from app.reports.rules.reports import due_at
from app.worker.process import WorkerProcess
from app.worker.timed import TIMED
from tests.browser.reports.report_page import SAVED, looks_again, saved, standing, write
from tests.browser.visit import log_in
from tests.cast import PASSWORD, SYSTEM, Cast
from tests.harness.browser import strict_page
from tests.harness.databases import open_engine
from tests.harness.server import LiveServer
from tests.mails import enter_with_mails
from tests.matching.matching_world import recompute_all, report

LINK = "CERN-GRIDKA-LHCOPN-001"


@dataclass(frozen=True)
class Scene:
    """The quarter that ended last, and the two events of it that no ticket documents."""

    server: LiveServer
    quarter: Quarter
    forgotten: int
    unwritten: int

    @property
    def address(self) -> str:
        """Of the site's report."""
        return f"/reports/DE-KIT/{self.quarter}"


def laid(server: LiveServer) -> Scene:
    """What monitoring saw in the quarter that ended last."""
    quarter = Quarter.of(datetime.now(UTC)).previous
    with server.session() as session:
        cast: Cast = enter_with_mails(session)
        with transaction(session):
            create_user(session, SYSTEM, "kit2", "reporter", PASSWORD, ("DE-KIT",))
        first = quarter.begin + timedelta(days=9)
        events = [
            report(
                session,
                cast,
                f"{first + timedelta(days=day):%Y-%m-%d} 10:00",
                f"{first + timedelta(days=day):%Y-%m-%d} 12:30",
                now=quarter.end,
            )
            for day in (0, 20)
        ]
        recompute_all(session, quarter.end)
    return Scene(server, quarter, *events)


@contextmanager
def worker(server: LiveServer, now: datetime | None = None) -> Iterator[Context]:
    """A worker's surroundings on the server's database, now or at another time."""
    engine = open_engine(server.settings.database_url)
    try:
        moment = now or datetime.now(UTC)
        yield Context(engine, server.settings, now=lambda: moment)
    finally:
        engine.dispose()


def reminded(scene: Scene) -> str:
    """The worker reminds of the report on its due day; the address in the mail to the reporter."""
    due = due_at(scene.quarter) + timedelta(hours=8)
    with worker(scene.server, due) as context:
        assert "DE-KIT" in TIMED[REPORT_REMINDERS.name](context)
    with scene.server.session() as session:
        (message,) = session.scalars(
            select(MailMessage)
            .join(Mail, Mail.message_id == MailMessage.id)
            .where(Mail.address == "kit@people.example")
        )
        assert str(scene.quarter) in message.subject
        return message.url


def test_a_quarter_from_reminder_to_pack(browser: Browser, live_server: LiveServer) -> None:
    scene = laid(live_server)
    address = reminded(scene)
    assert address == scene.address
    with ExitStack() as open_pages:
        kit, kit2, chair = (
            open_pages.enter_context(strict_page(browser, {409, 422})) for _ in range(3)
        )
        _draft(scene, kit, kit2)
        _submit(kit)
        log_in(chair, live_server, "operator", scene.address)
        _reopened_and_accepted(scene, kit2, chair)
        _grid(scene, chair)
        _pack(scene, chair)


def _draft(scene: Scene, kit: Page, kit2: Page) -> None:
    """Two people write it: an explanation, a ticket, a conflict."""
    log_in(kit, scene.server, "kit", scene.address)
    log_in(kit2, scene.server, "kit2", scene.address)
    # the numbers are there, each with its rows
    row = kit.locator(".figure-group li", has_text="Events without a ticket")
    expect(row).to_contain_text("2 of 2")
    # one event is explained
    first = f"event.{scene.forgotten}"
    kit.locator(f"#f-{first.replace('.', '-')} textarea").fill("Known to the NOC, told by phone")
    kit.keyboard.press("Tab")
    saved(kit, first)
    # for the other the ticket is written that was missing
    other = kit.locator(f"#event-{scene.unwritten}")
    other.get_by_role("link", name="Create ticket").click()
    expect(kit.locator("#title")).to_have_value(f"{LINK} down")
    kit.get_by_role("button", name="Create ticket").click()
    kit.wait_for_url(re.compile(r"/tickets/\d+$"))
    kit.goto(f"{scene.server.url}{scene.address}")
    expect(kit.locator(f"#event-{scene.unwritten}")).to_have_count(0)
    expect(row).to_contain_text("1 of 2")
    # the colleague is told, and the two meet in one field
    looks_again(kit2)
    expect(kit2.locator(f"#f-event-{scene.forgotten} textarea")).to_have_value(
        "Known to the NOC, told by phone"
    )
    kit2.get_by_label("Open issues").focus()  # who writes there is not written over
    write(kit, "The optics are old")
    saved(kit)
    write(kit2, "The router is old")
    clash = standing(kit2)
    expect(clash).to_contain_text("kit edited this at")
    expect(clash).to_contain_text("The optics are old")
    kit2.get_by_label("Open issues").fill("The optics and the router are old")
    clash.get_by_role("button", name="Keep mine").click()
    expect(clash).to_have_text(SAVED)


def _submit(kit: Page) -> None:
    """What is open is listed, and one is led to it; then it is signed."""
    kit.get_by_role("button", name="Submit…").click()
    expect(kit.locator("#errors")).to_contain_text("3 items left")
    expect(kit.locator("#errors")).to_contain_text("Backup path tested")
    expect(kit.locator("[name='answer.backup_test']:focus")).to_have_count(1)
    expect(kit.get_by_label("Open issues")).to_have_value("The optics and the router are old")
    for group, answer in (
        ("Backup path tested", "Not tested"),
        ("Contacts of the site reviewed", "yes"),
        ("Routing data", "yes"),
    ):
        kit.get_by_role("group", name=group).get_by_label(answer, exact=True).check()
    kit.get_by_role("button", name="Submit…").click()
    kit.get_by_role("button", name="Sign and submit").click()
    expect(kit.get_by_text("Version 1, signed by kit")).to_be_visible()


def _reopened_and_accepted(scene: Scene, kit2: Page, chair: Page) -> None:
    """The chair asks for more; the site signs a second version, which is accepted."""
    expect(chair.get_by_text("The optics and the router are old")).to_be_visible()
    chair.locator("summary", has_text="Reopen…").click()
    chair.get_by_label("Reason").fill("When do the new optics come?")
    chair.get_by_role("button", name="Reopen the report").click()
    expect(chair.get_by_text("Report reopened.")).to_be_visible()
    kit2.goto(f"{scene.server.url}{scene.address}")
    expect(kit2.get_by_text("When do the new optics come?").first).to_be_visible()
    write(kit2, "The optics and the router are old; new optics come in spring")
    saved(kit2)
    kit2.get_by_role("button", name="Submit…").click()
    kit2.get_by_role("button", name="Sign and submit").click()
    expect(kit2.get_by_text("Version 2, signed by kit2")).to_be_visible()
    chair.goto(f"{scene.server.url}{scene.address}")
    chair.get_by_role("link", name="compare with 1").click()
    expect(chair.locator("ins")).to_have_text("; new optics come in spring")
    chair.go_back()
    chair.get_by_role("button", name="Accept the report").click()
    expect(chair.get_by_text("Report accepted.")).to_be_visible()
    with scene.server.session() as session:
        stored = session.scalars(select(Report)).one()
        assert (stored.state, len(stored.versions)) == ("accepted", 2)


def _grid(scene: Scene, chair: Page) -> None:
    """The chair sees who is missing."""
    chair.get_by_role("navigation", name="Pages of the reports").get_by_role(
        "link", name="Reports"
    ).click()
    cell = chair.locator(f".report-grid a[href='{scene.address}']")
    expect(cell).to_contain_text("accepted")
    missing = chair.locator(f".report-grid a[href='/reports/ES-PIC/{scene.quarter}']")
    expect(missing).to_contain_text("missing")


def _pack(scene: Scene, chair: Page) -> None:
    """The slides of the meeting are ordered, made by a worker, and hold the quarter's numbers."""
    chair.goto(f"{scene.server.url}/reports/packs")
    chair.get_by_label("From quarter").fill(str(scene.quarter))
    chair.get_by_label("To quarter").fill(str(scene.quarter))
    chair.get_by_role("button", name="Create pack").click()
    expect(chair.get_by_text("Being prepared")).to_be_visible()
    with worker(scene.server) as context:
        # in a thread of its own: this one has Playwright's event loop
        work = Thread(target=WorkerProcess(context).work_once)
        work.start()
        work.join()
    made = chair.get_by_role("link", name=re.compile("^PPTX"))
    expect(made).to_be_visible(timeout=20_000)
    with chair.expect_download() as download:
        made.click()
    content = download.value.path().read_bytes()
    words = " ".join(
        shape.text_frame.text
        for slide in Presentation(io.BytesIO(content)).slides
        for shape in slide.shapes
        if shape.has_text_frame
    )
    assert str(scene.quarter) in words
    assert "ES-PIC" in words + _cells(content)


def _cells(content: bytes) -> str:
    return " ".join(
        cell.text
        for slide in Presentation(io.BytesIO(content)).slides
        for shape in slide.shapes
        if shape.has_table
        for row in shape.table.rows
        for cell in row.cells
    )
