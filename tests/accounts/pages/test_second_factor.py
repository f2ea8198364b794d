"""Logging in with a second factor, setting it up, and admins who need one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.accounts.models.people import FailedLogins, Login, LoginFailure, PendingLogin, User
from app.accounts.services import second_factor
from app.accounts.services.people import find_user, set_password
from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from tests.accounts.services.test_second_factor import code_of
from tests.cast import PASSWORD, SYSTEM, Cast, writer
from tests.harness.server import TEST_SECRET
from tests.harness.visitor import PageReader, Visitor, encoded
from tests.harness.visits import Enter

KEY = TEST_SECRET.encode()
HERE = "/profile/second-factor"


def set_up(session: Session, actor: Actor) -> tuple[str, list[str]]:
    """A second factor since an hour ago: the secret and the recovery codes."""
    before = datetime.now(UTC) - timedelta(hours=1)
    by = writer(actor, before)
    with transaction(session):
        second_factor.begin_setup(session, by, actor.account, KEY)
    secret = second_factor.secret_of(find_user(session, actor.account), KEY)
    with transaction(session):
        code = code_of(secret, before)
        return secret, second_factor.confirm_setup(session, by, actor.account, code, KEY)


def now_code(secret: str) -> str:
    return code_of(secret, datetime.now(UTC))


def give_password(visitor: Visitor, name: str, **more: str) -> TestResponse:
    return visitor.send("/login", {"name": name, "password": PASSWORD, **more})


def give_code(visitor: Visitor, code: str, **more: str) -> TestResponse:
    visitor.renew_token()
    visitor.token()
    return visitor.send("/login/code", {"one_time_code": code, **more})


def alive(visitor: Visitor) -> bool:
    return visitor.get("/tickets").status_code == 200


def test_the_password_alone_opens_nothing(app: Flask, session: Session, cast: Cast) -> None:
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    answer = give_password(visitor, "kit", next="/tickets?q=x")
    assert answer.location == "/login/code?next=/tickets?q%3Dx"
    assert not alive(visitor)
    assert visitor.get("/profile").status_code == 303
    assert session.scalar(select(func.count()).select_from(Login)) == 0
    page = visitor.read(answer.location)
    assert page.form("/login/code").values("next") == ["/tickets?q=x"]
    session.rollback()
    answer = give_code(visitor, now_code(secret), next="/tickets?q=x")
    assert answer.location == "/tickets?q=x"
    assert alive(visitor)
    assert session.scalars(select(Login)).one().second_factor
    assert session.scalars(select(PendingLogin)).all() == []


def test_a_code_lets_in_once_and_so_does_a_recovery_code(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    code = now_code(secret)
    outcomes = []
    for tried in (code, code, codes[3], codes[3]):
        visitor = Visitor(app)
        give_password(visitor, "kit")
        answer = give_code(visitor, tried)
        outcomes.append((answer.status_code, alive(visitor)))
        assert tried not in answer.text
    assert outcomes == [(303, True), (401, False), (303, True), (401, False)]


def test_after_five_wrong_codes_the_password_is_asked_again(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    give_password(visitor, "kit")
    for _wrong in range(4):
        answer = give_code(visitor, "nonsense")
        assert answer.status_code == 401
        assert "This code is wrong" in " ".join(PageReader(answer.text).alerts)
    copied = visitor.cookie
    answer = give_code(visitor, "nonsense")
    assert answer.location == "/login"
    again = Visitor(app)  # the cookie from before is worth nothing
    again.client.set_cookie("portal", copied)
    assert give_code(again, now_code(secret)).location == "/login"
    assert not alive(again)
    assert session.scalar(select(func.count()).select_from(LoginFailure)) == 5
    session.rollback()
    give_password(visitor, "kit")
    assert give_code(visitor, now_code(secret)).status_code == 303
    assert alive(visitor)


def test_wrong_codes_block_the_account_for_seconds_and_nobody_else(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    give_password(visitor, "kit")
    assert give_code(visitor, "nonsense").status_code == 401
    with transaction(session):
        first = session.scalars(select(LoginFailure)).one()
        now = datetime.now(UTC)
        session.add_all(LoginFailure(account=first.account, at=now) for _ in range(20))
    answer = give_code(visitor, now_code(secret))
    assert answer.status_code == 429
    assert "wait a few seconds" in " ".join(PageReader(answer.text).alerts)
    other = Visitor(app)
    assert give_password(other, "reader").location == "/"
    with transaction(session):  # five seconds later
        for failure in session.scalars(select(LoginFailure)):
            failure.at -= timedelta(seconds=5)
    assert give_code(visitor, now_code(secret)).status_code == 303


def test_after_a_hundred_failures_of_a_day_the_page_asks_for_two_codes(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    now = datetime.now(UTC)
    with transaction(session):
        session.add(FailedLogins(kind="person", account="kit", minute=now, failures=100, remote=""))
    visitor = Visitor(app)
    give_password(visitor, "kit")
    assert "enter two codes" in visitor.read("/login/code").text
    answer = give_code(visitor, now_code(secret))
    assert answer.status_code == 401
    assert "enter two codes" in " ".join(PageReader(answer.text).alerts)
    now = datetime.now(UTC)
    both = f"{code_of(secret, now)} {code_of(secret, now + timedelta(seconds=30))}"
    assert give_code(visitor, both).status_code == 303
    assert alive(visitor)


def test_a_new_password_ends_the_step_and_so_does_time(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    give_password(visitor, "kit")
    with transaction(session):
        for pending in session.scalars(select(PendingLogin)):
            pending.expires_at -= timedelta(minutes=5)
    assert give_code(visitor, now_code(secret)).location == "/login"
    assert "the code took too long" in visitor.read("/login").text
    give_password(visitor, "kit")
    with transaction(session):
        set_password(session, SYSTEM, find_user(session, "kit"), "another horse 8")
    assert give_code(visitor, now_code(secret)).location == "/login"
    assert not alive(visitor)


def test_setting_it_up_by_hand(
    app: Flask, session: Session, cast: Cast, visit: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    visitor, other = visit(cast.kit), visit(cast.kit)
    answer = visitor.send(f"{HERE}/begin", {"password": PASSWORD})
    assert answer.status_code == 200
    page = PageReader(answer.text)
    found = re.search(r'class="secret-text">([A-Z2-7 ]+)<', answer.text)
    assert found is not None
    secret = found[1].replace(" ", "")
    assert {"svg", "path"} <= {tag for tag, _name, _value in page.attributes}
    assert alive(other)
    wrong = visitor.send(f"{HERE}/confirm", {"one_time_code": "nonsense"})
    assert wrong.status_code == 422
    assert found[1] not in wrong.text  # goes on with the same secret, which is shown once
    answer = visitor.send(f"{HERE}/confirm", {"one_time_code": now_code(secret)})
    assert answer.status_code == 200
    codes = re.findall(r"<li>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</li>", answer.text)
    assert len(codes) == 10
    assert not alive(other)
    assert alive(visitor)
    page = visitor.read(HERE)
    assert secret not in page.text
    assert codes[0] not in page.text
    assert "10 of your recovery codes are unused" in page.text
    assert "second factor this session" in visitor.read("/profile").text
    for word in (secret, codes[0]):
        assert word not in caplog.text
    fresh = Visitor(app)
    give_password(fresh, "kit")
    assert give_code(fresh, codes[0]).status_code == 303
    answer = visitor.send(f"{HERE}/codes", {"password": PASSWORD, "one_time_code": codes[1]})
    anew = re.findall(r"<li>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</li>", answer.text)
    assert len(anew) == 10
    assert set(anew).isdisjoint(codes)
    for password, code, words in (
        ("wrong word", anew[0], "This is not your password"),
        (PASSWORD, codes[2], "This code is wrong"),
    ):
        answer = visitor.send(f"{HERE}/off", {"password": password, "one_time_code": code})
        assert answer.status_code == 422
        assert words in " ".join(PageReader(answer.text).alerts)
    answer = visitor.send(f"{HERE}/off", {"password": PASSWORD, "one_time_code": anew[0]})
    assert (answer.status_code, answer.location) == (303, "/profile")
    assert give_password(Visitor(app), "kit").location == "/"


def test_an_admin_without_it_is_led_to_the_setup_and_nowhere_else(
    app: Flask, session: Session, cast: Cast, visit: Enter
) -> None:
    visitor, operator = visit(cast.admin), visit(cast.operator)
    answer = visitor.send("/admin/second-factor", {"demand": "yes", "why": "policy"})
    assert answer.status_code == 303
    for path in ("/tickets", "/admin/people", "/profile", "/sites", "/tickets.csv", "/partners"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.location) == (303, HERE), path
    answer = visitor.send("/admin/people/kit/disable", {"why": "typed reason"})
    assert answer.status_code == 403
    assert "typed reason" in answer.text
    assert alive(operator)
    answer = visitor.get(HERE)
    assert "Admins need a second factor. Set it up to continue." in answer.text
    answer = visitor.send(f"{HERE}/begin", {"password": PASSWORD})
    found = re.search(r'class="secret-text">([A-Z2-7 ]+)<', answer.text)
    assert found is not None
    code = now_code(found[1].replace(" ", ""))
    assert visitor.send(f"{HERE}/confirm", {"one_time_code": code}).status_code == 200
    assert alive(visitor)
    assert "Admins need a second factor. An admin without one" in visitor.read("/admin/people").text
    # the setting holds from the next login on as well, and leaving is always possible
    with transaction(session):
        second_factor.take_off(session, SYSTEM, "admin")
    fresh = Visitor(app)
    assert give_password(fresh, "admin").location == "/"
    assert fresh.get("/tickets").location == HERE
    fresh.renew_token()
    assert PageReader(fresh.get(HERE).text).form("/logout").action == "/logout"
    with fresh.client.session_transaction():
        pass
    token = PageReader(fresh.get(HERE).text).form("/logout").values("csrf_token")[0]
    assert fresh.send_raw("/logout", f"csrf_token={token}".encode()).location == "/login"


def test_a_changed_secret_of_the_portal_is_said_and_a_recovery_code_works(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, codes = set_up(session, cast.kit)
    app.config["SECRET_KEY"] = "another-secret-of-the-portal-0123456789"
    visitor = Visitor(app)
    give_password(visitor, "kit")
    answer = give_code(visitor, now_code(secret))
    assert answer.status_code == 422
    assert "secret key has changed" in " ".join(PageReader(answer.text).alerts)
    assert give_code(visitor, codes[0]).status_code == 303
    assert alive(visitor)


def test_the_second_step_refuses_what_it_cannot_take(
    app: Flask, session: Session, cast: Cast
) -> None:
    set_up(session, cast.kit)
    visitor = Visitor(app)
    give_password(visitor, "kit")
    for bad in ("", "  "):
        assert give_code(visitor, bad).status_code == 422
    for bad in ("x" * 5000, "a\0b", "１２３４５６"):
        answer = give_code(visitor, bad)
        assert answer.status_code == 401
        assert bad not in answer.text
    assert visitor.send_raw("/login/code", b"one_time_code=123456").status_code == 400
    assert session.scalar(select(func.count()).select_from(Login)) == 0
    assert session.scalar(select(User.totp_step).where(User.name == "kit")) is not None


def test_what_was_sent_without_a_login_goes_through_the_code_as_well(
    app: Flask, session: Session, cast: Cast
) -> None:
    secret, _codes = set_up(session, cast.kit)
    visitor = Visitor(app)
    path = "/reports/DE-KIT/2013-Q1"
    typed = {"answer.issues": "Two lines\n& <more>", "seen.answer.issues": "0", "do": "save"}
    refused = visitor.send(path, typed, {"Sec-Fetch-Site": "same-origin"})
    login = PageReader(refused.text).form("/login").data()
    asked = visitor.send("/login", {**login, "name": ["kit"], "password": [PASSWORD]})
    assert asked.status_code == 200
    assert not alive(visitor)
    code = PageReader(asked.text).form("/login/code").data()
    assert code["kept.answer.issues"] == ["Two lines\n& <more>"]
    wrong = visitor.send_raw("/login/code", encoded({**code, "one_time_code": "000000"}))
    assert wrong.status_code == 401
    code = PageReader(wrong.text).form("/login/code").data()
    # a code that comes too late begins anew, and loses nothing
    with transaction(session):
        session.execute(delete(PendingLogin))
    again = visitor.send_raw("/login/code", encoded({**code, "one_time_code": "000000"}))
    login = PageReader(again.text).form("/login").data()
    asked = visitor.send_raw("/login", encoded({**login, "name": ["kit"], "password": [PASSWORD]}))
    code = PageReader(asked.text).form("/login/code").data()
    done = visitor.send_raw("/login/code", encoded({**code, "one_time_code": now_code(secret)}))
    assert done.status_code == 200
    resent = PageReader(done.text).form(path).data()
    assert visitor.send_raw(path, encoded(resent)).status_code == 303
    assert "Two lines\n&amp; &lt;more&gt;" in visitor.get(path).text


def test_the_code_carries_nothing_to_elsewhere(app: Flask, session: Session, cast: Cast) -> None:
    set_up(session, cast.kit)
    for target in ("//elsewhere.example/", "https://elsewhere.example/", "/nowhere"):
        visitor = Visitor(app)
        more = {"send-to": target, "kept.title": "x"}
        assert give_password(visitor, "kit", **more).status_code == 303
        answer = give_code(visitor, "000000", **more)
        assert answer.status_code == 401
        assert "send-to" not in answer.text
