"""``/metrics``: who may read it, what it says of rows, and what it does not claim to know."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.folders import PROJECT
from app.core.metrics_settings import MetricsSettings
from app.core.rules.errors import SettingError
from app.core.services.backups import VERIFIED_WITHIN, note_not_verified, note_verified
from app.events.models.events import EventSource
from app.jobs.services.queue import enqueue
from app.jobs.services.workers import greet_worker
from app.mail.models.mails import Mail
from app.mail.services.mails import FAILED, WAITING
from app.metrics.pages import LATEST_GAUGES, LatestGauges
from tests.cast import enter
from tests.harness.asgi import HOST, doors
from tests.mails import opened

TOKEN = "3f9c1d7a5b8e2046" * 2
SETTINGS = MetricsSettings.of({"METRICS_TOKEN": TOKEN, "METRICS_FROM": "10.1.0.0/16, 2001:db8::7"})
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def watched(app_with: Callable[..., Flask]) -> Flask:
    """A portal whose metrics may be read, and which has read nothing yet."""
    app = app_with(metrics=SETTINGS)
    app.extensions[LATEST_GAUGES] = LatestGauges()
    return app


def _text(app: Flask) -> str:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    return answer.text


def _samples(answer: str) -> Samples:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(answer)
        for one in family.samples
    }


def _value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"lhcopn_{name}", frozenset(labels.items())))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_a_setting_there_is_no_such_page(app: Flask) -> None:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 404


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("remote", "authorization", "status"),
    [
        ("192.0.2.1", f"Bearer {TOKEN}", 200),
        ("192.0.2.1", f"bearer  {TOKEN} ", 200),
        ("192.0.2.1", f"Bearer {TOKEN[:-1]}", 401),
        ("192.0.2.1", "Bearer", 401),
        ("192.0.2.1", f"Basic {TOKEN}", 401),
        ("192.0.2.1", "Bearer \u00e4", 401),
        ("192.0.2.1", "", 401),
        ("10.1.255.255", "", 200),
        ("10.2.0.0", "", 401),
        ("10.1.0.1", "Bearer wrong", 401),
        ("2001:db8::7", "", 200),
        ("2001:db8::8", "", 401),
        ("unknown", "", 401),
    ],
)
def test_it_is_read_with_the_token_or_from_a_known_address(
    watched: Flask, remote: str, authorization: str, status: int
) -> None:
    answer = watched.test_client().get(
        "/metrics",
        headers={"Authorization": authorization.encode().decode("latin-1")},
        environ_overrides={"REMOTE_ADDR": remote},
    )
    assert answer.status_code == status
    assert ("lhcopn_" in answer.text) is (status == 200)
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN must be a random text of at least 32"),
        ({"METRICS_TOKEN": "a" * 40}, "METRICS_TOKEN must be a random text of at least 32"),
        ({"METRICS_TOKEN": TOKEN + " x"}, "METRICS_TOKEN must contain only ASCII"),
        ({"METRICS_FROM": "10.1.0.0/16, nowhere"}, "'nowhere' is neither"),
        ({"METRICS_FROM": "10.1.0.1/16"}, "'10.1.0.1/16' is neither"),
    ],
)
def test_a_wrong_setting_is_one_line(values: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError, match=re.escape(said)) as refused:
        MetricsSettings.of(values)
    assert "\n" not in str(refused.value)


def test_it_counts_what_the_rows_say(watched: Flask, session: Session) -> None:
    now = datetime.now(UTC)
    cast = enter(session)
    opened(session, cast.operator, category="incident")
    opened(session, cast.operator, category="incident")
    opened(session, cast.operator, category="maintenance")
    with transaction(session):
        greet_worker(session, "w", "machine", 4711, now)
        enqueue(session, "nothing")
        for index, state, age in ((1, WAITING, 120), (2, WAITING, 60), (3, FAILED, 600)):
            session.add(
                Mail(
                    address=f"{index}@example",
                    address_key=f"{index}@example",
                    why="",
                    state=state,
                    due_at=now,
                    created_at=now - timedelta(seconds=age),
                )
            )
        for name, heard in (("heard", now), ("dead", now - timedelta(hours=2)), ("new", None)):
            session.add(
                EventSource(name=name, kind="api", calls=True, created_at=now, last_heard_at=heard)
            )
    found = _samples(_text(watched))
    assert _value(found, "database_up") == 1
    assert _value(found, "jobs", task="nothing", state="waiting") == 1
    assert _value(found, "jobs", task="nothing", state="running") == 0
    assert _value(found, "workers") == 1
    assert _value(found, "mails", state="waiting") == 2
    assert _value(found, "mails", state="failed") == 1
    assert 120 <= (_value(found, "mail_oldest_seconds") or 0) < 180
    assert _value(found, "open_tickets", category="incident") == 2
    assert _value(found, "open_tickets", category="maintenance") == 1
    assert _value(found, "open_tickets", category="test") == 0
    assert _value(found, "source_silent", source="dead") == 1
    assert _value(found, "source_silent", source="heard") == 0
    heard_at = _value(found, "source_last_heard_timestamp_seconds", source="heard")
    assert heard_at == pytest.approx(now.timestamp(), abs=0.001)
    assert _value(found, "source_last_heard_timestamp_seconds", source="new") is None
    # two links of the cast, which no source ever reported
    assert _value(found, "links", state="unmonitored") == 2
    assert _value(found, "links", state="ok") == 0
    assert _value(found, "links_unmonitored") == 2


def test_what_is_not_known_has_no_value(watched: Flask, session: Session) -> None:
    found = _samples(_text(watched))
    assert _value(found, "workers") == 0
    for name in (
        "worker_last_seen_timestamp_seconds",
        "mail_oldest_seconds",
        "webhook_oldest_seconds",
        "backup_verified_age_seconds",
        "backup_verification_failed",
    ):
        assert _value(found, name) is None, name


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_verified_backup_ages_and_a_failure_does_not_make_it_younger(
    watched: Flask, session: Session
) -> None:
    def known() -> tuple[float | None, float | None]:
        watched.extensions[LATEST_GAUGES] = LatestGauges()
        found = _samples(_text(watched))
        age = _value(found, "backup_verified_age_seconds")
        return None if age is None else age // 60, _value(found, "backup_verification_failed")

    now = datetime.now(UTC)
    with transaction(session):
        note_not_verified(session, "damaged", now)
    assert known() == (None, 1)
    with transaction(session):
        note_verified(session, now - timedelta(hours=50), now)
    assert known() == (3000, 0)
    with transaction(session):
        note_not_verified(session, "damaged", now)
    assert known() == (3000, 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_figures_are_read_again_after_ten_seconds_only(
    watched: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("app.metrics.pages.monotonic", lambda: clock[0])
    assert _value(_samples(_text(watched)), "workers") == 0
    with transaction(session):
        greet_worker(session, "w", "machine", 4711, datetime.now(UTC))
    clock[0] += 9.9
    assert _value(_samples(_text(watched)), "workers") == 0
    clock[0] += 0.1
    assert _value(_samples(_text(watched)), "workers") == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_a_database_only_that_is_said(
    watched: Flask,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("app.metrics.pages.monotonic", lambda: clock[0])
    assert _value(_samples(_text(watched)), "database_up") == 1
    with transaction(session):
        session.execute(text("ALTER TABLE workers RENAME TO gone"))
    clock[0] += 10
    found = _samples(_text(watched))
    assert _value(found, "database_up") == 0
    assert _value(found, "workers") is None, "an old value would look like a present one"
    assert [one.message for one in caplog.records] == ["metrics not read"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_requests_are_counted_by_door_operation_and_outcome(database: str) -> None:
    with doors(database, metrics=SETTINGS) as door:
        door.ask("/healthz")
        door.ask("/healthz")
        door.ask("/api/v1/sites")
        door.ask("/api/v1/nowhere/x")
        door.ask("/nowhere")
        xml = [HOST, ("content-type", "text/xml")]
        door.ask("/soap/LHCOPN", "POST", headers=xml, body=b"<no envelope")
        said = door.ask("/metrics", headers=[HOST, ("authorization", f"Bearer {TOKEN}")]).text
    counted = {
        (labels["door"], labels["operation"], labels["outcome"]): value
        for (name, pairs), value in _samples(said).items()
        if name == "lhcopn_request_duration_seconds_count" and (labels := dict(pairs))
    }
    assert counted == {
        ("pages", "health.alive", "200"): 2,
        ("rest", "listSites", "401"): 1,
        ("rest", "none", "404"): 1,
        ("pages", "none", "404"): 1,
        ("soap", "LHCOPN.unknown", "fault 350"): 1,
    }


_PROMETHEUS = PROJECT / "deploy" / "prometheus"
_DASHBOARD = PROJECT / "deploy" / "grafana" / "lhcopn-portal.json"


def _names(text_of_queries: str) -> set[str]:
    return {
        re.sub(r"_(count|sum|bucket)$", "", name)
        for name in re.findall(r"\blhcopn_\w+", text_of_queries)
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_rules_and_dashboard_name_only_metrics_that_exist(watched: Flask) -> None:
    known = set(re.findall(r"^# TYPE (\w+) ", _text(watched), re.M))
    panels = json.loads(_DASHBOARD.read_text())["panels"]
    queries = "\n".join(target["expr"] for panel in panels for target in panel.get("targets", ()))
    for used in (_names((_PROMETHEUS / "lhcopn-portal.yml").read_text()), _names(queries)):
        assert used
        assert used <= known


def test_the_page_and_the_alert_call_a_verified_backup_old_at_the_same_age() -> None:
    rules = (_PROMETHEUS / "lhcopn-portal.yml").read_text()
    (seconds,) = re.findall(r"lhcopn_backup_verified_age_seconds\) > (\d+)", rules)
    assert timedelta(seconds=int(seconds)) == VERIFIED_WITHIN


def _promtool(*arguments: str, given: str = "") -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian's promtool)")
    done = subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, cwd=_PROMETHEUS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_promtool_finds_nothing_wrong_with_the_metrics(watched: Flask) -> None:
    assert _promtool("check", "metrics", given=_text(watched)) == ""


def test_promtool_accepts_the_rules_and_their_tests() -> None:
    assert "SUCCESS" in _promtool("check", "rules", "lhcopn-portal.yml")
    assert "SUCCESS" in _promtool("test", "rules", "test_lhcopn_portal.yml")
