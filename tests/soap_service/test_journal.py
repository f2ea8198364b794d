"""The journal of calls: what is recorded, when it is there, and what a process's end costs."""

from __future__ import annotations

import logging
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from threading import Event
from time import monotonic

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from app.accounts.models.calls import AccountDay, PartnerCall
from app.accounts.models.partners import PartnerAccount
from soap_service.journal import BOUNDED_PER_MINUTE, WRITTEN_EVERY, Journal, Outcome
from tests.cast import enter
from tests.harness.databases import open_engine
from tests.harness.server import LiveServer, live, test_settings
from tests.soap_service.wire import Wire, create_accounts, envelope, login

LATEST = 5.0
"""Seconds after its answer by which a call is to be in the journal."""
STALLED = 60.0
"""Seconds that a busy machine may take for it: what is asked of this one is that it comes."""


def until(found: Callable[[], bool], seconds: float = STALLED) -> bool:
    """Whether it comes true in time; asks again after a pause of 50 ms."""
    deadline = monotonic() + seconds
    pause = Event()
    while not found():
        if monotonic() > deadline:
            return False
        pause.wait(0.05)
    return True


def recorded(server: LiveServer, user: str) -> Sequence[PartnerCall]:
    with server.session() as session:
        return session.scalars(
            select(PartnerCall)
            .join(PartnerAccount)
            .where(PartnerAccount.login == user)
            .order_by(PartnerCall.at, PartnerCall.id)
        ).all()


def test_calls_are_written_often_enough_to_be_there_within_five_seconds() -> None:
    assert WRITTEN_EVERY <= LATEST / 2, "the other half is for the writing itself"


def test_every_call_of_a_known_account_is_there_soon(wire: Wire) -> None:
    began = datetime.now(UTC)
    number = wire.create(user="other")
    answered = wire.call("TicketGet", {"GHD_Request_ID": number}, user="other")
    wire.call("TicketGet", {"GHD_Request_ID": "999999"}, user="other")
    wire.call("TicketGet", {"GHD_Request_ID": number}, user="other", password="s3cret-but-wrong")
    wire.call("OpGetTicketHist", {"GHD_Request_ID": number}, user="other", service="GGUS_HISTORY")
    wire.call("TicketGet", {"GHD_Nonsense": "s3cret-text"}, user="other")
    sent = envelope("NoSuchOperation", "", header=login("other"))
    wire.post(sent)
    last = monotonic()
    assert until(lambda: len(recorded(wire.server, "other")) == 7), monotonic() - last
    rows = recorded(wire.server, "other")
    assert [(row.service, row.operation, row.fault) for row in rows] == [
        ("GGUS", "OpCreate", None),
        ("GGUS", "TicketGet", None),
        ("GGUS", "TicketGet", 302),
        ("GGUS", "TicketGet", 623),
        ("GGUS_HISTORY", "OpGetTicketHist", None),
        ("GGUS", "TicketGet", 356),
        ("GGUS", "", 355),
    ]
    assert all(began <= row.at <= datetime.now(UTC) for row in rows)
    assert all(0 < row.microseconds < 20_000_000 for row in rows)
    assert rows[1].answer_bytes == len(answered.body)
    assert rows[6].request_bytes == len(sent.encode())
    with wire.server.session() as session:
        (day,) = session.scalars(
            select(AccountDay).where(AccountDay.account_id == rows[0].account_id)
        )
        assert (day.calls, day.last_at) == (7, rows[6].at)
    assert "s3cret" not in wire.server.log.read_text()


def test_garbage_and_unknown_logins_leave_nothing(wire: Wire) -> None:
    with wire.server.session() as session:
        before = session.scalars(select(PartnerCall.id)).all()
    wire.post("<nothing/>")
    wire.post(b"\xff")
    wire.post(envelope("TicketGet", "", header=""))
    wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="nobody")
    wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="n" * 3000)
    wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="reader")  # what is waited for
    assert until(lambda: len(recorded(wire.server, "reader")) == 1)
    with wire.server.session() as session:
        after = session.scalars(select(PartnerCall.account_id)).all()
        assert len(after) - len(before) == 1


def test_an_orderly_end_writes_what_waits(database: str) -> None:
    with live(test_settings(database)) as server:
        create_accounts(server)
        wire = Wire(server)
        calls = 25
        before = len(recorded(server, "old"))
        for _ in range(calls):
            wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="old")
        os.kill(server.pid, signal.SIGTERM)
        assert until(lambda: len(recorded(server, "old")) == before + calls)


