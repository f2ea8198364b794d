"""The exchange over REST: how connections do, what failed, and what people do about it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.pairs import PairState
from app.exchange.services.comparisons import JOB, begin_comparison
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.jobs.services.queue import is_pending
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import NOON, Cast, writer
from tests.exchange.seeded import seed_pair
from tests.harness.server import TEST_SECRET

EXCHANGE = "/api/v1/exchange"
TOKEN = "their-token-55aa"


@pytest.fixture
def exchanged(session: Session, cast: Cast) -> None:
    """Ticket 1 with a comment (entry 2) that NREN-A refused and a priority (entry 3) that both
    changed; ticket 2 with one that NREN-B refused."""
    with transaction(session):
        for title, code in (("Link down", "NREN-A"), ("New optics", "NREN-B")):
            ticket = open_ticket(session, writer(cast.operator), NewTicket(title=title))
            pair = seed_pair(session, code, ticket.number)
            pair.waiting()
            if code == "NREN-A":
                pair.asked()
        add_secret(
            session, writer(cast.admin), pair.pair.connection, LOGIN, TOKEN, TEST_SECRET.encode()
        )


@pytest.fixture
def admin(calling: Calling, cast: Cast, exchanged: None) -> Program:
    return calling("admin", "tickets", of=cast.admin)


def test_how_connections_do(admin: Program) -> None:
    answer = admin.get(f"{EXCHANGE}/connections")
    first, second = as_described(answer, "listConnections")["items"]
    assert TOKEN not in answer.text
    assert (first["partner"], first["waiting"], first["asked"], first["failed"]) == (
        "NREN-A",
        1,
        1,
        1,
    )
    assert (second["partner"], second["kind"], second["direction"]) == ("NREN-B", "zammad", "both")
    one = as_described(admin.get(f"{EXCHANGE}/connections/{first['id']}"), "getConnection")
    assert one == first
    assert admin.get(f"{EXCHANGE}/connections/99").status_code == 404
    assert admin.get(f"{EXCHANGE}/connections/x").status_code == 404


def test_a_connection_is_paused_and_resumed(admin: Program) -> None:
    path = f"{EXCHANGE}/connections/1"
    paused = as_described(admin.send("POST", f"{path}/pause"), "pauseConnection")
    assert paused["paused"] is not None
    assert as_described(admin.get(path), "getConnection") == paused
    resumed = as_described(admin.send("POST", f"{path}/resume"), "resumeConnection")
    assert resumed["paused"] is None


def test_a_comparison_is_queued(admin: Program, session: Session) -> None:
    path = f"{EXCHANGE}/connections/1/compare"
    found = as_described(admin.send("POST", path), "compareConnection")
    assert (found["comparison"], found["compared"]) == (None, None)
    assert is_pending(session, JOB, f"{JOB} 1")
    with transaction(session):
        begin_comparison(session.get_one(Connection, 1), NOON)
    told = as_described(admin.get(f"{EXCHANGE}/connections/1"), "getConnection")["comparison"]
    assert (told["ended"], told["compared"], told["not_known"]) == (None, 0, 0)
    assert admin.send("POST", f"{EXCHANGE}/connections/x/compare").status_code == 404


def test_what_failed_is_listed_and_tried_again(admin: Program, session: Session) -> None:
    first = as_described(admin.get(f"{EXCHANGE}/failures?limit=1"), "listFailures")
    (newest,) = first["items"]
    assert (newest["ticket"], newest["title"], newest["partner"]) == (2, "New optics", "NREN-B")
    assert newest["reason"] == "It responded with 422: body is missing"
    (other,) = as_described(admin.get(first["next"]), "listFailures")["items"]
    assert (other["id"], other["asked"], other["first"]["id"]) == (1, 1, 2)
    mine = admin.read(f"{EXCHANGE}/failures?connection=1")["items"]
    assert [one["ticket"] for one in mine] == [1]
    told = as_described(admin.send("POST", f"{EXCHANGE}/failures/2/retry"), "retryExchange")
    assert told == {"tickets": 1}
    session.rollback()
    pair = session.get_one(TicketPair, 2)
    assert (pair.state, pair.reason) == (PairState.PAIRED, "")
    session.rollback()
    again = as_described(admin.send("POST", f"{EXCHANGE}/connections/1/retry"), "retryConnection")
    assert again == {"tickets": 1}
    assert admin.send("POST", f"{EXCHANGE}/failures/99/retry").status_code == 404


def test_an_entry_is_skipped_with_a_reason_and_sent_after_all(
    admin: Program, session: Session
) -> None:
    def state() -> tuple[str, str]:
        session.rollback()
        entry = session.get_one(ExchangeEntry, 2)
        return entry.state, entry.reason

    path = f"{EXCHANGE}/entries/2"
    for sent in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 300}):
        answer = admin.post(f"{path}/skip", sent)
        assert as_described(answer, "skipEntry")["errors"][0]["field"] == "reason"
        assert answer.status_code == 422
    assert admin.post(f"{path}/skip", {"reason": "Sent by phone"}).status_code == 204
    assert state() == (EntryState.SKIPPED, "Sent by phone")
    assert admin.send("POST", f"{path}/replay").status_code == 204
    assert state() == (EntryState.WAITING, "")
    assert admin.post(f"{EXCHANGE}/entries/99/skip", {"reason": "x"}).status_code == 404


def test_a_value_is_chosen(admin: Program, session: Session) -> None:
    path = f"{EXCHANGE}/entries/3/choose"
    assert admin.post(path, {"value": "both"}).status_code == 422
    assert admin.post(path, {"value": "theirs"}).status_code == 204
    assert admin.read("/api/v1/tickets/1")["priority"] == "top priority"
    session.rollback()
    assert session.get_one(ExchangeEntry, 3).state == EntryState.APPLIED


@pytest.mark.parametrize(("name", "status"), [("operator", 200), ("kit", 403), ("reader", 403)])
def test_operators_look_and_administrators_manage(
    calling: Calling, cast: Cast, exchanged: None, name: str, status: int
) -> None:
    program = calling("admin", "tickets", of=getattr(cast, name))
    sent: Any
    for path in ("connections", "connections/1", "failures"):
        assert program.get(f"{EXCHANGE}/{path}").status_code == status
    assert program.send("POST", f"{EXCHANGE}/failures/1/retry").status_code == status
    for path, sent in (
        ("connections/1/pause", None),
        ("connections/1/resume", None),
        ("entries/2/skip", {"reason": "x"}),
        ("entries/2/replay", None),
    ):
        assert program.send("POST", f"{EXCHANGE}/{path}", sent).status_code == 403
