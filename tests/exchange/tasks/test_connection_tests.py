"""The test of a connection as the worker does it, against the stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.commands.partner_connections import checks_here
from app.core.database.transactions import transaction
from app.demo.partner_system import Misbehaviour, StandIn, server_of
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.profiles import Profile
from app.exchange.services.connections.connection_tests import JOB, MOST_GOES, ask_test, newest_test
from app.exchange.services.connections.connections import set_profile
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.services.connections.settings import change_connection
from app.exchange.services.planning import begin_pair
from app.exchange.tasks.connection_tests import test_connection as run_test
from app.exchange.tasks.deliveries import Deliveries
from app.exchange.tasks.systems import open_system
from app.jobs.services.queue import is_pending
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, SYSTEM, Cast, writer
from tests.exchange.seeded import seed_connection
from tests.harness.server import TEST_SECRET, test_settings
from tests.harness.visits import Enter

SOON = NOON + timedelta(minutes=1)


@pytest.fixture
def stand_in() -> Iterator[tuple[StandIn, str]]:
    partner = StandIn("stand-in")
    with server_of(partner) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield partner, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def context(session: Session) -> Context:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    settings = test_settings(engine.url.render_as_string(hide_password=False))
    settings = replace(settings, outbound_private_hosts=frozenset({"127.0.0.1"}))
    return Context(engine, settings, now=lambda: SOON)


def connect_stand_in(session: Session, cast: Cast, url: str, token: str = "stand-in") -> int:
    with transaction(session):
        connection = seed_connection(session, "GGUS-TEST", url=url)
        by = writer(cast.admin)
        add_secret(session, by, connection, LOGIN, token, TEST_SECRET.encode())
        ask_test(session, by, connection)
        return connection.id


def test_each_step_is_shown_and_the_test_is_noted(
    session: Session, cast: Cast, visit: Enter, stand_in: tuple[StandIn, str]
) -> None:
    key = connect_stand_in(session, cast, stand_in[1])
    visitor = visit(cast.admin)
    assert "waiting for a worker" in visitor.read(f"/exchange/{key}/test").text
    run_test(context(session), {"connection": key})
    found = session.get_one(Connection, key, populate_existing=True)
    test = newest_test(found)
    assert test is not None
    assert test.is_passed, test.checks
    assert [check.problem for check in test.checks] == [""] * len(test.checks)
    assert found.tested_at == SOON
    session.rollback()
    text = visitor.read(f"/exchange/{key}/test").text
    assert "passed" in text
    for check in test.checks:
        assert check.what in text


def test_a_wrong_secret_is_named_and_not_shown(
    session: Session, cast: Cast, visit: Enter, stand_in: tuple[StandIn, str]
) -> None:
    key = connect_stand_in(session, cast, stand_in[1], "wrong-token-1")
    run_test(context(session), {"connection": key})
    found = session.get_one(Connection, key, populate_existing=True)
    test = newest_test(found)
    assert test is not None
    assert not test.is_passed
    assert test.ended_at == SOON
    assert "401" in test.checks[-1].problem
    assert found.tested_at is None
    session.rollback()
    answer = visit(cast.operator).get(f"/exchange/{key}/test")
    assert "401" in answer.text
    assert "wrong-token-1" not in answer.text


def test_without_a_secret_the_test_says_so(session: Session, cast: Cast) -> None:
    with transaction(session):
        connection = seed_connection(session, "GGUS-TEST")
        ask_test(session, writer(cast.admin), connection)
        key = connection.id
    run_test(context(session), {"connection": key})
    test = newest_test(session.get_one(Connection, key, populate_existing=True))
    assert test is not None
    assert [check.problem for check in test.checks] == [
        "The connection has no secret to log in with"
    ]


def test_an_open_page_looks_again_until_the_test_ends(
    session: Session, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        connection = seed_connection(session, "GGUS-TEST")
        ask_test(session, writer(cast.admin), connection)
    visitor = visit(cast.operator)
    running = visitor.get("/exchange/1/test?looks=3").text
    assert 'hx-trigger="load delay:2s"' in running
    assert "looks=4" in running
    run_test(context(session), {"connection": 1})
    assert 'hx-trigger="load' not in visitor.get("/exchange/1/test").text
    assert visitor.get("/exchange/1/test?looks=nonsense").status_code == 200


def test_a_search_that_lags_is_waited_for(
    session: Session, cast: Cast, visit: Enter, stand_in: tuple[StandIn, str]
) -> None:
    partner, url = stand_in
    partner.errs = Misbehaviour(search_lag=3600)
    key = connect_stand_in(session, cast, url)
    run_test(context(session), {"connection": key})
    text = visit(cast.operator).read(f"/exchange/{key}/test").text
    assert "running" in text
    assert "Waiting until their search finds ticket 1001 (1 of 8)" in text
    assert is_pending(session, JOB, f"test {key}")
    session.rollback()
    partner.tickets[1001].seen_from -= timedelta(hours=2)
    run_test(context(session), {"connection": key})
    test = newest_test(session.get_one(Connection, key, populate_existing=True))
    assert test is not None
    assert test.is_passed, test.checks
    assert list(partner.tickets) == [1001]


def test_a_search_that_finds_nothing_fails_the_test_after_some_goes(
    session: Session, cast: Cast, stand_in: tuple[StandIn, str]
) -> None:
    partner, url = stand_in
    partner.errs = Misbehaviour(search_lag=3600)
    key = connect_stand_in(session, cast, url)
    for go in range(1, MOST_GOES + 1):
        run_test(context(session), {"connection": key})
        test = newest_test(session.get_one(Connection, key, populate_existing=True))
        assert test is not None
        assert test.goes == go
        assert (test.ended_at is not None) is (go == MOST_GOES)
        session.rollback()
    assert test is not None
    assert any("does not find ticket 1001" in one.problem for one in test.checks)
    assert not test.is_passed
    assert session.get_one(Connection, key).tested_at is None
    assert list(partner.tickets) == [1001]


def test_the_command_waits_for_a_search_that_lags(
    session: Session, cast: Cast, stand_in: tuple[StandIn, str], capsys: pytest.CaptureFixture[str]
) -> None:
    partner, url = stand_in
    partner.errs = Misbehaviour(search_lag=3600)
    key = connect_stand_in(session, cast, url)
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 2:
            partner.tickets[1001].seen_from -= timedelta(hours=2)

    checks = list(checks_here(context(session), key, pause))
    assert [one.problem for one in checks] == [""] * 7
    assert [one.what for one in checks].count("Logged in") == 1
    assert paused == [20, 20]
    assert capsys.readouterr().err.splitlines() == [
        "Waiting for its search to know ticket 1001 (1 of 8)",
        "Waiting for its search to know ticket 1001 (2 of 8)",
    ]
    assert session.get_one(Connection, key, populate_existing=True).tested_at == SOON


EXTRAS = Profile(
    extras={"wlcg_sites": "{sites}", "vo_support": "{vo}", "type": "{category}", "area": "Other"}
)


def test_fields_of_theirs_are_sent_only_where_the_test_read_them_back(
    session: Session, cast: Cast, visit: Enter, stand_in: tuple[StandIn, str]
) -> None:
    partner, url = stand_in
    partner.own_fields = {"wlcg_sites": (), "vo_support": (), "type": ()}
    key = connect_stand_in(session, cast, url)
    with transaction(session):
        connection = session.get_one(Connection, key)
        set_profile(session, SYSTEM, connection, EXTRAS.as_json())

    def sent(**of_ticket: Any) -> dict[str, str | None]:
        with transaction(session):
            ticket = open_ticket(session, SYSTEM, NewTicket(title="Down", **of_ticket))
            begin_pair(session, session.get_one(Connection, key), ticket, SOON)
        pair = session.scalars(select(TicketPair.id).order_by(TicketPair.id.desc())).first()
        session.rollback()
        Deliveries(open_system).deliver(context(session), {"pair": pair})
        return partner.tickets[max(partner.tickets)].own

    page = visit(cast.operator).read(f"/exchange/{key}").text
    assert "not sent, because no test found them: wlcg_sites vo_support type area" in page
    assert sent(sites=("DE-KIT",), category="incident") == {}
    run_test(context(session), {"connection": key})
    page = visit(cast.operator).read(f"/exchange/{key}").text
    assert "wlcg_sites vo_support type not sent, because no test found it: area" in page
    links = ("CERN-PIC-LHCOPN-001",)
    assert sent(sites=("DE-KIT", "ES-PIC"), affected_vo="ATLAS", category="incident") == {
        "wlcg_sites": "FZK-LCG2, pic",
        "vo_support": "atlas",
        "type": "Incident",
    }
    assert sent(links=links) == {"wlcg_sites": "CERN-PROD, pic", "type": "Incident"}
    with transaction(session):
        connection = session.get_one(Connection, key)
        change_connection(
            session,
            writer(cast.admin),
            connection,
            url=f"{url}/",
            direction="both",
            remote_login="",
            internal=False,
        )
    page = visit(cast.operator).read(f"/exchange/{key}").text
    assert "because no test found them: wlcg_sites" in page, "another address, another system"
