"""What is done with a ticket over REST beside writing it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.tickets.models.personal_reminders import TicketReminder
from app.tickets.models.tickets import Ticket
from app.tickets.models.watchers import TicketWatcher
from tests.api.conftest import Calling, Program
from tests.api.test_tickets import NEW, made
from tests.cast import Cast

NTTDM = "application/xml"


@pytest.fixture
def operator(calling: Calling, cast: Cast) -> Program:
    return calling("tickets", of=cast.operator)


def test_a_duplicate_is_merged_and_separated_again(operator: Program) -> None:
    master, twice = made(operator)["number"], made(operator, title="Twice")["number"]
    answer = operator.post(f"/api/v1/tickets/{twice}/merge", {"master": master})
    assert answer.json is not None
    assert (answer.json["number"], answer.json["state"]) == (twice, "unsolved")
    assert answer.json["relations"] == [{"role": "duplicate_of", "number": master}]
    again = operator.post(f"/api/v1/tickets/{twice}/merge", {"master": twice})
    assert again.status_code == 422
    apart = operator.send("DELETE", f"/api/v1/tickets/{twice}/relations/duplicate_of/{master}")
    assert apart.json is not None
    assert (apart.json["relations"], apart.json["state"]) == ([], "new")


def test_a_ticket_is_shared_with_a_partner(operator: Program, calling: Calling, cast: Cast) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    partner = calling("tickets", account=cast.nren_a.account)
    assert partner.get(at).status_code == 404
    assert operator.post(f"{at}/partners", {"partner": "NREN-A"}).status_code == 200
    assert partner.get(at).status_code == 200
    assert operator.post(f"{at}/partners", {"partner": "NOBODY"}).status_code == 422
    assert partner.post(f"{at}/partners", {"partner": "NREN-B"}).status_code == 403


def test_a_move_is_undone_by_who_made_it(operator: Program, calling: Calling, cast: Cast) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    moved = operator.post(f"{at}/moves", {"state": "on hold"})
    other = calling("tickets", of=cast.admin)
    assert other.send("POST", f"{at}/undo-move").status_code == 409
    undone = operator.send("POST", f"{at}/undo-move", If_Match=moved.headers["ETag"])
    assert undone.json is not None
    assert undone.json["state"] == "new"
    assert operator.send("POST", f"{at}/undo-move").status_code == 200, "undoes the undoing"


def test_watching_and_reminders_are_the_callers_own(
    operator: Program, session: Session, calling: Calling, cast: Cast
) -> None:
    number = made(operator)["number"]
    at = f"/api/v1/tickets/{number}"
    for _turn in range(2):
        assert operator.send("PUT", f"{at}/watch").status_code == 204
    watchers = select(TicketWatcher.user_id).where(TicketWatcher.ticket_number == number)
    assert session.scalars(watchers).all() == [cast.operator.account_id]
    assert operator.send("DELETE", f"{at}/watch").status_code == 204
    session.rollback()
    assert session.scalars(watchers).all() == []

    due = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    said = {"due": due.isoformat(), "note": "Ask them"}
    assert operator.send("PUT", f"{at}/reminder", said).status_code == 204
    session.rollback()
    row = session.scalars(select(TicketReminder)).one()
    assert (row.due_at, row.note, row.user_id) == (due, "Ask them", cast.operator.account_id)
    past = operator.send("PUT", f"{at}/reminder", {"due": "2013-01-01"})
    assert past.status_code == 422
    assert operator.send("DELETE", f"{at}/reminder").status_code == 204
    session.rollback()
    assert session.scalars(select(TicketReminder)).all() == []
    assert calling("tickets").send("PUT", f"{at}/watch").status_code == 403


def test_an_nttdm_document_goes_out_and_comes_back(
    operator: Program, calling: Calling, cast: Cast, session: Session
) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    document = operator.get(f"{at}/nttdm")
    assert document.content_type == NTTDM
    partner = calling("tickets", account=cast.nren_b.account)
    back = partner.post("/api/v1/tickets/nttdm", document.data, Content_Type=NTTDM)
    assert back.status_code == 200, back.text
    assert back.json is not None
    assert back.json["created"] is True
    again = partner.post("/api/v1/tickets/nttdm", document.data, Content_Type=NTTDM)
    assert again.json == {"number": back.json["number"], "created": False}
    assert partner.read(f"/api/v1/tickets/{back.json['number']}")["title"] == NEW["title"]

    # closed by now: other content is refused, and operators are asked to look
    number = back.json["number"]
    move = {"state": "solved", "solution": "Done"}
    assert operator.post(f"/api/v1/tickets/{number}/moves", move).status_code == 200
    other = document.data.replace(b"No light", b"No light at all")
    for _turn in range(2):
        refused = partner.post(
            "/api/v1/tickets/nttdm", other, Content_Type=NTTDM, Idempotency_Key="k"
        )
        assert refused.status_code == 409, refused.text
    session.rollback()
    assert session.get_one(Ticket, number).to_check is True, "the note is kept"


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<!DOCTYPE a><a/>", b"<<"])
def test_what_is_no_document_is_refused(operator: Program, body: bytes) -> None:
    answer = operator.post("/api/v1/tickets/nttdm", body, Content_Type=NTTDM)
    assert answer.status_code == 400, answer.text


def test_who_asks_what_it_may(operator: Program, calling: Calling, cast: Cast) -> None:
    assert operator.read("/api/v1/account") == {
        "account": "operator",
        "kind": "person",
        "role": "operator",
        "partner": None,
        "access": None,
        "read_only": False,
        "scopes": ["tickets"],
    }
    partner = calling("read", account=cast.nren_b.account).read("/api/v1/account")
    assert (partner["partner"], partner["access"], partner["kind"]) == ("NREN-B", "own", "partner")
