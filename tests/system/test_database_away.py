"""What each door answers while the database cannot be used: away, silent, locked, or its disk full.

Nothing is stored then, everybody is told so and when to come back, and no typed text is lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.test import Client

from app.core.database.transactions import begin_write, configure_engine
from app.core.rules.errors import RETRY_AFTER
from app.core.web.extensions import db
from soap_service.application import mount
from tests.cast import PASSWORD, Cast
from tests.harness.visitor import PageReader
from tests.harness.visits import Enter
from tests.harness.visits import cast as cast
from tests.harness.visits import visit as visit
from tests.soap_service.wire import CREATED, ENDPOINT, elements, envelope, in_order, login
from tests.system.doors import Doors, Told, portal_behind_proxy

HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def portal() -> Iterator[Doors]:
    with portal_behind_proxy() as doors:
        yield doors


@pytest.fixture
def doors(portal: Doors) -> Iterator[Doors]:
    portal.begin()
    yield portal
    portal.proxy.up()


def _check_answers(doors: Doors) -> None:
    """503 at pages and REST, fault 901 at SOAP, each with Retry-After."""
    for told in (
        doors.ggus("OpCreate", CREATED),
        doors.soap("GGUS", "TicketGet", elements({"GHD_Request_ID": "1"})),
        doors.soap("LHCOPN", "GetTicket", "<n:number>1</n:number>"),
    ):
        assert told.fault == "901", told.text
        assert told.status == 500
        assert "soapenv:Server" in told.text
        assert told.answer.headers["Retry-After"] == str(RETRY_AFTER)
    for path in ("/", f"/tickets/{doors.ticket}", "/reports", "/nowhere/at/all"):
        told = doors.page(doors.operator.get(path))
        _is_503_page(told)
        assert "stored" not in told.text
    answer = doors.client.get("/api/v1/events", headers=doors.bearer)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == str(RETRY_AFTER)
    assert answer.json is not None
    assert answer.json["number"] == 901
    _is_503_page(doors.page(doors.client.get("/login")))


def _is_503_page(told: Told) -> None:
    assert told.status == 503, told.text
    assert told.answer.headers["Retry-After"] == str(RETRY_AFTER)
    assert "The database cannot be used at the moment" in told.text
    assert "Internal Server Error" not in told.text


def test_each_door_says_that_the_database_is_away(doors: Doors) -> None:
    doors.proxy.down()
    _check_answers(doors)


def test_what_was_typed_is_kept_while_the_database_is_away(doors: Doors) -> None:
    typed = {"kind": "public", "text": "the fibre was cut at <km 12>"}
    path = f"/tickets/{doors.ticket}/comment"
    doors.proxy.down()
    told = doors.page(doors.operator.send(path, typed, {"Sec-Fetch-Site": "same-origin"}))
    _is_503_page(told)
    page = PageReader(told.text)
    assert "the fibre was cut at <km 12>" in page.text
    assert "Nothing was stored" in page.text
    form = page.form(path)
    # for htmx a notice: the form stays on the page as it is
    notice = doors.page(doors.operator.send(path, typed, HTMX))
    assert notice.status == 503
    assert notice.answer.headers["Retry-After"] == str(RETRY_AFTER)
    assert "<html" not in notice.text
    assert "Nothing was stored" in notice.text
    # and when the database is back, one button sends it again
    doors.proxy.up()
    before = doors.count("SELECT count(*) FROM changed_fields WHERE field = 'public_comment'")
    again = doors.operator.send_raw(
        path, b"&".join(f"{n}={v}".replace(" ", "+").encode() for n, v in form.fields)
    )
    assert again.status_code == 303
    after = doors.count("SELECT count(*) FROM changed_fields WHERE field = 'public_comment'")
    assert after == before + 1


def test_a_locked_ticket_is_waited_for_no_longer_than_the_limit(doors: Doors) -> None:
    """The limits are settings of each connection; this one is set to 0.2 s for the test."""
    with doors.app.app_context(), db.engine.connect() as connection:
        limits = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in ("statement_timeout", "lock_timeout")
        }
        assert limits == {"statement_timeout": "30s", "lock_timeout": "10s"}
        raw = connection.connection.dbapi_connection
        assert raw is not None
        parameters = raw.info.get_parameters()
        assert parameters["connect_timeout"] == "5"
        assert parameters["tcp_user_timeout"] == "20000"

        def shorter(begun: object) -> None:
            begun.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")  # type: ignore[attr-defined]

        event.listen(db.engine, "begin", shorter)
    doors.direct.rollback()
    begin_write(doors.direct)
    doors.direct.execute(
        text("SELECT 1 FROM tickets WHERE number = :n FOR UPDATE"), {"n": doors.ticket}
    )
    try:
        typed = {"kind": "public", "text": "the fibre was cut"}
        told = doors.page(doors.operator.send(f"/tickets/{doors.ticket}/comment", typed))
    finally:
        doors.direct.rollback()
        with doors.app.app_context():
            event.remove(db.engine, "begin", shorter)
    _is_503_page(told)
    assert "Nothing was stored" in told.text


def test_a_silent_server_is_given_up(doors: Doors) -> None:
    """It takes everything and answers nothing, as a network that was cut without a word does."""
    engine = create_engine(f"{doors.proxy.url}&connect_timeout=2")
    configure_engine(engine, statement_timeout=1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        doors.proxy.silent()
        with pytest.raises(OperationalError, match="does not answer") as raised:
            connection.scalar(text("SELECT 1"))
    assert raised.value.connection_invalidated
    with pytest.raises(OperationalError, match="timeout"):
        engine.connect()
    engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_and_keeps_what_was_typed(
    app: Flask, cast: Cast, session: Session, visit: Enter
) -> None:
    app.config["TESTING"] = False
    operator = visit(cast.operator)
    typed = {"title": "x" * 200, "description": "y" * 4000, "network": "LHCOPN"}
    long = in_order("OpCreate", {**CREATED, "GHD_Description": "y" * 4000})
    operator.token()
    with app.app_context():
        engine = db.engine
    with closing(sqlite3.connect(str(engine.url.database))) as file:
        file.execute("VACUUM")  # what migrations dropped left pages that are free

    def full(connection: object) -> None:
        run = connection.exec_driver_sql  # type: ignore[attr-defined]
        run(f"PRAGMA max_page_count = {run('PRAGMA page_count').scalar()}")

    event.listen(engine, "begin", full)
    doors = mount(app)
    told = None
    try:
        answer = operator.send("/tickets/new", typed)
        told = Client(doors).post(
            ENDPOINT.format("GGUS"),
            data=envelope("OpCreate", elements(long), header=login("ggus", PASSWORD)),
            content_type="text/xml; charset=utf-8",
        )
    finally:
        doors.close()
        event.remove(engine, "begin", full)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == str(RETRY_AFTER)
    assert "Nothing was stored" in answer.text
    assert "y" * 4000 in answer.text
    assert "ERROR (901)" in told.text
    assert told.headers["Retry-After"] == str(RETRY_AFTER)
    assert session.scalar(text("SELECT count(*) FROM tickets")) == 0
