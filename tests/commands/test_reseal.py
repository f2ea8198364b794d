"""SECRET_KEY changes: an old one is read too, and ``flask reseal`` ends the need for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from subprocess import CompletedProcess

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import Client

import app.tables  # noqa: F401  # every table, marked columns included
from app.accounts.models.people import User
from app.commands.reseal import SEALED
from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.models.base import Base
from app.core.rules.secret_keys import SecretKey
from app.core.services.resealing import reseal as reseal_column
from app.core.services.sealing import key_fits
from app.exchange.adapters.zammad.hints import signature_of
from app.exchange.models.connections import Connection, ConnectionSecret
from app.exchange.services.connections.connections import connect
from app.exchange.services.connections.secrets import (
    HINT,
    LOGIN,
    add_secret,
    end_secret,
    live_secrets,
    opened,
)
from app.exchange.tasks.systems import open_system
from app.jobs.tasks.context import Context
from app.mail.rules.notifications import stop_token
from app.mail.rules.reply_addresses import given_in, reply_address
from app.webhooks.models.webhooks import WebhookSecret
from app.webhooks.tasks.sending import WebhookSender
from soap_service.application import mount
from tests.accounts.pages.test_second_factor import alive, give_code, give_password, set_up
from tests.accounts.services.test_second_factor import code_of
from tests.cast import PASSWORD, Cast, writer
from tests.harness.commands import flask
from tests.harness.server import TEST_SECRET, test_settings
from tests.harness.visitor import Visitor, encoded
from tests.mails import enter_with_mails, plan
from tests.mails import opened as opened_ticket
from tests.webhooks.receiver import is_signed, receiving
from tests.webhooks.seeded import seed_webhook
from tests.webhooks.world import World

NEW = "a-new-secret-of-the-portal-0123456789"
WRONG = "another-secret-of-the-portal-0123456789"
OLD_KEY, NEW_KEY = TEST_SECRET.encode(), NEW.encode()
BOTH = {"secret_key": NEW, "old_secret_key": TEST_SECRET}
HINT_SECRET = "what both know"
GET = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:n="urn:GGUS">'
    "<e:Header><n:AuthenticationInfo><n:userName>{name}</n:userName>"
    "<n:password>{password}</n:password></n:AuthenticationInfo></e:Header>"
    "<e:Body><n:TicketGet><n:GHD_Request_ID>{number}</n:GHD_Request_ID></n:TicketGet></e:Body>"
    "</e:Envelope>"
)
ENCRYPTING = {
    "app/core/services/sealing.py",  # what the next two seal with
    "app/exchange/services/connections/secrets.py",
    "app/webhooks/services/secrets.py",
    "app/accounts/services/second_factor.py",
    "app/core/web/shown_once.py",  # in a cookie, until the next page
}
"""Every module that encrypts. One that encrypts what is stored belongs to ``SEALED``."""


def reseal(database: str, old: str = TEST_SECRET) -> CompletedProcess[bytes]:
    return flask(database, "reseal", SECRET_KEY=NEW, OLD_SECRET_KEY=old)  # "" = not set


def connected(session: Session, cast: Cast) -> Connection:
    """A partner's system with a login and the secret of its webhooks."""
    by = writer(cast.admin)
    with transaction(session):
        made = connect(session, by, "NREN-A", "zammad", url="https://z.example", direction="both")
        add_secret(session, by, made, LOGIN, "token-of-ours", OLD_KEY)
        add_secret(session, by, made, HINT, HINT_SECRET, OLD_KEY)
    return made


def counts(done: CompletedProcess[bytes]) -> dict[str, list[str]]:
    """The columns of the printed table, by kind of secret."""
    lines = [re.split(r"\s{2,}", line) for line in done.stdout.decode().splitlines()[1:4]]
    return {line[0]: line[1:] for line in lines}


def test_every_sealed_column_is_known() -> None:
    marked = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.info.get("sealed")
    }
    listed = {f"{one.column.class_.__tablename__}.{one.column.key}" for one in SEALED}
    assert marked == listed


def test_no_other_module_encrypts() -> None:
    found = {
        path.relative_to(PROJECT).as_posix()
        for folder in ("app", "soap_service")
        for path in (PROJECT / folder).rglob("*.py")
        if re.search(r"\b(AESGCM|seal|seal_with|Fernet)\(", path.read_text("utf-8"))
    }
    assert found == ENCRYPTING


