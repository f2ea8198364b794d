"""The home page of each role: what it says, and that each number leads to as many rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from app.accounts.services.calls import CallRecord, record_calls
from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.registry.services.registry import require_site
from app.reports.rules.reports import due_at, last_day_of
from app.reports.services.numbers import numbers_of
from app.reports.services.reports import (
    accept_report,
    find_report,
    save_field,
    save_fields,
    submit_report,
)
from app.tickets.services.lifecycle import change_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open


@pytest.mark.parametrize("who", ["admin", "operator", "kit", "reader"])
def test_what_is_empty_takes_no_room(who: str, cast: Cast, visit: Enter) -> None:
    page = visit(getattr(cast, who)).read("/")
    assert "No link is monitored: no event source has reported on any link yet." in page.text
    assert "quiet" not in page.text
    # a reporter's sites owe reports
    assert ("Nothing needs your attention." in page.text) is (who != "kit")
    for title in (*TITLES, "Required tickets not created"):
        assert title not in page.text
    assert ("Administration" in page.text) is (who == "admin")


TITLES = (
    *("Reply overdue", "Unclaimed", "Changes awaiting acceptance", "Needs review"),
    *("Awaiting a reply", "Changes awaiting your acceptance", "Open at your sites"),
    "Recently changed",
)


def test_each_number_is_as_many_rows(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(links=["CERN-GRIDKA-LHCOPN-001"])
    opened(category="change", sites=["DE-KIT", "ES-PIC"], network="LHCONE")
    waiting = opened(links=["CERN-PIC-LHCOPN-001"])
    with transaction(session):
        change_ticket(session, writer(cast.operator), waiting, {"state": "waiting for reply"})
    expected = {
        "admin": {
            "Reply overdue": 1,
            "Unclaimed": 2,
            "Changes awaiting acceptance": 1,
        },
        "kit": {"Changes awaiting your acceptance": 1, "Open at your sites": 2},
        "pic": {"Awaiting a reply": 1, "Open at your sites": 2},
        "reader": {"Recently changed": 3},
    }
    for who, groups in expected.items():
        visitor = visit(getattr(cast, who))
        page = visitor.read("/")
        for title, number in groups.items():
            assert f"{title} {number}" in page.text, who
            assert rows_behind(visitor, next(to for to, word in page.links if word == title)) == (
                number
            )
        figures = [(to, word) for to, word in page.links if word[:1].isdigit()]
        counted = [(to, int(word.split()[0])) for to, word in figures if "/tickets" in to]
        assert {number for _to, number in counted} == {0, 1, 2, 3}
        for to, number in counted:
            assert rows_behind(visitor, to) == number, to


def rows_behind(visitor: Visitor, address: str) -> int:
    page = visitor.read(address)
    return sum(urlsplit(to).path.removeprefix("/tickets/").isdigit() for to, _word in page.links)


def test_an_admin_sees_what_waits_and_nobody_else(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(sites=["Atlantis"])
    page = visit(cast.admin).read("/")
    assert ("/admin/unresolved", "1 unresolved names") in page.links
    assert ("/partners", "0 partner accounts with faults in the last 24 h") in page.links
    for other in (cast.operator, cast.kit, cast.reader):
        assert "unresolved" not in visit(other).read("/").text


def test_home_counts_the_accounts_that_were_answered_a_fault_within_a_day(
    session: Session, cast: Cast, visit: Enter
) -> None:
    now = datetime.now(UTC)
    calls = (
        (cast.ggus, now - timedelta(minutes=2), None),
        (cast.nren_a, now - timedelta(hours=23), 302),
        (cast.nren_a, now - timedelta(minutes=1), 310),
        (cast.nren_a, now, None),
        (cast.nren_b, now - timedelta(hours=25), 302),
    )
    with transaction(session):
        record_calls(
            session,
            [
                CallRecord(who.account_id, at, "GGUS", "TicketGet", fault, 1000, 900, 900)
                for who, at, fault in calls
                if who.account_id is not None
            ],
        )
    page = visit(cast.admin).read("/")
    assert ("/partners", "1 partner accounts with faults in the last 24 h") in page.links


def test_home_needs_a_login(visit: Enter, cast: Cast) -> None:
    visitor = visit(cast.reader)
    visitor.client.delete_cookie("portal")
    answer = visitor.get("/")
    assert (answer.status_code, answer.location) == (303, "/login")


def test_the_chair_is_told_what_waits_for_it(session: Session, cast: Cast, visit: Enter) -> None:
    quarter = Quarter.of(datetime.now(UTC)).previous
    report = f"/reports/DE-KIT/{quarter}"
    assert "Reports to accept" not in visit(cast.operator).read("/").text
    with transaction(session):
        site = require_site(session, "DE-KIT")
        by = writer(cast.kit, datetime.now(UTC))
        answers = {
            "answer.backup_test": ("Tested", 0),
            "answer.contacts_reviewed": ("yes", 0),
            "answer.routing_reviewed": ("yes", 0),
        }
        assert not save_fields(session, by, site, quarter, answers).problems
        row = find_report(session, site.id, quarter)
        assert row is not None
        numbers = numbers_of(session, site, quarter, by.now)
        submit_report(session, by, site, quarter, numbers, row.version)
    asked = visit(cast.kit).send(
        "/reports/teleconferences/new",
        {
            "reason": "The <b>fibre</b>",
            "quarter": str(quarter),
            "time_1": f"{datetime.now(UTC) + timedelta(days=20):%Y-%m-%d %H:%M} UTC",
        },
    )
    assert asked.status_code == 303
    for chair in (cast.operator, cast.admin):
        page = visit(chair).read("/")
        assert "1 meeting request awaiting a decision 1 report to accept" in page.text
        assert "Reports to accept 1" in page.text
        assert (report, f"DE-KIT {quarter}") in page.links
        assert "Meeting requests awaiting a decision 1" in page.text
        assert (asked.location, "The <b>fibre</b>") in page.links
        assert "Reports to submit" not in page.text
    for other in (cast.kit, cast.reader):
        text = visit(other).read("/").text
        assert "Reports to accept" not in text
        assert "Meeting requests awaiting a decision" not in text
    with transaction(session):
        accept_report(session, writer(cast.operator), row)
    assert "Reports to accept" not in visit(cast.operator).read("/").text


def test_a_reporter_is_told_which_reports_the_sites_owe(
    session: Session, cast: Cast, visit: Enter
) -> None:
    quarter = Quarter.of(datetime.now(UTC)).previous
    due = last_day_of(due_at(quarter))
    page = visit(cast.kit).read("/")
    assert "Reports to submit 4" in page.text
    addresses = [to for to, _word in page.links if to.startswith("/reports/DE-KIT/")]
    assert addresses == [f"/reports/DE-KIT/{quarter.after(-back)}" for back in range(4)]
    assert f"due {due}" in page.text.replace("due by", "due")
    assert not [to for to, _word in page.links if to.startswith("/reports/ES-PIC/")]
    with transaction(session):
        site = require_site(session, "DE-KIT")
        by = writer(cast.kit, datetime.now(UTC))
        save_field(session, by, site, quarter, "answer.issues", "None", 0)
    assert f"draft DE-KIT {quarter}" in visit(cast.kit).read("/").text
    with transaction(session):
        for back in range(4):
            one = quarter.after(-back)
            save_field(session, by, site, one, "answer.issues", "Few", int(back == 0))
            row = find_report(session, site.id, one)
            assert row is not None
            row.state = "submitted"
    told = visit(cast.kit).read("/").text
    assert "Reports to submit" not in told
    assert "Nothing needs your attention." in told
