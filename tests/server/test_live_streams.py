"""Event streams of the real server: no thread for a listener, bounds, and the end of a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from app.accounts.services.people import start_login
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.settings import WORKERS
from app.home.services.live import MAX_OF_ACCOUNT
from app.server.asgi_adapter import Bounds
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.cast import Cast, enter, writer
from tests.harness.server import TEST_SECRET, LiveServer


@pytest.fixture(scope="module")
def server(supervised_server: LiveServer) -> LiveServer:
    return supervised_server


@pytest.fixture(scope="module")
def cast(server: LiveServer) -> Cast:
    with server.session() as session:
        return enter(session)


def cookie_of(server: LiveServer, actor: Actor) -> str:
    """Of a new login."""
    assert actor.account_id is not None
    with server.session() as session, transaction(session):
        token = start_login(session, actor.account_id, datetime.now(UTC))
    signing = Flask(__name__)
    signing.secret_key = TEST_SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(signing)
    assert serializer is not None
    return f"portal={serializer.dumps({'_user_id': token, '_fresh': True})}"


Listen = Callable[[str], HTTPResponse]


@pytest.fixture
def listen(server: LiveServer) -> Iterator[Listen]:
    """By a cookie: a stream, or what is answered in its place."""
    held: list[HTTPConnection | HTTPResponse] = []

    def one(cookie: str) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        held.append(connection)
        connection.request(
            "GET", "/live?since=0", headers={"Accept": "text/event-stream", "Cookie": cookie}
        )
        answer = connection.getresponse()
        held.append(answer)
        return answer

    yield one
    for opened in held:
        opened.close()


def test_listeners_take_no_thread_and_an_account_has_few(
    server: LiveServer, cast: Cast, listen: Listen
) -> None:
    people = (cast.admin, cast.operator, cast.kit, cast.pic, cast.reader)
    asked = 3 * WORKERS * MAX_OF_ACCOUNT
    streams = []
    for person in people:
        cookie = cookie_of(server, person)
        answers = [listen(cookie) for _turn in range(asked)]
        streams += [one for one in answers if one.status == 200]
        assert {one.status for one in answers} == {200, 204}
        assert sum(one.status == 200 for one in answers) <= WORKERS * MAX_OF_ACCOUNT
    assert len(streams) > Bounds().threads, "else this shows nothing"
    assert all(one.headers["content-type"].startswith("text/event-stream") for one in streams)
    with server.session() as session, transaction(session):
        number = open_ticket(session, writer(cast.operator), NewTicket(title="Down")).number
        comment_ticket(session, writer(cast.operator), number, "Seen", internal=False)
    for one in streams:
        while f'["ticket",{number},2,' not in one.readline().decode():
            assert not one.isclosed()


def test_a_server_that_is_replaced_ends_its_streams_and_others_take_them(
    server: LiveServer, cast: Cast, listen: Listen
) -> None:
    cookie = cookie_of(server, cast.operator)
    streams = [one for one in (listen(cookie) for _turn in range(4)) if one.status == 200]
    assert streams
    os.kill(server.pid, signal.SIGUSR1)
    for one in streams:
        assert one.read() is not None, "to its orderly end"
        assert one.isclosed()
    assert listen(cookie).status == 200
