"""The door for hints, as a partner's Zammad knocks at it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.core.rules.access import Writer
from app.core.web.extensions import db
from app.exchange.adapters.zammad.hints import ZammadHint, signature_of
from app.exchange.models.connections import Connection, ExchangeHint
from app.exchange.models.pairs import TicketPair
from app.exchange.rules.pairs import PairState
from app.exchange.services.connections.connections import connect, pause
from app.exchange.services.connections.secrets import HINT, add_secret, end_secret, live_secrets
from app.exchange.services.connections.settings import change_connection
from app.exchange.services.hints import READ_PARTNER, READ_TICKET
from app.jobs.services.queue import queued_jobs
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, enter, writer
from tests.harness.server import TEST_SECRET

SECRET = "what both know"
PAYLOAD = {"ticket": {"id": 81, "number": "10081", "state": "open"}, "article": {"id": 104}}
BODY = json.dumps(PAYLOAD).encode()


@dataclass
class Door:
    """The portal with one connection, whose ticket 81 is the counterpart of one of ours."""

    app: Flask
    session: Session
    admin: Writer
    connection: Connection

    def knock(self, body: bytes = BODY, at: str = "zammad/NREN", **headers: str) -> TestResponse:
        """Send a hint as it stands, with these headers."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        client = self.app.test_client()
        kind = "application/json; charset=utf-8"
        return client.post(f"/hooks/{at}", data=body, headers=sent, content_type=kind)

    def hint(
        self, delivery: str = "d1", secret: str = SECRET, body: bytes = BODY, **more: str
    ) -> TestResponse:
        """Send a hint as a Zammad does."""
        signature = signature_of(body, secret)
        return self.knock(body, X_Hub_Signature=signature, X_Zammad_Delivery=delivery, **more)

    @property
    def jobs(self) -> Mapping[str, int]:
        """How many jobs of each name wait."""
        self.session.rollback()
        return {one.name: one.waiting for one in queued_jobs(self.session) if "read" in one.name}

    @property
    def kept(self) -> int:
        """How many deliveries were recorded."""
        self.session.rollback()
        return self.session.scalar(select(func.count()).select_from(ExchangeHint)) or 0

    def secret(self, secret: str) -> int:
        """Give the connection one more secret; its number."""
        with transaction(self.session):
            add_secret(
                self.session, self.admin, self.connection, HINT, secret, TEST_SECRET.encode()
            )
            return live_secrets(self.session, self.connection, HINT)[0].id


@pytest.fixture
def door(app: Flask) -> Iterator[Door]:
    with app.app_context(), Session(db.engine) as session:
        cast = enter(session)
        admin = writer(cast.admin)
        with transaction(session):
            connection = connect(
                session, admin, "NREN", "zammad", url="https://zammad.example", direction="both"
            )
            number = open_ticket(
                session, writer(cast.operator), NewTicket(title="Link down")
            ).number
            session.add(
                TicketPair(
                    ticket_number=number,
                    connection_id=connection.id,
                    state=PairState.PAIRED,
                    their_id="81",
                    began_here=True,
                    created_at=NOON,
                )
            )
        made = Door(app, session, admin, connection)
        made.secret(SECRET)
        yield made


def test_a_hint_has_its_ticket_read(door: Door) -> None:
    answer = door.hint()
    assert (answer.status_code, answer.data) == (202, b"{}\n")
    assert door.jobs == {READ_TICKET: 1}


def test_it_may_name_the_connection_by_its_number(door: Door) -> None:
    key = door.connection.id
    door.session.rollback()
    body = signature_of(BODY, SECRET)
    assert door.knock(at=f"zammad/{key}", X_Hub_Signature=body).status_code == 202


def test_a_hint_for_an_unknown_ticket_has_read_what_changed(door: Door) -> None:
    body = json.dumps({"ticket": {"id": 99_999}}).encode()
    assert door.hint(body=body).status_code == 202
    assert door.jobs == {READ_PARTNER: 1}


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"not JSON", b'{"ticket": {"id": "81"}}', b"\xff\x00", b"[" * 9999]
)
def test_a_hint_that_names_no_ticket_has_read_what_changed(door: Door, body: bytes) -> None:
    assert door.hint(body=body).status_code == 202
    assert door.jobs == {READ_PARTNER: 1}


def test_the_same_delivery_fifty_times_at_once_is_one_read(door: Door) -> None:
    ready = Barrier(10)

    def knock(number: int) -> int:
        if number < 10:
            ready.wait(timeout=60)
        return door.hint("the same").status_code

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(knock, range(50)))
    assert set(answers) == {202}
    assert (door.kept, door.jobs) == (1, {READ_TICKET: 1})


def test_a_trigger_that_fires_twice_is_one_read(door: Door) -> None:
    assert door.hint("one").status_code == door.hint("two").status_code == 202
    assert (door.kept, door.jobs) == (2, {READ_TICKET: 1})


