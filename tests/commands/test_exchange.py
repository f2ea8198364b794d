"""``flask partner connect|pause|resume|end|compare`` and ``flask exchange``."""

from __future__ import annotations

import json
from threading import Event, Thread

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.services.sealing import publish_key
from app.exchange.adapters.kinds import KINDS
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.models.pairs import UnpairedTicket
from app.exchange.rules.profiles import Choice, profile_of
from app.exchange.services.comparisons import JOB as COMPARE
from app.exchange.services.connections.secrets import LOGIN, live_secrets, opened
from app.exchange.tasks import connection_tests
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.services.queue import is_pending
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import enter, writer
from tests.exchange.seeded import seed_unpaired
from tests.harness.commands import flask
from tests.harness.server import TEST_SECRET, test_settings

KEY = b"the portal's secret key of 32 bytes"
CONNECT = (
    *("partner", "connect", "GGUS", "--kind", "zammad", "--url", "https://ggus.example"),
    *("--direction", "push", "--tickets", "new", "--remote-password-stdin"),
)


def test_a_partner_is_connected_without_the_portals_secret_key(
    database: str, session: Session
) -> None:
    with transaction(session):
        publish_key(session, KEY)
    done = flask(database, *CONNECT, stdin="token-of-them\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "GGUS is connected: zammad, push, new tickets.\n"
    connection = session.scalars(select(Connection)).one()
    assert (connection.url, connection.direction) == ("https://ggus.example", "push")
    assert connection.paused_at is None
    (secret,) = live_secrets(session, connection, LOGIN)
    assert opened(secret, KEY) == "token-of-them"
    profile = profile_of(session.scalars(select(ConnectionProfile.content)).one())
    assert profile.tickets is Choice.NEW


@pytest.mark.parametrize("kind", [name for name in KINDS if KINDS[name].profile.maps])
def test_a_connection_begins_with_the_map_of_its_kind(
    database: str, session: Session, kind: str
) -> None:
    connect = [kind if one == "zammad" else one for one in CONNECT]
    with transaction(session):
        publish_key(session, KEY)
    done = flask(database, *connect, "--group", "Network", stdin="token-of-them\n")
    assert done.returncode == 0, done.stderr
    profile = profile_of(session.scalars(select(ConnectionProfile.content)).one())
    assert (profile.group, profile.maps) == ("Network", KINDS[kind].profile.maps)


def test_what_cannot_be_connected_is_said_in_one_line(database: str, session: Session) -> None:
    with transaction(session):
        publish_key(session, KEY)
    assert flask(database, *CONNECT, stdin="x").returncode == 0
    twice = flask(database, *CONNECT, stdin="x")
    assert twice.returncode != 0
    assert twice.stderr.decode() == "Error: GGUS already has a connection of kind zammad\n"
    unknown = flask(database, "partner", "pause", "NOBODY")
    assert unknown.stderr.decode() == "Error: The partner has no such connection\n"


def test_pause_and_resume(database: str, session: Session) -> None:
    with transaction(session):
        publish_key(session, KEY)
    flask(database, *CONNECT, stdin="x")
    connection = session.scalars(select(Connection)).one()
    session.rollback()
    assert flask(database, "partner", "pause", "GGUS").returncode == 0
    session.refresh(connection)
    assert connection.paused_at is not None
    session.rollback()
    assert flask(database, "partner", "resume", "GGUS").returncode == 0
    session.refresh(connection)
    assert connection.paused_at is None


def test_compare(database: str, session: Session) -> None:
    with transaction(session):
        publish_key(session, KEY)
    flask(database, *CONNECT, stdin="x")
    connection = session.scalars(select(Connection)).one()
    session.rollback()
    refused = flask(database, "partner", "compare", "GGUS")  # it only pushes
    assert refused.stderr.decode() == (
        "Error: This connection does not read the partner's tickets\n"
    )
    with transaction(session):
        connection.direction = "both"
    done = flask(database, "partner", "compare", "GGUS")
    assert done.returncode == 0, done.stderr
    assert is_pending(session, COMPARE, f"{COMPARE} {connection.id}")


def test_a_connection_is_ended_for_good(database: str, session: Session) -> None:
    with transaction(session):
        publish_key(session, KEY)
    flask(database, *CONNECT, stdin="x")
    done = flask(database, "partner", "end", "GGUS", "--reason", "The NOC moved")
    assert done.returncode == 0, done.stderr
    connection = session.scalars(select(Connection)).one()
    assert (connection.ended_at is None, connection.reason) == (False, "The NOC moved")
    session.rollback()
    refused = flask(database, "partner", "resume", "GGUS")
    assert refused.stderr.decode() == "Error: This connection has ended; set up a new one\n"
    assert flask(database, *CONNECT, stdin="x").returncode == 0


def test_pairs_are_listed_for_people_and_programs(database: str, session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        publish_key(session, KEY)
    flask(database, *CONNECT, stdin="x")
    engine = session.get_bind().engine
    connection = session.scalars(select(Connection)).one()
    by = writer(cast.operator, connection.created_at)
    session.rollback()
    with transaction(session):
        number = open_ticket(session, by, NewTicket(title="Link down", description="cut")).number
    plan_entries(Context(engine, test_settings(database)))
    (pair,) = json.loads(flask(database, "exchange", "list", "--json").stdout)
    assert {name: pair[name] for name in ("ticket", "partner", "kind", "state", "waiting")} == {
        "ticket": number,
        "partner": "GGUS",
        "kind": "zammad",
        "state": "being created",
        "waiting": 1,
    }
    assert (pair["standing"], pair["in_step"], pair["differs"]) == ("queued", False, [])
    assert json.loads(flask(database, "exchange", "list", "--failed", "--json").stdout) == []
    table = flask(database, "exchange", "list").stdout.decode().splitlines()
    assert table[1].split() == [str(number), "GGUS", "zammad", "-", "queued", "1", "-"]
    with transaction(session):
        seed_unpaired(session, session.scalars(select(Connection)).one(), number)
    for only in ((), ("--failed",)):
        other = json.loads(flask(database, "exchange", "list", "--json", *only).stdout)[-1]
        assert (other["standing"], other["their_id"]) == ("second ticket", "9000")
        assert (other["in_step"], other.keys()) == (False, pair.keys())
    table = flask(database, "exchange", "list").stdout.decode().splitlines()
    assert table[2].split()[:5] == [str(number), "GGUS", "zammad", "299000", "second"]
    with transaction(session):
        session.execute(delete(UnpairedTicket))
    assert flask(database, "exchange", "retry", str(number), "GGUS").returncode == 0
    flask(database, "partner", "pause", "GGUS")
    table = flask(database, "exchange", "list").stdout.decode().splitlines()
    assert table[1].endswith("held      1        the connection is paused"), table[1]
    (pair,) = json.loads(flask(database, "exchange", "list", "--json").stdout)
    assert (pair["standing"], pair["paused"], pair["stopped"]) == ("held", True, False)
    paused = flask(database, "exchange", "retry", str(number), "GGUS").stdout.decode()
    assert paused == f"#{number} is tried again at GGUS once its connection is resumed.\n"
    flask(database, "partner", "resume", "GGUS")
    left = flask(database, "exchange", "skip", str(number), "GGUS", "--reason", "no need")
    assert b"does not exist yet" in left.stderr
    end = ("exchange", "end", str(number), "GGUS", "--reason")
    assert b"Enter a reason for ending it" in flask(database, *end, " ").stderr
    done = flask(database, *end, "By phone")
    assert done.stdout.decode() == f"#{number} is no longer exchanged with GGUS.\n"
    (pair,) = json.loads(flask(database, "exchange", "list", "--json").stdout)
    assert (pair["state"], pair["waiting"], pair["reason"]) == ("ended", 0, "By phone")
    refused = flask(database, "exchange", "retry", str(number), "GGUS")
    assert refused.stderr.decode() == "Error: Its exchange with this partner has ended\n"
    assert flask(database, "exchange", "again", str(number), "GGUS").returncode == 0
    (pair,) = json.loads(flask(database, "exchange", "list", "--json").stdout)
    assert (pair["state"], pair["waiting"], pair["reason"]) == ("being created", 1, "")
    other = flask(database, "exchange", "retry", "999", "GGUS")
    assert other.stderr.decode() == "Error: This ticket is not exchanged with that partner\n"


def test_without_the_key_the_worker_tests_a_connection(database: str, session: Session) -> None:
    """The command asks, and tells what the worker found, which alone can open the secret."""
    key = TEST_SECRET.encode()
    with transaction(session):
        publish_key(session, key)
    flask(database, *CONNECT, "--url", "http://127.0.0.1:9", stdin="x")
    context = Context(session.get_bind().engine, test_settings(database))
    asked = Event()

    def work() -> None:
        while not asked.wait(0.05):
            with context.reading() as session:
                if session.scalars(select(Connection.test)).one():
                    asked.set()
        connection_tests.test_connection(context, {"connection": 1})

    worker = Thread(target=work)
    worker.start()
    try:
        done = flask(database, "partner", "test", "GGUS")
    finally:
        asked.set()
        worker.join()
    assert done.returncode == 1
    assert done.stdout.decode().startswith("Reachable: ")
    assert "127.0.0.1" in done.stdout.decode()
    assert "The test ended with a problem" in done.stderr.decode()
