"""``/healthz`` and ``/readyz``: what a load balancer and a monitor ask, without a login."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.core.database.schema import known_revisions
from app.core.database.transactions import transaction
from app.core.database.write_probe import WriteProbe
from app.core.services.sealing import publish_key
from app.events.models.events import EventSource
from app.home.pages.health import PROBE, STARTED
from app.jobs.models.work import Job, Worker
from app.jobs.rules.followers import MAILS, TITLES
from app.jobs.services.followers import note_failure
from app.jobs.services.queue import enqueue
from app.jobs.services.workers import dismiss_worker, greet_worker
from app.mail.models.mails import Mail
from app.mail.services.mails import WAITING
from tests.harness.portal import portal
from tests.harness.server import test_settings

NOW = datetime.now(UTC)
LONG_AGO = timedelta(hours=5)


@pytest.fixture(autouse=True)
def _nothing_known_of_writes(request: pytest.FixtureRequest) -> None:
    """Tests of a file share an application, which uses its last trial write again for 5 s."""
    if "app" in request.fixturenames:
        request.getfixturevalue("app").extensions[PROBE] = WriteProbe()


def _begun_long_ago(app: Flask) -> None:
    """The grace after the start is over."""
    app.extensions[STARTED] = datetime.now(UTC) - timedelta(seconds=61)


def _reasons(client: FlaskClient) -> list[str]:
    answer = client.get("/readyz")
    told = json.loads(answer.data)
    found: list[str] = told["reasons"]
    assert answer.status_code == (503 if found else 200)
    assert told["ready"] is not bool(found)
    assert ("Retry-After" in answer.headers) is bool(found)
    assert answer.headers["Cache-Control"] == "private, no-store"
    return found


def _seed_worker(session: Session) -> None:
    greet_worker(session, "w", "machine", 4711, datetime.now(UTC))


def _seed_mail(session: Session, created: datetime) -> None:
    session.add(
        Mail(
            address="a@example",
            address_key="a@example",
            why="",
            state=WAITING,
            due_at=created,
            created_at=created,
        )
    )


def test_it_is_ready_with_a_worker_and_says_the_ages(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    _begun_long_ago(app)
    with transaction(session):
        _seed_worker(session)
        _seed_mail(session, datetime.now(UTC) - timedelta(minutes=3))
        enqueue(session, "nothing")
    answer = client.get("/readyz")
    told = json.loads(answer.data)
    assert answer.status_code == 200
    assert told["schema"] == known_revisions()[-1]
    assert 0 <= told["worker_seen_seconds"] < 60
    assert 0 <= told["oldest_job_seconds"] < 60
    assert 180 <= told["oldest_mail_seconds"] < 240
    assert _reasons(client) == []
    head = client.head("/readyz")
    assert (head.status_code, head.data) == (200, b"")


def _silent_worker(session: Session) -> None:
    session.execute(update(Worker).values(seen_at=datetime.now(UTC) - timedelta(seconds=301)))


def _old_job(session: Session) -> None:
    enqueue(session, "nothing")
    if session.get_bind().dialect.name == "sqlite":
        session.execute(update(Job).values(enqueued_at=datetime.now(UTC) - LONG_AGO))
    else:
        session.execute(text("UPDATE procrastinate_events SET at = at - interval '5 hours'"))


def _old_mail(session: Session) -> None:
    _seed_mail(session, datetime.now(UTC) - LONG_AGO)


def _no_worker_left(session: Session) -> None:
    dismiss_worker(session, "w", datetime.now(UTC) - timedelta(seconds=5))


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_silent_worker, "no worker: the last one was seen 5 minutes ago"),
        (_no_worker_left, "no worker: the last one was seen 5 seconds ago"),
        (_old_job, "a job has been waiting for 5 hours, more than 1 hour"),
        (_old_mail, "a mail has been waiting for 5 hours, more than 4 hours"),
    ],
)
def test_503_says_why_once_the_start_is_over(
    app: Flask,
    client: FlaskClient,
    session: Session,
    happens: Callable[[Session], None],
    reason: str,
) -> None:
    with transaction(session):
        _seed_worker(session)
        happens(session)
    assert _reasons(client) == [], "for a minute only the database counts"
    _begun_long_ago(app)
    (told,) = _reasons(client)
    assert told.startswith(reason)


def test_a_follower_that_fails_is_named_while_the_portal_serves(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    _begun_long_ago(app)
    with transaction(session):
        _seed_worker(session)
    told = json.loads(client.get("/readyz").data)
    assert (told["degraded"], told["failing_followers"]) == ([], {})
    since = datetime(2026, 3, 2, 12, 7, 9, tzinfo=UTC)
    with transaction(session):
        note_failure(session, MAILS, since, "account:password@host")
    told = json.loads(client.get("/readyz").data)
    assert told["degraded"] == ["Notification emails: failing since 2026-03-02 12:07:09 UTC"]
    assert told["failing_followers"] == {"mails": "2026-03-02T12:07:09Z"}
    assert "password" not in str(told), "it answers everybody"
    assert _reasons(client) == [], "another process would serve no better"
    with transaction(session):
        for name in TITLES:
            note_failure(session, name, since, "no such table")
    assert _reasons(client) == ["nothing follows the change log: every follower fails"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_writer_that_does_not_end_is_named_at_once(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.database.write_probe.FRESH", 0.0)
    assert _reasons(client) == []
    with transaction(session):
        assert _reasons(client) == [], "a moment is no trouble"
        monkeypatch.setattr("app.core.database.write_probe.LONG_HELD", -1.0)
        (told,) = _reasons(client)
    assert told.startswith(f"nothing can be written: pid {os.getpid()} (")
    assert " holds the write lock since " in told
    assert _reasons(client) == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_transaction_that_holds_up_all_writers_is_said_at_once(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.database.write_probe.FRESH", 0.0)
    monkeypatch.setattr("app.core.database.write_probe._PATIENCE", "50ms")
    with transaction(session):
        session.execute(text("INSERT INTO counters VALUES ('change', 0) ON CONFLICT DO NOTHING"))
    assert _reasons(client) == []
    with transaction(session):
        session.execute(text("UPDATE counters SET value = value WHERE name = 'change'"))
        (told,) = _reasons(client)
    assert told == "nothing can be written: another transaction holds the lock of all writers"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_and_a_database_that_refuses_are_said(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.database.write_probe.FRESH", 0.0)
    monkeypatch.setattr("app.core.database.write_probe.LEAST_FREE", 2**62)
    assert _reasons(client) == ["nothing can be written soon: the disk of the database is full"]
    with transaction(session):
        session.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON counters"
                " BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        )
    assert _reasons(client) == ["nothing can be written: the database refuses it"]
    with transaction(session):
        session.execute(text("DROP TRIGGER refuse"))


def test_a_key_that_does_not_fit_what_is_stored_is_said(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    assert json.loads(client.get("/readyz").data)["key_fits"] is None, "no key is known yet"
    with transaction(session):
        publish_key(session, app.config["SECRET_KEY"].encode())
    assert json.loads(client.get("/readyz").data)["key_fits"] is True
    with transaction(session):
        publish_key(session, b"another secret of at least 32 characters", replace=True)
    told = json.loads(client.get("/readyz").data)
    assert told["key_fits"] is False
    assert told["degraded"][0].startswith("SECRET_KEY is not the one")


def test_a_schema_that_does_not_fit_counts_at_once(client: FlaskClient, session: Session) -> None:
    old, new = known_revisions()[-2:]
    with transaction(session):
        session.execute(text("UPDATE alembic_version SET version_num = :old"), {"old": old})
    (told,) = _reasons(client)
    assert f"has schema {old}" in told
    assert f"needs {new}" in told
    with transaction(session):
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    (told,) = _reasons(client)
    assert "does not know" in told


def test_without_a_database_it_is_alive_and_says_no_secret() -> None:
    away = test_settings("postgresql+psycopg://account:password@127.0.0.1:1/portal")
    with portal(away) as app:
        client = app.test_client()
        alive = client.get("/healthz", headers={"Cookie": "portal=x"})
        assert (alive.status_code, alive.json) == (200, {"alive": True})
        assert client.head("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "10"
        assert json.loads(answer.data) == {
            "ready": False,
            "reasons": ["the database does not answer"],
        }


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_they_are_only_read(client: FlaskClient, address: str, method: str) -> None:
    answer = client.open(address, method=method)
    assert answer.status_code == 405
    assert answer.headers["Allow"] in ("GET, HEAD", "HEAD, GET")


def test_it_names_silent_sources_and_is_ready_all_the_same(
    app: Flask, client: FlaskClient, session: Session
) -> None:
    _begun_long_ago(app)
    now = datetime.now(UTC)
    with transaction(session):
        _seed_worker(session)
        for name, minutes in (("heard", 59), ("dead", 61)):
            heard = now - timedelta(minutes=minutes)
            session.add(
                EventSource(name=name, kind="api", calls=True, created_at=now, last_heard_at=heard)
            )
    answer = client.get("/readyz")
    assert answer.status_code == 200
    (silent,) = json.loads(answer.data)["silent_sources"]
    assert silent["name"] == "dead"
    assert 61 * 60 <= silent["heard_seconds"] < 62 * 60
