"""GetHistory and ListChanges: what is told, to whom, and that a reader misses nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.services.changes import TICKET
from app.tickets.services.lifecycle import hand_to_partner
from tests.soap_service.native.client import LINK, Native, number_of, refused
from tests.soap_service.wire import in_order

WRITERS = 8
EACH = 12


def newest(native: Native) -> int:
    """The newest change's id, which is a cursor."""
    with native.wire.server.session() as session:
        return session.scalar(select(func.max(Change.id))) or 0


def read_on(native: Native, cursor: int, *, user: str = "opn", limit: int = 500) -> list[Any]:
    """Every row behind a cursor, page by page."""
    rows = []
    while True:
        page = native.call("ListChanges", user=user, cursor=cursor, limit=limit)
        assert len(page["changes"]) <= limit
        rows += page["changes"]
        if not page["more"]:
            return rows
        assert page["cursor"] > cursor
        cursor = page["cursor"]


def test_the_history_tells_who_when_through_which_door_and_what(native: Native) -> None:
    number = native.create(links=[LINK])
    native.call(
        "UpdateTicket",
        user="kit",
        number=number,
        version=1,
        author="noc-demo",
        change={"affectedVo": "atlas", "eventEnd": "2026-03-01T09:30:15+01:00"},
    )
    native.call("CommentTicket", number=number, text="hello")
    answer = native.call("GetHistory", number=number)
    created, changed, commented = answer["steps"]
    assert (created["version"], created["door"], created["account"]) == (1, "native", "opn")
    assert {"field": "links", "old": None, "new": LINK} in created["fields"]
    assert {name: changed[name] for name in changed if name != "at"} == {
        "version": 2,
        "author": "noc-demo",
        "account": "kit",
        "door": "native",
        "fields": [
            {"field": "affectedVo", "old": None, "new": "atlas"},
            {"field": "eventEnd", "old": None, "new": "2026-03-01T08:30:15Z"},
        ],
    }
    assert commented["fields"] == [{"field": "publicComment", "old": None, "new": "hello"}]
    assert created["at"] < changed["at"] < commented["at"] == native.get(number)["changed"]
    assert (answer["lastVersion"], answer["more"]) == (3, False)


def test_the_history_is_read_in_pages(native: Native) -> None:
    number = native.create()
    for turn in range(4):
        native.call("CommentTicket", user="kit", number=number, text=f"{turn}", internal=turn == 1)
    pages = []
    after, more = 0, True
    while more:
        page = native.call("GetHistory", number=number, afterVersion=after, limit=2)
        pages.append([step["version"] for step in page["steps"]])
        after, more = page["lastVersion"], page["more"]
    # version 3 is an internal entry of another partner
    assert pages == [[1, 2], [4], [5]]
    past = native.call("GetHistory", number=number, afterVersion=99)
    assert (past["steps"], past["lastVersion"], past["more"]) == ([], 99, False)


def test_an_answer_stays_within_a_bound_whatever_was_written(sqlite_native: Native) -> None:
    number = sqlite_native.create()
    for turn in range(45):
        text = f"{turn} " + "x" * 99_990
        inner = f"<n:number>{number}</n:number><n:text>{text}</n:text>"
        assert sqlite_native.raw("CommentTicket", inner).status == 200
    ticket = sqlite_native.get(number)
    told = [entry["text"].split()[0] for entry in ticket["diary"]]
    left_out = ticket["olderEntries"]
    assert left_out == 45 - len(told) > 0
    assert told == [str(turn) for turn in range(left_out, 45)]
    seen, after, more = [], 0, True
    while more:
        page = sqlite_native.call("GetHistory", number=number, afterVersion=after)
        assert sum(len(step["fields"][0]["new"]) for step in page["steps"]) <= 4 * 1024 * 1024
        seen += [step["version"] for step in page["steps"]]
        after, more = page["lastVersion"], page["more"]
    assert seen == list(range(1, 47))


def test_changes_come_in_their_order_with_what_is_one_s_own(native: Native) -> None:
    cursor = newest(native)
    number = native.create()
    native.call("CommentTicket", user="opn-internal", number=number, text="same partner")
    native.call("CommentTicket", user="kit", number=number, text="another")
    native.wire.call(
        "TicketModify",
        in_order(
            "TicketModify",
            {
                "GHD_Request_ID": str(number),
                "GHD_Last_Modifier": "noc-demo",
                "GHD_Last_Login": "noc-demo",
                "GHD_Priority": "urgent",
            },
        ),
    )
    rows = read_on(native, cursor)
    assert [(row["number"], row["version"], row["own"], row["door"]) for row in rows] == [
        (number, 1, True, "native"),
        (number, 2, True, "native"),
        (number, 3, False, "native"),
        (number, 4, True, "soap"),
    ]
    assert [row["fields"] for row in rows[1:]] == [
        ["publicComment"], ["publicComment"], ["priority"],
    ]  # fmt: skip
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    assert read_on(native, rows[-1]["id"]) == []