def test_a_person_logs_in_with_a_code_before_and_after(
    database: str, session: Session, cast: Cast, app_with: Callable[..., Flask]
) -> None:
    secret, _codes = set_up(session, cast.kit)
    session.rollback()

    def tried(portal: Flask, at: datetime) -> tuple[int, bool]:
        visitor = Visitor(portal)
        give_password(visitor, "kit")
        return give_code(visitor, code_of(secret, at)).status_code, alive(visitor)

    assert tried(app_with(secret_key=NEW), datetime.now(UTC)) == (422, False)
    assert tried(app_with(**BOTH), datetime.now(UTC)) == (303, True)
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert counts(done)["second factors"] == ["1", "1", "0", "0"]
    # the next code, because each is taken once
    assert tried(app_with(secret_key=NEW), datetime.now(UTC) + timedelta(seconds=30)) == (303, True)


def test_a_webhook_is_signed_with_its_secret_throughout(database: str, session: Session) -> None:
    with receiving() as receiver:
        world = World(session)
        _key, secret = world.subscribe(receiver.url)
        number = world.ticket()
        world.deliver()
        world.sender = sender(world, **BOTH)
        world.comment(number, "with both")
        world.deliver()
        session.rollback()
        assert reseal(database).returncode == 0
        world.sender = sender(world, secret_key=NEW)
        world.comment(number, "with the new one")
        world.deliver()
        assert [is_signed(*one, secret) for one in receiver.got] == [True, True, True]


def sender(world: World, **keys: str) -> WebhookSender:
    settings = replace(world.context.settings, **keys)  # type: ignore[arg-type]
    return WebhookSender(Context(world.context.engine, settings, now=lambda: world.now))


def test_a_partners_login_and_webhooks_work_before_and_after(
    database: str, session: Session, cast: Cast, app_with: Callable[..., Flask]
) -> None:
    connection = connected(session, cast)
    body = json.dumps({"ticket": {"id": 81}}).encode()

    def announced(portal: Flask, delivery: str) -> int:
        headers = {
            "X-Hub-Signature": signature_of(body, HINT_SECRET),
            "X-Zammad-Delivery": delivery,
        }
        client = portal.test_client()
        path, kind = "/hooks/zammad/NREN-A", "application/json"
        return client.post(path, data=body, headers=headers, content_type=kind).status_code

    session.rollback()
    assert announced(app_with(secret_key=NEW), "d1") == 401
    assert announced(app_with(**BOTH), "d2") == 202
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert counts(done)["secrets of connections"] == ["2", "2", "0", "0"]
    assert announced(app_with(secret_key=NEW), "d3") == 202
    session.expire_all()
    (login,) = live_secrets(session, connection, LOGIN)
    assert opened(login, NEW_KEY) == "token-of-ours"
    settings = replace(test_settings(database), secret_key=NEW)
    open_system(Context(session.get_bind().engine, settings), session, connection)


def test_a_partners_account_calls_before_and_after(
    database: str, session: Session, cast: Cast, app_with: Callable[..., Flask]
) -> None:
    number = opened_ticket(session, cast.kit)
    session.rollback()

    def got(portal: Flask) -> int:
        body = GET.format(name="ggus", password=PASSWORD, number=number)
        with closing(mount(portal)) as served:
            kind = "text/xml; charset=utf-8"
            return Client(served).post("/soap/GGUS", data=body, content_type=kind).status_code

    assert [got(app_with()), got(app_with(**BOTH))] == [200, 200]
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert got(app_with(secret_key=NEW)) == 200


def test_links_in_old_mails_work_while_the_old_key_is_set(
    session: Session, app_with: Callable[..., Flask]
) -> None:
    cast = enter_with_mails(session)
    opened_ticket(session, cast.kit, title="Fibre cut", carbon_copy="gone@cc.example")
    (mail,) = plan(session)
    paths = [
        f"/unsubscribe/{stop_token(key, mail.id, mail.address_key)}" for key in (OLD_KEY, NEW_KEY)
    ]
    session.rollback()
    both, new = app_with(**BOTH).test_client(), app_with(secret_key=NEW).test_client()
    assert [both.get(path).status_code for path in paths] == [200, 200]
    assert [new.get(path).status_code for path in paths] == [404, 200]
    assert "Notifications are off." in both.post(paths[0]).text