def test_a_wrong_a_missing_and_an_old_signature_are_refused_alike(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    old = door.secret("an older one")
    assert door.hint(secret="an older one").status_code == 202
    with transaction(door.session):
        end_secret(door.session, door.admin, door.connection, old)
    good = signature_of(BODY, SECRET)
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="portal.security"):
        refused = [
            door.hint("d2", secret="wrong"),
            door.hint("d3", secret="an older one"),
            door.knock(),
            door.knock(X_Hub_Signature=""),
            door.knock(X_Hub_Signature=good[:-1]),
            door.knock(X_Hub_Signature="sha1="),
            door.knock(BODY + b" ", X_Hub_Signature=good),
            door.knock(at="zammad/NOBODY", X_Hub_Signature=good),
            door.knock(at="zammad/999", X_Hub_Signature=good),
            door.knock(at="zammad/%00", X_Hub_Signature=good),
        ]
    assert {(one.status_code, one.data) for one in refused} == {(401, b"401 Unauthorized\n")}
    assert door.kept == 1
    lines = [one for one in caplog.records if one.name == "portal.security"]
    assert len(lines) == len(refused)
    told: list[dict[str, Any]] = [vars(one) for one in lines]
    assert {(one["msg"], one["kind"], one["door"]) for one in told} == {
        ("failed login", "hint", "exchange")
    }
    assert SECRET not in caplog.text
    assert good not in caplog.text


def test_two_secrets_are_live_at_once(door: Door) -> None:
    door.secret("the next one")
    assert door.hint("d1").status_code == 202
    assert door.hint("d2", secret="the next one").status_code == 202


def test_the_secret_of_another_connection_opens_nothing(door: Door) -> None:
    with transaction(door.session):
        other = connect(
            door.session, door.admin, "OTHER", "zammad", url="https://o.example", direction="both"
        )
        add_secret(door.session, door.admin, other, HINT, "of others", TEST_SECRET.encode())
    assert door.hint(secret="of others").status_code == 401


def test_a_kind_without_hints_and_another_method_are_no_door(door: Door) -> None:
    assert door.knock(at="mail/NREN").status_code == 404
    assert door.app.test_client().get("/hooks/zammad/NREN").status_code == 405


def test_ten_megabytes_are_refused(door: Door) -> None:
    body = b"x" * (10 * 1024 * 1024)
    assert door.hint(body=body).status_code == 413
    assert door.kept == 0
    whole = json.dumps(PAYLOAD | {"article": {"body": "x" * 900_000}}).encode()
    assert door.hint(body=whole).status_code == 202


def test_who_is_paused_or_does_not_read_has_nothing_read(door: Door) -> None:
    with transaction(door.session):
        pause(door.session, door.admin, door.connection)
    assert door.hint("d1").status_code == 202
    assert door.jobs == {}
    with transaction(door.session):
        door.connection.paused_at = None
        change_connection(
            door.session,
            door.admin,
            door.connection,
            url="https://zammad.example",
            direction="push",
            remote_login="",
            internal=False,
        )
    assert door.hint("d2").status_code == 202
    assert door.jobs == {}


def test_no_login_and_no_form_token_is_asked_for(door: Door) -> None:
    door.app.config["WTF_CSRF_ENABLED"] = True
    assert door.hint("d1", Origin="https://zammad.example").status_code == 202
    assert "Set-Cookie" not in door.hint("d1").headers


def _hint(body: bytes, signature: str = "", delivery: str = "") -> ZammadHint:
    headers = {"X-Hub-Signature": signature, "X-Zammad-Delivery": delivery}
    return ZammadHint(lambda name: headers.get(name, ""), body)


def test_what_names_a_delivery_is_bounded() -> None:
    assert _hint(b"", delivery="8d0f6e4a").delivery == "8d0f6e4a"
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing
    for header in ("", "x" * 101, "caf\u00e9", "a\x00b"):
        assert _hint(b"", delivery=header).delivery == digest


def test_a_signature_is_that_of_the_body() -> None:
    # RFC 2202, test case 2 of HMAC-SHA1
    body, secret = b"what do ya want for nothing?", "Jefe"
    digest = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    assert signature_of(body, secret) == f"sha1={digest}"
    assert _hint(body, digest.upper()).is_signed(secret)
    assert not _hint(body, f"sha256={digest}").is_signed(secret)
    assert not _hint(body, "\u00e9").is_signed(secret)


def test_the_ticket_of_a_hint_is_a_number() -> None:
    assert _hint(BODY).their_id == "81"
    for key in (True, -1, 0, 1.5, 2**63, None, [81]):
        assert _hint(json.dumps({"ticket": {"id": key}}).encode()).their_id == ""


def test_old_deliveries_are_forgotten(door: Door) -> None:
    from app.exchange.services.calls import forget_exchange_calls

    door.hint("d1")
    door.session.rollback()
    with transaction(door.session):
        at = door.session.scalars(select(ExchangeHint.at)).one()
        assert forget_exchange_calls(door.session, at, 100) == 0
        assert forget_exchange_calls(door.session, at + timedelta(seconds=1), 100) == 1
