"""What the audit keeps of refused rights and of logins that failed, and where things came from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.accounts.models.people import FailedLogins
from app.core.models.changes import Change, Refusal
from app.core.rules.access import Door
from app.core.services.refusals import KEPT_PER_MINUTE, Refusals
from app.core.web.extensions import db
from app.factory import create_app
from tests.cast import NOON, PASSWORD, Cast
from tests.harness.server import test_settings
from tests.harness.visitor import Visitor
from tests.harness.visits import Enter, Open


def refusals(session: Session) -> list[Refusal]:
    session.rollback()
    return list(session.scalars(select(Refusal).order_by(Refusal.id)))


def test_a_refused_right_is_kept_without_what_was_sent(
    cast: Cast, session: Session, visit: Enter, opened: Open
) -> None:
    number = opened(title="Of CERN and PIC", links=("CERN-PIC-LHCOPN-001",))
    kit = visit(cast.kit)
    answer = kit.send(f"/tickets/{number}/comment", {"kind": "public", "text": "My secret"})
    assert answer.status_code == 403
    (kept,) = refusals(session)
    assert (kept.actor_kind, kept.actor_account, kept.actor_id) == (
        "person",
        "kit",
        cast.kit.account_id,
    )
    assert (kept.door, kept.remote) == ("portal", "127.0.0.1")
    assert kept.what == "POST /tickets/<int(max=2147483647):number>/comment"
    assert kept.reason.startswith("Reporters may change only tickets that they wrote")


def test_a_page_for_admins_that_an_operator_asked_for_is_kept(
    cast: Cast, session: Session, visit: Enter
) -> None:
    assert visit(cast.operator).get("/partners").status_code == 403
    (kept,) = refusals(session)
    assert (kept.actor_account, kept.what) == ("operator", "GET /partners")
    assert kept.reason == "Only admins may see and manage partners"


def test_nothing_is_kept_of_strangers_and_of_what_is_allowed(
    app: Flask, cast: Cast, session: Session, visit: Enter
) -> None:
    assert Visitor(app).get("/partners").status_code in (302, 303)
    assert visit(cast.admin).get("/partners").status_code == 200
    assert refusals(session) == []


def test_a_flood_of_one_account_is_bounded_and_leaves_room_for_others(
    cast: Cast, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    book = Refusals()

    def refuse(actor: object, seconds: int) -> None:
        book.note(
            session,
            actor,  # type: ignore[arg-type]
            Door.API,
            what="GET /api/v1/sites",
            reason="no",
            remote="192.0.2.7",
            now=NOON + timedelta(seconds=seconds),
        )

    for _ in range(KEPT_PER_MINUTE + 5):
        refuse(cast.kit, 1)
    refuse(cast.pic, 2)
    assert [kept.actor_account for kept in refusals(session)] == ["kit"] * 60 + ["pic"]
    refuse(cast.kit, 60)
    assert len(refusals(session)) == 62
    (line,) = [item for item in caplog.records if item.message == "refusals not written down"]
    assert (line.account, line.count) == ("kit", 5)  # type: ignore[attr-defined]


def test_a_refusal_that_cannot_be_written_still_gets_its_answer(
    app: Flask, cast: Cast, session: Session, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    operator = visit(cast.operator)
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE refusals RENAME TO gone")
    answer = operator.get("/partners")
    assert answer.status_code == 403
    assert "Only admins may see and manage partners" in answer.text
    assert "a refusal could not be written down" in caplog.text
    assert OperationalError.__name__ in caplog.text or "UndefinedTable" in caplog.text


def test_failed_logins_are_counts_per_account_and_minute(
    app: Flask, cast: Cast, session: Session
) -> None:
    for name in ("operator", "operator", "nobody at all", "another secret typed as name"):
        answer = Visitor(app).send("/login", {"name": name, "password": "wrong"})
        assert answer.status_code == 401
    session.rollback()
    counts: dict[tuple[str, str], int] = {}
    for row in session.scalars(select(FailedLogins)):
        assert row.minute.second == 0
        assert row.remote == "127.0.0.1"
        key = (row.kind, row.account)
        counts[key] = counts.get(key, 0) + row.failures  # a minute may end between two of them
    assert counts == {("person", "operator"): 2, ("person", ""): 2}


@pytest.mark.parametrize(
    ("forwarded", "kept"),
    [
        ("198.51.100.1, 192.0.2.9", "192.0.2.9"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", ""),
        ("x" * 5000, ""),
    ],
)
def test_the_address_is_what_the_trusted_proxy_says(
    database: str, cast: Cast, session: Session, forwarded: str, kept: str
) -> None:
    flask_app = create_app(replace(test_settings(database), trusted_proxies=1))
    try:
        visitor = Visitor(flask_app)
        visitor.send("/login", {"name": "operator", "password": PASSWORD})
        visitor.renew_token()
        visitor.client.environ_base["HTTP_X_FORWARDED_FOR"] = forwarded
        visitor.send("/tickets/new", {"title": "Seen", "category": "informational"})
        newest = session.scalars(select(Change).order_by(Change.id.desc()).limit(1)).one()
        assert (newest.kind, newest.remote) == ("ticket", kept)
    finally:
        with flask_app.app_context():
            db.session.remove()
            db.engine.dispose()


def test_without_a_trusted_proxy_nobody_claims_another_address(
    app: Flask, cast: Cast, session: Session, visit: Enter
) -> None:
    operator = visit(cast.operator)
    operator.client.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.9"
    assert operator.get("/partners").status_code == 403
    assert [kept.remote for kept in refusals(session)] == ["127.0.0.1"]