def test_reply_addresses_of_old_mails_work_while_the_old_key_is_set() -> None:
    given = reply_address(OLD_KEY, "tickets@site.example", 7, "u45")
    assert given_in(SecretKey(NEW_KEY, OLD_KEY), given) == {(7, "u45")}
    assert given_in(SecretKey(NEW_KEY), given) == set()
    new = reply_address(SecretKey(NEW_KEY, OLD_KEY), "tickets@site.example", 7, "u45")
    assert given_in(SecretKey(NEW_KEY), new) == {(7, "u45")}, "written with the new key"


def test_a_session_and_an_open_form_survive_the_change(
    cast: Cast, app_with: Callable[..., Flask]
) -> None:
    before = Visitor(app_with())
    give_password(before, "kit")
    assert alive(before)
    token, cookie = before.token(), before.cookie
    new = Visitor(app_with(secret_key=NEW))
    new.client.set_cookie("portal", cookie)
    assert not alive(new)
    both = Visitor(app_with(**BOTH))
    both.client.set_cookie("portal", cookie)
    assert alive(both)
    answer = both.send_raw("/logout", encoded({"csrf_token": token}))
    assert answer.location == "/login", "the form token was accepted"


def test_a_wrong_old_key_leaves_each_secret_and_names_its_record(
    database: str, session: Session, cast: Cast
) -> None:
    connected(session, cast)
    set_up(session, cast.kit)
    with transaction(session):
        number, _secret = seed_webhook(session, writer(cast.operator))
    before = stored(session)
    for old in (WRONG, ""):
        done = reseal(database, old)
        assert done.returncode == 1
        lines = done.stdout.decode().splitlines()
        assert [line for line in lines if line.startswith("Unreadable: ")] == [
            "Unreadable: connection NREN-A zammad",
            "Unreadable: connection NREN-A zammad",
            f"Unreadable: webhook {number}",
            "Unreadable: second factor of kit",
        ]
        assert "SECRET_KEY alone decrypts" not in done.stdout.decode()
        assert done.stderr.decode().startswith("Error: Not finished: neither SECRET_KEY nor OLD")
        assert stored(session) == before
        assert key_fits(session, OLD_KEY), "servers with the old key still serve"
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert "SECRET_KEY alone decrypts every secret" in done.stdout.decode()
    after = stored(session)
    assert not set(before) & set(after)
    again = reseal(database, "")
    assert again.returncode == 0, again.stderr
    assert {row[1] for row in counts(again).values()} == {"0"}
    assert stored(session) == after


def stored(session: Session) -> list[str]:
    session.rollback()
    found = [
        *session.scalars(select(ConnectionSecret.sealed).order_by(ConnectionSecret.id)),
        *session.scalars(select(WebhookSecret.sealed).order_by(WebhookSecret.id)),
        *session.scalars(select(User.totp_secret).where(User.totp_secret != "")),
    ]
    session.rollback()
    return found


@pytest.mark.parametrize("done_before_the_kill", range(len(SEALED)))
def test_after_a_kill_the_rest_is_encrypted(
    database: str, session: Session, cast: Cast, done_before_the_kill: int
) -> None:
    """Each kind is one transaction, so a kill leaves some kinds done and the others as before."""
    connected(session, cast)
    set_up(session, cast.kit)
    with transaction(session):
        seed_webhook(session, writer(cast.operator))
    expected = [2, 1, 1]
    for sealed in SEALED[:done_before_the_kill]:
        with transaction(session):
            reseal_column(session, sealed, SecretKey(NEW_KEY, OLD_KEY))
    session.rollback()
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert [row[1] for row in counts(done).values()] == [
        "0" if place < done_before_the_kill else str(many) for place, many in enumerate(expected)
    ]


def test_a_revoked_secret_that_nobody_reads_does_not_hold_it_up(
    database: str, session: Session, cast: Cast
) -> None:
    connection = connected(session, cast)
    by = writer(cast.admin)
    with transaction(session):
        (login,) = live_secrets(session, connection, LOGIN)
        login.sealed = "AAAA"
        end_secret(session, by, connection, login.id)
    session.rollback()
    done = reseal(database)
    assert done.returncode == 0, done.stderr
    assert counts(done)["secrets of connections"] == ["2", "1", "0", "1"]


def test_it_needs_the_new_secret(database: str) -> None:
    done = flask(database, "reseal")
    assert done.returncode == 1
    assert b"SECRET_KEY or SECRET_KEY_FILE must be set" in done.stderr
