"""The home page of each role: what it says, and that each number leads to as many rows."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy.orm import Session

from app.database import writing
from app.services.tickets import change_ticket
from tests.cast import Cast, writer
from tests.web.conftest import Enter, Open
from tests.web.visitor import Visitor

EMPTY = {
    "operator": [
        "Nothing waits too long for a reply.",
        "Every new ticket was taken within a working day.",
        "No change lacks an acknowledgement.",
        "Nothing is to be checked.",
    ],
    "kit": [
        "Nothing waits for your reply.",
        "Your sites have answered to every change.",
        "Nothing is open at your sites.",
    ],
    "reader": ["No tickets yet."],
}


@pytest.mark.parametrize("who", EMPTY)
def test_an_empty_desk_says_so(who: str, cast: Cast, visit: Enter) -> None:
    page = visit(getattr(cast, who)).read("/")
    for text in EMPTY[who]:
        assert text in page.text
    assert "Administration" not in page.text


def test_each_number_is_as_many_rows(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(links=["CERN-GRIDKA-LHCOPN-001"])
    opened(category="change", sites=["DE-KIT", "ES-PIC"], network="LHCONE")
    waiting = opened(links=["CERN-PIC-LHCOPN-001"])
    with writing(session):
        change_ticket(session, writer(cast.operator), waiting, {"state": "waiting for reply"})
    expected = {
        "admin": {
            "Wait too long for a reply": 1,
            "Not taken": 2,
            "Changes lacking an acknowledgement": 1,
        },
        "kit": {"Changes that your sites have to answer": 1, "Open at your sites": 2},
        "pic": {"Wait for a reply": 1, "Open at your sites": 2},
        "reader": {"Changed lately": 3},
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
    assert ("/partners", "0 partners' accounts with faults in the last 24 h") in page.links
    for other in (cast.operator, cast.kit, cast.reader):
        assert "unresolved" not in visit(other).read("/").text


def test_home_needs_a_login(visit: Enter, cast: Cast) -> None:
    visitor = visit(cast.reader)
    visitor.client.delete_cookie("portal")
    answer = visitor.get("/")
    assert (answer.status_code, answer.location) == (303, "/login")
