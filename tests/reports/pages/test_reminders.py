"""The chair's pages of reminders and of the quiet list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.services.people import find_user
from app.core.database.transactions import transaction
from app.core.rules.quarters import Quarter
from app.mail.models.mails import Mail
from app.reports.models.reminders import ReportQuiet, ReportReminder
from tests.cast import Cast
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter
from tests.reports.services.test_grid import seed

LAST = Quarter.of(datetime.now(UTC)).previous
"""The quarter that ended last: pages know the real time."""


@pytest.fixture
def owing(session: Session, cast: Cast) -> None:
    """DE-KIT has a draft and a reporter with an address, ES-PIC nothing and nobody."""
    seed(session, "DE-KIT", LAST, "draft")
    with transaction(session):
        find_user(session, "kit").mail = "kit@people.example"
    session.rollback()


def test_the_chair_sees_what_is_owed_and_reminds(
    session: Session, cast: Cast, visit: Enter, owing: None
) -> None:
    chair = visit(cast.operator)
    page = chair.read("/reports/reminders")
    assert "No reminders sent yet" in page.text
    assert "kit@people.example" in page.text
    assert "no recipient An administrator can add a contact." in page.text
    forms = [one for one in page.forms if one.action == "/reports/reminders"]
    assert {(one.values("site")[0]) for one in forms} == {"DE-KIT"}, "nobody is there of ES-PIC"
    sent = chair.send("/reports/reminders", {"site": "DE-KIT", "quarter": str(LAST)})
    assert sent.status_code == 303
    session.rollback()
    made = session.scalars(select(ReportReminder)).one()
    assert (made.site.key, made.quarter, made.author) == ("DE-KIT", str(LAST), "operator")
    assert session.scalars(select(Mail.address)).all() == ["kit@people.example"]
    page = chair.read("/reports/reminders")
    assert f"Reminder queued for DE-KIT, {LAST}" in page.text
    assert "sent by hand" in page.text
    again = chair.send("/reports/reminders", {"site": "DE-KIT", "quarter": str(LAST)})
    assert again.status_code == 409
    assert "was already reminded of" in PageReader(again.text).text
    assert f"DE-KIT of {LAST} now" in chair.get("/reports/reminders").text


def test_a_report_that_came_in_time_and_is_reopened_is_not_called_late(
    session: Session, cast: Cast, visit: Enter
) -> None:
    ended = LAST.previous
    seed(session, "DE-KIT", ended, "reopened", ended.end + timedelta(days=9))
    seed(session, "ES-PIC", ended, "reopened", ended.end + timedelta(days=40))
    owed = visit(cast.operator).get("/reports/reminders").text.partition("Outstanding")[2]
    stands = {
        site: " ".join(PageReader(row).text.split())
        for site in ("DE-KIT", "ES-PIC")
        for row in owed.split("<tr>")
        if f"/{site}/{ended}" in row
    }
    assert "reopened late" in stands["ES-PIC"]
    assert "reopened" in stands["DE-KIT"]
    assert "late" not in stands["DE-KIT"], "the grid does not call it late either"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"site": "DE-KIT", "quarter": "2012"}, 422),
        ({"site": "DE-KIT", "quarter": "2012-Q1\x00"}, 422),
        ({"site": "DE-KIT\x00", "quarter": str(LAST)}, 422),
        ({"site": "X" * 5000, "quarter": str(LAST)}, 422),
        ({"site": "NOWHERE", "quarter": str(LAST)}, 404),
        ({"site": "CH-CERN", "quarter": str(LAST)}, 422),
        ({"site": "ES-PIC", "quarter": str(LAST)}, 422),
        ({"site": "DE-KIT", "quarter": str(LAST.next)}, 409),
        ({}, 422),
    ],
)
def test_what_cannot_be_reminded_of_is_refused_in_words(
    session: Session, cast: Cast, visit: Enter, owing: None, sent: dict[str, str], status: int
) -> None:
    answer = visit(cast.operator).send("/reports/reminders", sent)
    assert answer.status_code == status
    assert session.scalar(select(ReportReminder.id)) is None


def test_the_quiet_list(session: Session, cast: Cast, visit: Enter, owing: None) -> None:
    chair = visit(cast.operator)
    assert "Nobody is muted" in chair.read("/reports/quiet").text
    added = chair.send("/reports/quiet", {"who": "person kit", "reason": "On leave <b>"})
    assert added.status_code == 303
    page = chair.read("/reports/quiet")
    assert "On leave <b>" in page.text
    assert "kit@people.example" not in chair.read("/reports/reminders").text
    for sent, told in (
        ({"who": "person kit", "reason": "x"}, "Site or person: choose one of"),
        ({"who": "site CH-CERN", "reason": "x"}, "choose one of"),
        ({"who": "", "reason": "x"}, "Choose a site or a person"),
        ({"who": "site ES-PIC", "reason": ""}, "Reason is required"),
        ({"who": "site ES-PIC", "reason": "typed " * 60}, "Reason"),
        ({"who": "site ES-PIC", "reason": "typed\x00"}, "Reason"),
    ):
        answer = chair.send("/reports/quiet", sent)
        assert answer.status_code == 422
        assert told in PageReader(answer.text).text
        if "typed" in sent["reason"]:
            assert "typed" in answer.text.partition("Mute a site or person")[2], "it is kept"
    number = session.scalars(select(ReportQuiet.id)).one()
    assert chair.send(f"/reports/quiet/{number}/end", {}).status_code == 303
    assert chair.send(f"/reports/quiet/{number}/end", {}).status_code == 404
    session.rollback()
    assert session.scalar(select(ReportQuiet.id)) is None


def test_it_is_the_chair_s(session: Session, cast: Cast, visit: Enter, owing: None) -> None:
    for actor in (cast.kit, cast.reader):
        visitor = visit(actor)
        for address in ("/reports/reminders", "/reports/quiet"):
            answer = visitor.get(address)
            assert answer.status_code == 403
            assert "Only operators and admins" in answer.text
        assert (
            visitor.send("/reports/quiet", {"who": "site ES-PIC", "reason": "x"}).status_code == 403
        )
        assert "/reports/reminders" not in dict(visitor.read("/reports").links)
    assert "/reports/reminders" in dict(visit(cast.operator).read("/reports").links)
