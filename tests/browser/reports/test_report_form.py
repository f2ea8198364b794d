"""A report is written in a real browser: it saves itself, two people meet, a login ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from playwright.sync_api import Browser, expect
from sqlalchemy import select, update

from app.accounts.models.people import Login
from app.accounts.services.people import create_user
from app.core.database.transactions import transaction
from app.reports.models.reports import ReportField
from tests.browser.reports.report_page import (
    FIELDS,
    ISSUES,
    SAVED,
    looks_again,
    saved,
    slow_way,
    standing,
    write,
)
from tests.browser.visit import log_in, mark, people_of, sideways, still_marked
from tests.cast import PASSWORD, SYSTEM
from tests.harness.browser import strict_page
from tests.harness.server import LiveServer


def site_of_two(server: LiveServer) -> None:
    """The cast, and a second reporter of DE-KIT; once per server."""
    with server.session() as session:
        if session.scalar(select(Login.id).limit(1)) is not None:
            return
    people_of(server)
    with server.session() as session, transaction(session):
        create_user(session, SYSTEM, "kit2", "reporter", PASSWORD, ("DE-KIT",))


def stored(server: LiveServer, name: str = ISSUES) -> list[str]:
    """What stands in this field of all reports, oldest first."""
    with server.session() as session:
        rows = select(ReportField.value).where(ReportField.name == name)
        return list(session.scalars(rows.order_by(ReportField.report_id)))


def test_each_field_saves_itself(browser: Browser, sqlite_server: LiveServer) -> None:
    site_of_two(sqlite_server)
    address = "/reports/DE-KIT/2012-Q1"
    with strict_page(browser, {422}) as page:
        log_in(page, sqlite_server, "kit", address)
        mark(page)
        write(page, "A fibre <b>near</b>\nBasel")
        saved(page)
        page.get_by_role("group", name="Backup path tested").get_by_label("Not tested").check()
        saved(page, "answer.backup_test")
        # also without leaving the field
        page.get_by_label("Remarks").press_sequentially("half a word")
        saved(page, "answer.remarks")
        expect(page.get_by_label("Remarks")).to_be_focused()
        # what is refused stays where it was typed
        write(page, "the 30th", "Day of the test")
        day = standing(page, "answer.backup_test_day")
        expect(day).to_contain_text("Not saved. “Day of the test” must be a date")
        expect(page.get_by_label("Day of the test")).to_have_value("the 30th")
        assert still_marked(page)
        assert sideways(page) == 0
        page.get_by_label("Day of the test").fill("2012-03-30")
        page.keyboard.press("Tab")
        expect(day).to_have_text(SAVED)
        page.reload()  # nothing asks whether to leave
        expect(page.get_by_label("Open issues")).to_have_value("A fibre <b>near</b>\nBasel")
        expect(page.get_by_label("Remarks")).to_have_value("half a word")
        expect(page.get_by_label("Not tested")).to_be_checked()


def test_what_is_left_and_the_buttons_stay_in_view(
    browser: Browser, sqlite_server: LiveServer
) -> None:
    site_of_two(sqlite_server)
    with strict_page(browser, set()) as page:
        page.set_viewport_size({"width": 390, "height": 700})
        log_in(page, sqlite_server, "kit", "/reports/DE-KIT/2013-Q2")
        bar, progress = page.locator(".report-bar"), page.locator("#report-progress")
        expect(progress).to_have_text("0 of 3 answered")
        page.get_by_label("Not tested").check()
        expect(progress).to_have_text("1 of 3 answered")
        saved(page, "answer.backup_test")
        # wherever one is in the page, in the numbers that are opened now, too
        page.locator("#numbers > summary").click()
        for place in ("#numbers", "h1", "#attachments"):
            page.locator(place).scroll_into_view_if_needed()
            box = bar.bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 700, place
        # what has the focus is never under it
        field = page.get_by_label("Remarks")
        field.focus()
        below, above = field.bounding_box(), bar.bounding_box()
        assert below is not None
        assert above is not None
        assert below["y"] < above["y"]
        assert sideways(page) == 0


def test_two_people_see_each_other_and_choose(browser: Browser, sqlite_server: LiveServer) -> None:
    site_of_two(sqlite_server)
    address = "/reports/DE-KIT/2012-Q2"
    with strict_page(browser, {409}) as one, strict_page(browser, {409}) as two:
        log_in(one, sqlite_server, "kit", address)
        log_in(two, sqlite_server, "kit2", address)
        # what the other wrote comes by itself where one is not writing
        write(one, "From kit")
        saved(one)
        two.get_by_label("Remarks").focus()
        looks_again(two)
        expect(two.get_by_label("Open issues")).to_have_value("From kit")
        expect(standing(two)).to_contain_text("kit edited this at")
        expect(two.get_by_label("Remarks")).to_be_focused()
        # where one is writing, nothing is replaced; what is typed while the answer is on its way
        # is in the text that one may keep
        with slow_way(two):
            with two.expect_request(FIELDS):
                two.get_by_label("Open issues").press_sequentially(" and mo")
            write(one, "From kit, anew")
            saved(one)
            two.get_by_label("Open issues").press_sequentially("re of two")
            two.keyboard.press("Tab")
        clash = standing(two).locator(".report-conflict")
        expect(clash).to_contain_text("kit edited this at")
        expect(clash).to_contain_text("From kit, anew")
        expect(clash).to_contain_text("and more of two")
        expect(two.get_by_label("Open issues")).to_have_value(re.compile("and more of two"))
        # keep mine; the other's page does not happen to ask in this moment, as it does at times
        one.route("**/changes?*", lambda route: route.fulfill(status=204))
        clash.get_by_role("button", name="Keep mine").click()
        expect(standing(two)).to_have_text(SAVED)
        expect(two.locator("[data-unsaved]")).to_have_count(0)
        expect(two.get_by_label("Open issues")).to_be_focused()
        mine = two.get_by_label("Open issues").input_value()
        assert stored(sqlite_server)[-1] == mine
        # and the other takes it
        write(one, "Once more")
        clash = standing(one).locator(".report-conflict")
        clash.get_by_role("button", name="Use theirs").click()
        expect(one.get_by_label("Open issues")).to_have_value(mine)
        expect(one.get_by_label("Open issues")).to_be_focused()
        expect(clash).to_have_count(0)
        write(one, "From here on")
        saved(one)
        assert stored(sqlite_server)[-1] == "From here on"


def test_a_login_that_ends_loses_nothing(browser: Browser, sqlite_server: LiveServer) -> None:
    site_of_two(sqlite_server)
    address = "/reports/DE-KIT/2012-Q3"
    with strict_page(browser, {400, 401}) as page:  # the form; what asks by itself
        log_in(page, sqlite_server, "kit", address)
        mark(page)
        with sqlite_server.session() as session, transaction(session):
            session.execute(update(Login).values(ended_at=datetime.now(UTC)))
        write(page, "Written after the end")
        told = standing(page)
        expect(told).to_contain_text("your session has ended. Your text stays here")
        looks_again(page)  # asking leads nowhere either
        with page.expect_popup() as opened:
            told.get_by_role("link", name="Log in in another tab").click()
        other = opened.value
        other.get_by_label("Name").fill("kit")
        other.get_by_label("Password").fill(PASSWORD)
        other.get_by_role("button", name="Log in").click()
        other.wait_for_url(f"**{address}")
        other.close()
        page.bring_to_front()
        looks_again(page)
        expect(told).to_have_text(SAVED)
        assert still_marked(page)
        assert stored(sqlite_server)[-1] == "Written after the end"


def test_a_portal_that_cannot_be_reached_is_tried_again(
    browser: Browser, sqlite_server: LiveServer
) -> None:
    site_of_two(sqlite_server)
    with strict_page(browser, {503}) as page:
        log_in(page, sqlite_server, "kit", "/reports/DE-KIT/2012-Q4")
        page.route("**/fields/*", lambda route: route.fulfill(status=503, body=""))
        write(page, "Into the void")
        told = standing(page)
        expect(told).to_contain_text("Not saved: the portal responded with error 503")
        page.unroute("**/fields/*")
        looks_again(page)
        expect(told).to_have_text(SAVED)


def test_without_a_script_one_button_saves_all(browser: Browser, sqlite_server: LiveServer) -> None:
    site_of_two(sqlite_server)
    with strict_page(browser, set(), javascript=False) as page:
        log_in(page, sqlite_server, "kit", "/reports/DE-KIT/2011-Q4")
        page.get_by_label("Plans for the next quarter").fill("First")
        page.get_by_label("Not tested").check()
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("Draft saved.")).to_be_visible()
        expect(page.get_by_label("Not tested")).to_be_checked()
    assert stored(sqlite_server, "answer.plans")[-1] == "First"


def test_without_a_script_both_texts_are_shown(browser: Browser, sqlite_server: LiveServer) -> None:
    site_of_two(sqlite_server)
    address = "/reports/DE-KIT/2011-Q3"
    with (
        strict_page(browser, set(), javascript=False) as page,
        strict_page(browser, {409}, javascript=False) as other,
    ):
        log_in(page, sqlite_server, "kit", address)
        log_in(other, sqlite_server, "kit2", address)
        for one, text in ((page, "First"), (other, "Second")):
            one.get_by_label("Plans for the next quarter").fill(text)
            one.get_by_role("button", name="Save draft").click()
        clash = other.locator(".report-conflict")
        expect(clash).to_contain_text("First")
        expect(other.get_by_label("Plans for the next quarter")).to_have_value("Second")
        clash.get_by_role("button", name="Keep mine").click()
        expect(other.get_by_text("Draft saved.")).to_be_visible()
        expect(other.get_by_label("Plans for the next quarter")).to_have_value("Second")


def test_the_answer_of_last_quarter_is_one_click(
    browser: Browser, sqlite_server: LiveServer
) -> None:
    site_of_two(sqlite_server)
    with strict_page(browser, set()) as page:
        log_in(page, sqlite_server, "kit", "/reports/DE-KIT/2010-Q3")
        write(page, "Old optics")
        saved(page)
        page.goto(f"{sqlite_server.url}/reports/DE-KIT/2010-Q4")
        offered = page.locator("#f-answer-issues-carried")
        expect(offered).to_contain_text("Answer for 2010-Q3:")
        offered.get_by_role("button", name="Reuse").click()
        saved(page)
        expect(page.get_by_label("Open issues")).to_have_value("Old optics")
        expect(offered).to_have_count(0)
