"""Addresses of GGUS: each shape that mails, wikis and scripts hold leads to what it meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.services.attachments import add_attachment
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

# as a public client sends it
SCRIPT = (
    "/index.php?mode=ticket_search&ticket_id=&supportunit={unit}&su_hierarchy=0&vo=all&user="
    "&keyword=&involvedsupporter=&assignedto=&affectedsite=&specattrib=none&status=open&priority="
    "&typeofproblem=all&ticket_category=all&mouarea=&date_type=creation+date&tf_radio=1"
    "&timeframe=any&from_date=&to_date=&untouched_date=&orderticketsby=REQUEST_ID&orderhow=desc"
    "&search_submit=GO%21&writeFormat=XML"
)


def found(visitor: Visitor, path: str) -> list[dict[str, str]]:
    """The tickets of an answer in XML."""
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/xml"
    return [{part.tag: part.text or "" for part in one} for one in ET.fromstring(answer.data)]


def numbers(visitor: Visitor, path: str) -> list[int]:
    return [int(one["request_id"]) for one in found(visitor, path)]


def test_a_ticket_by_each_of_its_old_addresses(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    reader = visit(cast.reader)
    for path in (
        "/ws/ticket_info.php?ticket={}",
        "/?mode=ticket_info&ticket_id={}",
        "/index.php?mode=ticket_info&ticket_id={}",
    ):
        answer = reader.get(path.format(number))
        assert (answer.status_code, answer.location) == (302, f"/tickets/{number}")
        assert reader.get(path.format(999_999)).status_code == 404
        assert reader.get(path.format("9" * 10)).status_code == 404


@pytest.mark.usefixtures("cast")
def test_whoever_is_not_logged_in_gets_the_login_and_comes_back(app: Flask, opened: Open) -> None:
    number = opened()
    for path in (
        f"/?mode=ticket_info&ticket_id={number}",
        f"/ws/ticket_info.php?ticket={number}",
        SCRIPT.format(unit=""),
    ):
        answer = Visitor(app).get(path)
        assert answer.status_code in (302, 303)
        parts = urlsplit(answer.location)
        assert parts.path == "/login"
        assert dict(parse_qsl(parts.query))["next"] == path


@pytest.mark.usefixtures("cast")
def test_a_first_page_that_is_sent_something_is_no_old_address(
    app: Flask, cast: Cast, visit: Enter, opened: Open
) -> None:
    path = f"/?mode=ticket_info&ticket_id={opened()}"
    for visitor in (Visitor(app), visit(cast.operator)):
        assert visitor.client.post(path).status_code == 405
        assert visitor.client.put(path).status_code == 405


def test_an_attachment_by_its_id(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    with transaction(session):
        file = add_attachment(session, writer(cast.operator), number, "line.log", b"up")
        key = f"ATT{file.id}"
    reader = visit(cast.reader)
    for path in ("/index.php?mode=download&attid=", "/?mode=download&attid="):
        assert reader.get(path + key).location == f"/attachments/{key}"
        for wrong in ("ATT999999", "", "1", "../../etc/passwd"):
            assert reader.get(path + wrong).status_code == 404, wrong


def test_a_script_reads_the_open_tickets_of_a_unit(cast: Cast, visit: Enter, opened: Open) -> None:
    first = opened(title="<Fibre> & cut", unit="NOC", sites=("DE-KIT",), priority="urgent")
    opened(title="Other", unit="TPM")
    last = opened(title="Later", unit="NOC", now=NOON + timedelta(hours=1))
    reader = visit(cast.reader)
    rows = found(reader, SCRIPT.format(unit="NOC"))
    assert [int(row["request_id"]) for row in rows] == [last, first]
    assert rows[1] == {
        "request_id": str(first),
        "affected_site": "FZK-LCG2",
        "priority": "urgent",
        "responsible_unit": "NOC",
        "status": "new",
        "date_of_creation": "2013-03-06 12:00:00",
        "last_update": "2013-03-06 12:00:00",
        "subject": "<Fibre> & cut",
        "Ticket-ID": str(first),
        "Creation_Date": "2013-03-06 12:00:00",
        "Subject": "<Fibre> & cut",
    }
    assert found(reader, SCRIPT.format(unit="nobody")) == []


def test_a_script_that_asks_for_one_number_reads_that_ticket_or_none(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number, reader = opened(), visit(cast.reader)
    for path in ("/ws/ticket_search.php?ticket_id={}", "/?mode=ticket_search&ticket_id={}"):
        assert numbers(reader, f"{path.format(number)}&writeFormat=XML") == [number]
        for unknown in (999_999, "9" * 10, 0):
            assert found(reader, f"{path.format(unknown)}&writeFormat=XML") == [], unknown
            page = reader.get(path.format(unknown))  # a person is told
            assert page.status_code == 404
            assert "No ticket has this number" in page.text or "Page not found" in page.text
        assert reader.get(f"{path.format('1x')}&writeFormat=XML").status_code == 422


def test_each_part_of_a_search(cast: Cast, visit: Enter, opened: Open) -> None:
    today = datetime.now(UTC)
    old = opened(title="Old walnut", sites=("ES-PIC",), priority="top priority")
    new = opened(title="New", sites=("DE-KIT",), now=today - timedelta(days=3))
    reader = visit(cast.reader)
    search = "/ws/ticket_search.php?writeFormat=XML&orderhow=asc&"
    for asked, expected in (
        ("", [old, new]),
        ("status=all", [old, new]),
        ("status=terminal", []),
        ("affectedsite=pic", [old]),
        ("affectedsite=FZK-LCG2", [new]),
        ("keyword=walnut", [old]),
        ("priority=top+priority", [old]),
        ("timeframe=lastweek", [new]),
        ("timeframe=lastday", []),
        ("tf_radio=2&from_date=06+Mar+2013&to_date=2013-03-06", [old]),
        ("tf_radio=2&from_date=07+Mar+2013", [new]),
        ("tf_radio=1&from_date=07+Mar+2013&timeframe=any", [old, new]),  # as GGUS did
        ("orderticketsby=DATE_OF_CHANGE", [old, new]),
        (f"ticket_id={new}", [new]),
        ("show_columns_check[]=STATUS&show_columns_check[]=PRIORITY", [old, new]),
    ):
        assert numbers(reader, search + asked) == expected, asked
    assert numbers(reader, search.replace("asc", "desc")) == [new, old]


def test_a_search_to_look_at_is_the_list(cast: Cast, visit: Enter) -> None:
    answer = visit(cast.reader).get(
        "/?mode=ticket_search&affectedsite=pic&status=open&orderticketsby=REQUEST_ID&orderhow=desc"
    )
    assert answer.status_code == 302
    assert answer.location == "/tickets?state=open&site=pic&sort=-number"


def test_what_cannot_be_used_is_refused(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    reader = visit(cast.reader)
    for path, words in (
        ("/ws/ticket_info.php", "use digits only"),
        ("/ws/ticket_info.php?ticket=1%20OR%201=1", "use digits only"),
        ("/ws/ticket_info.php?ticket=-1", "use digits only"),
        ("/ws/ticket_info.php?ticket=%D9%A1", "use digits only"),
        (f"/ws/ticket_info.php?ticket={number}&ticket=2", "ticket: send one value only"),
        ("/index.php?mode=%3Cscript%3E", "mode: use ticket_info"),
        ("/?mode=admin", "mode: use ticket_info"),
        ("/ws/ticket_search.php?writeFormat=CSV", "writeFormat: only XML is supported"),
        ("/ws/ticket_search.php?status=x", "status: unknown value"),
        ("/ws/ticket_search.php?vo=cms", "vo can only be all here"),
        ("/ws/ticket_search.php?orderticketsby=1;DROP", "orderticketsby: unknown value"),
        ("/ws/ticket_search.php?timeframe=never", "timeframe: unknown value"),
        ("/ws/ticket_search.php?tf_radio=2&from_date=31+Feb+2016", "from_date is not a date"),
        ("/ws/ticket_search.php?priority=huge", "Priority: unknown value"),
        ("/ws/ticket_search.php?affectedsite=%00", "cannot be passed on"),
        ("/ws/ticket_search.php?drop_table=1", "Unknown parameter"),
    ):
        answer = reader.get(path)
        assert answer.status_code == 422, path
        assert words in answer.text, path
        assert "<script>" not in answer.text
    assert reader.get("/index.php").location == "/"
    assert reader.send("/index.php?mode=login", {"login": "x", "password": "y"}).status_code == 405
