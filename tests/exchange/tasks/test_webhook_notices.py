"""A partner that only pulls, told by signed webhooks: a real receiver that checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import Invalid
from app.core.rules.webhooks import new_secret
from app.core.traces import new_request, resumed
from app.exchange.models.connections import Connection, ExchangeCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.profiles import Choice, Profile
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.secrets import LOGIN, add_secret
from app.exchange.tasks.deliveries import Deliveries, plan_entries
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import comment_ticket, open_ticket
from tests.exchange.exchange_world import BEGIN
from tests.harness.server import TEST_SECRET, test_settings


@dataclass
class Receiver:
    """Keeps what it was sent, and answers what it is told to."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(known.answers.pop(0) if known.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is written for each call."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield known
        server.shutdown()


class _World:
    def __init__(self, session: Session, receiver: Receiver, secrets: list[str]) -> None:
        self.session, self.now = session, BEGIN
        engine = session.get_bind().engine
        settings = replace(
            test_settings(str(engine.url)),
            outbound_private_hosts=frozenset({"127.0.0.1"}),
            public_url="https://portal.example",
        )
        self.context = Context(engine, settings, now=lambda: self.now)
        self.deliveries = Deliveries(open_system, chance=lambda: 0.5)
        by = Writer(SYSTEM, Door.COMMAND, self.now)
        with transaction(session):
            profile = Profile(tickets=Choice.NEW)
            made = connect(
                session, by, "NREN", "mail", url=receiver.url, direction="push", profile=profile
            )
            for secret in secrets:
                add_secret(session, by, made, LOGIN, secret, TEST_SECRET.encode())
        plan_entries(self.context)

    def ticket(self) -> int:
        by = Writer(SYSTEM, Door.PORTAL, self.now, author="operator")
        with transaction(self.session):
            new = NewTicket(title="Link down", description="The fibre is cut")
            number = open_ticket(self.session, by, new).number
            comment_ticket(self.session, by, number, "Nobody but us reads this")
        return number

    def deliver(self) -> None:
        plan_entries(self.context)
        with Session(self.context.engine) as session:
            ids = session.scalars(select(TicketPair.id)).all()
        for pair_id in ids:
            self.deliveries.deliver(self.context, {"pair": pair_id})


def is_signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """As a receiver checks it, computed anew."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


def test_each_change_is_told_in_its_order_without_its_text(
    session: Session, receiver: Receiver
) -> None:
    secrets = [new_secret(), new_secret()]
    world = _World(session, receiver, secrets)
    number = world.ticket()
    world.deliver()
    assert [(one["type"], one["data"]) for one in receiver.messages()] == [
        (
            "ticket.created",
            {
                "ticket": number,
                "entry": 1,
                "kind": "ticket",
                "url": f"https://portal.example/tickets/{number}",
            },
        ),
        (
            "ticket.changed",
            {
                "ticket": number,
                "entry": 2,
                "kind": "comment",
                "url": f"https://portal.example/tickets/{number}",
            },
        ),
    ]
    for headers, body in receiver.got:
        assert all(is_signed(headers, body, secret) for secret in secrets)
        assert b"fibre" not in body
        assert b"reads" not in body
    with Session(world.context.engine) as session:
        kept = session.scalars(select(ExchangeCall)).all()
        assert not any(secret in one.asked + one.answered for one in kept for secret in secrets)


def test_one_that_was_not_taken_comes_again_under_the_same_id(
    session: Session, receiver: Receiver
) -> None:
    world = _World(session, receiver, [new_secret()])
    world.ticket()
    receiver.answers = [500, 204, 503]
    for _ in range(4):
        world.deliver()
        world.now += timedelta(minutes=5)
    ids = [headers["webhook-id"] for headers, _body in receiver.got]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 2
    assert len(ids) == 4
    with Session(world.context.engine) as session:
        assert {one.state for one in session.scalars(select(ExchangeEntry))} == {"sent"}


def test_a_call_belongs_to_the_request_that_made_the_change_else_to_its_job(
    session: Session, receiver: Receiver
) -> None:
    """The first entry was made in a request, the second one by the portal itself."""
    world = _World(session, receiver, [new_secret()])
    by = Writer(SYSTEM, Door.PORTAL, world.now, author="operator")
    with new_request("soap") as made, transaction(session):
        number = open_ticket(session, by, NewTicket(title="Link down")).number
    with transaction(session):
        comment_ticket(session, by, number, "Still down")
    with resumed("", "job") as job:
        world.deliver()
        assert job.trace_id != made.trace_id
    traces = [headers["traceparent"] for headers, _body in receiver.got]
    assert traces == [made.traceparent, job.traceparent]


def test_it_is_tested_by_a_message_about_no_ticket(session: Session, receiver: Receiver) -> None:
    world = _World(session, receiver, [new_secret()])
    with Session(world.context.engine) as session:
        system = open_system(world.context, session, session.get_one(Connection, 1))
    assert [check.problem for check in system.test()] == [""]
    (message,) = receiver.messages()
    assert (message["type"], message["data"]) == ("connection.tested", {})


def test_a_partner_that_is_told_pushes_by_itself(session: Session) -> None:
    by = Writer(SYSTEM, Door.COMMAND, BEGIN)
    with pytest.raises(Invalid, match="with a webhook receiver, choose push"), transaction(session):
        connect(session, by, "NREN", "mail", url="https://noc.example/hook", direction="both")
    with pytest.raises(Invalid, match="webhook receiver"), transaction(session):
        connect(session, by, "NREN", "mail", url="ftp://noc.example", direction="push")
