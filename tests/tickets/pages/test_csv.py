"""The list as CSV: its columns, how cells are written, what it leaves out and what it costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from xml.etree import ElementTree

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from app.core.database.transactions import transaction
from app.core.rules.counted import Counted
from app.core.web.extensions import db
from app.tickets.pages.listing import tickets_csv
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import State
from app.tickets.services.files import export as ticket_export
from app.tickets.services.lifecycle import (
    change_ticket,
    move_ticket,
    note_difference,
    open_ticket,
)
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open

COLUMNS = (
    "number,title,state,network,category,layer,priority,impact,links,sites,responsible_site,unit,"
    "event_start,event_detected,event_end,window_start,window_end,created,changed,solved,"
    "submitter,origin_system,origin_id,description,solution"
)
LINKS = ("CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001")


def rows(visitor: Visitor, query: str = "") -> list[dict[str, str]]:
    answer = visitor.get(f"/tickets.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile."""
    seen: list[str] = []

    def note(*given: object) -> None:
        seen.append(str(given[2]))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_columns_lists_and_times(session: Session, cast: Cast, visit: Enter, opened: Open) -> None:
    zone = timezone(timedelta(hours=1))
    number = opened(
        by=cast.ggus,
        title='A "quoted"; title, with commas',
        description="two\nlines é\U0001f6a7",
        links=LINKS,
        sites=("FZK-LCG2", "nobody knows"),
        category="maintenance",
        layer="L1/L2",
        impact="outage",
        priority="urgent",
        unit="NOC",
        event_start=datetime(2013, 3, 6, 10, 5, 9, tzinfo=zone),
        window_start=datetime(2013, 3, 6, 9, 0, tzinfo=UTC),
        window_end=datetime(2013, 3, 6, 11, 0, tzinfo=UTC),
        submitter_name="noc-demo",
        submitter_mail="noc@secret.example",
        internal_comment="secret",
        origin_system="Remedy",
        origin_id="INC-1",
    )
    with transaction(session):
        later = writer(cast.operator, NOON + timedelta(hours=1))
        move_ticket(session, later, number, State.SOLVED, solution="spliced")
    visitor = visit(cast.operator)
    answer = visitor.get("/tickets.csv?state=closed")
    assert answer.mimetype == "text/csv"
    assert answer.mimetype_params["charset"].lower() == "utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.text.splitlines()[0] == COLUMNS
    (row,) = rows(visitor, "?state=closed")
    assert row == {
        "number": "1",
        "title": 'A "quoted"; title, with commas',
        "state": "solved",
        "network": "LHCOPN",
        "category": "maintenance",
        "layer": "L1/L2",
        "priority": "urgent",
        "impact": "outage",
        "links": ";".join(LINKS),
        "sites": "DE-KIT;nobody knows",
        "responsible_site": "DE-KIT",
        "unit": "NOC",
        "event_start": "2013-03-06T09:05:09Z",
        "event_detected": "",
        "event_end": "",
        "window_start": "2013-03-06T09:00:00Z",
        "window_end": "2013-03-06T11:00:00Z",
        "created": "2013-03-06T12:00:00Z",
        "changed": "2013-03-06T13:00:00Z",
        "solved": "2013-03-06T13:00:00Z",
        "submitter": "noc-demo",
        "origin_system": "GGUS-TEST",
        "origin_id": "INC-1",
        "description": "two\nlines é\U0001f6a7",
        "solution": "spliced",
    }
    assert "secret" not in answer.text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_no_cell_is_a_formula(cast: Cast, visit: Enter, opened: Open, start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    fields = ("title", "description", "solution", "unit", "submitter_name", "origin_id")
    opened(by=cast.ggus, sites=(text,), **dict.fromkeys(fields, text))
    (row,) = rows(visit(cast.reader))
    shown = [value for value in row.values() if "calc" in value]
    assert len(shown) == 7
    assert shown == [f"'{text}"] * 7  # and taken off again it is what was written


def test_the_filter_of_the_address_holds(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="one", links=LINKS[:1])
    opened(title="two", priority="urgent")
    opened(title="three")
    with transaction(session):
        change_ticket(session, writer(cast.operator), 3, {"state": "unsolved"})
    visitor = visit(cast.reader)
    for query, expected in (
        ("", ["1", "2", "3"]),
        ("?state=open", ["1", "2"]),
        ("?state=open&state=closed&sort=number", ["1", "2", "3"]),
        ("?state=closed", ["3"]),
        ("?priority=urgent", ["2"]),
        ("?site=FZK-LCG2", ["1"]),
        ("?affected=FZK-LCG2", []),
        ("?responsible=FZK-LCG2", ["1"]),
        (f"?link={LINKS[0]}", ["1"]),
        ("?q=TWO", ["2"]),
        ("?from=2013-03-07", []),
    ):
        assert sorted(row["number"] for row in rows(visitor, query)) == expected, query
    answer = visitor.get("/tickets.csv?state=nonsense")
    assert answer.status_code == 422
    assert "State: unknown value. Use one of: " in answer.text


@pytest.mark.parametrize("file", ["/tickets.csv", "/tickets.xlsx"])
def test_only_operators_take_out_which_tickets_are_to_be_checked(
    session: Session, cast: Cast, visit: Enter, opened: Open, file: str
) -> None:
    opened(title="nothing about it")
    number = opened(title="sent again with another text")
    with transaction(session):
        note_difference(session, writer(cast.ggus), number, "Repeated with another text")
    for who in (cast.kit, cast.pic, cast.reader):
        answer = visit(who).get(f"{file}?check=yes")
        assert answer.status_code == 422
        assert "Only operators see which tickets need review" in answer.text
    for who in (cast.operator, cast.admin):
        answer = visit(who).get(f"{file}?check=yes")
        if file.endswith("csv"):
            lines = list(csv.reader(io.StringIO(answer.text, newline="")))
        else:
            sheet = load_workbook(io.BytesIO(answer.data)).worksheets[0]
            lines = [[str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)]
        assert [line[0] for line in lines] == ["number", str(number)]


def test_long_standing_is_what_is_open_for_long_and_no_test(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    standing = opened(title="open for years")
    opened(title="a test", category="test")
    ended = opened(title="solved")
    with transaction(session):
        move_ticket(session, writer(cast.operator), ended, State.SOLVED, solution="spliced")
    opened(title="of today", now=datetime.now(UTC))
    found = rows(visit(cast.reader), f"?figure={Counted.LONG_STANDING}")
    assert [row["number"] for row in found] == [str(standing)]


def test_a_workbook_holds_the_same(cast: Cast, visit: Enter, opened: Open) -> None:
    opened(title="=one", links=LINKS)
    opened(title="two", priority="urgent")
    answer = visit(cast.reader).get("/tickets.xlsx?priority=less+urgent")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tickets.xlsx"'
    sheet = load_workbook(io.BytesIO(answer.data)).worksheets[0]
    _head, line = sheet.iter_rows(values_only=True)
    assert line[:2] == (1, "=one")
    assert line[8] == ";".join(LINKS)
    assert visit(cast.reader).get("/tickets.xlsx?state=nonsense").status_code == 422


def test_a_file_holds_all_states_and_the_pages_links_what_the_page_shows(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    opened(title="of 2012, solved", now=NOON.replace(year=2012))
    opened(title="of 2013, open")
    with transaction(session):
        move_ticket(session, writer(cast.operator), 1, State.SOLVED, solution="spliced")
    visitor = visit(cast.reader)
    of_2012 = "?from=2012-01-01&to=2012-12-31"
    assert [row["number"] for row in rows(visitor, of_2012)] == ["1"]
    sheet = load_workbook(io.BytesIO(visitor.get(f"/tickets.xlsx{of_2012}").data)).worksheets[0]
    assert [line[0] for line in sheet.iter_rows(values_only=True)] == ["number", 1]
    for query, found in (("", ["2"]), (of_2012, []), ("?state=closed", ["1"])):
        links = [href for href, _word in visitor.read(f"/tickets{query}").links]
        (as_csv,) = [href for href in links if href.startswith("/tickets.csv")]
        (as_workbook,) = [href for href in links if href.startswith("/tickets.xlsx")]
        assert as_csv.replace(".csv", ".xlsx") == as_workbook
        assert [
            row["number"] for row in rows(visitor, as_csv.removeprefix("/tickets.csv"))
        ] == found


def test_the_list_and_a_ticket_as_nttdm(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    first = opened(title="one & <two>", links=LINKS[:1], internal_comment="secret")
    opened(title="three", links=LINKS[1:])
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets?link={LINKS[0]}")
    (href,) = [href for href, word in page.links if word == "NTTDM"]
    answer = visitor.get(href)
    assert answer.mimetype == "application/xml"
    assert 'filename="tickets.nttdm.xml"' in answer.headers["Content-Disposition"]
    assert len(ElementTree.fromstring(answer.text)) == 1
    found = visitor.read(f"/tickets/{first}")
    (href,) = [href for href, word in found.links if word == "Download as NTTDM (XML)"]
    assert href == f"/tickets/{first}.nttdm.xml"
    assert visitor.get(href).text == answer.text
    assert "one &amp; &lt;two&gt;" in answer.text
    assert "secret" not in answer.text
    assert len(ElementTree.fromstring(visitor.get("/tickets.nttdm.xml").text)) == 2
    assert visitor.get("/tickets.nttdm.xml?state=none").status_code == 422
    assert visitor.get("/tickets/99.nttdm.xml").status_code == 404


def test_a_list_that_is_longer_than_a_sheet_is_refused_in_words(
    cast: Cast, visit: Enter, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tickets_csv, "MAX_ROWS", 1)
    opened()
    opened()
    answer = visit(cast.reader).get("/tickets.xlsx")
    assert answer.status_code == 413
    assert "These are 2 tickets, and a sheet holds 1" in answer.text


def test_it_is_made_part_by_part_with_nothing_held_in_between(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    long = "x" * (ticket_export.SHORT + 1)
    with transaction(session):
        for turn in range(210):
            new = NewTicket(f"t {turn}", links=LINKS, sites=("DE-KIT", "a;b\\c", f"site {turn}"))
            open_ticket(session, writer(cast.operator), new)
        change_ticket(session, writer(cast.operator), 100, {"description": long})
    visitor = visit(cast.reader)
    with app.app_context():
        engine = db.engine
    with counted(engine) as seen:
        answer = visitor.client.get("/tickets.csv?sort=number")
        pieces = []
        for piece in answer.iter_encoded():
            pieces.append(piece)
            assert checked_out(engine) == 0  # whoever reads slowly is in nobody's way
        answer.close()
    assert len(seen) < 30, len(seen)  # and not one or more for each ticket
    found = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    assert [row["number"] for row in found] == [str(n) for n in range(1, 211)]
    assert len(pieces) == 1 + 3  # the head, before the long text, it alone, behind it
    assert found[99]["description"] == long
    assert found[98]["sites"] == "DE-KIT;a\\;b\\\\c;site 98"
    with counted(engine) as seen:
        assert visitor.get("/tickets").status_code == 200
    assert len(seen) < 25, "\n".join(seen)


def checked_out(engine: Engine) -> int:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


def test_a_ticket_that_changes_meanwhile_is_neither_lost_nor_doubled(
    app: Flask,
    session: Session,
    cast: Cast,
    visit: Enter,
    opened: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ticket_export, "AT_ONCE", 2)
    for title in ("one", "two", "three", "four"):
        opened(title=title)
    answer = visit(cast.reader).client.get("/tickets.csv?sort=-changed")
    pieces = answer.iter_encoded()
    text = next(pieces) + next(pieces)
    with transaction(session):  # both would be at the beginning of a new list
        later = writer(cast.operator, NOON + timedelta(hours=1))
        change_ticket(session, later, 4, {"priority": "urgent"})
        change_ticket(session, later, 1, {"priority": "urgent"})
    text += b"".join(pieces)
    answer.close()
    found = list(csv.DictReader(io.StringIO(text.decode(), newline="")))
    assert [(row["number"], row["priority"]) for row in found] == [
        ("4", "less urgent"),
        ("3", "less urgent"),
        ("2", "less urgent"),
        ("1", "urgent"),
    ]