def test_a_killed_process_loses_at_most_the_last_calls(database: str) -> None:
    with live(test_settings(database)) as server:
        create_accounts(server)
        wire = Wire(server)
        before = len(recorded(server, "old"))
        wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="old")
        assert until(lambda: len(recorded(server, "old")) == before + 1)
        wire.call("TicketGet", {"GHD_Request_ID": "1"}, user="old")
        os.killpg(server.pid, signal.SIGKILL)
    assert before + 1 <= len(recorded(server, "old")) <= before + 2


# --- the writer by itself ---


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    made = open_engine(database)
    with Session(made) as session:
        enter(session)
    yield made
    made.dispose()


def outcome(account: int | str | None = 1) -> Outcome:
    return Outcome("GGUS", 100, "TicketGet", account)


def stored(engine: Engine) -> int:
    with Session(engine) as session:
        return len(session.scalars(select(PartnerCall)).all())


def test_while_the_database_refuses_calls_wait_and_the_rest_is_counted(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [True]
    failures = Event()

    @event.listens_for(engine, "before_cursor_execute")
    def fail(*_: object) -> None:
        if broken[0]:
            failures.set()
            raise OSError("the disk is gone")

    caplog.set_level(logging.INFO)
    journal = Journal(lambda: Session(engine), every=0.02, most_waiting=10)
    for _ in range(14):
        journal.note(outcome(), None, 50)
    assert failures.wait(STALLED)
    assert until(lambda: "calls not recorded: too many wait" in caplog.text)
    broken[0] = False
    assert until(lambda: stored(engine) == 10)
    journal.note(outcome(), 302, 50)
    journal.close()
    assert stored(engine) == 11
    dropped = [record for record in caplog.records if "too many wait" in record.getMessage()]
    assert sum(record.__dict__["calls"] for record in dropped) == 4
    assert "calls not recorded yet" in caplog.text


def test_what_can_never_be_stored_does_not_hold_up_the_rest(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(lambda: Session(engine), every=0.02)
    journal.note(outcome(account=999_999), None, 50)  # no such account
    assert until(lambda: "the database refuses them" in caplog.text)
    journal.note(outcome(), None, 50)
    journal.close()
    assert stored(engine) == 1


def test_of_unverified_calls_only_some_are_kept(engine: Engine) -> None:
    journal = Journal(lambda: Session(engine))
    for _ in range(BOUNDED_PER_MINUTE + 20):
        journal.note(outcome(account="nren_a"), 623, 50)
        journal.note(outcome(account=1), None, 50)
    journal.note(outcome(account="nren_b"), 356, 50)
    journal.close()
    with Session(engine) as session:
        logins = session.scalars(select(PartnerAccount.login).join(PartnerCall)).all()
    assert logins.count("nren_a") == BOUNDED_PER_MINUTE
    assert logins.count("nren_b") == 1
    assert logins.count("ggus") == BOUNDED_PER_MINUTE + 20


def test_of_a_loop_s_refused_calls_only_some_are_kept_and_every_other_one(engine: Engine) -> None:
    journal = Journal(lambda: Session(engine))
    for _ in range(BOUNDED_PER_MINUTE + 20):
        journal.note(outcome(account=1), 626, 50)
        journal.note(outcome(account=1), 310, 50)
    journal.note(outcome(account=2), 626, 50)
    journal.close()
    with Session(engine) as session:
        kept = session.execute(select(PartnerCall.account_id, PartnerCall.fault)).all()
        days = {day.account_id: day.faults for day in session.scalars(select(AccountDay))}
    assert Counter(map(tuple, kept)) == {
        (1, 626): BOUNDED_PER_MINUTE,
        (1, 310): BOUNDED_PER_MINUTE + 20,
        (2, 626): 1,
    }
    assert days == {1: 2 * BOUNDED_PER_MINUTE + 20, 2: 1}


def test_a_closed_journal_takes_no_more_threads(engine: Engine) -> None:
    journal = Journal(lambda: Session(engine))
    journal.close()
    journal.note(outcome(), None, 50)
    journal.note(outcome(None), None, 50)
    journal.close()
    assert stored(engine) == 0