def test_pages_join_without_gap_or_double(native: Native) -> None:
    cursor = newest(native)
    number = native.create()
    for turn in range(6):
        native.call("CommentTicket", user="kit", number=number, text=f"{turn}", internal=turn == 2)
    whole = read_on(native, cursor)
    assert [row["version"] for row in whole] == [1, 2, 3, 5, 6, 7]
    for limit in (1, 2, 3):
        assert read_on(native, cursor, limit=limit) == whole


def test_the_cursor_moves_over_what_the_account_may_not_read(native: Native) -> None:
    cursor = newest(native)
    foreign = native.create()
    mine = native.create(user="other")
    native.create()
    page = native.call("ListChanges", user="other", cursor=cursor)
    assert [row["number"] for row in page["changes"]] == [mine]
    assert page["cursor"] == newest(native)
    assert page["more"] is False
    # an internal entry of another, of which nothing may be seen, is passed over as well
    native.call("CommentTicket", user="kit", number=foreign, text="x", internal=True)
    page = native.call("ListChanges", user="reader", cursor=page["cursor"])
    assert (page["changes"], page["cursor"]) == ([], newest(native))


def test_a_ticket_that_is_handed_over_is_followed_from_then_on(native: Native) -> None:
    number = native.create()
    cursor = native.call("ListChanges", user="other", cursor=newest(native))["cursor"]
    assert number_of(refused(native.get, number, user="other")) == 302
    with native.wire.server.session() as session, transaction(session):
        by = Writer(SYSTEM, Door.COMMAND, datetime.now(UTC))
        hand_to_partner(session, by, number, "OTHER")
    (row,) = read_on(native, cursor, user="other")
    assert (row["number"], row["version"], row["fields"]) == (number, 2, ["handedTo"])
    steps = native.call("GetHistory", user="other", number=number)["steps"]
    assert [step["version"] for step in steps] == [1, 2]
    assert native.get(number, user="other")["version"] == 2


def test_contacts_of_others_are_not_even_named(native: Native) -> None:
    cursor = newest(native)
    native.create(submitter={"mail": "noc@example.org", "name": "noc"})
    (own,) = read_on(native, cursor)
    (foreign,) = read_on(native, cursor, user="reader")
    assert set(own["fields"]) - set(foreign["fields"]) == {"submitterMail"}


def test_a_cursor_that_no_page_gave_out_is_refused(native: Native) -> None:
    for cursor in (newest(native) + 1, 2**63 - 1, -1, 2**63):
        fault = refused(native.call, "ListChanges", cursor=cursor)
        assert number_of(fault) == 310
        assert "cursor" in fault.message


@pytest.mark.parametrize("limit", [0, -1, 501, 2**40])
def test_a_limit_beyond_the_page_is_refused(sqlite_native: Native, limit: int) -> None:
    for operation, more in (("ListChanges", {"cursor": 0}), ("GetHistory", {"number": 1})):
        fault = refused(sqlite_native.call, operation, limit=limit, **more)
        assert number_of(fault) == 310
        assert "limit" in fault.message


def test_eight_writers_and_a_reader_that_misses_nothing(native: Native) -> None:
    cursor = newest(native)
    tickets = [native.create() for _ in range(3)]

    def write(writer: int) -> None:
        for turn in range(EACH):
            inner = (
                f"<n:number>{tickets[turn % 3]}</n:number><n:text>writer {writer} {turn}</n:text>"
            )
            assert native.raw("CommentTicket", inner).status == 200

    rows: list[Any] = []
    with ThreadPoolExecutor(WRITERS) as writers:
        working = [writers.submit(write, writer) for writer in range(WRITERS)]
        position, ended = cursor, False
        while not ended:
            ended = all(item.done() for item in working)  # one more page after the last of them
            page = native.call("ListChanges", cursor=position, limit=7)
            rows += page["changes"]
            position = page["cursor"]
            ended = ended and not page["more"]
        for item in working:
            item.result()
    with native.wire.server.session() as session:
        written = session.scalars(
            select(Change.id).where(Change.kind == TICKET, Change.id > cursor).order_by(Change.id)
        ).all()
    assert len(written) == 3 + WRITERS * EACH
    assert [row["id"] for row in rows] == list(written)
